/** What stood in a catch does the same behind it: random functions, as they were, moved, and taken down and put up at every call. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { functionsReachingInCatch, type Reach, reachOf } from "../../src/toolchain/wasm/call-graph.ts";
import { withShortCatches } from "../../src/toolchain/wasm/short-catches.ts";
import { code, WasmBuilder } from "../engine/wasm-builder.ts";
import { WebAssembly } from "../engine/web-assembly.ts";
import { type Random, random } from "../random.ts";

const FUNCTIONS = 120;
const SEEDS = 6;
const SAY = "env.say";
/** Index of the import, of the global with the turns left, of the argument. */
const [say, FUEL, SEED] = [0, 0, 0];

/** A frame around the place. `value`: whether its label takes one; a loop's never does. */
type Frame = { readonly kind: "block" | "loop" | "clause"; readonly value: boolean };

/** Writes functions of (i32) to i32: what they do hangs on the argument, read bit by bit. */
class Writer {
  readonly pick: Random;
  readonly tags: number;
  readonly #frames: Frame[] = [];
  #left = 0;
  #said = 0;

  constructor(pick: Random, tags: number) {
    this.pick = pick;
    this.tags = tags;
  }

  body(callable: number): number[] {
    this.#left = 30;
    return [...tired(), ...this.#frame({ kind: "block", value: true }, callable)];
  }

  /** Statements up to the end of a frame, and its value. */
  #frame(frame: Frame, callable: number): number[] {
    this.#frames.push(frame);
    const out: number[] = [];
    let ended = false;
    for (let count = 1 + this.pick(4); count > 0 && !ended && this.#left > 0; count -= 1) {
      this.#left -= 1;
      const leaves = this.pick(6) === 0;
      ended = leaves && this.pick(3) === 0;
      if (ended) out.push(...this.#leave());
      else if (leaves) {
        this.#frames.push({ kind: "block", value: false });
        out.push(...this.#bit(), ...code.ifThen(this.#leave()));
        this.#frames.pop();
      } else out.push(...this.#statement(callable));
    }
    if (frame.kind === "clause" && !ended && this.pick(3) === 0) {
      this.#frames.push({ kind: "block", value: false });
      const outer = this.#clauses();
      out.push(...this.#bit(), ...code.ifThen([0x09, outer[this.pick(outer.length)] ?? 0]));
      this.#frames.pop();
    }
    if (frame.value && !ended) out.push(...code.i32(this.pick(1000)));
    this.#frames.pop();
    return out;
  }

  #statement(callable: number): number[] {
    const value = this.pick(3) === 0;
    const kept = value ? code.call(say) : [];
    const type = value ? 0x7f : 0x40;
    const frame = { kind: "block", value } as const;
    switch (this.pick(8)) {
      case 0:
        return [0x02, type, ...this.#frame(frame, callable), 0x0b, ...kept];
      case 1:
        return [0x03, type, ...this.#frame({ kind: "loop", value }, callable), 0x0b, ...kept];
      case 2: {
        const [left, right] = [this.#frame(frame, callable), this.#frame(frame, callable)];
        return [...this.#bit(), 0x04, type, ...left, 0x05, ...right, 0x0b, ...kept];
      }
      case 3:
        return callable === 0
          ? this.#say()
          : [...code.get(SEED), ...code.call(1 + this.pick(callable)), ...code.call(say)];
      case 4: {
        const body = this.#frame(frame, callable);
        return [0x06, type, ...body, 0x18, this.pick(this.#frames.length), ...kept];
      }
      case 5:
        return this.#say();
      default: {
        const out = [0x06, type, ...this.#frame(frame, callable)];
        for (let tag = 0; tag < this.tags; tag += 1) {
          if (this.pick(3) === 0) continue;
          out.push(0x07, tag, ...code.call(say), ...this.#frame({ kind: "clause", value }, callable));
        }
        if (this.pick(2) === 0) out.push(0x19, ...this.#frame({ kind: "clause", value }, callable));
        return [...out, 0x0b, ...kept];
      }
    }
  }

  #say(): number[] {
    this.#said += 1;
    return [...code.i32(this.#said), ...code.call(say)];
  }

  /** The next bit of the argument. */
  #bit(): number[] {
    const turned = [...code.get(SEED), ...code.i32(1), 0x78, ...code.set(SEED)];
    return [...turned, ...code.get(SEED), ...code.i32(1), 0x71];
  }

  /** The labels a `rethrow` may name. */
  #clauses(): number[] {
    return this.#frames.toReversed().flatMap(({ kind }, label) => (kind === "clause" ? [label] : []));
  }

  #leave(): number[] {
    const clauses = this.#clauses();
    const again = clauses[this.pick(clauses.length + 1)];
    const way = this.pick(6);
    if (again !== undefined && way < 2) return [0x09, again];
    if (way < 4) return [...code.i32(this.pick(1000)), ...code.throw(this.pick(this.tags))];
    const label = this.pick(this.#frames.length);
    const target = this.#frames[this.#frames.length - 1 - label];
    const value = target?.kind !== "loop" && target?.value === true ? code.i32(this.pick(1000)) : [];
    if (this.pick(2) === 0) return [...tired(), ...value, ...code.br(label)];
    return [...tired(), ...value, ...this.#bit(), 0x0e, 1, label, label];
  }
}

const get = (index: number): number[] => [0x23, index];
const set = (index: number): number[] => [0x24, index];

/** So many calls and turns, then all return. */
function tired(): number[] {
  const out = [...get(FUEL), ...code.eqz, ...code.ifThen([...code.i32(-1), 0x0f])];
  return [...out, ...get(FUEL), ...code.i32(1), ...code.sub, ...set(FUEL)];
}

function randomModule(seed: number, tags: number, functions = FUNCTIONS): Uint8Array<ArrayBuffer> {
  const builder = new WasmBuilder();
  const writer = new Writer(random(seed), tags);
  const carried = builder.type("i>");
  assert.equal(builder.import("env", "say", "i>"), say);
  for (let index = 0; index < functions; index += 1) {
    builder.func("i>i", [writer.body(index)], `f${index}`);
  }
  builder.section(13, [tags, ...Array.from({ length: tags }, () => [0, carried]).flat()]);
  builder
    .section(6, [1, 0x7f, 1, ...code.i32(0), 0x0b])
    .export("fuel", 3, FUEL)
    .memory(1)
    .export("memory", 2, 0);
  for (let tag = 0; tag < tags; tag += 1) builder.export(`tag${tag}`, 4, tag);
  return builder.build();
}

interface Exception {
  is(tag: unknown): boolean;
  getArg(tag: unknown, index: number): number;
}

type Exports = Record<string, (argument?: number) => number> & { readonly fuel: { value: number } };

/** What the function says, and how it ends, for each argument. With `asyncify` every call takes the stack down and puts it up. */
function behaviour(bytes: Uint8Array<ArrayBuffer>, tags: number, asyncify = false): string[] {
  let lines: number[] = [];
  let away = false;
  const heard = (value: number) => {
    if (asyncify && !away) {
      new Uint32Array(memory.buffer).set([8, 65_536], 0);
      call("asyncify_start_unwind", 0);
      away = true;
      return;
    }
    if (asyncify) call("asyncify_stop_rewind");
    away = false;
    lines.push(value);
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { say: heard } });
  const { memory } = exports as { memory: { buffer: ArrayBuffer } };
  const call = (name: string, argument?: number) => (exports as Exports)[name]?.(argument) ?? 0;
  const run = (name: string, argument: number) => {
    for (;;) {
      const value = call(name, argument);
      if (!away) return value;
      call("asyncify_stop_unwind");
      call("asyncify_start_rewind", 0);
    }
  };
  const seen: string[] = [];
  for (let index = 0; `f${index}` in exports; index += 1) {
    for (let argument = 0; argument < SEEDS; argument += 1) {
      lines = [];
      (exports as Exports).fuel.value = 50;
      let end: string;
      try {
        end = `${run(`f${index}`, argument * 0x2545f491)}`;
      } catch (error) {
        const thrown = error as Exception;
        const tag = Array.from({ length: tags }, (_, at) => exports[`tag${at}`]).find((one) => thrown.is?.(one));
        if (tag === undefined) throw error;
        end = `thrown ${thrown.getArg(tag, 0)}`;
      }
      seen.push(`f${index}(${argument}): ${lines.join(" ")} -> ${end}`);
    }
  }
  return seen;
}

/** As it is where a compiled program's exceptions are the only ones: catch_all can be named. */
const ONE_TAG = 1;

test("what is moved out of its catch does what it did there", () => {
  let moved = 0;
  for (let seed = 1; seed <= 12; seed += 1) {
    const tags = 1 + (seed % 3);
    const bytes = randomModule(seed, tags);
    const before = behaviour(bytes, tags);
    const whole = reachOf(bytes, new Set([SAY]));
    const pick = random(seed + 100);
    const some: Reach = { functions: new Set([...whole.functions].filter(() => pick(2) === 0)), types: whole.types };
    for (const reach of [whole, some]) {
      const short = new Uint8Array(withShortCatches(bytes, reach));
      if (short.length > bytes.length) moved += 1;
      assert.deepEqual(behaviour(short, tags), before, `seed ${seed}`);
    }
    if (tags === ONE_TAG) {
      const left = functionsReachingInCatch(new Uint8Array(withShortCatches(bytes, whole)), new Set([SAY]));
      assert.deepEqual([...left], []);
    }
    // The functions do something: half of them and more say something, some end by what they throw.
    const distinct = new Set(before.map((line) => line.replace(/^.*: /, "")));
    assert.ok(distinct.size > FUNCTIONS / 2, `${distinct.size} different ends`);
    assert.ok(before.some((line) => line.includes("thrown")));
  }
  assert.ok(moved >= 20, `${moved} modules changed`);
});

test("what nothing reaches stays as it is", () => {
  const bytes = randomModule(7, ONE_TAG);
  assert.equal(withShortCatches(bytes, { functions: new Set(), types: new Set() }), bytes);
  const plain = new WasmBuilder();
  plain.import("env", "say", "i>");
  const built = plain.build();
  assert.equal(withShortCatches(built, reachOf(built, new Set([SAY]))), built);
});

test("a catch whose catch cannot be kept in a local stays, and is told of", () => {
  const module = (tags: readonly string[], type: readonly number[], handler: readonly number[]) => {
    const builder = new WasmBuilder();
    assert.equal(builder.import("env", "say", "i>"), say);
    for (let count = 0; count < 64; count += 1) builder.type(`${"i".repeat(count + 2)}>`);
    assert.equal(builder.type(">"), 65);
    builder.func(">", [[0x06, ...type, ...code.i32(1), ...code.call(say), ...handler, 0x0b]], "f");
    builder.section(13, [tags.length, ...tags.flatMap((tag) => [0, builder.type(tag)])]);
    return builder.build();
  };
  const [one, all, none] = [[0x07, 0, ...code.call(say)], [0x19, ...code.i32(2), ...code.call(say)], [0x40]];
  const two = [0x07, 0, ...code.call(say), ...code.drop];
  for (const [bytes, stays] of [
    [module(["i>"], none, one), false],
    [module(["i>"], none, all), false],
    [module(["i>", "i>"], none, one), false],
    [module(["i>", "i>"], none, all), true],
    [module(["ii>"], none, two), true],
    [module(["ii>"], none, all), true],
    // By the index of a type, in two bytes.
    [module(["i>"], [0xc1, 0x00], one), true],
  ] as const) {
    const short = new Uint8Array(withShortCatches(bytes, reachOf(bytes, new Set([SAY]))));
    assert.ok(WebAssembly.validate(bytes) && WebAssembly.validate(short));
    assert.equal(Buffer.compare(short, bytes) === 0, stays);
    assert.deepEqual([...functionsReachingInCatch(short, new Set([SAY]))], stays ? [1] : []);
  }
});

const optimizer = fileURLToPath(new URL("../../node_modules/binaryen/bin/wasm-opt", import.meta.url));

test("and can be taken down and put up at every call", { timeout: 120_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-short-"));
  try {
    const bytes = randomModule(21, ONE_TAG, FUNCTIONS / 2);
    const short = withShortCatches(bytes, reachOf(bytes, new Set([SAY])));
    const [input, output] = [join(directory, "short.wasm"), join(directory, "ready.wasm")];
    writeFileSync(input, short);
    const words = ["--enable-exception-handling", "--enable-mutable-globals", "--enable-multivalue"];
    const passes = ["--asyncify", `--pass-arg=asyncify-imports@${SAY}`, "-O1", input, "-o", output];
    const { status, stderr } = spawnSync(process.execPath, [optimizer, ...words, ...passes], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.deepEqual(behaviour(new Uint8Array(readFileSync(output)), ONE_TAG, true), behaviour(bytes, ONE_TAG));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
