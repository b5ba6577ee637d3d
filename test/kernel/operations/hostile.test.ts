import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceFileSystem } from "../../../src/fs/devfs/devfs.ts";
import { MemoryFileSystem } from "../../../src/fs/memfs/memfs.ts";
import { BLOCKED, GONE, type Outcome } from "../../../src/kernel/contracts.ts";
import { OpenDescription } from "../../../src/kernel/descriptors.ts";
import * as files from "../../../src/kernel/operations/files.ts";
import * as io from "../../../src/kernel/operations/io.ts";
import { exit, raise, yieldNow } from "../../../src/kernel/operations/lifecycle.ts";
import * as names from "../../../src/kernel/operations/names.ts";
import { makePipe } from "../../../src/kernel/operations/pipes.ts";
import { poll } from "../../../src/kernel/operations/poll.ts";
import { random } from "../../../src/kernel/operations/random.ts";
import { clockRead, clockResolution, sleepUntil } from "../../../src/kernel/operations/time.ts";
import { InputStream, OutputStream } from "../../../src/kernel/streams.ts";
import { PIPE_BUF } from "../../../src/limits.ts";
import type { IoVector } from "../../../src/mem/guest-memory.ts";
import { emptyStat } from "../../../src/vfs/contracts.ts";
import { walk } from "../../../src/vfs/walk.ts";
import { bytes, machine, type Running, SimulatedHost, Sink, spawn, vector } from "../simulated.ts";

const ROUNDS = 40_000;
/** Small, because many programs come and go. */
const GUEST_BYTES = 128 * 1024;

/** A small linear congruential generator, so that a failure can be had again. */
function generator(start: number) {
  let state = start >>> 0;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const pick = <T>(choices: readonly T[]): T => {
    const chosen = choices[Math.floor(next() * choices.length)];
    if (chosen === undefined) throw new Error("nothing to pick");
    return chosen;
  };
  return { next, pick };
}

const EDGES = [
  0,
  1,
  -1,
  2,
  7,
  4096,
  PIPE_BUF + 1,
  65_536,
  GUEST_BYTES - 1,
  GUEST_BYTES,
  GUEST_BYTES + 1,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  -100,
];
const PATHS = [
  "",
  "/",
  ".",
  "..",
  "f",
  "f/",
  "d",
  "d/f",
  "d/../f",
  "/dev/null",
  "/dev/stdin",
  "/dev/stdout",
  "/dev/full",
  "/dev",
  "loop",
  "link",
  "a\0b",
  "\xff\xfe",
  "\xef\xbb\xbf",
  "__proto__",
  "constructor",
  "x".repeat(255),
  "x".repeat(256),
  "y/".repeat(2500),
  "//d//f//",
];

test("no argument makes an operation throw, and every answer is an outcome", () => {
  for (let seed = 1; seed <= 3; seed++) hammer(seed);
});

