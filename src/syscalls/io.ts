/**
 * Layer: syscalls. Bytes through descriptors: read, write and their kin, lseek, fsync, sendfile, copy_file_range.
 */
import { EFAULT, EINVAL, EOPNOTSUPP } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { checkOpen } from "../kernel/operations/descriptors.ts";
import { type Allocation, allocate, pread, pwrite, read, seek, sync, write } from "../kernel/operations/io.ts";
import { splice, spliceMemory, tee } from "../kernel/operations/splice.ts";
import { copyRange, type Positions, sendFile } from "../kernel/operations/transfer.ts";
import type { Thread } from "../kernel/process.ts";
import { long, single, vector } from "./call.ts";

export function sys_read(thread: Thread, fd: number, address: number, length: number): Outcome {
  return read(thread, fd, single(address, length));
}

export function sys_write(thread: Thread, fd: number, address: number, length: number): Outcome {
  return write(thread, fd, single(address, length));
}

export function sys_pread64(
  thread: Thread,
  fd: number,
  address: number,
  length: number,
  low: number,
  high: number,
): Outcome {
  return pread(thread, fd, single(address, length), long(low, high));
}

export function sys_pwrite64(
  thread: Thread,
  fd: number,
  address: number,
  length: number,
  low: number,
  high: number,
): Outcome {
  return pwrite(thread, fd, single(address, length), long(low, high));
}

/** Copy an iovec table in: 0, -EBADF, -EINVAL, -EFAULT. The count is signed. */
function iovecs(thread: Thread, fd: number, address: number, count: number): number {
  const closed = checkOpen(thread, fd);
  return closed < 0 ? closed : thread.process.memory.iovecs(vector, address >>> 0, count >>> 0);
}

/** What moves bytes one way: from the descriptor's own position, or from a given one. */
type Direction = { readonly own: typeof read; readonly at: typeof pread };
const READ: Direction = { own: read, at: pread };
const WRITE: Direction = { own: write, at: pwrite };

function moved({ own }: Direction, thread: Thread, fd: number, address: number, count: number): Outcome {
  const error = iovecs(thread, fd, address, count);
  return error < 0 ? error : own(thread, fd, vector);
}

function movedAt(
  { at }: Direction,
  thread: Thread,
  fd: number,
  address: number,
  count: number,
  position: number,
): Outcome {
  const error = iovecs(thread, fd, address, count);
  return error < 0 ? error : at(thread, fd, vector, position);
}

export function sys_readv(thread: Thread, fd: number, address: number, count: number): Outcome {
  return moved(READ, thread, fd, address, count);
}

export function sys_writev(thread: Thread, fd: number, address: number, count: number): Outcome {
  return moved(WRITE, thread, fd, address, count);
}

/** The high word of the position is unused where a long has 64 bits. */
export function sys_preadv(
  thread: Thread,
  fd: number,
  address: number,
  count: number,
  low: number,
  high: number,
): Outcome {
  return movedAt(READ, thread, fd, address, count, long(low, high));
}

export function sys_pwritev(
  thread: Thread,
  fd: number,
  address: number,
  count: number,
  low: number,
  high: number,
): Outcome {
  return movedAt(WRITE, thread, fd, address, count, long(low, high));
}

const HARMLESS = fcntl.RWF_HIPRI | fcntl.RWF_DSYNC | fcntl.RWF_SYNC;

/** preadv2(2): position -1 is the descriptor's own. Deviation: RWF_NOWAIT is EOPNOTSUPP. */
function movedWith(
  direction: Direction,
  thread: Thread,
  fd: number,
  address: number,
  count: number,
  position: number,
  flags: number,
): Outcome {
  if ((flags & ~HARMLESS) !== 0) return -EOPNOTSUPP;
  return position === -1
    ? moved(direction, thread, fd, address, count)
    : movedAt(direction, thread, fd, address, count, position);
}

export function sys_preadv2(
  thread: Thread,
  fd: number,
  address: number,
  count: number,
  low: number,
  high: number,
  _unusedLow: number,
  _unusedHigh: number,
  flags: number,
): Outcome {
  return movedWith(READ, thread, fd, address, count, long(low, high), flags);
}

export function sys_pwritev2(
  thread: Thread,
  fd: number,
  address: number,
  count: number,
  low: number,
  high: number,
  _unusedLow: number,
  _unusedHigh: number,
  flags: number,
): Outcome {
  if ((flags & fcntl.RWF_APPEND) === 0) return movedWith(WRITE, thread, fd, address, count, long(low, high), flags);
  if ((flags & ~(HARMLESS | fcntl.RWF_APPEND)) !== 0) return -EOPNOTSUPP;
  const error = iovecs(thread, fd, address, count);
  if (error < 0) return error;
  const position = long(low, high);
  return position === -1 ? write(thread, fd, vector, true) : pwrite(thread, fd, vector, position, true);
}

