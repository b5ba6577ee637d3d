/**
 * Layer: syscalls. Descriptors of processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { SI_SIGNO } from "../abi/siginfo.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { openProcess, signalProcessFile, takeDescriptor } from "../kernel/operations/process-files.ts";
import type { Thread } from "../kernel/process.ts";
import { queuedSignalAt } from "./signals.ts";

export function sys_pidfd_open(thread: Thread, pid: number, flags: number): Outcome {
  return openProcess(thread, pid, flags);
}

export function sys_pidfd_send_signal(
  thread: Thread,
  fd: number,
  signal: number,
  infoAt: number,
  flags: number,
): Outcome {
  const at = infoAt >>> 0;
  if (flags !== 0) return -EINVAL;
  if (at === 0) return signalProcessFile(thread, fd, signal);
  const queued = queuedSignalAt(thread, at);
  if (typeof queued === "number") return -EFAULT;
  if (thread.process.memory.view.getInt32(at + SI_SIGNO, true) !== signal) return -EINVAL;
  return signalProcessFile(thread, fd, signal, queued);
}

export function sys_pidfd_getfd(thread: Thread, fd: number, theirs: number, flags: number): Outcome {
  return flags !== 0 ? -EINVAL : takeDescriptor(thread, fd, theirs);
}
