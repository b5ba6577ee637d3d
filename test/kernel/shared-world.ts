/**
 * Layer: test. Processes that share memory without an engine: programs whose memory grows and that can be forked, over a real
 * kernel. `as` runs something in a process, as the engine does before guest code runs.
 */
import { O_CREAT, O_RDWR } from "../../src/abi/fcntl.ts";
import { MAP_SHARED, PROT_READ, PROT_WRITE } from "../../src/abi/mman.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { restoreSnapshot as restoreFiles, takeSnapshot as takeFiles } from "../../src/fs/memfs/snapshot.ts";
import type { ForkDriver, Outcome, Program, ProgramLoader } from "../../src/kernel/contracts.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
import { openAt } from "../../src/kernel/operations/files.ts";
import { map } from "../../src/kernel/operations/memory.ts";
import type { Process, Thread } from "../../src/kernel/process.ts";
import { restoreSnapshot } from "../../src/kernel/snapshot/restoration.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { GuestMemory } from "../../src/mem/guest-memory.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import { bytes, IMAGE, SimulatedHost, threadOf } from "./simulated.ts";

export const PAGE = 4096;
/** Where mappings begin: the program's own data lies below. */
const OWN_BYTES = 65_536;
const MOST_BYTES = 64 * 1024 * 1024;

export class GrowingProgram implements Program {
  readonly forkable = true;
  readonly memory: GuestMemory;
  readonly peakMemory = 0;
  readonly resumed: Outcome[] = [];
  readonly process: Process;
  #buffer: ArrayBuffer;

  constructor(process: Process, buffer: ArrayBuffer) {
    this.process = process;
    this.#buffer = buffer;
    const buffered = () => this.#buffer;
    this.memory = new GuestMemory({
      get buffer() {
        return buffered();
      },
    });
  }

  copyFor(process: Process): GrowingProgram {
    return new GrowingProgram(process, this.#buffer.slice(0));
  }

  growMemory(wanted: number): boolean {
    if (wanted > MOST_BYTES) return false;
    this.#buffer = this.#buffer.transfer(Math.ceil(wanted / 65_536) * 65_536);
    return true;
  }

  start(): void {}

  resume(_thread: Thread, outcome: Outcome): void {
    this.resumed.push(outcome);
  }

  kill(): void {
    this.process.kernel.programEnding(this.process, this);
    this.process.kernel.programEnded(this.process, { code: 0, signal: 9 }, this);
  }
}

class Loader implements ProgramLoader, ForkDriver {
  readonly #buffers: Map<number, ArrayBuffer>;

  constructor(buffers = new Map<number, ArrayBuffer>()) {
    this.#buffers = buffers;
  }

  load(process: Process): Program {
    return new GrowingProgram(process, this.#buffers.get(process.pid) ?? new ArrayBuffer(OWN_BYTES));
  }

  fork(process: Process, _thread: Thread, original: Program): Program {
    return (original as GrowingProgram).copyFor(process);
  }
}

/** Files whose bytes are elsewhere, as a host directory's. */
export class FarFileSystem extends MemoryFileSystem {
  override readonly inMemory = false as unknown as true;
}

export class SharedWorld {
  readonly host = new SimulatedHost();
  readonly fs: MemoryFileSystem;
  readonly hidden: MemoryFileSystem;
  readonly kernel: Kernel;

  constructor(
    { far = false, sharedBytes = 16 * 1024 * 1024, processes = 64 } = {},
    made?: { kernel: (host: SimulatedHost) => Kernel; fs: MemoryFileSystem; hidden: MemoryFileSystem },
  ) {
    const { clock } = this.host;
    this.fs = made?.fs ?? new (far ? FarFileSystem : MemoryFileSystem)({ dev: 1, clock });
    this.hidden = made?.hidden ?? new MemoryFileSystem({ dev: 2, clock, bytes: sharedBytes, inodes: 100 });
    const options = { host: this.host, loader: new Loader(), sharedMemory: this.hidden, limits: { processes } };
    this.kernel = made?.kernel(this.host) ?? new Kernel({ ...options, mounts: new MountTable(this.fs) });
  }

  process(): Process {
    const made = this.kernel.spawn({ image: IMAGE, argv: [bytes("test")], env: [], cwd: bytes("/") });
    if (typeof made === "number") throw new Error(`spawn answered ${made}`);
    this.host.run(this.kernel);
    return made;
  }

  fork(process: Process): Process {
    this.kernel.shared.enter(process);
    const pid = this.kernel.forkNow(threadOf(process));
    const child = this.kernel.process(pid);
    if (child === undefined) throw new Error(`fork answered ${pid}`);
    this.host.run(this.kernel);
    return child;
  }

  /** Let a process run. */
  as<T>(process: Process, act: (thread: Thread) => T): T {
    this.kernel.shared.enter(process);
    const result = act(threadOf(process));
    this.host.run(this.kernel);
    return result;
  }

  open(process: Process, name: string, flags = O_RDWR | O_CREAT): number {
    return this.as(process, (thread) => openAt(thread, -100, bytes(`/${name}`), flags, 0o644, 0));
  }

  /** mmap(2) of a file or, with -1, of new memory. */
  map(process: Process, fd: number, length: number, offset = 0, flags = MAP_SHARED, address = 0): Outcome {
    const anonymous = fd < 0 ? 0x20 : 0;
    const protection = PROT_READ | PROT_WRITE;
    return this.as(process, (thread) =>
      map(thread, { address, length, protection, flags: flags | anonymous, fd, offset }),
    );
  }

  put(process: Process, address: number, text: string): void {
    this.as(process, () => process.memory.putByteString(address, bytes(text)));
  }

  get(process: Process, address: number, length: number): string {
    return this.as(process, () => process.memory.byteString(address, length));
  }

  end(process: Process): void {
    this.kernel.kill(process, 9);
    this.host.run(this.kernel);
  }

  /** The same world from plain data: kernel, both file systems, memories. */
  restored(): SharedWorld {
    const data = structuredClone({
      kernel: takeSnapshot(this.kernel),
      fs: takeFiles(this.fs),
      hidden: takeFiles(this.hidden),
    });
    const buffers = new Map(this.kernel.processes.map(({ pid, memory }) => [pid, memory.bytes.slice().buffer]));
    const { clock } = new SimulatedHost();
    const [fs, hidden] = [restoreFiles(data.fs, clock), restoreFiles(data.hidden, clock)];
    const world = new SharedWorld(
      {},
      {
        fs: fs.fs,
        hidden: hidden.fs,
        kernel: (host) =>
          restoreSnapshot(data.kernel, {
            host,
            mounts: new MountTable(fs.fs),
            sharedMemory: hidden.fs,
            loader: new Loader(buffers),
            inode: (mount, ino) => (mount.fs === hidden.fs ? hidden : fs).inode(ino),
            image: () => IMAGE,
            stream: () => {
              throw new Error("there are no streams");
            },
          }),
      },
    );
    fs.fs.releaseOrphans();
    hidden.fs.releaseOrphans();
    world.host.run(world.kernel);
    return world;
  }
}
