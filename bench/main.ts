/**
 * `./linden bench [WORD…]`: one table, native and Linden in turn in the same run, with ratios. Figures are medians; on a
 * shared machine trust the ratios. A word is a group's name or a part of a row's; without one every row is measured.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Group, select } from "./group.ts";
import { CALL_GROUPS } from "./rows/calls.ts";
import { CELL_GROUPS } from "./rows/cells.ts";
import { LOCKDOWN_GROUPS } from "./rows/lockdown.ts";
import { MOUNT_GROUPS } from "./rows/mounts.ts";
import { PROCESS_GROUPS } from "./rows/processes.ts";
import { USERLAND_GROUPS } from "./rows/userland.ts";
import { format, type Row } from "./table.ts";

const GROUPS: readonly Group[] = [
  ...CALL_GROUPS,
  ...PROCESS_GROUPS,
  ...USERLAND_GROUPS,
  ...MOUNT_GROUPS,
  ...CELL_GROUPS,
  ...LOCKDOWN_GROUPS,
];

async function measured(words: readonly string[]): Promise<Row[]> {
  const wanted = select(GROUPS, words);
  const scratch = mkdtempSync(join(tmpdir(), "linden-bench-"));
  try {
    const rows: Row[] = [];
    for (const group of GROUPS) {
      const wants = (what: string): boolean => wanted(group, what);
      if (group.rows.some(wants)) rows.push(...(await group.measure({ scratch, wants })));
    }
    return rows.filter(({ what }) => GROUPS.some((group) => group.rows.includes(what) && wanted(group, what)));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const words = process.argv.slice(2);
if (words[0] === "--list") {
  for (const { name, rows } of GROUPS) process.stdout.write(`${name}\n${rows.map((what) => `  ${what}\n`).join("")}`);
} else {
  try {
    process.stdout.write(`${format(await measured(words))}\n`);
  } catch (error) {
    process.stderr.write(`linden: bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
