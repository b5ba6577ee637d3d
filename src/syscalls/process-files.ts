/**
 * Layer: syscalls. Descriptors of processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { SI_SIGNO } from "../abi/siginfo.ts";
import type { Outcome } from "../kernel/contracts.ts";
import {
  openProcess,
  type SignalScope,
  signalProcessFile,
  takeDescriptor,
} from "../kernel/operations/process-files.ts";
import type { Thread } from "../kernel/process.ts";
import { queuedSignalAt } from "./signals.ts";

/** PIDFD_SIGNAL_THREAD, _THREAD_GROUP, _PROCESS_GROUP of include/uapi/linux/pidfd.h: one of them. */
const SCOPES: ReadonlyMap<number, SignalScope> = new Map([
  [1, "thread"],
  [2, "process"],
  [4, "group"],
]);

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
  if (flags !== 0 && !SCOPES.has(flags)) return -EINVAL;
  const scope = SCOPES.get(flags);
  if (at === 0) return signalProcessFile(thread, fd, signal, scope);
  const queued = queuedSignalAt(thread, at);
  if (typeof queued === "number") return -EFAULT;
  if (thread.process.memory.view.getInt32(at + SI_SIGNO, true) !== signal) return -EINVAL;
  return signalProcessFile(thread, fd, signal, scope, queued);
}

export function sys_pidfd_getfd(thread: Thread, fd: number, theirs: number, flags: number): Outcome {
  return flags !== 0 ? -EINVAL : takeDescriptor(thread, fd, theirs);
}
