/** Functions called through other types: every function of a random module through every type, as Linux would have it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SIGSEGV } from "../../src/abi/signal.ts";
import { reachOf } from "../../src/toolchain/wasm/call-graph.ts";
import { type Budget, type Extent, withCasts } from "../../src/toolchain/wasm/casts.ts";
import { functionNames, withFunctionNames } from "../../src/toolchain/wasm/names.ts";
import { runGuest } from "../conformance/in-process.ts";
import { code, WasmBuilder } from "../engine/wasm-builder.ts";
import { WebAssembly } from "../engine/web-assembly.ts";
import { type Random, random } from "../random.ts";
import { compileProgram, whyNoCompiler } from "./compiler.ts";

const ANY: Budget = { functions: 1e6, places: 1e6 };
/** Where the table begins, as the linker's: 0 is no function. */
const BASE = 1;

type Value = number | bigint;
type Type = { readonly parameters: string; readonly result: string };

const KINDS = "iIfF";
const CONVERT: Readonly<Record<string, number[]>> = { i: [0xad], I: [], f: [0xae], F: [0xb0] };
const BACK: Readonly<Record<string, number[]>> = { "": [0x1a], i: [0xa7], I: [], f: [0xb4], F: [0xb9] };

function someType(pick: Random): Type {
  const one = () => KINDS[pick(pick(2) === 0 ? 1 : 4)] ?? "i";
  return {
    parameters: Array.from({ length: pick(5) }, one).join(""),
    result: pick(3) === 0 ? "" : one(),
  };
}

/** What function `number` of a type answers: each argument times its place, and its number. */
function answers({ parameters, result }: Type, number: number, given: readonly Value[]): Value | undefined {
  let sum = BigInt(number);
  for (const [place, kind] of [...parameters].entries()) {
    const value = given[place] ?? 0;
    const whole = typeof value === "bigint" ? value : BigInt(Math.trunc(value));
    sum += (kind === "i" ? BigInt.asUintN(32, whole) : BigInt.asIntN(64, whole)) * BigInt(place + 1);
  }
  return result === "" ? undefined : as(result, BigInt.asIntN(64, sum));
}

/** A whole number as one of a type. */
function as(kind: string, value: bigint): Value {
  if (kind === "I") return BigInt.asIntN(64, value);
  if (kind === "i") return Number(BigInt.asIntN(32, value));
  return kind === "f" ? Math.fround(Number(value)) : Number(value);
}

function callee({ parameters, result }: Type, number: number): number[][] {
  const terms = [...parameters].map((kind, place) => [
    ...[0x20, place, ...(CONVERT[kind] ?? [])],
    ...code.i64(place + 1),
    ...[0x7e, 0x7c],
  ]);
  return [code.i64(number), ...terms, BACK[result] ?? []];
}

function isFloat(kind: string): boolean {
  return kind === "f" || kind === "F";
}

/** Whether a call of one type gives a function of another what Linux would. */
function fits(own: Type, called: Type): boolean {
  const alike = (left: string, right: string) => left === right || (!isFloat(left) && !isFloat(right));
  if (own.result !== "" && called.result !== "" && !alike(own.result, called.result)) return false;
  return [...own.parameters].every((kind, place) => {
    const given = called.parameters[place];
    return given === undefined || alike(kind, given);
  });
}

type Made = { readonly bytes: Uint8Array; readonly functions: readonly Type[]; readonly calls: readonly Type[] };

/** Functions in a table, and for each type of `calls` an export that calls through the table what its last argument says. */
function make(functions: readonly Type[], calls: readonly Type[]): Made {
  const builder = new WasmBuilder();
  const text = ({ parameters, result }: Type) => `${parameters}>${result}`;
  const indices = functions.map((type, number) => builder.func(text(type), callee(type, number)));
  for (const [number, type] of calls.entries()) {
    const count = type.parameters.length;
    const words = Array.from({ length: count + 1 }, (_, place) => code.get(place));
    // The linker writes a table's number as long as it can be.
    const padded = [0x11, builder.type(text(type)), 0x80, 0x80, 0x80, 0x80, 0x00];
    const call = number % 2 === 0 ? code.callIndirect(builder.type(text(type))) : padded;
    builder.func(`${type.parameters}i>${type.result}`, [...words, call], `call ${number}`);
  }
  const bytes = builder
    .table(indices.length + BASE)
    .section(9, [1, 0, ...code.i32(BASE), 0x0b, indices.length, ...indices])
    .build();
  return { bytes, functions, calls };
}

function callsOf(bytes: Uint8Array): Record<string, (...given: Value[]) => Value | undefined> {
  const module = new WebAssembly.Module(bytes.slice() as Uint8Array<ArrayBuffer>);
  return new WebAssembly.Instance(module, {}).exports as ReturnType<typeof callsOf>;
}

const SOME: Readonly<Record<string, readonly Value[]>> = {
  i: [3, -1, 70_000],
  I: [5n, -7n, 1n << 40n],
  f: [2, 900, 0],
  F: [4, 80_000, 1],
};

