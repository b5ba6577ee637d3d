/**
 * Layer: kernel, operations. Kin: wait4(2), waitid(2), process groups and sessions. It must not know encodings.
 */
import { EACCES, ECHILD, EINVAL, EPERM, ESRCH } from "../../abi/errno.ts";
import { P_ALL, P_PGID, P_PID, WEXITED, WNOHANG } from "../../abi/wait.ts";
import { type ChildSelection, takeChild } from "../children.ts";
import type { Outcome } from "../contracts.ts";
import { parked } from "../pending.ts";
import type { Process, Thread } from "../process.ts";

/** wait4(2)'s `pid`: one child, any, or those of a group (0: of one's own). */
export function selectionOf(thread: Thread, pid: number, options: number): ChildSelection {
  if (pid === -1) return { type: P_ALL, id: 0, options };
  if (pid > 0) return { type: P_PID, id: pid, options };
  return { type: P_PGID, id: pid === 0 ? thread.process.group : -pid, options };
}

/**
 * The number of a child with news, which then stands in `thread.child`; 0 with WNOHANG where there is none. Parks.
 * -ECHILD, -EINVAL (nothing is waited for).
 */
export function waitForChild(thread: Thread, selection: ChildSelection): Outcome {
  thread.child = undefined;
  const { kernel } = thread.process;
  const found = takeChild(thread.process, selection);
  if (found === "no child") return -ECHILD;
  if (found !== "none") {
    thread.child = found;
    return found.pid;
  }
  if ((selection.options & WNOHANG) !== 0) return 0;
  return kernel.scheduler.park({ ...parked(thread), kind: "wait", selection });
}

/** wait4(2), whose options always include the end. */
export function wait4(thread: Thread, pid: number, options: number): Outcome {
  if (pid === -0x8000_0000) return -ESRCH;
  return waitForChild(thread, selectionOf(thread, pid, options | WEXITED));
}

/** setpgid(2); 0 stands for the caller, and for the process's own number. -EINVAL, -ESRCH, -EPERM, -EACCES. */
export function setGroup(thread: Thread, pid: number, group: number): Outcome {
  if (group < 0) return -EINVAL;
  const { process } = thread;
  const target = pid === 0 || pid === process.pid ? process : process.kernel.process(pid);
  if (target === undefined || target.status !== undefined) return -ESRCH;
  if (target !== process) {
    if (target.parent !== process) return -ESRCH;
    if (target.session !== process.session) return -EPERM;
    if (target.executed) return -EACCES;
  }
  if (target.session === target.pid) return -EPERM;
  const wanted = group === 0 ? target.pid : group;
  if (wanted !== target.pid && !hasGroup(process, wanted, process.session)) return -EPERM;
  target.group = wanted;
  return 0;
}

/** getpgid(2), getsid(2): 0 is the caller. -ESRCH. */
export function groupOf(thread: Thread, pid: number): Outcome {
  return found(thread, pid)?.group ?? -ESRCH;
}

export function sessionOf(thread: Thread, pid: number): Outcome {
  return found(thread, pid)?.session ?? -ESRCH;
}

/** setsid(2): the new session's number. -EPERM for a group's leader. */
export function startSession(thread: Thread): Outcome {
  const { process } = thread;
  if (hasGroup(process, process.pid)) return -EPERM;
  process.session = process.pid;
  process.group = process.pid;
  return process.pid;
}

function found(thread: Thread, pid: number): Process | undefined {
  return pid === 0 ? thread.process : thread.process.kernel.threadOwner(pid);
}

function hasGroup({ kernel }: Process, group: number, session?: number): boolean {
  return kernel.processes.some((one) => one.group === group && (session === undefined || one.session === session));
}
