/**
 * Layer: wasi. Bytes through descriptors: fd_read, fd_write, fd_pread, fd_pwrite, fd_seek, fd_tell, fd_sync, fd_datasync,
 * fd_close, fd_renumber. Blocked calls end in `finish`, which only writes the count.
 */
import { SEEK_CUR } from "../abi/fcntl.ts";
import { S_IFDIR } from "../abi/stat.ts";
import {
  RIGHTS_FD_DATASYNC,
  RIGHTS_FD_READ,
  RIGHTS_FD_SEEK,
  RIGHTS_FD_SYNC,
  RIGHTS_FD_TELL,
  RIGHTS_FD_WRITE,
  WHENCE_CUR,
  WHENCE_END,
} from "../abi/wasi.ts";
import { ERRNO_FAULT, ERRNO_FBIG, ERRNO_INVAL, ERRNO_ISDIR, ERRNO_OVERFLOW, ERRNO_SUCCESS } from "../abi/wasi-errno.ts";
import type { GuestCall, Outcome } from "../kernel/contracts.ts";
import { close, pread, pwrite, read, renumber, seek, sync, write } from "../kernel/operations/io.ts";
import type { Thread } from "../kernel/process.ts";
import { IoVector } from "../mem/guest-memory.ts";
import { checkDescriptor, countResult, offsetResult, plainResult, wasiCall } from "./call.ts";
import { wasiErrno } from "./errno.ts";
import { EXACT, signed64, unsigned64 } from "./words.ts";

/** Good until the operation returns: what parks takes a copy. */
const vector = new IoVector();

/** The checks of all four transfers: rights, the address of the count, the vector. */
function prepare(
  thread: Thread,
  fd: number,
  needed: number,
  iovecs: number,
  iovecCount: number,
  countAt: number,
): number {
  const refused = checkDescriptor(thread, fd, needed);
  if (refused !== ERRNO_SUCCESS) return refused;
  const { memory } = thread.process;
  if (!memory.contains(countAt, 4)) return ERRNO_FAULT;
  return wasiErrno(memory.iovecs(vector, iovecs, iovecCount));
}

function fd_read(thread: Thread, fd: number, iovecs: number, iovecCount: number, countAt: number): number {
  const error = prepare(thread, fd >>> 0, RIGHTS_FD_READ, iovecs >>> 0, iovecCount >>> 0, countAt >>> 0);
  return error === ERRNO_SUCCESS ? countResult(thread, countAt >>> 0, read(thread, fd >>> 0, vector)) : error;
}

function fd_write(thread: Thread, fd: number, iovecs: number, iovecCount: number, countAt: number): number {
  const error = prepare(thread, fd >>> 0, RIGHTS_FD_WRITE, iovecs >>> 0, iovecCount >>> 0, countAt >>> 0);
  return error === ERRNO_SUCCESS ? countResult(thread, countAt >>> 0, write(thread, fd >>> 0, vector)) : error;
}

/** Of fd_read and fd_write. */
function finish(thread: Thread, args: readonly number[], outcome: Outcome): number {
  return countResult(thread, (args[3] ?? 0) >>> 0, outcome);
}

/** Of fd_pread and fd_pwrite. */
function finishAt(thread: Thread, args: readonly number[], outcome: Outcome): number {
  return countResult(thread, (args[5] ?? 0) >>> 0, outcome);
}

function fd_pread(
  thread: Thread,
  fd: number,
  iovecs: number,
  iovecCount: number,
  offsetLow: number,
  offsetHigh: number,
  countAt: number,
): number {
  const needed = RIGHTS_FD_READ | RIGHTS_FD_SEEK;
  const error = prepare(thread, fd >>> 0, needed, iovecs >>> 0, iovecCount >>> 0, countAt >>> 0);
  if (error !== ERRNO_SUCCESS) return error;
  // Off_t is signed: what has the highest bit is negative.
  if (offsetHigh < 0) return ERRNO_INVAL;
  const offset = unsigned64(offsetLow, offsetHigh);
  if (offset > EXACT) return ERRNO_OVERFLOW;
  return countResult(thread, countAt >>> 0, pread(thread, fd >>> 0, vector, offset));
}