test("every function through every type answers as the registers of other machines would have it, or traps", () => {
  let [through, trapped] = [0, 0];
  for (let seed = 1; seed <= 40; seed += 1) {
    const pick = random(seed);
    const calls = [
      ...new Map(Array.from({ length: 6 }, () => someType(pick)).map((type) => [JSON.stringify(type), type])).values(),
    ];
    const made = make(
      Array.from({ length: 12 }, () => (pick(2) === 0 ? someType(pick) : (calls[pick(calls.length)] as Type))),
      calls,
    );
    const bytes = withCasts(made.bytes, "any", ANY, undefined);
    assert.ok(bytes !== undefined);
    const exported = callsOf(bytes);
    for (const [number, type] of calls.entries()) {
      for (const [slot, own] of made.functions.entries()) {
        const given = [...type.parameters].map((kind) => SOME[kind]?.[pick(3)] ?? 0);
        const call = () => exported[`call ${number}`]?.(...given, slot + BASE);
        if (!fits(own, type)) {
          trapped += 1;
          assert.throws(call, /signature mismatch/);
          continue;
        }
        const answer = answers(own, slot, given);
        const whole = typeof answer === "bigint" ? answer : BigInt(Math.trunc(answer ?? 0));
        // An integer that grows has nothing above it.
        const wide = own.result === "i" && type.result === "I" ? BigInt.asUintN(32, whole) : whole;
        const expected =
          type.result === ""
            ? undefined
            : answer === undefined
              ? as(type.result, 0n)
              : own.result === type.result
                ? answer
                : as(type.result, wide);
        through += 1;
        assert.equal(call(), expected, `seed ${seed}: ${JSON.stringify([own, type, given.map(String)])}`);
      }
      // What is no function stays none.
      for (const slot of [0, made.functions.length + BASE, -1]) {
        assert.throws(() =>
          exported[`call ${number}`]?.(...[...type.parameters].map((kind) => SOME[kind]?.[0] ?? 0), slot),
        );
      }
    }
  }
  assert.ok(through > 500 && trapped > 200, `${through} ${trapped}`);
});

const VOID = { parameters: "", result: "" };
const NUMBER = { parameters: "", result: "i" };
const TAKES_ONE = { parameters: "i", result: "" };
const TAKES_TWO = { parameters: "ii", result: "" };

/** Which functions of a module can be called, for each type. */
function reached(bytes: Uint8Array | undefined, made: Made): string[] {
  assert.ok(bytes !== undefined);
  const exported = callsOf(bytes);
  return made.calls.map((type, number) =>
    made.functions
      .flatMap((_, slot) => {
        try {
          exported[`call ${number}`]?.(...[...type.parameters].map(() => 0), slot + BASE);
          return [slot];
        } catch {
          return [];
        }
      })
      .join(" "),
  );
}

test("what is likely to be meant: functions without parameters, and such as nobody calls by their own type", () => {
  const orphan = { parameters: "iii", result: "i" };
  const made = make([VOID, TAKES_ONE, orphan, TAKES_TWO], [TAKES_ONE, TAKES_TWO, VOID]);
  const cast = (extent: Extent, bytes = made.bytes) => withCasts(bytes, extent, ANY, undefined);
  assert.deepEqual(reached(made.bytes, made), ["1", "3", "0"]);
  assert.deepEqual(reached(cast("likely"), made), ["0 1 2", "0 2 3", "0 2"]);
  assert.deepEqual(reached(cast("own"), made), ["0 1 2 3", "0 1 2 3", "0 1 2 3"]);
  // The library's own functions and C++'s have the types they are called by.
  const named = withFunctionNames(
    made.bytes,
    new Map([
      [0, "__restore"],
      [1, "std::go()"],
      [2, "orphan"],
      [3, "two"],
    ]),
  );
  assert.deepEqual(reached(cast("own", named), made), ["1 2 3", "2 3", "0 2 3"]);
  assert.deepEqual(reached(cast("any", named), made), ["0 1 2 3", "0 1 2 3", "0 1 2 3"]);
  assert.equal(functionNames(cast("own", named) ?? named).get(7), "orphan (cast)");
});

test("of a program that needs more than it may no more is looked at than tells so", () => {
  const own = { parameters: "", result: "i" };
  const calls = Array.from({ length: 30 }, (_, i) => ({
    parameters: i.toString(2).replaceAll("0", "F").replaceAll("1", "f"),
    result: "i",
  }));
  const { bytes } = make(
    Array.from({ length: 100 }, () => own),
    [own, ...calls],
  );
  let looks = 0;
  class Watched extends Set<number> {
    override has(index: number): boolean {
      looks += 1;
      return super.has(index);
    }
  }
  const reach = { functions: new Watched(), types: new Set<number>() };
  assert.equal(withCasts(bytes, "own", { functions: 250, places: 1e6 }, reach), undefined);
  assert.equal(looks, 300);
  // Of the types that are called the fifteen that are most.
  assert.notEqual(withCasts(bytes, "own", { functions: 1500, places: 1e6 }, reach), undefined);
  assert.equal(looks, 1800);
});

