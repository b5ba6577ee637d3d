import assert from "node:assert/strict";
import { test } from "node:test";
import { WASI_FUNCTIONS } from "../../src/abi/wasi.ts";
import { WASI_CALLS } from "../../src/wasi/table.ts";

test("each of the 46 functions stands in the table once, with the specification's types", () => {
  const expected = Object.entries(WASI_FUNCTIONS).map(([name, parameters]) => ({
    name,
    parameters,
    result: name === "proc_exit" ? "" : "i",
  }));
  const actual = WASI_CALLS.map(({ name, parameters, result }) => ({ name, parameters, result }));
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  assert.equal(actual.length, 46);
  assert.deepEqual(actual.sort(byName), expected.sort(byName));
});

test("a codec function takes no more words than its parameters make", () => {
  for (const { name, parameters, begin } of WASI_CALLS) {
    const words = [...parameters].reduce((sum, type) => sum + (type === "I" ? 2 : 1), 0);
    const taken = begin.length - 1;
    // What answers the same whatever it is given takes fewer: the sockets.
    if (name.startsWith("sock_")) assert.ok(taken <= words, name);
    else assert.equal(taken, words, name);
  }
});

test("what may block can be finished", () => {
  const finishing = WASI_CALLS.filter(({ finish }) => finish !== undefined).map(({ name }) => name);
  assert.deepEqual(finishing.sort(), [
    "fd_pread",
    "fd_pwrite",
    "fd_read",
    "fd_write",
    "path_open",
    "poll_oneoff",
    "random_get",
    "sched_yield",
  ]);
});
