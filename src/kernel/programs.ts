/**
 * Layer: kernel. Programs in files of the guest's: found, checked, read, compiled by the engine, and kept as long as their
 * inode is. From execve(2). It must not know WebAssembly.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EACCES, EIO, ELOOP, ENOENT, ENOEXEC, ENOSYS } from "../abi/errno.ts";
import { O_RDONLY } from "../abi/fcntl.ts";
import { S_IFLNK, S_IFREG } from "../abi/stat.ts";
import { INTERPRETERS, PROGRAM_BYTES } from "../limits.ts";
import type { Inode } from "../vfs/contracts.ts";
import { emptyStat, type Stat } from "../vfs/contracts.ts";
import type { Location } from "../vfs/mounts.ts";
import { mayExecute, type WalkContext } from "../vfs/permissions.ts";
import { FOLLOW, walk } from "../vfs/walk.ts";
import type { ProgramImage } from "./contracts.ts";
import type { Kernel } from "./kernel.ts";

/** BINPRM_BUF_SIZE: how much of a script's first line counts. */
const FIRST_LINE = 256;

/** What an execve leads to. */
export interface Executable {
  readonly image: ProgramImage;
  readonly location: Location;
  readonly argv: readonly ByteString[];
}

/** A program that is not only a path: execveat(2). */
export interface NamedProgram {
  /** The file, where a descriptor has it open. */
  readonly location: Location | undefined;
  /** What a script is told its own path is. */
  readonly told: ByteString;
  /** The descriptor closes before an interpreter could open that path. */
  readonly closes: boolean;
  /** FOLLOW or 0 (AT_SYMLINK_NOFOLLOW). */
  readonly walkFlags: number;
}

/** Of a file as it was: its size, and when it changed last. */
interface Kept {
  readonly size: number;
  readonly ctimeSeconds: number;
  readonly ctimeNanoseconds: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly image: ProgramImage;
  /** Its first bytes were read since, which sets its atime, and are no script's. */
  begun: boolean;
}

export class Programs {
  readonly #kernel: Kernel;
  readonly #kept = new WeakMap<Inode, Kept>();
  readonly #stat = emptyStat();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /**
   * What executing `path` means, `#!` lines followed. -EACCES (no regular file, no x bit, mounted nowhere to execute
   * from), -ENOEXEC, -ELOOP (interpreters of interpreters, a link where none is followed), -ENOENT (a script nobody could open
   * by its path), and what the walk answers.
   */
  find(
    context: WalkContext,
    from: Location,
    path: ByteString,
    argv: readonly ByteString[],
    named?: NamedProgram,
  ): Executable | number {
    let file = path;
    let words = argv;
    for (let depth = 0; depth <= INTERPRETERS; depth++) {
      const first = depth === 0 ? named : undefined;
      const location = first?.location ?? walk(context, from, file, first?.walkFlags ?? FOLLOW);
      if (typeof location === "number") return location;
      if (first !== undefined && location.inode.type === S_IFLNK) return -ELOOP;
      const error = this.#check(context, location);
      if (error < 0) return error;
      const kept = this.#unchanged(location.inode);
      if (kept?.begun === true) return { image: kept.image, location, argv: words };
      const start = this.#read(location.inode, FIRST_LINE);
      if (typeof start === "number") return start;
      if (start[0] !== 0x23 || start[1] !== 0x21) {
        const image = this.image(location);
        if (typeof image === "number") return image;
        const now = this.#kept.get(location.inode);
        if (now !== undefined) now.begun = true;
        return { image, location, argv: words };
      }
      const interpreter = interpreterOf(start);
      if (interpreter === undefined) return -ENOEXEC;
      if (first?.closes === true) return -ENOENT;
      words = [...interpreter, first?.told ?? file, ...words.slice(1)];
      file = interpreter[0];
    }
    return -ELOOP;
  }

