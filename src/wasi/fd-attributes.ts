/**
 * Layer: wasi. What is known of descriptors and open files, and how it changes: fd_fdstat_*, fd_filestat_*, fd_prestat_*,
 * fd_advise, fd_allocate.
 */
import { O_APPEND, O_DSYNC, O_NONBLOCK, O_SYNC } from "../abi/fcntl.ts";
import * as wasi from "../abi/wasi.ts";
import {
  ERRNO_BADF,
  ERRNO_FAULT,
  ERRNO_FBIG,
  ERRNO_INVAL,
  ERRNO_NAMETOOLONG,
  ERRNO_NOTCAPABLE,
  ERRNO_SPIPE,
  ERRNO_SUCCESS,
} from "../abi/wasi-errno.ts";
import type { GuestCall } from "../kernel/contracts.ts";
import { getStatusFlags, setStatusFlags, setTimesFd, statFd, truncateFd } from "../kernel/operations/files.ts";
import { allocate } from "../kernel/operations/io.ts";
import type { Thread } from "../kernel/process.ts";
import { emptyStat } from "../vfs/contracts.ts";
import { checkDescriptor, plainResult, wasiCall } from "./call.ts";
import { wasiErrno } from "./errno.ts";
import { filetypeOfMode, putFilestat, timeChanges } from "./filestat.ts";
import { effectiveInheriting, effectiveRights } from "./rights.ts";
import { EXACT, unsigned64 } from "./words.ts";

/** Good until the end of one call. */
const stat = emptyStat();

/** Linux's open flags for fdflags, and back. RSYNC is O_SYNC there. */
export function openFlagsOf(fdflags: number): number {
  let flags = 0;
  if ((fdflags & wasi.FDFLAGS_APPEND) !== 0) flags |= O_APPEND;
  if ((fdflags & wasi.FDFLAGS_DSYNC) !== 0) flags |= O_DSYNC;
  if ((fdflags & wasi.FDFLAGS_NONBLOCK) !== 0) flags |= O_NONBLOCK;
  if ((fdflags & (wasi.FDFLAGS_SYNC | wasi.FDFLAGS_RSYNC)) !== 0) flags |= O_SYNC;
  return flags;
}

function fdflagsOf(flags: number): number {
  let fdflags = 0;
  if ((flags & O_APPEND) !== 0) fdflags |= wasi.FDFLAGS_APPEND;
  if ((flags & O_NONBLOCK) !== 0) fdflags |= wasi.FDFLAGS_NONBLOCK;
  // O_SYNC contains O_DSYNC's bit.
  if ((flags & O_SYNC) === O_SYNC) fdflags |= wasi.FDFLAGS_SYNC | wasi.FDFLAGS_RSYNC | wasi.FDFLAGS_DSYNC;
  else if ((flags & O_DSYNC) !== 0) fdflags |= wasi.FDFLAGS_DSYNC;
  return fdflags;
}

function fd_fdstat_get(thread: Thread, fd: number, address: number): number {
  const { memory, descriptors } = thread.process;
  const at = address >>> 0;
  const descriptor = descriptors.get(fd >>> 0);
  if (descriptor === undefined) return ERRNO_BADF;
  if (!memory.contains(at, wasi.FDSTAT_SIZE)) return ERRNO_FAULT;
  const flags = getStatusFlags(thread, fd >>> 0);
  if (flags < 0) return wasiErrno(flags);
  const { view } = memory;
  // What lies between the fields is zero.
  memory.putU64(at, 0);
  view.setUint8(at + wasi.FDSTAT_FILETYPE, filetypeOfMode(descriptor.description.file.inode.type));
  view.setUint16(at + wasi.FDSTAT_FLAGS, fdflagsOf(flags), true);
  memory.putU64(at + wasi.FDSTAT_RIGHTS_BASE, effectiveRights(descriptor) >>> 0);
  memory.putU64(at + wasi.FDSTAT_RIGHTS_INHERITING, effectiveInheriting(descriptor) >>> 0);
  return ERRNO_SUCCESS;
}

/** As F_SETFL: APPEND and NONBLOCK change, the synchronous flags stay what they were at open. */
function fd_fdstat_set_flags(thread: Thread, fd: number, fdflags: number): number {
  const refused = checkDescriptor(thread, fd >>> 0, wasi.RIGHTS_FD_FDSTAT_SET_FLAGS);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (fdflags >>> 0 > wasi.FDFLAGS_ALL) return ERRNO_INVAL;
  return plainResult(setStatusFlags(thread, fd >>> 0, openFlagsOf(fdflags)));
}

/** Rights are only ever given up: what the descriptor does not have is NOTCAPABLE. */
function fd_fdstat_set_rights(
  thread: Thread,
  fd: number,
  baseLow: number,
  baseHigh: number,
  inheritingLow: number,
  inheritingHigh: number,
): number {
  const descriptor = thread.process.descriptors.get(fd >>> 0);
  if (descriptor === undefined) return ERRNO_BADF;
  if (baseHigh !== 0 || inheritingHigh !== 0) return ERRNO_NOTCAPABLE;
  if ((baseLow & ~effectiveRights(descriptor)) !== 0) return ERRNO_NOTCAPABLE;
  if ((inheritingLow & ~effectiveInheriting(descriptor)) !== 0) return ERRNO_NOTCAPABLE;
  descriptor.rights = baseLow;
  descriptor.inheriting = inheritingLow;
  return ERRNO_SUCCESS;
}

