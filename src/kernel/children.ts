/**
 * Layer: kernel. What a parent learns of its children: wait4(2), waitid(2). It must not know encodings.
 */
import { SIGCHLD } from "../abi/signal.ts";
import { P_ALL, P_PGID, P_PID, WALL, WCLONE, WCONTINUED, WEXITED, WNOWAIT, WUNTRACED } from "../abi/wait.ts";
import type { ExitStatus } from "./contracts.ts";
import type { Process } from "./process.ts";

/** Which children are meant: all, one by its number, or those of a group. */
export interface ChildSelection {
  readonly type: number;
  readonly id: number;
  /** WEXITED, WUNTRACED, WCONTINUED, WNOWAIT, WALL, WCLONE. */
  readonly options: number;
}

/** What a wait found. */
export interface ChildEvent {
  readonly pid: number;
  readonly uid: number;
  readonly what: "ended" | "stopped" | "continued";
  /** Of "ended"; of "stopped" the signal alone. */
  readonly status: ExitStatus;
  /** Bytes, for ru_maxrss. */
  readonly peakMemory: number;
  /** Its own and its children's, nanoseconds. */
  readonly cpuNs: number;
}

/** Take what the selection asks for; "none" when no such child has news, "no child" when there is no such child. */
export function takeChild(parent: Process, selection: ChildSelection): ChildEvent | "none" | "no child" {
  let any = false;
  for (const child of candidates(parent, selection)) {
    any = true;
    const event = newsOf(child, selection.options);
    if (event === undefined) continue;
    if ((selection.options & WNOWAIT) === 0) take(parent, child, event);
    return event;
  }
  return any ? "none" : "no child";
}

function* candidates(parent: Process, { type, id, options }: ChildSelection): Iterable<Process> {
  if (type === P_PID) {
    const child = parent.kernel.process(id);
    if (child?.parent === parent && isMeant(child, options)) yield child;
    return;
  }
  for (const child of parent.children) {
    if ((type === P_ALL || (type === P_PGID && child.group === id)) && isMeant(child, options)) yield child;
  }
}

/** wait(2): __WCLONE asks for those alone whose end another signal than SIGCHLD tells. */
function isMeant({ exitSignal }: Process, options: number): boolean {
  return (options & WALL) !== 0 || (exitSignal !== SIGCHLD) === ((options & WCLONE) !== 0);
}

function newsOf(child: Process, options: number): ChildEvent | undefined {
  const { pid, status } = child;
  const { real: uid } = child.userIdentity;
  const peakMemory = Math.max(child.peakMemory, child.program?.peakMemory ?? 0);
  const cpuNs = child.cpuNs + child.childrenCpuNs;
  if (status !== undefined) {
    return (options & WEXITED) === 0 ? undefined : { pid, uid, what: "ended", status, peakMemory, cpuNs };
  }
  if (child.news === "stopped" && (options & WUNTRACED) !== 0) {
    return { pid, uid, what: "stopped", status: { code: 0, signal: child.stopped }, peakMemory, cpuNs };
  }
  if (child.news === "continued" && (options & WCONTINUED) !== 0) {
    return { pid, uid, what: "continued", status: { code: 0, signal: 0 }, peakMemory, cpuNs };
  }
  return undefined;
}

function take(parent: Process, child: Process, event: ChildEvent): void {
  if (event.what !== "ended") {
    child.news = undefined;
    return;
  }
  parent.childrenPeakMemory = Math.max(parent.childrenPeakMemory, event.peakMemory, child.childrenPeakMemory);
  parent.childrenCpuNs += event.cpuNs;
  parent.kernel.reap(child);
}
