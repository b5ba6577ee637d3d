import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOCK_MONOTONIC } from "../../src/abi/clock.ts";
import { EAGAIN, EBADF, ENOSYS } from "../../src/abi/errno.ts";
import {
  AT_FDCWD,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
  SEEK_CUR,
} from "../../src/abi/fcntl.ts";
import { IN_CREATE, IN_DELETE } from "../../src/abi/inotify.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { PRIO_PROCESS } from "../../src/abi/resource.ts";
import {
  SA_RESTART,
  SIG_SETMASK,
  SIGCONT,
  SIGKILL,
  SIGRTMIN,
  SIGSTOP,
  SIGUSR1,
  SIGUSR2,
} from "../../src/abi/signal.ts";
import { S_IFIFO } from "../../src/abi/stat.ts";
import { WNOHANG } from "../../src/abi/wait.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { restoreSnapshot as restoreFiles, takeSnapshot as takeFiles } from "../../src/fs/memfs/snapshot.ts";
import { FORK } from "../../src/kernel/cloning.ts";
import { BLOCKED, RESTART } from "../../src/kernel/contracts.ts";
import { takeHandler } from "../../src/kernel/delivery.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { getExtended, setExtended } from "../../src/kernel/operations/extended-attributes.ts";
import { openAt } from "../../src/kernel/operations/files.ts";
import { setAllIds, setFileId } from "../../src/kernel/operations/identity.ts";
import { addWatch, makeInotify, removeWatch } from "../../src/kernel/operations/inotify.ts";
import { close, duplicate, read, seek, write } from "../../src/kernel/operations/io.ts";
import { exit } from "../../src/kernel/operations/lifecycle.ts";
import { lockFile, lockRecord } from "../../src/kernel/operations/locks.ts";
import { linkAt, makeDirectoryAt, makeNodeAt, unlinkAt } from "../../src/kernel/operations/names.ts";
import { makePipe, pipeSize, setPipeSize } from "../../src/kernel/operations/pipes.ts";
import { type PollItem, poll } from "../../src/kernel/operations/poll.ts";
import { setPriority } from "../../src/kernel/operations/priority.ts";
import { setGroup, wait4 } from "../../src/kernel/operations/processes.ts";
import { random } from "../../src/kernel/operations/random.ts";
import {
  changeMask,
  kill,
  pause,
  queueSignal,
  setDisposition,
  waitForSignal,
} from "../../src/kernel/operations/signals.ts";
import { splice } from "../../src/kernel/operations/splice.ts";
import { sleepUntil } from "../../src/kernel/operations/time.ts";
import { createTimer, setIntervalTimer, setTimer } from "../../src/kernel/operations/timers.ts";
import { parked } from "../../src/kernel/pending.ts";
import { DISPOSITION_HANDLER } from "../../src/kernel/process.ts";
import { restoreSnapshot } from "../../src/kernel/restoration.ts";
import { SignalSet } from "../../src/kernel/signal-set.ts";
import { type KernelSnapshot, takeSnapshot } from "../../src/kernel/snapshot.ts";
import { SnapshotError } from "../../src/kernel/snapshot-error.ts";
import { InputStream, OutputStream } from "../../src/kernel/streams.ts";
import { PIPE_BYTES, TRANSFER_BYTES } from "../../src/limits.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import {
  bytes,
  IMAGE,
  type Machine,
  machine,
  putText,
  type RecordingProgram,
  type Running,
  recording,
  SimulatedHost,
  Sink,
  spawn,
  textAt,
  threadOf,
  vector,
} from "./simulated.ts";

interface Original {
  readonly made: Machine;
  readonly fs: MemoryFileSystem;
  readonly sink: Sink;
  readonly input: InputStream;
  readonly output: OutputStream;
}

function original(): Original {
  const fs = new MemoryFileSystem({ dev: 1, clock: new SimulatedHost().clock });
  const made = machine({}, fs);
  const sink = new Sink();
  const input = new InputStream(made.kernel, { consumed() {} }, { terminal: true });
  const output = new OutputStream(made.kernel, sink, { terminal: false });
  return { made, fs, sink, input, output };
}

/** A process with standard streams. */
function start({ made, input, output }: Original): Running {
  return spawn(made, {
    descriptors: [new OpenDescription(input, undefined, O_RDONLY), new OpenDescription(output, undefined, O_WRONLY)],
  });
}

