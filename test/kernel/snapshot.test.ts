/** All that a kernel keeps comes back from plain data; calls that wait are in pending-snapshot.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOCK_MONOTONIC } from "../../src/abi/clock.ts";
import { EBADF } from "../../src/abi/errno.ts";
import {
  AT_FDCWD,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
  SEEK_CUR,
} from "../../src/abi/fcntl.ts";
import { IN_CREATE, IN_DELETE } from "../../src/abi/inotify.ts";
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
import { WNOHANG } from "../../src/abi/wait.ts";
import { BLOCKED, RESTART } from "../../src/kernel/contracts.ts";
import { takeHandler } from "../../src/kernel/delivery.ts";
import { getExtended, setExtended } from "../../src/kernel/operations/extended-attributes.ts";
import { openAt } from "../../src/kernel/operations/files.ts";
import { setAllIds, setFileId } from "../../src/kernel/operations/identity.ts";
import { addWatch, makeInotify, removeWatch } from "../../src/kernel/operations/inotify.ts";
import { close, duplicate, read, seek } from "../../src/kernel/operations/io.ts";
import { exit } from "../../src/kernel/operations/lifecycle.ts";
import { lockFile, lockRecord } from "../../src/kernel/operations/locks.ts";
import { linkAt, makeDirectoryAt, unlinkAt } from "../../src/kernel/operations/names.ts";
import { makePipe } from "../../src/kernel/operations/pipes.ts";
import { setPriority } from "../../src/kernel/operations/priority.ts";
import { setGroup, wait4 } from "../../src/kernel/operations/processes.ts";
import { changeMask, dispositionOf, kill, queueSignal, setDisposition } from "../../src/kernel/operations/signals.ts";
import { splice } from "../../src/kernel/operations/splice.ts";
import { sleepUntil } from "../../src/kernel/operations/time.ts";
import { createTimer, setIntervalTimer, setTimer } from "../../src/kernel/operations/timers.ts";
import { DISPOSITION_HANDLER, DISPOSITION_IGNORE } from "../../src/kernel/process.ts";
import { SignalSet } from "../../src/kernel/signal-set.ts";
import { type KernelSnapshot, takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { SnapshotError } from "../../src/kernel/snapshot/snapshot-error.ts";
import { copyOf, get, original, put, start } from "./restored-world.ts";
import { bytes, IMAGE, type Running, spawn, vector } from "./simulated.ts";

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
  setDisposition(parent.thread, SIGUSR2, { kind: DISPOSITION_IGNORE, action });
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
  assert.deepEqual(dispositionOf(again.thread, SIGUSR2), { kind: DISPOSITION_IGNORE, action });
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
