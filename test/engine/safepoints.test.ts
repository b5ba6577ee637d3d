/** Programs that make no call: that others have their turn, that signals reach them, that they end alone. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ENOSYS } from "../../src/abi/errno.ts";
import { SA_NODEFER, SIGCONT, SIGKILL, SIGSEGV, SIGSTOP, SIGTERM, SIGUSR1, SIGUSR2 } from "../../src/abi/signal.ts";
import { ModuleRefused } from "../../src/engine/rewriter/refusal.ts";
import { inspect, rewrite } from "../../src/engine/rewriter/rewrite.ts";
import { FIRST_FUEL } from "../../src/engine/rewriter/safepoints.ts";
import { processorMs } from "../processor-time.ts";
import { type Machine, machine } from "./machine.ts";
import { posixCalls, type Said } from "./posix-calls.ts";
import { textModule } from "./text-module.ts";
import { code, WasmBuilder } from "./wasm-builder.ts";
import { type Table, WebAssembly } from "./web-assembly.ts";

/** Milliseconds of processor time within which the engine must be back. */
const SOON_MS = 1500;

function guest(): { readonly made: Machine; readonly said: Said } {
  const said: Said = [];
  return { made: machine({ calls: posixCalls(said) }), said };
}

/** Each goes on for ever, or for longer than anybody waits. */
const BUSY: Readonly<Record<string, string>> = {
  "an empty loop": `(func (export "_start") (loop (br 0)))`,
  "a loop in a loop": `(func (export "_start") (local i32)
    (loop $out
      (local.set 0 (i32.const 100))
      (loop $in (br_if $in (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (br $out)))`,
  "a loop with a value": `(func (export "_start") (local i32)
    (i32.const 1) (loop (param i32) (result i32) (local.set 0) (local.get 0) (br 0)) (drop))`,
  "a loop that calls a function of short loops": `
    (func $short (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func $mid (loop (call $short (i32.const 30))))
    (func (export "_start") (loop (call $mid) (br 0)))`,
  "short loops in functions called from short loops, eight deep": `
    (func $f0 (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    ${Array.from(
      { length: 8 },
      (_, i) => `(func $f${i + 1} (param i32)
        (loop (call $f${i} (i32.const 400)) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))`,
    ).join("\n")}
    (func (export "_start") (call $f8 (i32.const 400)))`,
  "a recursion without a loop": `
    (func $fib (param i32) (result i32)
      (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
        (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "_start") (drop (call $fib (i32.const 90))))`,
  "functions that call each other twice, sixty deep": `
    (func $t0)
    ${Array.from({ length: 60 }, (_, i) => `(func $t${i + 1} (call $t${i}) (call $t${i}))`).join("\n")}
    (func (export "_start") (call $t60))`,
  "calls through a table that lead back": `
    (type $v (func (param i32)))
    (table 1 funcref) (elem (i32.const 0) $again)
    (func $again (param i32)
      (if (local.get 0) (then
        (call_indirect (type $v) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
        (call_indirect (type $v) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
    (func (export "_start") (call $again (i32.const 80)))`,
  "tail calls": `(func $a (return_call $b)) (func $b (return_call $a)) (func (export "_start") (call $a))`,
  "tail calls through a table": `(type $v (func)) (table 1 funcref) (elem (i32.const 0) $a)
    (func $a (return_call_indirect (type $v) (i32.const 0))) (func (export "_start") (call $a))`,
  "large fills": `(memory 512)
    (func (export "_start") (loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 33554432)) (br 0)))`,
  "large copies": `(memory 512)
    (func (export "_start") (loop (memory.copy (i32.const 0) (i32.const 8) (i32.const 33554400)) (br 0)))`,
  "exceptions it throws and catches": `(tag $t)
    (func (export "_start") (loop $l (try (do (throw $t)) (catch $t (br $l)))))`,
};

