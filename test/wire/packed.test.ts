/** SPAWN and EXITED, which travel as packed bytes: what each field may be, and that nothing else comes through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { ARGUMENT_BYTES, CONTROL_BYTES } from "../../src/limits.ts";
import { encodeDown, encodeUp } from "../../src/wire/encode.ts";
import { DOWN, type ExitReport, HEADER_BYTES, type SpawnRequest, UP } from "../../src/wire/frames.ts";
import { packExit, packSpawn, unpackExit, unpackSpawn } from "../../src/wire/packed.ts";
import { WireViolation } from "../../src/wire/violation.ts";
import { random } from "../random.ts";

const b = (text: string) => text as ByteString;

const SPAWN: SpawnRequest = {
  module: 3,
  argv: [b("sh"), b("-c"), b("echo hi | cat")],
  env: [b("PATH=/bin"), b("X=\xe9")],
  cwd: b("/tmp"),
  terminals: { stdin: false, stdout: false, stderr: true },
  memoryBytes: 65_536,
  joined: false,
  noInput: true,
};
const EXIT: ExitReport = {
  code: 255,
  signal: 64,
  message: "unreachable in main\u20ac",
  stats: { cpuMs: 0.125, calls: Number.MAX_SAFE_INTEGER, peakMemory: 2 ** 32 },
};

/** Places of fields, as the head of packed.ts tells them. */
const AT = { flags: 0, module: 1, memory: 5, rows: 13, columns: 15, argc: 17, envc: 21, strings: 25 };
const EXIT_AT = { code: 0, signal: 1, cpuMs: 2, calls: 10, peakMemory: 18, message: 26 };

function changed(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = new Uint8Array(bytes);
  change(new DataView(copy.buffer));
  return copy;
}

const spawn = (change: (view: DataView) => void, request = SPAWN) => changed(packSpawn(request, 0), change);
const exit = (change: (view: DataView) => void, report = EXIT) => changed(packExit(report, 0), change);

function refused(read: () => unknown): void {
  assert.throws(read, (error) => error instanceof WireViolation && error.kind === "schema");
}
const refusesSpawn = (bytes: Uint8Array) => refused(() => unpackSpawn(bytes));
const refusesExit = (bytes: Uint8Array) => refused(() => unpackExit(bytes));

/** Behind a header's room, and as a view into something larger. */
function shifted(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.byteLength + 14).fill(0xff);
  larger.set(bytes, 7);
  return larger.subarray(7, 7 + bytes.byteLength);
}

test("every field comes through, wherever the bytes lie", () => {
  const window = { rows: 0, columns: 65_535 };
  const terminals = { stdin: true, stdout: true, stderr: false };
  const requests: SpawnRequest[] = [
    SPAWN,
    { ...SPAWN, argv: [], env: [], cwd: b("/"), joined: true, noInput: false },
    { ...SPAWN, argv: [b(""), b(""), b("")], env: [b("")], memoryBytes: 2 ** 32, module: 0xffff_ffff },
    { ...SPAWN, terminals, window },
    { ...SPAWN, terminals: { stdin: true, stdout: false, stderr: false } },
    { ...SPAWN, terminals: { stdin: false, stdout: true, stderr: false } },
  ];
  for (const request of requests) {
    assert.deepEqual(unpackSpawn(shifted(packSpawn(request, 0))), request);
    assert.deepEqual(packSpawn(request, HEADER_BYTES).subarray(HEADER_BYTES), packSpawn(request, 0));
  }
  for (const report of [EXIT, { ...EXIT, code: 0, signal: 0, message: "" }]) {
    assert.deepEqual(unpackExit(shifted(packExit(report, 0))), report);
    assert.deepEqual(packExit(report, HEADER_BYTES).subarray(HEADER_BYTES), packExit(report, 0));
  }
});

