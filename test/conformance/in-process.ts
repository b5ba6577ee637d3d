/**
 * Runs one WASI or Linux program over engine, kernel and memory file system in this very process, with the host's clock and without any
 * lock: for conformance, not for what nobody trusts.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { WALI_MODULE } from "../../src/abi/calls.ts";
import { O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY } from "../../src/abi/fcntl.ts";
import { WASI_MODULE } from "../../src/abi/wasi.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { CallTables } from "../../src/engine/image.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import { DeviceFileSystem } from "../../src/fs/devfs/devfs.ts";
import { TerminalFileSystem } from "../../src/fs/devpts/devpts.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { ProcFileSystem } from "../../src/fs/procfs/procfs.ts";
import type { ExitStatus, GuestCall } from "../../src/kernel/contracts.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
import type { Process } from "../../src/kernel/process.ts";
import { InputStream, OutputStream } from "../../src/kernel/streams.ts";
import { SHARED_BYTES } from "../../src/limits.ts";
import { waliCalls } from "../../src/syscalls/table.ts";
import type { FileSystem } from "../../src/vfs/contracts.ts";
import { makeDirectories, makeDirectoryAt, makeSymlinkAt } from "../../src/vfs/create.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import { openAt } from "../../src/vfs/open.ts";
import type { WalkContext } from "../../src/vfs/permissions.ts";
import { WASI_CALLS } from "../../src/wasi/table.ts";
import { LoopHost } from "../engine/loop-host.ts";

export interface GuestRun {
  /** The path of a .wasm file. */
  readonly module: string;
  /** With the program's name first. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** A host directory whose copy is the guest's "/"; "" is an empty one, undefined no directory at all. */
  readonly root?: string | undefined;
  /** Until it is killed. */
  readonly milliseconds: number;
}

export interface GuestResult extends ExitStatus {
  readonly stdout: string;
  readonly stderr: string;
}

/** Linux's calls that programs have made here, by the names of their imports. */
export const callsMade = new Set<string>();

let counting: readonly GuestCall[] | undefined;

/** Import module "wali", each call of it told to callsMade. */
function countedCalls(): readonly GuestCall[] {
  counting ??= waliCalls().map((call) => ({
    ...call,
    begin: (thread, ...words) => {
      callsMade.add(call.name);
      return call.begin(thread, ...words);
    },
  }));
  return counting;
}

class RealHost extends LoopHost {
  override random(into: Uint8Array<ArrayBuffer>, at: number, length: number): void {
    for (let done = 0; done < length; done += 65_536) {
      crypto.getRandomValues(into.subarray(at + done, at + Math.min(length, done + 65_536)));
    }
  }
}

function bytes(text: string): ByteString {
  return Buffer.from(text).toString("latin1") as ByteString;
}

/** Copy a host directory's content to the root of a file system. */
function copyIn(context: WalkContext, from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = bytes(`${to}/${entry.name}`);
    const source = join(from, entry.name);
    if (entry.isDirectory()) {
      makeDirectoryAt(context, context.root, path, 0o755, 0);
      copyIn(context, source, `${to}/${entry.name}`);
    } else if (entry.isSymbolicLink()) {
      makeSymlinkAt(context, bytes(readlinkSync(source)), context.root, path, 0);
    } else if (entry.isFile()) {
      const mode = statSync(source).mode & 0o777;
      const opened = openAt(context, context.root, path, O_CREAT | O_WRONLY, mode, 0);
      if (typeof opened === "number") throw new Error(`cannot make ${path}: ${opened}`);
      const content = readFileSync(source);
      let done = 0;
      while (done < content.length) {
        const moved = opened.file.write(done, content, done, content.length - done);
        if (moved <= 0) throw new Error(`cannot fill ${path}: ${moved}`);
        done += moved;
      }
      opened.file.close();
    }
  }
}

