import { setTimeout as wait } from "node:timers/promises";

/** As long as the real one takes, unless nobody wants to see that. */
const BOOT_MILLISECONDS = Number(process.env.BOOT_MILLISECONDS ?? 5000);

/** What the application does between its first sign of life and its first answer. */
export async function warmUp(): Promise<void> {
  await wait(Math.max(0, BOOT_MILLISECONDS - process.uptime() * 1000));
}
