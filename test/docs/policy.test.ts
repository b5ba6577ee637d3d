/** docs/policy.md: its example is a policy, and every key there is stands in its table. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseSandboxOptions } from "../../src/sandbox/options.ts";

const page = readFileSync(new URL("../../docs/policy.md", import.meta.url), "utf8");

test("the example of docs/policy.md is a policy with every key", () => {
  const example = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? "");
  const policy = parseSandboxOptions(example, "/base");
  assert.equal(policy.mounts.length, 3);
  assert.equal(policy.limits.wallMs, 10_000);
  const options = readFileSync(new URL("../../src/sandbox/options.ts", import.meta.url), "utf8");
  const known = /export interface SandboxOptions \{([\s\S]*?)\n\}/.exec(options)?.[1] ?? "";
  const keys = [...known.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, key]) => key).sort();
  assert.deepEqual(Object.keys(example).sort(), keys);
  assert.deepEqual([...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key).sort(), keys);
});
