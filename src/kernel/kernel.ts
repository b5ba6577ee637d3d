/**
 * Layer: kernel. One kernel: its processes, its mounts, its clock, its scheduler, and how processes begin and end.
 * Nothing here is global; a host may have many. It must not know calling conventions, WebAssembly, or Node.
 */
import { E2BIG, EAGAIN, EINVAL, ENOTDIR, ESRCH } from "../abi/errno.ts";
import { SIGCHLD, SIGKILL, SIGSTOP } from "../abi/signal.ts";
import { S_IFDIR } from "../abi/stat.ts";
import { ARGUMENT_BYTES, DESCRIPTORS, PIPE_BUF, PROCESSES } from "../limits.ts";
import { emptyStat } from "../vfs/contracts.ts";
import type { Location, MountTable } from "../vfs/mounts.ts";
import type { Credentials } from "../vfs/permissions.ts";
import { FOLLOW, walk } from "../vfs/walk.ts";
import type { ExitStatus, Host, Outcome, ProgramLoader, SpawnOptions } from "./contracts.ts";
import type { OpenDescription } from "./descriptors.ts";
import { PipeFileSystem } from "./pipefs.ts";
import { DISPOSITION_IGNORE, Process, SIGNALS, Thread } from "./process.ts";
import { Scheduler } from "./scheduler.ts";
import { terminatesByDefault } from "./signals.ts";

export interface KernelLimits {
  /** Open descriptors of one process. */
  readonly descriptors: number;
  /** Processes at once, those not reaped included. */
  readonly processes: number;
  /** Bytes of arguments and environment of one process. */
  readonly argumentBytes: number;
}

export const DEFAULT_LIMITS: KernelLimits = {
  descriptors: DESCRIPTORS,
  processes: PROCESSES,
  argumentBytes: ARGUMENT_BYTES,
};

/** Hears of ends. The cell reports them to the caller. */
export interface ExitListener {
  /** Once for each process, when nothing of it runs any more and all its descriptors are closed. */
  exited(process: Process, status: ExitStatus): void;
}

export interface KernelOptions {
  readonly host: Host;
  readonly loader: ProgramLoader;
  readonly mounts: MountTable;
  readonly limits?: Partial<KernelLimits>;
  readonly exits?: ExitListener;
}

/** What a new process inherits, besides what it executes. */
export interface Inheritance {
  /** Open files for the numbers 0, 1, 2, …: holes stay closed. */
  readonly descriptors?: readonly (OpenDescription | undefined)[];
  readonly parent?: Process;
  readonly root?: Location;
  readonly credentials?: Credentials;
  readonly umask?: number;
}

const SUPERUSER: Credentials = { uid: 0, gid: 0, groups: [] };

export class Kernel {
  readonly host: Host;
  readonly mounts: MountTable;
  readonly limits: KernelLimits;
  readonly scheduler: Scheduler;
  readonly pipes: PipeFileSystem;
  /** For operations that need a Stat for themselves; good until the next call. */
  readonly stat = emptyStat();
  /** Where a small vectored write is put together; good until the next call. */
  readonly scratch = new Uint8Array(PIPE_BUF);
  readonly #loader: ProgramLoader;
  readonly #exits: ExitListener | undefined;
  readonly #processes: Process[] = [];
  /** Never used twice. */
  nextPid = 1;

  constructor(options: KernelOptions) {
    this.host = options.host;
    this.mounts = options.mounts;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#loader = options.loader;
    this.#exits = options.exits;
    this.scheduler = new Scheduler(this, options.host);
    this.pipes = new PipeFileSystem(options.host.clock, this.scheduler);
  }

  /** Every process that was not reaped, oldest first. */
  get processes(): readonly Process[] {
    return this.#processes;
  }

  process(pid: number): Process | undefined {
    return this.#processes.find((process) => process.pid === pid);
  }

