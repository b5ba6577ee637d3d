import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EAGAIN, ENOSYS } from "../../src/abi/errno.ts";
import { SIGKILL, SIGSEGV, SIGUSR1 } from "../../src/abi/signal.ts";
import { THREADS } from "../../src/limits.ts";
import { type Machine, machine } from "./machine.ts";
import { posixCalls, type Said } from "./posix-calls.ts";
import { textModule } from "./text-module.ts";

interface Guest {
  readonly made: Machine;
  readonly values: () => number[];
}

function guest(): Guest {
  const said: Said = [];
  const made = machine({ calls: posixCalls(said) });
  return { made, values: () => said.map(([, value]) => value) };
}

function clean({ made }: Guest): void {
  assert.deepEqual(made.faults, []);
  assert.equal(made.engine.programs, 0);
  assert.equal(made.kernel.processes.length, 0);
}

/** `body` of a thread gets $tid and $argument; `main` is _start. */
function threads(body: string, main: string, more = "", asyncify = false): Uint8Array<ArrayBuffer> {
  return textModule(
    `(memory 1) (global $own (mut i32) (i32.const 0)) ${more}
    (func (export "__wasm_thread_start_libc") (param $tid i32) (param $argument i32) ${body})
    (func (export "_start") (local $i i32) ${main})`,
    asyncify,
  );
}

/** Wait until the word at 64 is zero. */
const join = `(block $joined (loop $w
  (br_if $joined (i32.eqz (i32.load (i32.const 64))))
  (drop (call $futexWait (i32.const 64) (i32.load (i32.const 64))))
  (br $w)))`;