describe("a program that makes no call", () => {
  for (const [what, text] of Object.entries(BUSY)) {
    it(`lets others run and ends alone: ${what}`, { timeout: 30_000 }, async () => {
      const { made, said } = guest();
      const busy = made.spawn(textModule(text.includes("(memory") ? text : `(memory 1) ${text}`));
      const other = made.run(
        textModule(`(memory 1) (func (export "_start") (drop (call $sleep (i32.const 5))) (call $say (i32.const 1)))`),
      );
      const start = processorMs();
      assert.deepEqual(await other, { code: 0, signal: 0 });
      assert.equal(busy.status, undefined);
      assert.deepEqual(said.length, 1);
      made.kernel.kill(busy, SIGTERM);
      assert.deepEqual(await made.ended(busy), { code: 0, signal: SIGTERM });
      assert.ok(processorMs() - start < SOON_MS, `${processorMs() - start} ms`);
      assert.deepEqual(made.faults, []);
      assert.equal(made.engine.programs, 0);
    });
  }

  it("ends alone in a handler that is busy as well", { timeout: 20_000 }, async () => {
    const { made, said } = guest();
    const busy = made.spawn(
      textModule(`(memory 1) (table 2 funcref) (elem (i32.const 1) $h) (func $h (param i32) (call $say (i32.const 2)) (loop (br 0)))
        (func (export "_start") (drop (call $handle (i32.const ${SIGUSR1}) (i32.const 1) (i32.const 0)))
          (call $say (i32.const 1)) (loop (br 0)))`),
    );
    while (said.length < 1) await sleep(1);
    made.kernel.kill(busy, SIGUSR1);
    while (said.length < 2) await sleep(1);
    made.kernel.kill(busy, SIGTERM);
    assert.deepEqual(await made.ended(busy), { code: 0, signal: SIGTERM });
  });

  it("is stopped and goes on where it was", { timeout: 20_000 }, async () => {
    const { made, said } = guest();
    const busy = made.spawn(
      textModule(`(memory 1) (func (export "_start") (local i32)
        (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 200000000))))
        (call $say (local.get 0)))`),
    );
    await sleep(20);
    made.kernel.kill(busy, SIGSTOP);
    await sleep(600);
    assert.deepEqual([busy.stopped, said.length], [SIGSTOP, 0]);
    made.kernel.kill(busy, SIGCONT);
    assert.deepEqual(await made.ended(busy), { code: 0, signal: 0 });
    assert.deepEqual(
      said.map(([, value]) => value),
      [200_000_000],
    );
  });

  it("has its handlers run, which may block, nest and leave by an exception", { timeout: 20_000 }, async () => {
    const { made, said } = guest();
    const busy = made.spawn(
      textModule(`(memory 1) (tag $out) (table 4 funcref) (elem (i32.const 1) $once $leave)
        (func $once (param i32)
          (drop (call $sleep (i32.const 2)))
          (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
          (call $say (i32.load (i32.const 64))))
        (func $leave (param i32) (throw $out))
        (func $spin (loop (br 0)))
        (func (export "_start")
          (drop (call $handle (i32.const ${SIGUSR1}) (i32.const 1) (i32.const 0)))
          (drop (call $handle (i32.const ${SIGTERM}) (i32.const 2) (i32.const 0)))
          (call $say (i32.const 100))
          (try (do (call $spin)) (catch $out (call $say (i32.const 200)))))`),
    );
    while (said.length === 0) await sleep(1);
    for (let i = 1; i <= 5; i++) {
      made.kernel.kill(busy, SIGUSR1);
      while (said.length <= i) await sleep(1);
    }
    made.kernel.kill(busy, SIGTERM);
    assert.deepEqual(await made.ended(busy), { code: 0, signal: 0 });
    assert.deepEqual(
      said.map(([, value]) => value),
      [100, 1, 2, 3, 4, 5, 200],
    );
  });

  it("is interrupted as before after a handler left by an exception, again and again", {
    timeout: 20_000,
  }, async () => {
    const { made, said } = guest();
    const busy = made.spawn(
      textModule(`(memory 1) (tag $out) (table 2 funcref) (elem (i32.const 1) $leave)
        (func $leave (param i32) (call $say (i32.const 1)) (throw $out))
        (func $recurse (param i32)
          (if (local.get 0) (then
            (call $recurse (i32.sub (local.get 0) (i32.const 1)))
            (call $recurse (i32.sub (local.get 0) (i32.const 1))))))
        (func $spin (loop (br 0)))
        (func (export "_start")
          (drop (call $handle (i32.const ${SIGUSR1}) (i32.const 1) (i32.const ${SA_NODEFER})))
          (call $say (i32.const 0))
          (try (do (call $recurse (i32.const 60))) (catch $out))
          (try (do (call $spin)) (catch $out))
          (loop $l (try (do (loop (br 0))) (catch $out)) (br $l)))`),
    );
    for (let i = 0; i < 12; i++) {
      while (said.length === i) await sleep(1);
      made.kernel.kill(busy, SIGUSR1);
    }
    while (said.length < 12) await sleep(1);
    made.kernel.kill(busy, SIGKILL);
    assert.deepEqual(await made.ended(busy), { code: 0, signal: SIGKILL });
  });

  it("is interrupted though its instance is one that was killed at a safepoint", { timeout: 20_000 }, async () => {
    const { made } = guest();
    const first = made.spawn(
      textModule(
        `(memory 1) (func (export "_start") (local i32)
          (loop $l
            (local.set 0 (call $fork))
            (if (i32.eqz (local.get 0)) (then (loop (br 0))))
            (drop (call $sleep (i32.const 3)))
            (drop (call $kill (local.get 0) (i32.const ${SIGTERM})))
            (drop (call $wait))
            (call $say (i32.const 1))
            (br $l)))`,
        true,
      ),
    );
    while (made.exits.length < 8) await sleep(10);
    made.kernel.kill(first, SIGKILL);
    await made.ended(first);
    for (const process of made.kernel.processes) made.kernel.kill(process, SIGKILL);
    while (made.kernel.processes.length > 0) await sleep(1);
    assert.deepEqual(made.faults, []);
  });

  it("has no more than its share beside others of its kind", { timeout: 30_000 }, async () => {
    const { made, said } = guest();
    const count = (mark: number): string => `(memory 1) (func (export "_start") (local i32)
      (loop $l
        (local.set 0 (i32.const 3000000))
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (call $say (i32.const ${mark})) (br $l)))`;
    const all = [1, 2, 3].map((mark) => made.spawn(textModule(count(mark))));
    // By their work, not by time: a turn that the host has others have is nobody's share.
    while (said.length < 120) await sleep(20);
    for (const one of all) made.kernel.kill(one, SIGKILL);
    for (const one of all) await made.ended(one);
    const turns = [1, 2, 3].map((mark) => said.filter(([, value]) => value === mark).length);
    assert.ok(Math.min(...turns) * 3 > Math.max(...turns), `${turns}`);
  });

  for (const built of ["", '(func (export "linden_fork_in_handlers"))']) {
    it(`cannot fork in a handler${built && ", however it was built"}: it is told, and goes on`, {
      timeout: 20_000,
    }, async () => {
      const { made, said } = guest();
      const busy = made.spawn(
        textModule(
          `(memory 1) (table 3 funcref) (elem (i32.const 1) $forks $inner) ${built}
          (func $inner (param i32) (call $say (call $fork)))
          (func $forks (param i32)
            (call $say (call $fork))
            (drop (call $handle (i32.const ${SIGUSR2}) (i32.const 2) (i32.const 0)))
            (call $say (i32.add (i32.const 30) (call $kill (call $getpid) (i32.const ${SIGUSR2}))))
            (i32.store (i32.const 64) (i32.const 1)))
          (func (export "_start")
            (drop (call $handle (i32.const ${SIGUSR1}) (i32.const 1) (i32.const 0)))
            (call $say (i32.const 100))
            (loop (br_if 0 (i32.eqz (i32.load (i32.const 64)))))
            (if (i32.eqz (call $fork)) (then (call $exit (i32.const 6)) (unreachable)))
            (drop (call $wait))
            (call $say (i32.const 200)))`,
          true,
        ),
      );
      while (said.length === 0) await sleep(1);
      made.kernel.kill(busy, SIGUSR1);
      assert.deepEqual(await made.ended(busy), { code: 0, signal: 0 });
      assert.deepEqual(
        said.map(([, value]) => value),
        [100, -ENOSYS, -ENOSYS, 30, 200],
      );
      assert.deepEqual(made.faults, []);
    });
  }

  it("forks with its stack deep in loops, and both go on", { timeout: 20_000 }, async () => {
    const { made, said } = guest();
    const status = await made.run(
      textModule(
        `(memory 1)
        (func $work (param $n i32) (result i32) (local $i i32)
          (local.set $i (i32.const 3000))
          (loop $l
            (if (i32.eq (local.get $i) (i32.const 1500))
              (then (local.set $n (select (i32.const 1) (i32.const 0) (call $fork)))))
            (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
          (local.get $n))
        (func (export "_start")
          (if (call $work (i32.const 7)) (then (drop (call $wait)) (call $say (i32.const 1))) (else (call $say (i32.const 2)))))`,
        true,
      ),
    );
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.deepEqual(
      said.map(([, value]) => value),
      [2, 1],
    );
  });

  it("dies of it when it works on while its stack is to come down", { timeout: 30_000 }, async () => {
    const { made } = guest();
    // Exports that say they take the stack down, and a stack that stays.
    const busy = await made.run(
      textModule(`(memory 4)
        (func (export "asyncify_start_unwind") (param i32)) (func (export "asyncify_stop_unwind"))
        (func (export "asyncify_start_rewind") (param i32)) (func (export "asyncify_stop_rewind"))
        (func (export "_start") (drop (call $fork)) (loop (br 0)))`),
    );
    assert.equal(busy.signal, SIGSEGV);
    assert.deepEqual(made.faults, []);
    assert.equal(made.engine.programs, 0);
  });

  it("is as fast to end when a thousand of it have ended before", { timeout: 60_000 }, async () => {
    const { made } = guest();
    const module = textModule(`(memory 1) (func (export "_start") (loop (br 0)))`);
    for (let round = 0; round < 20; round++) {
      const many = Array.from({ length: 50 }, () => made.spawn(module));
      await sleep(1);
      for (const one of many) made.kernel.kill(one, SIGKILL);
      for (const one of many) await made.ended(one);
    }
    assert.equal(made.engine.programs, 0);
    assert.deepEqual(made.faults, []);
  });
});

