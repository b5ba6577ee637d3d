/**
 * What single calls may cost in states that guests can build, counted where it can be: each of these once grew with the square of what
 * there was, so that one call took minutes and nothing could interrupt it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EDEADLOCK } from "../../src/abi/errno.ts";
import { O_RDWR } from "../../src/abi/fcntl.ts";
import { BLOCKED, type Outcome } from "../../src/kernel/contracts.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import { CounterFile } from "../../src/kernel/events/counter-file.ts";
import { EpollFile } from "../../src/kernel/events/epoll-file.ts";
import { InotifyFile } from "../../src/kernel/inotify.ts";
import { FileLocks, type Lock, LockTable } from "../../src/kernel/locks.ts";
import { lockRecord } from "../../src/kernel/operations/locks.ts";
import { map, protect } from "../../src/kernel/operations/memory.ts";
import { attachSegment, detachSegment, openSegment } from "../../src/kernel/operations/segments.ts";
import { Thread } from "../../src/kernel/process.ts";
import { SharedFile } from "../../src/kernel/shared-file.ts";
import { walk } from "../../src/vfs/walk.ts";
import { PAGE, SharedWorld } from "../kernel/shared-world.ts";
import { bytes } from "../kernel/simulated.ts";
import { Guest } from "../syscalls/guest.ts";

/** Count calls of a method while something runs. */
function counted<T extends object, K extends keyof T>(prototype: T, name: K, act: () => void): number {
  const original = prototype[name] as (...args: unknown[]) => unknown;
  let calls = 0;
  const counting = function (this: T, ...args: unknown[]): unknown {
    calls += 1;
    return original.apply(this, args);
  };
  prototype[name] = counting as T[K];
  try {
    act();
  } finally {
    prototype[name] = original as T[K];
  }
  return calls;
}

test("mprotect of many views of one file reads each of them once", () => {
  const world = new SharedWorld();
  const process = world.process();
  const views = 200;
  const fd = world.open(process, "file");
  world.as(process, ({ process: { descriptors } }) => {
    const inode = descriptors.get(fd)?.description.file.inode;
    assert.ok(inode !== undefined && inode.fs.setattr(inode, { size: 2 * views * PAGE }) === 0);
  });
  const start = world.map(process, fd, 2 * views * PAGE);
  world.as(process, (thread) => {
    // What may not be written stands between: they do not become one.
    for (let i = 0; i < views; i++) assert.equal(protect(thread, start + 2 * i * PAGE, PAGE, 1), 0);
    assert.equal(process.space.within(start, 2 * views * PAGE).length, 2 * views);
    const reads = counted(SharedFile.prototype, "read", () => {
      assert.equal(protect(thread, start, 2 * views * PAGE, 3), 0);
    });
    assert.ok(reads > 0 && reads <= views + 10, `${reads} reads`);
  });
});

test("one more view of a file with many is read alone", () => {
  const world = new SharedWorld();
  const process = world.process();
  const fd = world.open(process, "file");
  const views = 100;
  world.as(process, (thread) => {
    const mapOne = (): number => map(thread, { address: 0, length: PAGE, protection: 1, flags: 1, fd, offset: 0 });
    for (let i = 0; i < views; i++) assert.ok(mapOne() > 0);
    const reads = counted(SharedFile.prototype, "read", () => {
      assert.ok(mapOne() > 0);
    });
    assert.equal(reads, 1);
  });
});

test("a segment in many pieces is detached with one look at what it and others hold", () => {
  const world = new SharedWorld();
  const process = world.process();
  const pages = 60;
  world.as(process, (thread) => {
    const address = attachSegment(thread, openSegment(thread, 0, pages * PAGE, 0o600), 0, 0);
    assert.ok(attachSegment(thread, openSegment(thread, 0, 10 * PAGE, 0o600), 0, 0) > 0);
    for (let i = 0; i < pages; i += 2) assert.equal(protect(thread, address + i * PAGE, PAGE, 1), 0);
    assert.equal(process.space.within(address, pages * PAGE).length, pages);
    let answer: Outcome = -1;
    const reads = counted(SharedFile.prototype, "read", () => {
      answer = detachSegment(thread, address);
    });
    assert.equal(answer, 0);
    assert.ok(reads > 0 && reads <= pages + 10, `${reads} reads`);
    assert.equal(process.space.within(address, pages * PAGE).length, 0);
    assert.equal(process.shares.length, 1);
  });
});