  /**
   * Make a process; its program is entered at the next dispatch. -E2BIG and -EINVAL (size and NULs of arguments and
   * environment), -EAGAIN (too many processes), what the walk to `cwd` or the loader answers. On an error the
   * descriptions given are untouched.
   */
  spawn(options: SpawnOptions, inheritance: Inheritance = {}): Process | number {
    this.scheduler.eventsTurned();
    if (argumentBytes(options) > this.limits.argumentBytes) return -E2BIG;
    if ([...options.argv, ...options.env].some((text) => text.includes("\0"))) return -EINVAL;
    if (this.#processes.length >= this.limits.processes) return -EAGAIN;
    const { parent } = inheritance;
    const root = inheritance.root ?? parent?.root ?? this.mounts.root;
    const credentials = inheritance.credentials ?? parent?.credentials ?? SUPERUSER;
    const context = { mounts: this.mounts, root, credentials };
    const cwd = walk(context, parent?.cwd ?? root, options.cwd, FOLLOW);
    if (typeof cwd === "number") return cwd;
    if (cwd.inode.type !== S_IFDIR) return -ENOTDIR;
    const process = new Process(this, {
      pid: this.nextPid,
      parent,
      image: options.image,
      argv: options.argv,
      env: options.env,
      mounts: this.mounts,
      root,
      cwd,
      credentials,
      umask: inheritance.umask ?? parent?.umask ?? 0o022,
      descriptors: this.limits.descriptors,
    });
    const error = this.load(process);
    if (error < 0) return error;
    new Thread(process, process.pid);
    this.nextPid += 1;
    this.adopt(process);
    const { descriptors = [] } = inheritance;
    for (let fd = 0; fd < descriptors.length; fd++) {
      const description = descriptors[fd];
      if (description !== undefined) process.descriptors.place(fd, description);
    }
    this.scheduler.start(process);
    return process;
  }

  /** Give a process the program it is to run. 0, or what the loader answers. */
  load(process: Process): number {
    const program = this.#loader.load(process, process.image);
    if (typeof program === "number") return program;
    process.attach(program);
    return 0;
  }

  /** Take up a process that was made elsewhere: by spawn, or from a snapshot. */
  adopt(process: Process): void {
    this.#processes.push(process);
  }

  /** kill(2) from the host. 0, -EINVAL (no such signal), -ESRCH (it ended). Signal 0 only asks. */
  kill(process: Process, signal: number): number {
    this.scheduler.eventsTurned();
    return this.signal(process, signal);
  }

  /** Deliver a signal: with no handlers, it is ignored or it ends the process. 0, -EINVAL, -ESRCH. */
  signal(process: Process, signal: number): number {
    if (!Number.isInteger(signal) || signal < 0 || signal > SIGNALS) return -EINVAL;
    if (process.status !== undefined) return -ESRCH;
    if (signal === 0 || process.ending !== undefined) return 0;
    if (signal !== SIGKILL && signal !== SIGSTOP && process.dispositions[signal] === DISPOSITION_IGNORE) return 0;
    if (terminatesByDefault(signal)) this.end(process, { code: 0, signal });
    return 0;
  }

  /**
   * Decide a process's end: its threads never run guest code again, and its program is unwound at the next dispatch
   * unless it ends by itself before. The first decision stands.
   */
  end(process: Process, status: ExitStatus): void {
    if (process.ending !== undefined || process.status !== undefined) return;
    process.ending = status;
    this.#abandonCalls(process);
    this.scheduler.end(process);
  }

  /** The engine says that nothing of a program runs any more. `status` counts unless the kernel decided the end. */
  programEnded(process: Process, status: ExitStatus): void {
    if (process.status !== undefined) return;
    process.ending ??= status;
    process.status = process.ending;
    this.#abandonCalls(process);
    process.descriptors.closeAll();
    for (const child of [...this.#processes]) {
      if (child.parent !== process) continue;
      child.parent = undefined;
      if (child.status !== undefined) this.#remove(child);
    }
    const { parent } = process;
    if (parent === undefined || parent.status !== undefined) this.#remove(process);
    else this.signal(parent, SIGCHLD);
    this.#exits?.exited(process, process.status);
  }

  /** Forget a child that ended and give its status, as wait(2). undefined while it runs. */
  reap(child: Process): ExitStatus | undefined {
    if (child.status !== undefined) this.#remove(child);
    return child.status;
  }

  /** See Host.defer. */
  dispatch(): void {
    this.scheduler.dispatch();
  }

  /** See Host.alarm. */
  expire(): void {
    this.scheduler.expire();
  }

  /** Whether the thread that just made a call should give way. Cheap: ask after every call. */
  shouldYield(): boolean {
    return this.scheduler.shouldYield();
  }

  /** Park a thread whose call is finished with `outcome`, so that the host's events have their turn. BLOCKED. */
  yieldThread(thread: Thread, outcome: Outcome): Outcome {
    return this.scheduler.yieldThread(thread, outcome);
  }

  #abandonCalls(process: Process): void {
    for (const thread of process.threads) {
      thread.killed = true;
      const { pending } = thread;
      thread.pending = undefined;
      if (pending !== undefined) this.scheduler.unpark(pending);
    }
  }

  #remove(process: Process): void {
    const index = this.#processes.indexOf(process);
    if (index >= 0) this.#processes.splice(index, 1);
  }
}

/** As execve(2) counts: every string with its NUL and a pointer. */
function argumentBytes(options: SpawnOptions): number {
  let bytes = 0;
  for (const text of options.argv) bytes += text.length + 9;
  for (const text of options.env) bytes += text.length + 9;
  return bytes;
}
