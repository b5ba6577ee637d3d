import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EAGAIN, ENOSYS } from "../../src/abi/errno.ts";
import { SIGABRT, SIGCHLD, SIGKILL, SIGSEGV, SIGUSR1 } from "../../src/abi/signal.ts";
import type { ExitStatus } from "../../src/kernel/contracts.ts";
import { type Machine, machine } from "./machine.ts";
import { posixCalls, type Said } from "./posix-calls.ts";
import { textModule } from "./text-module.ts";

interface Guest {
  readonly made: Machine;
  readonly said: Said;
  readonly values: () => number[];
  readonly run: (body: string) => Promise<ExitStatus>;
}

function guest(processes?: number): Guest {
  const said: Said = [];
  const made = machine({ calls: posixCalls(said), ...(processes === undefined ? {} : { processes }) });
  return {
    made,
    said,
    values: () => said.map(([, value]) => value),
    run: (body) => made.run(textModule(body, true)),
  };
}

/** Nothing is left, nothing of ours went wrong. */
function clean({ made }: Guest): void {
  assert.deepEqual(made.faults, []);
  assert.equal(made.engine.programs, 0);
  assert.equal(made.kernel.processes.length, 0);
}

const exit = (code: string): string => `(call $exit ${code}) (unreachable)`;

