/**
 * A cell that lies from its first byte: before it is locked, while its lock is looked at, and before it has booted. Whatever it
 * says, nothing of a guest's reaches it before it was verified, and the caller is told with a type.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FRAME_BYTES } from "../../src/limits.ts";
import { CellViolation, LindenError, LockUnavailable, SandboxDied } from "../../src/sandbox/errors.ts";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { parseSandboxOptions } from "../../src/sandbox/options.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { putHeader } from "../../src/wire/encode.ts";
import { DOWN, HEADER_BYTES, UP } from "../../src/wire/frames.ts";
import { FakeCell, FakeLauncher, STATS, turns } from "./fake-cell.ts";

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const program = join(home, "program.wasm");
writeFileSync(program, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));

function begin(cell: FakeCell, ...more: FakeCell[]) {
  const services = { launcher: new FakeLauncher(cell, ...more), cache: new ModuleCache("/dev/null/cache") };
  return startSandbox(services, parseSandboxOptions({}, home));
}

const header = (length: number, type: number, channel: number) => {
  const bytes = new Uint8Array(HEADER_BYTES);
  putHeader(bytes, 0, type, channel, length);
  return bytes;
};

const EARLY: Readonly<Record<string, (cell: FakeCell) => void>> = {
  "that it has booted": (cell) => cell.say({ type: UP.BOOTED, channel: 0, payload: undefined }),
  "that it started something": (cell) => cell.say({ type: UP.STARTED, channel: 1, payload: undefined }),
  output: (cell) => cell.out(1, "x"),
  "an exit": (cell) =>
    cell.say({ type: UP.EXITED, channel: 1, payload: { code: 0, signal: 0, message: "", stats: STATS } }),
  "a module nobody asked for": (cell) => cell.say({ type: UP.REWRITTEN, channel: 1, payload: new Uint8Array(100) }),
  "a frame without an end": (cell) => cell.raw(header(FRAME_BYTES + 1, UP.STDOUT, 1)),
  garbage: (cell) => cell.raw("HTTP/1.1 200 OK\r\n\r\n"),
};

for (const [what, say] of Object.entries(EARLY)) {
  test(`before it is locked it says ${what}`, { timeout: 5000 }, async () => {
    const cell = new FakeCell();
    const box = begin(cell);
    say(cell);
    await assert.rejects(box, (error) => error instanceof CellViolation);
    assert.ok(cell.killed && !cell.verified);
    assert.ok(cell.frames.every(({ type }) => type === DOWN.BOOT));
  });

  test(`while its lock is looked at it says ${what}`, { timeout: 5000 }, async () => {
    const cell = new FakeCell();
    const looked = Promise.withResolvers<void>();
    cell.verifying = looked.promise;
    const box = begin(cell);
    box.catch(() => {});
    cell.say({ type: UP.READY, channel: 0, payload: undefined });
    await turns();
    say(cell);
    // It may have booted by now: that frame was sent ahead.
    const allowed = what === "that it has booted";
    await turns();
    assert.equal(cell.killed, !allowed);
    if (allowed) say(cell);
    await turns();
    looked.resolve();
    await assert.rejects(box, (error) => error instanceof CellViolation);
    assert.ok(cell.killed);
    assert.ok(cell.frames.every(({ type }) => type === DOWN.BOOT));
  });
}

test("a lie of being ready is found out, and nothing was sent but what its kernel is to be", {
  timeout: 5000,
}, async () => {
  const cell = new FakeCell().behave();
  cell.lockProblem = new LockUnavailable("task 1: Seccomp is 0, expected 2");
  const looked = Promise.withResolvers<void>();
  cell.verifying = looked.promise;
  const box = begin(cell);
  await turns();
  assert.deepEqual(
    cell.frames.map(({ type }) => type),
    [DOWN.BOOT],
  );
  looked.resolve();
  await assert.rejects(box, LockUnavailable);
  assert.ok(cell.killed);
});

for (const moment of ["before READY", "after READY", "after BOOTED"] as const) {
  test(`a cell that is gone ${moment} leaves a typed error`, { timeout: 5000 }, async () => {
    const cell = new FakeCell();
    const looked = Promise.withResolvers<void>();
    cell.verifying = looked.promise;
    const box = begin(cell);
    box.catch(() => {});
    if (moment !== "before READY") cell.say({ type: UP.READY, channel: 0, payload: undefined });
    if (moment === "after BOOTED") cell.say({ type: UP.BOOTED, channel: 0, payload: undefined });
    await turns();
    cell.exit(null, "SIGKILL");
    await turns();
    cell.lockProblem = new LockUnavailable("process 1 has ended");
    looked.resolve();
    await assert.rejects(box, (error) => error instanceof LockUnavailable || error instanceof SandboxDied);
  });
}

test("a flood before it is ready keeps the caller alive and small", { timeout: 20_000 }, async () => {
  const cell = new FakeCell();
  const box = begin(cell);
  box.catch(() => {});
  const before = process.memoryUsage().rss;
  // A frame that is longer than all of it, piece by piece.
  cell.raw(header(FRAME_BYTES, UP.STDOUT, 1));
  for (let i = 0; i < 200 && !cell.killed; i++) {
    cell.raw(new Uint8Array(FRAME_BYTES));
    await sleep(1);
  }
  assert.ok(cell.killed);
  assert.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024);
  await assert.rejects(box, (error) => error instanceof LindenError);
});
