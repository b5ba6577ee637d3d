/**
 * Any call after any other, in many processes and threads with descriptors of every kind, between signals, forks and ends: the kernel
 * never throws, answers what a guest may be given, comes to rest, and keeps nothing once all processes are gone. One seed runs by
 * default; LINDEN_FUZZ_CALLS=300000 makes as many calls, LINDEN_FUZZ_SEED begins elsewhere.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { importName } from "../../src/abi/calls.ts";
import { GONE, type GuestCall, type Outcome, RESTART } from "../../src/kernel/contracts.ts";
import type { Thread } from "../../src/kernel/process.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { SYSCALLS, waliCalls } from "../../src/syscalls/table.ts";
import { processorMs } from "../processor-time.ts";
import { random } from "../random.ts";
import { Arguments } from "./call-fuzz/arguments.ts";
import { FuzzWorld } from "./call-fuzz/world.ts";

const CALLS = Number(process.env.LINDEN_FUZZ_CALLS ?? 40_000);
const SEED = Number(process.env.LINDEN_FUZZ_SEED ?? 1);
const CALLS_OF_A_WORLD = 5000;
/** Milliseconds of processor time one call may take: what should be bounded and is not takes seconds. */
const LONGEST_MS = 1500;
/** Calls that do little or end what was made: others come instead, most of the time. */
const SELDOM = new Set([
  "SYS_exit_group",
  "__proc_exit",
  "longjmp",
  "SYS_exit",
  "SYS_kill",
  "SYS_close_range",
  "SYS_chroot",
  "SYS_setuid",
  "SYS_setreuid",
  "SYS_setresuid",
  "SYS_setfsuid",
  "SYS_pause",
  "SYS_rt_sigsuspend",
]);
const OFTEN =
  /fork|spawn|open|pipe|epoll|timer|inotify|memfd|mmap|read|write|poll|dup|msg|sem|shm|futex|mq_|pidfd|splice|link|rename/;

/** Calls that do something, each once, and those that make or wait more often. */
function interesting(): GuestCall[] {
  const idle = new Set(
    SYSCALLS.filter(({ level, note }) => level === "ENOSYS" || /^(EPERM|ENOTSOCK)/.test(note)).map(({ name }) =>
      importName(name),
    ),
  );
  const seen = new Set<string>();
  return waliCalls().flatMap((call) => {
    if (idle.has(call.name) || seen.has(call.name)) return [];
    seen.add(call.name);
    return OFTEN.test(call.name) ? [call, call, call] : [call];
  });
}

class Run {
  readonly chance;
  readonly world: FuzzWorld;
  readonly arguments: Arguments;
  readonly calls: GuestCall[];
  /** For the message of a failure. */
  said = "";
  slowest = { ms: 0, said: "" };
  #began = 0;

  constructor(seed: number) {
    this.chance = random(seed * 2_654_435_761);
    this.arguments = new Arguments(this.chance);
    this.world = new FuzzWorld(this, this.chance);
    this.calls = interesting();
  }

  before(thread: Thread, { name }: GuestCall, words: readonly number[]): void {
    this.said = `${thread.process.pid}.${thread.tid}: ${name}(${words.join(", ")})`;
    this.#began = processorMs();
  }

  after(answer: Outcome): void {
    const ms = processorMs() - this.#began;
    if (ms > this.slowest.ms) this.slowest = { ms, said: this.said };
    const usual = Number.isSafeInteger(answer) && answer >= -4095;
    assert.ok(usual || (answer <= -65_536 && answer >= GONE - 2 && answer !== RESTART), `answered ${answer}`);
  }

  go(calls: number): void {
    const { world, chance } = this;
    for (let i = 0; i < calls; i++) {
      if (i % 40 === 0) this.#outside();
      const threads = world.runnable();
      const thread = threads[chance(Math.max(1, threads.length))];
      if (thread === undefined) {
        this.#rouse();
        continue;
      }
      // Time goes on, and an alarm may be late.
      world.host.now += chance(3) * 1000;
      this.#one(thread);
      world.run();
      if (i % 997 === 0) structuredClone(takeSnapshot(world.kernel));
    }
  }

