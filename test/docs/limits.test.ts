/** docs/limits.md against src/limits.ts and what the options of a sandbox are called. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as limits from "../../src/limits.ts";

const page = readFileSync(new URL("../../docs/limits.md", import.meta.url), "utf8");
const rows = new Map([...page.matchAll(/^\| `([A-Z_]+)` \| ([^|]+) \|/gm)].map(([, name, value]) => [name, value]));

function words(name: string, value: number | undefined): string {
  if (value === undefined) return "none";
  const count = (number: number) => number.toLocaleString("en-US");
  if (name.endsWith("_MS") || name.endsWith("_NS")) return `${count(value)} ${name.slice(-2).toLowerCase()}`;
  if (!name.includes("BYTES") && name !== "PIPE_BUF") return count(value);
  for (const [unit, size] of [
    ["GiB", 1024 ** 3],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const) {
    if (value % size === 0) return `${count(value / size)} ${unit}`;
  }
  return `${count(value)} bytes`;
}

test("docs/limits.md names every limit with its value", () => {
  const expected = Object.entries(limits).map(([name, value]) => [name, words(name, value)] as const);
  assert.deepEqual(new Map([...rows].sort()), new Map([...expected].sort()));
});

test("docs/limits.md names every limit a caller can set", () => {
  const options = readFileSync(new URL("../../src/sandbox/options.ts", import.meta.url), "utf8");
  const settable = /export interface LimitOptions \{([\s\S]*?)\n\}/.exec(options)?.[1] ?? "";
  const keys = [...settable.matchAll(/readonly (\w+)\?:/g)].map(([, key]) => key);
  assert.ok(keys.length >= 9);
  assert.deepEqual(
    keys.filter((key) => !page.includes(`\`limits.${key}\``)),
    [],
  );
});
