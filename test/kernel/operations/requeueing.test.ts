import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EDEADLOCK, EFAULT, EINVAL, ESRCH, ETIMEDOUT } from "../../../src/abi/errno.ts";
import { FUTEX_WAITERS } from "../../../src/abi/futex.ts";
import { BLOCKED } from "../../../src/kernel/contracts.ts";
import { futexLock, futexUnlock, futexWake } from "../../../src/kernel/operations/futexes.ts";
import { futexRequeueOwned, futexWaitRequeue } from "../../../src/kernel/operations/requeueing.ts";
import { exitThread } from "../../../src/kernel/operations/threads.ts";
import type { Process } from "../../../src/kernel/process.ts";
import { type GrowingProgram, PAGE, SharedWorld } from "../shared-world.ts";
import { MEMORY } from "../simulated.ts";
import { threads, WORD } from "./three-threads.ts";

const LOCK = 512;

function resumed(process: Process | undefined): readonly number[] {
  assert.ok(process !== undefined);
  return (process.program as GrowingProgram).resumed;
}

test("who waits for a word goes on as the futex's owner, one after the other", () => {
  const { a, b, c, ended, run, word, process } = threads();
  for (const one of [b, c]) assert.equal(futexWaitRequeue(one, WORD, 0, LOCK, Infinity), BLOCKED);
  assert.equal(futexWake(a, WORD, 9, -1), -EINVAL);
  assert.equal(futexRequeueOwned(a, WORD, LOCK, 9, 0), 2);
  run();
  assert.deepEqual(ended, [[b.tid, 0]]);
  assert.equal(word(LOCK), b.tid | FUTEX_WAITERS);
  assert.equal(futexUnlock(b, LOCK), 0);
  run();
  assert.deepEqual(ended[1], [c.tid, 0]);
  assert.equal(futexUnlock(c, LOCK), 0);
  assert.deepEqual([word(LOCK), process.futexes.size, process.ownedFutexes.size], [0, 0, 0]);
});

test("forged words and places harm nobody", () => {
  const { a, b, c, put, process, run, ended } = threads();
  for (const at of [MEMORY - 2, MEMORY, 0xffff_fffc]) {
    assert.ok([-EFAULT, -EINVAL].includes(futexWaitRequeue(a, at, 0, LOCK, Infinity)));
    assert.ok([-EFAULT, -EINVAL].includes(futexWaitRequeue(a, WORD, 0, at, Infinity)));
    assert.ok([-EFAULT, -EINVAL].includes(futexRequeueOwned(a, WORD, at, 1, 0)));
  }
  assert.equal(futexWaitRequeue(b, WORD, 0, LOCK, Infinity), BLOCKED);
  put(999, LOCK);
  assert.equal(futexRequeueOwned(a, WORD, LOCK, 1, 0), -ESRCH);
  put(b.tid, LOCK);
  assert.equal(futexRequeueOwned(a, WORD, LOCK, 1, 0), -EDEADLOCK);
  // Around a corner: the owner waits for what b has.
  put(b.tid, LOCK + 4);
  assert.equal(futexLock(c, LOCK + 4, Infinity, true), BLOCKED);
  put(c.tid, LOCK);
  assert.equal(futexRequeueOwned(a, WORD, LOCK, 1, 0), -EDEADLOCK);
  put(a.tid, LOCK);
  assert.equal(futexRequeueOwned(a, WORD, LOCK, 0x7fff_ffff, 0), 1);
  assert.deepEqual([process.futexes.size, process.ownedFutexes.size], [0, 2]);
  // The owner ends: whoever comes next has the futex.
  exitThread(a, 0);
  run();
  assert.deepEqual(ended, [[b.tid, 0]]);
});

test("a wait that is over leaves nothing behind, before the move and after it", () => {
  const { made, a, b, c, ended, process } = threads();
  const { host, kernel } = made;
  assert.equal(futexLock(a, LOCK, Infinity, true), 0);
  for (const one of [b, c]) assert.equal(futexWaitRequeue(one, WORD, 0, LOCK, host.now + 1000), BLOCKED);
  assert.equal(futexRequeueOwned(a, WORD, LOCK, 0, 0), 1);
  host.advance(kernel, 2000);
  assert.deepEqual(ended, [
    [b.tid, -ETIMEDOUT],
    [c.tid, -ETIMEDOUT],
  ]);
  assert.deepEqual([process.futexes.size, process.ownedFutexes.size], [0, 0]);
  assert.equal(futexWaitRequeue(b, WORD, 1, LOCK, Infinity), -EAGAIN);
});

test("who waits to be moved, and who was moved, come back from a snapshot", () => {
  const world = new SharedWorld();
  const one = world.process();
  const at = world.map(one, -1, PAGE);
  const [two, three] = [world.fork(one), world.fork(one)];
  world.as(one, (thread) => assert.equal(futexLock(thread, at, Infinity, true), 0));
  for (const process of [two, three]) {
    world.as(process, (thread) => assert.equal(futexWaitRequeue(thread, at + 8, 0, at, Infinity), BLOCKED));
  }
  world.as(one, (thread) => assert.equal(futexRequeueOwned(thread, at + 8, at, 0, 0), 1));
  const copy = world.restored().restored();
  const [a, b, c] = [one, two, three].map(({ pid }) => copy.kernel.process(pid));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  copy.as(a, (thread) => assert.equal(futexUnlock(thread, at), 0));
  assert.deepEqual([resumed(b), resumed(c)], [[0], []]);
  copy.as(a, (thread) => assert.equal(futexRequeueOwned(thread, at + 8, at, 5, 0), 1));
  copy.as(b, (thread) => assert.equal(futexUnlock(thread, at), 0));
  assert.deepEqual(resumed(c), [0]);
});
