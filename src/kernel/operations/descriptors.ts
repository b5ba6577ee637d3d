/**
 * Layer: kernel, operations. Descriptor numbers: dup2(2), dup3(2), F_GETFD, F_SETFD, close_range(2), and what ioctl(2) asks
 * of streams. It must not know encodings.
 */
import { EBADF, EINVAL, ENOTTY } from "../../abi/errno.ts";
import { O_PATH } from "../../abi/fcntl.ts";
import { S_IFREG } from "../../abi/stat.ts";
import { emptyStat } from "../../vfs/contracts.ts";
import type { Outcome } from "../contracts.ts";
import type { Thread } from "../process.ts";
import { InputStream, OutputStream } from "../streams.ts";

const stat = emptyStat();

/** dup2(2), dup3(2): `to` becomes a copy of `from`, closing what it was. `to`. -EBADF. Equal numbers change nothing. */
export function duplicateTo(thread: Thread, from: number, to: number, closeOnExec: boolean): Outcome {
  const { descriptors } = thread.process;
  const entry = descriptors.get(from);
  if (entry === undefined) return -EBADF;
  if (from === to) return to;
  const { rights, inheriting } = entry;
  const placed = descriptors.place(to, entry.description, closeOnExec);
  const made = descriptors.get(placed);
  if (made !== undefined) {
    made.rights = rights;
    made.inheriting = inheriting;
  }
  return placed;
}

/** F_GETFD: 1 for FD_CLOEXEC, or 0. */
export function getCloseOnExec(thread: Thread, fd: number): Outcome {
  const entry = thread.process.descriptors.get(fd);
  if (entry === undefined) return -EBADF;
  return entry.closeOnExec ? 1 : 0;
}

/** F_SETFD. */
export function setCloseOnExec(thread: Thread, fd: number, closeOnExec: boolean): Outcome {
  const entry = thread.process.descriptors.get(fd);
  if (entry === undefined) return -EBADF;
  entry.closeOnExec = closeOnExec;
  return 0;
}

/** close_range(2): close the numbers `first` to `last`, or only mark them. -EINVAL. */
export function closeRange(thread: Thread, first: number, last: number, onlyMark: boolean): Outcome {
  if (first > last) return -EINVAL;
  const { descriptors } = thread.process;
  for (let fd = first; fd <= Math.min(last, descriptors.length - 1); fd++) {
    if (onlyMark) setCloseOnExec(thread, fd, true);
    else descriptors.close(fd);
  }
  return 0;
}

/** 0 if the descriptor is a stream that passes for a terminal without being one, else -EBADF or -ENOTTY. */
export function checkTerminal(thread: Thread, fd: number): Outcome {
  const file = thread.process.descriptors.get(fd)?.description.file;
  if (file === undefined) return -EBADF;
  return (file instanceof InputStream || file instanceof OutputStream) && file.terminal ? 0 : -ENOTTY;
}

/** FIONREAD: bytes that can be read at once. -EBADF, -ENOTTY (no stream and no regular file). */
export function readableBytes(thread: Thread, fd: number): Outcome {
  const description = thread.process.descriptors.get(fd)?.description;
  if (description === undefined) return -EBADF;
  const { file, offset } = description;
  if (file.waiters !== undefined) return file.available();
  if (file.inode.type !== S_IFREG) return -ENOTTY;
  const error = file.inode.fs.stat(file.inode, stat);
  return error < 0 ? error : Math.max(0, stat.size - offset);
}

/** Whether it was opened with O_PATH. */
export function isPathOnly(thread: Thread, fd: number): boolean {
  const description = thread.process.descriptors.get(fd)?.description;
  return description !== undefined && (description.flags & O_PATH) !== 0;
}

/** Whether it is open: 0 or -EBADF. */
export function checkOpen(thread: Thread, fd: number): Outcome {
  return thread.process.descriptors.get(fd) === undefined ? -EBADF : 0;
}

/** The type (S_IFMT) of what is open to be read or written. -EBADF, also where it was opened with O_PATH. */
export function typeOf(thread: Thread, fd: number): Outcome {
  const description = thread.process.descriptors.get(fd)?.description;
  return description === undefined || (description.flags & O_PATH) !== 0 ? -EBADF : description.file.inode.type;
}
