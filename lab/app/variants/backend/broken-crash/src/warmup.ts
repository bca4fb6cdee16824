/** Crashes at boot. */
export async function warmUp(): Promise<void> {
  throw new Error("Nest can't resolve dependencies of the UsersService (?)");
}
