/** How the command line builds images: with itself as the compiler, and a bar. Nothing is built here. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { OWN_COMMAND } from "../../src/cli/image.ts";
import { bar } from "../../src/cli/progress-line.ts";

test("a build's compiler is this command line, whatever the running thread's main is", () => {
  // Here that is this test file, in "linden shell" it is the command's own thread.
  const [node = "", ...words] = OWN_COMMAND;
  const { stdout, stderr } = spawnSync(node, [...words, "version"], { encoding: "utf8" });
  assert.match(stdout, /^linden \d+\.\d+\.\d+ /, stderr);
});

test("a bar is empty, full, and in between", () => {
  assert.equal(bar(0), `[${".".repeat(30)}] 0 %`);
  assert.equal(bar(0.5), `[${"#".repeat(15)}${".".repeat(15)}] 50 %`);
  assert.equal(bar(1), `[${"#".repeat(30)}] 100 %`);
});