function hammer(seed: number): void {
  const { next, pick } = generator(seed);
  const { clock } = new SimulatedHost();
  const made = machine(
    { descriptors: 40 },
    new MemoryFileSystem({ dev: 1, clock, bytes: 8 * 1024 * 1024, inodes: 500 }),
  );
  made.memoryBytes = GUEST_BYTES;
  const { kernel, host } = made;
  const sink = new Sink(10_000);
  const stat = emptyStat();
  const time = { seconds: 0, nanoseconds: 0 };
  const ends = { readFd: 0, writeFd: 0 };
  const output = new OutputStream(kernel, sink, { terminal: false });
  const input = new InputStream(kernel, { consumed() {} }, { terminal: true });
  const begin = (): Running =>
    spawn(made, {
      descriptors: [
        new OpenDescription(input, undefined, 0),
        new OpenDescription(output, undefined, 1),
        new OpenDescription(output, undefined, 1),
      ],
    });
  // What the streams are held by besides the processes that come and go.
  const kept = begin();
  names.makeDirectoryAt(kept.thread, -100, bytes("dev"), 0o755, 0);
  const at = walk(kept.process, kernel.mounts.root, bytes("dev"), 0);
  assert.ok(typeof at === "object");
  kernel.mounts.mount(
    at,
    new DeviceFileSystem({ dev: 2, clock, random: (into, from, length) => into.fill(7, from, from + length) }),
  );

  const number = () => (next() < 0.6 ? Math.floor(next() * 12) : pick(EDGES));
  const fd = () => (next() < 0.85 ? Math.floor(next() * 10) : pick([...EDGES, -100]));
  const path = () => bytes(pick(PATHS));
  const flag = () => next() < 0.5;
  const ranges = (): IoVector => {
    const made = vector();
    const count = pick([0, 1, 1, 1, 2, 3, 1024]);
    for (let i = 0; i < count; i++) {
      made.addresses[i] = pick(EDGES);
      made.lengths[i] = count === 1024 ? i : pick(EDGES);
      made.total += made.lengths[i] ?? 0;
    }
    made.count = count;
    return made;
  };
  const items = () =>
    Array.from({ length: Math.floor(next() * 5) }, () => ({ fd: fd(), events: number(), revents: 0 }));
  const times = () => ({ atime: { seconds: number(), nanoseconds: number() } });

  const operations: readonly ((running: Running) => unknown)[] = [
    ({ thread }) => io.read(thread, fd(), ranges()),
    ({ thread }) => io.write(thread, fd(), ranges()),
    ({ thread }) => io.pread(thread, fd(), ranges(), number()),
    ({ thread }) => io.pwrite(thread, fd(), ranges(), number()),
    ({ thread }) => io.seek(thread, fd(), number(), number()),
    ({ thread }) => io.sync(thread, fd(), flag()),
    ({ thread }) => io.allocate(thread, fd(), number(), number()),
    ({ thread }) => io.close(thread, fd()),
    ({ thread }) => io.renumber(thread, fd(), fd()),
    ({ thread }) => io.duplicate(thread, fd(), number(), flag()),
    ({ thread }) =>
      files.openAt(
        thread,
        fd(),
        path(),
        pick([0, 1, 2, 0o102, 0o1102, 0o2102, 0o200000, 0o4000, ...EDGES]),
        number(),
        number(),
      ),
    ({ thread }) => files.openAt(thread, -100, path(), pick([0, 1, 2, 0o102, 0o1102, 0o2102]), 0o700, 1),
    ({ thread }) => files.statFd(thread, fd(), stat),
    ({ thread }) => files.statAt(thread, fd(), path(), number(), stat),
    ({ thread }) => files.setTimesFd(thread, fd(), times()),
    ({ thread }) => files.setTimesFd(thread, fd(), { size: number(), mode: number(), uid: number() }, flag()),
    ({ thread }) => files.setAttributesAt(thread, fd(), path(), number(), times(), flag()),
    ({ thread }) => files.truncateFd(thread, fd(), number()),
    ({ thread }) => names.makeDirectoryAt(thread, fd(), path(), number(), number()),
    ({ thread }) => names.removeDirectoryAt(thread, fd(), path(), number()),
    ({ thread }) => names.unlinkAt(thread, fd(), path(), number()),
    ({ thread }) => names.renameAt(thread, fd(), path(), fd(), path(), number(), number()),
    ({ thread }) => names.linkAt(thread, fd(), path(), number(), fd(), path(), number()),
    ({ thread }) => names.makeSymlinkAt(thread, path(), fd(), path(), number()),
    ({ thread }) => names.makeSymlinkAt(thread, bytes("loop"), -100, bytes("loop"), 0),
    ({ thread }) => names.readlinkAt(thread, fd(), path(), number()),
    ({ thread }) => files.readDirectory(thread, fd(), number(), number()),
    ({ thread }) => files.getStatusFlags(thread, fd()),
    ({ thread }) => files.setStatusFlags(thread, fd(), number()),
    ({ thread }) => makePipe(thread, pick([0, 0, 0o4000, ...EDGES]), ends),
    ({ thread }) => poll(thread, items(), flag() ? undefined : pick([...EDGES, host.now + 1000])),
    ({ thread }) => clockRead(thread, number(), time),
    ({ thread }) => clockResolution(thread, number(), time),
    ({ thread }) => sleepUntil(thread, pick([...EDGES, host.now + 1000])),
    ({ thread }) => random(thread, number(), number()),
    ({ thread }) => (next() < 0.05 ? exit(thread, number()) : yieldNow(thread)),
    ({ thread }) => (next() < 0.05 ? raise(thread, number()) : yieldNow(thread)),
  ];

  let running = begin();
  let blocked = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const outcome = pick(operations)(running);
    if (typeof outcome === "number") {
      assert.ok(isOutcome(outcome), `${outcome}`);
      if (outcome === BLOCKED) blocked += 1;
    } else assert.ok(typeof outcome === "string" || Array.isArray(outcome));
    assert.equal(outcome === BLOCKED, running.thread.pending !== undefined);
    if (running.thread.pending !== undefined) {
      sink.room = 1000;
      output.credited();
      input.feed(new Uint8Array(5));
      host.advance(kernel, 2000);
    }
    if (running.thread.pending !== undefined || running.process.ending !== undefined) {
      kernel.kill(running.process, 9);
      host.run(kernel);
      assert.ok(running.process.status !== undefined);
      assert.equal(running.process.descriptors.open, 0);
      running = begin();
    }
    host.run(kernel);
  }
  assert.ok(blocked > 100, `${blocked} calls blocked`);
  kernel.kill(running.process, 9);
  host.run(kernel);
  assert.equal(kernel.processes.length, 1);
  assert.equal(kernel.scheduler.deadlines, 0);
  assert.equal(output.waiters.size + input.waiters.size, 0);
}

function isOutcome(outcome: Outcome): boolean {
  return outcome === BLOCKED || outcome === GONE || (Number.isSafeInteger(outcome) && outcome >= -4095);
}
