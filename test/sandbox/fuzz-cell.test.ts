/**
 * A broken-out cell that knows the frames: any of them, valid or nearly so, in any order, for anything that was asked and for what never
 * was, amid all that a caller does at once. The caller's promises settle, and nothing is thrown at anybody else. One seed runs by
 * default; LINDEN_FUZZ_CELLS=2000 plays as many cells, LINDEN_FUZZ_SEED begins elsewhere.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { STREAM_WINDOW_BYTES } from "../../src/limits.ts";
import { LindenError } from "../../src/sandbox/errors.ts";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { parseSandboxOptions } from "../../src/sandbox/options.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { DOWN, type FileRequest, UP, type UpFrame } from "../../src/wire/frames.ts";
import { type Random, random } from "../random.ts";
import { FakeCell, FakeLauncher, STATS } from "./fake-cell.ts";

const CELLS = Number(process.env.LINDEN_FUZZ_CELLS ?? 60);
const SEED = Number(process.env.LINDEN_FUZZ_SEED ?? 1);
/** Turns of the event loop in which a cell attacks. */
const TURNS = 40;
/** For what should settle at once. */
const PATIENCE_MS = 30_000;

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const program = join(home, "program.wasm");
writeFileSync(program, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));

/** What a channel was asked for. */
type Asked = "process" | "module" | "over" | FileRequest["op"];

class HostileCell {
  readonly cell: FakeCell;
  /** Frames that were said while the caller still listened. */
  said = 0;
  readonly #below: Random;
  readonly #asked: Asked[] = ["module"];
  /** Bytes of input that were not given back. */
  #input = 0;

