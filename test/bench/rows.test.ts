/** The benchmark's list of rows, its words, and its table; nothing is measured here. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Group, select } from "../../bench/group.ts";
import { format } from "../../bench/table.ts";

const main = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));
const bench = (...words: string[]) => {
  const args = ["--conditions=linden-source", "--disable-warning=ExperimentalWarning", main, ...words];
  return spawnSync(process.execPath, args, { encoding: "utf8" });
};

const group = (name: string, ...rows: string[]): Group => ({ name, rows, measure: async () => [] });

test("words choose rows by a group's name or a part of their own", () => {
  const [files, processes] = [group("files", "open", "stat"), group("processes", "fork, 1 MB", "fork, 16 MB")];
  const chosen = (...words: string[]) => {
    const wants = select([files, processes], words);
    return [files, processes].flatMap((one) => one.rows.filter((what) => wants(one, what)));
  };
  assert.deepEqual(chosen(), ["open", "stat", "fork, 1 MB", "fork, 16 MB"]);
  assert.deepEqual(chosen("files"), ["open", "stat"]);
  assert.deepEqual(chosen("16 MB", "stat"), ["stat", "fork, 16 MB"]);
  assert.throws(() => chosen("stat", "nonsense"), /no row is called nonsense/);
});

test("--list names every row once, and a word nobody has is told", () => {
  const { status, stdout } = bench("--list");
  assert.equal(status, 0);
  const rows = stdout.split("\n").filter((line) => line.startsWith("  "));
  assert.equal(new Set(rows).size, rows.length);
  for (const row of ["fork + exit + wait, 1 MB", "posix_spawn + wait", "sqlite, 100,000 inserts"]) {
    assert.ok(rows.includes(`  ${row}`), row);
  }
  const unknown = bench("nonsense");
  assert.equal(unknown.status, 1);
  assert.equal(unknown.stderr, "linden: bench: no row is called nonsense: ./linden bench --list names them\n");
});

test("a row that could not be measured says why, and no figure", () => {
  const row = { what: "fork", unit: "µs", goal: { ratio: 3 } } as const;
  assert.match(format([{ ...row, native: 100, linden: 200 }]), /fork +µs +100 +200 +2\.00 × +met \(≤ 3\.00 ×\)$/);
  assert.match(format([{ ...row, native: 100, linden: 400 }]), /missed \(≤ 3\.00 ×\)$/);
  assert.match(
    format([{ ...row, native: undefined, linden: undefined, missing: "./linden image build lua" }]),
    /fork +µs +not measured: \.\/linden image build lua$/,
  );
});
