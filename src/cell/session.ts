/**
 * Layer: cell. What each frame of the caller asks for, done over kernel and engine. The caller is trusted; what is checked
 * here only keeps a mistake from becoming a puzzle. It must not know descriptors of the host.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { WALI_MODULE } from "../abi/calls.ts";
import { ENOENT, ENOMEM, ERRNO } from "../abi/errno.ts";
import { O_DIRECTORY, O_RDONLY } from "../abi/fcntl.ts";
import { WASI_MODULE } from "../abi/wasi.ts";
import { Engine } from "../engine/engine.ts";
import type { CallTables } from "../engine/image.ts";
import { ModuleRefused } from "../engine/rewriter/refusal.ts";
import { MemoryFileSystem } from "../fs/memfs/memfs.ts";
import type { ExitStatus } from "../kernel/contracts.ts";
import { OpenDescription } from "../kernel/descriptors.ts";
import { type ExitListener, Kernel } from "../kernel/kernel.ts";
import type { Process } from "../kernel/process.ts";
import { FRAME_BYTES, SHARED_BYTES, SHARED_FILES } from "../limits.ts";
import { waliCalls } from "../syscalls/table.ts";
import type { Location } from "../vfs/mounts.ts";
import type { WalkContext } from "../vfs/permissions.ts";
import { WASI_CALLS } from "../wasi/table.ts";
import { type BootRequest, DOWN, type DownFrame, type ModuleEnd, type SpawnRequest, UP } from "../wire/frames.ts";
import { FileRequests } from "./file-requests.ts";
import { buildFileTree, type HostFileSystems, MountFailed } from "./file-tree.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { KernelHost } from "./kernel-host.ts";
import { ModuleStore, ModuleUnwelcome } from "./module-store.ts";
import { ProcessStreams } from "./process-streams.ts";

/** Device number of the file system no path leads to; those in the tree count up from 1, pipefs is 13. */
const SHARED_MEMORY_DEV = 14;

interface Running {
  readonly channel: number;
  /** The cell's CPU time when the process began, nanoseconds. */
  readonly cpuBefore: number;
  readonly streams: ProcessStreams;
}

/** What stands after BOOT. */
interface World {
  readonly kernel: Kernel;
  readonly context: WalkContext;
  readonly engine: Engine;
  readonly files: FileRequests;
  /** The limit of one program's memory. */
  readonly memoryBytes: number;
}

const CALLS: CallTables = new Map([
  [WASI_MODULE, () => WASI_CALLS],
  [WALI_MODULE, waliCalls],
]);
/** Linux programs get their memory by brk and mmap, those of WASI by growing it. */
const MAPPING: ReadonlySet<string> = new Set([WALI_MODULE]);
const MESSAGE_LENGTH = 2048;

export class Session implements ExitListener {
  readonly #writer: FrameWriter;
  readonly #host: KernelHost;
  readonly #hostFileSystems: HostFileSystems;
  readonly #fatal: (error: unknown) => void;
  readonly #modules = new ModuleStore(CALLS);
  readonly #channels = new Map<number, Process>();
  readonly #running = new Map<Process, Running>();
  #world: World | undefined;
  /** Something was asked of the world that stands. */
  #inUse = false;
  readonly #flush = (): void => this.#writer.flush();
  /** A part in each turn of the event loop, while no process of the caller's runs. */
  readonly #tidy = (): void => {
    if (this.#running.size === 0 && this.#world?.engine.tidy()) setImmediate(this.#tidy);
  };

  /** `fatal` hears of our bugs and ends the process. */
  constructor(
    writer: FrameWriter,
    host: KernelHost,
    hostFileSystems: HostFileSystems,
    fatal: (error: unknown) => void,
  ) {
    this.#writer = writer;
    this.#host = host;
    this.#hostFileSystems = hostFileSystems;
    this.#fatal = fatal;
  }

