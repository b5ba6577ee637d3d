import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOCK_MONOTONIC } from "../../src/abi/clock.ts";
import { EPOLL_CTL_ADD, EPOLLET, EPOLLONESHOT } from "../../src/abi/epoll.ts";
import { ELOOP, ENOSPC } from "../../src/abi/errno.ts";
import { POLLIN, POLLOUT } from "../../src/abi/poll.ts";
import { SIG_BLOCK, SIGUSR1 } from "../../src/abi/signal.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import type { TimerFile } from "../../src/kernel/events/timer-file.ts";
import {
  controlEpoll,
  openCounter,
  openEpoll,
  openSignals,
  openTimer,
  waitEpoll,
} from "../../src/kernel/operations/events.ts";
import { close, duplicate, read, write } from "../../src/kernel/operations/io.ts";
import { changeMask } from "../../src/kernel/operations/signals.ts";
import type { Process, Thread } from "../../src/kernel/process.ts";
import { SignalSet } from "../../src/kernel/signal-set.ts";
import { EPOLL_WATCHES } from "../../src/limits.ts";
import { processorMs } from "../processor-time.ts";
import { type GrowingProgram, SharedWorld } from "./shared-world.ts";
import { vector } from "./simulated.ts";

function started(world = new SharedWorld()): { world: SharedWorld; process: Process; thread: Thread } {
  const process = world.process();
  const [thread] = process.threads;
  assert.ok(thread);
  return { world, process, thread };
}

function watch(thread: Thread, epoll: number, fd: number, events: number, low = fd): number {
  return controlEpoll(thread, epoll, EPOLL_CTL_ADD, fd, { events, low, high: 0 });
}

/** What is ready now, by the datum given. */
function ready(thread: Thread, epoll: number, most = 1000): number[] {
  const outcome = waitEpoll(thread, epoll, most, 0);
  return outcome > 0 ? thread.events.splice(0).map(({ low }) => low) : [];
}

function bump(thread: Thread, fd: number): void {
  thread.process.memory.putU64(512, 1);
  assert.equal(write(thread, fd, vector([512, 8])), 8);
}

test("counters, timers, signal descriptors and lists come back from a snapshot, with who waits for them", () => {
  const { world, process, thread } = started();
  const counter = openCounter(thread, 5, 0, true);
  const timer = openTimer(thread, CLOCK_MONOTONIC, 0);
  const file = process.descriptors.get(timer)?.description.file as TimerFile;
  file.arm(world.host.now + 5_000_000, 1_000_000);
  const usr1 = new SignalSet();
  usr1.add(SIGUSR1);
  changeMask(thread, SIG_BLOCK, usr1);
  const signals = openSignals(thread, -1, usr1.copy(), 0);
  const [inner, outer] = [openEpoll(thread, 0), openEpoll(thread, 0)];
  watch(thread, inner, counter, POLLIN | EPOLLONESHOT, 77);
  watch(thread, inner, timer, POLLIN);
  watch(thread, inner, signals, POLLIN);
  assert.deepEqual(ready(thread, inner), [77]);
  watch(thread, outer, inner, POLLIN, 99);
  assert.equal(waitEpoll(thread, outer, 10, Infinity), BLOCKED);

  const copy = world.restored();
  const other = copy.kernel.process(process.pid);
  const [there] = other?.threads ?? [];
  assert.ok(other !== undefined && there !== undefined);
  const { resumed } = other.program as GrowingProgram;
  assert.deepEqual(resumed, []);
  copy.host.advance(copy.kernel, 5_000_000);
  assert.deepEqual(resumed, [1]);
  assert.deepEqual(there.events.splice(0), [{ events: POLLIN, low: 99, high: 0 }]);
  // The one-shot that was told stays told.
  assert.deepEqual(ready(there, inner), [timer]);
  copy.host.advance(copy.kernel, 3_000_000);
  assert.equal(read(there, timer, vector([0, 8])), 8);
  assert.equal(other.memory.i64(0), 4);
  copy.kernel.signal(other, SIGUSR1);
  assert.deepEqual(ready(there, inner), [signals]);
  assert.equal(read(there, signals, vector([0, 128])), 128);
  assert.equal(read(there, counter, vector([0, 8])), 8);
  assert.equal(other.memory.i64(0), 1);
});

