/**
 * Layer: kernel. One kernel: its processes, its mounts, its clock, its scheduler, and how processes begin and end.
 * Nothing here is global; a host may have many. It must not know calling conventions, WebAssembly, or Node.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { E2BIG, EAGAIN, EINVAL, EMFILE, ENOSYS, ENOTDIR, ESRCH } from "../abi/errno.ts";
import { SIGCONT, SIGHUP } from "../abi/signal.ts";
import { S_IFDIR } from "../abi/stat.ts";
import { ARGUMENT_BYTES, DESCRIPTORS, MEMORY_BYTES, PIPE_BUF, PROCESSES } from "../limits.ts";
import { emptyStat, type FileSystem } from "../vfs/contracts.ts";
import type { Location, MountTable } from "../vfs/mounts.ts";
import type { Credentials } from "../vfs/permissions.ts";
import { FOLLOW, walk } from "../vfs/walk.ts";
import { WaitQueue } from "../wait/wait-queue.ts";
import { type CloneWish, FORK, fulfil } from "./cloning.ts";
import type { ExitStatus, ForkDriver, Host, Outcome, ProgramLoader, SpawnOptions } from "./contracts.ts";
import { generate, settleAll, tellParent } from "./delivery.ts";
import type { OpenDescription } from "./descriptors.ts";
import type { EpollCounts } from "./events/epoll-file.ts";
import { ProcessEnds } from "./events/process-file.ts";
import { Facts } from "./facts.ts";
import { releaseLocks } from "./futexes.ts";
import { copyOf } from "./inheritance.ts";
import { InotifyRegistry } from "./inotify.ts";
import { PosixQueues } from "./ipc/posix-queues.ts";
import { undoAll } from "./ipc/semaphores.ts";
import { SystemV } from "./ipc/system-v.ts";
import { LockTable } from "./locks.ts";

import { leaveOrphans, reapsItself } from "./orphans.ts";
import { handOnAll } from "./owned-futexes.ts";
import { PipeFileSystem } from "./pipefs.ts";
import { commandName, Process, Thread } from "./process.ts";
import { Programs } from "./programs.ts";
import { PseudoTerminals } from "./pseudo-terminal.ts";
import { Scheduler } from "./scheduler.ts";
import { SharedMemory } from "./shared-memory.ts";
import { SignalAccounts } from "./signal-accounts.ts";
import { kernelSignal, SIGNALS, type SignalInfo } from "./signals.ts";
import type { Terminal } from "./terminal.ts";

export interface KernelLimits {
  /** Open descriptors of one process. */
  readonly descriptors: number;
  /** Processes at once, those not reaped included. */
  readonly processes: number;
  /** Bytes of arguments and environment of one process. */
  readonly argumentBytes: number;
  /** Linear memory of one process. The loader enforces it; /proc and sysinfo(2) tell it. */
  readonly memoryBytes: number;
}

export const DEFAULT_LIMITS: KernelLimits = {
  descriptors: DESCRIPTORS,
  processes: PROCESSES,
  argumentBytes: ARGUMENT_BYTES,
  memoryBytes: MEMORY_BYTES,
};

/** Hears of ends. The cell reports them to the caller. */
export interface ExitListener {
  /** Once for each process, when nothing of it runs any more and all its descriptors are closed. */
  exited(process: Process, status: ExitStatus): void;
}

