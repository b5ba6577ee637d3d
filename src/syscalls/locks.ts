/**
 * Layer: syscalls. Locks on files: flock, and fcntl's records.
 */
import { EFAULT, EINVAL, EOVERFLOW } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { checkOpen } from "../kernel/operations/descriptors.ts";
import { findLock, lockFile, lockOrigin, lockRecord, type RecordRequest } from "../kernel/operations/locks.ts";
import type { Thread } from "../kernel/process.ts";

/** struct flock: type i16, whence i16, start i64 @8, length i64 @16, pid i32 @24. */
const FLOCK_BYTES = 32;

const HOW = new Map<number, RecordRequest["how"]>([
  [fcntl.F_RDLCK, "shared"],
  [fcntl.F_WRLCK, "exclusive"],
  [fcntl.F_UNLCK, "none"],
]);

export function sys_flock(thread: Thread, fd: number, operation: number): Outcome {
  const how = operation & ~fcntl.LOCK_NB;
  if (how !== fcntl.LOCK_SH && how !== fcntl.LOCK_EX && how !== fcntl.LOCK_UN) return -EINVAL;
  const words = how === fcntl.LOCK_SH ? "shared" : how === fcntl.LOCK_EX ? "exclusive" : "none";
  return lockFile(thread, fd, words, (operation & fcntl.LOCK_NB) === 0);
}

/** F_SETLK, F_SETLKW and their OFD kin. */
export function setLock(
  thread: Thread,
  fd: number,
  kind: RecordRequest["kind"],
  mayWait: boolean,
  address: number,
  high: number,
): Outcome {
  const request = requestAt(thread, fd, kind, address, high);
  return typeof request === "number" ? request : lockRecord(thread, fd, request, mayWait);
}

/** F_GETLK, F_OFD_GETLK: the lock in the way takes the place of the one asked about; without one its type is F_UNLCK. */
export function getLock(thread: Thread, fd: number, ofd: boolean, address: number, high: number): Outcome {
  const request = requestAt(thread, fd, ofd ? "description" : "process", address, high);
  if (typeof request === "number") return request;
  if (request.how === "none") return -EINVAL;
  const found = findLock(thread, fd, request);
  if (typeof found === "number") return found;
  const { memory } = thread.process;
  const { view } = memory;
  if (found === undefined) {
    view.setInt16(address, fcntl.F_UNLCK, true);
    return 0;
  }
  view.setInt16(address, found.exclusive ? fcntl.F_WRLCK : fcntl.F_RDLCK, true);
  view.setInt16(address + 2, fcntl.SEEK_SET, true);
  memory.putU64(address + 8, found.start);
  memory.putU64(address + 16, found.end === Infinity ? 0 : found.end - found.start);
  view.setInt32(address + 24, found.pid, true);
  return 0;
}

/**
 * Copy a struct flock in: -EBADF, -EFAULT, -EINVAL (type, whence, a range before the file's start; a number in an OFD's pid),
 * -EOVERFLOW (a start beyond 2^53 - 1). A range that ends beyond that has no end.
 */
function requestAt(
  thread: Thread,
  fd: number,
  kind: RecordRequest["kind"],
  address: number,
  high: number,
): RecordRequest | number {
  const { memory } = thread.process;
  const closed = checkOpen(thread, fd);
  if (closed < 0) return closed;
  if (high !== 0 || !memory.contains(address, FLOCK_BYTES)) return -EFAULT;
  const { view } = memory;
  const how = HOW.get(view.getInt16(address, true));
  const whence = view.getInt16(address + 2, true);
  const [offset, length] = [memory.i64(address + 8), memory.i64(address + 16)];
  const pid = view.getInt32(address + 24, true);
  if (how === undefined || whence < fcntl.SEEK_SET || whence > fcntl.SEEK_END) return -EINVAL;
  if (kind === "description" && pid !== 0) return -EINVAL;
  const origin = whence === fcntl.SEEK_SET ? 0 : lockOrigin(thread, fd, whence === fcntl.SEEK_END);
  if (origin < 0) return origin;
  const from = origin + offset;
  const start = length < 0 ? from + length : from;
  const end = length > 0 ? from + length : length < 0 ? from : Infinity;
  if (start < 0) return -EINVAL;
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(start)) return -EOVERFLOW;
  return { kind, how, start, end: Number.isSafeInteger(end) ? end : Infinity };
}