test("who is always ready leaves others their turn", () => {
  const { thread } = started();
  const epoll = openEpoll(thread, 0);
  const counters = [1, 2, 3, 4, 5].map(() => openCounter(thread, 1, 0, false));
  for (const fd of counters) watch(thread, epoll, fd, POLLIN);
  const seen = new Set<number>();
  for (let i = 0; i < 5; i++) for (const fd of ready(thread, epoll, 1)) seen.add(fd);
  assert.deepEqual([...seen].sort(), counters);
});

test("an edge is told once, wherever it was looked at, and each change is a new one", () => {
  const { thread } = started();
  const [epoll, outer] = [openEpoll(thread, 0), openEpoll(thread, 0)];
  const counter = openCounter(thread, 0, 0, false);
  watch(thread, epoll, counter, POLLIN | EPOLLET);
  watch(thread, outer, epoll, POLLIN);
  assert.deepEqual(ready(thread, epoll), []);
  bump(thread, counter);
  assert.deepEqual(ready(thread, outer), [epoll]);
  assert.deepEqual(ready(thread, outer), [epoll]);
  assert.deepEqual(ready(thread, epoll), [counter]);
  assert.deepEqual(ready(thread, outer), []);
  bump(thread, counter);
  assert.deepEqual(ready(thread, epoll), [counter]);
});

test("a watch ends with the last descriptor of its file, in whatever order lists are closed", () => {
  const { world, thread } = started();
  const [first, second] = [openEpoll(thread, 0), openEpoll(thread, 0)];
  const counter = openCounter(thread, 1, 0, false);
  const copy = duplicate(thread, counter, 0, false);
  for (const epoll of [first, second]) for (const fd of [counter, copy]) watch(thread, epoll, fd, POLLIN | POLLOUT);
  watch(thread, second, first, POLLIN);
  assert.equal(world.kernel.epollCounts.watches, 5);
  close(thread, counter);
  assert.deepEqual(ready(thread, first).sort(), [counter, copy].sort());
  close(thread, first);
  assert.equal(world.kernel.epollCounts.watches, 2);
  close(thread, copy);
  assert.equal(world.kernel.epollCounts.watches, 0);
  assert.deepEqual(ready(thread, second), []);
});

test("rows of lists are short, and a mesh of them is looked at once each", () => {
  const { world, thread } = started();
  const row = [openEpoll(thread, 0)];
  let outcome = 0;
  while (outcome === 0 && row.length < 20) {
    const next = openEpoll(thread, 0);
    outcome = watch(thread, next, row.at(-1) ?? 0, POLLIN);
    row.push(next);
  }
  assert.equal(outcome, -ELOOP);
  // From above and from the middle it is the same row.
  const [low, high] = [openEpoll(thread, 0), openEpoll(thread, 0)];
  watch(thread, high, row[2] ?? 0, POLLIN);
  assert.equal(watch(thread, low, high, POLLIN), 0);
  assert.equal(watch(thread, row[0] ?? 0, low, POLLIN), -ELOOP);

  const layers = Array.from({ length: 4 }, () => Array.from({ length: 60 }, () => openEpoll(thread, 0)));
  for (let i = 0; i + 1 < layers.length; i++) {
    for (const upper of layers[i] ?? []) for (const lower of layers[i + 1] ?? []) watch(thread, upper, lower, POLLIN);
  }
  const counter = openCounter(thread, 0, 0, false);
  for (const lowest of layers.at(-1) ?? []) watch(thread, lowest, counter, POLLIN);
  const top = layers[0]?.[0] ?? 0;
  const before = processorMs();
  assert.deepEqual(ready(thread, top), []);
  bump(thread, counter);
  assert.equal(ready(thread, top).length, 60);
  assert.ok(processorMs() - before < 2000);
  world.end(thread.process);
  assert.equal(world.kernel.epollCounts.watches, 0);
});

test("there are only so many watches", () => {
  const { world, thread } = started();
  world.kernel.epollCounts.watches = EPOLL_WATCHES;
  const epoll = openEpoll(thread, 0);
  assert.equal(watch(thread, epoll, openCounter(thread, 0, 0, false), POLLIN), -ENOSPC);
});