export interface KernelOptions {
  readonly host: Host;
  readonly loader: ProgramLoader & Partial<ForkDriver>;
  readonly mounts: MountTable;
  readonly limits?: Partial<KernelLimits>;
  /** Where shared memory without a file lives, seen by no path; without, there is none. */
  readonly sharedMemory?: FileSystem;
  readonly exits?: ExitListener;
  /** What uname(2) tells; "linden" if not given. */
  readonly hostname?: ByteString;
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
  readonly hostname: ByteString;
  readonly scheduler: Scheduler;
  readonly pipes: PipeFileSystem;
  readonly programs: Programs;
  /** Who reads signals from descriptors, and waits for any. */
  readonly signalReaders: WaitQueue;
  readonly epollCounts: EpollCounts = { watches: 0, look: 0, depth: 0 };
  readonly shared: SharedMemory;
  readonly systemV: SystemV;
  readonly signalAccounts = new SignalAccounts(this);
  readonly queues: PosixQueues;
  /** For operations that need a Stat for themselves; good until the next call. */
  readonly stat = emptyStat();
  /** Where a small vectored write is put together; good until the next call. */
  readonly scratch = new Uint8Array(PIPE_BUF);
  readonly loader: ProgramLoader & Partial<ForkDriver>;
  /** Controlling terminals by session. */
  readonly terminals = new Map<number, Terminal>();
  readonly pseudoTerminals = new PseudoTerminals(this);
  readonly facts: Facts;
  readonly ends: ProcessEnds;
  readonly locks: LockTable;
  readonly inotify: InotifyRegistry;
  readonly #exits: ExitListener | undefined;
  /** By number; the numbers are given here, in rising order, so no guest chooses them. */
  readonly #processes = new Map<number, Process>();
  #caller: Thread | undefined = undefined;
  /** Never used twice. */
  nextPid = 1;

  constructor(options: KernelOptions) {
    this.host = options.host;
    this.mounts = options.mounts;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.hostname = options.hostname ?? ("linden" as ByteString);
    this.loader = options.loader;
    this.#exits = options.exits;
    this.scheduler = new Scheduler(this, options.host);
    this.programs = new Programs(this);
    this.shared = new SharedMemory(this, options.sharedMemory);
    this.signalReaders = new WaitQueue(this.scheduler);
    this.systemV = new SystemV(this);
    this.queues = new PosixQueues(this);
    this.ends = new ProcessEnds(this);
    this.pipes = new PipeFileSystem(options.host.clock, this.scheduler);
    this.locks = new LockTable(this.scheduler);
    this.inotify = new InotifyRegistry(options.mounts);
    this.facts = new Facts(this);
  }

  /** Who makes a call now: the loader knows, unless whoever makes the calls says so before each. */
  get caller(): Thread | undefined {
    return this.#caller ?? this.loader.caller;
  }

  set caller(thread: Thread | undefined) {
    this.#caller = thread;
  }

