/**
 * Layer: kernel, operations. Seals of files in memory: fcntl(2)'s F_ADD_SEALS and F_GET_SEALS. It must not know encodings.
 */
import { EBADF, EBUSY, EINVAL, EPERM } from "../../abi/errno.ts";
import {
  F_ALL_SEALS,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
} from "../../abi/fcntl.ts";
import type { Outcome } from "../contracts.ts";
import type { Thread } from "../process.ts";

/** F_GET_SEALS. -EBADF, -EINVAL (a file that takes none). */
export function sealsOf(thread: Thread, fd: number): Outcome {
  const inode = thread.process.descriptors.get(fd)?.description.file.inode;
  return inode === undefined ? -EBADF : (inode.seals ?? -EINVAL);
}

/**
 * F_ADD_SEALS. -EBADF, -EINVAL (no such seal, or a file that takes none), -EPERM (sealed against it, or not open for writing),
 * -EBUSY (F_SEAL_WRITE, while somebody may write through a mapping).
 */
export function addSeals(thread: Thread, fd: number, wanted: number): Outcome {
  const { kernel, descriptors } = thread.process;
  const description = descriptors.get(fd)?.description;
  if (description === undefined) return -EBADF;
  const { inode } = description.file;
  if (!description.writable) return -EPERM;
  if (inode.seals === undefined) return -EINVAL;
  if ((wanted & ~F_ALL_SEALS) !== 0) return -EINVAL;
  if ((inode.seals & F_SEAL_SEAL) !== 0) return -EPERM;
  let seals = wanted;
  const { stat } = kernel;
  const executable = inode.fs.stat(inode, stat) === 0 && (stat.mode & 0o111) !== 0;
  // What runs must not change while it does.
  if ((seals & F_SEAL_EXEC) !== 0 && executable) {
    seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
  }
  if ((seals & ~inode.seals & F_SEAL_WRITE) !== 0 && kernel.shared.mayBeWritten(inode)) return -EBUSY;
  inode.seals |= seals;
  return 0;
}
