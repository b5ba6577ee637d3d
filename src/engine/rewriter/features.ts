/** Layer: engine, rewriter. Which WebAssembly features are run and which are refused. It must not know how they are decoded. */
import type { Decoder } from "./decoder.ts";

/** Features a guest may use. */
export const ACCEPTED_FEATURES = [
  "mvp",
  "mutable-globals",
  "bulk-memory",
  "reference-types",
  "simd128",
  "sign-ext",
  "nontrapping-fptoint",
  "multivalue",
  "tail-call",
  "exception-handling",
  "atomics",
  "extended-const",
] as const;

/** Features that are refused, with what would allow the module. */
export const REFUSED_FEATURES = {
  gc: "compile without garbage-collected types (-mno-gc); hosts of GC modules can be exhausted uncatchably",
  memory64: "compile for wasm32",
  table64: "compile for wasm32",
  "multi-memory": "link with one memory",
  "custom-page-sizes": "link with pages of 64 KiB",
  "typed-function-references": "compile without typed function references",
  "externref-import": "import numbers only: Linden hands no JavaScript value to a guest",
  "exception-tables": "keep exceptions in locals: a table of them could fill the engine's heap, which nothing survives",
  "exception-chains":
    "let exceptions carry numbers: a chain of them could fill the engine's heap, which nothing survives",
  "stack-switching": "compile without stack switching; blocking calls need none of it here",
  "relaxed-simd": "compile with -msimd128 only (-mno-relaxed-simd)",
  "wide-arithmetic": "compile with -mno-wide-arithmetic",
  fp16: "compile with -mno-fp16",
  components: "extract the core module: components are not run",
  "dynamic-linking": "link statically: tables, globals and tags cannot be imported",
  "atomic-wait": "wait with the futex call, as linden cc's C library does",
  unknown: "only features on Linden's list are run; rebuild for a released WebAssembly standard",
} as const;

export type RefusedFeature = keyof typeof REFUSED_FEATURES;

export function refuseFeature(decoder: Decoder, feature: RefusedFeature, what: string, offset: number): never {
  return decoder.refuse(`feature ${feature}`, what, REFUSED_FEATURES[feature], offset);
}

/** The proposal an opcode outside the instruction table belongs to. */
export function featureOfOpcode(opcode: number): RefusedFeature {
  if (opcode === 0x14 || opcode === 0x15 || (opcode >= 0xd4 && opcode <= 0xd6)) return "typed-function-references";
  if (opcode === 0xd3 || opcode === 0xfb) return "gc";
  if (opcode >= 0xe0 && opcode <= 0xe6) return "stack-switching";
  return "unknown";
}