test("of all that is known of a file of the host, what a mapping wants is found with few looks", () => {
  const world = new SharedWorld({ far: true, sharedBytes: 40 * 1024 * 1024 });
  const process = world.process();
  const fd = world.open(process, "file");
  world.as(process, ({ process: { descriptors } }) => {
    const inode = descriptors.get(fd)?.description.file.inode;
    assert.ok(inode !== undefined && inode.fs.setattr(inode, { size: 8000 * PAGE }) === 0);
  });
  assert.ok(world.map(process, fd, PAGE) > 0);
  const [file] = world.kernel.shared.files();
  assert.ok(file?.origin !== undefined);
  let looks = 0;
  const every = Array.from({ length: 4000 }, (_, i) => ({
    start: 2 * i * PAGE,
    get end() {
      looks += 1;
      return this.start + PAGE;
    },
  }));
  file.loaded.splice(0, file.loaded.length, ...every);
  assert.equal(file.load(7000 * PAGE, 7001 * PAGE), 0);
  assert.equal(file.loaded.length, 4000);
  // What stood between two makes them one.
  assert.equal(file.load(7001 * PAGE, 7002 * PAGE), 0);
  assert.equal(file.loaded.length, 3999);
  assert.deepEqual({ ...file.loaded[3500] }, { start: 7000 * PAGE, end: 7003 * PAGE });
  assert.ok(looks < 100, `${looks} looks`);
  // From before the first to behind the last, in holes and across them: all becomes one.
  assert.equal(file.load(0, 8000 * PAGE), 0);
  assert.deepEqual({ ...file.loaded[0] }, { start: 0, end: 8000 * PAGE });
  assert.equal(file.loaded.length, 1);
});

/** Locks that count how often anybody looks at them. */
function watchedLock(lock: Lock, seen: () => void): Lock {
  const look = <T>(value: T): T => {
    seen();
    return value;
  };
  return {
    kind: lock.kind,
    exclusive: lock.exclusive,
    pid: lock.pid,
    get owner() {
      return look(lock.owner);
    },
    get start() {
      return look(lock.start);
    },
    get end() {
      return look(lock.end);
    },
  };
}

test("who gives up its locks on a file, or has none, looks at no others", () => {
  const guest = new Guest();
  const fd = guest.file("/locked", "x");
  const description = guest.process.descriptors.get(fd)?.description;
  assert.ok(description !== undefined);
  const { file } = description;
  const table = new LockTable({ wake() {} });
  const owners = Array.from({ length: 1000 }, () => new OpenDescription(file, undefined, O_RDWR));
  let looks = 0;
  owners.forEach((owner, i) => {
    const lock: Lock = { kind: "description", owner, exclusive: true, start: 2 * i, end: 2 * i + 1, pid: -1 };
    assert.equal(
      table.take(
        file.inode,
        watchedLock(lock, () => looks++),
      ),
      0,
    );
  });
  looks = 0;
  table.releaseAll(file.inode, guest.process);
  assert.equal(looks, 0);
  const last = owners.at(-1);
  assert.ok(last !== undefined);
  table.releaseAll(file.inode, last);
  assert.ok(looks < 50, `${looks} looks`);
  assert.equal([...table].length, owners.length - 1);
});