function fd_filestat_get(thread: Thread, fd: number, address: number): number {
  const refused = checkDescriptor(thread, fd >>> 0, wasi.RIGHTS_FD_FILESTAT_GET);
  if (refused !== ERRNO_SUCCESS) return refused;
  const { memory } = thread.process;
  if (!memory.contains(address >>> 0, wasi.FILESTAT_SIZE)) return ERRNO_FAULT;
  const outcome = statFd(thread, fd >>> 0, stat);
  if (outcome < 0) return wasiErrno(outcome);
  putFilestat(memory, address >>> 0, stat);
  return ERRNO_SUCCESS;
}

function fd_filestat_set_size(thread: Thread, fd: number, low: number, high: number): number {
  const refused = checkDescriptor(thread, fd >>> 0, wasi.RIGHTS_FD_FILESTAT_SET_SIZE);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (high < 0) return ERRNO_INVAL;
  const size = unsigned64(low, high);
  return size > EXACT ? ERRNO_FBIG : plainResult(truncateFd(thread, fd >>> 0, size));
}

function fd_filestat_set_times(
  thread: Thread,
  fd: number,
  atimLow: number,
  atimHigh: number,
  mtimLow: number,
  mtimHigh: number,
  fstflags: number,
): number {
  const refused = checkDescriptor(thread, fd >>> 0, wasi.RIGHTS_FD_FILESTAT_SET_TIMES);
  if (refused !== ERRNO_SUCCESS) return refused;
  const times = timeChanges(thread, atimLow, atimHigh, mtimLow, mtimHigh, fstflags >>> 0);
  if (typeof times === "number") return times;
  if (fstflags === 0) return ERRNO_SUCCESS;
  return plainResult(setTimesFd(thread, fd >>> 0, times.changes, times.touch));
}

function fd_prestat_get(thread: Thread, fd: number, address: number): number {
  const { memory, descriptors } = thread.process;
  const at = address >>> 0;
  const name = descriptors.get(fd >>> 0)?.preopen;
  if (name === undefined) return ERRNO_BADF;
  if (!memory.contains(at, wasi.PRESTAT_SIZE)) return ERRNO_FAULT;
  memory.view.setUint32(at + wasi.PRESTAT_TAG, wasi.PREOPENTYPE_DIR, true);
  memory.view.setUint32(at + wasi.PRESTAT_NAME_LENGTH, name.length, true);
  return ERRNO_SUCCESS;
}

/** A longer buffer is left as it is behind the name; a shorter one is NAMETOOLONG. */
function fd_prestat_dir_name(thread: Thread, fd: number, address: number, length: number): number {
  const { memory, descriptors } = thread.process;
  const name = descriptors.get(fd >>> 0)?.preopen;
  if (name === undefined) return ERRNO_BADF;
  if (length >>> 0 < name.length) return ERRNO_NAMETOOLONG;
  if (!memory.contains(address >>> 0, name.length)) return ERRNO_FAULT;
  memory.putByteString(address >>> 0, name);
  return ERRNO_SUCCESS;
}

/** posix_fadvise(2): checked, and then nothing, for no file system here caches by advice. */
function fd_advise(
  thread: Thread,
  fd: number,
  _offsetLow: number,
  offsetHigh: number,
  _lengthLow: number,
  lengthHigh: number,
  advice: number,
): number {
  const refused = checkDescriptor(thread, fd >>> 0, wasi.RIGHTS_FD_ADVISE);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (advice >>> 0 > wasi.ADVICE_NOREUSE || offsetHigh < 0 || lengthHigh < 0) return ERRNO_INVAL;
  const file = thread.process.descriptors.get(fd >>> 0)?.description.file;
  return file?.waiters === undefined ? ERRNO_SUCCESS : ERRNO_SPIPE;
}

function fd_allocate(
  thread: Thread,
  fd: number,
  offsetLow: number,
  offsetHigh: number,
  lengthLow: number,
  lengthHigh: number,
): number {
  const refused = checkDescriptor(thread, fd >>> 0, wasi.RIGHTS_FD_ALLOCATE);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (offsetHigh < 0 || lengthHigh < 0) return ERRNO_INVAL;
  const offset = unsigned64(offsetLow, offsetHigh);
  const length = unsigned64(lengthLow, lengthHigh);
  if (offset > EXACT || length > EXACT) return ERRNO_FBIG;
  return plainResult(allocate(thread, fd >>> 0, offset, length));
}

export const FD_ATTRIBUTE_CALLS: readonly GuestCall[] = [
  wasiCall("fd_advise", fd_advise),
  wasiCall("fd_allocate", fd_allocate),
  wasiCall("fd_fdstat_get", fd_fdstat_get),
  wasiCall("fd_fdstat_set_flags", fd_fdstat_set_flags),
  wasiCall("fd_fdstat_set_rights", fd_fdstat_set_rights),
  wasiCall("fd_filestat_get", fd_filestat_get),
  wasiCall("fd_filestat_set_size", fd_filestat_set_size),
  wasiCall("fd_filestat_set_times", fd_filestat_set_times),
  wasiCall("fd_prestat_get", fd_prestat_get),
  wasiCall("fd_prestat_dir_name", fd_prestat_dir_name),
];
