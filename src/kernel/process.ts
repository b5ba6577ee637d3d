/**
 * Layer: kernel. What a process and a thread are: plain state, owned by one kernel. It must not know calls, nor how
 * programs run.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { SIGCHLD } from "../abi/signal.ts";
import { GuestMemory } from "../mem/guest-memory.ts";
import type { Location, MountTable } from "../vfs/mounts.ts";
import type { Credentials, WalkContext } from "../vfs/permissions.ts";
import { WaitQueue } from "../wait/wait-queue.ts";
import { AddressSpace } from "./address-space.ts";
import type { ChildEvent } from "./children.ts";
import type { Attendant, ExitStatus, Program, ProgramImage } from "./contracts.ts";

import { type DescriptorOwner, DescriptorTable, type OpenDescription } from "./descriptors.ts";
import type { EpollEvent } from "./events/epoll-file.ts";
import { FutexWaiters } from "./futexes.ts";
import type { SemaphoreUndo } from "./ipc/semaphores.ts";
import type { Kernel } from "./kernel.ts";
import type { OwnedFutex } from "./owned-futexes.ts";
import type { Pending, PendingPoll, PendingSleep } from "./pending.ts";
import type { ResourceLimit } from "./resource-limits.ts";
import type { Ready } from "./scheduler.ts";
import type { Share } from "./shared-memory.ts";
import type { SignalAccount } from "./signal-accounts.ts";
import { SignalSet } from "./signal-set.ts";
import { PendingSignals, SIGNALS, type SignalAction, type SignalInfo } from "./signals.ts";
import { ProcessTimers } from "./timers.ts";

export { DISPOSITION_DEFAULT, DISPOSITION_HANDLER, DISPOSITION_IGNORE, SIGNALS } from "./signals.ts";

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

/** Real, effective and saved user or group (credentials(7)). */
export interface Identity {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
}

/** comm of a program in a file of this name: the last component, 15 bytes at most. */
export function commandName(path: string): ByteString {
  return path.slice(path.lastIndexOf("/") + 1, path.lastIndexOf("/") + 1 + NAME_BYTES) as ByteString;
}

/** TASK_COMM_LEN of include/linux/sched.h, without the NUL. */
const NAME_BYTES = 15;

/** Where a starting program is told to read its environment, whether or not anything is mounted there. */
export const ENVIRONMENT_PATH = "/proc/self/environ";

/** Where there is no program. It has no bytes, so it may be everybody's. */
const NO_MEMORY = new GuestMemory({ buffer: new ArrayBuffer(0) });

