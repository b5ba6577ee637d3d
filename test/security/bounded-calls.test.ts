/**
 * What a guest can pile up or ask for at the edges, and what one call of it may cost: each of these once threw, took long, or gave
 * what was not its own.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENOENT, ENOMEM, ENOSPC, ENXIO, EPERM } from "../../src/abi/errno.ts";
import { O_CREAT, O_RDWR } from "../../src/abi/fcntl.ts";
import { SPAWN, SPAWN_ACTION, SPAWN_CHDIR, SPAWN_CLOSE, SPAWN_OPEN } from "../../src/abi/spawn.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import type { KernelFacts, MappingFacts } from "../../src/fs/procfs/facts.ts";
import { ProcFileSystem } from "../../src/fs/procfs/procfs.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import type { Descriptor } from "../../src/kernel/descriptors.ts";
import { changeDirectory } from "../../src/kernel/operations/directories.ts";
import { openAt } from "../../src/kernel/operations/files.ts";
import { write } from "../../src/kernel/operations/io.ts";
import { map } from "../../src/kernel/operations/memory.ts";
import { makeDirectoryAt } from "../../src/kernel/operations/names.ts";
import { makePipe } from "../../src/kernel/operations/pipes.ts";
import { MAPPINGS, PIPE_BUF, PROC_KEPT_BYTES, TRANSFER_BYTES, WAITING_BYTES } from "../../src/limits.ts";
import type { Inode, OpenFile } from "../../src/vfs/contracts.ts";
import { SharedWorld } from "../kernel/shared-world.ts";
import { bytes, SimulatedHost, vector } from "../kernel/simulated.ts";
import { processorMs } from "../processor-time.ts";
import { Guest } from "../syscalls/guest.ts";

/** Milliseconds what is bounded takes at most, on a busy machine. */
const BOUNDED_MS = 3000;

test("a timer set for longer than time lasts is told in whole seconds that fit", () => {
  const guest = new Guest();
  const longest = guest.room(32);
  for (const at of [16, 0]) guest.memory.view.setBigInt64(longest + at, (1n << 63n) - 1n, true);
  guest.must("setitimer", 0, longest, 0);
  const left = guest.must("alarm", 1);
  assert.ok(Number.isInteger(left) && left > 0 && left <= 0xffff_ffff, `${left}`);
  guest.must("timer_create", 1, 0, longest + 16);
  guest.memory.view.setBigInt64(longest + 16, (1n << 63n) - 1n, true);
  guest.must("timer_settime", 0, 0, longest, longest);
  assert.ok(guest.i64(guest.must("timer_gettime", 0, longest) + longest + 16) > 2 ** 32);
});

test("a count is written by its first eight bytes, however many there are", () => {
  const guest = new Guest();
  const fd = guest.must("eventfd2", 0, 0);
  const words = guest.longs(3, 4);
  assert.equal(guest.call("write", fd, words, 16), 8);
  assert.equal(guest.call("writev", fd, guest.vector([words, 4], [words + 4, 12]), 2), 8);
  guest.must("read", fd, words, 8);
  assert.equal(guest.i64(words), 6);
  // One that waits for room is over with its eight bytes too.
  guest.memory.view.setBigUint64(words, 0xffff_ffff_ffff_fffen, true);
  guest.must("write", fd, words, 8);
  guest.memory.putU64(words, 1);
  assert.equal(guest.call("write", fd, words, 16), BLOCKED);
  guest.process.descriptors.get(fd)?.description.file.read(0, new Uint8Array(8), 0, 8);
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [8]);
});

test("what stands on no mount is changed by its owner alone", () => {
  const guest = new Guest({ terminal: true });
  const ends = guest.room(8);
  guest.must("pipe", ends);
  guest.must("setuid", 1000);
  for (const fd of [0, guest.u32(ends)]) {
    assert.equal(guest.call("fchmod", fd, 0o777), -EPERM);
    assert.equal(guest.call("fchown", fd, 1000, -1), -EPERM);
  }
  guest.must("pipe", ends);
  guest.must("fchmod", guest.u32(ends), 0o600);
});

test("a pipe behind a link of /proc is not watched", () => {
  const guest = new Guest();
  const ends = guest.room(8);
  guest.must("pipe", ends);
  const watcher = guest.must("inotify_init1", 0);
  const link = guest.text(`/proc/self/fd/${guest.u32(ends)}`);
  assert.equal(guest.call("inotify_add_watch", watcher, link, 2), -ENXIO);
});

test("posix_spawn does not wait for a FIFO's other end, and nobody waits for it", () => {
  const guest = new Guest();
  guest.must("mknod", guest.text("fifo"), 0o10644, 0);
  const path = guest.text("fifo");
  const request = guest.room(SPAWN.size);
  const action = guest.room(SPAWN_ACTION.size);
  const { view } = guest.memory;
  view.setUint32(request + SPAWN.path, path, true);
  view.setUint32(request + SPAWN.argv, guest.room(8), true);
  view.setUint32(request + SPAWN.actions, action, true);
  view.setUint32(request + SPAWN.count, 1, true);
  view.setInt32(action + SPAWN_ACTION.command, SPAWN_OPEN, true);
  view.setUint32(action + SPAWN_ACTION.path, path, true);
  for (const flags of [0, 1]) {
    view.setInt32(action + SPAWN_ACTION.flags, flags, true);
    assert.equal(guest.import("__linden_spawn", request), -ENXIO);
    // Neither end is open: a writer that must not wait finds no reader.
    assert.equal(guest.open("fifo", 0x801), -ENXIO);
  }
  assert.equal(guest.kernel.processes.length, 1);
});