test("numbers of SPAWN outside their range are refused", () => {
  for (let flag = 64; flag < 256; flag *= 2) refusesSpawn(spawn((it) => it.setUint8(AT.flags, flag)));
  refusesSpawn(spawn((it) => it.setUint32(AT.module, 0, true)));
  for (const wrong of [-1, 0.5, 2 ** 32 + 1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    refusesSpawn(spawn((it) => it.setFloat64(AT.memory, wrong, true)));
  }
  // A window's size without a window; a window of what is no terminal.
  refusesSpawn(spawn((it) => it.setUint16(AT.rows, 1, true)));
  refusesSpawn(spawn((it) => it.setUint16(AT.columns, 1, true)));
  for (const flags of [16, 16 + 1, 16 + 2, 16 + 4]) refusesSpawn(spawn((it) => it.setUint8(AT.flags, flags)));
});

test("SPAWN holds as many strings as it tells, each ended, and nothing behind them", () => {
  for (const count of [0, 2, 4, ARGUMENT_BYTES, ARGUMENT_BYTES + 1, 0xffff_ffff]) {
    refusesSpawn(spawn((it) => it.setUint32(AT.argc, count, true)));
  }
  for (const count of [0, 1, 3, ARGUMENT_BYTES, 0xffff_ffff]) {
    refusesSpawn(spawn((it) => it.setUint32(AT.envc, count, true)));
  }
  const whole = packSpawn(SPAWN, 0);
  for (let cut = 0; cut < whole.byteLength; cut += 1) refusesSpawn(whole.subarray(0, cut));
  for (const byte of [0, 47]) refusesSpawn(new Uint8Array([...whole, byte]));
  refusesSpawn(packSpawn({ ...SPAWN, argv: [b("a\0b")] }, 0));
  refusesSpawn(packSpawn({ ...SPAWN, cwd: b("/a\0b") }, 0));
  for (const cwd of ["", "relative", `/${"x".repeat(4095)}`]) refusesSpawn(packSpawn({ ...SPAWN, cwd: b(cwd) }, 0));
  const long = b("x".repeat(ARGUMENT_BYTES));
  refusesSpawn(packSpawn({ ...SPAWN, argv: [long] }, 0));
  refusesSpawn(packSpawn({ ...SPAWN, env: [b("a"), b(long.slice(2))] }, 0));
  assert.deepEqual(unpackSpawn(packSpawn({ ...SPAWN, argv: [b(long.slice(1))] }, 0)).argv, [long.slice(1)]);
});

test("an end that lies about its numbers, or whose message is no text, is refused", () => {
  refusesExit(exit((it) => it.setUint8(EXIT_AT.signal, 65)));
  for (const wrong of [-1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
    refusesExit(exit((it) => it.setFloat64(EXIT_AT.cpuMs, wrong, true)));
    refusesExit(exit((it) => it.setFloat64(EXIT_AT.calls, wrong, true)));
    refusesExit(exit((it) => it.setFloat64(EXIT_AT.peakMemory, wrong, true)));
  }
  refusesExit(exit((it) => it.setFloat64(EXIT_AT.calls, 0.5, true)));
  refusesExit(exit((it) => it.setFloat64(EXIT_AT.peakMemory, 0.5, true)));
  const head = packExit({ ...EXIT, message: "" }, 0);
  for (let cut = 0; cut < head.byteLength; cut += 1) refusesExit(head.subarray(0, cut));
  for (const bytes of [[0xff], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    refusesExit(new Uint8Array([...head, ...bytes]));
  }
  refusesExit(packExit({ ...EXIT, message: "x".repeat(4097) }, 0));
  assert.equal(unpackExit(packExit({ ...EXIT, message: "x".repeat(4096) }, 0)).message.length, 4096);
});

test("what is no byte string is not sent, nor what is too long for a frame", () => {
  const send = (payload: SpawnRequest) => encodeDown({ type: DOWN.SPAWN, channel: 1, payload });
  for (const text of ["\u20ac", "a\u0100"]) {
    assert.throws(() => send({ ...SPAWN, argv: [b(text)] }), RangeError);
    assert.throws(() => send({ ...SPAWN, env: [b(text)] }), RangeError);
    assert.throws(() => send({ ...SPAWN, cwd: b(`/${text}`) }), RangeError);
  }
  assert.throws(() => send({ ...SPAWN, argv: [b("x".repeat(CONTROL_BYTES))] }), RangeError);
  const payload = { ...EXIT, message: "x".repeat(65_536) };
  assert.throws(() => encodeUp({ type: UP.EXITED, channel: 1, payload }), RangeError);
});

test("random bytes are refused, or are what they would be packed to again", () => {
  const below = random(61);
  const kinds = [
    { valid: packSpawn(SPAWN, 0), again: (bytes: Uint8Array) => packSpawn(unpackSpawn(bytes), 0) },
    { valid: packExit(EXIT, 0), again: (bytes: Uint8Array) => packExit(unpackExit(bytes), 0) },
  ];
  let taken = 0;
  for (let round = 0; round < 20_000; round += 1) {
    for (const { valid, again } of kinds) {
      const bytes = new Uint8Array(valid.subarray(0, below(4) === 0 ? below(valid.byteLength + 1) : valid.byteLength));
      for (let change = below(3); change > 0 && bytes.byteLength > 0; change -= 1) {
        bytes[below(bytes.byteLength)] = below(256);
      }
      try {
        assert.deepEqual(new Uint8Array(again(bytes)), bytes);
        taken += 1;
      } catch (error) {
        if (!(error instanceof WireViolation)) throw error;
      }
    }
  }
  assert.ok(taken > 1000);
});
