/** A program's way into a scripted cell: what a caller sees while it takes long. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as errors from "../../src/sandbox/errors.ts";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { parseSandboxOptions } from "../../src/sandbox/options.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { DOWN, UP } from "../../src/wire/frames.ts";
import { FakeCell, FakeLauncher } from "./fake-cell.ts";

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const program = join(home, "program.wasm");
writeFileSync(program, new Uint8Array(HEADER));

/** A sandbox whose cell compiles nothing until it is told to; from then on whatever comes. */
async function slowToCompile() {
  const cell = new FakeCell().behave((it, channel) => it.end(channel, 5));
  const services = { launcher: new FakeLauncher(cell), cache: new ModuleCache("/dev/null/cache") };
  const box = await startSandbox(services, parseSandboxOptions({}, home));
  const before = cell.onFrame;
  const waiting: number[] = [];
  let told = false;
  const ready = (channel: number) => cell.say({ type: UP.MODULE_READY, channel, payload: undefined });
  cell.onFrame = (frame) => {
    if (frame.type !== DOWN.MODULE_END) before(frame);
    else if (told) ready(frame.channel);
    else waiting.push(frame.channel);
  };
  const compile = () => {
    told = true;
    waiting.splice(0).forEach(ready);
  };
  return { box, cell, compile };
}

test("a timeout covers the compiling, which goes on for the next run", async () => {
  const { box, cell, compile } = await slowToCompile();
  const result = await box.run(program, { timeout: 30 });
  assert.deepEqual(
    { ...result, stats: undefined },
    {
      exitCode: 137,
      signal: "SIGKILL",
      timedOut: true,
      limit: "time",
      message: "its time was over before its program was compiled",
      stats: undefined,
      stdout: "",
      stderr: "",
    },
  );
  assert.ok(result.stats.wallMs >= 29, `${result.stats.wallMs}`);
  const bytes = await box.run(program, [], { timeout: 10, format: "bytes" });
  assert.deepEqual(bytes.stdout, new Uint8Array(0));
  await assert.rejects(box.spawn(program, [], { timeout: 10 }), (error) => {
    assert.ok(error instanceof errors.LimitExceeded);
    assert.deepEqual([error.limit, error.exitCode], ["time", 124]);
    return true;
  });
  assert.equal(cell.of(DOWN.SPAWN).length, 0);
  const next = box.run(program, { timeout: "10s" });
  compile();
  assert.equal((await next).exitCode, 5);
  assert.equal(cell.of(DOWN.MODULE_END).length, 1, "it was sent once");
  await box.close();
});

test("what compiling took is taken from a run's time", async () => {
  const { box, cell, compile } = await slowToCompile();
  // In the middle, so that a busy machine may be late by a second with either.
  setTimeout(compile, 1000);
  const before = cell.onFrame;
  cell.onFrame = (frame) => {
    if (frame.type === DOWN.SPAWN) cell.say({ type: UP.STARTED, channel: frame.channel, payload: undefined });
    else if (frame.type === DOWN.SIGNAL) cell.end(frame.channel, 0, frame.payload.signal);
    else before(frame);
  };
  const result = await box.run(program, { timeout: 2000 });
  assert.equal(result.limit, "time");
  assert.ok(result.stats.wallMs < 1900, `${result.stats.wallMs} ms`);
  await box.close();
});

test("an abort ends the wait for a program to be compiled", async () => {
  const { box, cell, compile } = await slowToCompile();
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await assert.rejects(box.run(program, { signal: controller.signal }), /enough/);
  await assert.rejects(box.spawn(program, [], { signal: AbortSignal.timeout(10) }), { name: "TimeoutError" });
  assert.equal(cell.of(DOWN.SPAWN).length, 0);
  compile();
  assert.equal((await box.run(program)).exitCode, 5);
  await box.close();
});

test("a sandbox that is closed ends the cell that rewrites for it", async () => {
  const cells = [new FakeCell().behave((it, channel) => it.end(channel)), new FakeCell().behave()];
  const [own, apart] = cells;
  assert.ok(own && apart);
  const services = { launcher: new FakeLauncher(...cells), cache: new ModuleCache(join(home, "own-cache")) };
  const box = await startSandbox(services, parseSandboxOptions({}, home));
  await box.run(program);
  const other = join(home, "other.wasm");
  writeFileSync(other, new Uint8Array([...HEADER, 0x00, 0x02, 0x01, 0x61]));
  const before = apart.onFrame;
  apart.onFrame = (frame) => {
    if (frame.type !== DOWN.MODULE_END) before(frame);
  };
  const run = box.run(other);
  const outcome = assert.rejects(run, errors.SandboxClosed);
  while (apart.of(DOWN.MODULE_END).length === 0) await sleep(5);
  await box.close();
  await outcome;
  assert.ok(apart.killed);
});

test("a second cell that rewrites is held to the sandbox's limits of time and memory", {
  timeout: 120_000,
}, async () => {
  const spinning = spawn(process.execPath, ["-e", "for(;;);"], { stdio: "ignore" });
  try {
    const [cell, second] = [new FakeCell().behave((it, channel) => it.end(channel, 5)), new FakeCell().behave()];
    second.pid = spinning.pid ?? assert.fail();
    second.onFrame = () => {};
    const services = { launcher: new FakeLauncher(cell, second), cache: new ModuleCache(join(home, "cache")) };
    const box = await startSandbox(services, parseSandboxOptions({ limits: { cpu: "1s" } }, home));
    assert.equal((await box.run(program)).exitCode, 5);
    const another = join(home, "another.wasm");
    writeFileSync(another, new Uint8Array([...HEADER, 0, 2, 1, 0]));
    const result = await box.run(another);
    assert.deepEqual([result.limit, result.exitCode, result.timedOut], ["cpu", 152, true]);
    assert.equal(second.launchedWith, cell.launchedWith);
    assert.ok(cell.killed && second.killed);
    await box.close();
  } finally {
    spinning.kill("SIGKILL");
  }
});