test("a wait for a record follows a bounded number of others that wait", () => {
  const guest = new Guest();
  const { kernel, process, thread } = guest;
  const fd = guest.file("/records", "x");
  const ask = (one: Thread, start: number): number =>
    lockRecord(one, fd, { kind: "process", how: "exclusive", start, end: start + 1 }, true);
  assert.equal(ask(thread, 0), 0);
  const threads = (of: typeof process, count: number): Thread[] =>
    Array.from({ length: count }, () => new Thread(of, kernel.nextPid++));
  const pid = kernel.spawn(
    { image: process.image, argv: [], env: [], cwd: "/" as never },
    { descriptors: [...process.descriptors].map(([, { description }]) => description) },
  );
  assert.ok(typeof pid === "object");
  // The other process has what is wanted, and each of its threads waits for what is the first one's.
  assert.equal(
    lockRecord(pid.threads[0] as Thread, fd, { kind: "process", how: "exclusive", start: 5, end: 6 }, false),
    0,
  );
  for (const one of threads(pid, 200))
    assert.equal(lockRecord(one, fd, { kind: "process", how: "exclusive", start: 0, end: 1 }, true), BLOCKED);
  const own = process.descriptors.get(fd)?.description.file.inode;
  assert.ok(own !== undefined);
  let answer = 0;
  const looks = counted(FileLocks.prototype, "conflict", () => {
    answer = ask(threads(process, 1)[0] as Thread, 5);
  });
  assert.equal(answer, -EDEADLOCK);
  assert.ok(looks < 30, `${looks} looks`);
});

test("a file that goes is forgotten by all who watch it at once", () => {
  const guest = new Guest();
  const { kernel } = guest;
  guest.file("/watched", "x");
  const place = walk(guest.context, guest.mounts.root, bytes("/watched"), 0);
  assert.ok(typeof place === "object");
  // More than there may be (INOTIFY_WATCHES), so that the difference stands out: 11 s of processor time or 0.1.
  const instances = Array.from({ length: 40_000 }, () => new InotifyFile(kernel));
  for (const instance of instances) kernel.inotify.enlist({ instance, wd: 1, place, mask: 0xfff });
  const start = process.cpuUsage();
  guest.must("unlink", guest.text("/watched"));
  const { user, system } = process.cpuUsage(start);
  assert.ok(user + system < 3e6, `${user + system} us`);
  assert.equal(instances.at(-1)?.watches.size, 0);
});

test("who ends looks for none of what it had among all that an epoll list has ready", () => {
  const guest = new Guest();
  const list = guest.must("epoll_create1", 0);
  const { file } = guest.process.descriptors.get(list)?.description ?? assert.fail();
  assert.ok(file instanceof EpollFile);
  // As 60 processes with a thousand descriptors each would: all ready, none told yet.
  const event = { events: 1, low: 0, high: 0 };
  const ready = Array.from({ length: 40_000 }, (_, i) => {
    const description = new OpenDescription(new CounterFile(guest.kernel, 1n, false), undefined, O_RDWR);
    assert.equal(file.add(description, 3 + (i % 1000), event, undefined), 0);
    return description;
  });
  const start = process.cpuUsage();
  for (const description of ready) description.release();
  const { user, system } = process.cpuUsage(start);
  assert.ok(user + system < 3e6, `${user + system} us`);
  assert.equal([...file.watches()].length, 0);
});

test("a signal that kills many reads nothing of what they share: each parts from it at its own end", () => {
  const world = new SharedWorld();
  const parent = world.process();
  const shared = world.map(parent, -1, 64 * PAGE);
  const children = Array.from({ length: 10 }, () => world.fork(parent));
  for (const child of children) world.as(child, ({ process }) => process.memory.view.setUint8(shared + child.pid, 1));
  world.as(parent, () => parent.memory.view.setUint8(shared, 1));
  // They leave locks behind: to give these up, what they share has to be read.
  for (const { threads } of children) for (const thread of threads) thread.robustList = shared + PAGE;
  const { kernel } = world;
  const killing = (): void => {
    for (const child of children) kernel.kill(child, 9);
  };
  assert.equal(counted(SharedFile.prototype, "read", killing), 0);
  world.host.run(kernel);
  assert.ok(children.every(({ status, shares }) => status?.signal === 9 && shares.length === 0));
  const text = world.get(parent, shared, children.length + parent.pid + 1);
  assert.equal([...text].filter((byte) => byte === "\x01").length, children.length + 1);
});
