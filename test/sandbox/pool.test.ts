import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { LockUnavailable, OptionError, SandboxClosed } from "../../src/sandbox/errors.ts";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { SandboxPool } from "../../src/sandbox/pool.ts";
import { DOWN, UP } from "../../src/wire/frames.ts";
import { FakeCell, FakeLauncher, turns } from "./fake-cell.ts";

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const program = join(home, "program.wasm");
writeFileSync(program, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));

const cells = (count: number) =>
  Array.from({ length: count }, () => new FakeCell().behave((cell, channel) => cell.end(channel)));
const services = (fakes: FakeCell[]) => ({
  launcher: new FakeLauncher(...fakes),
  cache: new ModuleCache("/dev/null/cache"),
});

test("ready cells are handed out with their programs compiled, and replaced", async () => {
  const fakes = cells(4);
  const pool = await SandboxPool.create({ size: 2, programs: [program] }, services(fakes));
  assert.equal(pool.ready, 2);
  assert.ok(fakes[0]?.verified);
  const box = await pool.take({ env: { A: "1" } });
  assert.equal((await box.run(program)).exitCode, 0);
  assert.equal(fakes[0]?.of(DOWN.MODULE_END).length, 1);
  await turns();
  assert.equal(pool.ready, 2);
  await pool.close();
  assert.equal((await box.run(program)).exitCode, 0);
  await box.close();
  assert.ok(fakes.slice(0, 3).every(({ killed }) => killed));
  await assert.rejects(pool.take(), SandboxClosed);
});

test("a cell waits booted as the last sandbox was, and is booted anew for one that differs", async () => {
  const fakes = cells(4);
  const boots = () => fakes.map((cell) => cell.of(DOWN.BOOT).map(({ payload }) => payload.hostname));
  const pool = await SandboxPool.create({ size: 1 }, services(fakes));
  const own = (await pool.take()).close();
  await turns();
  await own;
  assert.deepEqual(boots().slice(0, 2), [["linden"], ["linden"]]);
  for (const [at, expected] of [
    [1, ["linden", "other"]],
    [2, ["other"]],
  ] as const) {
    const box = await pool.take({ hostname: "other" });
    assert.deepEqual(boots()[at], expected);
    assert.equal((await box.run(program)).exitCode, 0);
    await box.close();
    await turns();
  }
  await pool.close();
});

test("a sandbox that does not boot takes no other with it, and no cell that waits for others", async () => {
  const fakes = cells(6);
  for (const cell of fakes) {
    const before = cell.onFrame;
    cell.onFrame = (frame) => {
      if (frame.type !== DOWN.BOOT || frame.payload.hostname !== "bad") return before(frame);
      cell.say({ type: UP.FATAL, channel: 0, payload: { message: "mount: of a customer" } });
    };
  }
  const pool = await SandboxPool.create({ size: 1 }, services(fakes));
  await using first = await pool.take();
  // All of them wait for new cells: those of others are not booted as the one asked for last would be.
  const [good, bad, after] = await Promise.allSettled([
    pool.take({ hostname: "good" }),
    pool.take({ hostname: "bad" }),
    pool.take({ hostname: "bad" }),
  ]);
  assert.deepEqual([good.status, bad.status, after.status], ["fulfilled", "rejected", "rejected"]);
  await turns();
  assert.deepEqual([first.closed, pool.ready], [false, 1]);
  if (good.status === "fulfilled") await good.value.close();
  await assert.rejects(pool.take({ hostname: "bad" }), /of a customer/);
  await turns();
  assert.equal(pool.ready, 1);
  await pool.close();
});

test("a cell that died while it waited is not handed out", async () => {
  const fakes = cells(3);
  const pool = await SandboxPool.create({ size: 1 }, services(fakes));
  fakes[0]?.exit(null, "SIGKILL");
  await turns();
  assert.equal(pool.ready, 0);
  const box = await pool.take();
  assert.equal((await box.run(program)).exitCode, 0);
  await box.close();
  await pool.close();
});

test("a sandbox with a limit of CPU time has it in the host too, in a new cell if need be", async () => {
  const fakes = cells(5);
  const [first, second, third, fourth] = fakes;
  assert.ok(first && second && third && fourth);
  second.cpuLimit = "refused";
  const pool = await SandboxPool.create({ size: 1 }, services(fakes));
  // This process's own pid stands in for the cell's: what it has used counts.
  const used = Math.floor((process.cpuUsage().user + process.cpuUsage().system) / 1e6);
  await using limited = await pool.take({ limits: { cpu: "2s" } });
  assert.ok(typeof first.cpuLimit === "number" && first.cpuLimit >= used + 5 && first.cpuLimit <= used + 8);
  assert.equal(limited.closed, false);
  await turns();
  await using other = await pool.take({ limits: { cpu: "2s" } });
  assert.ok(second.killed);
  assert.deepEqual([third.launchedWith, other.closed], [5, false]);
  await turns();
  await using free = await pool.take();
  assert.deepEqual([fourth.cpuLimit, fourth.launchedWith, free.closed], [undefined, undefined, false]);
  await pool.close();
});

test("a pool whose cells cannot be locked is not made", async () => {
  const [cell] = cells(1);
  assert.ok(cell);
  cell.lockProblem = new LockUnavailable("no seccomp");
  await assert.rejects(SandboxPool.create({}, services([cell])), LockUnavailable);
});

test("options are checked", async () => {
  for (const options of [{ size: 0 }, { size: 65 }, { lock: "maybe" }, { programs: "python" }, { count: 1 }]) {
    await assert.rejects(SandboxPool.create(options as object, services([])), OptionError, JSON.stringify(options));
  }
  const pool = await SandboxPool.create({}, services(cells(1)));
  await assert.rejects(pool.take({ lock: "off" }), OptionError);
  await pool.close();
});
