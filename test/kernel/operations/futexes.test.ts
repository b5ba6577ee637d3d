import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EDEADLOCK, EFAULT, EINVAL, ENOMEM, EPERM, ESRCH, ETIMEDOUT } from "../../../src/abi/errno.ts";
import { FUTEX_OWNER_DIED, FUTEX_WAITERS } from "../../../src/abi/futex.ts";
import { SIGKILL, SIGUSR1 } from "../../../src/abi/signal.ts";
import { BLOCKED, RESTART } from "../../../src/kernel/contracts.ts";
import { futexLock, futexUnlock, futexWait, futexWaitAny, futexWake } from "../../../src/kernel/operations/futexes.ts";
import { setDisposition } from "../../../src/kernel/operations/signals.ts";
import { exitThread } from "../../../src/kernel/operations/threads.ts";
import { DISPOSITION_HANDLER, type Process, Thread } from "../../../src/kernel/process.ts";
import { FUTEX_WORDS } from "../../../src/limits.ts";
import { type GrowingProgram, PAGE, SharedWorld } from "../shared-world.ts";
import { MEMORY } from "../simulated.ts";
import { threads, WORD } from "./three-threads.ts";

function resumed(process: Process | undefined): readonly number[] {
  assert.ok(process !== undefined);
  return (process.program as GrowingProgram).resumed;
}

test("an owned futex goes from owner to owner in the order they came", () => {
  const { a, b, c, word, ended, run, process } = threads();
  assert.equal(futexLock(a, WORD, Infinity, true), 0);
  assert.equal(word(), a.tid);
  assert.equal(futexLock(a, WORD, Infinity, true), -EDEADLOCK);
  assert.equal(futexLock(b, WORD, Infinity, false), -EAGAIN);
  assert.equal(futexLock(b, WORD, Infinity, true), BLOCKED);
  assert.equal(futexLock(c, WORD, Infinity, true), BLOCKED);
  assert.equal(futexWake(a, WORD, 1, -1), -EINVAL);
  assert.equal(futexUnlock(a, WORD), 0);
  assert.equal(word(), b.tid | FUTEX_WAITERS);
  run();
  assert.deepEqual(ended, [[b.tid, 0]]);
  assert.equal(futexUnlock(a, WORD), -EPERM);
  assert.equal(futexUnlock(b, WORD), 0);
  run();
  assert.equal(futexUnlock(c, WORD), 0);
  assert.equal(word(), 0);
  assert.equal(process.ownedFutexes.size, 0);
  for (const one of [a, b, c]) assert.equal(one.contended.size, 0);
});

test("who would wait for itself, however far around, is told", () => {
  const { a, b, c } = threads();
  for (const [one, at] of [a, b, c].map((thread, i) => [thread, WORD + 4 * i] as const)) {
    assert.equal(futexLock(one, at, Infinity, true), 0);
  }
  assert.equal(futexLock(a, WORD + 4, Infinity, true), BLOCKED);
  assert.equal(futexLock(b, WORD + 8, Infinity, true), BLOCKED);
  assert.equal(futexLock(c, WORD, Infinity, true), -EDEADLOCK);
});

test("forged words harm nobody", () => {
  const { a, b, c, word, put, process } = threads();
  put(999);
  assert.equal(futexLock(a, WORD, Infinity, true), -ESRCH);
  assert.equal(word(), 999 | FUTEX_WAITERS);
  for (const at of [MEMORY - 2, MEMORY, 0xffff_fffc]) {
    assert.ok([-EFAULT, -EINVAL].includes(futexLock(a, at, Infinity, true)));
    assert.equal(futexUnlock(a, at), -EFAULT);
  }
  put(a.tid);
  assert.equal(futexLock(b, WORD, Infinity, true), BLOCKED);
  put(c.tid);
  assert.equal(futexUnlock(c, WORD), -EINVAL);
  assert.equal(futexLock(c, WORD, Infinity, true), -EDEADLOCK);
  put(999);
  assert.equal(futexLock(c, WORD, Infinity, true), -EINVAL);
  put(0);
  assert.equal(futexLock(c, WORD, Infinity, true), -EINVAL);
  exitThread(a, 0);
  assert.equal(process.ownedFutexes.size, 1);
  assert.equal(futexWait(c, WORD + 4, 0, -1, Infinity), BLOCKED);
  assert.equal(futexLock(b, WORD + 4, Infinity, true), -EINVAL);
});

test("a dead owner's futex is the next one's, marked; a deadline ends a wait and a handler does not", () => {
  const { a, b, c, word, ended, run, made } = threads();
  futexLock(a, WORD, Infinity, true);
  assert.equal(futexLock(b, WORD, made.host.now + 1000, true), BLOCKED);
  made.host.advance(made.kernel, 2000);
  assert.deepEqual(ended.splice(0), [[b.tid, -ETIMEDOUT]]);
  assert.equal(a.contended.size, 0);
  const action = { handler: 1, flags: 0, maskLow: 0, maskHigh: 0 };
  setDisposition(a, SIGUSR1, { kind: DISPOSITION_HANDLER, action });
  for (const one of [a, c]) one.mask.add(SIGUSR1);
  assert.equal(futexLock(b, WORD, Infinity, true), BLOCKED);
  made.kernel.signal(a.process, SIGUSR1);
  run();
  assert.deepEqual(ended.splice(0), [[b.tid, RESTART]]);
  b.mask.add(SIGUSR1);
  b.attention = false;
  assert.equal(futexLock(b, WORD, Infinity, true), BLOCKED);
  exitThread(a, 0);
  // Until it has run, the word still names who died.
  assert.equal(futexLock(c, WORD, Infinity, true), BLOCKED);
  run();
  assert.deepEqual(ended, [[b.tid, 0]]);
  assert.equal(word(), b.tid | FUTEX_WAITERS | FUTEX_OWNER_DIED);
});

