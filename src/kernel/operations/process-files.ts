/**
 * Layer: kernel, operations. Processes behind descriptors: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). It must not
 * know encodings.
 */
import { EBADF, EINVAL, EPERM, ESRCH } from "../../abi/errno.ts";
import { O_NONBLOCK, O_RDWR } from "../../abi/fcntl.ts";
import { SI_USER } from "../../abi/signal.ts";
import type { Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { ProcessFile } from "../events/process-file.ts";
import type { Process, Thread } from "../process.ts";
import { claimsKernel, type QueuedSignal, sendTo } from "./signals.ts";

/** pidfd_open(2): a descriptor, closed by execve. -EINVAL (no process's number), -ESRCH, -EMFILE. */
export function openProcess(thread: Thread, pid: number, flags: number): Outcome {
  if ((flags & ~O_NONBLOCK) !== 0 || pid <= 0) return -EINVAL;
  const { kernel, descriptors } = thread.process;
  if (kernel.process(pid) === undefined) return kernel.threadOwner(pid) === undefined ? -ESRCH : -EINVAL;
  const description = new OpenDescription(new ProcessFile(kernel, pid), undefined, O_RDWR | flags);
  const fd = descriptors.install(description, true);
  if (fd < 0) description.file.close();
  return fd;
}

/** What a descriptor of a process opens. -EBADF: also where it opens something else. */
export function processFileAt(thread: Thread, fd: number): ProcessFile | number {
  const file = thread.process.descriptors.get(fd)?.description.file;
  return file instanceof ProcessFile ? file : -EBADF;
}

/** pidfd_send_signal(2); without `queued` as kill(2). -EBADF, -EINVAL, -EPERM, -ESRCH (it was waited for), -EAGAIN. */
export function signalProcessFile(thread: Thread, fd: number, signal: number, queued?: QueuedSignal): Outcome {
  const file = processFileAt(thread, fd);
  if (typeof file === "number") return file;
  const { process } = thread;
  if (queued !== undefined && claimsKernel(queued) && file.pid !== process.pid) return -EPERM;
  if (file.process === undefined) return -ESRCH;
  const own = { code: SI_USER, pid: process.pid, uid: process.userIdentity.real, value: 0 };
  return sendTo(thread, file.process, signal, queued ?? own);
}

/** pidfd_getfd(2): another's open file, closed by execve. -EBADF, -ESRCH (it ended), -EPERM (as ptrace(2) would), -EMFILE. */
export function takeDescriptor(thread: Thread, fd: number, theirs: number): Outcome {
  const file = processFileAt(thread, fd);
  if (typeof file === "number") return file;
  const target = file.process;
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
