import assert from "node:assert/strict";
import { test } from "node:test";
import { EINVAL } from "../../../src/abi/errno.ts";
import { clockRead, clockResolution } from "../../../src/kernel/operations/time.ts";
import { machine, spawn } from "../simulated.ts";

test("clocks are the host's, split into seconds and nanoseconds", () => {
  const made = machine();
  const { thread } = spawn(made);
  const out = { seconds: -1, nanoseconds: -1 };
  made.host.now = 5_000_000_042;
  assert.equal(clockRead(thread, 0, out), 0);
  assert.deepEqual(out, { seconds: 1_700_000_005, nanoseconds: 42 });
  assert.equal(clockRead(thread, 1, out), 0);
  assert.deepEqual(out, { seconds: 5, nanoseconds: 42 });
  // Nobody else ran since the kernel was made.
  for (const id of [2, 3]) {
    assert.equal(clockRead(thread, id, out), 0);
    assert.deepEqual(out, { seconds: 4, nanoseconds: 42 });
  }
  for (const id of [-1, 4, 0.5, 2 ** 31]) {
    assert.equal(clockRead(thread, id, out), -EINVAL);
    assert.equal(clockResolution(thread, id, out), -EINVAL);
  }
  assert.equal(clockResolution(thread, 1, out), 0);
  assert.deepEqual(out, { seconds: 0, nanoseconds: 1 });
});
