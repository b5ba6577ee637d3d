/** A kernel with a root in memory and WASI, for running real programs: standard input in, standard output out. */
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY } from "../../src/abi/fcntl.ts";
import { WASI_MODULE } from "../../src/abi/wasi.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { GuestImage } from "../../src/engine/image.ts";
import { DeviceFileSystem } from "../../src/fs/devfs/devfs.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import type { ExitStatus } from "../../src/kernel/contracts.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
import { openAt } from "../../src/kernel/operations/files.ts";
import { makeDirectoryAt } from "../../src/kernel/operations/names.ts";
import type { Process, Thread } from "../../src/kernel/process.ts";
import { InputStream, OutputStream } from "../../src/kernel/streams.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import { FOLLOW } from "../../src/vfs/walk.ts";
import { WASI_CALLS } from "../../src/wasi/table.ts";
import { bytes } from "../kernel/simulated.ts";
import { LoopHost } from "./loop-host.ts";

export interface RunResult {
  readonly status: ExitStatus;
  readonly stdout: string;
  readonly stderr: string;
  readonly process: Process;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: readonly string[];
  /** Files to make first, by absolute name in the root. */
  readonly files?: Readonly<Record<string, string>>;
}

export class WasiMachine {
  readonly faults: unknown[] = [];
  readonly engine: Engine;
  readonly kernel: Kernel;
  readonly #host = new LoopHost();
  readonly #waiting = new Map<Process, (status: ExitStatus) => void>();

  constructor(memoryBytes?: number) {
    this.engine = new Engine({
      calls: new Map([[WASI_MODULE, () => WASI_CALLS]]),
      fatal: (error) => this.faults.push(error),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    });
    const { clock } = this.#host;
    const mounts = new MountTable(new MemoryFileSystem({ dev: 1, clock }));
    this.#mountDevices(mounts);
    this.kernel = new Kernel({
      host: this.#host,
      loader: this.engine,
      mounts,
      exits: { exited: (process, status) => this.#waiting.get(process)?.(status) },
    });
    this.#host.kernel = this.kernel;
  }

  async run(image: GuestImage, argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const written = ["", ""];
    const output = (stream: number): OpenDescription => {
      const port = {
        write(from: Uint8Array, at: number, length: number): number {
          written[stream] += Buffer.from(from.subarray(at, at + length)).toString("latin1");
          return length;
        },
      };
      return new OpenDescription(new OutputStream(this.kernel, port, { terminal: false }), undefined, O_WRONLY);
    };
    const input = new InputStream(this.kernel, { consumed() {} }, { terminal: false });
    const process = this.kernel.spawn(
      { image, argv: argv.map(bytes), env: (options.env ?? []).map(bytes), cwd: bytes("/") },
      { descriptors: [new OpenDescription(input, undefined, O_RDONLY), output(0), output(1)] },
    );
    if (typeof process === "number") throw new Error(`spawn answered ${process}`);
    this.#prepare(process, options.files ?? {});
    input.feed(Buffer.from(options.stdin ?? "", "latin1"));
    input.end();
    const status = await new Promise<ExitStatus>((resolve) => this.#waiting.set(process, resolve));
    return { status, stdout: written[0] ?? "", stderr: written[1] ?? "", process };
  }

  /** Preopen the root, and put the files in it. */
  #prepare(process: Process, files: Readonly<Record<string, string>>): void {
    const [thread] = process.threads;
    if (thread === undefined) throw new Error("a process without a thread");
    const root = openAt(thread, AT_FDCWD, bytes("/"), O_RDONLY | O_DIRECTORY, 0, FOLLOW);
    const entry = process.descriptors.get(root);
    if (entry === undefined) throw new Error(`opening / answered ${root}`);
    entry.preopen = bytes("/");
    for (const [name, text] of Object.entries(files)) writeFile(thread, name, text);
  }

  #mountDevices(mounts: MountTable): void {
    const devices = new DeviceFileSystem({
      dev: 2,
      clock: this.#host.clock,
      random: (into, at, length) => this.#host.random(into, at, length),
    });
    const { mount, inode } = mounts.root;
    const made = inode.fs.mkdir(inode, bytes("dev"), 0o755, { uid: 0, gid: 0 });
    if (typeof made === "number") throw new Error(`mkdir /dev answered ${made}`);
    mounts.mount({ mount, inode: made }, devices);
  }
}

function writeFile(thread: Thread, name: string, text: string): void {
  const directory = name.slice(0, name.lastIndexOf("/"));
  if (directory !== "") makeDirectoryAt(thread, AT_FDCWD, bytes(directory), 0o755, FOLLOW);
  const fd = openAt(thread, AT_FDCWD, bytes(name), O_RDWR | O_CREAT, 0o644, FOLLOW);
  const file = thread.process.descriptors.get(fd)?.description.file;
  const content = Buffer.from(text, "latin1");
  file?.write(0, content, 0, content.length);
  thread.process.descriptors.close(fd);
}
