import assert from "node:assert/strict";
import { test } from "node:test";
import { EACCES, EFBIG, EIDRM, EINVAL, ENOSPC, EPERM } from "../../src/abi/errno.ts";
import { IPC_CREAT, IPC_NOWAIT, IPC_PRIVATE, SEM_UNDO, SHM_REMAP } from "../../src/abi/ipc.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { openQueue, receiveMessage, removeQueue, sendMessage } from "../../src/kernel/operations/messages.ts";
import {
  attachSegment,
  changeSegment,
  detachSegment,
  openSegment,
  removeSegment,
} from "../../src/kernel/operations/segments.ts";
import { openSemaphores, removeSemaphores, semop, setValues } from "../../src/kernel/operations/semaphores.ts";
import type { Process } from "../../src/kernel/process.ts";
import { MESSAGE_QUEUES, SEMAPHORE_SETS, SEMAPHORES, SHARED_BYTES } from "../../src/limits.ts";
import { type GrowingProgram, PAGE, SharedWorld } from "./shared-world.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function resumed(process: Process | undefined): readonly number[] {
  assert.ok(process !== undefined);
  return (process.program as GrowingProgram).resumed;
}

test("segments, sets, queues, what waits for them and what is to be undone come back from a snapshot", () => {
  const world = new SharedWorld();
  const one = world.process();
  const segment = world.as(one, (thread) => openSegment(thread, 5, PAGE, IPC_CREAT | 0o600));
  const set = world.as(one, (thread) => openSemaphores(thread, 6, 2, IPC_CREAT | 0o600));
  const queue = world.as(one, (thread) => openQueue(thread, 7, IPC_CREAT | 0o600));
  const at = world.as(one, (thread) => attachSegment(thread, segment, 0, 0));
  world.put(one, at, "kept");
  const two = world.fork(one);
  const three = world.fork(one);
  world.as(one, (thread) => semop(thread, set, [{ number: 0, change: 4, flags: SEM_UNDO }], Infinity));
  const taking = [{ number: 0, change: -5, flags: 0 }];
  assert.equal(
    world.as(two, (thread) => semop(thread, set, taking, Infinity)),
    BLOCKED,
  );
  assert.equal(
    world.as(three, (thread) => receiveMessage(thread, queue, { type: 9, most: 10, flags: 0 }, 256)),
    BLOCKED,
  );
  world.as(one, (thread) => sendMessage(thread, queue, { type: 2, bytes: bytes("waits") }, 0));
  world.as(one, (thread) => removeSegment(thread, segment));

  const copy = world.restored();
  const [a, b, c] = [1, 2, 3].map((pid) => copy.kernel.process(pid));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  assert.equal(copy.get(b, at, 4), "kept");
  copy.as(a, (thread) => semop(thread, set, [{ number: 0, change: 1, flags: 0 }], Infinity));
  assert.deepEqual(resumed(b), [0]);
  // Four were to be taken back, one is left after the five that were taken: none below zero.
  copy.as(a, (thread) => semop(thread, set, [{ number: 0, change: 3, flags: 0 }], Infinity));
  copy.as(a, (thread) => sendMessage(thread, queue, { type: 9, bytes: bytes("answer") }, 0));
  assert.deepEqual(resumed(c), [6]);
  assert.equal(copy.get(c, 264, 6), "answer");
  assert.equal(
    copy.as(a, (thread) => receiveMessage(thread, queue, { type: 0, most: 10, flags: 0 }, 256)),
    5,
  );
  copy.end(a);
  assert.equal(copy.kernel.systemV.sets.get(set)?.values[0], 0);
  for (const process of [b, c]) copy.as(process, (thread) => detachSegment(thread, at));
  assert.equal(copy.kernel.systemV.segments.count, 0);
  assert.equal(copy.hidden.budget.inodesUsed, 1);
  // Numbers of old objects never mean new ones.
  const next = copy.as(b, (thread) => openSegment(thread, 5, PAGE, IPC_CREAT | 0o600));
  assert.notEqual(next, segment);
});

test("who waits for what is removed is told, also from a snapshot taken in between", () => {
  const world = new SharedWorld();
  const one = world.process();
  const two = world.fork(one);
  const three = world.fork(one);
  const set = world.as(one, (thread) => openSemaphores(thread, IPC_PRIVATE, 1, 0o600));
  const queue = world.as(one, (thread) => openQueue(thread, IPC_PRIVATE, 0o600));
  world.as(two, (thread) => semop(thread, set, [{ number: 0, change: -1, flags: 0 }], Infinity));
  world.as(three, (thread) => receiveMessage(thread, queue, { type: 0, most: 10, flags: 0 }, 256));
  const [thread] = one.threads;
  assert.ok(thread);
  removeSemaphores(thread, set);
  removeQueue(thread, queue);
  const copy = world.restored();
  world.host.run(world.kernel);
  for (const { kernel } of [world, copy]) {
    for (const pid of [2, 3]) assert.deepEqual(resumed(kernel.process(pid)), [-EIDRM]);
  }
});

