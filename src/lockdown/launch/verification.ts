/**
 * Layer: lockdown, launch. Proves from outside that a process is locked: what the kernel says about every task of it, and
 * nothing that the process says about itself. It must not know how the lock was made.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { RLIMIT, withFileUser } from "../../host/process.unsafe.ts";
import { LockFailed } from "../failure.ts";
import { type TaskStatus, taskStatus } from "../status.ts";

export type Expectations = {
  /** Exactly so many filters: what the caller has, the prefilter, the inner filter. `Seccomp: 2` alone proves one. */
  readonly filters: number;
  readonly user: number;
  readonly group: number;
  /** Whether the capability bounding set must be empty too. */
  readonly boundingDropped: boolean;
  /** Resource (as RLIMIT) to value, soft and hard. */
  readonly limits: ReadonlyMap<number, bigint>;
  /** What its descriptors may be called in /proc, by number; `others` for all that are not listed. Unchecked when absent. */
  readonly descriptors?: { readonly listed: readonly RegExp[]; readonly others: RegExp };
  /** Which tasks are outside the launcher's Landlock domain, as the kernel tells the launcher thread. */
  readonly landlockWitness: (pid: number, tasks: readonly number[]) => Promise<readonly number[]>;
};

export type LockReport = {
  readonly pid: number;
  readonly tasks: number;
  readonly filters: number;
  readonly user: number;
};

const STEP = "verification from outside";
const SECCOMP_MODE_FILTER = 2;

/** The lines of /proc/PID/limits (proc_pid_limits(5)). */
const LIMIT_LINES: Readonly<Record<number, string>> = {
  [RLIMIT.CPU]: "Max cpu time",
  [RLIMIT.FSIZE]: "Max file size",
  [RLIMIT.CORE]: "Max core file size",
  [RLIMIT.NPROC]: "Max processes",
  [RLIMIT.NOFILE]: "Max open files",
};

/**
 * Checks every task of a process that says it has locked itself. Throws LockFailed with what was expected and found.
 * No new task can appear meanwhile, if it is locked: the filter kills clone.
 */
export async function verifyLock(pid: number, expected: Expectations): Promise<LockReport> {
  const tasks = tasksOf(pid);
  const witness = expected.landlockWitness(pid, tasks);
  // Whatever else is missing is said first, and then nobody waits for the witness.
  witness.catch(() => {});
  for (const task of tasks) checkTask(status(pid, task), expected);
  checkLimits(pid, expected.limits);
  const outside = await witness;
  if (outside.length > 0) {
    throw new LockFailed(
      STEP,
      `tasks ${outside.join(", ")} of process ${pid} are outside the launcher's Landlock domain`,
    );
  }
  if (expected.descriptors !== undefined)
    checkDescriptors(pid, descriptorsOf(pid, expected.user), expected.descriptors);
  const now = tasksOf(pid);
  if (now.some((task) => !tasks.includes(task))) throw new LockFailed(STEP, `process ${pid} started a task meanwhile`);
  return { pid, tasks: tasks.length, filters: expected.filters, user: expected.user };
}

function gone(pid: number): LockFailed {
  return new LockFailed(STEP, `process ${pid} has ended`);
}

function tasksOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    throw gone(pid);
  }
}

function status(pid: number, task: number): TaskStatus {
  try {
    return taskStatus(`/proc/${pid}/task/${task}/status`);
  } catch (error) {
    throw error instanceof Error && "code" in error ? gone(pid) : error;
  }
}

function checkTask(found: TaskStatus, expected: Expectations): void {
  const must = (what: string, value: number | bigint, wanted: number | bigint): void => {
    if (value !== wanted) throw new LockFailed(STEP, `task ${found.task}: ${what} is ${value}, expected ${wanted}`);
  };
  must("Seccomp_filters", found.filters, expected.filters);
  must("Seccomp", found.seccomp, SECCOMP_MODE_FILTER);
  must("NoNewPrivs", found.noNewPrivileges, 1);
  for (const user of found.users) must("user", user, expected.user);
  for (const group of found.groups) must("group", group, expected.group);
  must("effective capabilities", found.effective, 0n);
  must("permitted capabilities", found.permitted, 0n);
  must("inheritable capabilities", found.inheritable, 0n);
  must("ambient capabilities", found.ambient, 0n);
  if (expected.boundingDropped) must("bounding capabilities", found.bounding, 0n);
}

/** What a process has open: number to what /proc/PID/fd calls it. */
function descriptorsOf(pid: number, user: number): ReadonlyMap<number, string> {
  const directory = `/proc/${pid}/fd`;
  const look = () =>
    new Map(readdirSync(directory).map((name) => [Number(name), readlinkSync(`${directory}/${name}`)]));
  try {
    return look();
  } catch (error) {
    if (process.geteuid?.() === user || !isRefusal(error)) throw gone(pid);
    // A root without CAP_SYS_PTRACE (a container's) may look at another user's process only as that user.
    return withFileUser(user, look);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM");
}

function checkDescriptors(
  pid: number,
  found: ReadonlyMap<number, string>,
  expected: NonNullable<Expectations["descriptors"]>,
): void {
  expected.listed.forEach((pattern, descriptor) => {
    const name = found.get(descriptor) ?? "closed";
    if (!pattern.test(name)) {
      throw new LockFailed(STEP, `descriptor ${descriptor} of process ${pid} is ${name}, expected ${pattern.source}`);
    }
  });
  for (const [descriptor, name] of found) {
    if (descriptor >= expected.listed.length && !expected.others.test(name)) {
      throw new LockFailed(STEP, `process ${pid} has ${name} open as descriptor ${descriptor}`);
    }
  }
}

function checkLimits(pid: number, limits: ReadonlyMap<number, bigint>): void {
  let lines: string[];
  try {
    lines = readFileSync(`/proc/${pid}/limits`, "latin1").split("\n");
  } catch {
    throw gone(pid);
  }
  for (const [resource, value] of limits) {
    const title = LIMIT_LINES[resource] ?? "";
    const line = lines.find((each) => title !== "" && each.startsWith(title));
    const [soft, hard] = line?.slice(title.length).trim().split(/\s+/) ?? [];
    if (soft !== String(value) || hard !== String(value)) {
      throw new LockFailed(STEP, `process ${pid}: "${title}" is ${soft} (hard ${hard}), expected ${value}`);
    }
  }
}
