import { setTimeout as wait } from "node:timers/promises";

const BOOT_MILLISECONDS = 5000;

/** What the application does between its first sign of life and its first answer: as long as the real one takes. */
export async function warmUp(): Promise<void> {
  await wait(Math.max(0, BOOT_MILLISECONDS - process.uptime() * 1000));
}