  handle(frame: DownFrame): void {
    const { channel } = frame;
    // What the caller changes of files is stamped with the time of its request.
    this.#host.clock.monotonicNs();
    switch (frame.type) {
      case DOWN.BOOT:
        this.#boot(frame.payload);
        break;
      case DOWN.MODULE_DATA:
        this.#forModule(channel, () => this.#modules.data(channel, frame.payload));
        break;
      case DOWN.MODULE_END:
        this.#forModule(channel, () => this.#endModule(channel, frame.payload));
        break;
      case DOWN.SPAWN:
        this.#spawn(channel, frame.payload);
        break;
      case DOWN.STDIN:
        if (this.#streams(channel)?.feed(frame.payload) === false) {
          throw new Error(`STDIN of process ${channel} beyond its credit`);
        }
        break;
      case DOWN.STDIN_END:
        this.#streams(channel)?.endInput();
        break;
      case DOWN.SIGNAL: {
        const process = this.#channels.get(channel);
        if (process === undefined) break;
        const { kernel } = this.#theWorld;
        // Each run is a session of its own, which its first process leads.
        if (frame.payload.session) kernel.killSession(process.pid, frame.payload.signal);
        else kernel.kill(process, frame.payload.signal);
        break;
      }
      case DOWN.CREDIT:
        this.#streams(channel)?.credit(frame.payload.stream, frame.payload.bytes);
        break;
      case DOWN.RESIZE:
        this.#streams(channel)?.resize(frame.payload);
        break;
      case DOWN.FILE:
        this.#theWorld.files.begin(channel, frame.payload);
        break;
      case DOWN.FILE_DATA:
        this.#theWorld.files.data(channel, frame.payload);
        break;
      case DOWN.FILE_END:
        this.#theWorld.files.end(channel);
        break;
    }
  }

  /** Every process that ended: its output has left before, because output is written before a call returns. */
  exited(process: Process, status: ExitStatus): void {
    const running = this.#running.get(process);
    if (running === undefined) return;
    this.#running.delete(process);
    this.#channels.delete(running.channel);
    this.#writer.send({
      type: UP.EXITED,
      channel: running.channel,
      payload: {
        code: status.code,
        signal: status.signal,
        message: (status.message ?? "").slice(0, MESSAGE_LENGTH),
        stats: {
          // Of the whole cell while the process lived: with several at once each is told the sum.
          cpuMs: (this.#host.clock.cpuNs() - running.cpuBefore) / 1_000_000,
          calls: process.calls,
          peakMemory: process.program?.peakMemory ?? 0,
        },
      },
    });
    running.streams.end();
    if (this.#running.size === 0) setImmediate(this.#tidy);
  }

  /** Build a world and forget it. See rehearsal.ts. */
  rehearse(boot: BootRequest): void {
    if (!this.booted) this.#build(boot);
  }

  get booted(): boolean {
    return this.#world !== undefined;
  }

  #boot(boot: BootRequest): void {
    // A cell that waits in a pool has booted as the last sandbox did: another may want another kernel.
    if (this.#inUse) throw new Error("BOOT came when its kernel was in use");
    try {
      this.#world = this.#build(boot);
    } catch (error) {
      if (!(error instanceof MountFailed)) throw error;
      this.#writer.send({ type: UP.FATAL, channel: 0, payload: { message: `mount: ${error.message}` } });
      return;
    }
    this.#host.attach(this.#world.kernel);
    this.#writer.send({ type: UP.BOOTED, channel: 0, payload: undefined });
  }

  #build(boot: BootRequest): World {
    const views = { facts: () => kernel.facts, lines: () => kernel.pseudoTerminals };
    const context = buildFileTree(boot, this.#host, this.#hostFileSystems, views);
    const engine = new Engine({
      calls: CALLS,
      mapping: MAPPING,
      memoryBytes: boot.limits.memoryBytes,
      fatal: this.#fatal,
    });
    const kernel: Kernel = new Kernel({
      host: this.#host,
      loader: engine,
      mounts: context.mounts,
      sharedMemory: new MemoryFileSystem({
        dev: SHARED_MEMORY_DEV,
        clock: this.#host.clock,
        bytes: SHARED_BYTES,
        inodes: SHARED_FILES,
      }),
      limits: {
        descriptors: boot.limits.descriptors,
        processes: boot.limits.processes,
        memoryBytes: boot.limits.memoryBytes,
      },
      exits: this,
      hostname: Buffer.from(boot.hostname).toString("latin1") as ByteString,
    });
    const adopt = (file: Location, module: number): number => {
      const image = this.#modules.use(module);
      return image === undefined ? -ENOENT : kernel.programs.adopt(file, image);
    };
    const files = new FileRequests(context, this.#writer, adopt);
    return { kernel, context, engine, files, memoryBytes: boot.limits.memoryBytes };
  }

  get #theWorld(): World {
    if (this.#world === undefined) throw new Error("the caller asked for something before BOOT");
    this.#inUse = true;
    return this.#world;
  }

  #streams(channel: number): ProcessStreams | undefined {
    const process = this.#channels.get(channel);
    return process === undefined ? undefined : this.#running.get(process)?.streams;
  }