  /** Every process that was not reaped, oldest first. */
  get processes(): readonly Process[] {
    return [...this.#processes.values()];
  }

  process(pid: number): Process | undefined {
    return this.#processes.get(pid);
  }

  /** Whose thread has this number. */
  threadOwner(tid: number): Process | undefined {
    const process = this.#processes.get(tid);
    if (process !== undefined) return process;
    for (const one of this.#processes.values()) if (one.threads.some((thread) => thread.tid === tid)) return one;
    return undefined;
  }

  /** The thread of this number that still runs. */
  thread(tid: number): Thread | undefined {
    const found = this.holder(tid);
    return found?.killed === true ? undefined : found;
  }

  /** The same, or one that is to end at the next dispatch: what it holds it gives up only then. */
  holder(tid: number): Thread | undefined {
    const owner = this.threadOwner(tid);
    return owner?.status === undefined ? owner?.threads.find((thread) => thread.tid === tid) : undefined;
  }

  /** End every thread of a process, whatever it is blocked in: execve(2) leaves none. */
  endThreads(process: Process): void {
    this.#abandonCalls(process);
  }

  /** Whether one process more may be made. */
  get crowded(): boolean {
    return this.#processes.size >= this.limits.processes;
  }

  /**
   * Make a process; its program is entered at the next dispatch. -E2BIG and -EINVAL (size and NULs of arguments and
   * environment), -EAGAIN (too many processes), what the walk to `cwd` or the loader answers. On an error the
   * descriptions given are untouched.
   */
  spawn(options: SpawnOptions, inheritance: Inheritance = {}): Process | number {
    this.scheduler.eventsTurned();
    const wrong = this.checkArguments(options);
    if (wrong < 0) return wrong;
    if (this.crowded) return -EAGAIN;
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
    new Thread(process, process.pid).name = commandName(options.argv[0] ?? options.image.name);
    this.enlist(process);
    const { descriptors = [] } = inheritance;
    for (let fd = 0; fd < descriptors.length; fd++) {
      const description = descriptors[fd];
      if (description !== undefined) process.descriptors.place(fd, description);
    }
    return process;
  }

  /** 0, or why execve(2) would not take these arguments: -E2BIG, also for more than `room` bytes, -EINVAL (a NUL). */
  checkArguments(options: Pick<SpawnOptions, "argv" | "env">, room = Infinity): number {
    if (argumentBytes(options) > Math.min(room, this.limits.argumentBytes)) return -E2BIG;
    return [...options.argv, ...options.env].some((text) => text.includes("\0")) ? -EINVAL : 0;
  }

  /** Take up a process that was just made with the next number, and enter its program at the next dispatch. */
  enlist(process: Process): void {
    this.nextPid += 1;
    this.adopt(process);
    this.scheduler.start(process);
  }

  /** Copy the process of a thread whose stack is down: the child's number, -EAGAIN, -EMFILE, or what the driver answers. */
  forkNow(thread: Thread, wish: CloneWish = FORK): Outcome {
    const { process } = thread;
    if (process.program?.forkable !== true || this.loader.fork === undefined) return -ENOSYS;
    if (this.crowded) return -EAGAIN;
    if (wish.descriptorAt !== 0 && process.descriptors.vacancy() < 0) return -EMFILE;
    const { process: child, thread: childThread } = copyOf(thread, this.nextPid);
    const program = this.loader.fork(child, thread, process.program);
    if (typeof program === "number") return program;
    child.attach(program);
    child.descriptors.inherit(process.descriptors, true);
    this.shared.inherit(child, process);
    settleAll(child);
    childThread.killed = false;
    fulfil(wish, process, childThread);
    this.enlist(child);
    return child.pid;
  }

  /** The engine says that the stack of a thread that forks is down. False when none was to be taken down. */
  unwound(thread: Thread): boolean {
    const { pending } = thread;
    if (pending?.kind !== "fork" || pending.unwound || thread.killed) return false;
    pending.unwound = true;
    this.scheduler.wake(pending);
    return true;
  }

  /** Give a process the program it is to run. 0, or what the loader answers. */
  load(process: Process): number {
    const program = this.loader.load(process, process.image);
    if (typeof program === "number") return program;
    process.attach(program);
    return 0;
  }

  /** Take up a process that was made elsewhere: by spawn, or from a snapshot. */
  adopt(process: Process): void {
    this.#processes.set(process.pid, process);
    process.parent?.children.add(process);
  }

  /** kill(2) from the host. 0, -EINVAL (no such signal), -ESRCH (it ended). Signal 0 only asks. */
  kill(process: Process, signal: number): number {
    this.scheduler.eventsTurned();
    return this.signal(process, signal);
  }

  /** Send a signal. 0, -EINVAL, -ESRCH; -EAGAIN when no more real-time signals can wait. */
  signal(process: Process, signal: number, info: SignalInfo = kernelSignal(signal)): number {
    if (!Number.isInteger(signal) || signal < 0 || signal > SIGNALS) return -EINVAL;
    if (process.status !== undefined) return -ESRCH;
    return signal === 0 ? 0 : generate(process, info);
  }

  /** Send a signal to every process of a group: the terminal does. How many there were. */
  signalGroup(group: number, signal: number): number {
    let members = 0;
    for (const process of this.#processes.values()) {
      if (process.group !== group || process.status !== undefined) continue;
      members += 1;
      generate(process, kernelSignal(signal));
    }
    return members;
  }

  /** The host sends a signal to every process of a session. */
  killSession(session: number, signal: number): void {
    this.scheduler.eventsTurned();
    for (const process of this.#processes.values()) {
      if (process.session === session && process.status === undefined) generate(process, kernelSignal(signal));
    }
  }

  /** Whether no member of a process group has a parent in another group of its session (setpgid(2)). */
  isOrphanedGroup(group: number): boolean {
    for (const { group: own, parent, session, status } of this.#processes.values()) {
      if (own !== group || status !== undefined || parent === undefined || parent.status !== undefined) continue;
      if (parent.group !== group && parent.session === session) return false;
    }
    return true;
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

  /** The engine says that a program is over: its memory is still there, for the last time. */
  programEnding(process: Process, program = process.program): void {
    if (program === process.program) this.partFromShared(process);
  }

  /**
   * What a process has of shared memory ends: locks it holds there are given up, its changes stay. Of one that is killed not by
   * who kills it, but at its own end: all it shares may have to be read for it first, and one signal may kill hundreds.
   */
  partFromShared(process: Process): void {
    if (process.shares.length === 0) return;
    if (process.threads.every(({ robustList }) => robustList === 0)) {
      this.shared.leave(process);
      return;
    }
    this.shared.aside(process, () => {
      for (const thread of process.threads) releaseLocks(thread);
      this.shared.leave(process);
    });
  }

  /**
   * The engine says that nothing of a program runs any more. `status` counts unless the kernel decided the end. A program
   * that was replaced by execve ends without its process.
   */
  programEnded(process: Process, status: ExitStatus, program = process.program): void {
    if (process.status !== undefined || program !== process.program) return;
    process.ending ??= status;
    process.status = process.ending;
    this.#abandonCalls(process);
    process.lastName = process.threads[0]?.name ?? process.lastName;
    this.scheduler.charge(process);
    process.timers.forgetAll();
    for (const { signals } of [process, ...process.threads]) signals.clear();
    if (process.semaphoreUndo.length > 0) undoAll(process, this.systemV.now);
    if (process.held.length > 0) process.held.length = 0;
    process.descriptors.closeAll();
    process.holdsRecords = false;
    this.ends.ended(process.pid);
    const { parent } = process;
    const watched = this.#partedGroups(process);
    leaveOrphans(process, (child) => this.#remove(child));
    if (parent === undefined || parent.status !== undefined) this.#remove(process);
    else {
      tellParent(process, process.status);
      if (reapsItself(parent, process)) this.#remove(process);
    }
    for (const one of watched) this.#hangUpIfOrphaned(one);
    if (process.session === process.pid) this.terminals.get(process.pid)?.leaderEnded();
    this.#exits?.exited(process, process.status);
    process.detach();
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

  /** Whether the thread that just made a call should give way: ask after every call that was counted. */
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
    for (const thread of process.threads) {
      handOnAll(thread);
      this.ends.ended(thread.tid);
    }
  }

  #remove(process: Process): void {
    this.#processes.delete(process.pid);
    process.parent?.children.delete(process);
  }

  /** Groups that this process's end may leave without a parent in another group of their session, as kill_orphaned_pgrp() of Linux. */
  #partedGroups({ parent, children, group, session }: Process): Set<number> {
    const groups = new Set<number>();
    for (const child of children) if (child.group !== group && child.session === session) groups.add(child.group);
    if (parent !== undefined && parent.group !== group && parent.session === session) groups.add(group);
    return groups;
  }

  /** A group that nobody of its session can continue any more, with a member stopped, is told so (exit(3p)). */
  #hangUpIfOrphaned(group: number): void {
    let stopped = false;
    for (const process of this.#processes.values()) {
      if (process.group === group && process.stopped !== 0 && process.ending === undefined) stopped = true;
    }
    if (!stopped || !this.isOrphanedGroup(group)) return;
    this.signalGroup(group, SIGHUP);
    this.signalGroup(group, SIGCONT);
  }
}

/** As execve(2) counts: every string with its NUL and a pointer. */
function argumentBytes(options: Pick<SpawnOptions, "argv" | "env">): number {
  let bytes = 0;
  for (const text of options.argv) bytes += text.length + 9;
  for (const text of options.env) bytes += text.length + 9;
  return bytes;
}
