/**
 * Layer: fs/procfs. What the files of /proc are made of: facts a kernel knows, asked for whenever a file is read. Whoever
 * mounts a /proc hands them in. It must not know how a kernel keeps them.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import type { Inode } from "../../vfs/contracts.ts";
import type { Location, Mount } from "../../vfs/mounts.ts";
import type { WalkContext } from "../../vfs/permissions.ts";

/** As the third field of /proc/<pid>/stat: running, sleeping, stopped, ended and not waited for. */
export type TaskState = "R" | "S" | "T" | "Z";

/** Signals 1 to 32 and 33 to 64, as words. */
export interface SignalWords {
  readonly low: number;
  readonly high: number;
}

export interface TaskFacts {
  readonly tid: number;
  /** comm: 15 bytes at most. */
  readonly name: ByteString;
  readonly state: TaskState;
  readonly pending: SignalWords;
  readonly blocked: SignalWords;
}

/** A part of a process's memory: [start, end). */
export interface MappingFacts {
  readonly start: number;
  readonly end: number;
  /** PROT_ bits. */
  readonly protection: number;
  /** Between processes, not a private copy. */
  readonly shared: boolean;
  /** Processes that have it mapped. */
  readonly sharers: number;
  /** Of a part of a file: where it begins, bytes. */
  readonly offset: number;
  /** What the last column tells: a path, "[heap]", or nothing. */
  readonly label: ByteString | "";
  /** The file it was filled from, where that is known. */
  readonly inode: Inode | undefined;
}

/** A lock on [start, end) of a file; Infinity is its end, wherever that is. */
export interface LockFacts {
  readonly kind: "process" | "description" | "flock";
  readonly exclusive: boolean;
  readonly start: number;
  readonly end: number;
  readonly pid: number;
  readonly dev: number;
  readonly ino: number;
}

/** A watch of an inotify instance. */
export interface WatchFacts {
  readonly wd: number;
  readonly dev: number;
  readonly ino: number;
  /** IN_ bits, as they were given. */
  readonly mask: number;
}

export interface DescriptorFacts {
  /** Where it leads. */
  readonly place: Location;
  /** What readlink(2) tells: a path, or "pipe:[7]". */
  readonly text: ByteString;
  /** Bytes; access mode and status flags, O_CLOEXEC among them. */
  readonly offset: number;
  readonly flags: number;
  /** Held through it: a process's records on its file, or the description's own locks. */
  readonly locks: readonly LockFacts[];
  /** Of an inotify instance, the newest first. */
  readonly watches: readonly WatchFacts[];
  readonly readable: boolean;
  readonly writable: boolean;
}

/** Real, effective, saved and that of file accesses. */
export type Identities = readonly [number, number, number, number];

export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Device number of the controlling terminal, and its foreground group: 0 and -1 without one. */
  readonly terminal: number;
  readonly foreground: number;
  /** The first is the whole process's; empty once it has ended. */
  readonly tasks: readonly TaskFacts[];
  readonly name: ByteString;
  readonly state: TaskState;
  readonly users: Identities;
  readonly groups: Identities;
  readonly supplementary: readonly number[];
  readonly umask: number;
  readonly nice: number;
  readonly argv: readonly ByteString[];
  readonly env: readonly ByteString[];
  /** Since boot, nanoseconds. */
  readonly startNs: number;
  /** CPU time of its own and of children waited for, nanoseconds. */
  readonly cpuNs: number;
  readonly childrenCpuNs: number;
  /** Bytes now, and at most so far. */
  readonly memory: number;
  readonly peakMemory: number;
  readonly mappings: readonly MappingFacts[];
  readonly pending: SignalWords;
  readonly ignored: SignalWords;
  readonly caught: SignalWords;
  readonly queued: number;
  /** wait(2)'s status of one that ended. */
  readonly exitStatus: number;
  /** Numbers of open descriptors, rising, and how many the table has room for. */
  readonly descriptors: readonly number[];
  readonly descriptorSlots: number;
  descriptor(fd: number): DescriptorFacts | undefined;
  readonly cwd: Location;
  readonly root: Location;
  readonly executable: Location | undefined;
  /** RLIMIT_ numbers to soft and hard limit; Infinity for none. */
  limit(resource: number): readonly [soft: number, hard: number];
  /** How its own root and mounts look, for mounts and mountinfo. */
  describe(place: Location): ByteString;
  rename(tid: number, name: ByteString): number;
  readonly oomAdjustment: number;
  /** 0; -EINVAL (no number, or outside -1000 to 1000), -EACCES (below what the superuser set last). */
  adjustOom(value: number): number;
}

/** What System V's objects have in common. Times are seconds since the epoch, 0 for never. */
export interface IpcFacts {
  readonly key: number;
  readonly id: number;
  /** Permission bits, and for a segment what becomes of it. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly cuid: number;
  readonly cgid: number;
  readonly ctime: number;
}

export interface SegmentFacts extends IpcFacts {
  /** Bytes, and those that are in memory. */
  readonly size: number;
  readonly resident: number;
  readonly cpid: number;
  readonly lpid: number;
  readonly attachments: number;
  readonly atime: number;
  readonly dtime: number;
}

export interface SemaphoreSetFacts extends IpcFacts {
  readonly semaphores: number;
  readonly otime: number;
}

export interface MessageQueueFacts extends IpcFacts {
  readonly bytes: number;
  readonly messages: number;
  readonly lspid: number;
  readonly lrpid: number;
  readonly stime: number;
  readonly rtime: number;
}

export interface MachineFacts {
  readonly sysname: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly hostname: ByteString;
  /** Nanoseconds since boot; of those, spent computing. */
  readonly uptimeNs: number;
  readonly cpuNs: number;
  /** Seconds since the epoch at boot. */
  readonly bootSeconds: number;
  /** Over one, five and fifteen minutes. */
  readonly load: readonly [number, number, number];
  /** Guests entered, processes and threads made, threads now, of those runnable; the number given out last. */
  readonly switches: number;
  readonly made: number;
  readonly threads: number;
  readonly runnable: number;
  readonly lastPid: number;
  /** Bytes. */
  readonly memoryTotal: number;
  readonly memoryUsed: number;
  readonly fileBytes: number;
  /** Open files, and limits. */
  readonly openFiles: number;
  readonly processLimit: number;
  readonly descriptorLimit: number;
  readonly bootId: string;
  uuid(): string;
}

export interface KernelFacts {
  /** Numbers of all processes, rising. */
  readonly pids: readonly number[];
  /** The process with this number, or whose thread has it. */
  process(id: number): ProcessFacts | undefined;
  /** Who walks: numbers of process and thread. */
  caller(context: WalkContext): { readonly pid: number; readonly tid: number } | undefined;
  /** Whether the caller may look into a process (ptrace(2), "access mode checking", PTRACE_MODE_READ_FSCREDS). */
  mayInspect(caller: WalkContext, pid: number): boolean;
  readonly mounts: readonly Mount[];
  readonly machine: MachineFacts;
  /** System V's objects, in the order of their places. */
  readonly segments: readonly SegmentFacts[];
  readonly semaphoreSets: readonly SemaphoreSetFacts[];
  readonly messageQueues: readonly MessageQueueFacts[];
  readonly locks: readonly LockFacts[];
}
