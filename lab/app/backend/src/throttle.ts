import type { RequestHandler, Response } from "express";
import rateLimit from "express-rate-limit";

const WINDOW_MILLISECONDS = 60_000;
const LIMIT = 100;

interface Visitor {
  hits: number;
  until: number;
}

/** Counts as the real application does: who was over the limit once is refused for a whole window from there on. */
function counter() {
  const visitors = new Map<string, Visitor>();
  return {
    increment(key: string) {
      const now = Date.now();
      let visitor = visitors.get(key);
      if (!visitor || visitor.until <= now) visitors.set(key, (visitor = { hits: 0, until: now + WINDOW_MILLISECONDS }));
      if (++visitor.hits === LIMIT + 1) visitor.until = now + WINDOW_MILLISECONDS;
      return Promise.resolve({ totalHits: visitor.hits, resetTime: new Date(visitor.until) });
    },
    decrement() {},
    resetKey: (key: string) => void visitors.delete(key),
  };
}

/** One route's own limit; it is keyed on the socket's address and believes no X-Forwarded-For. */
export function throttle(refuse: (response: Response) => void): RequestHandler {
  return rateLimit({
    windowMs: WINDOW_MILLISECONDS,
    max: LIMIT,
    legacyHeaders: false,
    store: counter(),
    keyGenerator: (request) => request.socket.remoteAddress ?? "",
    handler: (_request, response) => refuse(response as unknown as Response),
  }) as unknown as RequestHandler;
}
