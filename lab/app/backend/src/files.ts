import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

/** Where shipped and written files live. */
export const STATIC = path.resolve("static");
/** Where generated speech lives. */
export const VOICES = path.resolve("tts_voices");

/**
 * Write a text file below a folder, and return its size in bytes.
 *
 * Throws a RangeError for a name that leads out of the folder.
 */
export async function write(folder: string, name: string, text: string): Promise<number> {
  const file = path.resolve(folder, name);
  if (!file.startsWith(folder + path.sep)) throw new RangeError(`${name} leads out of ${path.basename(folder)}/`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return Buffer.byteLength(text);
}
