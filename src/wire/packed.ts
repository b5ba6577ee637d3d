/**
 * Layer: wire. The two messages that every program costs, SPAWN and EXITED, as packed bytes: a short program ends sooner than JSON
 * of them is made, parsed and looked through on both sides. What is checked is what messages.ts checks of the others; numbers are
 * little-endian. It must not know how frames are cut.
 *
 * SPAWN: u8 flags, u32 module, f64 memoryBytes, u16 rows, u16 columns, u32 arguments, u32 variables; then the arguments, the
 * variables and the working directory, each with a NUL behind it. EXITED: u8 code, u8 signal, f64 cpuMs, f64 calls,
 * f64 peakMemory; then the message in UTF-8.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { ARGUMENT_BYTES } from "../limits.ts";
import type { ExitReport, SpawnRequest } from "./frames.ts";
import { MAX, MEMORY_BYTES, MESSAGE_LENGTH, SIGNALS, U32 } from "./messages.ts";
import { fail, integer, number, path } from "./shape.ts";

const FLAG = { stdin: 1, stdout: 2, stderr: 4, joined: 8, window: 16, noInput: 32 } as const;
const ALL_FLAGS = 63;
/** Bytes before the strings of SPAWN, and before the message of EXITED. */
const SPAWN_HEAD = 25;
const EXIT_HEAD = 26;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The message behind `room` bytes that are left for a header. RangeError for what is no byte string. */
export function packSpawn(request: SpawnRequest, room: number): Uint8Array {
  const { module, argv, env, cwd, terminals, memoryBytes, joined, noInput, window } = request;
  const text = `${[...argv, ...env, cwd].join("\0")}\0`;
  if (WIDE.test(text)) throw new RangeError("SPAWN with a string that is not made of bytes");
  const frame = Buffer.alloc(room + SPAWN_HEAD + text.length);
  let flags = window === undefined ? 0 : FLAG.window;
  if (terminals.stdin) flags |= FLAG.stdin;
  if (terminals.stdout) flags |= FLAG.stdout;
  if (terminals.stderr) flags |= FLAG.stderr;
  if (joined) flags |= FLAG.joined;
  if (noInput) flags |= FLAG.noInput;
  const view = new DataView(frame.buffer, frame.byteOffset + room);
  view.setUint8(0, flags);
  view.setUint32(1, module, true);
  view.setFloat64(5, memoryBytes, true);
  view.setUint16(13, window?.rows ?? 0, true);
  view.setUint16(15, window?.columns ?? 0, true);
  view.setUint32(17, argv.length, true);
  view.setUint32(21, env.length, true);
  frame.write(text, room + SPAWN_HEAD, "latin1");
  return frame;
}

const NOTHING = new Uint8Array(0);

/** What no byte is. */
const WIDE = /[\u0100-\uffff]/;

export function unpackSpawn(payload: Uint8Array): SpawnRequest {
  if (payload.byteLength < SPAWN_HEAD) fail("SPAWN", "is too short");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const flags = view.getUint8(0);
  if (flags > ALL_FLAGS) fail("SPAWN", "has a flag that is not known");
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const [argc, envc] = [view.getUint32(17, true), view.getUint32(21, true)];
  const strings = split(payload, argc, envc);
  const request = {
    module: integer(view.getUint32(1, true), "SPAWN.module", 1, U32),
    argv: within(strings.slice(0, argc), "SPAWN.argv"),
    env: within(strings.slice(argc, argc + envc), "SPAWN.env"),
    cwd: path(strings[argc + envc], "SPAWN.cwd"),
    terminals: { stdin: has(FLAG.stdin), stdout: has(FLAG.stdout), stderr: has(FLAG.stderr) },
    memoryBytes: integer(view.getFloat64(5, true), "SPAWN.memoryBytes", 0, MEMORY_BYTES),
    joined: has(FLAG.joined),
    noInput: has(FLAG.noInput),
  };
  const window = { rows: view.getUint16(13, true), columns: view.getUint16(15, true) };
  if (!has(FLAG.window)) {
    if (window.rows !== 0 || window.columns !== 0) fail("SPAWN", "gives a size to no window");
    return request;
  }
  if (!request.terminals.stdin || !request.terminals.stdout) fail("SPAWN", "gives a window to what is no terminal");
  return { ...request, window };
}

/** As many strings as are told, each with a NUL behind it, and nothing else. */
function split(payload: Uint8Array, argc: number, envc: number): readonly ByteString[] {
  const most = ARGUMENT_BYTES;
  if (argc > most || envc > most) fail("SPAWN", "has more strings than fit");
  const told = argc + envc + 1;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const text = bytes.toString("latin1", SPAWN_HEAD);
  const strings = text.split("\0", told + 2);
  if (strings.length !== told + 1 || strings[told] !== "") fail("SPAWN", `does not hold ${told} strings`);
  return strings as readonly string[] as readonly ByteString[];
}

/** Their lengths, plus one each for a NUL, sum up to ARGUMENT_BYTES at most. */
function within(strings: readonly ByteString[], what: string): readonly ByteString[] {
  let bytes = 0;
  for (const each of strings) bytes += each.length + 1;
  if (bytes > ARGUMENT_BYTES) fail(what, `is longer than ${ARGUMENT_BYTES}`);
  return strings;
}

/** The message behind `room` bytes that are left for a header. */
export function packExit({ code, signal, message, stats }: ExitReport, room: number): Uint8Array {
  const words = message === "" ? NOTHING : Buffer.from(message, "utf8");
  const frame = new Uint8Array(room + EXIT_HEAD + words.byteLength);
  const view = new DataView(frame.buffer, room);
  view.setUint8(0, code);
  view.setUint8(1, signal);
  view.setFloat64(2, stats.cpuMs, true);
  view.setFloat64(10, stats.calls, true);
  view.setFloat64(18, stats.peakMemory, true);
  frame.set(words, room + EXIT_HEAD);
  return frame;
}

export function unpackExit(payload: Uint8Array): ExitReport {
  if (payload.byteLength < EXIT_HEAD) fail("EXITED", "is too short");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return {
    code: view.getUint8(0),
    signal: integer(view.getUint8(1), "EXITED.signal", 0, SIGNALS),
    message: words(payload.subarray(EXIT_HEAD)),
    stats: {
      cpuMs: number(view.getFloat64(2, true), "EXITED.stats.cpuMs", 0, MAX),
      calls: integer(view.getFloat64(10, true), "EXITED.stats.calls", 0, MAX),
      peakMemory: integer(view.getFloat64(18, true), "EXITED.stats.peakMemory", 0, MAX),
    },
  };
}

function words(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) return "";
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    fail("EXITED.message", "is no UTF-8");
  }
  if (text.length > MESSAGE_LENGTH) fail("EXITED.message", `is no text up to ${MESSAGE_LENGTH}`);
  return text;
}
