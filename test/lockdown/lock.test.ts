import assert from "node:assert/strict";
import { openSync } from "node:fs";
import { test } from "node:test";
import { LockFailed } from "../../src/lockdown/failure.ts";
import { lockThread, type ThreadCalls } from "../../src/lockdown/launch/thread-lock.ts";
import { type HostCalls, lockProcess } from "../../src/lockdown/lock.ts";

/** Host calls that do nothing and succeed, and a list of those made. */
function recorded(faults: Partial<HostCalls> = {}): { readonly calls: HostCalls; readonly made: string[] } {
  const made: string[] = [];
  const note = (name: string, result: number) => () => {
    made.push(name);
    return result;
  };
  const calls: HostCalls = {
    setParentDeathSignal: note("parent death", 0),
    parentPid: note("parent", 77),
    setResourceLimit: note("limit", 0),
    setNoNewPrivileges: note("no new privileges", 0),
    installFilter: note("filter", 0),
    ...faults,
  };
  return { calls, made };
}

const failsAt = (step: string) => (error: unknown) => error instanceof LockFailed && error.step === step;

test("the filter comes last, after everything it would forbid", () => {
  const { calls, made } = recorded();
  lockProcess({ role: "cell", parent: 77 }, calls);
  assert.deepEqual(made, ["parent death", "parent", "limit", "limit", "limit", "limit", "no new privileges", "filter"]);
});

test("a thread that TSYNC could not bring along is a failure, though the answer is positive", () => {
  const { calls } = recorded({ installFilter: () => 4711 });
  assert.throws(() => lockProcess({ role: "cell", parent: 77 }, calls), failsAt("seccomp filter"));
  assert.throws(() => lockProcess({ role: "cell", parent: 77 }, calls), /4711/);
});

test("another parent than the launcher means that the launcher is gone", () => {
  const { calls } = recorded({ parentPid: () => 1 });
  assert.throws(() => lockProcess({ role: "cell", parent: 77 }, calls), failsAt("death with the parent"));
});

test("a file server may write files and hold more of them open; its processor time is limited when asked", () => {
  const limits: [number, bigint][] = [];
  const { calls } = recorded({
    setResourceLimit: (resource, soft, hard) => {
      assert.equal(soft, hard);
      limits.push([resource, soft]);
      return 0;
    },
  });
  lockProcess({ role: "fileServer", parent: 77, cpuSeconds: 1.5 }, calls);
  assert.deepEqual(
    new Map(limits),
    new Map([
      [4, 0n],
      [7, 4096n],
      [6, 0n],
      [0, 2n],
    ]),
  );
});

const plan = { lock: true, rules: [], canary: "/", keep: [] };
function threadCalls(faults: Partial<ThreadCalls>): ThreadCalls {
  const zero = () => 0;
  let opened = 0;
  return {
    setNoNewPrivileges: zero,
    dropBoundingCapability: () => -22,
    clearAmbientCapabilities: zero,
    setCapabilities: zero,
    landlockVersion: () => 7,
    createRuleset: () => -1,
    allowBeneath: zero,
    restrictSelf: zero,
    installFilter: zero,
    canOpen: () => opened++ === 0,
    ...faults,
  };
}

test("a canary that cannot be opened before Landlock proves nothing and is refused", () => {
  assert.throws(() => lockThread(plan, threadCalls({ canOpen: () => false })), /proves nothing/);
});

test("a kernel without Landlock is named as what is missing", () => {
  assert.throws(() => lockThread(plan, threadCalls({ landlockVersion: () => -38 })), /no Landlock \(ENOSYS \(38\)\)/);
});

test("a canary that can still be opened under Landlock is a failure", () => {
  const faults = { createRuleset: () => openSync("/dev/null", "r"), canOpen: () => true };
  assert.throws(() => lockThread(plan, threadCalls(faults)), /can still be opened/);
});