interface Copy {
  readonly kernel: Kernel;
  readonly host: SimulatedHost;
  readonly sink: Sink;
  readonly fs: MemoryFileSystem;
  readonly inputs: InputStream[];
  process(pid: number): Running;
}

/** Write everything out as plain data, and build another kernel from it. */
function copyOf({ made, fs }: Original, change: (snapshot: KernelSnapshot) => KernelSnapshot = (same) => same): Copy {
  const data = structuredClone({ kernel: takeSnapshot(made.kernel), files: takeFiles(fs) });
  const host = new SimulatedHost();
  // Another machine: its clock stands elsewhere.
  host.now = 77_000_000_000;
  const restored = restoreFiles(data.files, host.clock);
  const sink = new Sink();
  const inputs: InputStream[] = [];
  const programs: RecordingProgram[] = [];
  const kernel = restoreSnapshot(change(data.kernel), {
    host,
    mounts: new MountTable(restored.fs),
    loader: recording(programs, TRANSFER_BYTES * 3),
    inode: (_mount, ino) => restored.inode(ino),
    image: (name) => (name === IMAGE.name ? IMAGE : undefined),
    stream(made, stream) {
      if (stream.direction === "out") return new OutputStream(made, sink, stream);
      const input = new InputStream(made, { consumed() {} }, stream);
      input.feed(stream.held);
      if (stream.ended) input.end();
      inputs.push(input);
      return input;
    },
  });
  restored.fs.releaseOrphans();
  return {
    kernel,
    host,
    sink,
    fs: restored.fs,
    inputs,
    process(pid) {
      const process = kernel.process(pid);
      const program = programs.find((one) => one.process === process);
      assert.ok(process !== undefined && program !== undefined);
      return { process, program, thread: threadOf(process) };
    },
  };
}

function get(running: Running, fd: number, length = 100): string | number {
  const moved = read(running.thread, fd, vector([50_000, length]));
  return moved < 0 ? moved : textAt(running, 50_000, moved);
}

function put(running: Running, fd: number, text: string): number {
  putText(running, 0, text);
  return write(running.thread, fd, vector([0, text.length]));
}

test("descriptor tables come back: numbers, offsets, flags, rights, names, and what is shared stays shared", () => {
  const from = original();
  const one = start(from);
  const { thread, process } = one;
  makeDirectoryAt(thread, AT_FDCWD, bytes("d"), 0o755, 0);
  const directory = openAt(thread, AT_FDCWD, bytes("d"), O_RDONLY | O_DIRECTORY, 0, 0);
  const fd = openAt(thread, directory, bytes("f\xff"), O_RDWR | O_CREAT, 0o600, 0);
  const log = openAt(thread, AT_FDCWD, bytes("log"), O_WRONLY | O_CREAT | O_APPEND, 0o600, 0);
  put(one, fd, "0123456789");
  seek(thread, fd, 4, 0);
  const copy = duplicate(thread, fd, 20, true);
  const entry = process.descriptors.get(directory);
  assert.ok(entry);
  entry.rights = 3;
  entry.inheriting = 7;
  entry.preopen = bytes("/d");
  process.umask = 0o077;
  process.calls = 12;
  // Open, but without a name.
  const gone = openAt(thread, AT_FDCWD, bytes("gone"), O_RDWR | O_CREAT, 0o600, 0);
  put(one, gone, "unlinked");
  unlinkAt(thread, AT_FDCWD, bytes("gone"), 0);
  close(thread, 1);

  const to = copyOf(from);
  const two = to.process(1);
  assert.deepEqual(
    [...two.process.descriptors].map(([number]) => number),
    [...process.descriptors].map(([number]) => number),
  );
  assert.equal(get(two, fd, 2), "45");
  assert.equal(get(two, copy, 2), "67");
  assert.equal(two.process.descriptors.get(copy)?.closeOnExec, true);
  assert.equal(seek(thread, fd, 0, SEEK_CUR), 4);
  assert.equal(put(two, log, "ab"), 2);
  assert.equal(seek(two.thread, log, 0, 0), 0);
  assert.equal(put(two, log, "cd"), 2);
  assert.equal(seek(two.thread, log, 0, SEEK_CUR), 4);
  const back = two.process.descriptors.get(directory);
  assert.deepEqual([back?.rights, back?.inheriting, back?.preopen], [3, 7, "/d"]);
  assert.deepEqual([two.process.umask, two.process.calls], [0o077, 12]);
  seek(two.thread, gone, 0, 0);
  assert.equal(get(two, gone), "unlinked");
  assert.equal(to.fs.orphans.size, 1);
  close(two.thread, gone);
  assert.equal(to.fs.orphans.size, 0);
  assert.equal(openAt(two.thread, AT_FDCWD, bytes("new"), O_RDWR | O_CREAT, 0o666, 0), 1);
});

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