/** What stands on /dev, /dev/shm and /proc. */
function mountSystem(context: WalkContext, kernel: Kernel): void {
  const { clock, random } = kernel.host;
  const places: [string, FileSystem][] = [
    ["/dev", new DeviceFileSystem({ dev: 2, clock, random })],
    ["/dev/shm", new MemoryFileSystem({ dev: 4, clock, mode: 0o1777 })],
    ["/dev/pts", new TerminalFileSystem(5, clock, () => kernel.pseudoTerminals)],
    ["/proc", new ProcFileSystem(3, () => kernel.facts)],
  ];
  for (const [path, fs] of places) {
    const at = makeDirectories(context, bytes(path), 0o755);
    if (typeof at === "number") throw new Error(`no ${path}: ${at}`);
    context.mounts.mount(at, fs);
  }
}

/** Feed input as the guest takes it. */
function feeder(kernel: Kernel, input: Uint8Array): InputStream {
  let fed = 0;
  const feed = (): void => {
    if (fed < input.length) fed += stream.feed(input.subarray(fed));
    if (fed === input.length) stream.end();
  };
  const stream: InputStream = new InputStream(kernel, { consumed: () => setImmediate(feed) }, { terminal: false });
  feed();
  return stream;
}

function collector(kernel: Kernel, chunks: Buffer[]): OutputStream {
  const port = {
    write: (from: Uint8Array, at: number, length: number) => {
      chunks.push(Buffer.from(from.slice(at, at + length)));
      return length;
    },
  };
  return new OutputStream(kernel, port, { terminal: false });
}

/** Run it to its end. A module that cannot be run rejects. */
export async function runGuest(run: GuestRun): Promise<GuestResult> {
  const host = new RealHost();
  const mounts = new MountTable(new MemoryFileSystem({ dev: 1, clock: host.clock, mode: 0o755 }));
  const { promise, resolve, reject } = Promise.withResolvers<ExitStatus>();
  let first: Process | undefined;
  const exits = {
    exited: (process: Process, status: ExitStatus) => {
      if (process === first) resolve(status);
    },
  };
  const calls: CallTables = new Map([
    [WASI_MODULE, () => WASI_CALLS],
    [WALI_MODULE, countedCalls],
  ]);
  const engine = new Engine({ calls, mapping: new Set([WALI_MODULE]), fatal: reject });
  const sharedMemory = new MemoryFileSystem({ dev: 14, clock: host.clock, bytes: SHARED_BYTES });
  const kernel = new Kernel({ host, mounts, exits, loader: engine, sharedMemory });
  host.kernel = kernel;
  const context: WalkContext = { mounts, root: mounts.root, credentials: { uid: 0, gid: 0, groups: [] } };
  mountSystem(context, kernel);
  if (run.root) copyIn(context, run.root, "");
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const descriptors = [
    new OpenDescription(feeder(kernel, run.stdin ?? new Uint8Array()), undefined, O_RDONLY),
    new OpenDescription(collector(kernel, stdout), undefined, O_WRONLY),
    new OpenDescription(collector(kernel, stderr), undefined, O_WRONLY),
  ];
  const image = engine.image(run.args[0] ?? "", rewrite(readFileSync(run.module)));
  const wasi = image.imports.some(({ gate }) => gate.module === WASI_MODULE);
  if (wasi && run.root !== undefined) {
    const root = openAt(context, context.root, "/" as ByteString, O_RDONLY | O_DIRECTORY, 0, 0);
    if (typeof root === "number") throw new Error(`cannot open the root: ${root}`);
    descriptors.push(new OpenDescription(root.file, root.location, O_RDONLY));
  }
  // Linux programs begin in a directory where nothing else is.
  if (!wasi) makeDirectoryAt(context, context.root, bytes("/empty"), 0o777, 0);
  const started = kernel.spawn(
    {
      image,
      argv: run.args.map(bytes),
      env: Object.entries(run.env ?? {}).map(([key, value]) => bytes(`${key}=${value}`)),
      cwd: bytes(wasi || run.root !== "" ? "/" : "/empty"),
    },
    { descriptors },
  );
  if (typeof started === "number") throw new Error(`cannot spawn: ${started}`);
  first = started;
  const preopen = started.descriptors.get(3);
  if (preopen !== undefined) preopen.preopen = "/" as ByteString;
  const timer = setTimeout(() => kernel.kill(started, 9), run.milliseconds);
  const status = await promise;
  clearTimeout(timer);
  host.alarm(undefined);
  return { ...status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}
