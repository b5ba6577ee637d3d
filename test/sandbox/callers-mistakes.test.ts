/** What programs that embed a sandbox get wrong: told as theirs, it costs them no file, no guest and no neighbour. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { OptionError } from "../../src/sandbox/errors.ts";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { parseSandboxOptions } from "../../src/sandbox/options.ts";
import type { Input } from "../../src/sandbox/run-options.ts";
import { Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { DOWN, UP } from "../../src/wire/frames.ts";
import { FakeCell, FakeLauncher } from "./fake-cell.ts";

/** Where these fail, something waits for ever. */
const LIMIT = { timeout: 30_000 };

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const program = join(home, "program.wasm");
writeFileSync(program, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));

async function start(guest: (cell: FakeCell, channel: number) => void) {
  const cell = new FakeCell().behave(guest);
  const services = { launcher: new FakeLauncher(cell), cache: new ModuleCache("/dev/null/cache") };
  return { cell, box: await startSandbox(services, parseSandboxOptions({}, home)) };
}

/** Ends a guest when it is killed. */
function untilKilled(cell: FakeCell): void {
  const before = cell.onFrame;
  cell.onFrame = (frame) => {
    before(frame);
    if (frame.type === DOWN.SIGNAL) cell.end(frame.channel, 0, 9);
  };
}

/** What becomes an uncaught exception while `act` runs. */
async function uncaughtDuring(act: () => Promise<void>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => seen.push(error));
  try {
    await act();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const one of others) process.on("uncaughtException", one);
  }
  return seen;
}

