/** A real file server in a process of its own, and a cell's end of its line, over fresh host directories. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { FileLine } from "../../src/cell/file-line.ts";
import { LineDirectory } from "../../src/cell/host-directory.ts";
import { ReadingDescriptors } from "../../src/cell/reading-descriptors.ts";
import { emptyHostAttributes, type HostDirectory } from "../../src/fs/hostfs/host-directory.ts";
import { HostFileSystem } from "../../src/fs/hostfs/hostfs.ts";
import { openPath, socketPair } from "../../src/host/descriptors.unsafe.ts";
import type { Inode } from "../../src/vfs/contracts.ts";
import type { Clock } from "../../src/wait/clock.ts";

export const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** The host's monotonic time; `skipped` moves it on. */
export class TestClock implements Clock {
  skipped = 0;

  monotonicNs(): number {
    return Number(process.hrtime.bigint()) + this.skipped;
  }

  wallTime(): void {}

  lastWallTime(): void {}

  cpuNs(): number {
    return 0;
  }
}

export type ServedOptions = {
  readonly readOnly?: boolean;
  readonly allow?: readonly string[];
  readonly inodes?: number;
  /** Serve this directory below the fresh one instead of the fresh one itself; it is made. */
  readonly below?: string;
};

export class Served {
  /** The fresh host directory, with "outside.txt" beside the one that is served if that is below it. */
  readonly base: string;
  /** The host directory that is served. */
  readonly path: string;
  readonly socket: number;
  readonly child: ChildProcess;
  readonly line: FileLine;
  readonly host: LineDirectory;
  readonly clock = new TestClock();
  readonly #options: ServedOptions;
  #closed = false;

  constructor(options: ServedOptions = {}) {
    this.#options = options;
    this.base = mkdtempSync(join(tmpdir(), "linden-files-"));
    this.path = join(this.base, options.below ?? "");
    mkdirSync(this.path, { recursive: true });
    const pair = socketPair();
    if (typeof pair === "number") throw new Error(`socketpair: ${pair}`);
    const root = openPath(this.path);
    const { readOnly = false, allow = [] } = options;
    const assignment = [{ descriptor: 4, readOnly, allow, path: this.path }];
    const program = fileURLToPath(new URL("server-process.ts", import.meta.url));
    this.child = spawn(
      process.execPath,
      ["--no-warnings", "--conditions=linden-source", program, JSON.stringify(assignment)],
      { stdio: ["ignore", "ignore", "pipe", pair.second, root], env: {} },
    );
    closeSync(pair.second);
    closeSync(root);
    this.socket = pair.first;
    this.line = new FileLine(this.socket);
    this.host = new LineDirectory(this.line, 0, new ReadingDescriptors());
  }

  mount(): HostFileSystem {
    const { inodes } = this.#options;
    const options = { dev: 9, clock: this.clock, owner, ...(inodes === undefined ? {} : { inodes }) };
    const fs = HostFileSystem.mount(this.host, options);
    if (typeof fs === "number") throw new Error(`mount: ${fs}`);
    return fs;
  }

  /** Names and attributes told before are no longer believed. */
  expire(): void {
    this.clock.skipped += 10_000_000_000;
  }

  hangUp(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.socket);
  }

  /** The server's exit status, after hanging up. */
  async exit(): Promise<number | null> {
    this.hangUp();
    if (this.child.exitCode === null) await once(this.child, "exit");
    return this.child.exitCode;
  }

  dispose(): void {
    this.hangUp();
    rmSync(this.base, { recursive: true, force: true });
  }

  hostText(name: string): string {
    return readFileSync(join(this.path, name), "latin1");
  }
}

/** Walk names from the root, following nothing. */
export function find(fs: HostFileSystem, path: string): Inode | number {
  let at: Inode = fs.root;
  for (const name of path.split("/")) {
    const next = fs.lookup(at, name as ByteString);
    if (typeof next === "number") return next;
    at = next;
  }
  return at;
}

/** How many of a call's first arguments are paths. */
const PATHS = new Map([
  ["attributes", 1],
  ["open", 1],
  ["create", 1],
  ["mkdir", 1],
  ["symlink", 1],
  ["link", 2],
  ["unlink", 1],
  ["rmdir", 1],
  ["rename", 2],
  ["readlink", 1],
  ["change", 1],
]);

/** The directory of that name below another one, made for it, as a HostDirectory of its own. */
export function below(directory: HostDirectory, name: string): HostDirectory {
  const made = directory.mkdir(name as ByteString, 0o755, emptyHostAttributes());
  if (made < 0) throw new Error(`mkdir: ${made}`);
  return new Proxy(directory, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== "function") return method;
      const paths = PATHS.get(String(key)) ?? 0;
      const moved = (arg: unknown, n: number) =>
        n >= paths || typeof arg !== "string" ? arg : arg === "" ? name : `${name}/${arg}`;
      return (...args: unknown[]) => method.apply(target, args.map(moved));
    },
  });
}
