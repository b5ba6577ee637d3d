import assert from "node:assert/strict";
import { closeSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { callNumbers, hostArchitecture, X32_SYSCALL_BIT } from "../../src/host/call-numbers.ts";
import type { Launcher } from "../../src/lockdown/launch/index.ts";
import { startLauncher, Toy } from "./toy.ts";

const numbers = callNumbers(hostArchitecture());
const number = (name: string) => numbers.get(name) ?? assert.fail(`no call ${name}`);
const DEAD = { code: null, signal: "SIGSYS" };
const AT_FDCWD = -100;

let launcher: Launcher;
before(async () => {
  launcher = await startLauncher();
});
after(() => launcher.close());

async function withToy(work: (toy: Toy) => Promise<void>, options = {}): Promise<void> {
  const { process: launched, line } = await launcher.launchCell(options);
  try {
    await work(await Toy.from(launched));
  } finally {
    launched.kill();
    await launched.exited;
    closeSync(line);
  }
}

const FORBIDDEN: readonly (readonly [string, ...(number | string)[]])[] = [
  ["socket", 1, 1, 0],
  ["connect", 0, 0, 0],
  ["execve", "/bin/true", 0, 0],
  ["execveat", 0, "", 0, 0, 0x1000],
  ["clone", 17, 0, 0, 0, 0],
  ["clone3", 0, 0],
  ["ptrace", 0, 0, 0, 0],
  ["process_vm_readv", 1, 0, 0, 0, 0, 0],
  ["io_uring_setup", 8, 0],
  ["io_uring_enter", 0, 0, 0, 0, 0, 0],
  ["openat2", AT_FDCWD, "/etc/passwd", 0, 24],
  ["open_by_handle_at", 0, 0, 0],
  ["fchmodat", AT_FDCWD, "/tmp", 0o777],
  ["unlinkat", AT_FDCWD, "/nonexistent", 0],
  ["kill", process.pid, 0],
  ["tgkill", process.pid, process.pid, 0],
  ["pidfd_open", process.pid, 0],
  ["prctl", 38, 0, 0, 0, 0],
  ["seccomp", 0, 0, 0],
  ["prlimit64", 0, 7, 0, 0],
  ["setuid", 0],
  ["mount", "none", "/tmp", "tmpfs", 0, 0],
  ["unshare", 0x10000000],
  ["bpf", 0, 0, 0],
  ["memfd_create", "m", 0],
  ["sendmsg", 3, 0, 0],
  ["recvmsg", 0, 0, 0], // on anything but the line to the file server
  ["shmget", 0, 4096, 0o1600],
  ["fcntl", 0, 0, 0], // F_DUPFD: only F_GETFL and F_SETFL are allowed
  ["mmap", 0, 4096, 1, 2, 0, 0], // of a file
];

for (const [name, ...registers] of FORBIDDEN) {
  test(`${name} kills the cell`, () =>
    withToy(async (toy) => {
      assert.deepEqual(await toy.ask({ call: [number(name), ...registers] }), DEAD);
    }));
}

test("calls of the x32 ABI kill the cell", { skip: process.arch !== "x64" && "x86-64 only" }, () =>
  withToy(async (toy) => {
    assert.deepEqual(await toy.ask({ call: [X32_SYSCALL_BIT + number("getpid")] }), DEAD);
  }),
);

test("a number no kernel knows kills the cell", () =>
  withToy(async (toy) => {
    assert.deepEqual(await toy.ask({ call: [9999] }), DEAD);
  }));

test("openat and ioctl are refused with an errno, and the cell lives", () =>
  withToy(async (toy) => {
    const EACCES = -13;
    const ENOTTY = -25;
    assert.equal(await toy.ask({ call: [number("openat"), AT_FDCWD, "/etc/passwd", 0, 0] }), EACCES);
    assert.equal(await toy.ask({ call: [number("openat"), AT_FDCWD, "/nonexistent", 0, 0] }), EACCES);
    assert.equal(await toy.ask({ call: [number("ioctl"), 0, 0x5401, 0] }), ENOTTY);
    assert.equal(await toy.ask({ call: [number("getpid")] }), toy.process.pid);
  }));

test("verification from outside agrees, for every thread", () =>
  withToy(async (toy) => {
    const report = await toy.process.verify();
    assert.ok(report);
    assert.equal(report.pid, toy.process.pid);
    assert.ok(report.tasks > 5, `the engine and its pool have threads, found ${report.tasks}`);
    assert.equal(report.filters, (await launcher.locked).filters + 1);
    if (process.geteuid?.() === 0) assert.ok(report.user > 65_533, `a cell of root runs as ${report.user}`);
    const status = readFileSync(`/proc/${toy.process.pid}/status`, "latin1");
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^CapEff:\t0+$/m);
  }));

test("threads started before the lock go on working under it", () =>
  withToy(async (toy) => {
    assert.equal(await toy.ask({ run: "threadPool" }), "done");
  }));

test("the caller's other threads stay unlocked", () => {
  const status = readFileSync("/proc/self/status", "latin1");
  assert.match(status, /^NoNewPrivs:\t0$/m);
});

test("deep recursion is a RangeError, on the main stack and on a stack of its own", () =>
  withToy(async (toy) => {
    // Guests run on stacks of their own; the main stack is the kernel's, and as large as the engine makes it.
    for (const [run, frames] of [
      ["jspiRecursion", 30_000],
      ["wasmRecursion", 10_000],
    ] as const) {
      const { error, depth } = (await toy.ask({ run })) as { error: string; depth: number };
      assert.match(error, /^RangeError/);
      assert.ok(depth > frames, `${run}: ${depth} frames`);
    }
    assert.match(String(await toy.ask({ run: "scriptRecursion" })), /^RangeError/);
    assert.equal(await toy.ask({ run: "deepJson" }), 2_000_000);
    assert.equal(await toy.ask({ run: "deepPattern" }), "SyntaxError");
    assert.equal(await toy.ask({ call: [number("getpid")] }), toy.process.pid);
  }));

test("code cannot be made from strings", () =>
  withToy(async (toy) => {
    assert.equal(await toy.ask({ run: "evaluate" }), "EvalError");
  }));

test("a limit of processor time ends a spinning cell, and is verified", () =>
  withToy(
    async (toy) => {
      await toy.process.verify();
      assert.deepEqual(await toy.ask({ run: "spin" }), { code: null, signal: "SIGKILL" });
    },
    { cpuSeconds: 1 },
  ));

test("a killed cell is told as such", () =>
  withToy(async (toy) => {
    toy.process.kill();
    assert.deepEqual(await toy.process.exited, { code: null, signal: "SIGKILL" });
  }));