test("places, nameless files and calls to be made again come back", () => {
  const from = original();
  const [one, two] = [start(from), start(from)];
  const unnamed = openAt(one.thread, AT_FDCWD, bytes("."), O_RDWR | O_TMPFILE, 0o600, 0);
  put(one, unnamed, "nameless");
  const kept = openAt(one.thread, AT_FDCWD, bytes("f"), O_RDWR | O_CREAT, 0o600, 0);
  const path = openAt(one.thread, AT_FDCWD, bytes("f"), O_PATH, 0, 0);
  setExtended(one.thread, { fd: kept }, bytes("user.k"), Uint8Array.of(1, 2), 0);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(two.thread, 0, ends);
  const file = openAt(two.thread, AT_FDCWD, bytes("g"), O_RDWR | O_CREAT, 0o600, 0);
  const nowhere = { from: undefined, to: undefined };
  assert.equal(splice(two.thread, ends.readFd, file, nowhere, 10, 0), BLOCKED);

  const to = copyOf(from);
  const [first, second] = [to.process(1), to.process(2)];
  assert.equal(read(first.thread, path, vector([0, 1])), -EBADF);
  assert.equal(first.process.descriptors.get(path)?.description.location?.name, "f");
  assert.deepEqual(getExtended(first.thread, { fd: kept }, bytes("user.k")), Uint8Array.of(1, 2));
  assert.equal(linkAt(first.thread, unnamed, bytes(""), 0, AT_FDCWD, bytes("named"), 0), 0);
  seek(first.thread, unnamed, 0, 0);
  assert.equal(get(first, unnamed), "nameless");
  to.host.run(to.kernel);
  assert.deepEqual(second.program.resumed, []);
  assert.equal(put(second, ends.writeFd, "bytes"), 5);
  to.host.run(to.kernel);
  assert.deepEqual(second.program.resumed, [RESTART]);
});

test("watches come back, with events nobody has read yet", () => {
  const from = original();
  const one = start(from);
  const fd = makeInotify(one.thread, true, false);
  makeDirectoryAt(one.thread, AT_FDCWD, bytes("d"), 0o755, 0);
  const wd = addWatch(one.thread, fd, bytes("d"), IN_CREATE | IN_DELETE);
  assert.equal(wd, 1);
  makeDirectoryAt(one.thread, AT_FDCWD, bytes("d/before"), 0o755, 0);
  const to = copyOf(from);
  const copy = to.process(1);
  makeDirectoryAt(copy.thread, AT_FDCWD, bytes("d/after"), 0o755, 0);
  const told = get(copy, fd);
  assert.ok(typeof told === "string" && /before\0.*after\0/s.test(told), `${told}`);
  assert.equal(removeWatch(copy.thread, fd, wd), 0);
  assert.equal(to.kernel.mounts.watcher, undefined);
  assert.notEqual(from.made.kernel.mounts.watcher, undefined);
});

