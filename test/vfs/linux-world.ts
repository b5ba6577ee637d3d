/** Random operations on real Linux, through node:fs in a directory of its own. The oracle. */
import fs from "node:fs";
import { join } from "node:path";
import type { Operation } from "./random-operations.ts";
import { SLOTS } from "./random-operations.ts";

/** What an operation answered: a number (-errno below zero) or what it found, as comparable text. */
export type Answer = number | string;

export interface World {
  run(operation: Operation): Answer;
}

/**
 * Where the operations start: so deep that no ".." can leave the directory. One resolution walks at most 41 paths (its own
 * and 40 links), each with five components at most.
 */
export const START_DEPTH = 41 * 5 + 5;

/** st_nlink of directories counts subdirectories on tmpfs and ext4, but not everywhere. */
export function describeStat(stat: { mode: number; nlink: number; uid: number; gid: number; size: number }): string {
  const directory = (stat.mode & 0o170000) === 0o040000;
  const link = (stat.mode & 0o170000) === 0o120000;
  const size = directory ? "" : ` size ${stat.size}`;
  return `mode ${(link ? 0o120777 : stat.mode).toString(8)} nlink ${stat.nlink} owner ${stat.uid}:${stat.gid}${size}`;
}

export class LinuxWorld implements World {
  readonly #home: string;
  readonly #back = process.cwd();
  readonly #files: (number | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);
  #nextSlot = 0;

  constructor() {
    const shared = "/dev/shm";
    this.#home = fs.mkdtempSync(join(fs.existsSync(shared) ? shared : "/tmp", "linden-differential-"));
    process.umask(0);
    fs.chmodSync(this.#home, 0o777);
    process.chdir(this.#home);
    for (let i = 0; i < START_DEPTH; i++) {
      fs.mkdirSync("up", 0o777);
      process.chdir("up");
    }
  }

  run(operation: Operation): Answer {
    try {
      return this.#run(operation);
    } catch (error) {
      const { errno } = error as NodeJS.ErrnoException;
      if (typeof errno !== "number") throw error;
      return errno;
    }
  }

  dispose(): void {
    this.#become(0);
    for (const file of this.#files) if (file !== undefined) fs.closeSync(file);
    process.chdir(this.#back);
    fs.rmSync(this.#home, { recursive: true, force: true });
  }

  #run(operation: Operation): Answer {
    switch (operation.kind) {
      case "mkdir":
        fs.mkdirSync(raw(operation.path), operation.mode);
        return 0;
      case "open": {
        const file = fs.openSync(raw(operation.path), operation.flags, operation.mode);
        const slot = this.#nextSlot++ % SLOTS;
        const old = this.#files[slot];
        if (old !== undefined) fs.closeSync(old);
        this.#files[slot] = file;
        return describeStat(fs.fstatSync(file));
      }
      case "write":
        return fs.writeSync(this.#file(operation.slot), operation.text, operation.position, "latin1");
      case "read": {
        const into = Buffer.alloc(operation.length);
        const count = fs.readSync(this.#file(operation.slot), into, 0, operation.length, operation.position);
        return into.toString("latin1", 0, count);
      }
      case "ftruncate":
        fs.ftruncateSync(this.#file(operation.slot), operation.size);
        return 0;
      case "fstat":
        return describeStat(fs.fstatSync(this.#file(operation.slot)));
      case "close": {
        const file = this.#file(operation.slot);
        this.#files[operation.slot] = undefined;
        fs.closeSync(file);
        return 0;
      }
      case "rename":
        fs.renameSync(raw(operation.path), raw(operation.to));
        return 0;
      case "link":
        fs.linkSync(raw(operation.path), raw(operation.to));
        return 0;
      case "symlink":
        fs.symlinkSync(raw(operation.target), raw(operation.path));
        return 0;
      case "unlink":
        fs.unlinkSync(raw(operation.path));
        return 0;
      case "rmdir":
        fs.rmdirSync(raw(operation.path));
        return 0;
      case "stat":
        return describeStat(fs.statSync(raw(operation.path)));
      case "lstat":
        return describeStat(fs.lstatSync(raw(operation.path)));
      case "readlink":
        return fs.readlinkSync(raw(operation.path), "latin1");
      case "readdir":
        return fs.readdirSync(raw(operation.path), "latin1").sort().join("|");
      case "chmod":
        fs.chmodSync(raw(operation.path), operation.mode);
        return 0;
      case "chown":
        fs.chownSync(raw(operation.path), operation.uid, operation.gid);
        return 0;
      case "access":
        fs.accessSync(raw(operation.path), operation.want);
        return 0;
      case "utimes": {
        fs.utimesSync(raw(operation.path), operation.mtime, operation.mtime);
        return `mtime ${Math.floor(fs.statSync(raw(operation.path)).mtimeMs / 1000)}`;
      }
      case "become":
        this.#become(operation.uid);
        return 0;
    }
  }

  #become(uid: number): void {
    if (process.getuid?.() !== 0) return;
    process.seteuid?.(0);
    process.setegid?.(uid);
    process.seteuid?.(uid);
  }

  /** Node itself refuses a descriptor below zero with no errno: use one that cannot be open. */
  #file(slot: number): number {
    return this.#files[slot] ?? 1_000_000;
  }
}

/** Tests may run as root: nothing but what is below the current directory is ever named. */
function raw(path: string): Buffer {
  if (path.startsWith("/")) throw new RangeError(`${path} is absolute.`);
  return Buffer.from(path, "latin1");
}
