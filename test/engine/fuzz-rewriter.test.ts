import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ModuleRefused } from "../../src/engine/rewriter/refusal.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import { code, WasmBuilder } from "./wasm-builder.ts";
import { WebAssembly } from "./web-assembly.ts";

const ROUNDS = 20_000;

/** A repeatable source of numbers (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One module with something of every section in it. */
function seedModule(): Uint8Array {
  const builder = new WasmBuilder().memory(1, 4).table(4);
  builder.import("wasi_snapshot_preview1", "fd_write", "iiii>i");
  builder.section(13, [1, 0, builder.type("i>")]);
  builder.section(6, [1, 0x7f, 1, ...code.i32(5), 0x0b]);
  builder.section(9, [1, 0, ...code.i32(0), 0x0b, 1, 1]);
  builder.section(12, [1]);
  builder.section(11, [1, 0, ...code.i32(8), 0x0b, 2, 104, 105]);
  const callee = builder.func("ii>i", [code.get(0), code.get(1), code.add], "add", [2, 0x7f]);
  const body = [
    code.loop(code.block(code.i32(1), code.brIf(0)), code.i32(0), [0x0e, 1, 0, 1]),
    code.tryCatchAll([...code.i32(1), ...code.throw(0)], []),
    code.i32(0),
    [0xfe, 0x10, 2, 0],
    code.drop,
    [0xfd, 12, ...new Array<number>(16).fill(3)],
    code.drop,
    code.i32(1),
    code.i32(2),
    code.call(callee),
    code.drop,
    code.i32(0),
    code.callIndirect(builder.type(">")),
    code.i64(-1),
    code.drop,
  ];
  builder.start(builder.func(">", body, "_start"));
  return builder.custom("name", [1, 6, 1, 0, 3, 102, 111, 111]).build();
}

function mutate(seed: Uint8Array, below: (limit: number) => number): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(seed);
  for (let edits = 1 + below(3); edits > 0; edits--) {
    const at = 8 + below(bytes.length - 8);
    const kind = below(4);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    else if (kind === 2) bytes.copyWithin(at, 8 + below(bytes.length - 8), bytes.length - below(8));
    else return bytes.slice(0, at);
  }
  return bytes;
}

describe("rewrite: fuzzed modules", () => {
  it(`answers ${ROUNDS} mutated modules with a refusal or a module V8 can judge`, () => {
    const seed = seedModule();
    assert.ok(WebAssembly.validate(rewrite(seed).bytes));
    const below = numbers(20_261_121);
    let accepted = 0;
    let valid = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = mutate(seed, below);
      try {
        const output = rewrite(bytes).bytes;
        accepted++;
        if (WebAssembly.validate(output)) valid++;
      } catch (error) {
        assert.ok(error instanceof ModuleRefused, `round ${round}: ${error}`);
        // What V8 runs is never called malformed: it may only use a refused feature, or too much.
        if (error.rule === "malformed") assert.ok(!WebAssembly.validate(bytes), `round ${round}: ${error}`);
      }
    }
    assert.ok(valid > ROUNDS / 100 && accepted < ROUNDS, `${accepted} accepted, ${valid} valid`);
  });

  it("refuses every strict prefix of a module that ends inside a section", () => {
    const seed = seedModule();
    let accepted = 0;
    for (let length = 0; length < seed.length; length++) {
      try {
        rewrite(seed.subarray(0, length));
        accepted++;
      } catch (error) {
        assert.ok(error instanceof ModuleRefused, `${error}`);
      }
    }
    assert.ok(accepted < 8, `${accepted} prefixes accepted`);
  });
});