/** Path walks take a process as it stands for their context. */
export class Process implements WalkContext, DescriptorOwner {
  readonly kernel: Kernel;
  readonly pid: number;
  /** Who will be told of its end; undefined once that process is gone, or when the host spawned it. */
  parent: Process | undefined;
  /** getppid(2): 0 when the host spawned it, 1 once its parent is gone: the kernel itself plays process 1's part. */
  parentPid: number;
  /** Those not reaped, oldest first. */
  readonly children = new Set<Process>();
  /** Parked waits of its threads stand here; woken whenever a child ends, stops or continues. */
  readonly childEvents: WaitQueue;
  /** Process group and session. */
  group: number;
  session: number;
  /** It has executed a program since it was made: setpgid(2) of its parent comes too late. */
  executed = false;
  image: ProgramImage;
  /** The file its program was read from; undefined when the host gave it. */
  executable: Location | undefined = undefined;
  argv: readonly ByteString[];
  env: readonly ByteString[];
  readonly mounts: MountTable;
  root: Location;
  cwd: Location;
  /** As whom it accesses files: the effective user and group, unless setfsuid(2) says otherwise. */
  credentials: Credentials;
  userIdentity: Identity;
  groupIdentity: Identity;
  /** Monotonic time at which it was made; what it and the children it waited for computed, nanoseconds. */
  startNs: number;
  cpuNs = 0;
  childrenCpuNs = 0;
  /** It has taken record locks, and may hold some. */
  holdsRecords = false;
  /** Sent to its parent as it ends; another than SIGCHLD makes it a child that only __WCLONE and __WALL wait for. */
  exitSignal = SIGCHLD;
  /** prctl(2): sent when its parent ends (0: nothing); orphans below it become its children; others may look into it. */
  parentDeathSignal = 0;
  subreaper = false;
  dumpable = true;
  /** /proc/<pid>/oom_score_adj, and the least who is no superuser may set it to. */
  oomAdjustment = 0;
  leastOomAdjustment = 0;
  /** Permission bits taken from every new file, 0 to 0o777. */
  umask: number;
  readonly descriptors: DescriptorTable;
  /** By signal number. */
  readonly dispositions = new Uint8Array(SIGNALS + 1);
  /** By signal number, as sigaction(2) last set it: the flags and the mask are kept where there is no handler, too. */
  readonly actions: (SignalAction | undefined)[] = [];
  /** SA_NOCLDSTOP and SA_NOCLDWAIT of SIGCHLD, which count without a handler too. */
  childFlags = 0;
  /** Who pays for signals that wait; undefined before the first one. */
  signalAccount: SignalAccount | undefined = undefined;
  /** Signals for any of its threads. */
  readonly signals = new PendingSignals();
  /** The signal that stopped it, 0 while it runs. */
  stopped = 0;
  /** A stop or continuation its parent has not waited for. */
  news: "stopped" | "continued" | undefined = undefined;
  /** What became ready while it was stopped. */
  readonly held: Ready[] = [];
  readonly timers: ProcessTimers;
  /** Waits of its threads for words of its memory, the longest first. */
  readonly futexes = new FutexWaiters();
  /** Those words of its memory that have an owner and waiters. */
  readonly ownedFutexes = new Map<number, OwnedFutex>();
  /** What of its memory is mapped; a new program's is its own. */
  space = new AddressSpace();
  /** What of it others see too, once for each file. */
  shares: Share[] = [];
  /** Those setrlimit(2) set, by resource. */
  limits: (ResourceLimit | undefined)[] = [];
  /** Its nice value, -20 to 19: setpriority(2). */
  nice = 0;
  /** CPU time at which RLIMIT_CPU is looked at next; 0: not decided. */
  cpuSignalNs = 0;
  /** What its end takes back of what it did to semaphores. */
  semaphoreUndo: SemaphoreUndo[] = [];
  threads: Thread[] = [];
  /** The name of its first thread, once it has ended. */
  lastName = "" as ByteString;
  program: Program | undefined = undefined;
  /** The program's memory; empty before there is one. */
  memory: GuestMemory = NO_MEMORY;
  /** How it is going to end: exit or a fatal signal was decided, the program is still to be unwound. */
  ending: ExitStatus | undefined = undefined;
  /** How it ended. It stays, with nothing open, until its parent has reaped it. */
  status: ExitStatus | undefined = undefined;
  /** Whether its program was entered; set by the scheduler. */
  entered = false;
  /** The next open of ENVIRONMENT_PATH reads its environment. */
  offersEnvironment = false;
  /** System calls made, counted by whoever makes the calls. */
  calls = 0;
  /** Most bytes of memory any program of its had before the one it runs, and any child it waited for. */
  peakMemory = 0;
  childrenPeakMemory = 0;

  constructor(kernel: Kernel, options: ProcessOptions) {
    this.kernel = kernel;
    this.pid = options.pid;
    this.parent = options.parent;
    this.parentPid = options.parent?.pid ?? 0;
    this.group = options.parent?.group ?? options.pid;
    this.session = options.parent?.session ?? options.pid;
    this.childEvents = new WaitQueue(kernel.scheduler);
    this.timers = new ProcessTimers(this);
    this.image = options.image;
    this.argv = options.argv;
    this.env = options.env;
    this.mounts = options.mounts;
    this.root = options.root;
    this.cwd = options.cwd;
    this.credentials = options.credentials;
    const { uid, gid } = options.credentials;
    this.userIdentity = { real: uid, effective: uid, saved: uid };
    this.groupIdentity = { real: gid, effective: gid, saved: gid };
    this.startNs = kernel.host.clock.monotonicNs();
    this.umask = options.umask;
    this.descriptors = new DescriptorTable(options.descriptors, this);
  }

