import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Encoder } from "../../src/engine/rewriter/encoder.ts";
import { ModuleRefused } from "../../src/engine/rewriter/refusal.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import type { RewriteLimits } from "../../src/engine/rewriter/rewrite-limits.ts";
import { MODULE_BRANCHES } from "../../src/limits.ts";
import { processorMs } from "../processor-time.ts";
import { PYTHON, RUBY } from "./programs.ts";
import { type Bytes, code, WasmBuilder } from "./wasm-builder.ts";
import { type Table, WebAssembly } from "./web-assembly.ts";

function refused(bytes: Uint8Array, rule: string, caps: Partial<RewriteLimits> = {}): ModuleRefused {
  try {
    rewrite(bytes, caps);
  } catch (error) {
    assert.ok(error instanceof ModuleRefused, `${error}`);
    assert.equal(error.rule, rule, error.message);
    assert.ok(error.remedy.length > 10 && error.message.includes(error.remedy), error.message);
    return error;
  }
  assert.fail("the module was accepted");
}

/** A module of one function with this body. */
function body(...instructions: Bytes[]): WasmBuilder {
  const builder = new WasmBuilder().memory(1);
  builder.func(">", instructions, "_start");
  return builder;
}

function exportKinds(bytes: Uint8Array<ArrayBuffer>): Map<string, string> {
  return new Map(WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(({ name, kind }) => [name, kind]));
}

describe("rewrite: real programs", () => {
  for (const [name, path, seconds] of [
    ["CPython", PYTHON, 1],
    ["Ruby", RUBY, 2],
  ] as const) {
    it(`rewrites ${name} to a valid module in under ${seconds} s, the same bytes each time`, () => {
      const bytes = new Uint8Array(readFileSync(path));
      const before = processorMs();
      const first = rewrite(bytes);
      assert.ok(processorMs() - before < seconds * 1000);
      assert.ok(WebAssembly.validate(first.bytes));
      assert.deepEqual(first.bytes, rewrite(bytes).bytes);
      const imports = WebAssembly.Module.imports(new WebAssembly.Module(first.bytes));
      const memory = imports.pop();
      assert.deepEqual(memory, { module: "linden", name: "memory", kind: "memory" });
      assert.deepEqual(
        imports.map(({ module, name }) => [module, name]),
        first.report.imports.map(({ module, name }) => [module, name]),
      );
      assert.equal(exportKinds(first.bytes).get("linden:table"), "table");
      assert.equal(exportKinds(first.bytes).get("linden:global:0"), "global");
    });
  }
});

