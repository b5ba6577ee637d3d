import assert from "node:assert/strict";
import { test } from "node:test";
import { EBADF, EMFILE, EPERM, ESRCH } from "../../../src/abi/errno.ts";
import { PIDFD_THREAD } from "../../../src/abi/fcntl.ts";
import { POLLHUP, POLLIN } from "../../../src/abi/poll.ts";
import { SIGKILL } from "../../../src/abi/signal.ts";
import { P_PID, WEXITED } from "../../../src/abi/wait.ts";
import { BLOCKED } from "../../../src/kernel/contracts.ts";
import { ProcessFile } from "../../../src/kernel/events/process-file.ts";
import { close } from "../../../src/kernel/operations/io.ts";
import { type PollItem, poll } from "../../../src/kernel/operations/poll.ts";
import { openProcess, signalProcessFile, takeDescriptor } from "../../../src/kernel/operations/process-files.ts";
import { waitForChild } from "../../../src/kernel/operations/processes.ts";
import { exitThread } from "../../../src/kernel/operations/threads.ts";
import { type Process, Thread } from "../../../src/kernel/process.ts";
import { type GrowingProgram, SharedWorld } from "../shared-world.ts";

const NOT_THERE = 99;

function readiness(process: Process, fd: number): number | undefined {
  return process.descriptors.get(fd)?.description.file.readiness();
}

test("a descriptor of a process, and who waits for its end, come back from a snapshot", () => {
  const world = new SharedWorld();
  const one = world.process();
  const two = world.fork(one);
  const three = world.fork(one);
  const fd = world.as(one, (thread) => openProcess(thread, two.pid, 0));
  const other = world.as(one, (thread) => openProcess(thread, three.pid, 0));
  const items: PollItem[] = [fd, other].map((number) => ({ fd: number, events: POLLIN, revents: 0 }));
  assert.equal(
    world.as(one, (thread) => poll(thread, items, Infinity)),
    BLOCKED,
  );
  const copy = world.restored();
  const [a, b] = [one, two].map(({ pid }) => copy.kernel.process(pid));
  assert.ok(a !== undefined && b !== undefined);
  assert.ok(a.descriptors.get(fd)?.description.file instanceof ProcessFile);
  copy.end(b);
  assert.deepEqual((a.program as GrowingProgram).resumed, [1]);
  assert.deepEqual([readiness(a, fd), readiness(a, other)], [POLLIN, 0]);
  copy.as(a, (thread) => waitForChild(thread, { type: P_PID, id: b.pid, options: WEXITED }));
  assert.equal(readiness(a, fd), POLLIN | POLLHUP);
  // Of a thread: its first one's ends with the process, or before it.
  const first = copy.as(a, (thread) => openProcess(thread, a.pid, PIDFD_THREAD));
  const restored = copy.restored();
  const twin = restored.kernel.process(a.pid);
  assert.ok(twin !== undefined);
  const file = twin.descriptors.get(first)?.description.file;
  assert.ok(file instanceof ProcessFile && file.ofThread && file.thread?.tid === a.pid);
  assert.equal(file.readiness(), 0);
  new Thread(twin, 1234);
  restored.as(twin, (thread) => exitThread(thread, 0));
  assert.equal(file.readiness(), POLLIN);
  copy.as(a, (thread) => close(thread, first));
  // Of one that was waited for as well.
  const again = copy.restored();
  const [c] = again.kernel.processes;
  assert.ok(c !== undefined);
  assert.equal(readiness(c, fd), POLLIN | POLLHUP);
  again.as(c, (thread) => {
    assert.equal(signalProcessFile(thread, fd, SIGKILL, undefined), -ESRCH);
    assert.equal(signalProcessFile(thread, other, SIGKILL, undefined), 0);
    for (const number of [fd, other]) assert.equal(close(thread, number), 0);
  });
  assert.equal(again.kernel.ends.size, 0);
  assert.notEqual(again.kernel.process(three.pid)?.status, undefined);
});

test("another's descriptor is taken by whoever could trace it", () => {
  const world = new SharedWorld();
  const one = world.process();
  const two = world.fork(one);
  const theirs = world.open(two, "theirs");
  const fd = world.as(one, (thread) => openProcess(thread, two.pid, 0));
  world.as(one, (thread) => {
    const taken = takeDescriptor(thread, fd, theirs);
    assert.equal(one.descriptors.get(taken)?.description, two.descriptors.get(theirs)?.description);
    assert.equal(one.descriptors.get(taken)?.closeOnExec, true);
    assert.equal(takeDescriptor(thread, fd, NOT_THERE), -EBADF);
    assert.equal(takeDescriptor(thread, taken, theirs), -EBADF);
    const user = { real: 5, effective: 5, saved: 5 };
    one.userIdentity = user;
    assert.equal(takeDescriptor(thread, fd, theirs), -EPERM);
    two.userIdentity = user;
    assert.ok(takeDescriptor(thread, fd, theirs) > taken);
    // It was somebody else, and holds what that one had.
    two.dumpable = false;
    assert.equal(takeDescriptor(thread, fd, theirs), -EPERM);
    two.dumpable = true;
    // It began as somebody else, and may know what that one knew.
    two.userIdentity = { ...user, saved: 0 };
    assert.equal(takeDescriptor(thread, fd, theirs), -EPERM);
    two.userIdentity = user;
    one.groupIdentity = user;
    assert.equal(takeDescriptor(thread, fd, theirs), -EPERM);
  });
});

test("a table that is full leaves nothing behind", () => {
  const world = new SharedWorld();
  const one = world.process();
  const { kernel, descriptors } = one;
  world.as(one, (thread) => {
    while (openProcess(thread, one.pid, 0) >= 0);
    assert.equal(openProcess(thread, one.pid, 0), -EMFILE);
    assert.equal(kernel.ends.size, 1);
    descriptors.closeAll();
    assert.equal(kernel.ends.size, 0);
  });
});
