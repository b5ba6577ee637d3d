/**
 * Layer: kernel. What a process and a thread are: plain state, owned by one kernel. It must not know calls, nor how
 * programs run.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { GuestMemory } from "../mem/guest-memory.ts";
import type { Location, MountTable } from "../vfs/mounts.ts";
import type { Credentials, WalkContext } from "../vfs/permissions.ts";
import type { ExitStatus, Program, ProgramImage } from "./contracts.ts";
import { DescriptorTable } from "./descriptors.ts";
import type { Kernel } from "./kernel.ts";
import type { Pending, PendingPoll } from "./pending.ts";

/** Signals are numbered 1 to 64. */
export const SIGNALS = 64;

/** What a process does on a signal: its default action, nothing, or (once a codec installs one) a handler. */
export const DISPOSITION_DEFAULT = 0;
export const DISPOSITION_IGNORE = 1;

/** What execve(2) is given, and what the process inherits from whoever spawned it. */
export interface ProcessOptions {
  readonly pid: number;
  readonly parent: Process | undefined;
  readonly image: ProgramImage;
  readonly argv: readonly ByteString[];
  readonly env: readonly ByteString[];
  readonly mounts: MountTable;
  readonly root: Location;
  readonly cwd: Location;
  readonly credentials: Credentials;
  readonly umask: number;
  /** RLIMIT_NOFILE. */
  readonly descriptors: number;
}

const NO_MEMORY = new ArrayBuffer(0);

/** Path walks take a process as it stands for their context. */
export class Process implements WalkContext {
  readonly kernel: Kernel;
  readonly pid: number;
  /** Who will be told of its end; undefined once that process is gone, or when the host spawned it. */
  parent: Process | undefined;
  readonly image: ProgramImage;
  readonly argv: readonly ByteString[];
  readonly env: readonly ByteString[];
  readonly mounts: MountTable;
  root: Location;
  cwd: Location;
  credentials: Credentials;
  /** Permission bits taken from every new file, 0 to 0o777. */
  umask: number;
  readonly descriptors: DescriptorTable;
  /** By signal number. */
  readonly dispositions = new Uint8Array(SIGNALS + 1);
  readonly threads: Thread[] = [];
  program: Program | undefined = undefined;
  /** The program's memory; empty before there is one. */
  memory: GuestMemory = new GuestMemory({ buffer: NO_MEMORY });
  /** How it is going to end: exit or a fatal signal was decided, the program is still to be unwound. */
  ending: ExitStatus | undefined = undefined;
  /** How it ended. It stays, with nothing open, until its parent has reaped it. */
  status: ExitStatus | undefined = undefined;
  /** Whether its program was entered; set by the scheduler. */
  entered = false;
  /** System calls made, counted by whoever makes the calls. */
  calls = 0;

  constructor(kernel: Kernel, options: ProcessOptions) {
    this.kernel = kernel;
    this.pid = options.pid;
    this.parent = options.parent;
    this.image = options.image;
    this.argv = options.argv;
    this.env = options.env;
    this.mounts = options.mounts;
    this.root = options.root;
    this.cwd = options.cwd;
    this.credentials = options.credentials;
    this.umask = options.umask;
    this.descriptors = new DescriptorTable(options.descriptors);
  }

  attach(program: Program): void {
    this.program = program;
    this.memory = program.memory;
  }
}

/** One line of control of a process; a WASI program has one. */
export class Thread {
  readonly process: Process;
  readonly tid: number;
  /** The call it is blocked in. */
  pending: Pending | undefined = undefined;
  /** The blocked call that ended last, if it was a poll: its codec encodes the end from the items. */
  ended: PendingPoll | undefined = undefined;
  /** Its process is ending: it must not run guest code again. */
  killed = false;

  constructor(process: Process, tid: number) {
    this.process = process;
    this.tid = tid;
    process.threads.push(this);
  }
}
