/**
 * Layer: wasi. Names: everything path_* but path_open. Each path is resolved beneath its descriptor.
 */

import type { ByteString } from "../abi/byte-string.ts";
import { EXDEV } from "../abi/errno.ts";
import * as wasi from "../abi/wasi.ts";
import { ERRNO_FAULT, ERRNO_INVAL, ERRNO_NOTCAPABLE, ERRNO_SUCCESS, ERRNO_XDEV } from "../abi/wasi-errno.ts";
import type { GuestCall, Outcome } from "../kernel/contracts.ts";
import { setAttributesAt, statAt } from "../kernel/operations/files.ts";
import {
  linkAt,
  makeDirectoryAt,
  makeSymlinkAt,
  readlinkAt,
  removeDirectoryAt,
  renameAt,
  unlinkAt,
} from "../kernel/operations/names.ts";
import type { Thread } from "../kernel/process.ts";
import { emptyStat } from "../vfs/contracts.ts";
import { sameLocation } from "../vfs/mounts.ts";
import { BENEATH } from "../vfs/walk.ts";
import { checkDirectory, pathAt, walkFlagsOf, wasiCall } from "./call.ts";
import { wasiPathErrno } from "./errno.ts";
import { putFilestat, timeChanges } from "./filestat.ts";

/** Good until the end of one call. */
const stat = emptyStat();

/** What mkdir(2) is given when WASI says nothing of modes; the umask is applied to it. */
const DIRECTORY_MODE = 0o777;

function path_create_directory(thread: Thread, fd: number, path: number, length: number): number {
  const refused = checkDirectory(thread, fd >>> 0, wasi.RIGHTS_PATH_CREATE_DIRECTORY);
  if (refused !== ERRNO_SUCCESS) return refused;
  const name = pathAt(thread, path >>> 0, length >>> 0);
  if (typeof name === "number") return name;
  return wasiPathErrno(makeDirectoryAt(thread, fd >>> 0, name, DIRECTORY_MODE, BENEATH));
}

function path_remove_directory(thread: Thread, fd: number, path: number, length: number): number {
  const refused = checkDirectory(thread, fd >>> 0, wasi.RIGHTS_PATH_REMOVE_DIRECTORY);
  if (refused !== ERRNO_SUCCESS) return refused;
  const name = pathAt(thread, path >>> 0, length >>> 0);
  if (typeof name === "number") return name;
  return wasiPathErrno(removeDirectoryAt(thread, fd >>> 0, name, BENEATH));
}

function path_unlink_file(thread: Thread, fd: number, path: number, length: number): number {
  const refused = checkDirectory(thread, fd >>> 0, wasi.RIGHTS_PATH_UNLINK_FILE);
  if (refused !== ERRNO_SUCCESS) return refused;
  const name = pathAt(thread, path >>> 0, length >>> 0);
  if (typeof name === "number") return name;
  return wasiPathErrno(unlinkAt(thread, fd >>> 0, name, BENEATH));
}

function path_filestat_get(
  thread: Thread,
  fd: number,
  lookupFlags: number,
  path: number,
  length: number,
  address: number,
): number {
  const refused = checkDirectory(thread, fd >>> 0, wasi.RIGHTS_PATH_FILESTAT_GET);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (lookupFlags >>> 0 > wasi.LOOKUPFLAGS_ALL) return ERRNO_INVAL;
  const { memory } = thread.process;
  const name = pathAt(thread, path >>> 0, length >>> 0);
  if (typeof name === "number") return name;
  if (!memory.contains(address >>> 0, wasi.FILESTAT_SIZE)) return ERRNO_FAULT;
  const outcome = statAt(thread, fd >>> 0, name, walkFlagsOf(lookupFlags), stat);
  if (outcome < 0) return wasiPathErrno(outcome);
  putFilestat(memory, address >>> 0, stat);
  return ERRNO_SUCCESS;
}

function path_filestat_set_times(
  thread: Thread,
  fd: number,
  lookupFlags: number,
  path: number,
  length: number,
  atimLow: number,
  atimHigh: number,
  mtimLow: number,
  mtimHigh: number,
  fstflags: number,
): number {
  const refused = checkDirectory(thread, fd >>> 0, wasi.RIGHTS_PATH_FILESTAT_SET_TIMES);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (lookupFlags >>> 0 > wasi.LOOKUPFLAGS_ALL) return ERRNO_INVAL;
  const name = pathAt(thread, path >>> 0, length >>> 0);
  if (typeof name === "number") return name;
  const times = timeChanges(thread, atimLow, atimHigh, mtimLow, mtimHigh, fstflags >>> 0);
  if (typeof times === "number") return times;
  const flags = walkFlagsOf(lookupFlags);
  // Without a time to set there still is a path that must lead somewhere.
  if (fstflags === 0) return wasiPathErrno(statAt(thread, fd >>> 0, name, flags, stat));
  return wasiPathErrno(setAttributesAt(thread, fd >>> 0, name, flags, times.changes, times.touch));
}

