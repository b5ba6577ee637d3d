/** Layer: toolchain. How what was made takes its place. It must not know what it is. */
import { chmod, lstat, realpath, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ToolchainError } from "./errors.ts";

/**
 * A device or pipe is written to, and so is what a link of the system's leads to (/dev/stdout is one); anything else is replaced
 * whole, with `mode` as the umask leaves it. A link too: one in a tree of sources must not say which file is written. Never by
 * copyFile: it changes the target's mode, and where it fails it removes it, which as root is the
 * end of /dev/null. Throws ToolchainError where it cannot be written.
 */
export async function publish(bytes: Uint8Array, output: string, mode: number): Promise<void> {
  const beside = `${output}.linden-${process.pid}`;
  try {
    const there = await lstat(output).catch(() => undefined);
    if (there?.isSymbolicLink()) {
      if (/^\/(dev|proc)(\/|$)/.test(await realpath(dirname(output)))) return await writeFile(output, bytes, { mode });
    } else if (there !== undefined && !there.isFile()) return await writeFile(output, bytes, { flag: "r+" });
    await writeFile(beside, bytes, { flag: "wx" });
    await chmod(beside, mode & ~process.umask());
    await rename(beside, output);
  } catch (error) {
    await rm(beside, { force: true });
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new ToolchainError(`${output} cannot be written (${why})`);
  }
}