test("there are only so many of each, and all can be had again", () => {
  const world = new SharedWorld();
  const one = world.process();
  world.as(one, (thread) => {
    assert.equal(openSegment(thread, IPC_PRIVATE, SHARED_BYTES + 1, 0o600), -EINVAL);
    assert.equal(openSemaphores(thread, IPC_PRIVATE, SEMAPHORES + 1, 0o600), -EINVAL);
    for (let round = 0; round < 2; round++) {
      const queues: number[] = [];
      for (let i = 0; i < MESSAGE_QUEUES; i++) queues.push(openQueue(thread, IPC_PRIVATE, 0o600));
      assert.equal(openQueue(thread, IPC_PRIVATE, 0o600), -ENOSPC);
      assert.equal(new Set(queues).size, MESSAGE_QUEUES);
      for (const queue of queues) assert.equal(removeQueue(thread, queue), 0);
      const sets: number[] = [];
      const each = SEMAPHORES / SEMAPHORE_SETS;
      for (let i = 0; i < SEMAPHORE_SETS; i++) sets.push(openSemaphores(thread, i + 1, each, IPC_CREAT | 0o600));
      assert.equal(openSemaphores(thread, IPC_PRIVATE, 1, 0o600), -ENOSPC);
      for (const set of sets) assert.equal(removeSemaphores(thread, set), 0);
      const large = openSemaphores(thread, IPC_PRIVATE, SEMAPHORES, 0o600);
      assert.equal(openSemaphores(thread, IPC_PRIVATE, 1, 0o600), -ENOSPC);
      assert.equal(removeSemaphores(thread, large), 0);
    }
    // Messages without text are counted too.
    const queue = openQueue(thread, IPC_PRIVATE, 0o600);
    let sent = 0;
    while (sendMessage(thread, queue, { type: 1, bytes: new Uint8Array(0) }, IPC_NOWAIT) === 0) sent += 1;
    assert.equal(sent, 16_384);
    removeQueue(thread, queue);
  });
  assert.equal(world.kernel.systemV.messages, 0);
});

test("others' objects are theirs", () => {
  const world = new SharedWorld();
  const one = world.process();
  const segment = world.as(one, (thread) => openSegment(thread, 5, PAGE, IPC_CREAT | 0o640));
  const set = world.as(one, (thread) => openSemaphores(thread, 6, 1, IPC_CREAT | 0o604));
  const two = world.fork(one);
  two.credentials = { uid: 1000, gid: 1000, groups: [] };
  world.as(two, (thread) => {
    assert.equal(attachSegment(thread, segment, 0, 0), -EACCES);
    assert.equal(openSegment(thread, 5, PAGE, 0o600), -EACCES);
    assert.equal(openSegment(thread, 5, PAGE, 0), segment);
    assert.equal(removeSegment(thread, segment), -EPERM);
    assert.equal(changeSegment(thread, segment, { uid: 1000, gid: 1000, mode: 0o777 }), -EPERM);
    assert.equal(semop(thread, set, [{ number: 0, change: 1, flags: 0 }], Infinity), -EACCES);
    assert.equal(semop(thread, set, [{ number: 0, change: 0, flags: 0 }], Infinity), 0);
    assert.equal(semop(thread, set, [{ number: 7, change: 0, flags: 0 }], Infinity), -EFBIG);
  });
  two.credentials = { uid: 1000, gid: 1000, groups: [0] };
  assert.ok(world.as(two, (thread) => attachSegment(thread, segment, 0, 0o10000)) > 0);
});

test("mapping a segment over itself, unmapping half of it and ending with it mapped leave nothing", () => {
  const world = new SharedWorld();
  const one = world.process();
  const segment = world.as(one, (thread) => openSegment(thread, 5, 3 * PAGE, IPC_CREAT | 0o600));
  const at = world.as(one, (thread) => attachSegment(thread, segment, 0, 0));
  assert.equal(
    world.as(one, (thread) => attachSegment(thread, segment, at + PAGE, 0)),
    -EINVAL,
  );
  assert.equal(
    world.as(one, (thread) => attachSegment(thread, segment, at + PAGE, SHM_REMAP)),
    at + PAGE,
  );
  world.put(one, at + PAGE, "begin");
  world.as(one, (thread) => detachSegment(thread, at + PAGE));
  assert.equal(world.get(one, at, 5), "begin");
  assert.equal(
    world.as(one, (thread) => detachSegment(thread, at + PAGE)),
    -EINVAL,
  );
  const two = world.fork(one);
  world.as(one, (thread) => removeSegment(thread, segment));
  assert.equal(
    world.as(one, (thread) => setValues(thread, world.kernel.systemV.set({} as never, 1), 5, [1])),
    -EINVAL,
  );
  world.end(one);
  assert.equal(world.kernel.systemV.segments.count, 1);
  world.end(two);
  assert.deepEqual([world.kernel.systemV.segments.count, world.hidden.budget.inodesUsed], [0, 1]);
});
