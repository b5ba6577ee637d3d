/**
 * Layer: lockdown, launch. Main of a launcher thread: locks itself as planned, then spawns what it is told to. It runs in
 * a Worker of the caller's process and must outlive its children: the kernel kills them when this thread ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { closeOnExecFrom } from "../../host/descriptors.unsafe.ts";
import { withFileUser } from "../../host/process.unsafe.ts";
import { errnoName, LockFailed } from "../failure.ts";
import type { News, Order, SpawnOrder, ThreadPlan } from "./plan.ts";
import { lockThread } from "./thread-lock.ts";

const port = parentPort;
if (port === null) throw new Error("this file is the main of a launcher thread; it is started by Launcher");
const children = new Map<number, ChildProcess>();
const tell = (news: News): void => port.postMessage(news);

let locked = false;

function start(order: SpawnOrder): void {
  const { id } = order;
  // Whatever the caller's other code left inheritable (a native addon, say) would go down with the spawn.
  const marked = locked ? closeOnExecFrom(3) : 0;
  if (marked !== 0) {
    tell({ kind: "refused", id, message: `stray descriptors cannot be held back: ${errnoName(marked)}` });
    return;
  }
  const child = spawn(order.file, order.argv, {
    argv0: order.name,
    cwd: "/",
    // A session of its own: the terminal's Ctrl-C is the caller's to handle, and there is no terminal to reach.
    detached: true,
    env: order.env,
    stdio: [...order.stdio],
    ...(order.user === undefined ? {} : { uid: order.user, gid: order.user }),
  });
  child.once("error", (error) => tell({ kind: "refused", id, message: error.message }));
  if (child.pid === undefined) return;
  children.set(id, child);
  child.once("exit", (code, signal) => {
    children.delete(id);
    tell({ kind: "exited", id, code, signal });
  });
  tell({ kind: "spawned", id, pid: child.pid });
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

function carryOut(order: Order): void {
  if (order.kind === "spawn") start(order);
  else if (order.kind === "kill") children.get(order.id)?.kill("SIGKILL");
  else {
    const { pid, user } = order;
    const look = (tasks: readonly number[]) => tasks.filter((task) => !isInside(pid, task));
    let outside = look(order.tasks);
    // A root without CAP_SYS_PTRACE (a container's) may look at another user's task only as that user.
    if (outside.length > 0 && user !== undefined) outside = withFileUser(user, () => look(outside));
    tell({ kind: "witnessed", id: order.id, outside });
  }
}

/** The first message is the plan; orders come once the caller has heard that the thread is locked. */
port.once("message", (plan: ThreadPlan) => {
  try {
    const nothing = { landlock: 0, filters: 0, boundingDropped: false, canary: false };
    const report = plan.lock ? lockThread(plan) : nothing;
    port.on("message", carryOut);
    locked = plan.lock;
    tell({ kind: "locked", report });
  } catch (error) {
    const step = error instanceof LockFailed ? error.step : "launcher thread";
    tell({ kind: "failed", step, message: error instanceof LockFailed ? error.reason : String(error) });
  }
});
