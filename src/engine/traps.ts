/**
 * Layer: engine. What a trap would have been for a native program: a signal, and words that name trap and function. It
 * must not know processes.
 */
import { SIGABRT, SIGFPE, SIGSEGV } from "../abi/signal.ts";
import type { ExitStatus } from "../kernel/contracts.ts";
import { wasm } from "./webassembly.ts";

/** V8 does not tell the two apart. Where the first is at fault, the option helps (docs/decisions/0063). */
const FAILED_CALL =
  "indirect call of a function through a pointer of another type (linden cc -mcast-functions allows it), or of none,";

/**
 * V8's message, the signal, our words. A failed indirect call dies of SIGSEGV: native code would have jumped to an
 * address that is no function.
 */
const TRAPS: readonly (readonly [pattern: RegExp, signal: number, words: string])[] = [
  [/^unreachable/, SIGABRT, "unreachable executed"],
  [/^(divide|remainder) by zero/, SIGFPE, "integer division by zero"],
  [/^divide result unrepresentable/, SIGFPE, "integer overflow in a division"],
  [/^float unrepresentable/, SIGFPE, "a float that fits no integer"],
  [/function signature mismatch|^null function/, SIGSEGV, FAILED_CALL],
  [/^(memory access|data segment)/, SIGSEGV, "memory access out of bounds"],
  [/^(table|element segment)/, SIGSEGV, "table access out of bounds"],
  [/unaligned/, SIGSEGV, "unaligned atomic access"],
];

/** How a guest died, from what its entry threw; undefined when no guest can have caused this. */
export function trapStatus(error: unknown): ExitStatus | undefined {
  if (error instanceof wasm.Exception) return died(SIGABRT, "uncaught exception", "");
  if (error instanceof RangeError && /call stack/.test(error.message)) {
    return died(SIGSEGV, "stack overflow", place(error));
  }
  if (!(error instanceof wasm.RuntimeError)) return undefined;
  for (const [pattern, signal, words] of TRAPS) {
    if (pattern.test(error.message)) return died(signal, words, place(error));
  }
  return died(SIGABRT, error.message, place(error));
}

function died(signal: number, words: string, where: string): ExitStatus {
  return { code: 0, signal, message: `trap: ${words}${where}` };
}

/** The innermost wasm frame V8 names. */
function place(error: Error): string {
  const frame = /^ {4}at (?:(.*) \()?wasm:\/\/[^\n]*:wasm-function\[(\d+)\]:(0x[0-9a-f]+)\)?$/m.exec(error.stack ?? "");
  if (frame === null) return "";
  const [, name, index, offset] = frame;
  return name === undefined ? ` in function ${index} at ${offset}` : ` in ${name} (function ${index} at ${offset})`;
}
