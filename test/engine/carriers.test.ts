/** Stacks that serve one thread after another: the host gives up neither addresses nor page tables of one that ended. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { SIGABRT, SIGKILL } from "../../src/abi/signal.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import { machine } from "./machine.ts";
import { posixCalls, type Said } from "./posix-calls.ts";
import { textModule } from "./text-module.ts";

/** Stacks that were entered. */
let stacks = 0;
type Enter = (...args: number[]) => Promise<unknown>;
const { WebAssembly: engine } = globalThis as unknown as { WebAssembly: { promising: (entry: unknown) => Enter } };
const { promising } = engine;
engine.promising = (entry) => {
  const enter = promising(entry);
  return (...args) => {
    stacks += 1;
    return enter(...args);
  };
};
after(() => {
  engine.promising = promising;
});

const FORKS = (
  end: string,
  rounds: number,
): string => `(memory 1) (func (export "_start") (local $i i32) (local $pid i32)
  (loop $again
    (local.set $pid (call $fork))
    (if (i32.eqz (local.get $pid)) (then ${end}))
    (drop (call $wait))
    (br_if $again (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${rounds})))))`;

describe("stacks", () => {
  for (const [how, end] of [
    ["exit", "(call $exit (i32.const 1)) (unreachable)"],
    ["return", "(return)"],
    ["are killed in a call", "(drop (call $kill (call $getpid) (i32.const 9))) (unreachable)"],
  ] as const) {
    it(`of threads that ${how} serve again: 500 forks need two`, { timeout: 60_000 }, async () => {
      const said: Said = [];
      const made = machine({ calls: posixCalls(said) });
      stacks = 0;
      assert.deepEqual(await made.run(textModule(FORKS(end, 500), true)), { code: 0, signal: 0 });
      assert.deepEqual(await made.run(textModule(FORKS(end, 5), true)), { code: 0, signal: 0 });
      assert.equal(stacks, 2);
      assert.deepEqual(made.faults, []);
      assert.equal(made.engine.programs, 0);
    });
  }

  it("end in a trap where the guest catches everything, and no call comes after its end", async () => {
    const said: Said = [];
    const made = machine({ calls: posixCalls(said) });
    const catches = textModule(`(memory 1) (func (export "_start")
      (try (do (call $exit (i32.const 3))) (catch_all (call $say (i32.const 1))))
      (call $say (i32.const 2)))`);
    assert.equal(rewrite(catches).report.catchesAll, true);
    assert.deepEqual(await made.run(catches), { code: 3, signal: 0 });
    const own = textModule(`(memory 1) (tag $t) (func (export "_start")
      (try (do (call $exit (i32.const 4))) (catch $t (call $say (i32.const 1))))
      (call $say (i32.const 2)))`);
    assert.equal(rewrite(own).report.catchesAll, false);
    for (let round = 0; round < 3; round++) assert.deepEqual(await made.run(own), { code: 4, signal: 0 });
    assert.deepEqual(said, []);
  });

  it("that a trap or a foreign exception ended are not used again, and the next thread has one", async () => {
    const made = machine({ calls: posixCalls([]) });
    for (let round = 0; round < 3; round++) {
      const trapped = await made.run(textModule(`(memory 1) (func (export "_start") (unreachable))`));
      assert.equal(trapped.signal, SIGABRT);
      const thrown = await made.run(textModule(`(memory 1) (tag $t) (func (export "_start") (throw $t))`));
      assert.equal(thrown.signal, SIGABRT);
      assert.deepEqual(await made.run(textModule(`(memory 1) (func (export "_start"))`)), { code: 0, signal: 0 });
    }
  });

  it("of programs killed before they began are given back", async () => {
    const made = machine({ calls: posixCalls([]) });
    for (let round = 0; round < 20; round++) {
      const process = made.spawn(textModule(`(memory 1) (func (export "_start") (drop (call $forever)))`));
      for (let turn = 0; turn < round % 5; turn++) await Promise.resolve();
      made.kernel.kill(process, SIGKILL);
      assert.equal((await made.ended(process)).signal, SIGKILL);
    }
    while (made.engine.programs > 0) await new Promise(setImmediate);
    assert.deepEqual(made.faults, []);
  });
});
