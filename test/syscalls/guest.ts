/**
 * A Linux process without a program: codec functions are called as the gate calls them, over a real kernel, a memory file
 * system and a plain WebAssembly.Memory, with a clock that stands still until told.
 */
import assert from "node:assert/strict";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { type CallName, importName, WALI_FUNCTIONS } from "../../src/abi/calls.ts";
import { O_CREAT, O_RDONLY, O_RDWR, O_WRONLY } from "../../src/abi/fcntl.ts";
import { type WasmMemory, wasm } from "../../src/engine/webassembly.ts";
import { DeviceFileSystem } from "../../src/fs/devfs/devfs.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { ProcFileSystem } from "../../src/fs/procfs/procfs.ts";
import type { ExitStatus, GuestCall, Outcome, Program } from "../../src/kernel/contracts.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
import type { Process, Thread } from "../../src/kernel/process.ts";
import { InputStream, OutputStream } from "../../src/kernel/streams.ts";
import { GuestMemory } from "../../src/mem/guest-memory.ts";
import { waliCalls } from "../../src/syscalls/table.ts";
import { makeDirectories } from "../../src/vfs/create.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import type { WalkContext } from "../../src/vfs/permissions.ts";
import { bytes, SimulatedHost, Sink } from "../kernel/simulated.ts";

export const WASM_PAGE = 65_536;
/** Pages of 64 KiB a guest may have. */
export const MOST_PAGES = 256;

const CALLS: ReadonlyMap<string, GuestCall> = new Map(
  waliCalls()
    .toReversed()
    .map((call) => [call.name, call]),
);

export type Argument = number | bigint;

export interface GuestOptions {
  readonly argv?: readonly string[];
  readonly env?: readonly string[];
  readonly terminal?: boolean;
}

export class Guest implements Program {
  readonly wasmMemory: WasmMemory = new wasm.Memory({ initial: 2, maximum: MOST_PAGES });
  readonly memory = new GuestMemory(this.wasmMemory);
  readonly peakMemory = 0;
  readonly host = new SimulatedHost();
  readonly kernel: Kernel;
  readonly mounts: MountTable;
  readonly process: Process;
  readonly thread: Thread;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly sink = new Sink();
  /** What blocked calls answered in the end. */
  readonly answers: number[] = [];
  ended: ExitStatus | undefined;
  #blocked: { call: GuestCall; words: number[] } | undefined;
  #next = 1024;

  constructor({ argv = ["test"], env = [], terminal = false }: GuestOptions = {}) {
    const { clock } = this.host;
    this.mounts = new MountTable(new MemoryFileSystem({ dev: 1, clock }));
    this.kernel = new Kernel({
      host: this.host,
      mounts: this.mounts,
      loader: { load: () => this },
      sharedMemory: new MemoryFileSystem({ dev: 3, clock, bytes: 1024 * 1024 }),
      exits: {
        exited: (_process, status) => {
          this.ended = status;
        },
      },
    });
    const context: WalkContext = {
      mounts: this.mounts,
      root: this.mounts.root,
      credentials: { uid: 0, gid: 0, groups: [] },
    };
    const dev = makeDirectories(context, bytes("/dev"), 0o755);
    if (typeof dev === "number") throw new Error(`no /dev: ${dev}`);
    this.mounts.mount(
      dev,
      new DeviceFileSystem({ dev: 2, clock, random: (into, at, length) => into.fill(7, at, at + length) }),
    );
    const proc = makeDirectories(context, bytes("/proc"), 0o555);
    if (typeof proc === "number") throw new Error(`no /proc: ${proc}`);
    this.mounts.mount(proc, new ProcFileSystem(3, () => this.kernel.facts));
    this.stdin = new InputStream(this.kernel, { consumed() {} }, { terminal });
    this.stdout = new OutputStream(this.kernel, this.sink, { terminal });
    const process = this.kernel.spawn(
      { image: { name: "test" }, argv: argv.map(bytes), env: env.map(bytes), cwd: bytes("/") },
      {
        descriptors: [
          new OpenDescription(this.stdin, undefined, O_RDONLY),
          new OpenDescription(this.stdout, undefined, O_WRONLY),
          new OpenDescription(this.stdout, undefined, O_WRONLY),
        ],
      },
    );
    if (typeof process === "number") throw new Error(`cannot spawn: ${process}`);
    this.process = process;
    const [thread] = process.threads;
    if (thread === undefined) throw new Error("no thread");
    this.thread = thread;
    this.host.run(this.kernel);
  }

