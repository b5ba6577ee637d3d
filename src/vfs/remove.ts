/**
 * Layer: vfs. unlink(2) and rmdir(2). It must not know of processes.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EBUSY, EINVAL, EISDIR, ENOTDIR, ENOTEMPTY } from "../abi/errno.ts";
import { IN_ATTRIB, IN_DELETE } from "../abi/inotify.ts";
import { S_IFDIR } from "../abi/stat.ts";
import type { Inode } from "./contracts.ts";
import type { Location } from "./mounts.ts";
import type { WalkContext } from "./permissions.ts";
import { mayChange, mayRemoveFrom } from "./permissions.ts";
import type { ParentLocation } from "./walk.ts";
import { lookupName, walkParent } from "./walk.ts";

/** unlink(2). 0 or -errno: -EISDIR for directories (Linux's answer, POSIX has EPERM), -EBUSY on a mount point. */
export function unlinkAt(context: WalkContext, from: Location, path: ByteString, walkFlags: number): number {
  const place = walkParent(context, from, path, walkFlags);
  if (typeof place === "number") return place;
  if (place.special) return -EISDIR;
  const { location, name } = place;
  const readOnly = mayChange(location);
  if (readOnly < 0) return readOnly;
  const victim = lookupName(place);
  if (typeof victim === "number") return victim;
  if (place.mustBeDirectory) return victim.type === S_IFDIR ? -EISDIR : -ENOTDIR;
  const denied = mayRemoveFrom(context, location.inode, victim, false);
  if (denied < 0) return denied;
  if (context.mounts.coverOf(location.mount, victim) !== undefined) return -EBUSY;
  const links = linksOf(context, victim);
  const error = location.mount.fs.unlink(location.inode, name);
  return error < 0 ? error : told(context, place, victim, links);
}

/** rmdir(2). 0 or -errno: ".." is -ENOTEMPTY, "." -EINVAL, "/" and mount points -EBUSY. */
export function removeDirectoryAt(context: WalkContext, from: Location, path: ByteString, walkFlags: number): number {
  const place = walkParent(context, from, path, walkFlags);
  if (typeof place === "number") return place;
  if (place.name === "..") return -ENOTEMPTY;
  if (place.name === ".") return -EINVAL;
  if (place.special) return -EBUSY;
  const { location, name } = place;
  const readOnly = mayChange(location);
  if (readOnly < 0) return readOnly;
  const victim = lookupName(place);
  if (typeof victim === "number") return victim;
  const denied = mayRemoveFrom(context, location.inode, victim, true);
  if (denied < 0) return denied;
  if (context.mounts.coverOf(location.mount, victim) !== undefined) return -EBUSY;
  const error = location.mount.fs.rmdir(location.inode, name);
  return error < 0 ? error : told(context, place, victim, 1);
}

/** Names a file has, asked only where somebody wants to know. */
export function linksOf({ mounts }: WalkContext, inode: Inode): number {
  if (mounts.watcher === undefined) return 0;
  return inode.fs.stat(inode, mounts.scratch) < 0 ? 1 : mounts.scratch.nlink;
}

function told({ mounts }: WalkContext, { location, name }: ParentLocation, victim: Inode, links: number): number {
  const { watcher } = mounts;
  if (watcher === undefined) return 0;
  const directory = victim.type === S_IFDIR;
  if (directory) watcher.unlinked(victim, links);
  else watcher.self(IN_ATTRIB, victim);
  watcher.named(IN_DELETE, location.inode, name, victim);
  if (!directory) watcher.unlinked(victim, links);
  return 0;
}
