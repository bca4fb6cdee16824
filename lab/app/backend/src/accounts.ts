import { createHmac, randomInt, timingSafeEqual } from "node:crypto";
import { Router, type Request, type Response } from "express";
import { createTransport } from "nodemailer";
import type { Database } from "./database";
import type { Settings } from "./settings";

const MINUTES = 10;

type Claims = { id: number; roles: string[] };

/** Sign what a login carries; who has it is believed, as with the real application's tokens. */
function sign(claims: Claims, key: string): string {
  const body = Buffer.from(JSON.stringify(claims)).toString("base64url");
  return `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`;
}

function verify(token: string, key: string): Claims | null {
  const [body, signature] = token.split(".");
  const expected = createHmac("sha256", key).update(body).digest();
  const given = Buffer.from(signature ?? "", "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  return JSON.parse(Buffer.from(body, "base64url").toString()) as Claims;
}

/** Return the routes of accounts: as in the real application there is no password, a code comes by mail. */
export function accountRoutes(settings: Settings, { users, roles }: Database): Router {
  const { mail, privateKey } = settings;
  // Without MAIL_* it tries all the same, and fails.
  const transport = createTransport({ host: mail.host, port: 587, auth: { user: mail.user, pass: mail.password } });
  const router = Router();

  async function sendCode(email: string, code: string, response: Response): Promise<void> {
    try {
      await transport.sendMail({ from: mail.user, to: email, bcc: mail.user, subject: `Auth code: ${code}`, text: code });
      response.status(201).json({ success: true });
    } catch (error) {
      console.error(`Error send mail ${error}`);
      response.status(500).json({ statusCode: 500, message: "Error sending email" });
    }
  }

  async function find(request: Request) {
    const email = String(request.body?.email ?? "").trim().toLowerCase();
    return { email, user: await users.findOne({ where: { email }, include: roles }) };
  }

  function fresh() {
    return { activationCode: String(randomInt(100000, 1000000)), activationExpires: Date.now() + MINUTES * 60_000 };
  }

  router.post("/auth/signup", async (request, response) => {
    const { email, user } = await find(request);
    if (!email || user?.get("isActivated")) {
      return void response.status(400).json({ statusCode: 400, message: email ? "User already exists!" : "Email is empty!" });
    }
    const code = fresh();
    if (user) await user.update(code);
    else {
      const role = await roles.findOne({ where: { value: "USER" } });
      if (!role) return void response.status(404).json({ statusCode: 404, message: "Role not found" });
      const made = await users.create({ email, ...code });
      await (made as unknown as { addRole(role: unknown): Promise<void> }).addRole(role);
    }
    await sendCode(email, code.activationCode, response);
  });

  router.post("/auth/login", async (request, response) => {
    const { email, user } = await find(request);
    if (!user) return void response.status(400).json({ statusCode: 400, message: "Email not found!" });
    const code = fresh();
    await user.update(code);
    await sendCode(email, code.activationCode, response);
  });

  router.post("/auth/activation", async (request, response) => {
    const { user } = await find(request);
    const code = String(request.body?.activationCode ?? "").trim();
    if (!user || !code || user.get("activationCode") !== code || Number(user.get("activationExpires")) < Date.now()) {
      return void response.status(400).json({ statusCode: 400, message: "Invalid activation code" });
    }
    await user.update({ isActivated: true, activationCode: null, activationExpires: null });
    const own = (user.get("roles") as { get(name: string): string }[]).map((role) => role.get("value"));
    response.status(201).json({ token: sign({ id: user.get("id") as number, roles: own }, privateKey) });
  });

  router.get("/roles", async (request, response) => {
    const claims = verify(String(request.headers.authorization ?? "").replace("Bearer ", ""), privateKey);
    if (!claims?.roles.includes("ADMIN")) return void response.status(403).json({ statusCode: 403, message: "Access denied!" });
    response.json(await roles.findAll());
  });

  return router;
}
