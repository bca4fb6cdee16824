import express, { type NextFunction, type Request, type RequestHandler, type Response } from "express";
import type { IncomingMessage } from "node:http";
import { accountRoutes } from "./accounts";
import { STATIC, VOICES, write } from "./files";
import type { Database } from "./database";
import type { Settings } from "./settings";
import { throttle as limit } from "./throttle";
import { VERSION } from "./version";

function fail(response: Response, statusCode: number, message: string): void {
  response.status(statusCode).json({ statusCode, message });
}

const throttle = (): RequestHandler => limit((response) => fail(response, 429, "ThrottlerException: Too Many Requests"));

function log(request: Request, response: Response, next: NextFunction): void {
  const started = performance.now();
  response.on("finish", () => {
    const took = Math.round(performance.now() - started);
    const { method, originalUrl, socket } = request;
    console.log(`${new Date().toISOString()} ${method} ${originalUrl} ${response.statusCode} ${took}ms ${socket.remoteAddress}`);
  });
  next();
}

function receive(folder: string): RequestHandler {
  return async (request, response) => {
    const { name, text } = (request.body ?? {}) as { name?: unknown; text?: unknown };
    if (typeof name !== "string" || typeof text !== "string") return fail(response, 400, "name and text are needed");
    const bytes = await write(folder, name, text);
    response.status(201).json({ name, bytes });
  };
}

function routes(settings: Settings, database: Database): express.Router {
  const { users, prices } = database;
  const api = express.Router();
  api.get("/version", throttle(), (_request, response) => {
    response.json({ sha: settings.release, version: VERSION });
  });
  api.get("/headers", throttle(), (request, response) => {
    response.json({ ...request.headers, address: request.socket.remoteAddress });
  });
  api.get("/env/:name", throttle(), (request, response) => {
    const value = process.env[String(request.params.name)];
    response.json(value === undefined ? null : Buffer.from(value).toString("base64"));
  });
  api.get("/prices/public", throttle(), async (_request, response) => {
    const { adminEmail } = settings;
    const admin = adminEmail ? await users.findOne({ where: { email: adminEmail } }) : null;
    const price = admin && (await prices.findOne({ where: { userId: admin.get("id") as number } }));
    if (!price) return fail(response, 404, "Prices not found");
    response.json(price);
  });
  api.post("/echo", throttle(), (request: IncomingMessage & { bytes?: number }, response) => {
    response.json({ bytes: request.bytes ?? 0 });
  });
  api.post("/files", throttle(), receive(STATIC));
  api.post("/voices", throttle(), receive(VOICES));
  api.use(accountRoutes(settings, database));
  return api;
}

/** Return the HTTP application, not listening yet. */
export function buildHttp(settings: Settings, database: Database): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(log);
  app.use("/static", express.static(STATIC, { index: false }));
  app.use(
    express.json({
      limit: settings.bodyLimit,
      verify: (request: IncomingMessage & { bytes?: number }, _response, body) => {
        request.bytes = body.length;
      },
    }),
  );
  app.use("/api", routes(settings, database));
  app.use((request, response) => {
    response.status(404).json({ statusCode: 404, error: "Not Found", message: `Cannot ${request.method} ${request.path}` });
  });
  app.use((error: Error & { status?: number }, _request: Request, response: Response, _next: NextFunction) => {
    const status = error instanceof RangeError ? 400 : (error.status ?? 500);
    if (status === 500) console.error(error.message);
    fail(response, status, status === 500 ? "Internal server error" : error.message);
  });
  return app;
}