describe("fork", () => {
  it("answers twice, and each process has its own memory, locals and globals", async () => {
    const one = guest();
    const status = await one.run(`(memory 1) (global $g (mut i32) (i32.const 5))
      (func $work (param $depth i32) (result i32) (local $pid i32) (local $kept i64)
        (if (local.get $depth) (then (return (i32.add (i32.const 1) (call $work (i32.sub (local.get $depth) (i32.const 1)))))))
        (local.set $kept (i64.const 0x123456789abcdef0))
        (i32.store (i32.const 1000) (i32.const 11))
        (global.set $g (i32.const 6))
        (local.set $pid (call $fork))
        (if (local.get $pid) (then
          (call $say (i32.eqz (call $wait)))
          (call $say (i32.load (i32.const 1000)))
          (call $say (global.get $g)))
        (else
          (i32.store (i32.const 1000) (i32.const 12))
          (global.set $g (i32.const 7))))
        (call $say (i32.wrap_i64 (i64.shr_u (local.get $kept) (i64.const 32))))
        (local.get $pid))
      (func (export "_start") (if (i32.eqz (i32.sub (call $work (i32.const 4)) (i32.const 4))) (then ${exit("(i32.const 0)")})) ${exit("(i32.const 3)")})`);
    assert.deepEqual(status, { code: 3, signal: 0 });
    assert.deepEqual(one.said, [
      [2, 0x12345678],
      [1, 1],
      [1, 11],
      [1, 6],
      [1, 0x12345678],
    ]);
    clean(one);
  });

  it("carries 64-bit results", async () => {
    const one = guest();
    await one.run(`(memory 1) (func (export "_start")
      (if (i64.eqz (call $fork64)) (then (call $say (i32.const 1))) (else (drop (call $wait)) (call $say (i32.const 2)))))`);
    assert.deepEqual(one.values(), [1, 2]);
    clean(one);
  });

  it("forks in children, and again and again", async () => {
    const one = guest();
    const status = await one.run(`(memory 1) (func (export "_start") (local $i i32)
      (drop (call $fork)) (drop (call $fork)) (drop (call $fork))
      (call $say (i32.const 1))
      (loop $each (br_if $each (i32.ge_s (call $wait) (i32.const 0)))))`);
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.equal(one.values().length, 8);
    clean(one);
  });

  it("10,000 times in a row leaves nothing", { timeout: 60_000 }, async () => {
    const one = guest();
    const status = await one.run(`(memory 1) (func (export "_start") (local $i i32)
      (loop $again
        (if (i32.eqz (call $fork)) (then ${exit("(i32.const 1)")}))
        (if (i32.ne (call $wait) (i32.const 1)) (then (unreachable)))
        (br_if $again (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10000)))))`);
    assert.deepEqual(status, { code: 0, signal: 0 });
    clean(one);
  });

  it("answers EAGAIN at the limit, and all that live can be killed", { timeout: 300_000 }, async () => {
    const one = guest();
    const status = await one.run(`(memory 1) (func (export "_start") (local $pid i32) (local $count i32)
      (block $full (loop $again
        (local.set $pid (call $fork))
        (if (i32.eqz (local.get $pid)) (then (drop (call $forever))))
        (br_if $full (i32.lt_s (local.get $pid) (i32.const 0)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $again)))
      (call $say (local.get $pid))
      (call $say (local.get $count))
      (drop (call $kill (i32.const -1) (i32.const ${SIGKILL})))
      (loop $each (br_if $each (i32.ge_s (call $wait) (i32.const 0)))))`);
    assert.deepEqual(status, { code: 0, signal: 0 });
    // 4,096 control slots, one for the parent.
    assert.deepEqual(one.values(), [-EAGAIN, 4095]);
    clean(one);
  });

  it("is ENOSYS where the stack cannot be taken down, or a table changes", async () => {
    const plain = guest();
    await plain.made.run(textModule(`(memory 1) (func (export "_start") (call $say (call $fork)))`));
    assert.deepEqual(plain.values(), [-ENOSYS]);
    const table = guest();
    await table.run(`(memory 1) (table 2 funcref) (elem declare func $f) (func $f)
      (func (export "_start") (table.set (i32.const 0) (ref.func $f)) (call $say (call $fork)))`);
    assert.deepEqual(table.values(), [-ENOSYS]);
    clean(table);
  });

  it("works in a signal's handler, to the bottom of both stacks", async () => {
    const one = guest();
    const status = await one.run(`(memory 1) (table 2 funcref) (elem (i32.const 1) $h)
      (func (export "linden_fork_in_handlers"))
      (global $child (mut i32) (i32.const 0))
      (func $h (param i32)
        (local $pid i32)
        (local.set $pid (call $fork))
        (call $say (i32.eqz (local.get $pid)))
        (global.set $child (i32.eqz (local.get $pid)))
        (if (local.get $pid) (then (drop (call $wait)))))
      (func (export "_start")
        (drop (call $handle (i32.const ${SIGUSR1}) (i32.const 1) (i32.const 0)))
        (call $say (i32.add (i32.const 10) (call $kill (call $getpid) (i32.const ${SIGUSR1}))))
        (call $say (call $mask))
        (call $say (i32.add (i32.const 20) (global.get $child)))
        (drop (call $fork))
        (drop (call $wait)))`);
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.deepEqual(one.values(), [0, 1, 10, 0, 21, 10, 0, 20]);
    clean(one);
  });

  it("is ENOSYS in a handler of a program that was not built for it, and the handler goes on", async () => {
    const one = guest();
    const status = await one.run(`(memory 1) (table 3 funcref) (elem (i32.const 1) $h $inner)
      (func $h (param i32)
        (call $say (call $fork))
        (drop (call $handle (i32.const ${SIGCHLD}) (i32.const 2) (i32.const 0)))
        (call $say (i32.add (i32.const 30) (call $kill (call $getpid) (i32.const ${SIGCHLD})))))
      (func $inner (param i32) (call $say (call $fork)) (call $say (local.get 0)))
      (func (export "_start")
        (drop (call $handle (i32.const ${SIGUSR1}) (i32.const 1) (i32.const 0)))
        (call $say (i32.add (i32.const 10) (call $kill (call $getpid) (i32.const ${SIGUSR1}))))
        (call $say (call $mask))
        (if (i32.eqz (call $fork)) (then ${exit("(i32.const 6)")}))
        (drop (call $wait))
        (call $say (call $wait)))`);
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.deepEqual(one.values().slice(0, 6), [-ENOSYS, -ENOSYS, SIGCHLD, 30, 10, 0]);
    clean(one);
  });

  it("leaves a killed child's end to its parent, and SIGCHLD to its handler", async () => {
    const one = guest();
    await one.run(`(memory 1) (table 2 funcref) (elem (i32.const 1) $say)
      (func (export "_start")
        (local $pid i32)
        (drop (call $handle (i32.const ${SIGCHLD}) (i32.const 1) (i32.const 0)))
        (local.set $pid (call $fork))
        (if (i32.eqz (local.get $pid)) (then (drop (call $forever))))
        (drop (call $kill (local.get $pid) (i32.const ${SIGKILL})))
        (drop (call $wait)) (call $say (call $wait)))`);
    assert.equal(one.values()[0], SIGCHLD);
    clean(one);
  });
});