  constructor(below: Random) {
    this.#below = below;
    this.cell = new FakeCell().behave();
    const good = this.cell.onFrame;
    this.cell.onFrame = (frame) => {
      const { channel } = frame;
      if (frame.type === DOWN.SPAWN) this.#asked[channel] = "process";
      else if (frame.type === DOWN.FILE) this.#asked[channel] = frame.payload.op;
      else if (frame.type === DOWN.MODULE_END) this.#asked[channel] = "module";
      else if (frame.type === DOWN.STDIN) this.#input += frame.payload.length;
      // Most of what is asked is answered well, so that there is something to attack.
      if (frame.type === DOWN.BOOT || this.#below(16) > 0) good(frame);
    };
  }

  /** Some frames. */
  attack(): void {
    for (let left = 1 + this.#below(4); left > 0 && !this.cell.killed; left -= 1) {
      const channel = 1 + this.#below(this.#asked.length);
      const frame = this.#below(120) > 0 ? this.#fitting(channel) : this.#any(channel);
      if (frame === undefined) continue;
      this.said += 1;
      try {
        this.cell.say(frame);
      } catch (error) {
        // Longer than any frame of its kind: a header that says so instead.
        assert.ok(error instanceof RangeError);
        this.cell.raw(Buffer.from([0xff, 0xff, 0xff, 0xff, frame.type, 1, 0, 0, 0]));
      }
    }
    if (this.#below(200) === 0) this.cell.exit(null, "SIGSEGV");
  }

  get #bytes(): Buffer {
    return Buffer.alloc([1, 2, 10, 65_536, STREAM_WINDOW_BYTES][this.#below(64) === 0 ? this.#below(5) : 1] ?? 1, 0xc3);
  }

  /** What a cell might say of this channel now. */
  #fitting(channel: number): UpFrame | undefined {
    const pick = this.#below(16);
    switch (this.#asked[channel]) {
      case "process":
        if (pick < 6) return { type: UP.STDOUT, channel, payload: this.#bytes };
        if (pick < 12) return { type: UP.STDERR, channel, payload: this.#bytes };
        if (pick === 12) {
          const payload = { code: 3, signal: 0, message: "it ended", stats: STATS };
          this.#asked[channel] = "over";
          return { type: UP.EXITED, channel, payload };
        }
        if (this.#input === 0) return undefined;
        this.#input -= 1;
        return { type: UP.STDIN_CREDIT, channel, payload: { bytes: 1 } };
      case "read":
        return { type: UP.FILE_DATA, channel, payload: this.#bytes };
      case "list": {
        this.#asked[channel] = "over";
        const entries = [{ name: "a" as ByteString, type: "file" as const }];
        return { type: UP.FILE_REPLY, channel, payload: { op: "list", entries, next: this.#below(3) } };
      }
      default:
        return undefined;
    }
  }

  /** Anything, whatever it is about. */
  #any(channel: number): UpFrame {
    const number = () => [0, 1, -1, 7, 255, 65_536, 2 ** 31, 2 ** 53 - 1][this.#below(8)] ?? 0;
    const text = () => ["", "x", "\u0000\u001b[31m", "\ud800", "é".repeat(2000)][this.#below(5)] ?? "";
    const entries = () => Array.from({ length: this.#below(3) }, () => ({ name: text(), type: "file" }));
    const frames: readonly (() => unknown)[] = [
      () => ({ type: UP.STARTED, channel, payload: undefined }),
      () => ({ type: UP.MODULE_READY, channel, payload: undefined }),
      () => ({ type: UP.STDOUT, channel, payload: this.#bytes }),
      () => ({ type: UP.STDIN_CREDIT, channel, payload: { bytes: number() } }),
      () => ({ type: UP.EXITED, channel, payload: { code: number(), signal: 0, message: text(), stats: STATS } }),
      () => ({ type: UP.REFUSED, channel, payload: { kind: "file", message: text(), errno: number() } }),
      () => ({ type: UP.REFUSED, channel, payload: { kind: "program", message: text() } }),
      () => ({ type: UP.FILE_DATA, channel, payload: this.#bytes }),
      () => ({ type: UP.REWRITTEN, channel, payload: this.#bytes }),
      () => ({ type: UP.FILE_REPLY, channel, payload: { op: "read", bytes: number() } }),
      () => ({ type: UP.FILE_REPLY, channel, payload: { op: "list", entries: entries(), next: number() } }),
      () => ({ type: UP.FILE_REPLY, channel, payload: { op: "exists", exists: true } }),
      () => ({ type: UP.BOOTED, channel: 0, payload: undefined }),
      () => ({ type: UP.FATAL, channel: 0, payload: { message: text() } }),
    ];
    return frames[this.#below(frames.length)]?.() as UpFrame;
  }
}

/** Everything a caller may have under way at once. */
function requests(box: Sandbox): Promise<unknown>[] {
  const late = async function* () {
    yield "one";
    await new Promise((resolve) => setImmediate(resolve));
    yield Buffer.alloc(300_000);
  };
  const spawned = box.spawn(program, [], { timeout: 200 }).then(async (guest) => {
    guest.stdin.on("error", () => {});
    guest.stdin.write(Buffer.alloc(300_000));
    guest.stderr.resume();
    for await (const piece of guest.stdout) assert.ok(piece.length > 0);
    return guest.exited;
  });
  return [
    box.run(program, { timeout: 200, stdin: "x".repeat(300_000) }),
    box.run(program, { timeout: 200, stdin: late(), onStdout: async (piece) => assert.ok(piece.length > 0) }),
    box.run(program, [], { signal: AbortSignal.timeout(150), maxOutput: 100_000, format: "bytes" }),
    spawned,
    box.files.read("/a", { limit: 100_000 }),
    box.files.write("/b", late()),
    box.files.list("/c"),
    box.files.exists("/d"),
  ];
}

test(`${CELLS} hostile cells from seed ${SEED}`, { timeout: 20 * PATIENCE_MS }, async () => {
  const stray: unknown[] = [];
  const note = (error: unknown) => stray.push(error);
  process.on("unhandledRejection", note);
  let said = 0;
  try {
    for (let seed = SEED; seed < SEED + CELLS; seed += 1) {
      const hostile = new HostileCell(random(seed * 2_654_435_761));
      const services = { launcher: new FakeLauncher(hostile.cell), cache: new ModuleCache("/dev/null/cache") };
      const box = await startSandbox(services, parseSandboxOptions({}, home));
      const asked = requests(box);
      for (const each of asked) each.catch(() => {});
      for (let left = TURNS; left > 0; left -= 1) {
        await new Promise((resolve) => setImmediate(resolve));
        hostile.attack();
      }
      await box.close();
      said += hostile.said;
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error(`seed ${seed}: a promise never settled`)), PATIENCE_MS).unref();
      });
      for (const outcome of await Promise.race([Promise.allSettled(asked), late])) {
        if (outcome.status === "fulfilled") continue;
        const { reason } = outcome;
        const expected = reason instanceof LindenError || reason?.name === "TimeoutError";
        assert.ok(expected, `seed ${seed}: ${reason?.stack ?? reason}`);
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(stray, []);
    assert.ok(said > 5 * CELLS, `${said} frames before the cells were killed: too few to show anything`);
  } finally {
    process.off("unhandledRejection", note);
  }
});
