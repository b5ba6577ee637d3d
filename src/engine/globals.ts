/**
 * Layer: engine. The mutable globals of an instance, which the rewriter exports: found once, because a copy of a program and each new
 * one in an old instance put all of them back. It must not know why.
 */
import { GLOBAL_EXPORT } from "./rewriter/report.ts";
import type { WasmGlobal, WasmInstance } from "./webassembly.ts";

const found = new WeakMap<WasmInstance, readonly WasmGlobal[]>();

/** In the same order for every instance of a module. */
export function globalsOf(instance: WasmInstance): readonly WasmGlobal[] {
  const known = found.get(instance);
  if (known !== undefined) return known;
  const exported = Object.entries(instance.exports).filter(([name]) => name.startsWith(GLOBAL_EXPORT));
  const globals = exported.map(([, global]) => global as WasmGlobal);
  found.set(instance, globals);
  return globals;
}
