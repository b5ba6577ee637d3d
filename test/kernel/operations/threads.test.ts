import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOSYS, ETIMEDOUT } from "../../../src/abi/errno.ts";
import { FUTEX_OWNER_DIED, FUTEX_WAITERS } from "../../../src/abi/futex.ts";
import { SA_RESTART, SIGUSR1 } from "../../../src/abi/signal.ts";
import { BLOCKED, GONE, RESTART } from "../../../src/kernel/contracts.ts";
import { takeHandler } from "../../../src/kernel/delivery.ts";
import { futexRequeue, futexWait, futexWake } from "../../../src/kernel/operations/futexes.ts";
import { setDisposition } from "../../../src/kernel/operations/signals.ts";
import { exitThread, setClearAddress, spawnThread } from "../../../src/kernel/operations/threads.ts";
import { DISPOSITION_HANDLER, Thread } from "../../../src/kernel/process.ts";
import { type Machine, machine, type Running, spawn } from "../simulated.ts";

interface Threads extends Running {
  readonly made: Machine;
  readonly others: readonly Thread[];
  /** What threads were resumed with, in order. */
  readonly resumed: [tid: number, outcome: number][];
}

function threads(count: number): Threads {
  const made = machine();
  const one = spawn(made);
  const resumed: [number, number][] = [];
  one.program.onResume = (thread, outcome) => resumed.push([thread.tid, outcome]);
  return { ...one, made, resumed, others: Array.from({ length: count }, (_, i) => new Thread(one.process, 101 + i)) };
}

function word({ program }: Running, at: number, value?: number): number {
  if (value !== undefined) program.memory.view.setInt32(at, value, true);
  return program.memory.view.getInt32(at, true) >>> 0;
}

test("a wait ends with a wake, in the order they came, and only while the word is as expected", () => {
  const { thread, others, resumed, made } = threads(3);
  assert.equal(futexWait(thread, 64, 1, -1, Infinity), -EAGAIN);
  assert.equal(futexWait(thread, 65, 0, -1, Infinity), -EINVAL);
  assert.equal(futexWait(thread, 0xffff_fff0, 0, -1, Infinity), -EFAULT);
  assert.equal(futexWait(thread, 64, 0, 0, Infinity), -EINVAL);
  for (const one of others) assert.equal(futexWait(one, 64, 0, -1, Infinity), BLOCKED);
  assert.equal(futexWake(thread, 68, 9, -1), 0);
  assert.equal(futexWake(thread, 64, 2, -1), 2);
  made.host.run(made.kernel);
  assert.deepEqual(resumed, [
    [101, 0],
    [102, 0],
  ]);
  assert.equal(futexWake(thread, 64, 2, -1), 1);
  assert.equal(futexWake(thread, 64, 2, -1), 0);
});

test("bits choose whom a wake reaches", () => {
  const { thread, others, resumed, made } = threads(2);
  others.forEach((one, i) => {
    futexWait(one, 64, 0, 1 << i, Infinity);
  });
  assert.equal(futexWake(thread, 64, 9, 2), 1);
  made.host.run(made.kernel);
  assert.deepEqual(resumed, [[102, 0]]);
});

test("a wait times out, and a woken one does not time out as well", () => {
  const { thread, others, resumed, made } = threads(2);
  for (const one of others) futexWait(one, 64, 0, -1, made.host.now + 100);
  assert.equal(futexWake(thread, 64, 1, -1), 1);
  made.host.advance(made.kernel, 200);
  assert.deepEqual(resumed, [
    [101, 0],
    [102, -ETIMEDOUT],
  ]);
  assert.equal(thread.process.futexes.size, 0);
  assert.equal(made.kernel.scheduler.deadlines, 0);
});

test("waiters are moved to another word", () => {
  const { thread, others, resumed, made } = threads(3);
  for (const one of others) futexWait(one, 64, 0, -1, Infinity);
  assert.equal(futexRequeue(thread, 64, 1, 128, 9, 7), -EAGAIN);
  assert.equal(futexRequeue(thread, 64, 1, 128, 9, 0), 3);
  assert.equal(futexWake(thread, 64, 9, -1), 0);
  assert.equal(futexWake(thread, 128, 1, -1), 1);
  made.host.run(made.kernel);
  assert.deepEqual(
    resumed.map(([tid]) => tid),
    [101, 102],
  );
});

test("a handler ends a wait with EINTR, or it is made again where there is no deadline", () => {
  const one = threads(1);
  const { made, resumed } = one;
  const [other] = one.others;
  assert.ok(other !== undefined);
  one.thread.mask.add(SIGUSR1);
  const action = { handler: 1, flags: SA_RESTART, maskLow: 0, maskHigh: 0 };
  setDisposition(one.thread, SIGUSR1, { kind: DISPOSITION_HANDLER, action });
  for (const [deadline, outcome] of [
    [Infinity, RESTART],
    [made.host.now + 1e9, -EINTR],
  ] as const) {
    assert.equal(futexWait(other, 64, 0, -1, deadline), BLOCKED);
    made.kernel.signal(one.process, SIGUSR1);
    made.host.run(made.kernel);
    assert.deepEqual(resumed.pop(), [101, outcome]);
    other.mask.set(0, 0);
    assert.ok(takeHandler(other) !== undefined);
    other.mask.set(0, 0);
  }
  assert.equal(one.process.futexes.size, 0);
});

test("a thread that ends clears its number, wakes who joins it, and marks the locks it holds", () => {
  const one = threads(1);
  const [other] = one.others;
  assert.ok(other !== undefined);
  word(one, 64, 101);
  setClearAddress(other, 64);
  // A list of two locks, the second not its own, and one it was about to take.
  word(one, 200, 240);
  word(one, 208, 8);
  word(one, 216, 280);
  word(one, 240, 260);
  word(one, 260, 200);
  word(one, 248, FUTEX_WAITERS | 101 | 0);
  word(one, 268, 55);
  word(one, 288, 101);
  other.robustList = 200;
  assert.equal(futexWait(one.thread, 64, 101, -1, Infinity), BLOCKED);
  assert.equal(exitThread(other, 3), GONE);
  one.made.host.run(one.made.kernel);
  assert.deepEqual(one.resumed, [[one.thread.tid, 0]]);
  assert.equal(word(one, 64), 0);
  assert.equal(word(one, 248), (FUTEX_WAITERS | FUTEX_OWNER_DIED) >>> 0);
  assert.equal(word(one, 268), 55);
  assert.equal(word(one, 288), FUTEX_OWNER_DIED);
  assert.equal(exitThread(one.thread, 4), GONE);
  assert.deepEqual(one.process.ending, { code: 4, signal: 0 });
});

test("a robust list that runs in a circle, or out of memory, ends", () => {
  const one = threads(2);
  const [first, second] = one.others;
  assert.ok(first !== undefined && second !== undefined);
  word(one, 200, 240);
  word(one, 240, 240);
  first.robustList = 200;
  assert.equal(exitThread(first, 0), GONE);
  word(one, 200, -4);
  word(one, 216, -8);
  second.robustList = 200;
  second.clearAddress = 0xffff_fffc;
  assert.equal(exitThread(second, 0), GONE);
});

test("threads are ENOSYS where the program cannot have them", () => {
  const one = threads(0);
  assert.equal(spawnThread(one.thread, 0), -ENOSYS);
  assert.equal(one.process.threads.length, 1);
});
