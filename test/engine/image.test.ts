import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ENOEXEC, ENOMEM } from "../../src/abi/errno.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { ModuleRefused } from "../../src/engine/rewriter/refusal.ts";
import { inspect, type RewrittenModule, rewrite } from "../../src/engine/rewriter/rewrite.ts";
import { machine, TEST_CALLS } from "./machine.ts";
import { code, WasmBuilder } from "./wasm-builder.ts";

const calls = new Map([["test", () => TEST_CALLS]]);
const engine = new Engine({ calls, fatal: (error) => assert.fail(`${error}`) });

function refuses(builder: WasmBuilder | RewrittenModule, rule: string, words: RegExp): void {
  const module = builder instanceof WasmBuilder ? rewrite(builder.build()) : builder;
  assert.throws(
    () => engine.image("guest", module),
    (error: ModuleRefused) => {
      assert.equal(error.name, "ModuleRefused", `${error}`);
      assert.equal(error.rule, rule);
      assert.match(error.message, words);
      return true;
    },
  );
}

function importing(module: string, name: string, signature: string): WasmBuilder {
  const builder = new WasmBuilder().memory(1);
  builder.import(module, name, signature);
  builder.func(">", [], "_start");
  return builder;
}

describe("an image's imports", () => {
  it("reach nothing by inheritance", () => {
    refuses(importing("constructor", "constructor", ">"), "import", /"constructor" "constructor"/);
    refuses(importing("test", "constructor", ">"), "import", /no call of "test"/);
    refuses(importing("test", "__proto__", ">"), "import", /no call of "test"/);
    refuses(importing("__proto__", "toString", ">"), "import", /answers the modules test/);
    refuses(importing("linden", "memory", ">"), "import", /"linden" "memory"/);
  });

  it("have exactly the type of the call", () => {
    engine.image("guest", rewrite(importing("test", "add", "ii>i").build()));
    refuses(importing("test", "add", "iI>i"), "import", /of type \(iI\) -> \(i\).*declare it \(ii\) -> \(i\)/);
    refuses(importing("test", "add", "ii>"), "import", /of type/);
    refuses(importing("test", "exit", "i>i"), "import", /of type/);
    refuses(importing("test", "add", "if>i"), "import", /of type/);
  });

  it("may name a call twice, with one type", async () => {
    const builder = new WasmBuilder().memory(1);
    const first = builder.import("test", "add", "ii>i");
    const second = builder.import("test", "add", "ii>i");
    const exit = builder.import("test", "exit", "i>");
    const sum = [...code.i32(1), ...code.i32(2), ...code.call(first), ...code.i32(3), ...code.call(second)];
    builder.func(">", [sum, code.call(exit)], "_start");
    assert.equal((await machine().run(builder.build())).code, 6);
  });

  it("are those the rewriter saw", () => {
    const seen = rewrite(importing("test", "add", "ii>i").build());
    for (const other of [importing("test", "nothing", ">i"), new WasmBuilder().memory(1)]) {
      const { bytes } = rewrite(other.build());
      refuses({ bytes, report: seen.report }, "import", /did not see/);
    }
    const plain = rewrite(new WasmBuilder().memory(1).build());
    const report = { ...plain.report, exports: seen.report.exports };
    refuses({ bytes: importing("test", "add", "ii>i").build(), report }, "import", /did not see/);
  });

  it("are refused by V8 as well when the report lies about a type", () => {
    const { bytes, report } = rewrite(importing("test", "add", "iI>i").build());
    const [add] = report.imports;
    assert.ok(add !== undefined);
    const lie = { ...report, imports: [{ ...add, parameters: "ii" }] };
    const made = machine();
    const image = made.engine.image("guest", { bytes, report: lie });
    assert.throws(
      () => made.kernel.spawn({ image, argv: [], env: [], cwd: "/" as never }),
      (error: Error) => error.name === "LinkError",
    );
  });
});

