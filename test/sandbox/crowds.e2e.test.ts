/**
 * Thousands of processes in a locked cell: limits answer EAGAIN, memory stays flat, no stack is left behind.
 * LINDEN_CROWD_ROUNDS=1000000 starts so many in a row instead of 30,000, for hours where somebody wants to be sure.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Sandbox } from "../../src/sandbox/index.ts";
import { compileProgram, whyNoCompiler } from "../toolchain/compiler.ts";

/** The most a sandbox takes; the first is the program itself. */
const PROCESSES = 4096;
const IN_A_ROW = Number(process.env.LINDEN_CROWD_ROUNDS ?? 30_000);

/** KiB of a kind that the host counts for this process's cell, its biggest child whichever thread started it. */
function cell(kind: "VmRSS" | "VmPTE" | "VmSize"): number {
  const tasks = readdirSync("/proc/self/task");
  const children = tasks.flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "latin1").trim().split(" "),
  );
  const figures = children.filter(Boolean).map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(new RegExp(`${kind}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  });
  assert.ok(figures.length > 0);
  return Math.max(...figures);
}

const skip = whyNoCompiler();

describe("crowds of processes", { skip, timeout: 600_000 }, () => {
  let directory: string;
  let crowd: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "linden-crowd-"));
    crowd = join(directory, "crowd.wasm");
    writeFileSync(crowd, compileProgram("crowd.c"));
  });
  after(() => rmSync(directory, { recursive: true }));

  test("4,000 live at once, one too many is EAGAIN, and all end", async () => {
    await using box = await Sandbox.create({ limits: { processes: PROCESSES } });
    const guest = await box.spawn(crowd, ["alive", "5000"]);
    let said = "";
    guest.stdout.on("data", (piece: Buffer) => {
      said += piece;
      if (said.includes("alive")) guest.stdin.end("x");
    });
    const { exitCode, message } = await guest.exited;
    assert.deepEqual([exitCode, message], [0, ""]);
    assert.equal(said, `alive ${PROCESSES - 1}, then EAGAIN\nended ${PROCESSES - 1}\nonce more: 1\n`);
  });

  test("30,000 in a row leave memory, page tables and addresses as they were", async () => {
    await using box = await Sandbox.create();
    const row = async (rounds: number): Promise<void> => {
      const { stdout, exitCode } = await box.run(crowd, ["row", `${rounds}`]);
      assert.deepEqual([stdout, exitCode], [`started ${rounds}\n`, 0]);
    };
    // The engine's heap finds its size.
    await row(Math.floor(IN_A_ROW / 2));
    const [resident, tables, size] = [cell("VmRSS"), cell("VmPTE"), cell("VmSize")];
    await row(Math.floor(IN_A_ROW / 2));
    const grown = [cell("VmRSS") - resident, cell("VmPTE") - tables, cell("VmSize") - size] as const;
    assert.ok(grown[0] < 48 * 1024, `${grown[0]} KiB resident more`);
    // Of one stack for each it would be 60,000 KiB of page tables, and 100 million of addresses.
    assert.ok(grown[1] < 4 * 1024, `${grown[1]} KiB of page tables more`);
    assert.ok(grown[2] < 16 * 1024 * 1024, `${grown[2]} KiB of addresses more`);
  });
});
