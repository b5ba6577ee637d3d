import assert from "node:assert/strict";
import { test } from "node:test";
import { EACCES, EINVAL } from "../../src/abi/errno.ts";
import type { Process } from "../../src/kernel/process.ts";
import { SharedWorld } from "./shared-world.ts";

/** As the file of a process does it, written by `writer`. */
function adjust(writer: Process, process: Process, value: number): number {
  const { kernel } = process;
  [kernel.caller] = writer.threads;
  return kernel.facts.process(process.pid)?.adjustOom(value) ?? Number.NaN;
}

test("the superuser sets how low others may go; a child and a snapshot keep both", () => {
  const world = new SharedWorld();
  const one = world.process();
  for (const value of [1001, -1001, Number.NaN]) assert.equal(adjust(one, one, value), -EINVAL);
  assert.equal(adjust(one, one, -500), 0);
  assert.equal(adjust(one, one, -300), 0);
  const two = world.fork(one);
  const copy = world.restored();
  const child = copy.kernel.process(two.pid);
  assert.ok(child !== undefined);
  assert.equal(child.oomAdjustment, -300);
  child.userIdentity = { real: 7, effective: 7, saved: 7 };
  assert.equal(adjust(child, child, -301), -EACCES);
  assert.equal(adjust(child, child, 900), 0);
  assert.equal(adjust(child, child, -300), 0);
  assert.equal(child.oomAdjustment, -300);
});
