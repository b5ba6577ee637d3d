import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { FRAME_BYTES, STREAM_WINDOW_BYTES } from "../../src/limits.ts";
import { DownDecoder, UpDecoder } from "../../src/wire/decode.ts";
import { encodeDown, encodeUp, putHeader } from "../../src/wire/encode.ts";
import { DOWN, type DownFrame, HEADER_BYTES, UP, type UpFrame } from "../../src/wire/frames.ts";
import { type ViolationKind, WireViolation } from "../../src/wire/violation.ts";
import { random } from "../random.ts";

const b = (text: string) => text as ByteString;
const terminals = { stdin: false, stdout: true, stderr: false };
const stats = { cpuMs: 1.5, calls: 7, peakMemory: 65_536 };

const DOWN_FRAMES: readonly DownFrame[] = [
  {
    type: DOWN.BOOT,
    channel: 0,
    payload: {
      mounts: [
        { kind: "memory", at: b("/tmp"), bytes: 1, inodes: 1, readOnly: false },
        { kind: "host", at: b("/d\xff"), index: 0, readOnly: true },
        { kind: "host", at: b("/o"), index: 1, readOnly: false, overlay: 4096 },
      ],
      env: [b("__proto__=1"), b("A=\xe9")],
      limits: { memoryBytes: 65_536, descriptors: 64, processes: 1, fsBytes: 0, fsInodes: 1 },
      rootReadOnly: false,
      hostname: "linden",
    },
  },
  { type: DOWN.MODULE_DATA, channel: 1, payload: new Uint8Array([0, 97, 115, 109]) },
  { type: DOWN.MODULE_END, channel: 1, payload: { name: "a.wasm", entry: "ruby", rewritten: false, giveBack: true } },
  {
    type: DOWN.SPAWN,
    channel: 2,
    payload: {
      module: 1,
      argv: [b("a"), b(""), b("\xff\xe9")],
      env: [b("A=b"), b("")],
      cwd: b("/\x80"),
      terminals,
      memoryBytes: 2 ** 32,
      joined: false,
      noInput: true,
    },
  },
  {
    type: DOWN.SPAWN,
    channel: 4,
    payload: {
      module: 1,
      argv: [],
      env: [],
      cwd: b("/"),
      terminals: { stdin: true, stdout: true, stderr: false },
      memoryBytes: 1,
      joined: true,
      noInput: false,
      window: { rows: 24, columns: 65_535 },
    },
  },
  { type: DOWN.STDIN, channel: 2, payload: new Uint8Array(1000).fill(3) },
  { type: DOWN.STDIN_END, channel: 2, payload: undefined },
  { type: DOWN.SIGNAL, channel: 2, payload: { signal: 9, session: true } },
  { type: DOWN.CREDIT, channel: 2, payload: { stream: 2, bytes: 1 } },
  { type: DOWN.FILE, channel: 3, payload: { op: "read", path: b("/a"), limit: 10 } },
  { type: DOWN.FILE, channel: 3, payload: { op: "write", path: b("/a"), append: false, mode: 0o644 } },
  { type: DOWN.FILE, channel: 3, payload: { op: "list", path: b("/a"), from: 0 } },
  { type: DOWN.FILE, channel: 3, payload: { op: "mkdir", path: b("/a"), recursive: true, mode: 0o755 } },
  { type: DOWN.FILE, channel: 3, payload: { op: "remove", path: b("/a"), recursive: true } },
  { type: DOWN.FILE, channel: 3, payload: { op: "rename", path: b("/a"), to: b("/b") } },
  { type: DOWN.FILE, channel: 3, payload: { op: "exists", path: b("/a") } },
  { type: DOWN.FILE, channel: 3, payload: { op: "stat", path: b("/a"), follow: true } },
  { type: DOWN.FILE, channel: 3, payload: { op: "links", path: b("/bin/a"), at: [b("/b"), b("/c/\xff")] } },
  { type: DOWN.FILE, channel: 3, payload: { op: "program", path: b("/a"), module: 1 } },
  { type: DOWN.FILE, channel: 3, payload: { op: "seal", path: b("/") } },
  { type: DOWN.FILE_DATA, channel: 3, payload: new Uint8Array([1]) },
  { type: DOWN.FILE_END, channel: 3, payload: undefined },
  { type: DOWN.RESIZE, channel: 2, payload: { rows: 50, columns: 132 } },
];

