/**
 * A process without a program: codec functions are called as the gate calls them, over a real kernel, a memory file system
 * and a plain WebAssembly.Memory, with a clock that stands still until told. Each codec's tests build their words on it.
 */
import assert from "node:assert/strict";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { O_DIRECTORY, O_RDONLY, O_WRONLY } from "../../src/abi/fcntl.ts";
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
import { bytes, SimulatedHost, Sink } from "./simulated.ts";

export const WASM_PAGE = 65_536;
/** Pages a process begins with. */
const FIRST_PAGES = 2;

/** A bigint for each i64. */
export type Argument = number | bigint;

export interface GuestOptions {
  readonly argv?: readonly string[];
  readonly env?: readonly string[];
  readonly terminal?: boolean;
}

/** What the codec under test has: its calls by name, how far memory grows, whether "/" is a preopened directory. */
export interface Codec {
  readonly calls: ReadonlyMap<string, GuestCall>;
  readonly mostPages: number;
  readonly preopens: boolean;
}

export class BareProcess implements Program {
  readonly wasmMemory: WasmMemory;
  readonly memory: GuestMemory;
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
  readonly #calls: Codec["calls"];
  #blocked: { call: GuestCall; words: number[] } | undefined;
  #next = 1024;

  constructor(codec: Codec, { argv = ["test"], env = [], terminal = false }: GuestOptions) {
    const { clock } = this.host;
    this.#calls = codec.calls;
    this.wasmMemory = new wasm.Memory({ initial: FIRST_PAGES, maximum: codec.mostPages });
    this.memory = new GuestMemory(this.wasmMemory);
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
    const { context } = this;
    const mount = (path: string, mode: number, fs: DeviceFileSystem | ProcFileSystem) => {
      const place = makeDirectories(context, bytes(path), mode);
      if (typeof place === "number") throw new Error(`no ${path}: ${place}`);
      this.mounts.mount(place, fs);
    };
    const random = (into: Uint8Array, at: number, length: number) => into.fill(7, at, at + length);
    mount("/dev", 0o755, new DeviceFileSystem({ dev: 2, clock, random }));
    mount("/proc", 0o555, new ProcFileSystem(3, () => this.kernel.facts));
    this.stdin = new InputStream(this.kernel, { consumed() {} }, { terminal });
    this.stdout = new OutputStream(this.kernel, this.sink, { terminal });
    const descriptors = [
      new OpenDescription(this.stdin, undefined, O_RDONLY),
      new OpenDescription(this.stdout, undefined, O_WRONLY),
      new OpenDescription(this.stdout, undefined, O_WRONLY),
    ];
    if (codec.preopens) {
      const root = openAt(context, context.root, bytes("/"), O_RDONLY | O_DIRECTORY, 0, 0);
      if (typeof root === "number") throw new Error(`no root: ${root}`);
      descriptors.push(new OpenDescription(root.file, root.location, O_RDONLY));
    }
    const process = this.kernel.spawn(
      { image: { name: "test" }, argv: argv.map(bytes), env: env.map(bytes), cwd: bytes("/") },
      { descriptors },
    );
    if (typeof process === "number") throw new Error(`cannot spawn: ${process}`);
    this.process = process;
    const preopen = process.descriptors.get(descriptors.length - 1);
    if (codec.preopens && preopen !== undefined) preopen.preopen = bytes("/");
    const [thread] = process.threads;
    if (thread === undefined) throw new Error("no thread");
    this.thread = thread;
    this.host.run(this.kernel);
  }

  get context(): WalkContext {
    return { mounts: this.mounts, root: this.mounts.root, credentials: { uid: 0, gid: 0, groups: [] } };
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

  /** Any import of the codec's, called as the gate does. */
  import(name: string, ...args: readonly Argument[]): number {
    const call = this.#calls.get(name);
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

  /** Fresh zeroed bytes of guest memory, eight-aligned. */
  room(length: number): number {
    const address = this.#next;
    this.#next = (address + length + 7) & ~7;
    assert.ok(this.#next <= this.memory.byteLength, "the test's memory is used up");
    this.memory.bytes.fill(0, address, address + length);
    return address;
  }

  /** An iovec table over ranges of address and length. */
  iovecs(ranges: readonly (readonly [number, number])[]): number {
    const address = this.room(ranges.length * 8);
    ranges.forEach(([start, length], i) => {
      this.memory.view.setUint32(address + i * 8, start, true);
      this.memory.view.setUint32(address + i * 8 + 4, length, true);
    });
    return address;
  }

  u32(address: number): number {
    return this.memory.view.getUint32(address, true);
  }

  textAt(address: number, length: number): ByteString {
    return this.memory.byteString(address, length);
  }
}