function path_readlink(
  thread: Thread,
  fd: number,
  path: number,
  length: number,
  buffer: number,
  bufferLength: number,
  usedAt: number,
): number {
  const refused = checkDirectory(thread, fd >>> 0, wasi.RIGHTS_PATH_READLINK);
  if (refused !== ERRNO_SUCCESS) return refused;
  const { memory } = thread.process;
  const name = pathAt(thread, path >>> 0, length >>> 0);
  if (typeof name === "number") return name;
  if (!memory.contains(buffer >>> 0, bufferLength >>> 0) || !memory.contains(usedAt >>> 0, 4)) return ERRNO_FAULT;
  const target = readlinkAt(thread, fd >>> 0, name, BENEATH);
  if (typeof target === "number") return wasiPathErrno(target);
  const used = Math.min(target.length, bufferLength >>> 0);
  memory.putByteString(buffer >>> 0, target.slice(0, used) as ByteString);
  memory.view.setUint32(usedAt >>> 0, used, true);
  return ERRNO_SUCCESS;
}

/**
 * A link to an absolute path is NOTCAPABLE, because no path beneath the descriptor could ever follow it. Only beneath the
 * process's own root is it what Linux makes of it.
 */
function path_symlink(
  thread: Thread,
  target: number,
  targetLength: number,
  fd: number,
  path: number,
  length: number,
): number {
  const refused = checkDirectory(thread, fd >>> 0, wasi.RIGHTS_PATH_SYMLINK);
  if (refused !== ERRNO_SUCCESS) return refused;
  const text = pathAt(thread, target >>> 0, targetLength >>> 0);
  if (typeof text === "number") return text;
  const name = pathAt(thread, path >>> 0, length >>> 0);
  if (typeof name === "number") return name;
  if (text.startsWith("/") && !isRoot(thread, fd >>> 0)) return ERRNO_NOTCAPABLE;
  return wasiPathErrno(makeSymlinkAt(thread, text, fd >>> 0, name, BENEATH));
}

function isRoot(thread: Thread, fd: number): boolean {
  const location = thread.process.descriptors.get(fd)?.description.location;
  return location !== undefined && sameLocation(location, thread.process.root);
}

function path_link(
  thread: Thread,
  oldFd: number,
  oldFlags: number,
  oldPath: number,
  oldLength: number,
  newFd: number,
  newPath: number,
  newLength: number,
): number {
  let refused = checkDirectory(thread, oldFd >>> 0, wasi.RIGHTS_PATH_LINK_SOURCE);
  if (refused === ERRNO_SUCCESS) refused = checkDirectory(thread, newFd >>> 0, wasi.RIGHTS_PATH_LINK_TARGET);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (oldFlags >>> 0 > wasi.LOOKUPFLAGS_ALL) return ERRNO_INVAL;
  const from = pathAt(thread, oldPath >>> 0, oldLength >>> 0);
  if (typeof from === "number") return from;
  const to = pathAt(thread, newPath >>> 0, newLength >>> 0);
  if (typeof to === "number") return to;
  const outcome = linkAt(thread, oldFd >>> 0, from, walkFlagsOf(oldFlags), newFd >>> 0, to, BENEATH);
  return twoPathErrno(thread, outcome, oldFd >>> 0, from, newFd >>> 0, to);
}

function path_rename(
  thread: Thread,
  oldFd: number,
  oldPath: number,
  oldLength: number,
  newFd: number,
  newPath: number,
  newLength: number,
): number {
  let refused = checkDirectory(thread, oldFd >>> 0, wasi.RIGHTS_PATH_RENAME_SOURCE);
  if (refused === ERRNO_SUCCESS) refused = checkDirectory(thread, newFd >>> 0, wasi.RIGHTS_PATH_RENAME_TARGET);
  if (refused !== ERRNO_SUCCESS) return refused;
  const from = pathAt(thread, oldPath >>> 0, oldLength >>> 0);
  if (typeof from === "number") return from;
  const to = pathAt(thread, newPath >>> 0, newLength >>> 0);
  if (typeof to === "number") return to;
  const outcome = renameAt(thread, oldFd >>> 0, from, newFd >>> 0, to, 0, BENEATH);
  return twoPathErrno(thread, outcome, oldFd >>> 0, from, newFd >>> 0, to);
}

/** Two paths have two reasons for EXDEV: one leads out of its descriptor, or they lead to different file systems. */
function twoPathErrno(
  thread: Thread,
  outcome: Outcome,
  oldFd: number,
  oldPath: ByteString,
  newFd: number,
  newPath: ByteString,
): number {
  if (outcome !== -EXDEV) return wasiPathErrno(outcome);
  const leadsOut =
    statAt(thread, oldFd, oldPath, BENEATH, stat) === -EXDEV ||
    statAt(thread, newFd, newPath, BENEATH, stat) === -EXDEV;
  return leadsOut ? ERRNO_NOTCAPABLE : ERRNO_XDEV;
}

export const PATH_CALLS: readonly GuestCall[] = [
  wasiCall("path_create_directory", path_create_directory),
  wasiCall("path_filestat_get", path_filestat_get),
  wasiCall("path_filestat_set_times", path_filestat_set_times),
  wasiCall("path_link", path_link),
  wasiCall("path_readlink", path_readlink),
  wasiCall("path_remove_directory", path_remove_directory),
  wasiCall("path_rename", path_rename),
  wasiCall("path_symlink", path_symlink),
  wasiCall("path_unlink_file", path_unlink_file),
];