describe("rewrite: what changes", () => {
  it("imports the memory and keeps the guest's bounds in the report", () => {
    const { bytes, report } = rewrite(new WasmBuilder().memory(3, 9).export("memory", 2, 0).build());
    assert.deepEqual(report.memory, { minimum: 3, maximum: 9 });
    assert.equal(exportKinds(bytes).get("memory"), "memory");
    const memory = new WebAssembly.Memory({ initial: 3, maximum: 5 });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { linden: { memory } });
    assert.equal(instance.exports.memory, memory);
  });

  it("lets a wait whose answer is dropped end at once", () => {
    const operands = [code.i32(8), code.i32(0), code.i64(-1)];
    const [wait32, wait64] = [
      [0xfe, 1, 2, 0x80, 0x00],
      [0xfe, 2, 3, 0],
    ];
    const guest = body(...operands, wait32, code.drop, code.i32(8), code.i64(0), code.i64(-1), wait64, code.drop);
    const { bytes } = rewrite(guest.build());
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { linden: { memory } });
    assert.equal((instance.exports._start as () => void)(), undefined);
    const many = body(...Array.from({ length: 17 }, () => [...operands.flat(), ...wait32, ...code.drop]));
    assert.throws(() => rewrite(many.build()), /atomic-wait/);
  });

  it("makes an imported shared memory an unshared one", () => {
    const imports = new Encoder().u32(1).name("env").name("memory").byte(2).byte(3).u32(1).u32(4).bytes();
    const builder = new WasmBuilder().section(2, [...imports]);
    builder.func(">", [code.i32(0), code.i32(1), [0xfe, 0x1e, 2, 0], code.drop], "add");
    const { bytes } = rewrite(builder.build());
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { linden: { memory } });
    (exports.add as () => void)();
    assert.equal(new Uint8Array(memory.buffer)[0], 1);
  });

  it("turns start into an export that has not run", () => {
    const builder = new WasmBuilder().memory(1);
    const start = builder.func(">", [code.i32(0), code.i32(7), code.store()]);
    const { bytes, report } = rewrite(builder.start(start).build());
    assert.ok(report.hasStart);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { linden: { memory } });
    assert.equal(new Uint8Array(memory.buffer)[0], 0);
    (exports["linden:start"] as () => void)();
    assert.equal(new Uint8Array(memory.buffer)[0], 7);
  });

  it("gives tables a maximum that all of them together keep", () => {
    const builder = new WasmBuilder().section(4, [2, 0x70, 0, 10, 0x70, 0, 20]);
    const { bytes, report } = rewrite(builder.build(), { tableElements: 100 });
    assert.equal(report.tableElements, 100);
    const memory = new WebAssembly.Memory({ initial: 0, maximum: 0 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { linden: { memory } });
    const [first, second] = [exports["linden:table"], exports["linden:table:1"]] as Table[];
    assert.throws(() => first?.grow(71), RangeError);
    assert.equal(first?.grow(70), 10);
    assert.throws(() => second?.grow(1), RangeError);
  });

  it("exports mutable globals only", () => {
    const globals = [2, 0x7f, 0, ...code.i32(1), 0x0b, 0x7f, 1, ...code.i32(2), 0x0b];
    const kinds = exportKinds(rewrite(new WasmBuilder().section(6, globals).build()).bytes);
    assert.deepEqual([...kinds], [["linden:global:1", "global"]]);
  });

  it("drops custom sections but for function names, which V8 then prints", () => {
    const builder = body(code.unreachable)
      .custom("producers", [1, 2, 3])
      .custom("name", [0, 2, 1, 65, 1, 6, 1, 0, 3, 102, 111, 111]);
    const { bytes, report } = rewrite(builder.build());
    const module = new WebAssembly.Module(bytes);
    assert.ok(report.hasNames);
    assert.equal(WebAssembly.Module.customSections(module, "producers").length, 0);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const { exports } = new WebAssembly.Instance(module, { linden: { memory } });
    assert.throws(exports._start as () => void, (error: Error) => /at foo \(wasm/.test(error.stack ?? ""));
  });

  it("runs a program whose name section is broken, without names", () => {
    for (const names of [
      [1, 99, 1],
      [1, 3, 1, 0, 200],
      [1, 6, 2, 0, 1, 65, 0, 1],
    ]) {
      const { report } = rewrite(body().custom("name", names).build());
      assert.equal(report.hasNames, false);
    }
  });

  it("accepts each feature of the list as V8 does", () => {
    const builder = new WasmBuilder().memory(1).table(1);
    const tagType = builder.type("i>");
    const pair = builder.type(">ii");
    builder.section(13, [1, 0, tagType]);
    builder.section(12, [0]);
    builder.func(">", [code.i32(0), [0xc0], code.drop]); // i32.extend8_s
    builder.func(">", [code.f32(0, 0, 0, 0), [0xfc, 0], code.drop]);
    builder.func(">", [[0x02, pair], code.i32(1), code.i32(2), [0x0b], code.drop, code.drop]);
    builder.func(">", [[0x12, 0]]); // return_call
    builder.func(">", [code.i32(0), code.i32(0), code.i32(0), [0xfc, 11, 0]]); // memory.fill
    builder.func(">", [[0xfd, 12, ...new Array<number>(16).fill(0)], [0xfd, 0x60], code.drop]);
    builder.func(">", [code.i32(0), [0x25, 0], [0xd1], code.drop]); // table.get
    builder.func(">", [code.tryCatchAll([...code.i32(1), ...code.throw(0)], [])]);
    builder.func(">", [code.i32(0), [0xfe, 0x10, 2, 0], code.drop]); // i32.atomic.load
    assert.ok(WebAssembly.validate(rewrite(builder.build()).bytes));
    const exnref = new WasmBuilder().section(13, [1, 0, new WasmBuilder().type(">")]);
    exnref.type(">");
    exnref.func(">", [[0x1f, 0x40, 1, 2, 0], code.throw(0), [0x0b]]); // try_table (catch_all 0)
    assert.ok(WebAssembly.validate(rewrite(exnref.build()).bytes));
  });
});

