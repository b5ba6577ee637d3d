/**
 * Layer: vfs. New names: mkdir(2), symlink(2), link(2). It must not know of processes; umask is already applied.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EEXIST, EINVAL, ENAMETOOLONG, ENOENT, EPERM, EXDEV } from "../abi/errno.ts";
import { PATH_MAX } from "../abi/fcntl.ts";
import { IN_ATTRIB, IN_CREATE } from "../abi/inotify.ts";
import { S_IFDIR } from "../abi/stat.ts";
import type { Inode } from "./contracts.ts";
import type { Location } from "./mounts.ts";
import type { WalkContext } from "./permissions.ts";
import { mayChange, mayCreateIn } from "./permissions.ts";
import type { ParentLocation } from "./walk.ts";
import { FOLLOW, lookupName, walk, walkParent } from "./walk.ts";

/** mkdir(2). 0 or -errno: -EEXIST also for ".", ".." and "/". */
export function makeDirectoryAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  mode: number,
  walkFlags: number,
): number {
  const place = newPlace(context, from, path, walkFlags, true);
  if (typeof place === "number") return place;
  const denied = mayAdd(context, place);
  if (denied < 0) return denied;
  const { location, name } = place;
  const made = location.mount.fs.mkdir(location.inode, name, mode & 0o1777, context.credentials);
  return told(context, place, made);
}

/** mknod(2) of a FIFO or a socket's name. 0 or -errno: -EPERM where the file system keeps none. */
export function makeNodeAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  type: number,
  mode: number,
  walkFlags: number,
): number {
  const place = newPlace(context, from, path, walkFlags, false);
  if (typeof place === "number") return place;
  const denied = mayAdd(context, place);
  if (denied < 0) return denied;
  const { location, name } = place;
  const made = location.mount.fs.mknod?.(location.inode, name, type, mode, context.credentials) ?? -EPERM;
  return told(context, place, made);
}

/** symlink(2). 0 or -errno: an empty target is -ENOENT, one of PATH_MAX bytes or more -ENAMETOOLONG. */
export function makeSymlinkAt(
  context: WalkContext,
  target: ByteString,
  from: Location,
  path: ByteString,
  walkFlags: number,
): number {
  if (target.length === 0) return -ENOENT;
  if (target.length >= PATH_MAX) return -ENAMETOOLONG;
  if (target.includes("\0")) return -EINVAL;
  const place = newPlace(context, from, path, walkFlags, false);
  if (typeof place === "number") return place;
  const denied = mayAdd(context, place);
  if (denied < 0) return denied;
  const { location, name } = place;
  const made = location.mount.fs.symlink(location.inode, name, target, context.credentials);
  return told(context, place, made);
}

/** linkat(2). FOLLOW in `oldWalkFlags` is AT_SYMLINK_FOLLOW. -EXDEV across mounts, -EPERM for directories. */
export function linkAt(
  context: WalkContext,
  oldFrom: Location,
  oldPath: ByteString,
  oldWalkFlags: number,
  newFrom: Location,
  newPath: ByteString,
  newWalkFlags: number,
): number {
  const target = walk(context, oldFrom, oldPath, oldWalkFlags);
  return typeof target === "number" ? target : linkTo(context, target, newFrom, newPath, newWalkFlags);
}

/** linkat(2) of a place. */
export function linkTo(
  context: WalkContext,
  target: Location,
  newFrom: Location,
  newPath: ByteString,
  newWalkFlags: number,
): number {
  const place = newPlace(context, newFrom, newPath, newWalkFlags, false);
  if (typeof place === "number") return place;
  const { location, name } = place;
  const readOnly = mayChange(location);
  if (readOnly < 0) return readOnly;
  if (target.mount !== location.mount) return -EXDEV;
  const denied = mayCreateIn(context, location.inode);
  if (denied < 0) return denied;
  if (target.inode.type === S_IFDIR) return -EPERM;
  const error = location.mount.fs.link(location.inode, name, target.inode);
  // As Linux: first the link count, then the name.
  if (error === 0) context.mounts.watcher?.self(IN_ATTRIB, target.inode);
  return told(context, place, error < 0 ? error : target.inode);
}

/** 0 when something was made, which watchers hear of; or why not. */
function told(context: WalkContext, { location, name }: ParentLocation, made: Inode | number): number {
  if (typeof made === "number") return made;
  context.mounts.watcher?.named(IN_CREATE, location.inode, name, made);
  return 0;
}

/** mkdir -p below the process's root: make what is missing of an absolute path. The directory, or -errno. */
export function makeDirectories(context: WalkContext, path: ByteString, mode: number): Location | number {
  for (let end = path.indexOf("/", 1); ; end = path.indexOf("/", end + 1)) {
    const upTo = (end < 0 ? path : path.slice(0, end)) as ByteString;
    const error = makeDirectoryAt(context, context.root, upTo, mode, FOLLOW);
    if (error < 0 && error !== -EEXIST) return error;
    if (end < 0) return walk(context, context.root, path, FOLLOW);
  }
}

/** Where something new goes. A trailing slash on what will be no directory is -ENOENT, or -EEXIST if it is there. */
function newPlace(
  context: WalkContext,
  from: Location,
  path: ByteString,
  walkFlags: number,
  directory: boolean,
): ParentLocation | number {
  const place = walkParent(context, from, path, walkFlags);
  if (typeof place === "number") return place;
  if (place.special) return -EEXIST;
  const there = lookupName(place);
  if (typeof there !== "number") return -EEXIST;
  if (there !== -ENOENT) return there;
  return place.mustBeDirectory && !directory ? -ENOENT : place;
}

function mayAdd(context: WalkContext, place: ParentLocation): number {
  const error = mayChange(place.location);
  return error < 0 ? error : mayCreateIn(context, place.location.inode);
}