const UP_FRAMES: readonly UpFrame[] = [
  { type: UP.READY, channel: 0, payload: undefined },
  { type: UP.BOOTED, channel: 0, payload: undefined },
  { type: UP.MODULE_READY, channel: 1, payload: undefined },
  { type: UP.STARTED, channel: 2, payload: undefined },
  { type: UP.REFUSED, channel: 2, payload: { kind: "file", message: "no", errno: 2 } },
  { type: UP.STDOUT, channel: 2, payload: new Uint8Array([104, 105]) },
  { type: UP.STDERR, channel: 2, payload: new Uint8Array([33]) },
  { type: UP.STDIN_CREDIT, channel: 2, payload: { bytes: STREAM_WINDOW_BYTES } },
  { type: UP.EXITED, channel: 2, payload: { code: 7, signal: 0, message: "", stats } },
  { type: UP.EXITED, channel: 2, payload: { code: 0, signal: 64, message: "trap in \u00e9\u20ac", stats } },
  { type: UP.FILE_REPLY, channel: 3, payload: { op: "read", bytes: 5 } },
  { type: UP.FILE_REPLY, channel: 3, payload: { op: "list", entries: [{ name: b("\xffé"), type: "file" }], next: 0 } },
  { type: UP.FILE_REPLY, channel: 3, payload: { op: "mkdir" } },
  { type: UP.FILE_REPLY, channel: 3, payload: { op: "links" } },
  { type: UP.FILE_REPLY, channel: 3, payload: { op: "program" } },
  { type: UP.FILE_REPLY, channel: 3, payload: { op: "seal" } },
  { type: UP.FILE_REPLY, channel: 3, payload: { op: "exists", exists: false } },
  {
    type: UP.FILE_REPLY,
    channel: 3,
    payload: { op: "stat", type: "directory", mode: 0o755, size: 0, mtimeMs: 0.5 },
  },
  { type: UP.FILE_DATA, channel: 3, payload: new Uint8Array(FRAME_BYTES) },
  { type: UP.REWRITTEN, channel: 1, payload: new Uint8Array([0]) },
  { type: UP.FATAL, channel: 0, payload: { message: "broken" } },
];

/** Views become copies, so that frames compare by value whatever they were cut from. */
function kept<F extends { payload: unknown }>(frame: F): F {
  return frame.payload instanceof Uint8Array ? { ...frame, payload: new Uint8Array(frame.payload) } : frame;
}

function bytesOf(frames: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(frames));
}

