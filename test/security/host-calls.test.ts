/**
 * What a locked cell really asks of the host, seen by strace from before the lock to the cell's end, while guests read,
 * write, sleep, fault, time out and die, with and without host directories. What a cell that was broken out of is refused
 * stands in test/lockdown/cell-lock.test.ts.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { HOME, scratch } from "./world.ts";

const policy: { readonly syscalls: readonly { readonly syscall: string; readonly action?: { errno: string } }[] } =
  JSON.parse(readFileSync(join(HOME, "policies/cell.json"), "utf8"));
const allowed = new Set(policy.syscalls.map(({ syscall }) => syscall));
const refused = new Set(policy.syscalls.filter(({ action }) => action !== undefined).map(({ syscall }) => syscall));

/** Allowed, though no workload can be made to use them on each machine: why they still must not kill. */
const INSURANCE: ReadonlyMap<string, string> = new Map([
  ["clock_gettime", "a system call only where the clock source cannot be read from user space"],
  ["restart_syscall", "the kernel makes it, for a timed wait that a stop interrupted"],
  ["sched_yield", "only locks that are fought over yield"],
  ["clock_nanosleep", "only locks that are fought over sleep"],
  ["gettid", "only some versions of the C library ask after a thread's start"],
  ["ioctl", "the C library asks when a standard stream is a character device"],
  ["openat", "the engine probes for files of the machine, which differ"],
  ["getpid", "asked when profiling memory, on a schedule of the engine's own"],
  ["sched_getaffinity", "asked when a thread first looks for its stack, which the engine's scheduling decides"],
  ["sched_getparam", "as sched_getaffinity"],
  ["sched_getscheduler", "as sched_getaffinity"],
]);

const missing =
  spawnSync("strace", ["-V"]).status !== 0
    ? "strace is missing: apt-get install strace"
    : spawnSync("strace", ["-qq", "-f", "-o", "/dev/null", "true"]).status !== 0
      ? "this machine does not let strace trace: allow ptrace (in docker: --cap-add SYS_PTRACE)"
      : false;

interface Call {
  readonly name: string;
  readonly line: string;
}

interface Cell {
  readonly pid: number;
  /** Its calls on all threads from the end of the locking call on. */
  readonly calls: readonly Call[];
}

/** Cut a log of `strace -f` into the processes that locked themselves, each from its lock on. */
function locked(log: string): Cell[] {
  const started = new Map<number, number>();
  const cells: { pid: number; calls: Call[] }[] = [];
  const locking = new Set<number>();
  const open = new Map<number, { pid: number; calls: Call[] }>();
  for (const line of log.split("\n")) {
    const [, task, again, name = ""] = /^(\d+) +(<\.\.\. )?(\w+)(?:\(| resumed)/.exec(line) ?? [];
    const tid = Number(task);
    if (name === "") continue;
    const made = /^(clone|clone3)$/.test(name) ? / = (\d+)$/.exec(line)?.[1] : undefined;
    if (made !== undefined) started.set(Number(made), tid);
    if (name === "seccomp" && line.includes("FLAG_TSYNC")) locking.add(tid);
    // Its answer may stand on a line of its own.
    if (name === "seccomp" && locking.has(tid) && !line.includes("<unfinished")) {
      assert.match(line, / = 0$/);
      locking.delete(tid);
      const cell = { pid: tid, calls: [] };
      cells.push(cell);
      open.set(tid, cell);
      for (const [thread, by] of started) if (open.get(by) === cell) open.set(thread, cell);
    } else if (again === undefined) open.get(tid)?.calls.push({ name, line });
  }
  return cells;
}

describe("a locked cell's host calls", { skip: missing }, () => {
  const traced = new Map<string, { readonly cells: readonly Cell[]; readonly log: string }>();

  before(() => {
    const directory = scratch();
    // A cache of its own, so that the cell that rewrites modules is seen too.
    mkdirSync(join(directory, "cache"));
    for (const world of ["plain", "mounts"]) {
      const output = join(directory, world);
      const caller = ["--conditions=linden-source", "--disable-warning=ExperimentalWarning"];
      const argv = ["-f", "-qq", "-s", "0", "-o", output, process.execPath, ...caller];
      const ran = spawnSync("strace", [...argv, join(import.meta.dirname, "traced-caller.ts"), world], {
        env: { ...process.env, XDG_CACHE_HOME: join(directory, "cache"), NODE_OPTIONS: "" },
        encoding: "utf8",
      });
      assert.equal(ran.status, 0, ran.stderr);
      const pids: readonly number[] = JSON.parse(ran.stdout);
      const log = readFileSync(output, "latin1");
      const all = locked(log);
      const cells = all.filter(({ calls }) => !calls.some(({ name }) => name === "openat2"));
      for (const pid of pids)
        assert.ok(
          all.some((cell) => cell.pid === pid),
          `cell ${pid} was not seen to lock itself`,
        );
      assert.ok(cells.length >= 2, "a cell of guests, and one that was stopped and continued");
      traced.set(world, { cells, log });
    }
  });

  const used = () =>
    new Set([...traced.values()].flatMap(({ cells }) => cells.flatMap(({ calls }) => calls.map(({ name }) => name))));

  it("are at most 30, the same for every sandbox", () => {
    assert.ok(allowed.size <= 30, `${allowed.size}`);
    assert.equal(allowed.size, policy.syscalls.length);
  });

  for (const world of ["plain", "mounts"]) {
    it(`stay within the policy, ${world === "plain" ? "without" : "with"} host directories`, () => {
      const { cells, log } = traced.get(world) ?? assert.fail();
      for (const { pid, calls } of cells) {
        const outside = calls.filter(({ name }) => !allowed.has(name));
        assert.deepEqual(outside, [], `of cell ${pid}`);
        const first = cells[0]?.pid === pid;
        if (first) assert.ok(calls.length > 1000, `the trace of cell ${pid} has only ${calls.length} calls`);
      }
      assert.doesNotMatch(log, /killed by SIGSYS/);
    });

    it(`open nothing, ${world === "plain" ? "without" : "with"} host directories`, () => {
      const { cells } = traced.get(world) ?? assert.fail();
      for (const { name, line } of cells.flatMap(({ calls }) => calls)) {
        if (refused.has(name)) assert.match(line, /= -1 E(ACCES|NOTTY)|<unfinished/);
      }
    });
  }

  it("are each needed", () => {
    const seen = used();
    const idle = [...allowed].filter((name) => !seen.has(name) && !INSURANCE.has(name));
    assert.deepEqual(idle, []);
  });
});
