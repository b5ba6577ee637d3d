/** The linker's list of constructors: those that enter destructors come first, and nothing else moves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withDestructorsLast } from "../../src/toolchain/wasm/destructors.ts";
import { withFunctionNames } from "../../src/toolchain/wasm/names.ts";
import { type Bytes, code, WasmBuilder } from "../engine/wasm-builder.ts";
import { WebAssembly } from "../engine/web-assembly.ts";

const NAMES = ["early", ".Lregister_call_dtors.200", ".Lregister_call_dtors", "late", ".Lregister_call_dtors.200.1"];

/** Constructors that say their numbers, called in order, and after them `more`. */
function build(more: readonly Bytes[] = [], locals: Bytes = []): Uint8Array {
  const builder = new WasmBuilder();
  const say = builder.import("env", "say", "i>");
  const functions = NAMES.map((_, number) => builder.func(">", [code.i32(number), code.call(say)]));
  const list = builder.func(">", [...functions.map((index) => code.call(index)), ...more], "list", locals);
  const names = new Map(NAMES.map((name, number) => [number + 1, name]));
  return withFunctionNames(builder.build(), names.set(list, "__wasm_call_ctors"));
}

function said(bytes: Uint8Array): number[] {
  const told: number[] = [];
  const module = new WebAssembly.Module(bytes.slice() as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(module, { env: { say: (number: number) => told.push(number) } });
  (exports.list as () => void)();
  return told;
}

test("what enters destructors runs before every constructor, in its order", () => {
  assert.deepEqual(said(build()), [0, 1, 2, 3, 4]);
  assert.deepEqual(said(withDestructorsLast(build())), [1, 2, 4, 0, 3]);
});

test("a list in order, of another kind, or without names is left alone", () => {
  const ordered = withDestructorsLast(build());
  for (const bytes of [ordered, build([[0x01]]), build([], [1, 0x7f]), withFunctionNames(build(), new Map())]) {
    assert.equal(withDestructorsLast(bytes), bytes);
  }
});
