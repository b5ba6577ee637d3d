/** Layer: toolchain. How what was made takes its place. It must not know what it is. */
import { chmod, rename, rm, stat, writeFile } from "node:fs/promises";

/**
 * A device or pipe is written to, anything else is replaced whole, with `mode` as the umask leaves it. Never by copyFile: it
 * changes the target's mode, and where it fails it removes it, which as root is the end of /dev/null.
 */
export async function publish(bytes: Uint8Array, output: string, mode: number): Promise<void> {
  const there = await stat(output).catch(() => undefined);
  if (there !== undefined && !there.isFile()) return writeFile(output, bytes, { flag: "r+" });
  const beside = `${output}.linden-${process.pid}`;
  try {
    await writeFile(beside, bytes, { flag: "wx" });
    await chmod(beside, mode & ~process.umask());
    await rename(beside, output);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