  #forModule(channel: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ModuleRefused) && !(error instanceof ModuleUnwelcome)) throw error;
      this.#refuse(channel, "module", error.message);
    }
  }

  #endModule(channel: number, end: ModuleEnd): void {
    const back = this.#modules.end(channel, end);
    for (let at = 0; back !== undefined && at < back.length; at += FRAME_BYTES) {
      this.#writer.sendLarge(UP.REWRITTEN, channel, back.subarray(at, at + FRAME_BYTES));
    }
    this.#writer.send({ type: UP.MODULE_READY, channel, payload: undefined });
  }

  #spawn(channel: number, request: SpawnRequest): void {
    const { kernel, context, memoryBytes } = this.#theWorld;
    const image = this.#modules.use(request.module);
    if (image === undefined) {
      this.#refuse(channel, "program", `module ${request.module} was never sent`);
      return;
    }
    const streams = new ProcessStreams(kernel, this.#writer, channel, request);
    // WASI programs find files through an open directory; those of Linux begin with three descriptors.
    const preopens = image.imports.some(({ gate }) => gate.module === WASI_MODULE) ? [openRoot(context)] : [];
    const process = kernel.spawn(
      { image, argv: request.argv, env: request.env, cwd: request.cwd },
      { descriptors: [...streams.descriptions, ...preopens] },
    );
    if (typeof process === "number") {
      const words = ERRNO.get(-process);
      const short = process === -ENOMEM && image.leastBytes > memoryBytes;
      const why = short ? lackOf(image.leastBytes, memoryBytes) : "";
      this.#refuse(channel, "program", `${image.name}: ${words?.text ?? "error"} (${words?.name})${why}`, -process);
      return;
    }
    const rootDescriptor = process.descriptors.get(3);
    if (rootDescriptor !== undefined) rootDescriptor.preopen = "/" as typeof request.cwd;
    streams.terminal?.control(process);
    this.#channels.set(channel, process);
    this.#running.set(process, { channel, cpuBefore: this.#host.clock.cpuNs(), streams });
    if (request.noInput) streams.endInput();
    // A short process has said more before this turn of the event loop is over.
    this.#writer.hold({ type: UP.STARTED, channel, payload: undefined });
    setImmediate(this.#flush);
  }

  #refuse(channel: number, kind: "module" | "program", message: string, errno?: number): void {
    const refusal = { kind, message: message.slice(0, MESSAGE_LENGTH) };
    this.#writer.send({ type: UP.REFUSED, channel, payload: errno === undefined ? refusal : { ...refusal, errno } });
  }
}

/** Why a program has no room for its first byte, and what would make it. */
function lackOf(least: number, limit: number): string {
  const kibibytes = (bytes: number) => `${Math.floor(bytes / 1024)} KiB`;
  const enough = `${Math.ceil(least / 2 ** 20)}m`;
  return `: it needs ${kibibytes(least)} to begin with, and the limit is ${kibibytes(limit)}; -m ${enough}, or limits.memory: "${enough}", raises that`;
}

function openRoot({ root }: WalkContext): OpenDescription {
  const file = root.inode.fs.open(root.inode, O_RDONLY | O_DIRECTORY);
  if (typeof file === "number") throw new Error(`the root directory cannot be opened: ${-file}`);
  return new OpenDescription(file, root, O_RDONLY | O_DIRECTORY);
}