function raw(type: number, channel: number, payload: Uint8Array | string, length?: number): Uint8Array {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const frame = new Uint8Array(HEADER_BYTES + bytes.byteLength);
  putHeader(frame, 0, type, channel, length ?? bytes.byteLength);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

function refused(kind: ViolationKind, push: () => void): void {
  assert.throws(push, (error) => error instanceof WireViolation && error.kind === kind);
}

function upRefuses(kind: ViolationKind, bytes: Uint8Array): void {
  const decoder = new UpDecoder(() => assert.fail("a broken frame was delivered"));
  refused(kind, () => decoder.push(bytes));
  refused(kind, () => decoder.push(encodeUp({ type: UP.READY, channel: 0, payload: undefined })));
}

test("every frame to a cell survives the way, however it is cut", () => {
  const bytes = bytesOf(DOWN_FRAMES.map(encodeDown));
  for (const size of [1, 2, 7, 9, 10, 64, 1000, bytes.byteLength]) {
    const got: DownFrame[] = [];
    const decoder = new DownDecoder((frame) => got.push(kept(frame)));
    for (let at = 0; at < bytes.byteLength; at += size) decoder.push(bytes.subarray(at, at + size));
    decoder.end();
    assert.deepEqual(got, DOWN_FRAMES);
  }
});

test("every frame from a cell survives the way, however it is cut", () => {
  const bytes = bytesOf(UP_FRAMES.map(encodeUp));
  for (const size of [1, 9, 4096, bytes.byteLength]) {
    const got: UpFrame[] = [];
    const decoder = new UpDecoder((frame) => got.push(kept(frame)));
    for (let at = 0; at < bytes.byteLength; at += size) decoder.push(bytes.subarray(at, at + size));
    decoder.end();
    assert.deepEqual(got, UP_FRAMES);
  }
});

test("data that lies whole in one chunk is not copied", () => {
  const chunk = encodeUp({ type: UP.STDOUT, channel: 1, payload: new Uint8Array([1, 2, 3]) });
  let buffer: ArrayBufferLike | undefined;
  new UpDecoder((frame) => {
    if (frame.type === UP.STDOUT) buffer = frame.payload.buffer;
  }).push(chunk);
  assert.equal(buffer, chunk.buffer);
});

test("bytes that span a buffer stay as they came, though the reader's one buffer is filled anew", () => {
  const payload = new Uint8Array(1000).fill(7);
  const frame = encodeDown({ type: DOWN.MODULE_DATA, channel: 1, payload });
  // As the cell reads: the header comes at the end of one read, and the payload fills the next.
  const buffer = new Uint8Array(payload.length);
  const kept: Uint8Array[] = [];
  const decoder = new DownDecoder((got) => {
    if (got.type === DOWN.MODULE_DATA) kept.push(got.payload);
  });
  for (let round = 0; round < 2; round++) {
    buffer.set(frame.subarray(0, HEADER_BYTES));
    decoder.push(buffer.subarray(0, HEADER_BYTES));
    buffer.set(frame.subarray(HEADER_BYTES));
    decoder.push(buffer);
    buffer.fill(0);
  }
  for (const bytes of kept) {
    assert.equal(bytes.byteLength, bytes.buffer.byteLength);
    assert.deepEqual(bytes, payload);
  }
  assert.equal(kept.length, 2);
});

test("a length beyond what the type may have is refused before anything is allocated", () => {
  upRefuses("length", raw(UP.STDOUT, 1, "", FRAME_BYTES + 1));
  upRefuses("length", raw(UP.STDOUT, 1, "", 0xffff_ffff));
  upRefuses("length", raw(UP.EXITED, 1, "", 64 * 1024 + 1));
  upRefuses("length", raw(UP.READY, 0, "x"));
});

test("data frames of nothing are refused: they would cost the reader and no credit", () => {
  upRefuses("length", raw(UP.STDOUT, 1, ""));
});

test("types that are unknown or go the other way are refused", () => {
  for (const type of [0, 12, 63, 77, 255]) upRefuses("type", raw(type, 1, "x"));
  for (const { type } of DOWN_FRAMES) upRefuses("type", raw(type, 1, "x"));
  for (const frame of UP_FRAMES) {
    refused("type", () => new DownDecoder(() => assert.fail("delivered")).push(encodeUp(frame)));
  }
});

test("channels must name something exactly where a frame is about something", () => {
  upRefuses("channel", raw(UP.STDOUT, 0, "x"));
  upRefuses("channel", raw(UP.READY, 1, ""));
});

test("a stream that ends inside a frame is truncated", () => {
  const bytes = encodeUp({ type: UP.STDOUT, channel: 1, payload: new Uint8Array(4) });
  for (let cut = 1; cut < bytes.byteLength; cut += 1) {
    const decoder = new UpDecoder(() => assert.fail("delivered"));
    decoder.push(bytes.subarray(0, cut));
    refused("truncated", () => decoder.end());
  }
});

test("what is no JSON in UTF-8 is refused", () => {
  for (const text of ["{", "nul", "", "{}x", '{"a":1,}', "\ufeff{}"]) {
    if (text !== "") upRefuses("json", raw(UP.REFUSED, 1, text));
  }
  upRefuses("json", raw(UP.REFUSED, 1, new Uint8Array([0x22, 0xff, 0x22])));
  upRefuses("json", raw(UP.REFUSED, 1, new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])));
});

test("deep nesting is refused before it is parsed", () => {
  upRefuses("json", raw(UP.REFUSED, 1, "[".repeat(60_000)));
  upRefuses("json", raw(UP.REFUSED, 1, `${'{"a":'.repeat(9)}1${"}".repeat(9)}`));
  // Brackets inside strings are no nesting: this one is only a wrong schema.
  upRefuses("schema", raw(UP.REFUSED, 1, `{"a\\"${"[".repeat(100)}":1}`));
});