export function sys_lseek(thread: Thread, fd: number, low: number, high: number, whence: number): Outcome {
  return seek(thread, fd, long(low, high), whence);
}

export function sys_fsync(thread: Thread, fd: number): Outcome {
  return sync(thread, fd, false);
}

export function sys_fdatasync(thread: Thread, fd: number): Outcome {
  return sync(thread, fd, true);
}

const HOW = new Map<number, Allocation>([
  [0, "grow"],
  [fcntl.FALLOC_FL_KEEP_SIZE, "keep size"],
  [fcntl.FALLOC_FL_KEEP_SIZE | fcntl.FALLOC_FL_PUNCH_HOLE, "punch"],
]);

/** fallocate(2): what tmpfs does. Everything else is EOPNOTSUPP there too. */
export function sys_fallocate(
  thread: Thread,
  fd: number,
  mode: number,
  offsetLow: number,
  offsetHigh: number,
  lengthLow: number,
  lengthHigh: number,
): Outcome {
  const closed = checkOpen(thread, fd);
  if (closed < 0) return closed;
  const how = HOW.get(mode);
  if (how === undefined) return -EOPNOTSUPP;
  return allocate(thread, fd, long(offsetLow, offsetHigh), long(lengthLow, lengthHigh), how);
}

const positions: Positions = { from: undefined, to: undefined };

/** Read an optional position: 0, -EFAULT, -EINVAL. */
function takePosition(thread: Thread, address: number, which: keyof Positions): number {
  positions[which] = undefined;
  if (address === 0) return 0;
  const { memory } = thread.process;
  if (!memory.contains(address, 8)) return -EFAULT;
  const position = memory.i64(address);
  if (!(position >= 0 && position <= Number.MAX_SAFE_INTEGER)) return -EINVAL;
  positions[which] = position;
  return 0;
}

/** Tell the guest where it stands now; the address was checked. */
function putPosition(thread: Thread, address: number, which: keyof Positions): void {
  const position = positions[which];
  if (address !== 0 && position !== undefined) thread.process.memory.putU64(address, position);
}

export function sys_sendfile(thread: Thread, outFd: number, inFd: number, offsetAt: number, count: number): Outcome {
  positions.to = undefined;
  const error = takePosition(thread, offsetAt >>> 0, "from");
  if (error < 0) return error;
  const outcome = sendFile(thread, outFd, inFd, positions, count >>> 0);
  putPosition(thread, offsetAt >>> 0, "from");
  return outcome;
}

export function sys_copy_file_range(
  thread: Thread,
  inFd: number,
  inAt: number,
  outFd: number,
  outAt: number,
  count: number,
  flags: number,
): Outcome {
  if (flags !== 0) return -EINVAL;
  const error = takePosition(thread, inAt >>> 0, "from") || takePosition(thread, outAt >>> 0, "to");
  if (error < 0) return error;
  const outcome = copyRange(thread, inFd, outFd, positions, count >>> 0);
  putPosition(thread, inAt >>> 0, "from");
  putPosition(thread, outAt >>> 0, "to");
  return outcome;
}

/** splice(2). Both positions are checked before anything moves. */
export function sys_splice(
  thread: Thread,
  inFd: number,
  inAt: number,
  outFd: number,
  outAt: number,
  count: number,
  flags: number,
): Outcome {
  if ((flags & ~fcntl.SPLICE_F_ALL) !== 0) return -EINVAL;
  const error = takePosition(thread, inAt >>> 0, "from") || takePosition(thread, outAt >>> 0, "to");
  if (error < 0) return error;
  const outcome = splice(thread, inFd, outFd, positions, count >>> 0, flags);
  if (outcome < 0) return outcome;
  putPosition(thread, inAt >>> 0, "from");
  putPosition(thread, outAt >>> 0, "to");
  return outcome;
}

export function sys_tee(thread: Thread, inFd: number, outFd: number, count: number, flags: number): Outcome {
  return (flags & ~fcntl.SPLICE_F_ALL) !== 0 ? -EINVAL : tee(thread, inFd, outFd, count >>> 0, flags);
}

/** vmsplice(2): pages are not given away. */
export function sys_vmsplice(thread: Thread, fd: number, address: number, count: number, flags: number): Outcome {
  if ((flags & ~fcntl.SPLICE_F_ALL) !== 0) return -EINVAL;
  const error = iovecs(thread, fd, address, count);
  return error < 0 ? error : spliceMemory(thread, fd, vector, flags);
}
