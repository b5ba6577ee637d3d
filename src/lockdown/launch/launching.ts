/**
 * Layer: lockdown, launch. What a thread that launches does, in whichever thread that is: lock itself as planned, and then
 * what it is told. It must outlive its children: the kernel kills them when this thread ends.
 */
import { readlinkSync } from "node:fs";
import { closeOnExecFrom } from "../../host/descriptors.unsafe.ts";
import { withFileUser, withRealUser } from "../../host/process.unsafe.ts";
import { spawnProcess } from "../../host/spawn.unsafe.ts";
import { errnoName, LockFailed } from "../failure.ts";
import type { News, Order, SpawnPlan, ThreadPlan } from "./plan.ts";
import { lockThread } from "./thread-lock.ts";

const UNLOCKED = { landlock: 0, filters: 0, boundingDropped: false, canary: false };

/** Locks the calling thread for ever, unless the plan says otherwise, and answers how that went. */
export function lockAsPlanned(plan: ThreadPlan): News & { readonly kind: "locked" | "failed" } {
  try {
    return { kind: "locked", report: plan.lock ? lockThread(plan) : UNLOCKED };
  } catch (error) {
    const step = error instanceof LockFailed ? error.step : "launcher thread";
    return { kind: "failed", step, message: error instanceof LockFailed ? error.reason : String(error) };
  }
}

/** Carries out an order of the caller, on a thread that locked itself if it was planned to. */
export function carryOut(order: Order, locked: boolean): News {
  const { id } = order;
  if (order.kind === "witness") return { kind: "witnessed", id, outside: tasksOutside(order) };
  const pid = spawnAsPlanned(order.plan, locked);
  return typeof pid === "number" ? { kind: "spawned", id, pid } : { kind: "refused", id, message: pid.refused };
}

/** The process's number, or why there is none. */
export function spawnAsPlanned(plan: SpawnPlan, locked: boolean): number | { readonly refused: string } {
  // Whatever the caller's other code left inheritable (a native addon, say) would go down with the spawn.
  const marked = locked ? closeOnExecFrom(3) : 0;
  if (marked !== 0) return { refused: `stray descriptors cannot be held back: ${errnoName(marked)}` };
  const { user, env, ...program } = plan;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const spawn = () =>
    // The root directory; and a session of its own: the terminal's Ctrl-C is the caller's, and there is none to reach.
    spawnProcess({ ...program, env: variables, directory: "/", realUser: user !== undefined });
  const pid = user === undefined ? spawn() : withRealUser(user, spawn);
  return pid < 0 ? { refused: errnoName(pid) } : pid;
}

function tasksOutside({ pid, tasks, user }: Extract<Order, { kind: "witness" }>): readonly number[] {
  const look = (those: readonly number[]) => those.filter((task) => !isInside(pid, task));
  const outside = look(tasks);
  // A root without CAP_SYS_PTRACE (a container's) may look at another user's task only as that user.
  return outside.length > 0 && user !== undefined ? withFileUser(user, () => look(outside)) : outside;
}

/**
 * The kernel lets a thread in a Landlock domain look at another task (a ptrace check; reading its namespace links is one)
 * only if that task is in the same domain or in one nested in it. So what can be read here is locked in.
 */
function isInside(pid: number, task: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/task/${task}/ns/net`);
    return true;
  } catch {
    return false;
  }
}
