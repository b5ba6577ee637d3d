import assert from "node:assert/strict";
import { test } from "node:test";
import { EINVAL } from "../../src/abi/errno.ts";
import { POLLIN, POLLNVAL, POLLOUT } from "../../src/abi/poll.ts";
import { SIGTERM } from "../../src/abi/signal.ts";
import { BLOCKED, GONE } from "../../src/kernel/contracts.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { read, write } from "../../src/kernel/operations/io.ts";
import { exit, yieldNow } from "../../src/kernel/operations/lifecycle.ts";
import { makePipe } from "../../src/kernel/operations/pipes.ts";
import { POLL_ITEMS, type PollItem, poll } from "../../src/kernel/operations/poll.ts";
import { random } from "../../src/kernel/operations/random.ts";
import { sleepUntil } from "../../src/kernel/operations/time.ts";
import { LONG_CALL_BYTES } from "../../src/kernel/scheduler.ts";
import { TRANSFER_BYTES, YIELD_NS } from "../../src/limits.ts";
import { descriptionOf, MEMORY, machine, spawn, vector } from "./simulated.ts";

function item(fd: number, events: number): PollItem {
  return { fd, events, revents: -1 };
}

test("sleepers wake in the order of their deadlines, and the alarm is set for the first", () => {
  const made = machine();
  const { host, kernel } = made;
  const all = [30, 10, 20].map((ms) => {
    const one = spawn(made);
    assert.equal(sleepUntil(one.thread, host.now + ms * 1e6), BLOCKED);
    return { ...one, ms };
  });
  const order: number[] = [];
  for (const { program, ms } of all) program.onResume = () => order.push(ms);
  assert.equal(host.alarmAt, host.now + 10e6);
  host.advance(kernel, 9e6);
  assert.deepEqual(order, []);
  host.advance(kernel, 1e6);
  assert.deepEqual(order, [10]);
  assert.equal(host.alarmAt, host.now + 10e6);
  host.advance(kernel, 50e6);
  assert.deepEqual(order, [10, 20, 30]);
  assert.equal(host.alarmAt, undefined);
  assert.equal(kernel.scheduler.deadlines, 0);
});

test("a deadline that passed, or is none, does not park", () => {
  const made = machine();
  const { thread } = spawn(made);
  assert.equal(sleepUntil(thread, made.host.now), 0);
  assert.equal(sleepUntil(thread, -5), 0);
  assert.equal(sleepUntil(thread, Number.NaN), 0);
  assert.equal(sleepUntil(thread, Infinity), BLOCKED);
  assert.equal(made.host.alarms, 0);
});

test("poll answers at once what is ready", () => {
  const made = machine();
  const { thread } = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(thread, 0, ends);
  const items = [item(ends.readFd, POLLIN), item(ends.writeFd, POLLOUT), item(99, POLLIN), item(-1, POLLIN)];
  assert.equal(poll(thread, items, undefined), 2);
  assert.deepEqual(
    items.map(({ revents }) => revents),
    [0, POLLOUT, POLLNVAL, 0],
  );
  assert.equal(poll(thread, [item(ends.readFd, POLLIN)], 0), 0);
});

test("poll waits on several files, is woken once, and leaves nothing behind", () => {
  const made = machine();
  const { thread, program, process } = spawn(made);
  const [a, b] = [
    { readFd: -1, writeFd: -1 },
    { readFd: -1, writeFd: -1 },
  ];
  makePipe(thread, 0, a);
  makePipe(thread, 0, b);
  const two = spawn(made, { descriptors: [descriptionOf(process, a.writeFd), descriptionOf(process, b.writeFd)] });
  const items = [item(a.readFd, POLLIN), item(b.readFd, POLLIN)];
  assert.equal(poll(thread, items, made.host.now + 5e6), BLOCKED);
  assert.equal(made.host.alarmAt, made.host.now + 5e6);
  write(two.thread, 0, vector([0, 1]));
  write(two.thread, 1, vector([0, 1]));
  made.host.run(made.kernel);
  assert.deepEqual(program.resumed, [2]);
  assert.ok(thread.ended?.kind === "poll" && thread.ended.items === items);
  assert.deepEqual(
    items.map(({ revents }) => revents),
    [POLLIN, POLLIN],
  );
  assert.equal(made.host.alarmAt, undefined);
  assert.equal(made.kernel.scheduler.deadlines, 0);
  for (const { readFd } of [a, b]) {
    const description = descriptionOf(process, readFd);
    assert.equal(description.references, 1);
    assert.equal(description.file.waiters?.size, 0);
  }
});

test("poll times out with 0 and its items say nothing", () => {
  const made = machine();
  const { thread, program } = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(thread, 0, ends);
  const items = [item(ends.readFd, POLLIN)];
  assert.equal(poll(thread, items, made.host.now + 5e6), BLOCKED);
  made.host.advance(made.kernel, 5e6);
  assert.deepEqual(program.resumed, [0]);
  assert.equal(items[0]?.revents, 0);
  assert.equal(descriptionOf(thread.process, ends.readFd).file.waiters?.size, 0);
});

