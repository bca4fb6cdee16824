import { subscribe } from "node:diagnostics_channel";
import { setTimeout as wait } from "node:timers/promises";

const BOOT_MILLISECONDS = Number(process.env.BOOT_MILLISECONDS ?? 5000);
const LIFE_MILLISECONDS = 5000;

/** Boots like a good release, and dies five seconds after its first answer: by then it was found ready. */
export async function warmUp(): Promise<void> {
  await wait(Math.max(0, BOOT_MILLISECONDS - process.uptime() * 1000));
  subscribe("http.server.response.finish", () => {
    setTimeout(() => {
      console.error("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory");
      process.exit(134);
    }, LIFE_MILLISECONDS);
  });
}