  /** fcntl(2): closing any descriptor of a file gives up all the process's records on it. */
  closed({ file }: OpenDescription): void {
    if (this.holdsRecords) this.kernel.locks.releaseAll(file.inode, this);
    file.flush?.(this.pid);
  }

  attach(program: Program): void {
    this.program = program;
    this.memory = program.memory;
  }

  /** The program is over: who is not waited for yet keeps none of its memory. */
  detach(): void {
    this.peakMemory = Math.max(this.peakMemory, this.program?.peakMemory ?? 0);
    this.program = undefined;
    this.memory = NO_MEMORY;
  }
}

/** One line of control of a process; a WASI program has one. */
/** A part of the guest's memory: [address, address + size). */
export interface AlternateStack {
  readonly address: number;
  readonly size: number;
}

/** Whether a stack pointer is in it (on_sig_stack() of include/linux/sched/signal.h). */
export function isOnStack({ address, size }: AlternateStack, pointer: number): boolean {
  return pointer > address && pointer - address <= size;
}

export class Thread {
  readonly process: Process;
  readonly tid: number;
  /** As prctl(2) sets it: 15 bytes at most. */
  name = "" as ByteString;
  /** The call it is blocked in. */
  pending: Pending | undefined = undefined;
  /** The queues that call stands in: one record at a time, which leaves them all before the next comes. */
  readonly queues: WaitQueue[] = [];
  /** The blocked call that ended last, if it was a poll or a sleep: its codec tells what was found, or how much time was left. */
  ended: PendingPoll | PendingSleep | undefined = undefined;
  /** CPU time it used until it was put aside last, nanoseconds. */
  cpuNs = 0;
  /** Who makes its calls, while it has a stack. */
  attendant: Attendant | undefined = undefined;
  /** It ended by itself, and its process goes on. */
  exited = false;
  /** What a thread that was not entered yet is to be entered with; undefined for the first of a program. */
  argument: number | undefined = undefined;
  /** set_tid_address(2) and set_robust_list(2); 0 for none. */
  clearAddress = 0;
  /** Where handlers with SA_ONSTACK have their stack: sigaltstack(2). */
  alternate: AlternateStack | undefined = undefined;
  robustList = 0;
  /** Futexes it owns that others wait for. */
  readonly contended = new Set<OwnedFutex>();
  /** Signals it does not take now. */
  readonly mask = new SignalSet();
  /** The mask to go back to when the call that changed it for its own time is over. */
  savedMask: SignalSet | undefined = undefined;
  /** Signals for this thread alone. */
  readonly signals = new PendingSignals();
  /** What the epoll_wait that ended last found. */
  events: EpollEvent[] = [];
  /** What the wait that ended last found, and the signal the last sigtimedwait took. */
  child: ChildEvent | undefined = undefined;
  caught: SignalInfo | undefined = undefined;

  #killed = false;
  #attention = false;

  constructor(process: Process, tid: number) {
    this.process = process;
    this.tid = tid;
    process.threads.push(this);
  }

  /** Its process is ending: it must not run guest code again. */
  get killed(): boolean {
    return this.#killed;
  }

  set killed(killed: boolean) {
    this.#killed = killed;
    this.attendant?.noticed();
  }

  /** A handler is to be run, or its process is stopped: whoever makes its calls looks after each. */
  get attention(): boolean {
    return this.#attention;
  }

  set attention(attention: boolean) {
    this.#attention = attention;
    this.attendant?.noticed();
  }
}
