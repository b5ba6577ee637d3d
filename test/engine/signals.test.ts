import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EINTR } from "../../src/abi/errno.ts";
import {
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESTART,
  SA_SIGINFO,
  SIGALRM,
  SIGCONT,
  SIGKILL,
  SIGSEGV,
  SIGSTOP,
  SIGUSR1,
  SIGUSR2,
} from "../../src/abi/signal.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import type { ExitStatus } from "../../src/kernel/contracts.ts";
import { bytes } from "../kernel/simulated.ts";
import { type Machine, machine } from "./machine.ts";
import { posixCalls, type Said } from "./posix-calls.ts";
import { textModule } from "./text-module.ts";

interface Guest {
  readonly made: Machine;
  readonly said: Said;
  /** What was said, by whoever. */
  readonly values: () => number[];
  readonly run: (body: string, asyncify?: boolean) => Promise<ExitStatus>;
}

function guest(): Guest {
  const said: Said = [];
  const made = machine({ calls: posixCalls(said) });
  return {
    made,
    said,
    values: () => said.map(([, value]) => value),
    run: (body, asyncify) => made.run(textModule(body, asyncify)),
  };
}

const HANDLERS = `
  (memory 1)
  (table 12 funcref)
  (elem (i32.const 1) $say $nap $deep $throws $info $plain $answers $pair $float $wide $many)
  (type $v (func))
  (func $nap (param i32) (drop (call $sleep (i32.const 2))) (call $say (i32.add (local.get 0) (i32.const 100))))
  (func $deep (param i32)
    (call $say (i32.const 1))
    (drop (call $kill (call $getpid) (i32.const ${SIGUSR2})))
    (call $say (i32.const 2)))
  (tag $jump)
  (func $throws (param i32) (throw $jump))
  (func $info (param i32 i32 i32)
    (call $say (i32.load (local.get 1)))
    (call $say (i32.load offset=8 (local.get 1)))
    (call $say (i32.load offset=16 (local.get 1)))
    (call $say (i32.load (local.get 2))))
  (func $plain (call $say (i32.const 77)))
  (func $answers (param i32) (result i32) (call $say (i32.const 78)) (local.get 0))
  (func $pair (param i32 i32) (result i32) (call $say (i32.load (local.get 1))) (i32.const 5))
  (func $float (param f64))
  (func $wide (param i32) (result i64) (i64.const 0))
  (func $many (param i32 i32 i32 i32))
`;
const self = (signal: number): string => `(drop (call $kill (call $getpid) (i32.const ${signal})))`;
const on = (signal: number, handler: number, flags = 0): string =>
  `(drop (call $handle (i32.const ${signal}) (i32.const ${handler}) (i32.const ${flags | 0})))`;

