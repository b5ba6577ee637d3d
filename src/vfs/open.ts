/**
 * Layer: vfs. open(2): find or make a file, check, truncate, open. It must not know of descriptors: the kernel makes the
 * open file description. O_APPEND, O_NONBLOCK, O_CLOEXEC and O_PATH are the kernel's; umask is already applied.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM, EROFS, EXDEV } from "../abi/errno.ts";
import {
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  R_OK,
  W_OK,
} from "../abi/fcntl.ts";
import { IN_CREATE, IN_MODIFY, IN_OPEN } from "../abi/inotify.ts";
import { S_IFDIR, S_IFLNK, S_IFREG } from "../abi/stat.ts";
import type { Inode, OpenFile } from "./contracts.ts";
import type { Location } from "./mounts.ts";
import type { WalkContext } from "./permissions.ts";
import { mayAccess, mayChange, mayCreateIn } from "./permissions.ts";
import { FOLLOW, NO_XDEV, PathWalk } from "./walk.ts";

export interface Opened {
  readonly location: Location;
  readonly file: OpenFile;
  /** O_CREAT made it. */
  readonly created: boolean;
}

/**
 * open(2). The last link is followed only with FOLLOW in `walkFlags` and without O_NOFOLLOW. Errors as walk() and as the
 * man page; O_CREAT with O_DIRECTORY is EINVAL, as since Linux 6.4.
 */
export function openAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  flags: number,
  mode: number,
  walkFlags: number,
): Opened | number {
  const create = (flags & O_CREAT) !== 0;
  if (create && (flags & O_DIRECTORY) !== 0) return -EINVAL;
  const exclusive = create && (flags & O_EXCL) !== 0;
  const follow = (walkFlags & FOLLOW) !== 0 && (flags & O_NOFOLLOW) === 0 && !exclusive;
  const way = new PathWalk(context, walkFlags);
  const refused = way.begin(from, path);
  if (refused < 0) return refused;
  const oneMount = (walkFlags & NO_XDEV) !== 0;
  const found = create ? toEndOrNew(context, way, mode, follow, oneMount) : way.toEnd(follow);
  if (found < 0) return found;
  if (oneMount && way.crossed) return -EXDEV;
  const { location } = way;
  if (found === CREATED) return opened(location, flags, true);
  if (create) {
    if (exclusive) return -EEXIST;
    if (location.inode.type === S_IFDIR) return -EISDIR;
  }
  return openExisting(context, location, flags);
}

/** open(2) with O_PATH: the place a path leads to, itself not opened. With O_NOFOLLOW that may be a link. */
export function findAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  flags: number,
  walkFlags: number,
): Location | number {
  const follow = (walkFlags & FOLLOW) !== 0 && (flags & O_NOFOLLOW) === 0;
  const way = new PathWalk(context, walkFlags);
  const error = way.begin(from, path) || way.toEnd(follow);
  if (error < 0) return error;
  if ((walkFlags & NO_XDEV) !== 0 && way.crossed) return -EXDEV;
  return (flags & O_DIRECTORY) !== 0 && way.inode.type !== S_IFDIR ? -ENOTDIR : way.location;
}

/** open(2) with O_TMPFILE: a file without a name in the directory a path leads to. -EOPNOTSUPP where there are none. */
export function openUnnamedAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  flags: number,
  mode: number,
  walkFlags: number,
): Opened | number {
  if ((flags & O_ACCMODE) === O_RDONLY) return -EINVAL;
  const directory = findAt(context, from, path, O_DIRECTORY | (flags & O_NOFOLLOW), walkFlags);
  if (typeof directory === "number") return directory;
  const { mount, inode } = directory;
  const denied = mayCreateIn(context, inode) || mayChange(directory);
  if (denied < 0) return denied;
  const { fs } = mount;
  const exclusive = (flags & O_EXCL) !== 0;
  const made = fs.createUnnamed?.(inode, mode & 0o7777, context.credentials, !exclusive) ?? -EOPNOTSUPP;
  if (typeof made === "number") return made;
  return opened({ mount, inode: made, directory: inode, name: `#${made.ino}` as ByteString }, flags, true);
}

/** Open what a walk has found: checks of type and permission, O_TRUNC. */
export function openExisting(context: WalkContext, location: Location, flags: number): Opened | number {
  const { inode } = location;
  if ((flags & O_DIRECTORY) !== 0 && inode.type !== S_IFDIR) return -ENOTDIR;
  const truncate = (flags & O_TRUNC) !== 0;
  const writes = (flags & O_ACCMODE) !== O_RDONLY || truncate;
  if (inode.type === S_IFLNK) return -ELOOP;
  if (inode.type === S_IFDIR && writes) return -EISDIR;
  let want = writes ? W_OK : 0;
  if ((flags & O_ACCMODE) !== O_WRONLY) want |= R_OK;
  // A device on a read-only mount may be written: that changes no file.
  const changes = writes && inode.type === S_IFREG;
  if (changes && truncate && location.mount.readOnly) return -EROFS;
  const denied = mayAccess(context, inode, want) || (inode.personal?.admit(context) ?? 0);
  if (denied < 0) return denied;
  if (changes && location.mount.readOnly) return -EROFS;
  if ((flags & O_NOATIME) !== 0 && !owns(context, inode)) return -EPERM;
  if (truncate && inode.type === S_IFREG) {
    const error = inode.fs.setattr(inode, { size: 0 });
    if (error < 0) return error;
    const found = opened(location, flags, false);
    if (typeof found === "object") context.mounts.watcher?.done(IN_MODIFY, location);
    return found;
  }
  return opened(location, flags, false);
}

/** Only they may read a file without a trace (O_NOATIME). */
function owns({ credentials, mounts }: WalkContext, inode: Inode): boolean {
  const { uid } = credentials;
  return uid === 0 || (inode.fs.stat(inode, mounts.scratch) === 0 && mounts.scratch.uid === uid);
}

const CREATED = 1;

function opened(location: Location, flags: number, created: boolean): Opened | number {
  const file = location.inode.fs.open(location.inode, flags);
  if (typeof file === "number") return file;
  location.mount.table?.watcher?.done(IN_OPEN, location);
  return { location, file, created };
}

/** Walk to the end, making a regular file where there is none: CREATED, 0 when it was there, or -errno. */
function toEndOrNew(context: WalkContext, way: PathWalk, mode: number, follow: boolean, oneMount: boolean): number {
  for (;;) {
    const error = way.toLast();
    if (error < 0) return error;
    if (way.special) return way.enterSpecial();
    if (way.trailingSlash) return -EISDIR;
    const child = way.lookupLast();
    if (child === -ENOENT) return oneMount && way.crossed ? -EXDEV : createLast(context, way, mode);
    if (typeof child === "number") return child;
    if (child.type !== S_IFLNK || !follow) {
      way.enter(child);
      return 0;
    }
    const broken = way.followLink(child);
    if (broken < 0) return broken;
  }
}

function createLast(context: WalkContext, way: PathWalk, mode: number): number {
  const { location, name } = way;
  const readOnly = mayChange(location);
  if (readOnly < 0) return readOnly;
  const denied = mayCreateIn(context, location.inode);
  if (denied < 0) return denied;
  const made: Inode | number = location.mount.fs.create(location.inode, name, mode & 0o7777, context.credentials);
  if (typeof made === "number") return made;
  context.mounts.watcher?.named(IN_CREATE, location.inode, name, made);
  way.enter(made);
  return CREATED;
}