/** A module that says it can fork, with bodies of its own for what asyncify would have put there. */
function forged(
  start: string,
  bodies: { unwind?: string; stop?: string; rewind?: string; end?: string } = {},
): Uint8Array<ArrayBuffer> {
  return textModule(`(memory 1) (global $n (mut i32) (i32.const 0))
    (func $again (call $again))
    (func (export "asyncify_get_state") (result i32) (i32.const 1))
    (func (export "asyncify_start_unwind") (param i32) ${bodies.unwind ?? ""})
    (func (export "asyncify_stop_unwind") ${bodies.stop ?? ""})
    (func (export "asyncify_start_rewind") (param i32) ${bodies.rewind ?? ""})
    (func (export "asyncify_stop_rewind") ${bodies.end ?? ""})
    (func (export "_start") ${start})`);
}

describe("a module that lies about asyncify", () => {
  const lies: [string, Uint8Array<ArrayBuffer>, number][] = [
    ["goes on after fork", forged(`(drop (call $fork)) (call $say (i32.const 1))`), SIGKILL],
    [
      "never comes back from its fork",
      forged(`(if (global.get $n) (then (return))) (global.set $n (i32.const 1)) (drop (call $fork))`),
      SIGSEGV,
    ],
    [
      "calls something else instead",
      forged(`(if (global.get $n) (then (call $say (i32.const 1)))) (global.set $n (i32.const 1)) (drop (call $fork))`),
      SIGSEGV,
    ],
    [
      "calls from the start of unwinding",
      forged(`(drop (call $fork))`, { unwind: "(call $say (i32.const 1))" }),
      SIGKILL,
    ],
    ["forks from the start of unwinding", forged(`(drop (call $fork))`, { unwind: "(drop (call $fork))" }), SIGKILL],
    ["calls from the end of unwinding", forged(`(drop (call $fork))`, { stop: "(call $say (i32.const 1))" }), SIGKILL],
    [
      "calls from the start of rewinding",
      forged(`(drop (call $fork))`, { rewind: "(call $say (i32.const 1))" }),
      SIGSEGV,
    ],
    ["traps while it unwinds", forged(`(drop (call $fork))`, { stop: "(unreachable)" }), SIGABRT],
    ["overflows in its unwinding", forged(`(drop (call $fork))`, { unwind: "(call $again)" }), SIGSEGV],
    ["says it is unwinding and is not", forged(`(drop (call $nothing))`), 0],
  ];
  for (const [what, module, signal] of lies) {
    it(`harms itself alone when it ${what}`, async () => {
      const one = guest();
      const process = one.made.spawn(module);
      const status = await one.made.ended(process);
      while (one.made.engine.programs > 0) await new Promise(setImmediate);
      assert.equal(status.signal, signal, status.message ?? "");
      assert.deepEqual(one.values(), []);
      clean(one);
    });
  }

  it("gets one child for each fork it asks for, whatever its state says", async () => {
    const one = guest();
    const body = `(if (i32.eqz (global.get $n)) (then (global.set $n (i32.const 1)) (drop (call $fork)) (return)))
      (call $say (call $fork))`;
    await one.made.run(forged(body));
    while (one.made.engine.programs > 0) await new Promise(setImmediate);
    assert.equal(one.values().length, 2);
    clean(one);
  });

  it("may scribble on its unwind buffer at any word: what comes of it, it suffers alone", {
    timeout: 60_000,
  }, async () => {
    for (let word = 0; word < 24; word++) {
      const one = guest();
      // Asyncify's own frames, and a second process that scribbles on what it will need at its next fork.
      await one.run(`(memory 1) (func $in (result i32) (call $fork))
        (func (export "_start") (local $i i32)
          (drop (call $in))
          (i32.store (i32.const ${65_536 + word * 4}) (i32.const -1))
          (drop (call $in))
          (loop $each (br_if $each (i32.ge_s (call $wait) (i32.const 0)))))`);
      while (one.made.engine.programs > 0) await new Promise(setImmediate);
      assert.deepEqual(one.made.faults, []);
    }
  });

  it("may be killed at any moment of its fork", { timeout: 60_000 }, async () => {
    const module = textModule(
      `(memory 1) (func (export "_start") (loop $again (if (i32.eqz (call $fork)) (then (return))) (br $again)))`,
      true,
    );
    for (let turns = 0; turns < 40; turns++) {
      const one = guest();
      const process = one.made.spawn(module);
      await new Promise(setImmediate);
      for (let i = 0; i < turns; i++) await Promise.resolve();
      one.made.kernel.kill(process, SIGKILL);
      assert.equal((await one.made.ended(process)).signal, SIGKILL);
      while (one.made.engine.programs > 0) await new Promise(setImmediate);
      clean(one);
    }
  });
});
