/**
 * Layer: lockdown, learn. Which files a waiting call is about, and which of Landlock's rights it takes: looked up at that moment,
 * for learning and for telling, never for deciding. It must not write policies.
 */
import { closeSync, openSync, readlinkSync, readSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { AT_FDCWD, AT_REMOVEDIR, O_ACCMODE, O_CREAT, O_PATH, O_RDWR, O_TRUNC, O_WRONLY } from "../../abi/fcntl.ts";
import { readMemory } from "../../host/notifications.unsafe.ts";
import type { FileRight } from "../landlock.ts";
import { pathArguments } from "./arguments.ts";
import { pathAt } from "./call-text.ts";
import type { HeardCall } from "./hearing.ts";

/** What a call takes: rights to a file, or to a directory for what happens in it. */
export type FileNeed = {
  readonly path: string;
  readonly rights: readonly FileRight[];
  /** What the call makes in that directory, as a path: the next run may have to make it again. */
  readonly makes?: string;
};

/** include/uapi/linux/stat.h: file types in a mode. */
const S_IFMT = 0o170000;
const MAKES: ReadonlyMap<number, FileRight> = new Map([
  [0o010000, "makeFifo"],
  [0o020000, "makeChar"],
  [0o060000, "makeBlock"],
  [0o140000, "makeSock"],
]);
/** A script may name a script; the kernel follows five (fs/exec.c). */
const MOST_INTERPRETERS = 5;

/** What Landlock would ask of a call; empty where it asks nothing, or nobody can tell any more. */
export function fileNeeds(call: HeardCall): FileNeed[] {
  const paths = pathArguments(call.syscall).map(({ index, directory }) =>
    absolute(call, call.args[index] ?? 0n, directory === undefined ? undefined : call.args[directory]),
  );
  const [first, second] = paths;
  if (first === undefined) return [];
  const flag = (index: number) => Number((call.args[index] ?? 0n) & 0xffffffffn);
  switch (call.syscall) {
    case "open":
      return opened(first, flag(1));
    case "openat":
      return opened(first, flag(2));
    case "openat2":
      return opened(first, openHow(call));
    case "creat":
      return opened(first, O_CREAT | O_WRONLY | O_TRUNC);
    case "execve":
    case "execveat":
      return executed(first, MOST_INTERPRETERS);
    case "truncate":
      return of(first, "truncate");
    case "unlink":
      return inParent(first, "removeFile");
    case "unlinkat":
      return inParent(first, (flag(2) & AT_REMOVEDIR) === 0 ? "removeFile" : "removeDir");
    case "rmdir":
      return inParent(first, "removeDir");
    case "mkdir":
    case "mkdirat":
      return making(first, "makeDir");
    case "mknod":
    case "mknodat":
      return making(first, MAKES.get(flag(call.syscall === "mknod" ? 1 : 2) & S_IFMT) ?? "makeReg");
    case "link":
    case "linkat":
      return second === undefined ? [] : [...inParent(first, "refer"), ...making(second, "makeReg", "refer")];
    case "rename":
    case "renameat":
    case "renameat2":
      return second === undefined ? [] : renamed(first, second);
    default:
      // Of symlink's two paths the call table counts the text of the link as none.
      return call.syscall.startsWith("symlink") ? inParent(first, "makeSym") : [];
  }
}

/** The path a call names, from the root; undefined where it cannot be read. */
function absolute(call: HeardCall, address: bigint, directory: bigint | undefined): string | undefined {
  const text = pathAt(call.task, address);
  if (text === undefined || text === "") return undefined;
  if (text.startsWith("/")) return ownProcess(text, call.process);
  const descriptor = directory === undefined ? AT_FDCWD : Number(BigInt.asIntN(32, directory));
  try {
    const link = descriptor === AT_FDCWD ? "cwd" : `fd/${descriptor}`;
    return resolve(readlinkSync(`/proc/${call.task}/${link}`), text);
  } catch {
    return undefined;
  }
}

/** A process's own directory of /proc has another name in every run but this one. */
function ownProcess(path: string, process: number): string {
  const own = /^\/proc\/(self|thread-self|\d+)(?=\/|$)/.exec(path);
  if (own === null || (own[1] !== "self" && own[1] !== "thread-self" && own[1] !== String(process)))
    return resolve(path);
  return "/proc/self";
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function real(path: string): string | undefined {
  if (path === "/proc/self") return path;
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function of(path: string, ...rights: readonly FileRight[]): FileNeed[] {
  const found = real(path);
  return found === undefined ? [] : [{ path: found, rights }];
}

function inParent(path: string, ...rights: readonly FileRight[]): FileNeed[] {
  return of(dirname(path), ...rights);
}

/** The same, for a call that makes `path`. */
function making(path: string, ...rights: readonly FileRight[]): FileNeed[] {
  return inParent(path, ...rights).map((need) => ({ ...need, makes: join(need.path, basename(path)) }));
}

function opened(path: string, flags: number): FileNeed[] {
  if ((flags & O_PATH) !== 0) return [];
  const found = look(path);
  if (found?.isDirectory() === true)
    return of(path, ...(path === "/proc/self" ? (["readFile"] as const) : []), "readDir");
  const access = flags & O_ACCMODE;
  const rights: FileRight[] = access === O_WRONLY ? [] : ["readFile"];
  if (access === O_WRONLY || access === O_RDWR) rights.push("writeFile", "truncate");
  else if ((flags & O_TRUNC) !== 0) rights.push("truncate");
  if (found !== undefined) return of(path, ...rights);
  // It is not there: made now, it will be made again, and what is done with it is a right to the directory.
  return (flags & O_CREAT) === 0 ? [] : making(path, "makeReg", ...rights);
}

/** struct open_how's first word, include/uapi/linux/openat2.h. */
function openHow({ task, args }: HeardCall): number {
  const bytes = readMemory(task, args[2] ?? 0n, 8);
  if (bytes === undefined || bytes.length < 8) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getUint32(0, true);
}

function renamed(from: string, to: string): FileNeed[] {
  const directory = look(from)?.isDirectory() === true;
  const remove: FileRight = directory ? "removeDir" : "removeFile";
  const refer: FileRight[] = dirname(from) === dirname(to) ? [] : ["refer"];
  const replaced: FileRight[] = look(to) === undefined ? [] : [remove];
  return [...inParent(from, remove, ...refer), ...making(to, directory ? "makeDir" : "makeReg", ...refer, ...replaced)];
}

/** A program, and what the kernel starts it with: a script's interpreter, a dynamic program's loader. */
function executed(path: string, left: number): FileNeed[] {
  const program = of(path, "execute", "readFile");
  if (program.length === 0 || left === 0) return program;
  const interpreter = interpreterOf(path);
  return interpreter === undefined ? program : [...program, ...executed(interpreter, left - 1)];
}

const PT_INTERP = 3;
const HEAD_BYTES = 4096;

function interpreterOf(path: string): string | undefined {
  const head = Buffer.alloc(HEAD_BYTES);
  let length: number;
  try {
    // A FIFO or a device is never a program; a file is not waited for.
    if (!statSync(path).isFile()) return undefined;
    const descriptor = openSync(path, "r");
    try {
      length = readSync(descriptor, head, 0, HEAD_BYTES, 0);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
  const text = head.toString("latin1", 0, length);
  if (text.startsWith("#!")) return /^#![ \t]*(\S+)/.exec(text)?.[1];
  // ELF, 64 bits, little-endian (elf(5)): offset, size and number of program headers.
  if (!text.startsWith("\x7fELF\x02\x01") || length < 64) return undefined;
  const [offset, size, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)];
  for (let at = offset; at + 56 <= length && at < offset + size * count && size > 0; at += size) {
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const from = Number(head.readBigUInt64LE(at + 8));
    const to = text.indexOf("\0", from);
    if (from < length && to > from) return text.slice(from, to);
  }
  return undefined;
}