test("one of several words ends a wait for any", () => {
  const { a, b, ended, run, put, process } = threads();
  put(7, WORD + 4);
  const words = [0, 4, 8].map((offset) => ({ address: WORD + offset, expected: offset === 4 ? 7 : 0, own: true }));
  assert.equal(futexWaitAny(b, [...words, { address: WORD, expected: 1, own: true }], Infinity), -EAGAIN);
  assert.equal(futexWaitAny(b, words, Infinity), BLOCKED);
  assert.equal(process.futexes.size, 3);
  assert.equal(futexWake(a, WORD + 4, 1, -1, true), 1);
  run();
  assert.deepEqual(ended, [[b.tid, 1]]);
  assert.equal(process.futexes.size, 0);
});

test("several words are waited for as far as there is room, and it can be had again", () => {
  const { process, made, a } = threads();
  const words = Array.from({ length: 128 }, () => ({ address: WORD, expected: 0, own: true }));
  for (let round = 0; round < 2; round++) {
    const waiting: Thread[] = [];
    for (;;) {
      const thread = new Thread(process, 1000 + waiting.length);
      const outcome = futexWaitAny(thread, words, Infinity);
      if (outcome < 0 && outcome !== BLOCKED) {
        assert.equal(outcome, -ENOMEM);
        break;
      }
      waiting.push(thread);
    }
    assert.equal(waiting.length * words.length, FUTEX_WORDS);
    // One word alone always can be.
    const single = new Thread(process, 999);
    assert.equal(futexWait(single, WORD, 0, -1, Infinity), BLOCKED);
    assert.ok(futexWake(a, WORD, 10_000, -1, true) > FUTEX_WORDS);
    made.host.run(made.kernel);
    assert.deepEqual([process.futexes.size, made.kernel.scheduler.waitingBytes], [0, 0]);
    process.threads.length = 3;
  }
});

test("an owner that is killed still has its futexes until it has ended: who asks in between gets them then", () => {
  const world = new SharedWorld();
  const one = world.process();
  const at = world.map(one, -1, PAGE);
  const two = world.fork(one);
  world.as(one, (thread) => {
    // A list of one robust lock, the futex at its end: head, offset, nothing in work; the link says that it has an owner.
    const { view } = thread.process.memory;
    [at + 17, 0, 0, 0, 0, 0].forEach((word, i) => {
      view.setInt32(at + 32 + 4 * i, word, true);
    });
    view.setInt32(at + 40, -16, true);
    view.setInt32(at + 16, at + 32, true);
    thread.robustList = at + 32;
    assert.equal(futexLock(thread, at, Infinity, true), 0);
  });
  world.kernel.signal(one, SIGKILL);
  assert.equal(
    world.as(two, (thread) => futexLock(thread, at, Infinity, true)),
    BLOCKED,
  );
  world.host.run(world.kernel);
  assert.deepEqual(resumed(two), [0]);
  world.as(two, (thread) =>
    assert.equal(thread.process.memory.view.getInt32(at, true), thread.tid | FUTEX_WAITERS | FUTEX_OWNER_DIED),
  );
  assert.equal(world.kernel.holder(one.pid), undefined);
});

test("owned futexes, who waits for them and for several words come back from a snapshot", () => {
  const world = new SharedWorld();
  const one = world.process();
  const at = world.map(one, -1, PAGE);
  const [two, three, four] = [world.fork(one), world.fork(one), world.fork(one)];
  assert.equal(
    world.as(one, (thread) => futexLock(thread, at, Infinity, true)),
    0,
  );
  for (const process of [two, three]) {
    assert.equal(
      world.as(process, (thread) => futexLock(thread, at, Infinity, true)),
      BLOCKED,
    );
  }
  const words = [at + 8, WORD].map((address) => ({ address, expected: 0, own: false }));
  assert.equal(
    world.as(four, (thread) => futexWaitAny(thread, words, Infinity)),
    BLOCKED,
  );
  const copy = world.restored();
  const [a, b, c, d] = [one, two, three, four].map(({ pid }) => copy.kernel.process(pid));
  assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
  copy.as(a, (thread) => futexUnlock(thread, at));
  assert.deepEqual([resumed(b), resumed(c)], [[0], []]);
  copy.as(b, (thread) => assert.equal(thread.process.memory.view.getInt32(at, true), thread.tid | FUTEX_WAITERS));
  const again = copy.restored();
  const [e, f] = [two, three].map(({ pid }) => again.kernel.process(pid));
  assert.ok(e !== undefined && f !== undefined);
  again.end(e);
  assert.deepEqual(resumed(f), [0]);
  again.as(f, (thread) => {
    const marked = thread.tid | FUTEX_WAITERS | FUTEX_OWNER_DIED;
    assert.equal(thread.process.memory.view.getInt32(at, true), marked);
    assert.equal(futexUnlock(thread, at), 0);
  });
  assert.equal(
    again.as(f, (thread) => futexWake(thread, at + 8, 1, -1)),
    1,
  );
  assert.deepEqual(resumed(again.kernel.process(four.pid)), [0]);
});
