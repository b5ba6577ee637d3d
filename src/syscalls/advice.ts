/**
 * Layer: syscalls. What programs say of how they use files: to be written back, or read ahead. Nothing changes by it here, where
 * files are in memory, or synced by fsync(2); what Linux refuses is refused.
 */
import { EBADF, EINVAL, ESPIPE } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import { S_IFDIR, S_IFIFO, S_IFREG } from "../abi/stat.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { typeOf } from "../kernel/operations/descriptors.ts";
import { getStatusFlags } from "../kernel/operations/files.ts";
import type { Thread } from "../kernel/process.ts";
import { long } from "./call.ts";

/** sync(2): everything in memory is as stored as it can be; a host directory is synced by descriptor. */
export function sys_sync(): Outcome {
  return 0;
}

/** syncfs(2). -EBADF. */
export function sys_syncfs(thread: Thread, fd: number): Outcome {
  return Math.min(typeOf(thread, fd), 0);
}

/** sync_file_range(2). -EBADF, -EINVAL (flags, a range before the beginning), -ESPIPE. */
export function sys_sync_file_range(
  thread: Thread,
  fd: number,
  offsetLow: number,
  offsetHigh: number,
  lengthLow: number,
  lengthHigh: number,
  flags: number,
): Outcome {
  const type = typeOf(thread, fd);
  if (type < 0) return type;
  const [offset, length] = [long(offsetLow, offsetHigh), long(lengthLow, lengthHigh)];
  if ((flags & ~fcntl.SYNC_FILE_RANGE_FLAGS) !== 0 || offset < 0 || length < 0) return -EINVAL;
  return type === S_IFREG || type === S_IFDIR ? 0 : -ESPIPE;
}

/** readahead(2). -EBADF (not open for reading), -EINVAL (no regular file). */
export function sys_readahead(thread: Thread, fd: number): Outcome {
  const type = typeOf(thread, fd);
  if (type < 0) return type;
  if ((getStatusFlags(thread, fd) & fcntl.O_ACCMODE) === fcntl.O_WRONLY) return -EBADF;
  return type === S_IFREG ? 0 : -EINVAL;
}

/** posix_fadvise(2). -EBADF, -ESPIPE, -EINVAL. */
export function sys_fadvise64(
  thread: Thread,
  fd: number,
  _offsetLow: number,
  _offsetHigh: number,
  lengthLow: number,
  lengthHigh: number,
  advice: number,
): Outcome {
  const type = typeOf(thread, fd);
  if (type < 0) return type;
  if (type === S_IFIFO) return -ESPIPE;
  return advice < 0 || advice > fcntl.POSIX_FADV_NOREUSE || long(lengthLow, lengthHigh) < 0 ? -EINVAL : 0;
}
