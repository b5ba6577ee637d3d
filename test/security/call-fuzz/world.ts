/**
 * Layer: test. A whole kernel without an engine: every file system a cell mounts, programs that fork, execute, run threads and
 * handlers, and whoever makes their calls. It stands in for the engine, so it keeps the engine's side of the contract: one call of
 * a thread at a time, shared memory entered before, signals looked after behind each.
 */
import assert from "node:assert/strict";
import { O_RDONLY, O_WRONLY } from "../../../src/abi/fcntl.ts";
import { S_IFDIR, S_IFREG } from "../../../src/abi/stat.ts";
import { DeviceFileSystem } from "../../../src/fs/devfs/devfs.ts";
import { TerminalFileSystem } from "../../../src/fs/devpts/devpts.ts";
import { MemoryFileSystem } from "../../../src/fs/memfs/memfs.ts";
import { OverlayFileSystem } from "../../../src/fs/overlayfs/overlayfs.ts";
import { ProcFileSystem } from "../../../src/fs/procfs/procfs.ts";
import {
  BLOCKED,
  GONE,
  type GuestCall,
  type Outcome,
  type Program,
  type ProgramImage,
  RESTART,
  UNWIND,
} from "../../../src/kernel/contracts.ts";
import { endHandler, takeHandler } from "../../../src/kernel/delivery.ts";
import { OpenDescription } from "../../../src/kernel/descriptors.ts";
import { Kernel } from "../../../src/kernel/kernel.ts";
import { exitThread } from "../../../src/kernel/operations/threads.ts";
import type { Process, Thread } from "../../../src/kernel/process.ts";
import { InputStream, OutputStream } from "../../../src/kernel/streams.ts";
import { GuestMemory } from "../../../src/mem/guest-memory.ts";
import type { FileSystem } from "../../../src/vfs/contracts.ts";
import { makeDirectories } from "../../../src/vfs/create.ts";
import { MountTable } from "../../../src/vfs/mounts.ts";
import type { WalkContext } from "../../../src/vfs/permissions.ts";
import { bytes, SimulatedHost } from "../../kernel/simulated.ts";

const OWN_BYTES = 128 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
const IMAGE: ProgramImage = { name: "fuzz" };
/** Handlers run one inside another at most. */
const MOST_HANDLERS = 3;

export interface BlockedCall {
  readonly call: GuestCall;
  readonly words: readonly number[];
}

export class FuzzProgram implements Program {
  readonly forkable = true;
  readonly memory: GuestMemory;
  readonly blocked = new Map<Thread, BlockedCall | undefined>();
  /** Handlers each thread is in, with what to go back to. */
  readonly handlers = new Map<Thread, { low: number; high: number }[]>();
  readonly process: Process;
  readonly #world: FuzzWorld;
  #buffer: ArrayBuffer;
  state: "new" | "running" | "ended" = "new";

  constructor(world: FuzzWorld, process: Process, buffer: ArrayBuffer) {
    this.#world = world;
    this.process = process;
    this.#buffer = buffer;
    const current = () => this.#buffer;
    this.memory = new GuestMemory({
      get buffer() {
        return current();
      },
    });
  }

  get peakMemory(): number {
    return this.#buffer.byteLength;
  }

