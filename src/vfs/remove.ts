/**
 * Layer: vfs. unlink(2) and rmdir(2). It must not know of processes.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EBUSY, EINVAL, EISDIR, ENOTDIR, ENOTEMPTY } from "../abi/errno.ts";
import { S_IFDIR } from "../abi/stat.ts";
import type { Location } from "./mounts.ts";
import type { WalkContext } from "./permissions.ts";
import { mayChange, mayRemoveFrom } from "./permissions.ts";
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
  return location.mount.fs.unlink(location.inode, name);
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
  return location.mount.fs.rmdir(location.inode, name);
}