function fd_pwrite(
  thread: Thread,
  fd: number,
  iovecs: number,
  iovecCount: number,
  offsetLow: number,
  offsetHigh: number,
  countAt: number,
): number {
  const needed = RIGHTS_FD_WRITE | RIGHTS_FD_SEEK;
  const error = prepare(thread, fd >>> 0, needed, iovecs >>> 0, iovecCount >>> 0, countAt >>> 0);
  if (error !== ERRNO_SUCCESS) return error;
  if (offsetHigh < 0) return ERRNO_INVAL;
  const offset = unsigned64(offsetLow, offsetHigh);
  if (offset > EXACT) return ERRNO_FBIG;
  return countResult(thread, countAt >>> 0, pwrite(thread, fd >>> 0, vector, offset));
}

/** Asking where one is takes either right. A directory has no offset a guest may use: its cookies go with fd_readdir. */
function fd_seek(
  thread: Thread,
  fd: number,
  offsetLow: number,
  offsetHigh: number,
  whence: number,
  offsetAt: number,
): number {
  const from = whence >>> 0;
  const asks = from === WHENCE_CUR && offsetLow === 0 && offsetHigh === 0;
  const refused = checkSeekable(thread, fd >>> 0, asks ? RIGHTS_FD_TELL : RIGHTS_FD_SEEK);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (!thread.process.memory.contains(offsetAt >>> 0, 8)) return ERRNO_FAULT;
  if (from > WHENCE_END) return ERRNO_INVAL;
  const offset = signed64(offsetLow, offsetHigh);
  if (offset > EXACT || offset < -EXACT) return ERRNO_OVERFLOW;
  // WASI's whence is Linux's: SET 0, CUR 1, END 2.
  return offsetResult(thread, offsetAt >>> 0, seek(thread, fd >>> 0, offset, from));
}

function fd_tell(thread: Thread, fd: number, offsetAt: number): number {
  const refused = checkSeekable(thread, fd >>> 0, RIGHTS_FD_TELL);
  if (refused !== ERRNO_SUCCESS) return refused;
  if (!thread.process.memory.contains(offsetAt >>> 0, 8)) return ERRNO_FAULT;
  return offsetResult(thread, offsetAt >>> 0, seek(thread, fd >>> 0, 0, SEEK_CUR));
}

function checkSeekable(thread: Thread, fd: number, needed: number): number {
  const refused = checkDescriptor(thread, fd, needed);
  if (refused !== ERRNO_SUCCESS) return refused;
  const type = thread.process.descriptors.get(fd)?.description.file.inode.type;
  return type === S_IFDIR ? ERRNO_ISDIR : ERRNO_SUCCESS;
}

function fd_sync(thread: Thread, fd: number): number {
  const refused = checkDescriptor(thread, fd >>> 0, RIGHTS_FD_SYNC);
  return refused === ERRNO_SUCCESS ? plainResult(sync(thread, fd >>> 0, false)) : refused;
}

function fd_datasync(thread: Thread, fd: number): number {
  const refused = checkDescriptor(thread, fd >>> 0, RIGHTS_FD_DATASYNC);
  return refused === ERRNO_SUCCESS ? plainResult(sync(thread, fd >>> 0, true)) : refused;
}

function fd_close(thread: Thread, fd: number): number {
  return plainResult(close(thread, fd >>> 0));
}

function fd_renumber(thread: Thread, from: number, to: number): number {
  return plainResult(renumber(thread, from >>> 0, to >>> 0));
}

export const FD_IO_CALLS: readonly GuestCall[] = [
  wasiCall("fd_read", fd_read, finish),
  wasiCall("fd_write", fd_write, finish),
  wasiCall("fd_pread", fd_pread, finishAt),
  wasiCall("fd_pwrite", fd_pwrite, finishAt),
  wasiCall("fd_seek", fd_seek),
  wasiCall("fd_tell", fd_tell),
  wasiCall("fd_sync", fd_sync),
  wasiCall("fd_datasync", fd_datasync),
  wasiCall("fd_close", fd_close),
  wasiCall("fd_renumber", fd_renumber),
];