  copyFor(process: Process): FuzzProgram {
    return new FuzzProgram(this.#world, process, this.#buffer.slice(0));
  }

  growMemory(wanted: number): boolean {
    if (wanted > MOST_BYTES || this.state === "ended") return false;
    if (wanted > this.#buffer.byteLength) this.#buffer = this.#buffer.transfer(Math.ceil(wanted / 65_536) * 65_536);
    return true;
  }

  start(): void {
    assert.equal(this.state, "new", "a program is started twice");
    this.state = "running";
    const [thread] = this.process.threads;
    assert.ok(thread, "a program without a thread is started");
    this.#world.idle.add(thread);
  }

  prepareThread(): number {
    return this.state === "running" ? 0 : -38;
  }

  startThread(thread: Thread): void {
    this.#world.idle.add(thread);
  }

  resume(thread: Thread, outcome: Outcome): void {
    this.#world.resumed(this, thread, outcome);
  }

  /** Every stack is unwound, and the program is over. */
  kill(): void {
    if (this.state === "ended") return;
    const { process } = this;
    process.kernel.programEnding(process, this);
    this.state = "ended";
    this.#buffer = new ArrayBuffer(0);
    process.kernel.programEnded(process, { code: 0, signal: 9 }, this);
  }
}

/** What the test hears of every call. */
export interface CallObserver {
  before(thread: Thread, call: GuestCall, words: readonly number[]): void;
  after(answer: Outcome): void;
}

export class FuzzWorld {
  readonly host = new SimulatedHost();
  readonly kernel: Kernel;
  readonly mounts: MountTable;
  readonly proc: ProcFileSystem;
  /** Below the overlay: the host's, which may change it at any time. */
  readonly lower: MemoryFileSystem;
  readonly stdin: InputStream;
  readonly observer: CallObserver;
  readonly chance: (below: number) => number;
  /** Threads that are in no call: what runs next is one of them. */
  readonly idle = new Set<Thread>();
  /** What output takes until told otherwise. */
  room = 0;

  constructor(observer: CallObserver, chance: (below: number) => number) {
    this.observer = observer;
    this.chance = chance;
    const { clock } = this.host;
    const root = new MemoryFileSystem({ dev: 1, clock, bytes: 4 * 1024 * 1024, inodes: 2000 });
    const lower = new MemoryFileSystem({ dev: 10, clock, bytes: 1024 * 1024, inodes: 200 });
    const upper = new MemoryFileSystem({ dev: 11, clock, bytes: 1024 * 1024, inodes: 200 });
    const shm = new MemoryFileSystem({ dev: 4, clock, bytes: 1024 * 1024, inodes: 200, mode: 0o1777 });
    const hidden = new MemoryFileSystem({ dev: 5, clock, bytes: 1024 * 1024, inodes: 100 });
    this.mounts = new MountTable(root);
    this.lower = lower;
    this.#fillLower(lower);
    this.#mount("/dev", new DeviceFileSystem({ dev: 2, clock, random: this.host.random }));
    this.#mount("/dev/shm", shm);
    this.#mount("/dev/pts", new TerminalFileSystem(6, clock, () => this.kernel.pseudoTerminals));
    this.proc = new ProcFileSystem(3, () => this.kernel.facts);
    this.#mount("/proc", this.proc);
    this.#mount("/over", new OverlayFileSystem(12, lower, upper));
    this.#mount("/locked", new MemoryFileSystem({ dev: 13, clock, bytes: 65_536, inodes: 20 }), true);
    this.kernel = new Kernel({
      host: this.host,
      mounts: this.mounts,
      sharedMemory: hidden,
      limits: { processes: 12, descriptors: 256, memoryBytes: MOST_BYTES },
      loader: {
        load: (process) => new FuzzProgram(this, process, new ArrayBuffer(OWN_BYTES)),
        fork: (process, _thread, original) => (original as FuzzProgram).copyFor(process),
        compile: (_name, program) => (program[0] === 0 ? { name: "fuzz" } : -8),
      },
    });
    this.stdin = new InputStream(this.kernel, { consumed() {} }, { terminal: true });
  }

  /** A process as a caller starts one. */
  spawn(): Process {
    const port = {
      write: (_from: Uint8Array, _at: number, length: number) => {
        const taken = Math.min(length, this.room);
        this.room -= taken;
        return taken;
      },
    };
    const stdout = new OutputStream(this.kernel, port, { terminal: false });
    const process = this.kernel.spawn(
      { image: IMAGE, argv: [bytes("fuzz"), bytes("a")], env: [bytes("K=V")], cwd: bytes("/") },
      {
        descriptors: [
          new OpenDescription(this.stdin, undefined, O_RDONLY),
          new OpenDescription(stdout, undefined, O_WRONLY),
          new OpenDescription(stdout, undefined, O_WRONLY),
        ],
      },
    );
    if (typeof process === "number") throw new Error(`spawn answered ${process}`);
    this.run();
    return process;
  }

  run(): void {
    this.host.run(this.kernel);
  }

  /** Threads that may make a call now. */
  runnable(): Thread[] {
    for (const thread of this.idle) {
      const { program } = thread.process;
      const alive = program instanceof FuzzProgram && program.state === "running";
      if (!alive || thread.killed || thread.exited || !thread.process.threads.includes(thread))
        this.idle.delete(thread);
    }
    return [...this.idle].filter(({ process }) => process.stopped === 0);
  }

  /** Make a call in a thread that is idle, as the gate does. What the guest got; undefined when it is not back yet. */
  call(thread: Thread, call: GuestCall, words: readonly number[]): number | undefined {
    const { process } = thread;
    if (process.shares.length > 0) this.kernel.shared.enter(process);
    assert.ok(this.idle.delete(thread), "a thread that is busy makes a call");
    this.kernel.caller = thread;
    process.calls += 1;
    const program = process.program as FuzzProgram;
    this.observer.before(thread, call, words);
    const answer = call.begin(thread, ...words);
    this.observer.after(answer);
    return this.#answered(program, thread, { call, words }, answer);
  }

  /** The scheduler goes on with a thread whose call was parked. */
  resumed(program: FuzzProgram, thread: Thread, outcome: Outcome): void {
    assert.ok(program.blocked.has(thread), "a thread that waits for nothing is resumed");
    const blocked = program.blocked.get(thread);
    program.blocked.delete(thread);
    if (outcome === RESTART) {
      assert.ok(blocked, "a call that only gave way is restarted");
      this.idle.add(thread);
      this.#handlers(program, thread);
      // Handlers may have ended it, or stopped it: then it gives up the call, as after a longjmp.
      if (thread.killed || !this.idle.has(thread) || thread.process.stopped !== 0) return;
      this.call(thread, blocked.call, blocked.words);
      return;
    }
    const value = blocked?.call.finish?.(thread, blocked.words, outcome) ?? outcome;
    if (blocked !== undefined) this.observer.after(value);
    if (value === BLOCKED) {
      program.blocked.set(thread, blocked);
      return;
    }
    if (value === GONE) return;
    this.idle.add(thread);
    this.#attend(program, thread, value);
  }

  #answered(program: FuzzProgram, thread: Thread, blocked: BlockedCall, answer: Outcome): number | undefined {
    if (answer === BLOCKED || answer === UNWIND) {
      assert.ok(thread.pending, `${blocked.call.name} parks without a record`);
      program.blocked.set(thread, blocked);
      if (answer === UNWIND) assert.ok(this.kernel.unwound(thread), "a fork nobody waits for");
      return undefined;
    }
    if (answer === GONE || thread.killed) {
      this.#gone(program, thread);
      return undefined;
    }
    assert.equal(thread.pending, undefined, `${blocked.call.name} answers and parks`);
    this.idle.add(thread);
    this.#attend(program, thread, answer);
    return answer;
  }

  /** A thread's stack ended: with execve its old program, with exit itself, and the process with its last one. */
  #gone(program: FuzzProgram, thread: Thread): void {
    const { process } = thread;
    if (process.program !== program) {
      program.kill();
      return;
    }
    if (!thread.exited && process.threads.length > 1 && process.ending === undefined) exitThread(thread, 0);
    if (process.ending !== undefined) program.kill();
  }

