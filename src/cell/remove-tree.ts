/**
 * Layer: cell. Removing a path, with all below it when asked. The tree is the guest's, so its depth is bounded by a loop
 * over names, never by the stack. It must not know who asks.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EINTR, EISDIR, ENOTEMPTY } from "../abi/errno.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../abi/fcntl.ts";
import { DT_DIR } from "../abi/stat.ts";
import type { DirectoryEntry } from "../vfs/contracts.ts";
import type { Location } from "../vfs/mounts.ts";
import { openAt } from "../vfs/open.ts";
import type { WalkContext } from "../vfs/permissions.ts";
import { removeDirectoryAt, unlinkAt } from "../vfs/remove.ts";
import { walk } from "../vfs/walk.ts";

const PAGE = 256;

/** unlink(2) a file or rmdir(2) a directory; `recursive` empties the directory first. 0 or -errno. */
export function removeTree(context: WalkContext, path: ByteString, recursive: boolean): number {
  const error = remove(context, context.root, path);
  if (error !== -ENOTEMPTY || !recursive) return error;
  // The directories from the top down to the one being emptied, each with its name in the one above.
  const open: { readonly location: Location; readonly name: ByteString }[] = [];
  const top = walk(context, context.root, path, 0);
  if (typeof top === "number") return top;
  let current: Location = top;
  for (;;) {
    const entries = page(context, current);
    if (typeof entries === "number") return entries;
    let below: Location | undefined;
    for (const { name, type } of entries) {
      const failed =
        type === DT_DIR ? removeDirectoryAt(context, current, name, 0) : unlinkAt(context, current, name, 0);
      if (failed === 0) continue;
      if (failed !== -ENOTEMPTY) return failed;
      const child = walk(context, current, name, 0);
      if (typeof child === "number") return child;
      open.push({ location: current, name });
      below = child;
      break;
    }
    if (below !== undefined) {
      current = below;
      continue;
    }
    if (entries.length > 0) continue;
    const above = open.pop();
    if (above === undefined) return remove(context, context.root, path);
    current = above.location;
    const failed = removeDirectoryAt(context, current, above.name, 0);
    // Something was created meanwhile on the host side: say so instead of chasing it.
    if (failed !== 0) return failed === -ENOTEMPTY ? -EINTR : failed;
  }
}

function remove(context: WalkContext, from: Location, path: ByteString): number {
  const error = unlinkAt(context, from, path, 0);
  return error === -EISDIR ? removeDirectoryAt(context, from, path, 0) : error;
}

function page(context: WalkContext, directory: Location): readonly DirectoryEntry[] | number {
  const opened = openAt(context, directory, "." as ByteString, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
  if (typeof opened === "number") return opened;
  const entries = opened.file.entries(0, PAGE);
  opened.file.close();
  return entries;
}