describe("rewrite: refused features", () => {
  const cases: [string, string, Uint8Array][] = [
    ["a struct type", "gc", new WasmBuilder().section(1, [1, 0x5f, 0]).build()],
    ["a recursion group", "gc", new WasmBuilder().section(1, [1, 0x4e, 0]).build()],
    ["anyref", "gc", new WasmBuilder().section(1, [1, 0x60, 1, 0x6e, 0]).build()],
    ["struct.new", "gc", body([0xfb, 0, 0]).build()],
    ["call_ref", "typed-function-references", body([0x14, 0]).build()],
    ["a typed reference", "typed-function-references", new WasmBuilder().section(1, [1, 0x60, 1, 0x64, 0, 0]).build()],
    ["memory64", "memory64", new WasmBuilder().section(5, [1, 4, 1]).build()],
    ["table64", "table64", new WasmBuilder().section(4, [1, 0x70, 4, 1]).build()],
    ["two memories", "multi-memory", new WasmBuilder().section(5, [2, 0, 1, 0, 1]).build()],
    ["an access to memory 1", "multi-memory", body(code.i32(0), [0x28, 0x42, 1, 0], code.drop).build()],
    ["pages of one byte", "custom-page-sizes", new WasmBuilder().section(5, [1, 8, 1, 0]).build()],
    ["relaxed SIMD", "relaxed-simd", body([0xfd, 0x80, 0x02]).build()],
    ["wide arithmetic", "wide-arithmetic", body([0xfc, 19]).build()],
    ["suspend", "stack-switching", body([0xe2, 0]).build()],
    ["a table of exceptions", "exception-tables", new WasmBuilder().section(4, [1, 0x69, 0, 1]).build()],
    [
      "exceptions in exceptions",
      "exception-chains",
      new WasmBuilder().section(1, [1, 0x60, 1, 0x69, 0]).section(13, [1, 0, 0]).build(),
    ],
    ["memory.atomic.wait32", "atomic-wait", body([0xfe, 1, 2, 0]).build()],
    ["memory.atomic.wait64 that is used", "atomic-wait", body([0xfe, 2, 3, 0, 0x1b]).build()],
    ["an unknown opcode", "unknown", body([0x27]).build()],
    ["a hole in the SIMD table", "unknown", body([0xfd, 0x9a, 0x01]).build()],
    ["a component", "components", Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0])],
  ];
  for (const [what, feature, bytes] of cases) {
    it(`refuses ${what}`, () => {
      refused(bytes, `feature ${feature}`);
    });
  }

  it("refuses imports of references, tables, globals and tags", () => {
    const external = new WasmBuilder();
    external.import("env", "f", "e>");
    assert.match(refused(external.build(), "feature externref-import").message, /import "env" "f"/);
    for (const [kind, ...type] of [
      [1, 0x70, 0, 1],
      [3, 0x7f, 1],
      [4, 0, 0],
    ]) {
      const imports = new Encoder()
        .u32(1)
        .name("env")
        .name("x")
        .raw([kind ?? 0, ...type]);
      const builder = new WasmBuilder().section(2, [...imports.bytes()]);
      builder.type(">");
      refused(builder.build(), "feature dynamic-linking");
    }
  });

  it("refuses exports under the reserved prefix", () => {
    refused(body().export("linden:start", 0, 0).build(), "reserved export");
    refused(rewrite(new WasmBuilder().table(1).build()).bytes, "reserved export");
  });
});

