import assert from "node:assert/strict";
import { test } from "node:test";
import { leaveQueues, type Waiter, WaitQueue } from "../../src/wait/wait-queue.ts";

function waiter(): Waiter {
  return { woken: false, queues: [] };
}

test("a waiter in several queues is woken once and leaves them all", () => {
  const woken: Waiter[] = [];
  const sink = { wake: (one: Waiter) => woken.push(one) };
  const a = new WaitQueue(sink);
  const b = new WaitQueue(sink);
  const one = waiter();
  a.add(one);
  b.add(one);
  b.add(one);
  a.wakeAll();
  b.wakeAll();
  assert.deepEqual(woken, [one]);
  assert.equal(a.size + b.size, 0);
  assert.equal(one.queues.length, 0);
});

test("waiters are woken in the order they came", () => {
  const woken: Waiter[] = [];
  const queue = new WaitQueue({ wake: (one) => woken.push(one) });
  const all = [waiter(), waiter(), waiter()];
  for (const one of all) queue.add(one);
  queue.wakeAll();
  assert.deepEqual(woken, all);
});

test("who left is not woken", () => {
  const queue = new WaitQueue({ wake: () => assert.fail("woken") });
  const one = waiter();
  queue.add(one);
  leaveQueues(one);
  queue.wakeAll();
  assert.equal(one.woken, false);
});

test("a waiter that is woken into a queue again waits for the next wake", () => {
  let wakes = 0;
  const queue = new WaitQueue({
    wake(again) {
      wakes += 1;
      again.woken = false;
      queue.add(again);
    },
  });
  queue.add(waiter());
  queue.add(waiter());
  queue.wakeAll();
  assert.equal(wakes, 2);
  assert.equal(queue.size, 2);
  queue.wakeAll();
  assert.equal(wakes, 4);
});
