/**
 * Layer: vfs. What is known of files and how it changes: stat(2), access(2), readlink(2), chmod(2), chown(2),
 * utimensat(2), truncate(2), statfs(2). It must not know of processes.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EACCES, EINVAL, EISDIR, EOPNOTSUPP, EPERM, EROFS } from "../abi/errno.ts";
import { W_OK } from "../abi/fcntl.ts";
import { IN_ATTRIB, IN_MODIFY } from "../abi/inotify.ts";
import { S_IFDIR, S_IFLNK, S_IFREG, S_ISGID, S_ISUID } from "../abi/stat.ts";
import type { AttributeChanges, FileSystemStatistics, Inode, Stat } from "./contracts.ts";
import type { Location } from "./mounts.ts";
import type { WalkContext } from "./permissions.ts";
import { inGroup, mayAccess, mayChange, permits } from "./permissions.ts";
import { walk, walkToInode } from "./walk.ts";

/** fstatat(2): FOLLOW in `walkFlags` or not is AT_SYMLINK_NOFOLLOW. */
export function statAt(context: WalkContext, from: Location, path: ByteString, walkFlags: number, out: Stat): number {
  const inode = walkToInode(context, from, path, walkFlags);
  return typeof inode === "number" ? inode : inode.fs.stat(inode, out);
}

/** faccessat(2): `want` of R_OK, W_OK, X_OK, or F_OK. */
export function accessAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  want: number,
  walkFlags: number,
): number {
  const location = walk(context, from, path, walkFlags);
  if (typeof location === "number") return location;
  const denied = mayAccess(context, location.inode, want);
  if (denied < 0) return denied;
  const { type } = location.inode;
  const onlyDevices = type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK;
  return (want & W_OK) !== 0 && location.mount.readOnly && !onlyDevices ? -EROFS : 0;
}

/** readlink(2). -EINVAL if it is no symbolic link. */
export function readlinkAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  walkFlags: number,
): ByteString | number {
  const location = walk(context, from, path, walkFlags);
  return typeof location === "number" ? location : readlinkOf(context, location.inode);
}

/** readlink(2) of an inode. */
export function readlinkOf(context: WalkContext, inode: Inode): ByteString | number {
  const { personal } = inode;
  if (personal?.text !== undefined) {
    const denied = personal.admit(context);
    return denied < 0 ? denied : personal.text(context);
  }
  return inode.type === S_IFLNK ? inode.fs.readlink(inode) : -EINVAL;
}

/** statfs(2). */
export function statisticsAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  walkFlags: number,
): FileSystemStatistics | number {
  const location = walk(context, from, path, walkFlags);
  return typeof location === "number" ? location : location.mount.fs.statistics();
}

/** As setAttributes(), of what a path leads to. */
export function setAttributesAt(
  context: WalkContext,
  from: Location,
  path: ByteString,
  changes: AttributeChanges,
  touch: boolean,
  walkFlags: number,
): number {
  const location = walk(context, from, path, walkFlags);
  return typeof location === "number" ? location : setAttributes(context, location, changes, touch);
}

/**
 * chmod(2), chown(2), utimensat(2) and truncate(2) of a place. `touch` says that the times are the present (UTIME_NOW), for
 * which write permission is enough. 0 or -errno: -EPERM (not the owner), -EACCES, -EROFS, -EISDIR and -EINVAL (truncate of
 * a directory, of a device), -EOPNOTSUPP (mode of a link). ftruncate(2) asks the file system's setattr itself: there the
 * open file's mode decides.
 */
export function setAttributes(
  context: WalkContext,
  location: Location,
  changes: AttributeChanges,
  touch: boolean,
): number {
  const { inode } = location;
  if (changes.size !== undefined) {
    if (inode.type === S_IFDIR) return -EISDIR;
    if (inode.type !== S_IFREG) return -EINVAL;
  }
  const readOnly = mayChange(location);
  if (readOnly < 0) return readOnly;
  if (changes.size !== undefined) {
    const denied = mayAccess(context, inode, W_OK);
    if (denied < 0) return denied;
  }
  const error = setInodeAttributes(context, inode, changes, touch);
  const event = changes.size === undefined ? IN_ATTRIB : IN_MODIFY;
  if (error === 0) context.mounts.watcher?.done(event, location);
  return error;
}

/** The same of what stands on no mount, as a pipe: only what belongs to the caller is changed. */
export function setInodeAttributes(
  context: WalkContext,
  inode: Inode,
  changes: AttributeChanges,
  touch: boolean,
): number {
  if (changes.mode !== undefined && inode.type === S_IFLNK) return -EOPNOTSUPP;
  const before = context.mounts.scratch;
  const lost = inode.fs.stat(inode, before);
  if (lost < 0) return lost;
  const denied = mayChangeAttributes(context, before, changes, touch);
  if (denied < 0) return denied;
  return inode.fs.setattr(inode, withoutPrivilegeBits(context, inode.type, before, changes));
}

function mayChangeAttributes(context: WalkContext, before: Stat, changes: AttributeChanges, touch: boolean): number {
  const { credentials } = context;
  if (credentials.uid === 0) return 0;
  const owner = credentials.uid === before.uid;
  if (changes.uid !== undefined && !(owner && changes.uid === before.uid)) return -EPERM;
  if (changes.gid !== undefined) {
    const mine = changes.gid === before.gid || inGroup(credentials, changes.gid);
    if (!owner || !mine) return -EPERM;
  }
  if (changes.mode !== undefined && !owner) return -EPERM;
  if (changes.atime === undefined && changes.mtime === undefined) return 0;
  if (owner) return 0;
  if (!touch) return -EPERM;
  return permits(credentials, before, W_OK) ? 0 : -EACCES;
}

/** chown(2) takes set-user-ID bits away; chmod(2) by who is not of the file's group takes S_ISGID away. */
function withoutPrivilegeBits(
  context: WalkContext,
  type: number,
  before: Stat,
  changes: AttributeChanges,
): AttributeChanges {
  const { credentials } = context;
  let mode = changes.mode;
  if (mode !== undefined) {
    const group = changes.gid ?? before.gid;
    if (credentials.uid !== 0 && !inGroup(credentials, group)) mode &= ~S_ISGID;
  } else if ((changes.uid !== undefined || changes.gid !== undefined) && type === S_IFREG) {
    const old = before.mode & 0o7777;
    mode = old & ~S_ISUID;
    // Without group execution S_ISGID once meant mandatory locking, and stays.
    if ((old & 0o010) !== 0 || (credentials.uid !== 0 && !inGroup(credentials, before.gid))) mode &= ~S_ISGID;
    if (mode === old) mode = undefined;
  }
  return mode === undefined ? changes : { ...changes, mode };
}