describe("threads", () => {
  it("share memory and have globals of their own; a join waits for the cleared number", async () => {
    const one = guest();
    const status = await one.made.run(
      threads(
        `(drop (call $clearAt (i32.const 64)))
         (call $say (i32.eq (call $gettid) (local.get $tid)))
         (call $say (global.get $own))
         (i32.store (i32.const 100) (local.get $argument))
         (global.set $own (i32.const 9))
         (drop (call $sleep (i32.const 3)))
         (call $endThread (i32.const 0)) (unreachable)`,
        `(global.set $own (i32.const 5))
         (i32.store (i32.const 64) (call $thread (i32.const 77)))
         ${join}
         (call $say (i32.load (i32.const 100)))
         (call $say (global.get $own))`,
      ),
    );
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.deepEqual(one.values(), [1, 0, 77, 5]);
    clean(one);
  });

  it("end with their function, and the process with its first thread's, whoever still waits", async () => {
    const one = guest();
    const status = await one.made.run(
      threads(
        `(if (local.get $argument) (then (drop (call $forever)) (call $say (i32.const -1))))`,
        `(drop (call $thread (i32.const 0))) (drop (call $thread (i32.const 1))) (drop (call $sleep (i32.const 5)))`,
      ),
    );
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.deepEqual(one.values(), []);
    clean(one);
  });

  it("outlive the first one where it ends alone; the last one's code counts", async () => {
    const one = guest();
    const status = await one.made.run(
      threads(
        `(drop (call $sleep (i32.const 5))) (call $say (i32.const 1)) (call $endThread (i32.const 6)) (unreachable)`,
        `(drop (call $thread (i32.const 0))) (call $endThread (i32.const 3)) (unreachable)`,
      ),
    );
    assert.deepEqual(status, { code: 6, signal: 0 });
    assert.deepEqual(one.values(), [1]);
    clean(one);
  });

  it("die together when one traps, or the process is killed", async () => {
    const one = guest();
    const wild = await one.made.run(
      threads(`(i32.store (i32.const -4) (i32.const 1))`, `(drop (call $thread (i32.const 0))) (drop (call $forever))`),
    );
    assert.equal(wild.signal, SIGSEGV);
    const process = one.made.spawn(
      threads(
        `(drop (call $forever))`,
        `(loop $a (drop (call $thread (i32.const 0))) (br_if $a (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50)))) (drop (call $forever))`,
      ),
    );
    while (process.threads.length < 51) await new Promise(setImmediate);
    one.made.kernel.kill(process, SIGKILL);
    assert.equal((await one.made.ended(process)).signal, SIGKILL);
    clean(one);
  });

  it("pass a word back and forth by futex 2,000 times", async () => {
    const one = guest();
    const turn = (mine: number, other: number): string => `
      (loop $again
        (loop $w (if (i32.ne (i32.load (i32.const 0)) (i32.const ${mine})) (then
          (drop (call $futexWait (i32.const 0) (i32.const ${other}))) (br $w))))
        (i32.store (i32.const 0) (i32.const ${other}))
        (drop (call $futexWake (i32.const 0) (i32.const 1)))
        (i32.store (i32.const ${8 + mine * 4}) (i32.add (i32.load (i32.const ${8 + mine * 4})) (i32.const 1)))
        (br_if $again (i32.lt_s (i32.load (i32.const ${8 + mine * 4})) (i32.const 1000))))`;
    const status = await one.made.run(
      threads(
        turn(1, 0),
        `(drop (call $thread (i32.const 0))) ${turn(0, 1)}
        (call $say (i32.load (i32.const 8)))`,
      ),
    );
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.deepEqual(one.values(), [1000]);
    clean(one);
  });

  it("are limited, and 5,000 in a row leave nothing", async () => {
    const one = guest();
    const many = await one.made.run(
      threads(
        `(drop (call $forever))`,
        `(loop $a (local.set $i (call $thread (i32.const 0))) (br_if $a (i32.gt_s (local.get $i) (i32.const 0)))) (call $say (local.get $i))`,
      ),
    );
    assert.equal(many.signal, 0);
    assert.deepEqual(one.values(), [-EAGAIN]);
    assert.ok(THREADS <= 4096);
    const row = await one.made.run(
      threads(
        `(drop (call $clearAt (i32.const 64)))`,
        `(loop $a (i32.store (i32.const 64) (call $thread (i32.const 0))) ${join}
          (br_if $a (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))`,
      ),
    );
    assert.deepEqual(row, { code: 0, signal: 0 });
    clean(one);
  });

  it("are ENOSYS for a program without the export they are entered by", async () => {
    const one = guest();
    await one.made.run(textModule(`(memory 1) (func (export "_start") (call $say (call $thread (i32.const 0))))`));
    assert.deepEqual(one.values(), [-ENOSYS]);
    clean(one);
  });

  it("fork: the child has the thread that forked, alone", async () => {
    const one = guest();
    const status = await one.made.run(
      threads(
        `(local $pid i32) (local.set $pid (call $fork))
         (if (local.get $pid)
           (then (call $say (call $wait)))
           (else (call $say (local.get $argument)) (call $exit (i32.const 8)) (unreachable)))
         (call $exit (i32.const 3)) (unreachable)`,
        `(drop (call $thread (i32.const 5))) (drop (call $forever)) (call $say (i32.const -1))`,
        "",
        true,
      ),
    );
    assert.deepEqual(status, { code: 3, signal: 0 });
    assert.deepEqual(one.values(), [5, 8]);
    clean(one);
  });

  it("cannot fork at the same time: the second is told EAGAIN", async () => {
    const one = guest();
    const forks = `(local $pid i32) (local.set $pid (call $fork))
      (if (i32.eqz (local.get $pid)) (then (call $exit (i32.const 0)) (unreachable)))
      (call $say (i32.lt_s (local.get $pid) (i32.const 0)))`;
    await one.made.run(
      threads(
        forks,
        `(drop (call $thread (i32.const 0))) (drop (call $thread (i32.const 0))) (drop (call $sleep (i32.const 30)))`,
        "",
        true,
      ),
    );
    assert.equal(one.values().length, 2);
    assert.ok(one.values().includes(0));
    while (one.made.engine.programs > 0) await new Promise(setImmediate);
    assert.deepEqual(one.made.faults, []);
  });

  it("take a process's signal where it is not blocked", async () => {
    const one = guest();
    await one.made.run(
      threads(
        `(drop (call $unblock (i32.const ${SIGUSR1}))) (drop (call $sleep (i32.const 2000))) (call $say (call $gettid)) (call $exit (i32.const 0)) (unreachable)`,
        `(drop (call $handle (i32.const ${SIGUSR1}) (i32.const 1) (i32.const 0)))
         (drop (call $block (i32.const ${SIGUSR1})))
         (drop (call $thread (i32.const 0)))
         (drop (call $sleep (i32.const 5)))
         (drop (call $kill (call $getpid) (i32.const ${SIGUSR1})))
         (drop (call $forever))`,
        `(table 2 funcref) (elem (i32.const 1) $say)`,
      ),
    );
    assert.equal(one.values()[0], SIGUSR1);
    assert.equal(one.values().length, 2);
    clean(one);
  });
});