  #one(thread: Thread): void {
    let call = this.calls[this.chance(this.calls.length)];
    if (call !== undefined && SELDOM.has(call.name) && this.chance(20) !== 0)
      call = this.calls[this.chance(this.calls.length)];
    if (call === undefined) return;
    const { name, parameters } = call;
    this.world.call(thread, call, this.arguments.wordsFor(thread, name, parameters));
  }

  /** What the host does: input, room for output, time, signals. */
  #outside(): void {
    const { world, chance } = this;
    world.room = chance(3) * 5000;
    if (chance(3) === 0) world.stdin.feed(new Uint8Array(chance(60)).fill(10 + chance(3) * 30));
    world.host.advance(world.kernel, [0, 1e3, 1e6, 1e9][chance(4)] ?? 0);
    if (chance(3) === 0) world.changeBelow();
    if (world.kernel.processes.length < 3) this.#prepare();
  }

  /** Everybody waits: let time pass, then signal, then start anew. */
  #rouse(): void {
    const { world, chance } = this;
    world.host.advance(world.kernel, 1e9);
    if (world.runnable().length > 0) return;
    const all = world.kernel.processes;
    const one = all[chance(Math.max(1, all.length))];
    if (one !== undefined && one.status === undefined) world.kernel.kill(one, [18, 10, 14, 9][chance(4)] ?? 9);
    else if (one !== undefined && one.parent === undefined) world.kernel.reap(one);
    world.run();
    if (world.runnable().length === 0 && world.kernel.processes.length < 10) this.#prepare();
  }

  /** A process with descriptors of every kind. */
  #prepare(): void {
    const { world } = this;
    const started = world.spawn();
    const [thread] = started.threads;
    if (thread === undefined) return;
    const text = (at: number, name: string): number => {
      for (let i = 0; i <= name.length; i++) started.memory.bytes[at + i] = i < name.length ? name.charCodeAt(i) : 0;
      return at;
    };
    const make = (name: string, ...words: number[]): void => {
      const call = this.calls.find((one) => one.name === `SYS_${name}`);
      assert.ok(call, name);
      if (world.runnable().includes(thread)) world.call(thread, call, words);
    };
    make("mkdir", text(64, "d"), 0o755);
    make("open", text(64, "f"), 0x42, 0o644);
    make("write", 3, 0, 60_000);
    make("open", text(64, "d/f"), 0x42, 0o644);
    make("symlink", text(64, "d/f"), text(128, "link"));
    make("symlink", text(64, "loop"), text(128, "loop"));
    make("symlink", text(64, "nowhere"), text(128, "dangling"));
    make("mknod", text(64, "fifo"), 0o10644, 0, 0);
    make("open", text(64, "prog"), 0x42, 0o755);
    make("write", 5, 0, 8);
    make("open", text(64, "script"), 0x42, 0o755);
    make("write", 6, text(64, "#!prog x\n"), 9);
    make("close", 6);
    make("close", 5);
    make("pipe", 64);
    make("open", text(64, "fifo"), 0x802, 0);
    make("open", text(64, "/dev/ptmx"), 2, 0);
    make("ioctl", 8, 0x4004_5431, 256);
    make("open", text(64, "/dev/pts/0"), 0x102, 0);
    make("epoll_create1", 0);
    make("epoll_create1", 0);
    make("timerfd_create", 1, 0x800);
    make("eventfd2", 3, 0x800);
    make("signalfd4", -1, 64, 8, 0x800);
    make("inotify_init1", 0x800);
    make("inotify_add_watch", 15, text(64, "d"), 0xfff);
    make("memfd_create", text(64, "m"), 0);
    make("memfd_create", text(64, "sealed"), 2);
    make("mq_open", text(64, "q"), 0x842, 0o666, 0);
    make("pidfd_open", started.pid, 0);
    for (const name of [
      "/proc/self/maps",
      "/proc/self/status",
      "/proc/self/fd",
      "/proc",
      "/over",
      "/over/a",
      "d",
      "/dev/pts",
    ]) {
      make("open", text(64, name), 0, 0);
    }
    make("open", text(64, "/over/d/file"), 2, 0);
    make("open", text(64, "f"), 0x20_0000, 0);
    make("open", text(64, "d"), 0x20_0000, 0);
    make("open", text(64, "/dev/zero"), 2, 0);
    make("open", text(64, "/dev/full"), 2, 0);
    make("open", text(64, "/dev/shm/s"), 0x42, 0o666);
    world.run();
  }

  /** Nothing is left of what processes made, but what outlives them by its nature. */
  end(): void {
    const { world } = this;
    world.room = Infinity;
    world.endAll();
    const { kernel } = world;
    assert.equal(kernel.processes.length, 0, "processes are left");
    assert.equal(kernel.scheduler.ready, 0, "something is ready");
    assert.equal(kernel.scheduler.deadlines, 0, "a deadline is left");
    assert.equal(kernel.scheduler.waitingBytes, 0, "bytes of blocked calls are left");
    assert.equal(world.proc.keptBytes, 0, "texts of /proc are left");
    assert.equal(kernel.epollCounts.watches, 0, "watches of epoll are left");
    assert.equal(world.idle.size, 0, "threads are left");
  }
}

for (let seed = SEED, left = CALLS; left > 0; seed++, left -= CALLS_OF_A_WORLD) {
  test(`the kernel survives ${Math.min(left, CALLS_OF_A_WORLD)} calls of seed ${seed}`, () => {
    const run = new Run(seed);
    try {
      run.go(Math.min(left, CALLS_OF_A_WORLD));
      run.said = "";
      run.end();
    } catch (error) {
      throw new Error(`seed ${seed}: ${run.said}`, { cause: error });
    }
    assert.ok(run.slowest.ms < LONGEST_MS, `${run.slowest.ms} ms: ${run.slowest.said}`);
  });
}
