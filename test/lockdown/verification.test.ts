import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { namedCall } from "../../src/host/calls.unsafe.ts";
import { signalProcess } from "../../src/host/spawn.unsafe.ts";
import { LockFailed } from "../../src/lockdown/failure.ts";
import type { LaunchedProcess, Launcher } from "../../src/lockdown/launch/index.ts";
import { LauncherThread } from "../../src/lockdown/launch/thread.ts";
import { bundle, startLauncher, Toy } from "./toy.ts";

const LIES: readonly (readonly [omitted: string, complaint: RegExp | undefined])[] = [
  ["nothing", undefined],
  ["filter", /Seccomp_filters is \d+, expected \d+/],
  ["threads", /Seccomp_filters is \d+, expected \d+/],
  ["exact", /Seccomp_filters is \d+, expected \d+/],
  ["limits", /"Max [a-z ]+" is .* expected/],
];

for (const [omitted, complaint] of LIES) {
  test(`a cell that leaves out ${omitted} is ${complaint === undefined ? "accepted" : "found out"}`, async () => {
    const cellBundle = await bundle("./toy-liar.ts", { OMITTED: JSON.stringify(omitted) });
    const launcher = await startLauncher({ cellBundle });
    await withLauncher(launcher, async (launched) => {
      const verified = launched.verify();
      if (complaint === undefined) assert.ok(await verified);
      else await assert.rejects(verified, (error) => error instanceof LockFailed && complaint.test(error.message));
    });
  });
}

/** A launcher that is closed whatever becomes of the work. */
async function withLauncher(launcher: Launcher, work: (launched: LaunchedProcess) => Promise<void>): Promise<void> {
  try {
    const { process: launched, line } = await launcher.launchCell();
    closeSync(line);
    await Toy.from(launched);
    await work(launched);
  } finally {
    await launcher.close();
  }
}

test("a process that has ended is not verified", async () => {
  await withLauncher(await startLauncher(), async (launched) => {
    launched.kill();
    await launched.exited;
    await assert.rejects(launched.verify(), /has ended/);
  });
});

test("a cell that has a file open is found out", async () => {
  const cellBundle = await bundle("./toy-liar.ts", { OMITTED: '"closing"' });
  await withLauncher(await startLauncher({ cellBundle }), async (launched) => {
    await assert.rejects(launched.verify(), /has .*linden-opened.* open as descriptor/);
  });
});

test("descriptors that the caller's other code left inheritable do not reach a cell", async () => {
  const F_SETFD = 2;
  const stray = openSync("/etc/passwd", "r");
  const launcher = await startLauncher();
  assert.equal(namedCall("fcntl", stray, F_SETFD, 0), 0);
  await withLauncher(launcher, async (launched) => {
    assert.ok(await launched.verify());
  });
  closeSync(stray);
});

test("the kernel tells who is inside the launcher's Landlock domain", async () => {
  const isRoot = process.geteuid?.() === 0;
  const nobody = isRoot ? 65_534 : undefined;
  const as = nobody === undefined ? {} : { uid: nobody, gid: nobody };
  const outsider = spawn("sleep", ["60"], { stdio: "ignore", ...as });
  await new Promise((resolve) => outsider.once("spawn", resolve));
  const argv = ["sleeper", "-e", "setInterval(() => {}, 1e6)"];
  const sleep = { file: "/proc/self/exe", argv, env: {}, descriptors: [0, 1, 2] };
  const thread = await LauncherThread.start(() => ({ lock: false, rules: [], canary: null, keep: [] }));
  const locked = await LauncherThread.start(() => ({ lock: true, rules: [], canary: "/", keep: [6, 7, 5] }));
  let free = 0;
  try {
    free = await thread.spawn({ ...sleep, ...(nobody === undefined ? {} : { user: nobody }) });
    const outsiders = [outsider.pid ?? 0, free];
    for (const pid of outsiders) {
      assert.deepEqual(await locked.witness(pid, [pid], nobody), [pid], "a process outside is told apart");
      assert.deepEqual(await thread.witness(pid, [pid], nobody), [], "an unlocked thread may look at it");
    }
  } finally {
    outsider.kill("SIGKILL");
    // It does not end with its parent: it never asked for that.
    signalProcess(free, 9);
    await thread.close();
    await locked.close();
  }
});