test("refusals that lie about their own types are refused", () => {
  const refusal = { kind: "file", message: "", errno: 2 };
  const wrong: object[] = [
    { kind: "none" },
    { kind: null },
    { message: 5 },
    { message: "x".repeat(4097) },
    { errno: 0 },
    { errno: 4096 },
    { errno: 1.5 },
    { errno: "2" },
    { errno: [2] },
    { errno: undefined },
    { extra: 1 },
  ];
  for (const changes of wrong) upRefuses("schema", raw(UP.REFUSED, 1, JSON.stringify({ ...refusal, ...changes })));
  upRefuses("schema", raw(UP.REFUSED, 1, '{"kind":"file","message":"","errno":1e999}'));
});

test("keys from a prototype are no keys", () => {
  upRefuses("schema", raw(UP.REFUSED, 1, '{"__proto__":{"kind":"module","message":""}}'));
  upRefuses("schema", raw(UP.FATAL, 0, '{"__proto__":{"message":"x"},"message":"y"}'));
  const frames: UpFrame[] = [];
  new UpDecoder((frame) => frames.push(frame)).push(raw(UP.FATAL, 0, '{"message":"constructor"}'));
  assert.deepEqual(frames, [{ type: UP.FATAL, channel: 0, payload: { message: "constructor" } }]);
});

test("file replies cannot name what is no file name", () => {
  for (const name of ["", ".", "..", "a/b", "a\0b", "\u0100", "x".repeat(256)]) {
    const payload = JSON.stringify({ op: "list", entries: [{ name, type: "file" }], next: 0 });
    upRefuses("schema", raw(UP.FILE_REPLY, 1, payload));
  }
  const entries = new Array(257).fill({ name: "a", type: "file" });
  upRefuses("schema", raw(UP.FILE_REPLY, 1, JSON.stringify({ op: "list", entries, next: 0 })));
  upRefuses("schema", raw(UP.FILE_REPLY, 1, JSON.stringify({ op: "list", entries: [], next: 1 })));
});

test("requests to a cell are checked as strictly", () => {
  const down = (type: number, channel: number, value: unknown) =>
    refused("schema", () =>
      new DownDecoder(() => assert.fail("delivered")).push(raw(type, channel, JSON.stringify(value))),
    );
  down(DOWN.RESIZE, 1, { rows: 65_536, columns: 1 });
  down(DOWN.RESIZE, 1, { rows: -1, columns: 1 });
  down(DOWN.FILE, 1, { op: "read", path: "/a" });
  down(DOWN.FILE, 1, { op: "constructor", path: "/a" });
  down(DOWN.FILE, 1, { op: "exists", path: "/a", limit: 1 });
  down(DOWN.MODULE_END, 1, { name: "a", entry: "ruby", rewritten: true, giveBack: true });
  down(DOWN.CREDIT, 1, { stream: 0, bytes: 1 });
  down(DOWN.CREDIT, 1, { stream: 1, bytes: STREAM_WINDOW_BYTES + 1 });
});

test("ten thousand random streams are refused or wait for more, and nothing else", () => {
  const below = random(12345);
  const up = bytesOf(UP_FRAMES.slice(0, 15).map(encodeUp));
  const down = bytesOf(DOWN_FRAMES.map(encodeDown));
  for (let round = 0; round < 10_000; round += 1) {
    const bytes = new Uint8Array(round % 2 === 0 ? up : down);
    for (let change = below(8); change >= 0; change -= 1) bytes[below(bytes.byteLength)] = below(256);
    const decoder = round % 2 === 0 ? new UpDecoder(() => {}) : new DownDecoder(() => {});
    try {
      decoder.push(bytes);
      decoder.end();
    } catch (error) {
      assert.ok(error instanceof WireViolation, String(error));
    }
  }
});

test("the encoder refuses what the decoder would", () => {
  const payload = new Uint8Array(FRAME_BYTES + 1);
  assert.throws(() => encodeUp({ type: UP.STDOUT, channel: 1, payload }), RangeError);
});