test("an event and the deadline in one moment wake once", () => {
  const made = machine();
  const { thread, program, process } = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(thread, 0, ends);
  const two = spawn(made, { descriptors: [descriptionOf(process, ends.writeFd)] });
  assert.equal(poll(thread, [item(ends.readFd, POLLIN)], made.host.now + 5e6), BLOCKED);
  write(two.thread, 0, vector([0, 1]));
  made.host.advance(made.kernel, 5e6);
  assert.deepEqual(program.resumed, [1]);
});

test("more items than a poll may have are EINVAL", () => {
  const made = machine();
  const { thread } = spawn(made);
  assert.equal(poll(thread, new Array(POLL_ITEMS + 1).fill(item(0, POLLIN)), undefined), -EINVAL);
});

test("polls that are woken early do not pile up deadlines", () => {
  const made = machine();
  const { thread, process } = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(thread, 0, ends);
  const two = spawn(made, { descriptors: [descriptionOf(process, ends.writeFd)] });
  for (let i = 0; i < 1000; i++) {
    assert.equal(poll(thread, [item(ends.readFd, POLLIN)], made.host.now + 3600e9), BLOCKED);
    write(two.thread, 0, vector([0, 1]));
    made.host.run(made.kernel);
    assert.equal(read(thread, ends.readFd, vector([0, 1])), 1);
  }
  assert.equal(made.kernel.scheduler.deadlines, 0);
});

test("a thread whose call is over stands in no queue", () => {
  const made = machine();
  const { thread, process } = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(thread, 0, ends);
  const two = spawn(made, { descriptors: [descriptionOf(process, ends.writeFd)] });
  for (let round = 0; round < 3; round++) {
    assert.equal(poll(thread, [item(ends.readFd, POLLIN)], made.host.now + 1e6), BLOCKED);
    assert.equal(thread.queues.length, 1);
    if (round === 1) made.host.advance(made.kernel, 1e6);
    else write(two.thread, 0, vector([0, 1]));
    made.host.run(made.kernel);
    assert.deepEqual([thread.pending, thread.queues], [undefined, []]);
    if (round !== 1) read(thread, ends.readFd, vector([0, 1]));
    assert.equal(read(thread, ends.readFd, vector([0, 1])), BLOCKED);
    write(two.thread, 0, vector([0, 1]));
    made.host.run(made.kernel);
    assert.deepEqual([thread.pending, thread.queues], [undefined, []]);
  }
});

/** A call was made: whether whoever made it is to give way. */
function called(kernel: Kernel): boolean {
  kernel.scheduler.countdown.left -= 1;
  return kernel.shouldYield();
}

test("shouldYield looks at the clock every 64 calls and says yes after YIELD_NS", () => {
  const made = machine();
  const { kernel, host } = made;
  spawn(made);
  for (let i = 0; i < 1000; i++) assert.equal(called(kernel), false);
  host.now += YIELD_NS + 1;
  let calls = 1;
  while (!called(kernel)) calls += 1;
  assert.ok(calls <= 64, `${calls}`);
});

test("shouldYield looks at the clock at once after a long call", () => {
  const made = machine();
  made.memoryBytes = LONG_CALL_BYTES;
  const { kernel, host } = made;
  const { thread } = spawn(made);
  for (const length of [LONG_CALL_BYTES, 10]) {
    while (!called(kernel)) host.now += YIELD_NS;
    assert.equal(random(thread, 0, length), length);
    assert.equal(called(kernel), length === LONG_CALL_BYTES);
  }
});

test("a thread that yields keeps its outcome and lets the host's events go first", () => {
  const made = machine();
  const { kernel, host } = made;
  const { thread, program } = spawn(made);
  host.now += YIELD_NS + 1;
  assert.equal(kernel.yieldThread(thread, 4711), BLOCKED);
  assert.deepEqual(host.deferrals, ["past events"]);
  host.run(kernel);
  assert.deepEqual(program.resumed, [4711]);
  assert.equal(kernel.scheduler.timeIsUp(), false);
});