test("locks come back with their holders, and so do those who wait for them", () => {
  const from = original();
  const [one, two, three] = [start(from), start(from), start(from)];
  const whole = { start: 0, end: Infinity };
  const open = (who: Running): number => openAt(who.thread, AT_FDCWD, bytes("f"), O_RDWR | O_CREAT, 0o600, 0);
  const [a, b, c] = [open(one), open(two), open(three)];
  const record = { kind: "process", how: "exclusive", start: 5, end: 10 } as const;
  const own = { kind: "description", how: "shared", start: 20, end: Infinity } as const;
  assert.equal(lockRecord(one.thread, a, record, false), 0);
  assert.equal(lockRecord(one.thread, a, own, false), 0);
  assert.equal(lockFile(one.thread, a, "exclusive", false), 0);
  assert.equal(lockRecord(two.thread, b, { ...record, ...whole }, true), BLOCKED);
  assert.equal(lockFile(three.thread, c, "shared", true), BLOCKED);

  const to = copyOf(from);
  assert.deepEqual(takeSnapshot(to.kernel).locks, takeSnapshot(from.made.kernel).locks);
  const [first, second, third] = [to.process(1), to.process(2), to.process(3)];
  to.host.run(to.kernel);
  assert.deepEqual([...second.program.resumed, ...third.program.resumed], []);
  assert.equal(lockRecord(first.thread, a, { ...record, how: "none", ...whole }, false), 0);
  to.host.run(to.kernel);
  assert.deepEqual(second.program.resumed, []);
  // The description's own and flock's go with it.
  close(first.thread, a);
  to.host.run(to.kernel);
  assert.deepEqual([...second.program.resumed, ...third.program.resumed], [0, 0]);
  close(second.thread, b);
  close(third.thread, c);
  assert.ok(to.kernel.locks.idle);
});

test("who a process is comes back: real, effective, saved, since when, and what it has computed", () => {
  const from = original();
  const one = start(from);
  setAllIds(one.thread, "group", 4, 5, 6);
  setAllIds(one.thread, "user", 1, 2, 3);
  setFileId(one.thread, "user", 1);
  setPriority(one.thread, PRIO_PROCESS, 0, 7);
  from.made.host.now += 25e6;
  sleepUntil(one.thread, Infinity);
  const { process } = copyOf(from).process(1);
  assert.deepEqual(process.userIdentity, { real: 1, effective: 2, saved: 3 });
  assert.deepEqual(process.groupIdentity, { real: 4, effective: 5, saved: 6 });
  assert.deepEqual(process.credentials, { uid: 1, gid: 5, groups: [] });
  assert.deepEqual([process.nice, process.dumpable], [7, false]);
  assert.deepEqual([process.cpuNs, process.kernel.host.clock.monotonicNs() - process.startNs], [25e6, 25e6]);
});

test("standard streams are tied to the new host", () => {
  const from = original();
  start(from);
  from.input.feed(Uint8Array.of(72, 105));
  from.input.end();
  const to = copyOf(from);
  const one = to.process(1);
  assert.equal(get(one, 0, 1), "H");
  assert.equal(get(one, 0), "i");
  assert.equal(get(one, 0), "");
  assert.equal(put(one, 1, "out"), 3);
  assert.equal(to.sink.text, "out");
  assert.equal(from.sink.text, "");
});

test("families, ends and processes not yet entered come back", () => {
  const from = original();
  const { kernel, host } = from.made;
  const parent = start(from);
  const zombie = spawn(from.made, { parent: parent.process });
  kernel.programEnded(zombie.process, { code: 4, signal: 0 });
  const ending = spawn(from.made, { parent: parent.process });
  exit(ending.thread, 6);
  const fresh = kernel.spawn({ image: IMAGE, argv: [], env: [bytes("K=\xff")], cwd: bytes("/") });
  assert.ok(typeof fresh === "object");
  host.deferrals.length = 0;

  const to = copyOf(from);
  const copy = to.kernel.process(zombie.process.pid);
  assert.ok(copy);
  assert.deepEqual(to.kernel.reap(copy), { code: 4, signal: 0 });
  assert.equal(to.process(fresh.pid).program.started, 0);
  to.host.run(to.kernel);
  assert.equal(to.process(parent.process.pid).program.started, 0);
  assert.equal(to.process(fresh.pid).program.started, 1);
  assert.deepEqual(to.process(fresh.pid).process.env, ["K=\xff"]);
  assert.deepEqual(to.kernel.process(ending.process.pid)?.status, { code: 6, signal: 0 });
  const next = to.kernel.spawn({ image: IMAGE, argv: [], env: [], cwd: bytes("/") });
  assert.ok(typeof next === "object" && next.pid === fresh.pid + 1);
});

test("a copy of a copy is the same", () => {
  const from = original();
  const one = start(from);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(one.thread, 0, ends);
  openAt(one.thread, AT_FDCWD, bytes("f"), O_RDWR | O_CREAT, 0o600, 0);
  put(one, ends.writeFd, "in the pipe");
  sleepUntil(one.thread, from.made.host.now + 5);
  const to = copyOf(from);
  const again = takeSnapshot(to.kernel);
  const first = takeSnapshot(from.made.kernel);
  // Streams are new objects with numbers of their own.
  const comparable = (snapshot: KernelSnapshot) => ({ ...snapshot, streams: [], nextIno: 0 });
  assert.deepEqual(comparable(again), comparable(first));
});

