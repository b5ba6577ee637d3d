/** The public wasi-testsuite, one test for each of its modules, where there is a copy of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findTests, runTest } from "./wasi-testsuite.ts";

const directory = process.env.LINDEN_WASI_TESTSUITE;

if (directory === undefined) {
  test("the public wasi-testsuite passes", {
    skip: "set LINDEN_WASI_TESTSUITE=DIR, a copy of WebAssembly/wasi-testsuite, branch prod/testsuite-base",
  });
} else {
  const tests = findTests(directory);
  test("the copy of wasi-testsuite has tests", () => assert.notEqual(tests.length, 0));
  for (const path of tests) {
    test(path.slice(directory.length + 1), async () => assert.equal(await runTest(path), undefined));
  }
}