test("posix_spawn follows a bounded number of paths, and closes and copies as many descriptors as ever", () => {
  const guest = new Guest();
  const [path, root] = [guest.text("none"), guest.text("/")];
  const [request, actions] = [guest.room(SPAWN.size), guest.room(4096 * SPAWN_ACTION.size)];
  const { view } = guest.memory;
  view.setUint32(request + SPAWN.path, path, true);
  view.setUint32(request + SPAWN.argv, guest.room(8), true);
  view.setUint32(request + SPAWN.actions, actions, true);
  const spawn = (paths: number, others: number): number => {
    view.setUint32(request + SPAWN.count, paths + others, true);
    for (let i = 0; i < paths + others; i++) {
      const at = actions + i * SPAWN_ACTION.size;
      view.setInt32(at + SPAWN_ACTION.command, i < paths ? SPAWN_CHDIR : SPAWN_CLOSE, true);
      view.setInt32(at + SPAWN_ACTION.fd, 99, true);
      view.setUint32(at + SPAWN_ACTION.path, root, true);
    }
    return guest.import("__linden_spawn", request);
  };
  // As far as the program, which is not there.
  assert.equal(spawn(256, 0), -ENOENT);
  assert.equal(spawn(256, 3840), -ENOENT);
  assert.equal(spawn(257, 0), -ENOMEM);
});

test("a list of epoll with many watches is closed at once", () => {
  const guest = new Guest();
  const [list, event] = [guest.must("epoll_create1", 0), guest.longs(1, 1)];
  const first = 10;
  const kept: Descriptor[] = [];
  for (let round = 0; round < 12; round++) {
    for (let fd = first; fd < 1000; fd++) {
      const made = guest.must("eventfd2", 1, 0);
      if (made !== fd) {
        guest.must("dup2", made, fd);
        guest.must("close", made);
      }
      const descriptor = guest.process.descriptors.get(fd);
      assert.ok(descriptor);
      // As a child's descriptors would, this keeps it open when its number is given to another.
      descriptor.description.acquire();
      kept.push(descriptor);
      guest.must("epoll_ctl", list, 1, fd, event);
    }
  }
  assert.equal(guest.kernel.epollCounts.watches, kept.length);
  const start = processorMs();
  guest.must("close", list);
  assert.ok(processorMs() - start < 500, `${processorMs() - start} ms`);
  assert.equal(guest.kernel.epollCounts.watches, 0);
  assert.ok(kept.every(({ description }) => description.watches.length === 0));
});

test("attributes of a file are no more than can be listed, and are charged at what they cost", () => {
  const fs = new MemoryFileSystem({ dev: 1, clock: new SimulatedHost().clock, bytes: 8 * 1024 * 1024 });
  const file = fs.create(fs.root, bytes("f"), 0o644, { uid: 0, gid: 0 });
  assert.ok(typeof file === "object");
  let made = 0;
  while (fs.attributes.set(file, bytes(`user.${made}`), new Uint8Array(0)) === 0) made += 1;
  assert.ok(made > 5000 && made < 65_536 / 8, `${made}`);
  assert.equal(fs.attributes.set(file, bytes("user.0"), new Uint8Array(9)), 0);
  assert.ok(fs.budget.bytesUsed / made > 300);
  assert.equal(fs.attributes.set(file, bytes("user.one more"), new Uint8Array(0)), -ENOSPC);
  for (let i = 0; i < made; i++) assert.equal(fs.attributes.remove(file, bytes(`user.${i}`)), 0);
  assert.equal(fs.budget.bytesUsed, 0);
});

test("paths longer than any call takes are told by nothing, however many mappings there are of one", () => {
  const world = new SharedWorld({ far: true });
  const guest = world.process();
  const name = bytes("n".repeat(255));
  for (let depth = 0; depth < 2000; depth++) {
    world.as(guest, (thread) => makeDirectoryAt(thread, -100, name, 0o755, 0));
    assert.equal(
      world.as(guest, (thread) => changeDirectory(thread, name)),
      0,
    );
  }
  const fd = world.as(guest, (thread) => openAt(thread, -100, bytes("f"), O_RDWR | O_CREAT, 0o644, 0));
  for (let i = 0; i < 1500; i++) assert.ok(world.map(guest, fd, 4096, 0) >= 0);
  const start = processorMs();
  const facts = world.kernel.facts.process(guest.pid);
  assert.ok(facts);
  const labels = facts.mappings.map(({ label }) => label.length);
  assert.ok(Math.max(...labels) < 4096);
  assert.ok(processorMs() - start < BOUNDED_MS);
});