  /** Signals behind a call; a process that stopped gives way. */
  #attend(program: FuzzProgram, thread: Thread, value: Outcome): void {
    if (thread.killed) {
      this.idle.delete(thread);
      return;
    }
    if (!thread.attention && this.chance(50) !== 0) return;
    if (thread.attention) this.#handlers(program, thread);
    if (thread.killed || !this.idle.has(thread)) return;
    if (thread.process.stopped !== 0 || this.chance(8) === 0) {
      this.idle.delete(thread);
      if (this.kernel.yieldThread(thread, value) === BLOCKED) program.blocked.set(thread, undefined);
    }
  }

  /** Run handlers: some return at once, some are left by longjmp, some make calls before they return. */
  #handlers(program: FuzzProgram, thread: Thread): void {
    const open = program.handlers.get(thread) ?? [];
    program.handlers.set(thread, open);
    for (let i = 0; i < 20; i++) {
      const taken = takeHandler(thread);
      if (taken === undefined || thread.killed) break;
      const how = this.chance(4);
      if (how === 0) continue;
      if (how === 1 && open.length < MOST_HANDLERS) open.push({ low: taken.maskLow, high: taken.maskHigh });
      else endHandler(thread, taken.maskLow, taken.maskHigh);
    }
    const last = this.chance(3) === 0 ? open.pop() : undefined;
    if (last !== undefined && !thread.killed) endHandler(thread, last.low, last.high);
    if (thread.killed) this.idle.delete(thread);
  }

  /** Change what lies below the overlay, as a host does to a directory it lent: names go, come, and change their kind. */
  changeBelow(): void {
    const { lower, chance } = this;
    const directories = [lower.root];
    for (const name of ["a", "d", "e"]) {
      const found = lower.lookup(lower.root, bytes(name));
      if (typeof found === "object" && found.type === S_IFDIR) directories.push(found as typeof lower.root);
    }
    const directory = directories[chance(directories.length)] ?? lower.root;
    const other = directories[chance(directories.length)] ?? lower.root;
    const name = bytes(["a", "b", "c", "d", "e", "f", "file"][chance(7)] ?? "a");
    const owner = { uid: 0, gid: 0 };
    switch (chance(7)) {
      case 0:
        lower.unlink(directory, name);
        break;
      case 1:
        lower.rmdir(directory, name);
        break;
      case 2:
        lower.mkdir(directory, name, 0o755, owner);
        break;
      case 3:
        lower.create(directory, name, 0o644, owner);
        break;
      case 4:
        lower.symlink(directory, name, bytes("../d"), owner);
        break;
      case 5: {
        const found = lower.lookup(directory, name);
        if (typeof found === "object" && found.type === S_IFREG) lower.setattr(found, { size: chance(9000) });
        break;
      }
      default:
        lower.rename(directory, name, other, bytes("abcdef"[chance(6)] ?? "a"), 0);
    }
  }

  /** End every process, whoever its parent is, and let what remains come to rest. */
  endAll(): void {
    for (let round = 0; round < 40 && this.kernel.processes.length > 0; round++) {
      for (const process of this.kernel.processes) {
        this.kernel.kill(process, 9);
        if (process.status !== undefined && process.parent === undefined) this.kernel.reap(process);
      }
      this.run();
    }
    this.runnable();
  }

  #mount(path: string, fs: FileSystem, readOnly = false): void {
    const at = makeDirectories(this.#context, bytes(path), 0o755);
    if (typeof at === "number") throw new Error(`no ${path}: ${at}`);
    this.mounts.mount(at, fs, { readOnly });
  }

  get #context(): WalkContext {
    return { mounts: this.mounts, root: this.mounts.root, credentials: { uid: 0, gid: 0, groups: [] } };
  }

  #fillLower(lower: MemoryFileSystem): void {
    const mounts = new MountTable(lower);
    const context: WalkContext = { mounts, root: mounts.root, credentials: { uid: 0, gid: 0, groups: [] } };
    for (const name of ["/a/b/c", "/d", "/e/f"]) {
      const made = makeDirectories(context, bytes(name), 0o755);
      if (typeof made === "number") throw new Error(`no ${name}: ${made}`);
      const file = lower.create(made.inode, bytes("file"), 0o644, { uid: 0, gid: 0 });
      if (typeof file === "number") throw new Error(`no file in ${name}: ${file}`);
    }
  }
}
