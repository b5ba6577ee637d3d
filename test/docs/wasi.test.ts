import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { wasiPage } from "../../scripts/wasi-table.ts";

test("docs/wasi.md is what scripts/wasi-table.ts prints", () => {
  const page = readFileSync(new URL("../../docs/wasi.md", import.meta.url), "utf8");
  assert.equal(page, wasiPage(), "run ./linden node scripts/wasi-table.ts > docs/wasi.md");
});
