/**
 * A process without a program: codec functions are called as the gate calls them, over a real kernel, a memory file system
 * and a plain WebAssembly.Memory, with a clock that stands still until told.
 */
import assert from "node:assert/strict";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { O_DIRECTORY, O_RDONLY, O_WRONLY } from "../../src/abi/fcntl.ts";
import * as wasi from "../../src/abi/wasi.ts";
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
import { makeDirectories } from "../../src/vfs/create.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import { openAt } from "../../src/vfs/open.ts";
import type { WalkContext } from "../../src/vfs/permissions.ts";
import { WASI_CALLS } from "../../src/wasi/table.ts";
import { bytes, SimulatedHost, Sink } from "../kernel/simulated.ts";

export const PAGE = 65_536;
/** The preopened directory "/". */
export const ROOT = 3;

const CALLS: ReadonlyMap<string, GuestCall> = new Map(WASI_CALLS.map((call) => [call.name, call]));

export interface GuestOptions {
  readonly argv?: readonly string[];
  readonly env?: readonly string[];
  readonly terminal?: boolean;
}

export class Guest implements Program {
  readonly wasmMemory: WasmMemory = new wasm.Memory({ initial: 2, maximum: 64 });
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
      exits: {
        exited: (_process, status) => {
          this.ended = status;
        },
      },
    });
    const context = this.context;
    const dev = makeDirectories(context, bytes("/dev"), 0o755);
    if (typeof dev === "number") throw new Error(`no /dev: ${dev}`);
    this.mounts.mount(
      dev,
      new DeviceFileSystem({ dev: 2, clock, random: (into, at, length) => into.fill(7, at, at + length) }),
    );
    const proc = makeDirectories(context, bytes("/proc"), 0o555);
    if (typeof proc === "number") throw new Error(`no /proc: ${proc}`);
    this.mounts.mount(proc, new ProcFileSystem(3, () => this.kernel.facts));
    const root = openAt(context, context.root, bytes("/"), O_RDONLY | O_DIRECTORY, 0, 0);
    if (typeof root === "number") throw new Error(`no root: ${root}`);
    this.stdin = new InputStream(this.kernel, { consumed() {} }, { terminal });
    this.stdout = new OutputStream(this.kernel, this.sink, { terminal });
    const process = this.kernel.spawn(
      { image: { name: "test" }, argv: argv.map(bytes), env: env.map(bytes), cwd: bytes("/") },
      {
        descriptors: [
          new OpenDescription(this.stdin, undefined, O_RDONLY),
          new OpenDescription(this.stdout, undefined, O_WRONLY),
          new OpenDescription(this.stdout, undefined, O_WRONLY),
          new OpenDescription(root.file, root.location, O_RDONLY),
        ],
      },
    );
    if (typeof process === "number") throw new Error(`cannot spawn: ${process}`);
    this.process = process;
    const [thread] = process.threads;
    const preopen = process.descriptors.get(ROOT);
    if (thread === undefined || preopen === undefined) throw new Error("no thread or no preopen");
    this.thread = thread;
    preopen.preopen = bytes("/");
    this.host.run(this.kernel);
  }

  get context(): WalkContext {
    return { mounts: this.mounts, root: this.mounts.root, credentials: { uid: 0, gid: 0, groups: [] } };
  }

  growMemory(): boolean {
    return false;
  }

  start(): void {}

  resume(thread: Thread, outcome: Outcome): void {
    const blocked = this.#blocked;
    assert.ok(blocked, "a guest that waits for nothing is resumed");
    this.#blocked = undefined;
    this.answers.push(blocked.call.finish?.(thread, blocked.words, outcome) ?? outcome);
  }

  kill(): void {
    this.kernel.programEnded(this.process, { code: 0, signal: 9 });
  }

  /** Call as the gate does: a bigint for each i64. */
  call(name: wasi.WasiFunctionName, ...args: readonly (number | bigint)[]): number {
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

  /** As `call`, where nothing but SUCCESS will do. */
  must(name: wasi.WasiFunctionName, ...args: readonly (number | bigint)[]): void {
    assert.equal(this.call(name, ...args), 0, name);
  }

  /** Fresh zeroed bytes of guest memory, eight-aligned. */
  room(length: number): number {
    const address = this.#next;
    this.#next = (address + length + 7) & ~7;
    assert.ok(this.#next <= this.memory.byteLength, "the test's memory is used up");
    this.memory.bytes.fill(0, address, address + length);
    return address;
  }

  /** Text (one byte a character) in guest memory, as a pointer and a length. */
  text(content: string): [address: number, length: number] {
    const address = this.room(content.length);
    this.memory.putByteString(address, bytes(content));
    return [address, content.length];
  }

  /** An iovec table over ranges, as a pointer and a count. */
  vector(...ranges: readonly (readonly [number, number])[]): [address: number, count: number] {
    const address = this.room(ranges.length * 8);
    ranges.forEach(([start, length], i) => {
      this.memory.view.setUint32(address + i * 8, start, true);
      this.memory.view.setUint32(address + i * 8 + 4, length, true);
    });
    return [address, ranges.length];
  }

  u32(address: number): number {
    return this.memory.view.getUint32(address, true);
  }

  u64(address: number): bigint {
    return this.memory.view.getBigUint64(address, true);
  }

  textAt(address: number, length: number): ByteString {
    return this.memory.byteString(address, length);
  }

  /** path_open; the descriptor, or minus the error. */
  open(path: string, options: OpenOptions = {}): number {
    const {
      from = ROOT,
      lookup = 0,
      oflags = 0,
      base = wasi.RIGHTS_ALL,
      inheriting = wasi.RIGHTS_ALL,
      fdflags = 0,
    } = options;
    const at = this.room(4);
    const error = this.call(
      "path_open",
      from,
      lookup,
      ...this.text(path),
      oflags,
      BigInt(base >>> 0),
      BigInt(inheriting >>> 0),
      fdflags,
      at,
    );
    return error === 0 ? this.u32(at) : -error;
  }

  /** A file with this content; its descriptor, at offset 0. */
  file(path: string, content = ""): number {
    const fd = this.open(path, { oflags: wasi.OFLAGS_CREAT });
    assert.ok(fd > 0, `cannot make ${path}: ${-fd}`);
    const count = this.room(4);
    this.must("fd_write", fd, ...this.vector(this.text(content)), count);
    this.must("fd_seek", fd, 0n, wasi.WHENCE_SET, this.room(8));
    return fd;
  }

  directory(path: string): void {
    this.must("path_create_directory", ROOT, ...this.text(path));
  }

  /** What the file holds from its start. */
  content(fd: number): string {
    const count = this.room(4);
    const buffer = this.room(256);
    this.must("fd_pread", fd, ...this.vector([buffer, 256]), 0n, count);
    return this.textAt(buffer, this.u32(count));
  }
}

export interface OpenOptions {
  readonly from?: number;
  readonly lookup?: number;
  readonly oflags?: number;
  readonly base?: number;
  readonly inheriting?: number;
  readonly fdflags?: number;
}

/** Every right that reads only, so that opening means O_RDONLY. */
export const READ_RIGHTS =
  wasi.RIGHTS_ALL & ~(wasi.RIGHTS_FD_WRITE | wasi.RIGHTS_FD_ALLOCATE | wasi.RIGHTS_FD_FILESTAT_SET_SIZE);
