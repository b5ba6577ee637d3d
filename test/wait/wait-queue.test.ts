import assert from "node:assert/strict";
import { test } from "node:test";
import { type Claim, leaveQueues, type Waiter, WaitQueue } from "../../src/wait/wait-queue.ts";
import { processorMs } from "../processor-time.ts";

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

test("thousands in the same thousand queues are woken at once, and none twice", () => {
  const order: number[] = [];
  const sink = { wake: (one: Waiter) => order.push(all.indexOf(one)) };
  const queues = Array.from({ length: 500 }, () => new WaitQueue(sink));
  const all = Array.from({ length: 2000 }, waiter);
  const [first, second, ...rest] = queues;
  assert.ok(first !== undefined && second !== undefined);
  for (const one of all) first.add(one);
  for (const one of all.toReversed()) for (const queue of [second, ...rest]) queue.add(one);
  for (const one of all) second.add(one);
  assert.deepEqual([first.size, second.size], [2000, 2000]);
  const start = processorMs();
  first.wakeAll();
  second.wakeAll();
  assert.ok(processorMs() - start < 500, `${processorMs() - start} ms`);
  assert.deepEqual(
    order,
    all.map((_, i) => i),
  );
  for (const one of all) leaveQueues(one);
  assert.ok(queues.every(({ size }) => size === 0));
  assert.ok(all.every((one) => one.queues.length === 0));
});

test("of those of which one is enough, what comes wakes them up to the first that somebody waits behind", () => {
  const claims = new Map<Waiter, Claim>();
  const woken: Waiter[] = [];
  const sink = { wake: (one: Waiter) => woken.push(one), claim: (one: Waiter) => claims.get(one) ?? "always" };
  for (const many of [0, 40]) {
    woken.length = 0;
    const queue = new WaitQueue(sink);
    const [deaf, idle, first, second, ordinary] = Array.from({ length: 5 }, waiter) as [
      Waiter,
      Waiter,
      Waiter,
      Waiter,
      Waiter,
    ];
    claims.set(deaf, "never").set(idle, "more").set(first, "enough").set(second, "enough");
    const others = Array.from({ length: many }, waiter);
    for (const one of [deaf, idle, first, second, ordinary, ...others]) queue.add(one);
    queue.wakeEnough(1);
    assert.deepEqual(woken, [idle, first, ordinary, ...others]);
    assert.equal(queue.size, 2);
    queue.wakeEnough(1);
    assert.deepEqual(woken.slice(3 + many), [second]);
    queue.wakeEnough(1);
    assert.equal(queue.size, 1);
    queue.wakeAll();
    assert.equal(woken.at(-1), deaf);
  }
});
