/** Layer: lockdown. Files and standard streams: reading, writing, opening, metadata, and Landlock's paths. */
import { O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } from "../../abi/fcntl.ts";
import { arg32 } from "../context/condition.ts";
import { InvalidRuleSet } from "../context/errors.ts";
import { access } from "../context/landlock-rule.ts";
import { YesReally } from "../context/rule-set.ts";
import { Grants } from "./grant.ts";

const READ = ["read", "readv", "preadv", "preadv2", "pread64", "lseek"];
const WRITE = ["write", "writev", "pwritev", "pwritev2", "pwrite64", "fsync", "fdatasync", "lseek"];
const OPEN = ["open", "openat", "openat2"];
const IOCTL = ["ioctl", "fcntl"];
const METADATA = ["stat", "fstat", "newfstatat", "lstat", "statx", "getdents", "getdents64", "getcwd"];
/** What Node asks besides: fs.access and fs.existsSync. */
const PROBE = ["access", "faccessat", "faccessat2"];
const CLOSE = ["close", "close_range"];
const UNLINK = ["unlink", "unlinkat"];
const STREAM = ["write", "writev"];
/** include/uapi/asm-generic/fcntl.h: the bit of O_TMPFILE that O_DIRECTORY does not share. */
const O_TMPFILE_ALONE = 0o20000000;
/** Flags of an open that could change something. O_TRUNC empties a file even with O_RDONLY. */
const CHANGES = O_WRONLY | O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_TRUNC | O_TMPFILE_ALONE;

const CERTIFICATES = ["/etc/ssl/certs", "/etc/ca-certificates"];
const NAME_SERVICE = ["/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf"];

/** A descriptor, or whatever Node has one in: a FileHandle, a stream with `fd`. */
export type Descriptor = number | { readonly fd: number };

function numberOf(file: Descriptor, method: string): number {
  const number: unknown = typeof file === "number" ? file : file?.fd;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number < 2 ** 31) return number;
  throw new InvalidRuleSet(`SystemIO.${method}: expected an open descriptor, or an object with one in "fd"`);
}

export class SystemIO extends Grants {
  readonly name = "SystemIO";

  private constructor() {
    super();
  }

  static nothing(): SystemIO {
    return new SystemIO();
  }

  /** Reading, writing, opening, metadata, removing and closing of every file. */
  static everything(): SystemIO {
    return new SystemIO().allowRead().allowWrite().allowOpen().yesReally().allowMetadata().allowUnlink().allowClose();
  }

  /** Reading from every open descriptor. */
  allowRead(): this {
    return this.allow("reads from open descriptors", READ);
  }

  /** Writing to every open descriptor. */
  allowWrite(): this {
    return this.allow("writes to open descriptors", WRITE);
  }

  /** Removing files. */
  allowUnlink(): this {
    return this.allow("removes files", UNLINK);
  }

  /** Opening every file, for every use. */
  allowOpen(): YesReally<this> {
    const danger =
      "beside any rule set that allows write (Networking does) it opens files for writing too; allowOpenReadonly() or the Landlock methods say what you mean";
    return new YesReally("SystemIO.allowOpen()", danger, () => this.#open());
  }

  /**
   * Opening files for reading alone. openat2 keeps its flags where a filter cannot look, and so stays refused.
   */
  allowOpenReadonly(): this {
    const why = "opens files, with no flag that could change one";
    this.allowWhen(why, ["open"], arg32(1).masked(CHANGES).eq(0));
    return this.allowWhen(why, ["openat"], arg32(2).masked(CHANGES).eq(0));
  }

  /** stat, directory listings, the current directory, access checks. */
  allowMetadata(): this {
    return this.allow("metadata of files, listings of directories", [...METADATA, ...PROBE]);
  }

  allowIoctl(): this {
    return this.allow("device and descriptor control", IOCTL);
  }

  allowClose(): this {
    return this.allow("closes descriptors", CLOSE);
  }

  /** Reading from standard input. */
  allowStdin(): this {
    return this.allowWhen("reads from standard input", ["read"], arg32(0).eq(0));
  }

  /** Writing to standard output. */
  allowStdout(): this {
    return this.allowWhen("writes to standard output", STREAM, arg32(0).eq(1));
  }

  /** Writing to standard error. */
  allowStderr(): this {
    return this.allowWhen("writes to standard error", STREAM, arg32(0).eq(2));
  }

  /**
   * Reading from this descriptor, and its metadata; not closing it. If it is closed all the same, whatever gets its
   * number next may be read.
   */
  allowFileRead(file: Descriptor): this {
    const number = arg32(0).eq(numberOf(file, "allowFileRead"));
    this.allowWhen("reads from one open file", READ, number);
    return this.allowAtLeast("metadata of one open file", ["fstat", "getdents", "getdents64"], number);
  }

  /** Writing to this descriptor; not closing it. If it is closed, whatever gets its number next may be written. */
  allowFileWrite(file: Descriptor): this {
    const number = arg32(0).eq(numberOf(file, "allowFileWrite"));
    return this.allowWhen("writes to one open file", ["write", "writev", "pwrite64"], number);
  }

  // Landlock: which paths. Each method allows the calls it takes as well.

  /** Reading this file, or every file beneath this directory. */
  allowReadPath(path: string): this {
    this.allowPath(path, access.readPath());
    return this.allowClose().allowRead().allowMetadata().#open();
  }

  /** Writing this file, or every file beneath this directory; not creating one. */
  allowWriteFile(path: string): this {
    this.allowPath(path, access.writeFile());
    return this.allowClose().allowWrite().allowMetadata().#truncate().#open();
  }

  /** Creating files in this directory, and writing them. */
  allowCreateInDir(path: string): this {
    this.allowPath(path, [...access.createFile(), ...access.writeFile()]);
    return this.allow("creates files beneath allowed directories", ["creat"]).#truncate().#open();
  }

  /** Listing this directory and those beneath it. */
  allowListDir(path: string): this {
    this.allowPath(path, access.listDir());
    return this.allowMetadata().allowClose().allowIoctl().#open();
  }

  /** Creating directories in this one. */
  allowCreateDir(path: string): this {
    this.allowPath(path, access.createDir());
    return this.allow("creates directories beneath allowed ones", ["mkdir", "mkdirat"]);
  }

  /** Removing files from this directory. */
  allowRemoveFile(path: string): this {
    this.allowPath(path, access.deleteFile());
    return this.allow("removes files beneath allowed directories", UNLINK);
  }

  /** Removing directories in this one; not itself. */
  allowRemoveDir(path: string): this {
    this.allowPath(path, access.deleteDir());
    return this.allow("removes directories beneath allowed ones", ["rmdir", "unlinkat"]);
  }

  /** The machine's certificates, where they are there. */
  allowSslFiles(): this {
    for (const path of CERTIFICATES) this.allowPath(path, [...access.readPath(), ...access.listDir()], true);
    this.allowPath("/etc/localtime", access.readPath(), true);
    return this.allowClose().allowRead().allowMetadata().#open();
  }

  /** What the C library reads to resolve names, where it is there. */
  allowDnsFiles(): this {
    for (const path of NAME_SERVICE) this.allowPath(path, access.readPath(), true);
    return this.allowClose().allowRead().allowMetadata().#open();
  }

  #open(): this {
    return this.allow("opens files", OPEN);
  }

  #truncate(): this {
    return this.allow("cuts files that may be written", ["ftruncate"]);
  }
}
