/**
 * Layer: vfs. Who may do what: owner, group and other bits, the superuser, the sticky bit, read-only mounts. It must not
 * know of processes: credentials are handed in.
 *
 * Sources: path_resolution(7), capabilities(7) (CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_CHOWN, CAP_FSETID go with uid 0).
 */
import { EACCES, EBUSY, EISDIR, ENOTDIR, EPERM, EROFS } from "../abi/errno.ts";
import { R_OK, W_OK, X_OK } from "../abi/fcntl.ts";
import { S_IFDIR, S_ISVTX } from "../abi/stat.ts";
import type { Inode, Stat } from "./contracts.ts";
import type { Location, MountTable } from "./mounts.ts";

/** Whose rights count. `groups` are the supplementary ones. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** What every path operation needs to know of the caller. `root` is the process's root directory (chroot). */
export interface WalkContext {
  readonly mounts: MountTable;
  readonly root: Location;
  readonly credentials: Credentials;
}

export function inGroup(credentials: Credentials, gid: number): boolean {
  return credentials.gid === gid || credentials.groups.includes(gid);
}

/** Whether these credentials have all of `want` (R_OK, W_OK, X_OK bits) on a file of this stat. */
export function permits(credentials: Credentials, stat: Stat, want: number): boolean {
  if (credentials.uid === 0) {
    return (want & X_OK) === 0 || stat.mode >>> 12 === S_IFDIR >>> 12 || (stat.mode & 0o111) !== 0;
  }
  let bits = stat.mode;
  if (stat.uid === credentials.uid) bits >>>= 6;
  else if (inGroup(credentials, stat.gid)) bits >>>= 3;
  return (bits & want) === want;
}

/** 0, -EACCES, or what the file system's stat answers. */
export function mayAccess(context: WalkContext, inode: Inode, want: number): number {
  // The superuser needs no look at the bits, but for executing what is no directory.
  if (context.credentials.uid === 0 && ((want & X_OK) === 0 || inode.type === S_IFDIR)) return 0;
  const stat = context.mounts.scratch;
  const error = inode.fs.stat(inode, stat);
  if (error < 0) return error;
  return permits(context.credentials, stat, want) ? 0 : -EACCES;
}

export function mayRead(context: WalkContext, inode: Inode): number {
  return mayAccess(context, inode, R_OK);
}

export function mayWrite(context: WalkContext, inode: Inode): number {
  return mayAccess(context, inode, W_OK);
}

export function mayExecute(context: WalkContext, inode: Inode): number {
  return mayAccess(context, inode, X_OK);
}

/** 0, or -EROFS where nothing may be changed through this mount. */
export function mayChange(location: Location): number {
  return location.mount.readOnly ? -EROFS : 0;
}

/** Whether a name may be added to this directory: 0, -EACCES. */
export function mayCreateIn(context: WalkContext, directory: Inode): number {
  return mayAccess(context, directory, W_OK | X_OK);
}

/**
 * Whether `victim` may be taken out of `directory`. 0; -EACCES; -EPERM (sticky directory, neither owner); -ENOTDIR and
 * -EISDIR when it is not what `asDirectory` says; the root of a file system is -EBUSY.
 */
export function mayRemoveFrom(context: WalkContext, directory: Inode, victim: Inode, asDirectory: boolean): number {
  const error = mayAccess(context, directory, W_OK | X_OK);
  if (error < 0) return error;
  const { uid } = context.credentials;
  if (uid !== 0) {
    const stat = context.mounts.scratch;
    const refused = directory.fs.stat(directory, stat);
    if (refused < 0) return refused;
    if ((stat.mode & S_ISVTX) !== 0 && stat.uid !== uid) {
      const lost = victim.fs.stat(victim, stat);
      if (lost < 0) return lost;
      if (stat.uid !== uid) return -EPERM;
    }
  }
  if (!asDirectory) return victim.type === S_IFDIR ? -EISDIR : 0;
  if (victim.type !== S_IFDIR) return -ENOTDIR;
  return victim === victim.fs.root ? -EBUSY : 0;
}
