/** Never comes to an end: the process lives, and HTTP never listens. */
export async function warmUp(): Promise<void> {
  await new Promise(() => {});
}
