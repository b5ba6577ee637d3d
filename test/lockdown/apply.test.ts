/** Each step made to fail: an error before anything irreversible, or exactly what is in force. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LandlockRule, LockdownError, LockIncomplete, RingsExist, SystemIO, ThreadsDiverged } from "linden/lockdown";
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
  demandNoRings: () => {},
});

function recorder(failing: Partial<Record<keyof ApplyCalls, number>> = {}) {
  const made: string[] = [];
  const answer = (name: keyof ApplyCalls, good: number) => () => {
    made.push(name);
    return failing[name] ?? good;
  };
  const calls: ApplyCalls = {
    setNoNewPrivileges: answer("setNoNewPrivileges", 0),
    restrict: answer("restrict", 0),
    installFilter: answer("installFilter", 0),
    tryCall: answer("tryCall", -1),
  };
  return { calls, made };
}

test("the order of the steps, and the report of what is in force", () => {
  const { calls, made } = recorder();
  const report = applyPlan(plan(true), calls);
  assert.deepEqual(made, ["setNoNewPrivileges", "restrict", "installFilter", "tryCall"]);
  assert.deepEqual(report.steps, ["no_new_privs", "Landlock", "seccomp filter"]);
  assert.equal(report.holes.length, 2);
});

test("rings, or a failing first step: nothing was changed", () => {
  const { calls, made } = recorder();
  const rings = () => {
    throw new RingsExist(3);
  };
  assert.throws(() => applyPlan({ ...plan(true), demandNoRings: rings }, calls), RingsExist);
  assert.deepEqual(made, []);
  assert.throws(
    () => applyPlan(plan(true), recorder({ setNoNewPrivileges: -22 }).calls),
    (error: unknown) =>
      error instanceof LockdownError &&
      !(error instanceof LockIncomplete) &&
      /EINVAL.*nothing was changed/.test(error.message),
  );
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
  incomplete({ restrict: -7 }, ["no_new_privs"], /Landlock failed \(E2BIG/);
  incomplete({ installFilter: -22 }, ["no_new_privs", "Landlock"], /seccomp filter failed \(EINVAL/);
  incomplete({ installFilter: 4711 }, ["no_new_privs", "Landlock"], /thread 4711 has a filter of its own/);
  incomplete({ tryCall: 7 }, ["no_new_privs", "Landlock", "seccomp filter"], /getpgrp was not refused, it answered 7/);
});

test("a thread that cannot be brought along, before anything else was done to files", () => {
  const { calls, made } = recorder({ installFilter: 4711 });
  assert.throws(
    () => applyPlan(plan(false), calls),
    (error: unknown) => error instanceof ThreadsDiverged && error.thread === 4711,
  );
  assert.deepEqual(made, ["setNoNewPrivileges", "installFilter"]);
});
