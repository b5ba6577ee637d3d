/**
 * Layer: kernel, operations. Names in directories: made, removed, changed, and links read. It finds the descriptor a path starts
 * from and applies the umask; the walk and its checks are the vfs's. It must not know encodings, nor rights of descriptors.
 * `directoryFd` and `walkFlags` are as in files.ts.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EBADF, ENOENT, EXDEV } from "../../abi/errno.ts";
import { AT_FDCWD } from "../../abi/fcntl.ts";
import { S_IFLNK } from "../../abi/stat.ts";
import { readlinkOf, readlinkAt as vfsReadlinkAt } from "../../vfs/attributes.ts";
import {
  linkTo,
  linkAt as vfsLinkAt,
  makeDirectoryAt as vfsMakeDirectoryAt,
  makeNodeAt as vfsMakeNodeAt,
  makeSymlinkAt as vfsMakeSymlinkAt,
} from "../../vfs/create.ts";
import { removeDirectoryAt as vfsRemoveDirectoryAt, unlinkAt as vfsUnlinkAt } from "../../vfs/remove.ts";
import { renameAt as vfsRenameAt } from "../../vfs/rename.ts";
import { BENEATH } from "../../vfs/walk.ts";
import type { Outcome } from "../contracts.ts";
import type { Thread } from "../process.ts";
import { startOf } from "./files.ts";
import { isSuperuser } from "./identity.ts";

/** mkdirat(2). */
export function makeDirectoryAt(
  thread: Thread,
  directoryFd: number,
  path: ByteString,
  mode: number,
  walkFlags: number,
): Outcome {
  const { process } = thread;
  const from = startOf(process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsMakeDirectoryAt(process, from, path, mode & ~process.umask, walkFlags);
}

/** mknodat(2) of FIFOs and sockets' names. */
export function makeNodeAt(
  thread: Thread,
  directoryFd: number,
  path: ByteString,
  type: number,
  mode: number,
  walkFlags: number,
): Outcome {
  const { process } = thread;
  const from = startOf(process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsMakeNodeAt(process, from, path, type, mode & ~process.umask, walkFlags);
}

/** rmdir(2). */
export function removeDirectoryAt(thread: Thread, directoryFd: number, path: ByteString, walkFlags: number): Outcome {
  const from = startOf(thread.process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsRemoveDirectoryAt(thread.process, from, path, walkFlags);
}

/** unlinkat(2). */
export function unlinkAt(thread: Thread, directoryFd: number, path: ByteString, walkFlags: number): Outcome {
  const from = startOf(thread.process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsUnlinkAt(thread.process, from, path, walkFlags);
}

/** renameat2(2). */
export function renameAt(
  thread: Thread,
  oldFd: number,
  oldPath: ByteString,
  newFd: number,
  newPath: ByteString,
  flags: number,
  walkFlags: number,
): Outcome {
  const { process } = thread;
  const oldFrom = startOf(process, oldFd, oldPath, walkFlags);
  if (typeof oldFrom === "number") return oldFrom;
  const newFrom = startOf(process, newFd, newPath, walkFlags);
  if (typeof newFrom === "number") return newFrom;
  return vfsRenameAt(process, oldFrom, oldPath, newFrom, newPath, flags, walkFlags);
}

/** linkat(2). FOLLOW in `oldWalkFlags` is AT_SYMLINK_FOLLOW; an empty `oldPath` is what is open as `oldFd` (AT_EMPTY_PATH), for the superuser. */
export function linkAt(
  thread: Thread,
  oldFd: number,
  oldPath: ByteString,
  oldWalkFlags: number,
  newFd: number,
  newPath: ByteString,
  newWalkFlags: number,
): Outcome {
  const { process } = thread;
  const newFrom = startOf(process, newFd, newPath, newWalkFlags);
  if (typeof newFrom === "number") return newFrom;
  if (oldPath === "" && (oldWalkFlags & BENEATH) === 0) {
    const target = process.descriptors.get(oldFd)?.description;
    if (target === undefined) return -EBADF;
    if (!isSuperuser(process)) return -ENOENT;
    return target.location === undefined ? -EXDEV : linkTo(process, target.location, newFrom, newPath, newWalkFlags);
  }
  const oldFrom = startOf(process, oldFd, oldPath, oldWalkFlags);
  if (typeof oldFrom === "number") return oldFrom;
  return vfsLinkAt(process, oldFrom, oldPath, oldWalkFlags, newFrom, newPath, newWalkFlags);
}

/** symlinkat(2). */
export function makeSymlinkAt(
  thread: Thread,
  target: ByteString,
  directoryFd: number,
  path: ByteString,
  walkFlags: number,
): Outcome {
  const from = startOf(thread.process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsMakeSymlinkAt(thread.process, target, from, path, walkFlags);
}

/** readlinkat(2): the whole target, to be cut by the caller. */
export function readlinkAt(
  thread: Thread,
  directoryFd: number,
  path: ByteString,
  walkFlags: number,
): ByteString | number {
  const from = startOf(thread.process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsReadlinkAt(thread.process, from, path, walkFlags);
}

/** readlinkat(2) with an empty path: of a link that O_PATH opened. -ENOENT for anything else. */
export function readlinkFd(thread: Thread, fd: number): ByteString | number {
  const { process } = thread;
  if (fd === AT_FDCWD) return -ENOENT;
  const description = process.descriptors.get(fd)?.description;
  if (description === undefined) return -EBADF;
  const { location } = description;
  return location?.inode.type === S_IFLNK ? readlinkOf(process, location.inode) : -ENOENT;
}