test("two guests that only wake each other give way to the host's events", () => {
  const made = machine();
  const { kernel, host } = made;
  const one = spawn(made);
  const [there, back] = [
    { readFd: -1, writeFd: -1 },
    { readFd: -1, writeFd: -1 },
  ];
  makePipe(one.thread, 0, there);
  makePipe(one.thread, 0, back);
  const two = spawn(made, {
    descriptors: [there.readFd, back.writeFd].map((fd) => descriptionOf(one.process, fd)),
  });
  let rounds = 0;
  one.program.onResume = () => {
    host.now += 50_000;
    rounds += 1;
    if (rounds === 1000) return;
    write(one.thread, there.writeFd, vector([0, 1]));
    read(one.thread, back.readFd, vector([0, 1]));
  };
  two.program.onResume = () => {
    host.now += 50_000;
    write(two.thread, 1, vector([0, 1]));
    read(two.thread, 0, vector([0, 1]));
  };
  read(two.thread, 0, vector([0, 1]));
  read(one.thread, back.readFd, vector([0, 1]));
  write(two.thread, 1, vector([0, 1]));
  let turns = 0;
  let longest = 0;
  let turned = host.now;
  while (host.deferrals.length > 0) {
    if (host.deferrals.includes("past events")) {
      longest = Math.max(longest, host.now - turned);
      turned = host.now;
      turns += 1;
    }
    host.deferrals.length = 0;
    kernel.dispatch();
  }
  assert.equal(rounds, 1000);
  assert.ok(turns >= 20, `${turns} turns`);
  assert.ok(longest <= YIELD_NS * 1.5, `${longest} ns without events`);
});

test("one dispatch is asked for however many are woken, and enters at most 64", () => {
  const made = machine({ processes: 300 });
  const { kernel, host } = made;
  const all = Array.from({ length: 200 }, () => spawn(made));
  const until = host.now + 1e6;
  for (const { thread } of all) sleepUntil(thread, until);
  host.now = until;
  kernel.expire();
  assert.deepEqual(host.deferrals, ["soon"]);
  host.deferrals.length = 0;
  kernel.dispatch();
  assert.equal(all.filter(({ program }) => program.resumed.length === 1).length, 64);
  host.run(kernel);
  assert.equal(all.filter(({ program }) => program.resumed.length === 1).length, 200);
});

test("yieldNow answers at once when nobody else is ready", () => {
  const made = machine();
  const one = spawn(made);
  assert.equal(yieldNow(one.thread), 0);
  const two = spawn(made);
  kernelYield(made, two);
  assert.equal(yieldNow(one.thread), BLOCKED);
  made.host.run(made.kernel);
  assert.deepEqual(two.program.resumed, [7]);
  assert.deepEqual(one.program.resumed, [0]);
});

function kernelYield(made: ReturnType<typeof machine>, one: ReturnType<typeof spawn>): void {
  assert.equal(made.kernel.yieldThread(one.thread, 7), BLOCKED);
}

test("a killed thread is unparked from wherever it waits and never resumed", () => {
  const made = machine();
  const { kernel, host } = made;
  const one = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(one.thread, 0, ends);
  const description = descriptionOf(one.process, ends.readFd);
  description.acquire();
  assert.equal(poll(one.thread, [item(ends.readFd, POLLIN)], host.now + 1e9), BLOCKED);
  assert.equal(kernel.kill(one.process, SIGTERM), 0);
  assert.equal(description.file.waiters?.size, 0);
  assert.equal(kernel.scheduler.deadlines, 0);
  host.run(kernel);
  host.advance(kernel, 2e9);
  assert.deepEqual(one.program.resumed, []);
  assert.equal(one.program.kills, 1);
  assert.equal(description.references, 1);
});

test("a thread that was woken and then killed is not resumed", () => {
  const made = machine();
  const one = spawn(made);
  assert.equal(sleepUntil(one.thread, made.host.now + 1), BLOCKED);
  made.host.now += 1;
  made.kernel.expire();
  made.kernel.kill(one.process, SIGTERM);
  made.host.run(made.kernel);
  assert.deepEqual(one.program.resumed, []);
  assert.equal(one.program.kills, 1);
});

test("a thread of an ending process cannot park", () => {
  const made = machine();
  const one = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(one.thread, 0, ends);
  assert.equal(exit(one.thread, 3), GONE);
  assert.equal(read(one.thread, ends.readFd, vector([0, 1])), GONE);
  assert.equal(poll(one.thread, [item(ends.readFd, POLLIN)], undefined), GONE);
  assert.equal(sleepUntil(one.thread, Infinity), GONE);
  assert.equal(made.kernel.yieldThread(one.thread, 1), GONE);
  assert.equal(descriptionOf(one.process, ends.readFd).references, 1);
});

test("long random reads are done in parts, and every byte is filled", () => {
  const made = machine();
  const { thread, program } = spawn(made);
  const length = TRANSFER_BYTES * 3 + 5;
  assert.equal(random(thread, 7, length), BLOCKED);
  made.host.run(made.kernel);
  assert.deepEqual(program.resumed, [length]);
  const { bytes } = program.memory;
  assert.equal(bytes[6], 0);
  assert.equal(
    bytes.subarray(7, 7 + length).every((byte) => byte === 0xa5),
    true,
  );
  assert.equal(bytes[7 + length], 0);
  assert.equal(random(thread, MEMORY - 1, 1), 1);
  assert.ok(random(thread, MEMORY, 1) < 0);
});
