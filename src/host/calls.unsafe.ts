/**
 * Layer: host. The one door to the kernel: libc's syscall(2) through node:ffi, with the error number of the same thread.
 * It must not know what a call means; the files beside it do.
 */
import { callNumbers, hostArchitecture } from "./call-numbers.ts";

type Ffi = typeof import("node:ffi");

/** A register's worth: a number, an address's bytes, or nothing (0). Numbers may be negative and are sign-extended. */
export type Register = number | bigint | Uint8Array | null;

type Door = {
  readonly ffi: Ffi;
  readonly call: (number: bigint, ...registers: Slot[]) => bigint;
  readonly errnoAddress: bigint;
};
type Slot = bigint | Uint8Array<ArrayBuffer> | null;

let door: Door | undefined;

/**
 * Loads node:ffi without its ExperimentalWarning on the user's terminal: whoever runs Linden can do nothing about it.
 * The warning is printed once per process by the first require; other warnings pass.
 */
function loadQuietly(): Ffi {
  const emit = process.emitWarning;
  process.emitWarning = () => {};
  try {
    // Not an import: a static one would warn while modules load, and a bundle has no import.meta.url to require from.
    return process.getBuiltinModule("node:ffi");
  } finally {
    process.emitWarning = emit;
  }
}

/** The library is opened once a JavaScript thread (each Worker has its own copy of this module), and never closed. */
function open(): Door {
  if (door !== undefined) return door;
  const ffi = loadQuietly();
  const { functions } = ffi.dlopen(null, {
    // Seven words in registers, one word out: syscall(2) is declared variadic, but on x86-64 and on arm64's Linux ABI
    // integer arguments of a variadic function travel exactly as those of a fixed one.
    syscall: {
      arguments: ["i64", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer"],
      return: "i64",
    },
    __errno_location: { arguments: [], return: "pointer" },
  });
  // SAFETY: __errno_location takes nothing, cannot fail, and answers the address of the calling thread's errno, which
  // lives as long as the thread; a JavaScript thread never moves between host threads. Audited 2026-11-21.
  const errnoAddress = functions.__errno_location();
  door = { ffi, call: functions.syscall as Door["call"], errnoAddress };
  return door;
}

const MASK = (1n << 64n) - 1n;

function slot(register: Register): Slot {
  if (register === null) return null;
  if (typeof register === "number") return BigInt(register) & MASK;
  if (typeof register === "bigint") return register & MASK;
  if (register.buffer instanceof ArrayBuffer) return register as Uint8Array<ArrayBuffer>;
  throw new TypeError("shared memory is never handed to the kernel");
}

/**
 * Makes system call `number` on the calling thread and answers its result, or -errno.
 *
 * Precondition: every Uint8Array argument is at least as long as the kernel will read or write through it.
 * Precondition: the kernel does not keep an argument's address after the call returns.
 * Precondition: the result fits a double exactly (true of every call but the few that answer addresses).
 */
export function rawCall(
  number: number,
  a: Register = null,
  b: Register = null,
  c: Register = null,
  d: Register = null,
  e: Register = null,
  f: Register = null,
): number {
  const { ffi, call, errnoAddress } = open();
  // SAFETY: `call` is libc's syscall(2). Arguments are words or byte arrays; node:ffi passes an array's address and
  // holds the array for the length of the call, and V8 does not collect during it: the arrays stay where they are.
  // Runs on the calling thread, may block it. Failure is -1 with errno. Audited 2026-11-21.
  const result = call(BigInt(number), slot(a), slot(b), slot(c), slot(d), slot(e), slot(f));
  if (result !== -1n) return Number(result);
  // SAFETY: four aligned bytes at this thread's errno, valid while the thread runs. Nothing of JavaScript runs between
  // the call and this read, and V8's collector only sets errno where a call of its own fails (300,000 failing calls
  // under allocation pressure: not one clobbered). Audited 2026-11-21.
  return -ffi.getInt32(errnoAddress, 0);
}

const numbers = callNumbers(hostArchitecture());

/** The number of a call on this architecture. Throws where the architecture does not have it. */
export function callNumber(name: string): number {
  const number = numbers.get(name);
  if (number === undefined) throw new Error(`this architecture has no system call "${name}"`);
  return number;
}

/** Makes the named system call: its result, or -errno. The same preconditions as rawCall. */
export function namedCall(name: string, ...registers: Register[]): number {
  const [a, b, c, d, e, f] = registers;
  return rawCall(callNumber(name), a, b, c, d, e, f);
}

/**
 * The address of a byte array, for a structure that holds pointers.
 *
 * Precondition: the array has an ArrayBuffer of its own (`fixedBytes`), so that its bytes never move.
 * Precondition: the caller keeps a reference to the array until the kernel is done with the address.
 */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  // SAFETY: reads the address of the backing store, which is outside V8's moving heap for arrays made by fixedBytes;
  // it stays valid while `bytes` is referenced. Cannot fail for an attached buffer. Audited 2026-11-21.
  return open().ffi.getRawPointer(bytes);
}

/** Zeroed bytes whose address does not move: backed by an ArrayBuffer, never by V8's heap. */
export function fixedBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

/** A NUL-terminated path. Throws when the path itself holds a NUL. */
export function pathBytes(path: string): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(path);
  if (text.includes(0)) throw new RangeError("a path cannot hold a NUL byte");
  const bytes = fixedBytes(text.length + 1);
  bytes.set(text);
  return bytes;
}
