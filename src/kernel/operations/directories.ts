/**
 * Layer: kernel, operations. Where a process stands, and questions about places: chdir(2), getcwd(2), chroot(2), umask(2),
 * access(2), statfs(2). It must not know encodings.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EACCES, EBADF, ENOTDIR, EPERM } from "../../abi/errno.ts";
import { X_OK } from "../../abi/fcntl.ts";
import { S_IFDIR } from "../../abi/stat.ts";
import { accessAt as vfsAccessAt, statisticsAt as vfsStatisticsAt } from "../../vfs/attributes.ts";
import type { FileSystemStatistics } from "../../vfs/contracts.ts";
import type { Location } from "../../vfs/mounts.ts";
import { pathOfDirectory } from "../../vfs/path-of.ts";
import { mayAccess, type WalkContext } from "../../vfs/permissions.ts";
import { FOLLOW, walk } from "../../vfs/walk.ts";
import type { Outcome } from "../contracts.ts";
import type { Thread } from "../process.ts";
import { startOf } from "./files.ts";
import { isSuperuser } from "./identity.ts";

/** chdir(2). -ENOTDIR, -EACCES and what the walk answers. */
export function changeDirectory(thread: Thread, path: ByteString): Outcome {
  const { process } = thread;
  const to = walk(process, process.cwd, path, FOLLOW);
  return typeof to === "number" ? to : enter(thread, to);
}

/** fchdir(2). */
export function changeDirectoryFd(thread: Thread, fd: number): Outcome {
  const entry = thread.process.descriptors.get(fd);
  if (entry === undefined) return -EBADF;
  const { location } = entry.description;
  return location === undefined ? -ENOTDIR : enter(thread, location);
}

function enter(thread: Thread, to: Location): Outcome {
  const { process } = thread;
  if (to.inode.type !== S_IFDIR) return -ENOTDIR;
  const denied = mayAccess(process, to.inode, X_OK);
  if (denied < 0) return denied;
  process.cwd = to;
  return 0;
}

/** chroot(2): for the superuser. The working directory stays where it is, as on Linux. */
export function changeRoot(thread: Thread, path: ByteString): Outcome {
  const { process } = thread;
  const to = walk(process, process.cwd, path, FOLLOW);
  if (typeof to === "number") return to;
  if (to.inode.type !== S_IFDIR) return -ENOTDIR;
  if (!isSuperuser(process)) return -EPERM;
  process.root = to;
  return 0;
}

/** getcwd(2): the absolute path. -ENOENT (it was removed, or lies outside of the root), -ENAMETOOLONG. */
export function workingDirectory({ process }: Thread): ByteString | number {
  return pathOfDirectory(process.root, process.cwd);
}

/** umask(2): the one before. */
export function setUmask(thread: Thread, mask: number): Outcome {
  const { process } = thread;
  const before = process.umask;
  process.umask = mask & 0o777;
  return before;
}

/** faccessat(2): as the real user and group, unless `effective` (AT_EACCESS). */
export function accessAt(
  thread: Thread,
  directoryFd: number,
  path: ByteString,
  want: number,
  walkFlags: number,
  effective = false,
): Outcome {
  const from = startOf(thread.process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsAccessAt(asker(thread, effective), from, path, want, walkFlags);
}

/** faccessat(2) with AT_EMPTY_PATH. */
export function accessFd(thread: Thread, fd: number, want: number, effective = false): Outcome {
  const entry = thread.process.descriptors.get(fd);
  if (entry === undefined) return -EBADF;
  return mayAccess(asker(thread, effective), entry.description.file.inode, want) < 0 ? -EACCES : 0;
}

/** Who asks for access(2). */
function asker({ process }: Thread, effective: boolean): WalkContext {
  const { userIdentity, groupIdentity, credentials, mounts, root } = process;
  const uid = effective ? userIdentity.effective : userIdentity.real;
  const gid = effective ? groupIdentity.effective : groupIdentity.real;
  if (uid === credentials.uid && gid === credentials.gid) return process;
  return { mounts, root, credentials: { ...credentials, uid, gid } };
}

export interface Statistics extends FileSystemStatistics {
  /** FileSystem.type */
  type: string;
  readOnly: boolean;
}

/** statfs(2). */
export function statisticsAt(thread: Thread, path: ByteString): Statistics | number {
  const { process } = thread;
  const location = walk(process, process.cwd, path, FOLLOW);
  if (typeof location === "number") return location;
  const found = vfsStatisticsAt(process, process.cwd, path, FOLLOW);
  if (typeof found === "number") return found;
  return { ...found, type: location.mount.fs.type, readOnly: location.mount.readOnly };
}

/** fstatfs(2). */
export function statisticsFd(thread: Thread, fd: number): Statistics | number {
  const description = thread.process.descriptors.get(fd)?.description;
  if (description === undefined) return -EBADF;
  const { fs } = description.file.inode;
  return { ...fs.statistics(), type: fs.type, readOnly: description.location?.mount.readOnly ?? false };
}