  /** The compiled program of a file. -ENOEXEC, -EIO, -ENOSYS (the engine compiles nothing). */
  image({ inode }: Location): ProgramImage | number {
    const { loader } = this.#kernel;
    if (loader.compile === undefined) return -ENOSYS;
    const stat = this.#stat;
    const error = inode.fs.stat(inode, stat);
    if (error < 0) return error;
    const kept = this.#kept.get(inode);
    if (kept !== undefined && isAsItWas(kept, stat)) return kept.image;
    const { size } = stat;
    const made = stampOf(stat);
    if (size > PROGRAM_BYTES) return -ENOEXEC;
    const bytes = this.#read(inode, size);
    if (typeof bytes === "number") return bytes;
    const image = loader.compile(`${inode.fs.type} ${inode.ino}` as ByteString, bytes);
    if (typeof image !== "number") this.#keep(inode, { ...made, image, begun: false });
    return image;
  }

  /** Let the file's program be an image that is compiled already, as long as the file stays as it is. 0 or -errno. */
  adopt({ inode }: Location, image: ProgramImage): number {
    if (inode.type !== S_IFREG) return -EACCES;
    const stat = this.#stat;
    const error = inode.fs.stat(inode, stat);
    if (error < 0) return error;
    this.#keep(inode, { ...stampOf(stat), image, begun: false });
    return 0;
  }

  /** Files are stamped with the clock's last reading: it is read now, so that any change from here on shows in the stamp. */
  #keep(inode: Inode, kept: Kept): void {
    this.#kernel.host.clock.monotonicNs();
    this.#kept.set(inode, kept);
  }

  /** What is kept of a file, if that has not changed since. */
  #unchanged(inode: Inode): Kept | undefined {
    const kept = this.#kept.get(inode);
    if (kept === undefined || inode.fs.stat(inode, this.#stat) < 0) return undefined;
    return isAsItWas(kept, this.#stat) ? kept : undefined;
  }

  #check(context: WalkContext, { inode }: Location): number {
    if (inode.type !== S_IFREG) return -EACCES;
    return mayExecute(context, inode);
  }

  /** Up to `most` bytes from the start of a file. */
  #read(inode: Inode, most: number): Uint8Array<ArrayBuffer> | number {
    const file = inode.fs.open(inode, O_RDONLY);
    if (typeof file === "number") return file;
    const bytes = new Uint8Array(most);
    let filled = 0;
    let error = 0;
    while (filled < most) {
      const moved = file.read(filled, bytes, filled, most - filled);
      if (moved <= 0) {
        error = moved;
        break;
      }
      filled += moved;
    }
    file.close();
    if (error < 0) return -EIO;
    return filled === most ? bytes : bytes.slice(0, filled);
  }
}

function stampOf(stat: Stat): Omit<Kept, "image" | "begun"> {
  const { size, ctimeSeconds, ctimeNanoseconds, mtimeSeconds, mtimeNanoseconds } = stat;
  return { size, ctimeSeconds, ctimeNanoseconds, mtimeSeconds, mtimeNanoseconds };
}

function isAsItWas(kept: Kept, stat: Stat): boolean {
  return (
    kept.size === stat.size &&
    kept.ctimeNanoseconds === stat.ctimeNanoseconds &&
    kept.mtimeNanoseconds === stat.mtimeNanoseconds &&
    kept.ctimeSeconds === stat.ctimeSeconds &&
    kept.mtimeSeconds === stat.mtimeSeconds
  );
}

/** The interpreter of a `#!` line and its one argument, if any: everything after the first blanks, blanks at the end cut. */
function interpreterOf(start: Uint8Array): [ByteString, ...ByteString[]] | undefined {
  const text = String.fromCharCode(...start);
  const end = text.indexOf("\n");
  // Cut off within the name, nobody knows what it was to be.
  if (end < 0 && start.length === FIRST_LINE && !/^#![ \t]*[^ \t]+[ \t]/.test(text)) return undefined;
  const line = end < 0 ? text : text.slice(0, end);
  const match = /^#![ \t]*([^ \t\0]+)(?:[ \t]+([^\0]*?))?[ \t]*(?:\0.*)?$/.exec(line);
  if (match === null) return undefined;
  const [, name = "", argument = ""] = match;
  return argument === "" ? [name as ByteString] : [name as ByteString, argument as ByteString];
}