describe("rewrite: caps", () => {
  it("refuses table bombs, at once", () => {
    refused(new WasmBuilder().table(10_000_000).build(), "limit tableElements");
    const fifty = new Encoder().u32(50);
    for (let i = 0; i < 50; i++) fifty.raw([0x70, 0, 1]);
    refused(new WasmBuilder().section(4, [...fifty.bytes()]).build(), "limit tables");
  });

  it("refuses 500,000 functions of 49,000 locals in less time than V8 takes to choke on them", () => {
    const count = 500_000;
    const functions = new Encoder().u32(count);
    const bodies = new Encoder(count * 8).u32(count);
    for (let i = 0; i < count; i++) {
      functions.u32(0);
      bodies.raw([6, 1]).u32(49_000).raw([0x7f, 0x0b]);
    }
    const bytes = new Encoder()
      .raw([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
      .section(1, Uint8Array.from([1, 0x60, 0, 0]))
      .section(3, functions)
      .section(10, bodies)
      .bytes();
    const before = processorMs();
    refused(bytes, "limit functions");
    refused(bytes, "limit locals", { functions: count });
    refused(bytes, "limit localsSum", { functions: count, locals: 50_000 });
    assert.ok(processorMs() - before < 1000);
  });

  it("counts run-length locals without wrapping", () => {
    const builder = new WasmBuilder();
    const most = [0xff, 0xff, 0xff, 0xff, 0x0f];
    builder.section(1, [1, 0x60, 0, 0]).section(3, [1, 0]);
    builder.section(10, [1, 15, 2, ...most, 0x7f, ...most, 0x7f, 0x0b, 0x0b]);
    refused(builder.build(), "limit locals");
  });

  it("refuses deep nesting without recursion", () => {
    const deep = (depth: number): Uint8Array => {
      const blocks = new Array<number>(depth * 2).fill(0x40);
      for (let i = 0; i < depth; i++) blocks[i * 2] = 0x02;
      return body(blocks, new Array<number>(depth).fill(0x0b)).build();
    };
    refused(deep(500_000), "limit nesting");
    rewrite(deep(9_999));
  });

  it("refuses bodies whose compilation needs gigabytes", () => {
    const builder = new WasmBuilder().section(1, [1, 0x60, 0, 0]).section(3, [1, 0]);
    const ifs = new Array<number[]>(300_000).fill([...code.i32(0), ...code.ifThen()]).flat();
    const bodyBytes = [1, ...new Encoder().u32(10_000).bytes(), 0x7f, ...ifs, 0x0b];
    refused(
      builder.section(10, [1, ...new Encoder().u32(bodyBytes.length).bytes(), ...bodyBytes]).build(),
      "limit bodyStates",
    );
    const operands = new Array<number[]>(60_000).fill(code.i32(0)).flat();
    refused(body(operands, ifs.slice(0, 5000)).build(), "limit bodyStates");
  });

  it("counts locals and operands at each block and branch exactly", () => {
    const states = (most: number, ...instructions: Bytes[]): boolean => {
      const builder = new WasmBuilder().memory(1).table(1);
      const callee = builder.func("iii>i", [code.i32(0)]);
      assert.equal(callee, 0);
      builder.func("ii>", instructions, "f");
      try {
        rewrite(builder.build(), { bodyStates: most });
        return true;
      } catch (error) {
        assert.equal((error as ModuleRefused).rule, "limit bodyStates");
        return false;
      }
    };
    const exactly = (count: number, ...instructions: Bytes[]): void => {
      assert.ok(states(count, ...instructions), `at most ${count}`);
      assert.ok(!states(count - 1, ...instructions), `at least ${count}`);
    };
    const [one, two] = [code.i32(1), code.i32(2)];
    exactly(2, code.block());
    exactly(4, one, two, code.block(), code.drop, code.drop);
    exactly(2, one, code.ifThen());
    exactly(3, one, two, code.add, code.block(), code.drop);
    exactly(3, one, one, one, code.call(0), code.block(), code.drop);
    exactly(2, one, two, code.store(), code.block());
    exactly(2 + 3 + 2, code.block(one, [0x0d, 0], one, [0x1a]), one, code.block(), code.drop);
    exactly(2 + 3, [0x02, 0x7f, ...one, 0x0b], code.block(), code.drop);
    exactly(2 + 4 * 2, code.block(one, [0x0e, 3, 0, 0, 0, 0]));
    exactly(2 + 2 + 3, one, [0x04, 0x7f, ...one, 0x05, ...two, 0x0b], code.block(), code.drop);
    exactly(2 + 2 + 2, code.tryCatchAll(code.i32(1).concat(code.drop), []), code.block());
    exactly(2 + 3 + 2, code.tryCatchAll([...one, ...one, ...one, ...code.call(0), ...code.drop], []));
  });

  it("refuses more branches to one block than V8 can count, of whatever kind", () => {
    const five = { branches: 5 };
    const tagged = (...parts: Bytes[]) => {
      const builder = body(...parts);
      return builder.section(13, [1, 0, builder.type("i>")]).build();
    };
    const fine = (...parts: Bytes[]) => assert.ok(rewrite(tagged(...parts), five));
    const excess = (...parts: Bytes[]) => refused(tagged(...parts), "limit branches", five);
    const times = (count: number, ...part: Bytes[]) => new Array<number[]>(count).fill(part.flat());
    const one = code.i32(1);
    const branch = [...one, ...code.brIf(0)];
    const call = [...code.i32(0), ...code.call(0), 0x1a];
    for (const around of [code.block, code.loop]) {
      fine(around(...times(5, branch)), around(...times(5, branch)));
      excess(around(...times(6, branch)));
    }
    // To the function itself as well, and through blocks between.
    excess(...times(3, branch), code.block(...times(3, [...one, ...code.brIf(1)])));
    fine(code.block(...times(3, branch)), ...times(3, branch));
    const guarded = (inside: Bytes[], handler: Bytes = []) => code.tryCatchAll(inside.flat(), handler);
    const throwing = [...one, 0x04, 0x40, ...one, ...code.throw(0), 0x0b];
    for (const part of [call, throwing]) {
      fine(guarded(times(5, part)), guarded(times(5, part)), ...times(9, part));
      excess(guarded(times(6, part)));
      excess(guarded([code.block(...times(3, part)), ...times(3, part)]));
      // What a handler throws goes to the block around.
      fine(guarded(times(5, part), times(9, part).flat()));
      excess(guarded([guarded([], times(5, part).flat()), part]));
    }
    // Each block that may let an exception pass is a way out of it; so is a safepoint.
    excess(guarded(times(6, guarded([]))));
    excess(guarded(times(6, code.loop())));
    const table = (count: number) => [0x1f, 0x40, count, ...times(count, [2, 0]).flat(), 0x0b];
    fine(code.block(table(5)));
    excess(code.block(table(6)));
    excess(code.block(table(3), table(3)));
    const most = MODULE_BRANCHES;
    rewrite(body(code.block(...times(most, branch))).build());
    refused(body(code.block(...times(most + 1, branch))).build(), "limit branches");
    assert.ok(most < 2 ** 16);
  });

  it("refuses each other excess", () => {
    refused(body([0x0e, 3, 0, 0, 0, 0]).build(), "limit brTable", { brTable: 2 });
    refused(body([0x01, 0x01, 0x01]).build(), "limit bodyBytes", { bodyBytes: 4 });
    refused(body(code.loop(), code.loop()).build(), "limit safepoints", { safepoints: 1 });
    refused(body().build(), "limit bytes", { bytes: 10 });
    refused(body().build(), "limit functions", { functions: 0 });
    refused(body().build(), "limit types", { types: 0 });
    refused(body().build(), "limit exports", { exports: 0 });
    refused(body().export("abcdefghijklmnop", 0, 0).build(), "limit nameBytes", { nameBytes: 15 });
    const many = new WasmBuilder();
    many.import("a", "b", "iii>i");
    refused(many.build(), "limit imports", { imports: 0 });
    refused(many.build(), "limit parameters", { parameters: 2 });
    refused(many.build(), "limit results", { results: 0 });
    const globals = [1, 0x7f, 0, ...code.i32(1), ...code.i32(1), 0x6a, 0x0b];
    refused(new WasmBuilder().section(6, globals).build(), "limit globals", { globals: 0 });
    refused(new WasmBuilder().section(6, globals).build(), "limit constantOperations", { constantOperations: 3 });
    refused(new WasmBuilder().section(13, [1, 0, 0]).build(), "limit tags", { tags: 0 });
    const laden = new WasmBuilder();
    laden.section(13, [1, 0, laden.type("IIIIIIIIIIIIIIIII>")]);
    refused(laden.build(), "limit tagParameters");
    const data = new WasmBuilder().memory(1).section(11, [1, 1, 1, 7]).build();
    refused(data, "limit dataSegments", { dataSegments: 0 });
    refused(new WasmBuilder().section(9, [1, 1, 0, 0]).build(), "limit elementSegments", { elementSegments: 0 });
    refused(body().section(9, [1, 1, 0, 2, 0, 0]).build(), "limit tableElements", { tableElements: 1 });
  });
});

describe("rewrite: malformed modules", () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const cases: [string, readonly number[]][] = [
    ["an empty file", []],
    ["a cut header", header.slice(0, 7)],
    ["a wrong version", [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]],
    ["a truncated section", [...header, 1, 5, 0]],
    ["a section size without end", [...header, 1, 0x80]],
    ["an overlong integer", [...header, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ["an integer past 32 bits", [...header, 1, 0xff, 0xff, 0xff, 0xff, 0x1f]],
    ["a section twice", [...header, 1, 1, 0, 1, 1, 0]],
    ["sections out of order", [...header, 3, 1, 0, 1, 1, 0]],
    ["bytes after a section's end", [...header, 1, 2, 0, 0]],
    ["functions without code", [...header, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0]],
    ["code without functions", [...header, 10, 4, 1, 2, 0, 0x0b]],
    ["a name that is not UTF-8", [...header, 7, 5, 1, 1, 0xff, 0, 0]],
    ["an overlong UTF-8 name", [...header, 7, 6, 1, 2, 0xc0, 0x80, 0, 0]],
    ["a surrogate in a name", [...header, 7, 7, 1, 3, 0xed, 0xa0, 0x80, 0, 0]],
    ["data without a memory", [...header, 11, 6, 1, 0, 0x41, 0, 0x0b, 0]],
    ["announced data that is missing", [...header, 12, 1, 2]],
  ];
  for (const [what, bytes] of cases) {
    it(`refuses ${what}, with its place`, () => {
      const error = refused(Uint8Array.from(bytes), "malformed");
      assert.notEqual(error.offset, undefined);
    });
  }

  const bodies: [string, readonly Bytes[]][] = [
    ["an else without if", [[0x05]]],
    ["a catch outside a try", [[0x19]]],
    ["a delegate after a catch", [[0x06, 0x40, 0x19, 0x18, 0]]],
    ["a function index out of range", [code.call(9)]],
    ["a local out of range", [code.get(0), code.drop]],
    ["a global out of range", [[0x23, 0], code.drop]],
    ["a table out of range", [code.i32(0), [0x25, 0], code.drop]],
    ["a label out of range", [code.br(1)]],
    ["a tag out of range", [code.throw(0)]],
    ["a block type out of range", [[0x02, 9, 0x0b]]],
    ["a lane out of range", [[0xfd, 0x15, 16]]],
    ["an alignment out of range", [code.i32(0), [0x28, 5, 0], code.drop]],
    ["data.drop without a data count", [[0xfc, 9, 0]]],
    ["an unfinished block", [[0x02, 0x40]]],
    ["instructions after the end", [[0x0b, 0x01]]],
    ["an i64 of eleven bytes", [[0x42, ...new Array<number>(10).fill(0x80), 0], code.drop]],
    ["an i64 past 64 bits", [[0x42, ...new Array<number>(9).fill(0x80), 1], code.drop]],
    ["an i32 past 32 bits", [[0x41, 0x80, 0x80, 0x80, 0x80, 0x08], code.drop]],
  ];
  for (const [what, instructions] of bodies) {
    it(`refuses ${what}`, () => {
      assert.equal(refused(body(...instructions).build(), "malformed").section, "code");
    });
  }

  it("agrees with V8 on every 64-bit constant's last byte", () => {
    for (let last = 0; last < 256; last++) {
      const bytes = body([0x42, ...new Array<number>(9).fill(0x80), last], code.drop).build();
      let accepted = true;
      try {
        rewrite(bytes);
      } catch {
        accepted = false;
      }
      assert.equal(accepted, WebAssembly.validate(bytes), `last byte ${last}`);
    }
  });
});