test("blocked writes of all threads together keep no more than their limit, and the rest write less", () => {
  const world = new SharedWorld({ processes: 100 });
  const first = world.process();
  world.as(first, (thread) =>
    map(thread, { address: 0, length: 2 ** 21, protection: 3, flags: 0x22, fd: -1, offset: 0 }),
  );
  const ends = { readFd: 0, writeFd: 0 };
  assert.equal(
    world.as(first, (thread) => makePipe(thread, 0, ends)),
    0,
  );
  for (let i = 0; i < 80; i++) {
    const child = world.fork(first);
    assert.equal(
      world.as(child, (thread) => write(thread, ends.writeFd, vector([65_536, TRANSFER_BYTES]))),
      BLOCKED,
    );
    assert.ok(world.kernel.scheduler.waitingBytes <= WAITING_BYTES + 80 * PIPE_BUF);
  }
  assert.ok(world.kernel.scheduler.waitingBytes > WAITING_BYTES - TRANSFER_BYTES);
  // The last of them waits with a part of what it was to write.
  const last = world.kernel.processes.at(-1);
  assert.ok(last?.threads[0]?.pending?.kind === "write");
  assert.equal(last.threads[0].pending.bytes.length, PIPE_BUF);
  for (const process of world.kernel.processes) if (process !== first) world.end(process);
  assert.equal(world.kernel.scheduler.waitingBytes, 0);
});

test("open files of /proc keep texts up to their limit together, and say the same without", () => {
  const guest = new Guest({ argv: ["test", "x".repeat(60_000)] });
  const proc = new ProcFileSystem(9, () => guest.kernel.facts);
  const inode = proc.lookup(proc.lookup(proc.root, bytes(`${guest.process.pid}`)) as Inode, bytes("cmdline"));
  assert.ok(typeof inode === "object");
  const files = Array.from({ length: 600 }, () => proc.open(inode));
  const part = new Uint8Array(8);
  for (const file of files) {
    assert.ok(typeof file === "object");
    file.read(0, part, 0, 8);
    assert.ok(proc.keptBytes <= PROC_KEPT_BYTES);
  }
  const last = files.at(-1);
  assert.ok(typeof last === "object");
  assert.equal(last.read(5, part, 0, 4), 4);
  assert.equal(String.fromCharCode(...part.subarray(0, 4)), "xxxx");
  for (const file of files) if (typeof file === "object") file.close();
  assert.equal(proc.keptBytes, 0);
});

test("what smaps says of very many mappings is made as far as it is read, and reads on where it stood", () => {
  const mapping = (i: number): MappingFacts => ({
    start: i * 8192,
    end: i * 8192 + 4096,
    protection: 3,
    offset: 0,
    label: bytes(""),
    inode: undefined,
    shared: false,
    sharers: 1,
  });
  let mappings = Array.from({ length: MAPPINGS }, (_, i) => mapping(i));
  const pid = 7;
  const ours = {
    pid,
    get mappings() {
      return mappings;
    },
  };
  const proc = new ProcFileSystem(9, () => ({ process: () => ours, mounts: [] }) as unknown as KernelFacts);
  const file = (name: string) => {
    const inode = proc.lookup(proc.lookup(proc.root, bytes(`${pid}`)) as Inode, bytes(name));
    const open = proc.open(inode as Inode);
    return typeof open === "object" ? open : assert.fail(name);
  };
  const text = (open: OpenFile, position: number, length: number) => {
    const part = new Uint8Array(length);
    return String.fromCharCode(...part.subarray(0, open.read(position, part, 0, length)));
  };
  const smaps = file("smaps");
  const start = processorMs();
  for (let i = 0; i < 1000; i++) assert.equal(text(smaps, i * 8, 8).length, 8);
  assert.ok(processorMs() - start < BOUNDED_MS, `${processorMs() - start} ms`);
  // Whoever reads its end makes all of it, and no more than once.
  assert.equal(text(smaps, 2 ** 40, 8), "");
  assert.ok(processorMs() - start < BOUNDED_MS, `${processorMs() - start} ms`);
  mappings = mappings.slice(0, 40);
  for (const name of ["maps", "smaps"]) {
    const whole = text(file(name), 0, 100_000);
    for (const step of [1, 7, 100, 4096]) {
      const open = file(name);
      let parts = "";
      for (let part = text(open, 0, step); part !== ""; part = text(open, parts.length, step)) parts += part;
      assert.equal(parts, whole, `${name} in steps of ${step}`);
      assert.equal(text(open, 5, 50), whole.slice(5, 55), "back at its beginning");
    }
    // What is unmapped meanwhile is not told, and nothing is told twice.
    const open = file(name);
    const length = whole.length / 40;
    assert.equal(text(open, 0, 2 * length), whole.slice(0, 2 * length));
    mappings = mappings.filter((_, i) => i !== 0 && i !== 2);
    assert.equal(text(open, 2 * length, 2 * length), whole.slice(3 * length, 5 * length));
    mappings = Array.from({ length: 40 }, (_, i) => mapping(i));
  }
});
