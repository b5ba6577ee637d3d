/** Layer: cli. Files that somebody asked for by -o. It must not know what is in them. */
import { lstatSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { OutputLost } from "./output.ts";

/**
 * All of it or nothing: half a policy would lock half. What is no plain file, a device, a pipe, /dev/stdout, is written to and stays
 * what it is. Throws OutputLost.
 */
export function putFile(file: string, content: Uint8Array | string): void {
  const there = lstatSync(file, { throwIfNoEntry: false });
  const fresh = `${file}.linden-${process.pid}`;
  try {
    if (there === undefined || there.isFile()) {
      writeFileSync(fresh, content, { flag: "wx" });
      renameSync(fresh, file);
    } else writeFileSync(file, content);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new OutputLost(error instanceof Error && "code" in error ? String(error.code) : String(error), file);
  }
}