  start(): void {}

  growMemory(size: number): boolean {
    const missing = Math.ceil((size - this.memory.byteLength) / WASM_PAGE);
    try {
      if (missing > 0) this.wasmMemory.grow(missing);
      return true;
    } catch {
      return false;
    }
  }

  resume(thread: Thread, outcome: Outcome): void {
    const blocked = this.#blocked;
    assert.ok(blocked, "a guest that waits for nothing is resumed");
    this.#blocked = undefined;
    this.answers.push(blocked.call.finish?.(thread, blocked.words, outcome) ?? outcome);
  }

  kill(): void {
    this.kernel.programEnded(this.process, { code: 0, signal: 9 });
  }

  /** One of Linux's calls, as the gate makes it: a bigint for each i64. */
  call(name: CallName, ...args: readonly Argument[]): number {
    return this.import(importName(name), ...args);
  }

  /** Any import of the module "wali". */
  import(name: string, ...args: readonly Argument[]): number {
    const call = CALLS.get(name);
    assert.ok(call, name);
    assert.equal(args.length, call.parameters.length, `${name} takes ${call.parameters}`);
    const words: number[] = [];
    args.forEach((arg, i) => {
      assert.equal(typeof arg === "bigint", call.parameters[i] === "I", `${name}, argument ${i}`);
      if (typeof arg === "number") words.push(arg | 0);
      else words.push(Number(BigInt.asIntN(32, arg)), Number(BigInt.asIntN(32, arg >> 32n)));
    });
    const answer = call.begin(this.thread, ...words);
    if (this.thread.pending !== undefined) this.#blocked = { call, words };
    return answer;
  }

  /** As `call`, where anything below zero is a failure of the test. */
  must(name: CallName, ...args: readonly Argument[]): number {
    const answer = this.call(name, ...args);
    assert.ok(answer >= 0, `${name}(${args.join(", ")}) answered ${answer}`);
    return answer;
  }

  /** Fresh zeroed bytes of guest memory, eight-aligned. */
  room(length: number): number {
    const address = this.#next;
    this.#next = (address + length + 7) & ~7;
    assert.ok(this.#next <= 2 * WASM_PAGE, "the test's memory is used up");
    this.memory.bytes.fill(0, address, address + length);
    return address;
  }

  /** A string with its NUL (one byte a character) in guest memory. */
  text(content: string): number {
    const address = this.room(content.length + 1);
    this.memory.putByteString(address, bytes(content));
    return address;
  }

  /** An iovec table over ranges. */
  vector(...ranges: readonly (readonly [number, number])[]): number {
    const address = this.room(ranges.length * 8);
    ranges.forEach(([start, length], i) => {
      this.memory.view.setUint32(address + i * 8, start, true);
      this.memory.view.setUint32(address + i * 8 + 4, length, true);
    });
    return address;
  }

  /** i64s in guest memory: a timespec, a position. */
  longs(...values: readonly number[]): number {
    const address = this.room(values.length * 8);
    values.forEach((value, i) => {
      this.memory.putU64(address + i * 8, value);
    });
    return address;
  }

  u32(address: number): number {
    return this.memory.view.getUint32(address, true);
  }

  i64(address: number): number {
    return this.memory.i64(address);
  }

  textAt(address: number, length: number): ByteString {
    return this.memory.byteString(address, length);
  }

  open(path: string, flags: number, mode = 0o644): number {
    return this.call("open", this.text(path), flags, mode);
  }

  /** A file with this content; its descriptor, at offset 0. */
  file(path: string, content = ""): number {
    const fd = this.open(path, O_RDWR | O_CREAT);
    assert.ok(fd >= 0, `cannot make ${path}: ${fd}`);
    assert.equal(this.call("pwrite64", fd, this.text(content), content.length, 0n), content.length);
    return fd;
  }

  content(fd: number): string {
    const buffer = this.room(256);
    return this.textAt(buffer, this.must("pread64", fd, buffer, 256, 0n));
  }
}

/** The imports that are no system calls. */
export const STARTUP_NAMES = Object.keys(WALI_FUNCTIONS);