describe("a signal's handler", () => {
  it("runs before the call returns that sent the signal, and the mask is as it was after it", async () => {
    const { run, values, made } = guest();
    const status = await run(`${HANDLERS} (func (export "_start")
      ${on(SIGUSR1, 1)} ${self(SIGUSR1)} (call $say (call $mask)) ${self(SIGUSR1)})`);
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.deepEqual(values(), [SIGUSR1, 0, SIGUSR1]);
    assert.deepEqual(made.faults, []);
  });

  it("runs with SA_ONSTACK and SA_SIGINFO whatever stands where a stack pointer would", async () => {
    for (const global of [
      "v128 (v128.const i64x2 0 0)",
      "f64 (f64.const nan)",
      "i64 (i64.const -1)",
      "funcref (ref.null func)",
    ]) {
      const [type, ...value] = global.split(" ");
      const { run, values, made } = guest();
      const status = await run(`(global $first (mut ${type}) ${value.join(" ")}) ${HANDLERS} (func (export "_start")
        (global.set $first (global.get $first))
        ${on(SIGUSR1, 6, SA_ONSTACK)} ${self(SIGUSR1)}
        ${on(SIGUSR1, 5, SA_SIGINFO)} ${self(SIGUSR1)})`);
      assert.deepEqual(made.faults, [], type);
      assert.equal(values()[0], 77, type);
      assert.ok(status.signal === 0 || status.signal === SIGSEGV, `${type} ${status.message}`);
    }
  });

  it("may block, and nest", async () => {
    const { run, values } = guest();
    await run(`${HANDLERS} (func (export "_start")
      ${on(SIGUSR2, 2)} ${on(SIGUSR1, 3)} ${self(SIGUSR1)} (call $say (call $mask)))`);
    assert.deepEqual(values(), [1, SIGUSR2 + 100, 2, 0]);
  });

  it("leaves its signal blocked when it leaves by an exception, as longjmp does", async () => {
    const { run, values, made } = guest();
    await run(`${HANDLERS} (func (export "_start")
      ${on(SIGUSR1, 4)}
      (block $out (try (do ${self(SIGUSR1)} (call $say (i32.const -1))) (catch $jump (br $out))))
      (call $say (call $mask))
      (drop (call $clear))
      (block $out (try (do ${self(SIGUSR1)} (call $say (i32.const -1))) (catch $jump (br $out))))
      (call $say (i32.const 5)))`);
    assert.deepEqual(values(), [1 << (SIGUSR1 - 1), 5]);
    assert.deepEqual(made.faults, []);
  });

  it("leaves by exceptions 50,000 times without a trace", async () => {
    const { run, made } = guest();
    const status = await run(`${HANDLERS} (func (export "_start") (local $i i32)
      ${on(SIGUSR1, 4, SA_NODEFER)}
      (loop $again
        (block $out (try (do ${self(SIGUSR1)}) (catch $jump (br $out))))
        (drop (call $clear))
        (br_if $again (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50000)))))`);
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.equal(made.engine.programs, 0);
  });

  it("gets siginfo on the guest's stack, which is given back", async () => {
    const { run, values } = guest();
    await run(`(global $sp (mut i32) (i32.const 60000)) ${HANDLERS} (func (export "_start")
      ${on(SIGUSR1, 5, SA_SIGINFO)} ${self(SIGUSR1)} (call $say (global.get $sp)))`);
    assert.deepEqual(values(), [SIGUSR1, 0, 1, 0, 60_000]);
  });

  it("may ignore its parameter", async () => {
    const { run, values } = guest();
    await run(`${HANDLERS} (func (export "_start") ${on(SIGUSR1, 6)} ${self(SIGUSR1)})`);
    assert.deepEqual(values(), [77]);
  });

  it("may answer a number, and know of siginfo alone", async () => {
    const { run, values } = guest();
    await run(`(global $sp (mut i32) (i32.const 60000)) ${HANDLERS} (func (export "_start")
      ${on(SIGUSR1, 7)} ${self(SIGUSR1)} ${on(SIGUSR1, 8, SA_SIGINFO)} ${self(SIGUSR1)} (call $say (global.get $sp)))`);
    assert.deepEqual(values(), [78, SIGUSR1, 60_000]);
  });

  for (const [what, index] of [
    ["that is no function", 0],
    ["off the table", 5000],
    ["below the table", -7],
    ["of a float", 9],
    ["that answers 64 bits", 10],
    ["of four parameters", 11],
  ] as const) {
    it(`kills by SIGSEGV when it is one ${what}`, async () => {
      const { run, made } = guest();
      const status = await run(`${HANDLERS} (func (export "_start") ${on(SIGUSR1, index)} ${self(SIGUSR1)})`);
      assert.equal(status.signal, SIGSEGV);
      assert.deepEqual(made.faults, []);
      assert.equal(made.engine.programs, 0);
    });
  }

  it("overflows its stack at its own cost alone", async () => {
    const { run, made } = guest();
    const status = await run(`(memory 1) (table 2 funcref) (elem (i32.const 1) $again)
      (func $again (param i32) ${self(SIGUSR1)})
      (func (export "_start") ${on(SIGUSR1, 1, SA_NODEFER)} ${self(SIGUSR1)})`);
    assert.equal(status.signal, SIGSEGV);
    assert.deepEqual(made.faults, []);
    assert.equal(made.engine.programs, 0);
  });

  it("runs before a thread goes on that has its answer already, and interrupts no later call", async () => {
    const { made, values } = guest();
    const process = made.spawn(
      textModule(`${HANDLERS} (func (export "_start") ${on(SIGUSR1, 6)}
        (call $say (call $sleep (i32.const 1))) (call $say (call $sleep (i32.const 3))))`),
    );
    const { program } = process;
    assert.ok(program !== undefined);
    const { resume } = program;
    program.resume = (thread, outcome) => {
      program.resume = resume;
      resume.call(program, thread, outcome);
      made.kernel.kill(process, SIGUSR1);
    };
    assert.deepEqual(await made.ended(process), { code: 0, signal: 0 });
    assert.deepEqual(values(), [77, 1, 3]);
    assert.deepEqual(made.faults, []);
  });

  it("interrupts a sleep; the sleeper is told", async () => {
    const { made, values } = guest();
    const process = made.spawn(
      textModule(`${HANDLERS} (func (export "_start") ${on(SIGALRM, 2)} (call $say (call $sleep (i32.const 60000))))`),
    );
    while (process.calls < 2) await new Promise(setImmediate);
    made.kernel.kill(process, SIGALRM);
    await made.ended(process);
    assert.deepEqual(values(), [SIGALRM + 100, 60_000 - EINTR]);
  });

  it("comes before the second try of a wait with SA_RESTART", async () => {
    const { made, values } = guest();
    const parent = made.spawn(
      textModule(`${HANDLERS} (func (export "_start") ${on(SIGUSR1, 1, SA_RESTART)} (call $say (call $wait)))`),
    );
    const module = textModule(`(memory 1) (func (export "_start") (drop (call $forever)))`);
    const image = made.engine.image("child", rewrite(module));
    const child = made.kernel.spawn({ image, argv: [], env: [], cwd: bytes("/") }, { parent });
    assert.ok(typeof child === "object");
    while (parent.calls < 2) await new Promise(setImmediate);
    made.kernel.kill(parent, SIGUSR1);
    while (values().length < 1) await new Promise(setImmediate);
    made.kernel.kill(child, SIGKILL);
    await made.ended(parent);
    assert.deepEqual(values(), [SIGUSR1, SIGKILL * 256]);
  });
});

describe("a stopped program", () => {
  it("stops in the call that stops it, and goes on from there", async () => {
    const { made, values } = guest();
    const process = made.spawn(
      textModule(`(memory 1) (func (export "_start") ${self(SIGSTOP)} (call $say (i32.const 3)))`),
    );
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    assert.deepEqual(values(), []);
    assert.equal(process.stopped, SIGSTOP);
    made.kernel.kill(process, SIGCONT);
    await made.ended(process);
    assert.deepEqual(values(), [3]);
  });
});
