/**
 * Layer: kernel, operations. Where a process stands, and questions about places: chdir(2), getcwd(2), chroot(2), umask(2),
 * access(2), statfs(2). It must not know encodings.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EACCES, EBADF, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM } from "../../abi/errno.ts";
import { O_DIRECTORY, O_RDONLY, PATH_MAX, X_OK } from "../../abi/fcntl.ts";
import { S_IFDIR } from "../../abi/stat.ts";
import { accessAt as vfsAccessAt, statisticsAt as vfsStatisticsAt } from "../../vfs/attributes.ts";
import type { FileSystem, FileSystemStatistics, Inode } from "../../vfs/contracts.ts";
import { type Location, sameInode, sameLocation } from "../../vfs/mounts.ts";
import { mayAccess } from "../../vfs/permissions.ts";
import { FOLLOW, walk } from "../../vfs/walk.ts";
import type { Outcome } from "../contracts.ts";
import type { Thread } from "../process.ts";
import { startOf } from "./files.ts";

/** Entries looked at in one step of the search for a name. */
const PAGE = 1024;
/** Directories between a process and its root at most: PATH_MAX allows no more names. */
const DEPTH = PATH_MAX / 2;

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
  if (process.credentials.uid !== 0) return -EPERM;
  process.root = to;
  return 0;
}

/**
 * getcwd(2): the absolute path, found by asking each directory above for the name of the one below. -ENOENT (it was removed,
 * or lies outside of the root), -EACCES.
 */
export function workingDirectory(thread: Thread): ByteString | number {
  const { process } = thread;
  const { root } = process;
  let { mount, inode } = process.cwd;
  let path = "";
  for (let depth = 0; depth < DEPTH; depth++) {
    if (sameLocation({ mount, inode }, root)) return (path === "" ? "/" : path) as ByteString;
    if (sameInode(inode, mount.fs.root)) {
      const { at } = mount;
      if (at === undefined) return -ENOENT;
      ({ mount, inode } = at);
      continue;
    }
    const parent: Inode | number = mount.fs.parent(inode);
    if (typeof parent === "number") return parent;
    const name = nameIn(mount.fs, parent, inode);
    if (typeof name === "number") return name;
    path = `/${name}${path}`;
    inode = parent;
  }
  return -ENAMETOOLONG;
}

function nameIn(fs: FileSystem, directory: Inode, inode: Inode): ByteString | number {
  const file = fs.open(directory, O_RDONLY | O_DIRECTORY);
  if (typeof file === "number") return file;
  try {
    for (let from = 0; ; ) {
      const entries = file.entries(from, PAGE);
      if (typeof entries === "number") return entries;
      const last = entries.at(-1);
      if (last === undefined) return -ENOENT;
      const found = entries.find((entry) => entry.ino === inode.ino);
      if (found !== undefined) return found.name;
      from = last.next;
    }
  } finally {
    file.close();
  }
}

/** umask(2): the one before. */
export function setUmask(thread: Thread, mask: number): Outcome {
  const { process } = thread;
  const before = process.umask;
  process.umask = mask & 0o777;
  return before;
}

/** faccessat(2). Deviation: real and effective user are one. */
export function accessAt(
  thread: Thread,
  directoryFd: number,
  path: ByteString,
  want: number,
  walkFlags: number,
): Outcome {
  const from = startOf(thread.process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsAccessAt(thread.process, from, path, want, walkFlags);
}

/** faccessat(2) with AT_EMPTY_PATH. */
export function accessFd(thread: Thread, fd: number, want: number): Outcome {
  const entry = thread.process.descriptors.get(fd);
  if (entry === undefined) return -EBADF;
  return mayAccess(thread.process, entry.description.file.inode, want) < 0 ? -EACCES : 0;
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
