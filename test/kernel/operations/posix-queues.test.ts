import assert from "node:assert/strict";
import { test } from "node:test";
import { EBADF, EBUSY, EFAULT, EINVAL, EMFILE, ENOSPC, ETIMEDOUT } from "../../../src/abi/errno.ts";
import { O_CREAT, O_RDWR } from "../../../src/abi/fcntl.ts";
import { HARD_MSGMAX } from "../../../src/abi/mqueue.ts";
import { RLIMIT_MSGQUEUE } from "../../../src/abi/resource.ts";
import { SIGUSR1 } from "../../../src/abi/signal.ts";
import { BLOCKED } from "../../../src/kernel/contracts.ts";
import { CounterFile } from "../../../src/kernel/events/counter-file.ts";
import type { PosixQueue } from "../../../src/kernel/ipc/posix-queues.ts";
import { openCounter } from "../../../src/kernel/operations/events.ts";
import { close, duplicate } from "../../../src/kernel/operations/io.ts";
import {
  notifyByCounter,
  notifyOfQueue,
  openNamedQueue,
  queueAttributes,
  receiveFromQueue,
  sendToQueue,
  unlinkQueue,
} from "../../../src/kernel/operations/posix-queues.ts";
import type { Process, Thread } from "../../../src/kernel/process.ts";
import { setResourceLimit } from "../../../src/kernel/resource-limits.ts";
import { POSIX_QUEUE_BYTES, POSIX_QUEUES } from "../../../src/limits.ts";
import { type GrowingProgram, SharedWorld } from "../shared-world.ts";

const TEXT = 256;
const PRIORITY = 512;

function resumed(process: Process | undefined): readonly number[] {
  assert.ok(process !== undefined);
  return (process.program as GrowingProgram).resumed;
}

function make(thread: Thread, name: string, messages: number, bytes: number): number {
  return openNamedQueue(thread, name, O_CREAT | O_RDWR, 0o600, { messages, bytes });
}

function send(thread: Thread, fd: number, text: string, priority: number, deadline = Infinity): number {
  return sendToQueue(thread, fd, new TextEncoder().encode(text), priority, deadline);
}

function receive(thread: Thread, fd: number, deadline = Infinity): number {
  return receiveFromQueue(thread, fd, TEXT, 32, PRIORITY, deadline);
}

function queueOf(process: Process, name: string): PosixQueue {
  const queue = process.kernel.queues.get(name);
  assert.ok(queue !== undefined);
  return queue;
}

test("queues, what they hold, who waits and who is to be told come back from a snapshot", () => {
  const world = new SharedWorld();
  const one = world.process();
  const [full, empty, nameless] = world.as(one, (thread) => [
    make(thread, "full", 2, 32),
    make(thread, "empty", 2, 32),
    make(thread, "nameless", 1, 8),
  ]) as [number, number, number];
  const [two, three, four] = [world.fork(one), world.fork(one), world.fork(one)];
  world.as(one, (thread) => {
    send(thread, full, "second", 1);
    send(thread, full, "first", 2);
    send(thread, nameless, "kept", 0);
    unlinkQueue(thread, "nameless");
    assert.equal(notifyOfQueue(thread, empty, SIGUSR1, 7), 0);
  });
  for (const [process, act] of [
    [two, (thread: Thread) => send(thread, full, "third", 3)],
    [three, (thread: Thread) => receive(thread, empty)],
    [four, (thread: Thread) => receive(thread, empty, world.host.now + 1000)],
  ] as const) {
    assert.equal(world.as(process, act), BLOCKED);
  }
  const copy = world.restored().restored();
  const [a, b, c, d] = [one, two, three, four].map(({ pid }) => copy.kernel.process(pid));
  assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
  assert.equal(copy.kernel.queues.count, 3);
  assert.deepEqual(queueOf(a, "empty").notification, { pid: a.pid, signal: SIGUSR1, value: 7, counter: undefined });
  const told = ["first", "third", "second"].map((expected) =>
    copy.as(a, (thread) => {
      const length = receive(thread, full);
      assert.equal(thread.process.memory.byteString(TEXT, length), expected);
      return thread.process.memory.view.getUint32(PRIORITY, true);
    }),
  );
  assert.deepEqual(told, [2, 3, 1]);
  assert.deepEqual(resumed(b), [0]);
  copy.as(a, (thread) => send(thread, empty, "straight", 4));
  assert.deepEqual(resumed(c), [8]);
  assert.equal(copy.get(c, TEXT, 8), "straight");
  // It went to who waited, so nobody was told.
  assert.equal(queueOf(a, "empty").messages.length, 0);
  assert.notEqual(queueOf(a, "empty").notification, undefined);
  copy.host.advance(copy.kernel, 2000);
  assert.deepEqual(resumed(d), [-ETIMEDOUT]);
  assert.equal(queueOf(a, "empty").receivers.size, 0);
  copy.as(a, (thread) => assert.equal(receiveFromQueue(thread, nameless, TEXT, 8, 0, Infinity), 4));
  for (const process of [a, b, c, d]) copy.end(process);
  assert.equal(copy.kernel.queues.count, 2);
});

