/**
 * Layer: kernel. What becomes of children whose parent ends: they are told if they asked to be (PR_SET_PDEATHSIG), and belong from
 * then on to the nearest ancestor that takes orphans (PR_SET_CHILD_SUBREAPER), or to nobody: the kernel itself plays process 1's
 * part. It must not know how processes end.
 */
import { SA_NOCLDWAIT, SI_USER, SIGCHLD } from "../abi/signal.ts";
import { tellParent } from "./delivery.ts";
import type { Process } from "./process.ts";
import { DISPOSITION_IGNORE } from "./signals.ts";

/** The number under which those that belong to nobody know their parent. */
const KERNEL_PID = 1;

/** Whether a child goes without being waited for. */
export function reapsItself(parent: Process, child: Process): boolean {
  if (child.exitSignal !== SIGCHLD) return false;
  return parent.dispositions[SIGCHLD] === DISPOSITION_IGNORE || (parent.childFlags & SA_NOCLDWAIT) !== 0;
}

/** Give the children of a process that ended away. Those nobody will wait for are handed to `forget`. */
export function leaveOrphans(process: Process, forget: (child: Process) => void): void {
  const heir = heirOf(process);
  const children = [...process.children];
  process.children.clear();
  for (const child of children) {
    child.parent = heir;
    child.exitSignal = SIGCHLD;
    child.parentPid = heir?.pid ?? KERNEL_PID;
    heir?.children.add(child);
    if (child.status === undefined) {
      if (child.parentDeathSignal !== 0) tellOfDeath(process, child, child.parentDeathSignal);
      continue;
    }
    tellParent(child, child.status);
    if (heir === undefined || reapsItself(heir, child)) forget(child);
  }
}

/** As if the parent had sent it. */
function tellOfDeath({ pid, userIdentity, kernel }: Process, child: Process, signal: number): void {
  kernel.signal(child, signal, { signal, code: SI_USER, pid, uid: userIdentity.real, value: 0, status: 0 });
}

function heirOf(process: Process): Process | undefined {
  for (let above = process.parent; above !== undefined; above = above.parent) {
    if (above.subreaper && above.ending === undefined && above.status === undefined) return above;
  }
  return undefined;
}
