/**
 * Layer: vfs. renameat2(2). It must not know of processes.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EBUSY, EEXIST, EINVAL, ENOENT, ENOTDIR, ENOTEMPTY, EXDEV } from "../abi/errno.ts";
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from "../abi/fcntl.ts";
import { IN_ATTRIB, IN_MOVE_SELF, IN_MOVED_FROM, IN_MOVED_TO } from "../abi/inotify.ts";
import { S_IFDIR } from "../abi/stat.ts";
import type { Inode } from "./contracts.ts";
import type { Location } from "./mounts.ts";
import { sameInode } from "./mounts.ts";
import type { WalkContext } from "./permissions.ts";
import { mayChange, mayCreateIn, mayRemoveFrom, mayWrite } from "./permissions.ts";
import { linksOf } from "./remove.ts";
import type { ParentLocation } from "./walk.ts";
import { lookupName, walkParent } from "./walk.ts";

/**
 * renameat2(2) with RENAME_NOREPLACE or RENAME_EXCHANGE. 0 or -errno: -EXDEV across mounts, -EBUSY for ".", "..", "/" and
 * mount points, -EINVAL for a directory into itself. Two names of one file are left as they are, with 0.
 */
export function renameAt(
  context: WalkContext,
  oldFrom: Location,
  oldPath: ByteString,
  newFrom: Location,
  newPath: ByteString,
  flags: number,
  walkFlags: number,
): number {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) return -EINVAL;
  if (flags === (RENAME_NOREPLACE | RENAME_EXCHANGE)) return -EINVAL;
  const from = walkParent(context, oldFrom, oldPath, walkFlags);
  if (typeof from === "number") return from;
  const to = walkParent(context, newFrom, newPath, walkFlags);
  if (typeof to === "number") return to;
  if (from.location.mount !== to.location.mount) return -EXDEV;
  if (from.special) return -EBUSY;
  if (to.special) return (flags & RENAME_NOREPLACE) !== 0 ? -EEXIST : -EBUSY;
  const readOnly = mayChange(from.location);
  if (readOnly < 0) return readOnly;
  return renameBetween(context, from, to, flags);
}

function isRemoved({ mounts }: WalkContext, directory: Inode): boolean {
  return directory.fs.stat(directory, mounts.scratch) === 0 && mounts.scratch.nlink === 0;
}

function renameBetween(context: WalkContext, from: ParentLocation, to: ParentLocation, flags: number): number {
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  const source = lookupName(from);
  if (typeof source === "number") return source;
  const found = lookupName(to);
  if (typeof found === "number" && found !== -ENOENT) return found;
  const target = typeof found === "number" ? undefined : found;
  if (target !== undefined && (flags & RENAME_NOREPLACE) !== 0) return -EEXIST;
  if (exchange) {
    if (target === undefined) return -ENOENT;
    if (target.type !== S_IFDIR && to.mustBeDirectory) return -ENOTDIR;
  }
  if (source.type !== S_IFDIR && (from.mustBeDirectory || (!exchange && to.mustBeDirectory))) return -ENOTDIR;
  const { fs } = from.location.mount;
  const oldDirectory = from.location.inode;
  const newDirectory = to.location.inode;
  const moves = !sameInode(oldDirectory, newDirectory);
  if (moves) {
    const inside = source.type === S_IFDIR ? isAbove(source, newDirectory) : 0;
    // A removed directory has no names, and takes none, before anything else is asked.
    if (inside !== 0) return inside < 0 ? inside : isRemoved(context, newDirectory) ? -ENOENT : -EINVAL;
    const above = target?.type === S_IFDIR ? isAbove(target, oldDirectory) : 0;
    if (above !== 0) return above < 0 ? above : exchange ? -EINVAL : -ENOTEMPTY;
  }
  if (target !== undefined && sameInode(source, target)) return 0;
  const denied = mayRename(context, from, to, source, target, moves, exchange);
  if (denied < 0) return denied;
  const { mounts } = context;
  if (mounts.coverOf(from.location.mount, source) !== undefined) return -EBUSY;
  if (target !== undefined && mounts.coverOf(to.location.mount, target) !== undefined) return -EBUSY;
  const links = target === undefined ? 0 : linksOf(context, target);
  const error = fs.rename(oldDirectory, from.name, newDirectory, to.name, flags);
  if (error < 0 || mounts.watcher === undefined) return error;
  const { watcher } = mounts;
  const tell = (inode: Inode, here: ParentLocation, there: ParentLocation): void => {
    const cookie = watcher.cookie();
    watcher.named(IN_MOVED_FROM, here.location.inode, here.name, inode, cookie);
    watcher.named(IN_MOVED_TO, there.location.inode, there.name, inode, cookie);
  };
  tell(source, from, to);
  if (target !== undefined && exchange) tell(target, to, from);
  else if (target !== undefined && target.type !== S_IFDIR) watcher.self(IN_ATTRIB, target);
  watcher.self(IN_MOVE_SELF, source);
  if (target !== undefined && exchange) watcher.self(IN_MOVE_SELF, target);
  else if (target !== undefined) watcher.unlinked(target, links);
  return 0;
}

function mayRename(
  context: WalkContext,
  from: ParentLocation,
  to: ParentLocation,
  source: Inode,
  target: Inode | undefined,
  moves: boolean,
  exchange: boolean,
): number {
  const isDirectory = source.type === S_IFDIR;
  let denied = mayRemoveFrom(context, from.location.inode, source, isDirectory);
  if (denied < 0) return denied;
  if (target === undefined) denied = mayCreateIn(context, to.location.inode);
  else {
    const asDirectory = exchange ? target.type === S_IFDIR : isDirectory;
    denied = mayRemoveFrom(context, to.location.inode, target, asDirectory);
  }
  if (denied < 0 || !moves) return denied;
  // A directory that changes its parent has its ".." rewritten.
  if (isDirectory) denied = mayWrite(context, source);
  if (denied === 0 && exchange && target?.type === S_IFDIR) denied = mayWrite(context, target);
  return denied;
}

/** 1 if `directory` is `inode` or lies somewhere below it, 0 if not, or what the file system answers. */
function isAbove(inode: Inode, directory: Inode): number {
  const { fs } = directory;
  let at = directory;
  for (;;) {
    if (sameInode(at, inode)) return 1;
    if (sameInode(at, fs.root)) return 0;
    const parent = fs.parent(at);
    if (typeof parent === "number") return parent;
    if (parent === at) return 0;
    at = parent;
  }
}