test("a counter that is told of a message, or that none will be told, is kept open and comes back from a snapshot", () => {
  const world = new SharedWorld();
  const one = world.process();
  const [queue, told, given] = world.as(one, (thread) => {
    const fds = [make(thread, "told", 2, 32), openCounter(thread, 0, 0, false), openCounter(thread, 0, 0, false)];
    assert.equal(notifyByCounter(thread, fds[0] ?? -1, fds[1] ?? -1), 0);
    return fds;
  }) as [number, number, number];
  const copy = world.restored().restored();
  const a = copy.kernel.process(one.pid);
  assert.ok(a !== undefined);
  /** What a counter has; nobody has it open where it has no number. */
  const count = (fd: number): bigint | undefined => {
    const file = a.descriptors.get(fd)?.description.file;
    return file instanceof CounterFile ? file.value : undefined;
  };
  copy.as(a, (thread) => {
    assert.equal(notifyByCounter(thread, queue, given), -EBUSY);
    assert.equal(notifyByCounter(thread, queue, 99), -EBADF);
    assert.equal(notifyByCounter(thread, queue, queue), -EINVAL);
    send(thread, queue, "one", 0);
    assert.deepEqual([count(told), queueOf(a, "told").notification], [1n, undefined]);
    receive(thread, queue);
    assert.equal(notifyByCounter(thread, queue, given), 0);
    const kept = queueOf(a, "told").notification?.counter;
    const other = duplicate(thread, queue, 0, false);
    close(thread, given);
    // Any descriptor of the queue that is closed ends the wish.
    close(thread, other);
    assert.ok(kept?.file instanceof CounterFile);
    assert.equal(kept.file.value, 2n);
    assert.equal(queueOf(a, "told").notification, undefined);
  });
});

test("a message that is handed over before a snapshot is not lost, nor one that was let in", () => {
  const world = new SharedWorld();
  const one = world.process();
  const fd = world.as(one, (thread) => make(thread, "q", 1, 32));
  const two = world.fork(one);
  world.as(two, (thread) => receive(thread, fd));
  const [thread] = one.threads;
  assert.ok(thread !== undefined);
  send(thread, fd, "handed over", 5);
  const copy = world.restored();
  assert.deepEqual(resumed(copy.kernel.process(two.pid)), [11]);
  world.host.run(world.kernel);
  send(thread, fd, "full", 0);
  world.as(two, (other) => assert.equal(send(other, fd, "let in", 0), BLOCKED));
  assert.equal(receive(thread, fd), 4);
  const again = world.restored();
  const b = again.kernel.process(two.pid);
  assert.deepEqual(resumed(b), [0]);
  assert.ok(b !== undefined);
  assert.equal(
    again.as(b, (other) => receive(other, fd)),
    6,
  );
});

test("queues are limited in number and in bytes, whoever makes them, and all can be had again", () => {
  const world = new SharedWorld();
  const one = world.process();
  const { queues } = world.kernel;
  world.as(one, (thread) => {
    for (let round = 0; round < 2; round++) {
      let made = 0;
      for (; ; made++) {
        const fd = make(thread, `q${made}`, 1, 1);
        if (fd < 0) {
          assert.equal(fd, -ENOSPC);
          break;
        }
        close(thread, fd);
      }
      assert.equal(made, POSIX_QUEUES);
      for (let i = 0; i < made; i++) assert.equal(unlinkQueue(thread, `q${i}`), 0);
      assert.equal(queues.count, 0);
    }
    assert.equal(make(thread, "big", HARD_MSGMAX, 8), -EMFILE);
    assert.equal(setResourceLimit(one, one, RLIMIT_MSGQUEUE, { soft: Infinity, hard: Infinity }), 0);
    const big = make(thread, "big", HARD_MSGMAX, 8);
    assert.ok(big >= 0);
    assert.equal(make(thread, "bigger", 1, POSIX_QUEUE_BYTES), -EMFILE);
    for (let i = 0; i < HARD_MSGMAX; i++) assert.equal(send(thread, big, "x", (i * 7919) % 32_768), 0);
    let last = 32_768;
    for (let i = 0; i < HARD_MSGMAX; i++) {
      receive(thread, big);
      const priority = thread.process.memory.view.getUint32(PRIORITY, true);
      assert.ok(priority <= last);
      last = priority;
    }
    assert.deepEqual(queueAttributes(thread, big), { messages: HARD_MSGMAX, bytes: 8, flags: 0, now: 0 });
  });
});

test("an address that is none takes the message and answers EFAULT, now or after a wait", () => {
  const world = new SharedWorld();
  const one = world.process();
  const two = world.fork(one);
  const fd = world.as(one, (thread) => make(thread, "q", 4, 32));
  const other = world.as(two, (thread) => openNamedQueue(thread, "q", O_RDWR, 0));
  world.as(one, (thread) => {
    send(thread, fd, "a", 0);
    assert.equal(receiveFromQueue(thread, fd, 0xffff_fff0, 32, 0, Infinity), -EFAULT);
  });
  for (const [text, priority] of [
    [0xffff_ffff, 0],
    [TEXT, 0xffff_fffe],
  ] as const) {
    world.as(two, (thread) => receiveFromQueue(thread, other, text, 32, priority, Infinity));
    world.as(one, (thread) => send(thread, fd, "a", 0));
    assert.equal(resumed(two).at(-1), -EFAULT);
  }
  // Who is killed while it waits leaves the queue to others.
  world.as(two, (thread) => receive(thread, other));
  world.end(two);
  assert.equal(queueOf(one, "q").receivers.size, 0);
  world.as(one, (thread) => {
    assert.equal(send(thread, fd, "b", 0), 0);
    assert.equal(receive(thread, fd), 1);
  });
});
