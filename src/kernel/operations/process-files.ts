/**
 * Layer: kernel, operations. Processes behind descriptors: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). It must not
 * know encodings.
 */
import { EBADF, EINVAL, EPERM, ESRCH } from "../../abi/errno.ts";
import { O_NONBLOCK, O_RDWR, PIDFD_THREAD } from "../../abi/fcntl.ts";
import { SI_TKILL, SI_USER } from "../../abi/signal.ts";
import type { Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { ProcessFile } from "../events/process-file.ts";
import type { Process, Thread } from "../process.ts";
import { claimsKernel, type QueuedSignal, sendTo, sendToGroup } from "./signals.ts";

/**
 * pidfd_open(2): a descriptor, closed by execve; with PIDFD_THREAD of a thread. -EINVAL (a number of a thread, not of a process),
 * -ESRCH, -EMFILE.
 */
export function openProcess(thread: Thread, pid: number, flags: number): Outcome {
  if ((flags & ~(O_NONBLOCK | PIDFD_THREAD)) !== 0 || pid <= 0) return -EINVAL;
  const { kernel, descriptors } = thread.process;
  const ofThread = (flags & PIDFD_THREAD) !== 0;
  const owner = kernel.threadOwner(pid);
  if (owner === undefined) return -ESRCH;
  if (!ofThread && owner.pid !== pid) return -EINVAL;
  const description = new OpenDescription(new ProcessFile(kernel, pid, ofThread), undefined, O_RDWR | flags);
  const fd = descriptors.install(description, true);
  if (fd < 0) description.file.close();
  return fd;
}

/** What a descriptor of a process opens. -EBADF: also where it opens something else. */
export function processFileAt(thread: Thread, fd: number): ProcessFile | number {
  const file = thread.process.descriptors.get(fd)?.description.file;
  return file instanceof ProcessFile ? file : -EBADF;
}

/** Whom a signal goes to: undefined leaves it to what the descriptor is of. */
export type SignalScope = "thread" | "process" | "group" | undefined;

/**
 * pidfd_send_signal(2); without `queued` as kill(2) or tgkill(2). -EBADF, -EINVAL, -EPERM, -ESRCH (it was waited for, a thread
 * has ended), -EAGAIN.
 */
export function signalProcessFile(
  thread: Thread,
  fd: number,
  signal: number,
  scope: SignalScope,
  queued?: QueuedSignal,
): Outcome {
  const file = processFileAt(thread, fd);
  if (typeof file === "number") return file;
  const { process } = thread;
  const isOneself = file.pid === thread.tid && scope !== "group";
  if (queued !== undefined && claimsKernel(queued) && !isOneself) return -EPERM;
  const target = file.process;
  if (target === undefined) return -ESRCH;
  const toThread = (scope ?? (file.ofThread ? "thread" : "process")) === "thread";
  const told = { code: toThread ? SI_TKILL : SI_USER, pid: process.pid, uid: process.userIdentity.real, value: 0 };
  if (scope === "group") return sendToGroup(thread, file.pid, signal, queued ?? told);
  const only = toThread ? target.threads.find(({ tid }) => tid === file.pid) : undefined;
  if (toThread && only === undefined && target.status === undefined) return -ESRCH;
  return sendTo(thread, target, signal, queued ?? told, only);
}

/** pidfd_getfd(2): another's open file, closed by execve. -EBADF, -ESRCH (it ended), -EPERM (as ptrace(2) would), -EMFILE. */
export function takeDescriptor(thread: Thread, fd: number, theirs: number): Outcome {
  const file = processFileAt(thread, fd);
  if (typeof file === "number") return file;
  const target = file.ofThread ? file.thread?.process : file.process;
  if (target === undefined || target.status !== undefined || target.ending !== undefined) return -ESRCH;
  if (!mayTrace(thread.process, target)) return -EPERM;
  const entry = target.descriptors.get(theirs);
  return entry === undefined ? -EBADF : thread.process.descriptors.install(entry.description, true);
}

/** PTRACE_MODE_ATTACH_REALCREDS of ptrace(2): the superuser, and whose every identity is the other's. */
function mayTrace(from: Process, target: Process): boolean {
  if (from === target || from.userIdentity.effective === 0) return true;
  if (!target.dumpable) return false;
  const all = (wanted: number, { real, effective, saved }: Process["userIdentity"]): boolean =>
    [real, effective, saved].every((id) => id === wanted);
  return all(from.userIdentity.real, target.userIdentity) && all(from.groupIdentity.real, target.groupIdentity);
}
