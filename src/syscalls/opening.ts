/**
 * Layer: syscalls. Opening otherwise than open(2) does: openat2, memfd_create.
 */
import { E2BIG, EFAULT, EINVAL } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { makeMemoryFile, openResolvingAt } from "../kernel/operations/files.ts";
import type { Thread } from "../kernel/process.ts";
import { pathAt } from "./call.ts";

/** struct open_how: flags, mode, resolve; a page at most. */
const HOW_BYTES = 24;
const HOW_MOST = 4096;
const RESOLVE_ALL = 0x3f;

/** openat2(2): what open(2) ignores is refused. A longer structure is taken if what is unknown of it is zero. */
export function sys_openat2(thread: Thread, fd: number, path: number, howAt: number, size: number): Outcome {
  const { memory } = thread.process;
  const [at, bytes] = [howAt >>> 0, size >>> 0];
  if (bytes < HOW_BYTES) return -EINVAL;
  if (bytes > HOW_MOST) return -E2BIG;
  if (!memory.contains(at, bytes)) return -EFAULT;
  if (memory.bytes.subarray(at + HOW_BYTES, at + bytes).some((byte) => byte !== 0)) return -E2BIG;
  const [flags, mode, resolve] = [memory.i64(at), memory.i64(at + 8), memory.i64(at + 16)];
  const { O_CREAT, O_PATH, O_TMPFILE, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC } = fcntl;
  if (flags < 0 || flags > fcntl.O_VALID || (flags & ~fcntl.O_VALID) !== 0) return -EINVAL;
  if (resolve < 0 || resolve > RESOLVE_ALL) return -EINVAL;
  const both = fcntl.RESOLVE_BENEATH | fcntl.RESOLVE_IN_ROOT;
  if ((resolve & both) === both) return -EINVAL;
  const makes = (flags & O_CREAT) !== 0 || (flags & O_TMPFILE) === O_TMPFILE;
  if (mode < 0 || mode > 0o7777 || (!makes && mode !== 0)) return -EINVAL;
  if ((flags & O_PATH) !== 0 && (flags & ~(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) !== 0) return -EINVAL;
  const name = pathAt(thread.process, path);
  return typeof name === "number" ? name : openResolvingAt(thread, fd, name, flags, mode, resolve);
}

/** Bytes of a name at most, "memfd:" not among them. */
const NAME_BYTES = 249;

/** memfd_create(2). Deviation: no large pages. */
export function sys_memfd_create(thread: Thread, nameAt: number, flags: number): Outcome {
  const { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL, MFD_EXEC } = fcntl;
  const either = MFD_NOEXEC_SEAL | MFD_EXEC;
  if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | either)) !== 0 || (flags & either) === either) return -EINVAL;
  const name = thread.process.memory.cString(nameAt >>> 0, NAME_BYTES + 1);
  if (typeof name === "number") return name === -EFAULT ? -EFAULT : -EINVAL;
  const seals =
    (flags & MFD_NOEXEC_SEAL) !== 0 ? fcntl.F_SEAL_EXEC : (flags & MFD_ALLOW_SEALING) !== 0 ? 0 : fcntl.F_SEAL_SEAL;
  return makeMemoryFile(thread, name, (flags & MFD_NOEXEC_SEAL) === 0, seals, (flags & MFD_CLOEXEC) !== 0);
}
