/** A broken-out cell on the line: the caller lives, kills it, says so with a type, and keeps its memory bounded. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FRAME_BYTES, STREAM_WINDOW_BYTES } from "../../src/limits.ts";
import { CellViolation, LockUnavailable, SandboxClosed, SandboxDied } from "../../src/sandbox/errors.ts";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { parseSandboxOptions } from "../../src/sandbox/options.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { putHeader } from "../../src/wire/encode.ts";
import { DOWN, HEADER_BYTES, UP } from "../../src/wire/frames.ts";
import { processorMs } from "../processor-time.ts";
import { FakeCell, FakeLauncher, turns } from "./fake-cell.ts";

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const program = join(home, "program.wasm");
writeFileSync(program, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));

const header = (length: number, type: number, channel: number) => {
  const bytes = new Uint8Array(HEADER_BYTES);
  putHeader(bytes, 0, type, channel, length);
  return bytes;
};

type Attack = (cell: FakeCell, channel: number) => void;

async function attack(play: Attack) {
  const cell = new FakeCell().behave(play);
  const services = { launcher: new FakeLauncher(cell), cache: new ModuleCache("/dev/null/cache") };
  const box = await startSandbox(services, parseSandboxOptions({}, home));
  return { cell, box };
}

const VIOLATIONS: Readonly<Record<string, Attack>> = {
  garbage: (cell) => cell.raw(Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
  zeros: (cell) => cell.raw(new Uint8Array(100)),
  "an oversized frame": (cell, channel) => cell.raw(header(FRAME_BYTES + 1, UP.STDOUT, channel)),
  "four gigabytes announced": (cell, channel) => cell.raw(header(0xffff_ffff, UP.STDOUT, channel)),
  "a frame of the other direction": (cell, channel) => cell.raw(header(0, DOWN.STDIN_END, channel)),
  "output of a process that never was": (cell, channel) => cell.out(channel + 1, "x"),
  "output beyond its credit": (cell, channel) => {
    cell.out(channel, new Uint8Array(STREAM_WINDOW_BYTES));
    cell.out(channel, new Uint8Array(STREAM_WINDOW_BYTES));
    cell.out(channel, new Uint8Array(FRAME_BYTES));
  },
  "a double exit": (cell, channel) => {
    cell.end(channel);
    cell.end(channel);
  },
  "output after the exit": (cell, channel) => {
    cell.end(channel);
    cell.out(channel, "x");
  },
  "a double start": (cell, channel) => cell.say({ type: UP.STARTED, channel, payload: undefined }),
  "a second boot": (cell) => cell.say({ type: UP.BOOTED, channel: 0, payload: undefined }),
  "a second readiness": (cell) => cell.say({ type: UP.READY, channel: 0, payload: undefined }),
  "a refusal after the start": (cell, channel) =>
    cell.say({ type: UP.REFUSED, channel, payload: { kind: "program", message: "" } }),
  "credit nobody used": (cell, channel) => cell.say({ type: UP.STDIN_CREDIT, channel, payload: { bytes: 1 } }),
  "a reply to no request": (cell, channel) =>
    cell.say({ type: UP.FILE_REPLY, channel: channel + 9, payload: { op: "exists", exists: true } }),
  "a file reply on a process": (cell, channel) =>
    cell.say({ type: UP.FILE_REPLY, channel, payload: { op: "exists", exists: true } }),
  "an unwanted module": (cell) => cell.say({ type: UP.REWRITTEN, channel: 1, payload: new Uint8Array(9) }),
  "an exit with a lie for a number": (cell, channel) => {
    const stats = { cpuMs: Number.POSITIVE_INFINITY, calls: 0, peakMemory: 0 };
    cell.say({ type: UP.EXITED, channel, payload: { code: 0, signal: 0, message: "", stats } });
  },
  "an exit too short for its numbers": (cell, channel) => {
    cell.raw(Buffer.concat([header(25, UP.EXITED, channel), new Uint8Array(25)]));
  },
  "an exit in JSON": (cell, channel) => {
    const text = Buffer.from('{"code":0,"signal":0,"message":"","stats":{"cpuMs":1,"calls":0,"peakMemory":0}}');
    cell.raw(Buffer.concat([header(text.byteLength, UP.EXITED, channel), text]));
  },
};

for (const [name, play] of Object.entries(VIOLATIONS)) {
  test(`${name}: the cell is killed`, { timeout: 5000 }, async () => {
    const { cell, box } = await attack(play);
    const run = await box.run(program).catch((error: unknown) => error);
    await turns();
    assert.ok(cell.killed, "the cell lives on");
    // Where the violation came after a regular end, the run had its answer; the sandbox is gone all the same.
    if (run instanceof Error) assert.ok(run instanceof CellViolation, String(run));
    await assert.rejects(box.run(program), (error) => {
      assert.ok(error instanceof SandboxClosed);
      assert.match(error.message, /the cell was killed/);
      return true;
    });
    await box.close();
  });
}

test("an exit without a word ends the run with what the host process said", async () => {
  const { box } = await attack((cell) => {
    cell.crash = "FATAL ERROR: heap\x1b[31m out of memory\n";
    setImmediate(() => cell.exit(null, "SIGABRT"));
  });
  await assert.rejects(box.run(program), (error) => {
    assert.ok(error instanceof SandboxDied);
    assert.equal(error.message, "the cell was ended by SIGABRT: FATAL ERROR: heap\\x1b[31m out of memory");
    return true;
  });
  await box.close();
});

test("an exit in the middle of a frame is an end as well", async () => {
  const { box } = await attack((cell, channel) => {
    cell.raw(Buffer.concat([header(100, UP.STDOUT, channel), Buffer.from("half")]));
    setImmediate(() => cell.exit(0));
  });
  await assert.rejects(box.run(program), SandboxDied);
  await box.close();
});

test("a fatal report ends the sandbox with our own fault named", async () => {
  const { box } = await attack((cell) => cell.say({ type: UP.FATAL, channel: 0, payload: { message: "a bug\u202e" } }));
  await assert.rejects(box.run(program), (error) => {
    assert.ok(error instanceof SandboxDied && !(error instanceof CellViolation));
    assert.match(error.message, /Linden itself failed inside the cell: a bug\\u\{202e\}/);
    return true;
  });
  await box.close();
});

test("statistics are clamped to what can be", async () => {
  const { box } = await attack((cell, channel) => {
    const stats = { cpuMs: 1e15, calls: 1, peakMemory: 2 ** 52 };
    cell.say({ type: UP.EXITED, channel, payload: { code: 0, signal: 0, message: "", stats } });
  });
  const { stats } = await box.run(program);
  assert.ok(stats.cpuMs <= stats.wallMs);
  assert.equal(stats.peakMemory, 512 * 1024 * 1024);
  await box.close();
});

test("a flood of tiny frames leaves the caller's event loop alive and its memory small", {
  timeout: 20_000,
}, async () => {
  let stop = false;
  const one = Buffer.concat([header(1, UP.STDERR, 0), Buffer.from("x")]);
  const { box, cell } = await attack((it, channel) => {
    one.writeUInt32LE(channel, 5);
    const chunk = Buffer.concat(new Array(5000).fill(one));
    const pump = () => {
      if (stop || it.stdout.writableEnded) return;
      if (it.stdout.write(chunk)) setImmediate(pump);
      else it.stdout.once("drain", pump);
    };
    pump();
  });
  const before = process.memoryUsage().rss;
  const begun = processorMs();
  const run = box.run(program, { maxOutput: "8m", timeout: "1s" });
  let turns = 0;
  const ticker = setInterval(() => {
    turns += 1;
  }, 10);
  const result = await run;
  clearInterval(ticker);
  stop = true;
  const spent = processorMs() - begun;
  assert.ok(turns >= spent / 50, `the event loop turned ${turns} times in ${spent} ms`);
  assert.ok(result.limit === "time" || result.limit === "output");
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
  assert.ok(cell.killed);
  await box.close();
});

test("a cell that reads nothing is given up before what waits for it grows", { timeout: 30_000 }, async () => {
  const { box, cell } = await attack((it, channel) => it.end(channel));
  await box.run(program);
  cell.stdin.removeAllListeners("data");
  cell.stdin.pause();
  const args = new Array(100).fill("x".repeat(10_000));
  const runs = Array.from({ length: 100 }, () => box.run(program, args));
  const outcomes = await Promise.allSettled(runs);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  assert.ok(cell.killed);
  await box.close();
});

test("a cell that exits before it is ready was not locked", async () => {
  const cell = new FakeCell();
  const services = { launcher: new FakeLauncher(cell), cache: new ModuleCache("/dev/null/cache") };
  setTimeout(() => cell.exit(1), 20);
  await assert.rejects(startSandbox(services, parseSandboxOptions({}, home)), LockUnavailable);
});

test("files beyond what was asked are a violation, not memory", async () => {
  const { box, cell } = await attack(() => {});
  cell.onFrame = (frame) => {
    if (frame.type !== DOWN.FILE) return;
    for (let i = 0; i < 3; i += 1) {
      cell.say({ type: UP.FILE_DATA, channel: frame.channel, payload: new Uint8Array(500) });
    }
  };
  await assert.rejects(box.files.read("/a", { limit: 1000 }), CellViolation);
  assert.ok(cell.killed);
  await box.close();
});
