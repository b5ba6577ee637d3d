/** What a program leaves behind serves the next one, which must not be able to tell. */
import assert from "node:assert/strict";
import { after, beforeEach, describe, it } from "node:test";
import { SIGKILL } from "../../src/abi/signal.ts";
import type { GuestImage } from "../../src/engine/image.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import { bytes } from "../kernel/simulated.ts";
import { type Machine, machine } from "./machine.ts";
import { posixCalls, type Said } from "./posix-calls.ts";
import { textModule } from "./text-module.ts";

/** Modules that were instantiated. */
const instantiated: unknown[] = [];
const { WebAssembly: engine } = globalThis as unknown as {
  WebAssembly: { Instance: new (module: object, imports: object) => object };
};
const { Instance } = engine;
engine.Instance = class extends Instance {
  constructor(module: object, imports: object) {
    super(module, imports);
    instantiated.push(module);
  }
};
after(() => {
  engine.Instance = Instance;
});
beforeEach(() => {
  instantiated.length = 0;
});

interface Runs {
  readonly made: Machine;
  readonly said: Said;
  readonly image: GuestImage;
  /** Run the image once more: what it said. */
  run(): Promise<number[]>;
  /** Instances made of it. */
  instances(): number;
}

function runs(body: string, options: { readonly asyncify?: boolean; readonly maps?: boolean } = {}): Runs {
  const said: Said = [];
  const made = machine({ calls: posixCalls(said), maps: options.maps ?? false });
  const image = made.engine.image("guest", rewrite(textModule(body, options.asyncify)));
  return {
    made,
    said,
    image,
    run: async () => {
      said.length = 0;
      const process = made.kernel.spawn({ image, argv: [bytes("guest")], env: [], cwd: bytes("/") });
      assert.ok(typeof process === "object");
      await made.ended(process);
      while (made.engine.programs > 0) await new Promise(setImmediate);
      assert.deepEqual(made.faults, []);
      return said.map(([, value]) => value);
    },
    instances: () => instantiated.filter((module) => module === image.module).length,
  };
}

/** Says what it finds, then leaves nothing as it was. */
const STATE = `(memory 2) (data (i32.const 16) "abc") (data (i32.const 70000) "z")
  (global $i (mut i32) (i32.const 5)) (global $l (mut i64) (i64.const -6)) (global $d (mut f64) (f64.const 0.5))
  (global $r (mut externref) (ref.null extern))
  (func $look
    (call $say (i32.load8_u (i32.const 17))) (call $say (i32.load8_u (i32.const 70000)))
    (call $say (i32.load (i32.const 100000))) (call $say (i32.load (i32.const 4)))
    (call $say (global.get $i)) (call $say (i32.wrap_i64 (global.get $l)))
    (call $say (i32.trunc_f64_s (f64.mul (global.get $d) (f64.const 2)))))
  (func $change
    (memory.fill (i32.const 0) (i32.const 77) (i32.const 131072))
    (global.set $i (i32.const 9)) (global.set $l (i64.const 9)) (global.set $d (f64.const 9)))`;
const FOUND = [98, 122, 0, 0, 5, -6, 1];

describe("an instance that a program has left", () => {
  for (const [how, end] of [
    ["returned", ""],
    ["exited", "(call $exit (i32.const 3))"],
    ["trapped", "(unreachable)"],
  ] as const) {
    it(`is what it was at the start for the next, after one that ${how}`, async () => {
      const one = runs(`${STATE} (func (export "_start") (call $look) (call $change) ${end})`);
      for (let round = 0; round < 5; round++) assert.deepEqual(await one.run(), FOUND);
      // The first was not looked at, the second is remembered.
      assert.equal(one.instances(), 2);
      for (let round = 0; round < 3; round++) {
        assert.equal(one.made.engine.tidy(), true);
        assert.equal(one.made.engine.tidy(), false);
        assert.deepEqual(await one.run(), FOUND);
      }
      assert.equal(one.instances(), 2);
    });
  }

  it("becomes a forked program, with everything the parent has", async () => {
    const one = runs(
      `${STATE} (func (export "_start") (local $i i32) (local $pid i32)
        (loop $again
          (i32.store (i32.const 4) (local.get $i))
          (global.set $i (i32.add (local.get $i) (i32.const 50)))
          (local.set $pid (call $fork))
          (if (i32.eqz (local.get $pid)) (then
            (call $say (i32.add (i32.load (i32.const 4)) (i32.add (global.get $i) (i32.load (i32.const 100000)))))
            (call $change) (call $exit (i32.const 0))))
          (drop (call $wait))
          (br_if $again (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 12)))))`,
      { asyncify: true },
    );
    const said = Array.from({ length: 12 }, (_, i) => 2 * i + 50);
    assert.deepEqual(await one.run(), said);
    assert.equal(one.instances(), 2);
    // Parent and child of the next run in memories that were made zero before.
    assert.deepEqual([one.made.engine.tidy(), one.made.engine.tidy(), one.made.engine.tidy()], [true, true, false]);
    assert.deepEqual(await one.run(), said);
  });

  it("is interrupted as before, though its last program was ended while it was busy", { timeout: 20_000 }, async () => {
    const one = runs(`(memory 1) (func $spin (loop (br 0))) (func (export "_start") (call $spin))`);
    for (let round = 0; round < 4; round++) {
      const ended = one.run();
      await new Promise((resolve) => setTimeout(resolve, 10));
      const [process] = one.made.kernel.processes;
      assert.ok(process !== undefined);
      one.made.kernel.kill(process, SIGKILL);
      await ended;
    }
    assert.equal(one.instances(), 2);
  });

  it("is not used again where tables changed or segments were dropped", async () => {
    const dropping = runs(`(memory 1) (data $d "q") (func (export "_start")
      (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d) (call $say (i32.load8_u (i32.const 0))))`);
    const changing = runs(`(memory 1) (table 1 funcref) (elem declare func $f) (func $f)
      (func (export "_start") (call $say (ref.is_null (table.get (i32.const 0)))) (table.set (i32.const 0) (ref.func $f)))`);
    for (const [one, value] of [
      [dropping, 113],
      [changing, 1],
    ] as const) {
      for (let round = 0; round < 4; round++) assert.deepEqual(await one.run(), [value]);
      assert.equal(one.instances(), 4);
    }
  });
});

describe("a memory that a program has grown", () => {
  const GROWS = `(memory 2) (func (export "_start")
    (call $say (memory.size)) (call $say (i32.load (i32.const 131068)))
    (if (i32.gt_s (memory.size) (i32.const 2)) (then (call $say (i32.load (i32.const 196604)))))
    (if (i32.eq (memory.size) (i32.const 2)) (then (drop (memory.grow (i32.const 3)))))
    (memory.fill (i32.const 0) (i32.const 77) (i32.const 327680)))`;

  it("serves a program that maps memory, zero over all it has", async () => {
    const one = runs(GROWS, { maps: true });
    assert.deepEqual(await one.run(), [2, 0]);
    assert.deepEqual(await one.run(), [5, 0, 0]);
    assert.deepEqual(await one.run(), [5, 0, 0]);
  });

  it("does not serve one that would notice", async () => {
    const one = runs(GROWS);
    for (let round = 0; round < 3; round++) assert.deepEqual(await one.run(), [2, 0]);
  });
});