test("a constructor in place of Sandbox.create is told", () => {
  const Constructor = Sandbox as unknown as new (options?: object) => unknown;
  for (const options of [undefined, {}, { limits: { timeout: "1s" } }]) {
    assert.throws(
      () => new Constructor(options),
      (error) => error instanceof OptionError && /^new Sandbox: expected await Sandbox\.create\(/.test(error.message),
    );
  }
});

test("input that throws at once ends its guest", LIMIT, async () => {
  const { cell, box } = await start(() => {});
  untilKilled(cell);
  const locked = new ReadableStream<Uint8Array>();
  locked.getReader();
  await assert.rejects(box.run(program, { stdin: locked as unknown as Input }), TypeError);
  assert.deepEqual(
    cell.of(DOWN.SIGNAL).map(({ payload }) => payload.signal),
    [9],
  );
  await box.close();
});

test("how input is closed is no matter of the run's", LIMIT, async () => {
  const endings: readonly (() => unknown)[] = [
    () => ({ done: true }),
    () => undefined,
    () => Promise.reject(new Error("closed already")),
    () => {
      throw new Error("closed already");
    },
  ];
  for (const ending of endings) {
    const { box } = await start((it, channel) => it.end(channel, 3));
    const next = () => new Promise(() => {});
    const stdin = { [Symbol.asyncIterator]: () => ({ next, return: ending }) } as unknown as Input;
    assert.equal((await box.run(program, { stdin })).exitCode, 3);
    await box.close();
  }
});

async function* pieces(...all: unknown[]): AsyncIterable<never> {
  for (const each of all) yield each as never;
}

test("input and files are strings and bytes, and nothing else passes for them or is left out", LIMIT, async () => {
  for (const wrong of [new ArrayBuffer(3), new Uint16Array([1, 2]), new DataView(new ArrayBuffer(1)), 7, null, ["a"]]) {
    const { cell, box } = await start(() => {});
    untilKilled(cell);
    await assert.rejects(box.run(program, { stdin: pieces("a", wrong) }), OptionError);
    await assert.rejects(box.files.write("/file", pieces("a", wrong)), OptionError);
    const sent = [...cell.of(DOWN.STDIN), ...cell.of(DOWN.FILE_DATA)].map(({ payload }) => `${Buffer.from(payload)}`);
    assert.deepEqual(sent, ["a", "a"]);
    await box.close();
  }
});

test("a file is not made empty for what is no data", LIMIT, async () => {
  const { cell, box } = await start(() => {});
  for (const wrong of [undefined, null, 7, {}, ["a"], new ArrayBuffer(3)]) {
    await assert.rejects(box.files.write("/file", wrong as never), OptionError);
  }
  assert.deepEqual(cell.of(DOWN.FILE), []);
  await box.close();
});

test("what a listener of output throws is an uncaught exception, and not the cell's fault", LIMIT, async () => {
  const { cell, box } = await start(() => {});
  const mine = new Error("the caller's own");
  let text = "";
  const uncaught = await uncaughtDuring(async () => {
    const guest = await box.spawn(program);
    guest.stdout.on("data", (piece: Buffer) => {
      text += piece;
      throw mine;
    });
    const { channel } = cell.of(DOWN.SPAWN)[0] ?? assert.fail("nothing was spawned");
    for (const piece of ["one ", "two ", "three"]) {
      cell.out(channel, piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    cell.end(channel, 4);
    assert.equal((await guest.exited).exitCode, 4);
  });
  assert.equal(text, "one two three");
  assert.deepEqual(uncaught, [mine, mine, mine]);
  assert.ok(!cell.killed);
  await box.close();
});

test("what a callback of input throws is one too, also when the guest ends before it reads", LIMIT, async () => {
  const mine = new Error("the caller's own");
  for (const reads of [true, false]) {
    const { cell, box } = await start(() => {});
    const uncaught = await uncaughtDuring(async () => {
      const guest = await box.spawn(program);
      guest.stdin.write(Buffer.alloc(300_000), () => {
        throw mine;
      });
      const { channel } = cell.of(DOWN.SPAWN)[0] ?? assert.fail("nothing was spawned");
      await new Promise((resolve) => setImmediate(resolve));
      if (reads) cell.say({ type: UP.STDIN_CREDIT, channel, payload: { bytes: 200_000 } });
      cell.end(channel, 4);
      assert.equal((await guest.exited).exitCode, 4);
    });
    assert.deepEqual(uncaught, [mine]);
    assert.ok(!cell.killed);
    await box.close();
  }
});

test("arguments of a mebibyte arrive, whatever their bytes are", LIMIT, async () => {
  for (const text of ["\x01".repeat(1_000_000), "ü".repeat(500_000), "\\".repeat(1_000_000)]) {
    const { cell, box } = await start((it, channel) => it.end(channel));
    await box.run(program, [text]);
    assert.equal(cell.of(DOWN.SPAWN)[0]?.payload.argv[1], Buffer.from(text).toString("latin1"));
    await box.close();
  }
});

test("a program may have any name that a file has", LIMIT, async () => {
  const strange = join(home, `${"\x01".repeat(240)}.wasm`);
  writeFileSync(strange, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));
  const { cell, box } = await start((it, channel) => it.end(channel));
  await box.run(strange);
  assert.ok((cell.of(DOWN.MODULE_END)[0]?.payload.name.length ?? 0) <= 255);
  await box.close();
});

test("links of an image come in requests of what a frame holds", LIMIT, async () => {
  const { cell, box } = await start(() => {});
  const before = cell.onFrame;
  cell.onFrame = (frame) => {
    before(frame);
    if (frame.type === DOWN.FILE && frame.payload.op === "links") {
      cell.say({ type: UP.FILE_REPLY, channel: frame.channel, payload: { op: "links" } });
    }
  };
  const at = Array.from({ length: 2500 }, (_, i) => `/${i}/${"\x01".repeat(i % 250)}`);
  at.push(`/${"\x01".repeat(4000)}`);
  await box.files.link(`/${"\x02".repeat(4000)}`, at);
  const asked = cell.of(DOWN.FILE).flatMap(({ payload }) => (payload.op === "links" ? payload.at : []));
  assert.deepEqual(asked, at);
  await box.close();
});

test("much at once waits for its turn, in files and in input", LIMIT, async () => {
  const { cell, box } = await start((it, channel) => setImmediate(() => it.end(channel)));
  const files = Array.from({ length: 300 }, (_, i) => box.files.write(`/f${i}`, Buffer.alloc(300_000, i)));
  const runs = Array.from({ length: 200 }, () => box.run(program, { stdin: "x".repeat(300_000) }));
  await Promise.all(files);
  assert.equal(
    cell.of(DOWN.FILE_DATA).reduce((sum, { payload }) => sum + payload.length, 0),
    300 * 300_000,
  );
  assert.ok(!cell.killed);
  await Promise.all(runs);
  await box.close();
});