test("a snapshot that does not fit is refused", () => {
  const from = original();
  const one = start(from);
  const fd = openAt(one.thread, AT_FDCWD, bytes("f"), O_RDWR | O_CREAT, 0o600, 0);
  assert.ok(fd > 0);
  const changes: ((snapshot: KernelSnapshot) => unknown)[] = [
    (snapshot) => ({ ...snapshot, version: 2 }),
    (snapshot) => ({ ...snapshot, descriptions: [] }),
    (snapshot) => ({ ...snapshot, streams: [] }),
    (snapshot) => ({ ...snapshot, processes: [...snapshot.processes, ...snapshot.processes] }),
    (snapshot) => ({ ...snapshot, processes: snapshot.processes.map((all) => ({ ...all, image: "other" })) }),
    (snapshot) => ({ ...snapshot, processes: snapshot.processes.map((all) => ({ ...all, parent: 9 })) }),
    (snapshot) => ({
      ...snapshot,
      processes: snapshot.processes.map((all) => ({ ...all, cwd: { mount: 5, ino: 1 } })),
    }),
    (snapshot) => ({
      ...snapshot,
      processes: snapshot.processes.map((all) => ({ ...all, cwd: { mount: 0, ino: 999 } })),
    }),
    (snapshot) => ({
      ...snapshot,
      processes: snapshot.processes.map((all) => ({
        ...all,
        descriptors: all.descriptors.map((entry) => ({ ...entry, fd: 2 ** 31 })),
      })),
    }),
  ];
  for (const change of changes) {
    assert.throws(() => copyOf(from, (snapshot) => change(snapshot) as KernelSnapshot), SnapshotError);
  }
});

test("kin, signals, timers and waits come back", () => {
  const from = original();
  const parent = start(from);
  const child = spawn(from.made, { parent: parent.process });
  const { kernel } = from.made;
  const action = { handler: 3, flags: SA_RESTART, maskLow: 5, maskHigh: 6 };
  setDisposition(parent.thread, SIGUSR1, { kind: DISPOSITION_HANDLER, action });
  setGroup(parent.thread, child.process.pid, 0);
  changeMask(child.thread, SIG_SETMASK, new SignalSet(1 << (SIGUSR2 - 1), 1));
  for (const value of [1, 2])
    queueSignal(parent.thread, child.process.pid, SIGRTMIN + 1, { code: -1, pid: 7, uid: 8, value });
  kill(parent.thread, child.process.pid, SIGSTOP);
  const out = { valueNs: 0, intervalNs: 0 };
  setIntervalTimer(parent.thread, 0, { valueNs: 700, intervalNs: 0 }, out);
  createTimer(parent.thread, CLOCK_MONOTONIC, SIGUSR1, 9, undefined);
  setTimer(parent.thread, 0, { valueNs: 100, intervalNs: 30 }, false, out);
  assert.equal(wait4(parent.thread, child.process.pid, 0), BLOCKED);

  const to = copyOf(from);
  const [again, kid] = [to.process(parent.process.pid), to.process(child.process.pid)];
  assert.deepEqual(takeSnapshot(to.kernel), takeSnapshot(kernel));
  assert.equal(kid.process.parent, again.process);
  assert.equal(kid.process.group, child.process.pid);
  assert.equal(kid.process.session, again.process.pid);
  assert.ok(kid.thread.mask.has(SIGUSR2));
  assert.deepEqual(again.process.actions[SIGUSR1], action);
  // The timer's signal makes the wait be made again, as its handler asks.
  to.host.advance(to.kernel, 100);
  assert.deepEqual(again.program.resumed, [RESTART]);
  assert.equal(takeHandler(again.thread)?.info.value, 9);
  assert.equal(wait4(again.thread, kid.process.pid, WNOHANG), 0);
  to.kernel.signal(kid.process, SIGCONT);
  to.kernel.signal(kid.process, SIGKILL);
  to.host.run(to.kernel);
  assert.equal(wait4(again.thread, kid.process.pid, 0), kid.process.pid);
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
