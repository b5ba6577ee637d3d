/** Each step made to fail: an error before anything irreversible, or exactly what is in force. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  LandlockRule,
  LockdownError,
  LockIncomplete,
  RingsExist,
  SystemIO,
  ThreadsDiverged,
  UnsupportedPlatform,
} from "linden/lockdown";
import { type ApplyCalls, type ApplyPlan, applyPlan } from "../../src/lockdown/context/apply.ts";
import { RuleBook } from "../../src/lockdown/context/rule-book.ts";

const book = new RuleBook();
book.add(SystemIO.nothing().allowStdout());
const plan = (landlock: boolean): ApplyPlan => ({
  scope: landlock ? "this thread" : "all threads",
  restart: false,
  ruleSets: book.origins,
  nodeRuntime: false,
  warmUp: false,
  policy: book.policy("a test", { kind: "errno", errno: 1 }),
  landlock: landlock
    ? {
        files: [{ origin: "Test", rule: new LandlockRule("/tmp", ["readFile"]) }],
        ports: [],
        scopes: new Set(),
        everyFile: false,
        oldest: undefined,
      }
    : undefined,
  limits: landlock ? [{ name: "core", soft: 0n, hard: 0n }] : [],
  capabilities: landlock ? 0n : undefined,
  demandNoRings: () => {},
});

function recorder(failing: Partial<Record<keyof ApplyCalls, number>> = {}) {
  const made: string[] = [];
  const answer = (name: keyof ApplyCalls, good: number) => () => {
    made.push(name);
    return failing[name] ?? good;
  };
  const calls: ApplyCalls = {
    probeFilter: answer("probeFilter", 0),
    setNoNewPrivileges: answer("setNoNewPrivileges", 0),
    noNewPrivileges: answer("noNewPrivileges", 1),
    setResourceLimit: answer("setResourceLimit", 0),
    dropCapabilities: (_, demand) => demand("capabilities", answer("dropCapabilities", 0)()),
    restrict: answer("restrict", 0),
    installFilter: answer("installFilter", 0),
    tryCall: answer("tryCall", -1),
  };
  return { calls, made };
}

const FIRST = ["probeFilter", "setNoNewPrivileges", "noNewPrivileges"];
const NARROWED = ["no_new_privs", "resource limit core", "capabilities"];

test("the order of the steps, and the report of what is in force", () => {
  const { calls, made } = recorder();
  const report = applyPlan(plan(true), calls);
  assert.deepEqual(made, [...FIRST, "setResourceLimit", "dropCapabilities", "restrict", "installFilter", "tryCall"]);
  assert.deepEqual(report.steps, [...NARROWED, "Landlock", "seccomp filter"]);
  assert.deepEqual(report.limits, [{ name: "core", soft: "0", hard: "0" }]);
  assert.deepEqual([report.noNewPrivileges, report.capabilities?.threads], [true, "this thread"]);
  assert.equal(report.holes.length, 2);
});

test("rings, or a failing first step: nothing was changed", () => {
  const { calls, made } = recorder();
  const rings = () => {
    throw new RingsExist(3);
  };
  assert.throws(() => applyPlan({ ...plan(true), demandNoRings: rings }, calls), RingsExist);
  assert.deepEqual(made, ["probeFilter"]);
  assert.throws(
    () => applyPlan(plan(true), recorder({ setNoNewPrivileges: -22 }).calls),
    (error: unknown) =>
      error instanceof LockdownError &&
      !(error instanceof LockIncomplete) &&
      /EINVAL.*nothing was changed/.test(error.message),
  );
});

test("a kernel without filters is told by a type, before any step", () => {
  for (const answer of [-38, -22, -95]) {
    const { calls, made } = recorder({ probeFilter: answer });
    assert.throws(
      () => applyPlan(plan(true), calls),
      (error: unknown) =>
        error instanceof UnsupportedPlatform && /CONFIG_SECCOMP_FILTER.*Nothing was changed/.test(error.message),
    );
    assert.deepEqual(made, ["probeFilter"]);
  }
  // Whoever may not ask may not lock either, and hears it from the first step that is refused.
  const { calls, made } = recorder({ probeFilter: -1, setNoNewPrivileges: -1 });
  assert.throws(() => applyPlan(plan(true), calls), /no_new_privs: EPERM.*nothing was changed/);
  assert.deepEqual(made, ["probeFilter", "setNoNewPrivileges"]);
});

test("a later step fails: the error says exactly what is in force, and no later step is made", () => {
  const incomplete = (
    failing: Partial<Record<keyof ApplyCalls, number>>,
    steps: readonly string[],
    pattern: RegExp,
  ) => {
    const { calls } = recorder(failing);
    assert.throws(
      () => applyPlan(plan(true), calls),
      (error: unknown) => {
        assert.ok(error instanceof LockIncomplete);
        assert.deepEqual(error.inForce.steps, steps);
        assert.match(error.message, pattern);
        return true;
      },
    );
  };
  incomplete({ noNewPrivileges: 0 }, ["no_new_privs"], /no_new_privs failed \(the kernel took it/);
  incomplete({ setResourceLimit: -1 }, ["no_new_privs"], /resource limit core failed \(EPERM/);
  incomplete({ dropCapabilities: -1 }, ["no_new_privs", "resource limit core"], /capabilities failed \(EPERM/);
  incomplete({ restrict: -7 }, NARROWED, /Landlock failed \(E2BIG/);
  incomplete({ installFilter: -22 }, [...NARROWED, "Landlock"], /seccomp filter failed \(EINVAL/);
  incomplete({ installFilter: 4711 }, [...NARROWED, "Landlock"], /thread 4711 has a filter of its own/);
  incomplete({ tryCall: 7 }, [...NARROWED, "Landlock", "seccomp filter"], /getpgrp was not refused, it answered 7/);
});

test("a thread that cannot be brought along, before anything else was done to files", () => {
  const { calls, made } = recorder({ installFilter: 4711 });
  assert.throws(
    () => applyPlan(plan(false), calls),
    (error: unknown) => error instanceof ThreadsDiverged && error.thread === 4711,
  );
  assert.deepEqual(made, [...FIRST, "installFilter"]);
});
