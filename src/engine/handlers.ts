/**
 * Layer: engine. A signal's handler as a step of the gate: its function found in the guest's table, and what SA_SIGINFO
 * shows it put on the guest's own stack. It must not know stacks of the host.
 */
import { SIGINFO_BYTES, UCONTEXT_BYTES } from "../abi/siginfo.ts";
import { SA_SIGINFO } from "../abi/signal.ts";
import type { HandlerCall } from "../kernel/delivery.ts";
import { isOnStack } from "../kernel/process.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import { putSignalInfo } from "../syscalls/siginfo.ts";
import type { Step } from "./control.ts";
import { GLOBAL_EXPORT, TABLE_EXPORT } from "./rewriter/report.ts";
import { plainValue, type WasmFunction, type WasmGlobal, type WasmInstance, type WasmTable } from "./webassembly.ts";

/** Those of a handler with SA_SIGINFO. */
const MOST_PARAMETERS = 3;

/** A function of the guest's ready to be called by the gate: a handler's `parameters` are 0 to 3. */
export interface ReadyStep {
  readonly target: WasmFunction;
  readonly parameters: number;
  readonly step: Step;
}

/** The table function of this index; undefined where there is none. */
export function tableFunction(instance: WasmInstance, index: number): WasmFunction | undefined {
  const table = instance.exports[TABLE_EXPORT] as WasmTable | undefined;
  if (table === undefined || index < 0 || index >= table.length) return undefined;
  const found = table.get(index);
  return typeof found === "function" ? (found as WasmFunction) : undefined;
}

/**
 * undefined when no function of a handler's parameters stands at the index, or its frame has no room: the guest dies of
 * it. Parameters and results that are no i32 show when the gate calls it.
 */
export function readyHandler(
  instance: WasmInstance,
  memory: GuestMemory,
  { action, info, maskLow, maskHigh, alternate }: HandlerCall,
): ReadyStep | undefined {
  const target = tableFunction(instance, action.handler);
  const parameters = target?.length ?? MOST_PARAMETERS + 1;
  if (target === undefined || parameters > MOST_PARAMETERS) return undefined;
  const { handler } = action;
  let step: Step = { handler, arguments: [info.signal, 0, 0], maskLow, maskHigh, stackPointer: -1 };
  const pointer = stackPointerOf(instance);
  const before = pointer === undefined ? 0 : (pointer.value as number) >>> 0;
  let top = before;
  if (alternate !== undefined && pointer !== undefined && !isOnStack(alternate, before)) {
    if (!memory.contains(alternate.address, alternate.size)) return undefined;
    top = (alternate.address + alternate.size) & ~15;
    pointer.value = top;
    step = { ...step, stackPointer: before | 0 };
  }
  if ((action.flags & SA_SIGINFO) !== 0 && parameters > 1 && pointer !== undefined) {
    const context = ((top >>> 0) - UCONTEXT_BYTES) & ~15;
    const at = context - SIGINFO_BYTES;
    if (at < 0 || !memory.contains(at >>> 0, (top >>> 0) - at)) return undefined;
    memory.bytes.fill(0, context, context + UCONTEXT_BYTES);
    putSignalInfo(memory, at, info);
    pointer.value = at | 0;
    step = { handler, arguments: [info.signal, at, context], maskLow, maskHigh, stackPointer: before | 0 };
  }
  return { target, parameters, step };
}

/** The guest's own stack pointer; undefined where there is none. */
export function stackPointer(instance: WasmInstance): number | undefined {
  const value = stackPointerOf(instance)?.value;
  return value === undefined ? undefined : (value as number) >>> 0;
}

/** Go back to the stack pointer from before a handler. */
export function restoreStackPointer(instance: WasmInstance, value: number): void {
  const pointer = stackPointerOf(instance);
  if (pointer !== undefined && value !== -1) pointer.value = value;
}

/** wasm-ld's __stack_pointer: global 0, a mutable i32. In another program it only harms that program. */
function stackPointerOf(instance: WasmInstance): WasmGlobal | undefined {
  const global = instance.exports[`${GLOBAL_EXPORT}0`] as WasmGlobal | undefined;
  // Reading a vector throws.
  return global !== undefined && typeof plainValue(global) === "number" ? global : undefined;
}
