/** Blocked calls come back from plain data, and go on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, ENOSYS } from "../../src/abi/errno.ts";
import { AT_FDCWD, O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, SEEK_CUR } from "../../src/abi/fcntl.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { SIG_SETMASK, SIGKILL, SIGUSR1, SIGUSR2 } from "../../src/abi/signal.ts";
import { S_IFIFO } from "../../src/abi/stat.ts";
import { FORK } from "../../src/kernel/cloning.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { openAt } from "../../src/kernel/operations/files.ts";
import { close, read, seek, write } from "../../src/kernel/operations/io.ts";
import { makeNodeAt } from "../../src/kernel/operations/names.ts";
import { makePipe, pipeSize, setPipeSize } from "../../src/kernel/operations/pipes.ts";
import { type PollItem, poll } from "../../src/kernel/operations/poll.ts";
import { random } from "../../src/kernel/operations/random.ts";
import { changeMask, pause, waitForSignal } from "../../src/kernel/operations/signals.ts";
import { sleepUntil } from "../../src/kernel/operations/time.ts";
import { parked } from "../../src/kernel/pending.ts";
import { SignalSet } from "../../src/kernel/signal-set.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { PIPE_BYTES, TRANSFER_BYTES } from "../../src/limits.ts";
import { copyOf, get, original, put, start } from "./restored-world.ts";
import { bytes, spawn, textAt, vector } from "./simulated.ts";

test("a parked read of a pipe completes in the restored kernel", () => {
  const from = original();
  const one = start(from);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(one.thread, 0, ends);
  const writer = one.process.descriptors.get(ends.writeFd)?.description;
  assert.ok(writer);
  const two = spawn(from.made, { descriptors: [writer] });
  close(one.thread, ends.writeFd);
  assert.equal(read(one.thread, ends.readFd, vector([10, 3], [20, 10])), BLOCKED);

  const to = copyOf(from);
  const [reader, other] = [to.process(1), to.process(2)];
  to.host.run(to.kernel);
  assert.deepEqual(reader.program.resumed, []);
  assert.equal(put(other, 0, "hello"), 5);
  to.host.run(to.kernel);
  assert.deepEqual(reader.program.resumed, [5]);
  assert.equal(textAt(reader, 10, 3) + textAt(reader, 20, 2), "hello");
  // The original is as it was.
  assert.equal(one.thread.pending?.kind, "read");
  assert.deepEqual(two.program.resumed, []);
});

test("a pipe keeps its contents, and a parked write the part that was not written", () => {
  const from = original();
  const one = start(from);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(one.thread, 0, ends);
  const reader = one.process.descriptors.get(ends.readFd)?.description;
  assert.ok(reader);
  spawn(from.made, { descriptors: [reader] });
  for (let i = 0; i < 200_000; i++) one.program.memory.bytes[i] = i % 251;
  assert.equal(write(one.thread, ends.writeFd, vector([0, 200_000])), BLOCKED);

  const to = copyOf(from);
  const [writer, other] = [to.process(1), to.process(2)];
  let got = 0;
  while (got < 200_000) {
    const moved = read(other.thread, 0, vector([0, PIPE_BYTES]));
    assert.ok(moved > 0);
    for (let i = 0; i < moved; i++) assert.equal(other.program.memory.bytes[i], (got + i) % 251);
    got += moved;
    to.host.run(to.kernel);
  }
  assert.deepEqual(writer.program.resumed, [200_000]);
});

test("sleep and poll keep what is left of their time, on another clock", () => {
  const from = original();
  const [sleeper, poller] = [start(from), start(from)];
  const items: (PollItem & { readonly userdata: string })[] = [
    { fd: 0, events: POLLIN, revents: 0, userdata: "mine" },
    { fd: 99, events: 0, revents: 0, userdata: "none" },
  ];
  const forever = start(from);
  sleepUntil(forever.thread, Infinity);
  sleepUntil(sleeper.thread, from.made.host.now + 10e6);
  assert.equal(poll(poller.thread, items.slice(0, 1), from.made.host.now + 20e6), BLOCKED);
  from.made.host.now += 4e6;

  const to = copyOf(from);
  to.host.run(to.kernel);
  to.host.advance(to.kernel, 6e6 - 1);
  assert.deepEqual(to.process(1).program.resumed, []);
  to.host.advance(to.kernel, 1);
  assert.deepEqual(to.process(1).program.resumed, [0]);
  assert.deepEqual(to.process(2).program.resumed, []);
  to.inputs[0]?.feed(new Uint8Array(1));
  to.host.run(to.kernel);
  assert.deepEqual(to.process(2).program.resumed, [1]);
  const { ended } = to.process(2).thread;
  assert.deepEqual(ended?.kind === "poll" && ended.items, [
    { fd: 0, events: POLLIN, revents: POLLIN, userdata: "mine" },
  ]);
  assert.deepEqual(to.process(3).program.resumed, []);
  assert.equal(to.kernel.scheduler.deadlines, 0);
});

test("calls that were woken, finished or under way are taken along", () => {
  const from = original();
  const [woken, yielded, filling] = [start(from), start(from), start(from)];
  assert.equal(read(woken.thread, 0, vector([0, 10])), BLOCKED);
  from.input.feed(Uint8Array.of(65, 66));
  from.made.kernel.yieldThread(yielded.thread, 99);
  assert.equal(random(filling.thread, 0, TRANSFER_BYTES * 2), BLOCKED);
  const to = copyOf(from);
  to.host.run(to.kernel);
  assert.deepEqual(to.process(1).program.resumed, [2]);
  assert.equal(textAt(to.process(1), 0, 2), "AB");
  assert.deepEqual(to.process(2).program.resumed, [99]);
  assert.deepEqual(to.process(3).program.resumed, [TRANSFER_BYTES * 2]);
});

test("a write or read that goes on in parts does so in the copy", () => {
  const from = original();
  const [file, stream] = [start(from), start(from)];
  const ranges = Array.from({ length: 3 }, (): [number, number] => [0, 900_000]);
  const fd = openAt(file.thread, AT_FDCWD, bytes("long"), O_RDWR | O_CREAT, 0o600, 0);
  assert.equal(write(file.thread, fd, vector(...ranges)), BLOCKED);
  const ends = { readFd: 0, writeFd: 0 };
  assert.equal(makePipe(stream.thread, 0, ends), 0);
  assert.equal(write(stream.thread, ends.writeFd, vector(...ranges)), BLOCKED);
  const to = copyOf(from);
  to.host.run(to.kernel);
  assert.deepEqual(to.process(1).program.resumed, [2_700_000]);
  assert.equal(seek(to.process(1).thread, fd, 0, SEEK_CUR), 2_700_000);
  const writer = to.process(2).thread.pending;
  assert.ok(writer?.kind === "write" && writer.whole?.total === 2_700_000);
  const description = to.process(2).process.descriptors.get(ends.readFd)?.description;
  assert.ok(description !== undefined);
  for (let read = 0; read < 2_700_000; ) {
    const moved = description.file.read(0, new Uint8Array(100_000), 0, 100_000);
    assert.ok(moved > 0);
    read += moved;
    to.host.run(to.kernel);
  }
  assert.deepEqual(to.process(2).program.resumed, [2_700_000]);
});

test("FIFOs come back with their place, their size, what they hold and who waits for a partner", () => {
  const from = original();
  const [one, two] = [start(from), start(from)];
  makeNodeAt(one.thread, AT_FDCWD, bytes("f"), S_IFIFO, 0o600, 0);
  makeNodeAt(one.thread, AT_FDCWD, bytes("g"), S_IFIFO, 0o600, 0);
  const both = openAt(one.thread, AT_FDCWD, bytes("f"), O_RDWR, 0, 0);
  const reader = openAt(one.thread, AT_FDCWD, bytes("f"), O_RDONLY, 0, 0);
  assert.equal(setPipeSize(one.thread, both, 8192), 8192);
  put(one, both, "held");
  const early = openAt(one.thread, AT_FDCWD, bytes("g"), O_RDONLY | O_NONBLOCK, 0, 0);
  close(one.thread, early);
  assert.equal(openAt(two.thread, AT_FDCWD, bytes("g"), O_WRONLY, 0, 0), BLOCKED);

  const to = copyOf(from);
  assert.deepEqual(takeSnapshot(to.kernel).pipes, takeSnapshot(from.made.kernel).pipes);
  const [first, second] = [to.process(1), to.process(2)];
  assert.equal(get(first, reader), "held");
  assert.equal(pipeSize(first.thread, reader), 8192);
  to.host.run(to.kernel);
  assert.deepEqual(second.program.resumed, []);
  const end = openAt(first.thread, AT_FDCWD, bytes("g"), O_RDONLY, 0, 0);
  to.host.run(to.kernel);
  const [fd = -1] = second.program.resumed;
  assert.equal(put(second, fd, "met"), 3);
  assert.equal(get(first, end), "met");
  for (const number of [both, reader, end]) close(first.thread, number);
  close(second.thread, fd);
  assert.equal(to.kernel.pipes.fifos.size, 0);
});

test("a wait for a signal, a pause and a fork that is under way come back", () => {
  const from = original();
  const [one, two, three] = [start(from), start(from), start(from)];
  const set = new SignalSet();
  set.add(SIGUSR1);
  changeMask(one.thread, SIG_SETMASK, set);
  waitForSignal(one.thread, set, from.made.host.now + 50);
  pause(two.thread);
  const wish = { ...FORK, exitSignal: SIGUSR2, descriptorAt: 16, parentAt: 24, clearsHandlers: true };
  three.thread.pending = { ...parked(three.thread), kind: "fork", wish, unwound: false };
  one.process.exitSignal = SIGUSR2;
  const to = copyOf(from);
  assert.equal(to.process(one.process.pid)?.process.exitSignal, SIGUSR2);
  const { pending: forks } = to.process(three.process.pid)?.thread ?? {};
  assert.ok(forks?.kind === "fork");
  assert.deepEqual(forks.wish, wish);
  to.host.run(to.kernel);
  const [first, second, third] = [one, two, three].map(({ process }) => to.process(process.pid));
  // Nothing here can copy a program.
  assert.deepEqual(third?.program.resumed, [-ENOSYS]);
  to.kernel.signal(second?.process ?? one.process, SIGKILL);
  to.host.advance(to.kernel, 50);
  assert.equal(second?.process.status?.signal, SIGKILL);
  assert.deepEqual(first?.program.resumed, [-EAGAIN]);
});