describe("safepoints in a module", () => {
  it("move no index and stay out of the report", () => {
    const builder = new WasmBuilder().memory(1).table(2);
    builder.func("i>i", [[0x03, 0x40], code.get(0), code.brIf(0), [0x0b], code.get(0)], "f");
    const { bytes, report } = rewrite(builder.build());
    assert.equal(report.functions, 1);
    assert.equal(report.hasSafepoints, true);
    assert.deepEqual(inspect(bytes), { ...report, mutatesTables: true, dropsSegments: true, catchesAll: true });
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { linden: { memory } });
    assert.equal((exports["linden:safepoint"] as Table).length, 1);
    assert.equal((exports.f as (value: number) => number)(0), 0);
  });

  it("cannot be reached by the guest: its own indexes end before them", () => {
    const global = new WasmBuilder().memory(1);
    global.func(">", [code.i32(9), [0x24, 0]], "_start");
    assert.throws(() => rewrite(global.build()), /global index 0 of 0/);
    const table = new WasmBuilder().memory(1);
    table.func(">", [code.i32(0), code.callIndirect(0)], "_start");
    assert.throws(() => rewrite(table.build()), /table index 0 of 0/);
    const call = new WasmBuilder().memory(1);
    call.func(">", [code.call(1)], "_start");
    assert.throws(() => rewrite(call.build()), /function index 1 of 1/);
    const name = new WasmBuilder().memory(1).table(1).export("linden:safepoint", 1, 0);
    assert.throws(() => rewrite(name.build()), /reserved/);
  });

  it("come after FIRST_FUEL calls at the latest, and take what fuel they are answered", () => {
    const builder = new WasmBuilder().memory(1);
    const self = builder.func(
      "i>i",
      [code.get(0), [0x04, 0x7f], code.get(0), code.i32(1), code.sub, code.call(0), [0x05], code.i32(5), [0x0b]],
      "f",
    );
    assert.equal(self, 0);
    const { bytes } = rewrite(builder.build());
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { linden: { memory } });
    const f = exports.f as (value: number) => number;
    assert.equal(f(FIRST_FUEL - 2), 5);
    // The engine has put nothing into the table yet.
    assert.throws(() => f(1), /null function|signature/);
  });
});

