/**
 * Layer: sandbox. Mounts of host directories: which there are, and whether they may be as they were asked for. It must not
 * know cells.
 */
import { constants, type ReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { OptionError } from "./errors.ts";
import { overlaps } from "./module-cache.ts";
import type { HostMount, Policy } from "./options.ts";

export function hostMounts({ mounts }: Policy): readonly HostMount[] {
  return mounts.filter((mount) => mount.kind === "host");
}

async function overlapping(host: string, caches: readonly string[]): Promise<string | undefined> {
  for (const cache of caches) if (await overlaps(host, cache)) return cache;
  return undefined;
}

/**
 * The mounts that are single files: they are copied in. `caches`: where sandboxes' programs come from, which no guest may
 * write. OptionError for what cannot be mounted.
 */
export async function checkHostMounts(
  mounts: readonly HostMount[],
  caches: readonly string[],
): Promise<readonly HostMount[]> {
  const files: HostMount[] = [];
  for (const mount of mounts) {
    const { host, readOnly } = mount;
    const found = await stat(host).catch(() => undefined);
    const cache = readOnly ? undefined : await overlapping(host, caches);
    if (found?.isFile()) {
      if (!readOnly)
        throw new OptionError("mounts", "read-only for a single file, which is copied in at the start", host);
      if (mount.overlay !== undefined) throw new OptionError("mounts", "a directory below an overlay", host);
      files.push(mount);
    } else if (!found?.isDirectory()) {
      throw new OptionError("mounts", "a host directory that exists", host);
    } else if (cache !== undefined) {
      throw new OptionError(
        "mounts",
        `no writable mount over Linden's cache ${cache}, which every sandbox's programs come from: make it read-only or set XDG_CACHE_HOME elsewhere`,
        host,
      );
    }
  }
  return files;
}

/** The contents of a single file that is mounted. OptionError when something else has its name by now. */
export async function contentsOf(host: string): Promise<ReadStream> {
  // A pipe that nobody writes to would hold its reader for ever.
  const file = await open(host, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (file !== undefined && (await file.stat()).isFile()) return file.createReadStream();
  await file?.close();
  throw new OptionError("mounts", "a file or a directory that can be read", host);
}
