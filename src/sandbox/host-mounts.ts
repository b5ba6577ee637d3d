/**
 * Layer: sandbox. Mounts of host directories: which there are, and whether they may be as they were asked for. It must not
 * know cells.
 */
import { constants, type ReadStream, type Stats } from "node:fs";
import { open, realpath, stat } from "node:fs/promises";
import { OptionError } from "./errors.ts";
import { overlaps } from "./module-cache.ts";
import type { HostMount, Policy } from "./options.ts";
import { codeOf } from "./programs.ts";

export function hostMounts({ mounts }: Policy): readonly HostMount[] {
  return mounts.filter((mount) => mount.kind === "host");
}

async function overlapping(host: string, caches: readonly string[]): Promise<string | undefined> {
  for (const cache of caches) if (await overlaps(host, cache)) return cache;
  return undefined;
}

export type CheckedMounts = {
  /** Single files: they are copied in. */
  readonly files: readonly HostMount[];
  /** Directories, by the paths without symbolic links that their own led to: what was checked is what is to be opened. */
  readonly directories: ReadonlyMap<HostMount, string>;
};

/** `caches`: where sandboxes' programs come from, which no guest may write. OptionError for what cannot be mounted. */
export async function checkHostMounts(mounts: readonly HostMount[], caches: readonly string[]): Promise<CheckedMounts> {
  const files: HostMount[] = [];
  const directories = new Map<HostMount, string>();
  for (const mount of mounts) {
    const { host, readOnly } = mount;
    const option = optionOf(mount.at);
    const { path, found } = await look(host, option);
    const cache = readOnly ? undefined : await overlapping(path, caches);
    if (found.isFile()) {
      if (!readOnly)
        throw new OptionError(option, "read-only for a single file, which is copied in at the start", host);
      if (mount.overlay !== undefined) throw new OptionError(option, "a directory below an overlay", host);
      files.push(mount);
    } else if (!found.isDirectory()) {
      throw new OptionError(option, "a host directory, or a regular file", host);
    } else if (cache !== undefined) {
      throw new OptionError(
        option,
        `no writable mount over Linden's cache ${cache}, which every sandbox's programs come from: make it read-only or set XDG_CACHE_HOME elsewhere`,
        host,
      );
    } else directories.set(mount, path);
  }
  return { files, directories };
}

/** What a path leads to, and its name without symbolic links. */
async function look(host: string, option: string): Promise<{ readonly path: string; readonly found: Stats }> {
  try {
    const bytes = await realpath(host, "buffer");
    const path = bytes.toString();
    if (!Buffer.from(path).equals(bytes)) throw new OptionError(option, "a host directory with a name in UTF-8", host);
    return { path, found: await stat(path) };
  } catch (error) {
    if (error instanceof OptionError) throw error;
    const missing = codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
    const expected = missing
      ? "a host directory, or a file, that exists"
      : `a host directory that can be looked at (${codeOf(error)})`;
    throw new OptionError(option, expected, host);
  }
}

/** The contents of a single file that is mounted. OptionError when it cannot be read, or something else has its name by now. */
export async function contentsOf({ host, at }: HostMount): Promise<ReadStream> {
  const refused = (why: string) => new OptionError(optionOf(at), `a file that can be read${why}`, host);
  // A pipe that nobody writes to would hold its reader for ever.
  const file = await open(host, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw refused(` (${codeOf(error)})`);
  });
  if ((await file.stat()).isFile()) return file.createReadStream();
  await file.close();
  throw refused("");
}

function optionOf(at: string): string {
  return `mounts[${JSON.stringify(at)}]`;
}