describe("a module built to make safepoints dear", () => {
  it("is rewritten in a moment and no more than ten times its size, whatever its calls and loops", {
    timeout: 60_000,
  }, () => {
    const calls = new WasmBuilder().memory(1);
    const many = new Array<number[]>(400_000).fill(code.call(0)).flat();
    for (let i = 0; i < 8; i++) calls.func(">", [many]);
    const loops = new WasmBuilder().memory(1);
    loops.func(">", [new Array<number[]>(400_000).fill(code.loop()).flat()]);
    for (const module of [calls.build(), loops.build()]) {
      const before = processorMs();
      let bytes = 0;
      try {
        bytes = rewrite(module).bytes.length;
      } catch (error) {
        assert.ok(error instanceof ModuleRefused);
      }
      assert.ok(processorMs() - before < 5000);
      assert.ok(bytes < module.length * 10, `${bytes} of ${module.length}`);
    }
  });

  it("has a chain of 50,000 calls walked without recursion, and a circle at its end found", {
    timeout: 60_000,
  }, async () => {
    const chain = new WasmBuilder().memory(1);
    for (let i = 0; i < 50_000; i++) chain.func(">", [code.call((i + 1) % 50_000)], i === 0 ? "_start" : undefined);
    const { bytes } = rewrite(chain.build());
    assert.ok(WebAssembly.validate(bytes));
  });
});