describe("an image's entry", () => {
  it("must be _start without a signature", () => {
    refuses(new WasmBuilder(), "entry", /without "_start"/);
    const typed = new WasmBuilder();
    typed.func("i>", [], "_start");
    refuses(typed, "entry", /of type \(i\)/);
    refuses(new WasmBuilder().table(1).export("_start", 1, 0), "entry", /without "_start"/);
  });

  it("says that a reactor is no command", () => {
    const reactor = new WasmBuilder();
    reactor.func(">", [], "_initialize");
    refuses(reactor, "entry", /a library/);
  });

  it("is one there is", () => {
    assert.throws(() => engine.image("guest", rewrite(importing("test", "add", "ii>i").build()), "perl"), RangeError);
  });
});

describe("an image", () => {
  it("is refused when V8 finds its types wrong", () => {
    const builder = new WasmBuilder();
    builder.func(">", [code.i32(1)], "_start");
    refuses(builder, "validation", /expected 0 elements|fallthru/);
  });

  it("can be made from the rewritten bytes alone", () => {
    const builder = importing("test", "add", "ii>i").table(3).custom("name", [1, 6, 1, 0, 3, 102, 111, 111]);
    builder.section(6, [1, 0x7f, 1, ...code.i32(1), 0x0b]);
    builder.start(builder.func(">", []));
    const { bytes, report } = rewrite(builder.build());
    // Bodies are not read again, so what they may do is not known.
    assert.deepEqual(inspect(bytes), { ...report, mutatesTables: true, dropsSegments: true, catchesAll: true });
    const bounded = rewrite(new WasmBuilder().memory(2, 8).build());
    assert.deepEqual(inspect(bounded.bytes), {
      ...bounded.report,
      mutatesTables: true,
      dropsSegments: true,
      catchesAll: true,
    });
  });
});

describe("a program's memory", () => {
  function spawn(memoryBytes: number, builder: WasmBuilder): unknown {
    const made = machine({ memoryBytes });
    builder.func(">", [], "_start");
    const image = made.engine.image("guest", rewrite(builder.build()));
    return made.kernel.spawn({ image, argv: [], env: [], cwd: "/" as never });
  }

  it("is refused beyond the limit, tables included", () => {
    assert.equal(typeof spawn(4 * 65_536, new WasmBuilder().memory(4)), "object");
    assert.equal(spawn(4 * 65_536, new WasmBuilder().memory(5)), -ENOMEM);
    assert.equal(spawn(4 * 65_536, new WasmBuilder().memory(4).table(1)), -ENOMEM);
    assert.equal(typeof spawn(32 * 1024 * 1024, new WasmBuilder().memory(4).table(1)), "object");
    assert.equal(spawn(1024 * 1024, new WasmBuilder().memory(65_536)), -ENOMEM);
  });

  it("grows to the limit and no further", async () => {
    const made = machine({ memoryBytes: 10 * 65_536 });
    const builder = new WasmBuilder().memory(1);
    const exit = builder.import("test", "exit", "i>");
    const tooMuch = [...code.i32(10), ...code.memoryGrow];
    const enough = [...code.i32(9), ...code.memoryGrow];
    builder.func(">", [tooMuch, code.i32(-1), [0x46], enough, code.i32(1), [0x46, 0x71], code.call(exit)], "_start");
    assert.equal((await made.run(builder.build())).code, 1);
  });

  it("must hold its data, or the program is not executed", () => {
    const far = new WasmBuilder().memory(1).section(11, [1, 0, ...code.i32(65_536), 0x0b, 1, 7]);
    assert.equal(spawn(65_536, far), -ENOEXEC);
    const off = new WasmBuilder()
      .memory(1)
      .section(4, [1, 0x70, 1, 1, 1])
      .section(9, [1, 0, ...code.i32(1), 0x0b, 1, 0]);
    assert.equal(spawn(1024 * 1024, off), -ENOEXEC);
  });
});
