/**
 * Layer: syscalls. Descriptors: close, dup, fcntl, ioctl, pipes.
 */
import { EBADF, EFAULT, EINVAL, ENOTTY } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import * as ioctl from "../abi/ioctl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import {
  checkOpen,
  closeRange,
  duplicateTo,
  getCloseOnExec,
  isPathOnly,
  readableBytes,
  setCloseOnExec,
} from "../kernel/operations/descriptors.ts";
import { getStatusFlags, setStatusFlags } from "../kernel/operations/files.ts";
import { close, duplicate } from "../kernel/operations/io.ts";
import { makePipe, pipeSize, setPipeSize } from "../kernel/operations/pipes.ts";
import { addSeals, sealsOf } from "../kernel/operations/seals.ts";
import type { Thread } from "../kernel/process.ts";
import { getLock, setLock } from "./locks.ts";
import { terminalIoctl } from "./terminal.ts";

export function sys_close(thread: Thread, fd: number): Outcome {
  return close(thread, fd);
}

export function sys_close_range(thread: Thread, first: number, last: number, flags: number): Outcome {
  if ((flags & ~(fcntl.CLOSE_RANGE_CLOEXEC | fcntl.CLOSE_RANGE_UNSHARE)) !== 0) return -EINVAL;
  return closeRange(thread, first >>> 0, last >>> 0, (flags & fcntl.CLOSE_RANGE_CLOEXEC) !== 0);
}

export function sys_dup(thread: Thread, fd: number): Outcome {
  return duplicate(thread, fd, 0, false);
}

export function sys_dup2(thread: Thread, from: number, to: number): Outcome {
  return duplicateTo(thread, from, to, false);
}

export function sys_dup3(thread: Thread, from: number, to: number, flags: number): Outcome {
  if (from === to || (flags & ~fcntl.O_CLOEXEC) !== 0) return -EINVAL;
  return duplicateTo(thread, from, to, flags !== 0);
}

export function sys_pipe(thread: Thread, address: number): Outcome {
  return sys_pipe2(thread, address, 0);
}

const ends = { readFd: 0, writeFd: 0 };

/** The address is checked first: a refused pipe must not stay open. */
export function sys_pipe2(thread: Thread, address: number, flags: number): Outcome {
  const { memory } = thread.process;
  const at = address >>> 0;
  if (!memory.contains(at, 8)) return -EFAULT;
  const outcome = makePipe(thread, flags, ends);
  if (outcome < 0) return outcome;
  memory.view.setInt32(at, ends.readFd, true);
  memory.view.setInt32(at + 4, ends.writeFd, true);
  return 0;
}

/** fcntl(2). Deviation: leases, notification and owners are EINVAL. */
export function sys_fcntl(thread: Thread, fd: number, command: number, low: number, high: number): Outcome {
  switch (command) {
    case fcntl.F_DUPFD:
    case fcntl.F_DUPFD_CLOEXEC:
      return duplicate(thread, fd, low | 0, command === fcntl.F_DUPFD_CLOEXEC);
    case fcntl.F_GETFD:
      return getCloseOnExec(thread, fd);
    case fcntl.F_SETFD:
      return setCloseOnExec(thread, fd, (low & fcntl.FD_CLOEXEC) !== 0);
    case fcntl.F_GETFL:
      return getStatusFlags(thread, fd);
    case fcntl.F_SETFL:
      return setStatusFlags(thread, fd, low);
    case fcntl.F_GETLK:
    case fcntl.F_OFD_GETLK:
      return getLock(thread, fd, command === fcntl.F_OFD_GETLK, low >>> 0, high);
    case fcntl.F_SETLK:
    case fcntl.F_SETLKW:
      return setLock(thread, fd, "process", command === fcntl.F_SETLKW, low >>> 0, high);
    case fcntl.F_OFD_SETLK:
    case fcntl.F_OFD_SETLKW:
      return setLock(thread, fd, "description", command === fcntl.F_OFD_SETLKW, low >>> 0, high);
    case fcntl.F_GETPIPE_SZ:
      return pipeSize(thread, fd);
    case fcntl.F_GET_SEALS:
      return sealsOf(thread, fd);
    case fcntl.F_ADD_SEALS:
      return addSeals(thread, fd, low);
    case fcntl.F_SETPIPE_SZ:
      return setPipeSize(thread, fd, low >>> 0);
    default: {
      const closed = checkOpen(thread, fd);
      return closed < 0 ? closed : -EINVAL;
    }
  }
}

/** ioctl(2): what terminal.ts knows, FIONREAD, FIONBIO, FIOCLEX and FIONCLEX. Everything else is ENOTTY. */
export function sys_ioctl(thread: Thread, fd: number, request: number, argument: number): Outcome {
  const { memory } = thread.process;
  const at = argument >>> 0;
  if (isPathOnly(thread, fd)) return -EBADF;
  const answer = terminalIoctl(thread, fd, request >>> 0, at);
  if (answer !== undefined) return answer;
  switch (request >>> 0) {
    case ioctl.FIONREAD: {
      const bytes = readableBytes(thread, fd);
      if (bytes < 0) return bytes;
      if (!memory.contains(at, 4)) return -EFAULT;
      memory.view.setInt32(at, Math.min(bytes, 0x7fff_ffff), true);
      return 0;
    }
    case ioctl.FIONBIO: {
      const flags = getStatusFlags(thread, fd);
      if (flags < 0) return flags;
      if (!memory.contains(at, 4)) return -EFAULT;
      const on = memory.view.getInt32(at, true) !== 0;
      return setStatusFlags(thread, fd, on ? flags | fcntl.O_NONBLOCK : flags & ~fcntl.O_NONBLOCK);
    }
    case ioctl.FIOCLEX:
      return setCloseOnExec(thread, fd, true);
    case ioctl.FIONCLEX:
      return setCloseOnExec(thread, fd, false);
    default: {
      const closed = checkOpen(thread, fd);
      return closed < 0 ? closed : -ENOTTY;
    }
  }
}