test("a program that needs none is the same bytes, and one that needs more than it may is told apart", () => {
  const plain = make([TAKES_ONE, TAKES_TWO], [TAKES_ONE]);
  assert.equal(withCasts(plain.bytes, "likely", ANY, undefined), plain.bytes);
  const without = new WasmBuilder();
  without.func(">", []);
  const bytes = without.build();
  assert.equal(withCasts(bytes, "any", ANY, undefined), bytes);
  // table.set, table.grow, table.fill, table.copy: what they put into the first table is in no other.
  const [start, nothing] = [code.i32(1), [0xd0, 0x70]];
  const three = [...start, ...start, ...start];
  for (const change of [
    [...start, ...nothing, 0x26, 0],
    [...nothing, ...start, 0xfc, 15, 0, 0x1a],
    [...start, ...nothing, ...start, 0xfc, 17, 0],
    [...three, 0xfc, 14, 0, 0],
  ]) {
    const builder = new WasmBuilder();
    const target = builder.func(">", []);
    builder.func("i>", [code.i32(0), code.get(0), code.callIndirect(builder.type("i>"))]);
    const build = () =>
      builder
        .table(2)
        .section(9, [1, 0, ...code.i32(BASE), 0x0b, 1, target])
        .build();
    assert.ok((withCasts(build(), "any", ANY, undefined)?.length ?? 0) > build().length);
    builder.func(">", [change]);
    const changing = build();
    assert.ok(WebAssembly.validate(changing));
    assert.equal(withCasts(changing, "any", ANY, undefined), changing);
  }
  const made = make([VOID, NUMBER], [TAKES_ONE, TAKES_TWO]);
  assert.equal(withCasts(made.bytes, "any", { functions: 3, places: 100 }, undefined), undefined);
  assert.equal(withCasts(made.bytes, "any", { functions: 4, places: 3 }, undefined), undefined);
  assert.ok(withCasts(made.bytes, "any", { functions: 4, places: 4 }, undefined) !== undefined);
});

test("what forks is called through types that can fork already, unless it is meant for others alone", () => {
  const builder = new WasmBuilder();
  const fork = builder.import("env", "fork", ">");
  const forks = builder.func("i>", [code.call(fork)]);
  const quiet = builder.func("i>", []);
  const orphan = builder.func("i>i", [code.call(fork), code.i32(1)]);
  const calls: [string, number][] = [
    ["i>", 1],
    ["ii>", 2],
    ["iii>", 3],
  ];
  for (const [type, count] of calls) {
    const words = Array.from({ length: count }, () => code.i32(0));
    builder.func(`i>${type.slice(count + 1)}`, [...words, code.get(0), code.callIndirect(builder.type(type))], type);
  }
  const bytes = builder
    .table(4)
    .section(9, [1, 0, ...code.i32(BASE), 0x0b, 3, forks, quiet, orphan])
    .build();
  let forked = 0;
  const goes = (cast: Uint8Array | undefined) => {
    assert.ok(cast !== undefined);
    const module = new WebAssembly.Module(cast.slice() as Uint8Array<ArrayBuffer>);
    const fork = () => {
      forked += 1;
    };
    const { exports } = new WebAssembly.Instance(module, { env: { fork } });
    return [1, 2, 3].map((slot) => {
      forked = 0;
      try {
        (exports["ii>"] as (slot: number) => void)(slot);
      } catch {
        return "traps";
      }
      return forked === 1 ? "forks" : "returns";
    });
  };
  const reach = reachOf(bytes, new Set(["env.fork"]));
  assert.deepEqual(goes(bytes), ["traps", "traps", "traps"]);
  assert.deepEqual(goes(withCasts(bytes, "own", ANY, reach)), ["traps", "returns", "forks"]);
  assert.deepEqual(goes(withCasts(bytes, "any", ANY, reach)), ["forks", "returns", "forks"]);
  assert.deepEqual(goes(withCasts(bytes, "own", ANY, undefined)), ["forks", "returns", "forks"]);
});

const options = { skip: whyNoCompiler(), timeout: 300_000 };

test("a C program's casts just work; told not to, the program ends, and is told what helps", options, async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-casts-"));
  try {
    const run = async (flags: readonly string[]) => {
      const module = join(directory, "program.wasm");
      writeFileSync(module, compileProgram("casts.c", ["-O1", ...flags]));
      return runGuest({ module, args: ["program"], root: "", milliseconds: 20_000 });
    };
    for (const flags of [[], ["-mcast-functions"]]) {
      const { stdout, code, signal } = await run(flags);
      assert.deepEqual([stdout, code, signal], ["3\n1\n", 0, 0]);
    }
    const { stdout, signal, message } = await run(["-mno-cast-functions"]);
    assert.deepEqual([stdout, signal], ["3\n", SIGSEGV]);
    assert.match(message ?? "", /^trap: indirect call .* another type \(linden cc -mcast-functions .* in .*main/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a program without casts to be seen is the same with and without the stage", options, () => {
  const [as, without] = [[], ["-mno-cast-functions"]].map((flags) => compileProgram("main-three.c", ["-O1", ...flags]));
  assert.ok(Buffer.from(as ?? []).equals(without ?? Buffer.alloc(1)));
});
