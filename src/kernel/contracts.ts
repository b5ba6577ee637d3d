/**
 * Layer: kernel. What the kernel asks of those above it: the host's services and the engine's program loader. It must
 * not know WebAssembly, Node, or any calling convention.
 */
import type { ByteString } from "../abi/byte-string.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import type { Clock } from "../wait/clock.ts";
import type { Process, Thread } from "./process.ts";

/**
 * The answer of an operation: zero or more is the result, -4095 to -1 is -errno, BLOCKED says that the thread left a
 * pending record and will be continued. It is a double, so a 53-bit offset fits and BLOCKED can never be a result.
 */
export type Outcome = number;
export const BLOCKED = -65_536;

/** What the kernel needs of the world outside the sandbox. The cell implements it; tests use a simulated one. */
export interface Host {
  readonly clock: Clock;
  /** Fill [at, at + length) with unpredictable bytes. */
  random(into: Uint8Array, at: number, length: number): void;
  /** Call kernel.dispatch() soon, after the running guest has left its stack. Called at most once until then. */
  defer(): void;
  /** Like defer, but let the host's event loop turn first. */
  deferPastEvents(): void;
  /** Call kernel.expire() at this monotonic time; a new call replaces the last; undefined: no alarm. */
  alarm(atNs: number | undefined): void;
}

/** Calls until the clock is read: whoever makes the calls takes one off for each, and asks `shouldYield` at 0 or below. */
export interface Countdown {
  left: number;
}

/** Where a standard stream leaves or enters the sandbox. The cell implements both over its frames. */
export interface OutputPort {
  /** Take up to `length` bytes now; fewer (or 0) when the reader is behind. Never keeps the view. */
  write(from: Uint8Array, at: number, length: number): number;
}

/** How a process ended: an exit code 0 to 255, or a signal. `message` is for people: the trap and where. */
export interface ExitStatus {
  readonly code: number;
  readonly signal: number;
  readonly message?: string;
}

/** Who makes a thread's calls: told whenever the thread's `killed` or `attention` is set, before either matters again. */
export interface Attendant {
  noticed(): void;
}

/** What may be executed: made by the engine, opaque to the kernel. */
export interface ProgramImage {
  readonly name: string;
  /** Bytes of memory a program of it begins with, and how many of those are data: all but its stack. Without: nobody knows. */
  readonly extent?: { readonly bytes: number; readonly data: number };
}

/** One running program, as the kernel sees it. The engine implements it. */
export interface Program {
  readonly memory: GuestMemory;
  /** Bytes of linear memory at most so far. */
  readonly peakMemory: number;
  /**
   * Bytes of linear memory: what the program declared, and what it was given when it began, which may be more. Without: as
   * much as it had when it first mapped something.
   */
  readonly extent?: { readonly declared: number; readonly given: number };
  /** The guest's own stack pointer of a thread; undefined where it has none. */
  stackPointer?(thread: Thread): number | undefined;
  /** Grow the linear memory to at least `bytes`; it never shrinks. False where the limit or the host forbids it. */
  growMemory(bytes: number): boolean;
  /** The process begins to share memory: `kernel.shared.enter` before guest code of any of its threads runs, from now on. */
  sharesMemory?(): void;
  /** Enter the guest for the first time. Only the kernel's dispatch calls this, never a handler. */
  start(): void;
  /** Whether the guest's stack can be taken down and put up again: without it fork(2) is -ENOSYS. */
  readonly forkable?: boolean;
  /** Make a thread ready to be entered, no guest code run. 0, -ENOSYS (built without threads), -EAGAIN, -ENOMEM. */
  prepareThread?(thread: Thread): number;
  /** Enter such a thread with its number and its argument. Only dispatch calls this. */
  startThread?(thread: Thread): void;
  /** Continue a thread whose blocked call ended with `outcome`. Only dispatch calls this. */
  resume(thread: Thread, outcome: Outcome): void;
  /** End: unwind every suspended stack, give memories back. The kernel hears `kernel.programEnded` afterwards. */
  kill(): void;
}

export interface ProgramLoader {
  /** Instantiate; no guest code runs yet. -ENOMEM, -ENOEXEC, … when it cannot be had. */
  load(process: Process, image: ProgramImage): Program | number;
  /** An image from a file of the guest's. -ENOEXEC when it is no program this engine runs. */
  compile?(name: ByteString, bytes: Uint8Array<ArrayBuffer>): ProgramImage | number;
  /** Where calls are counted; without, the scheduler has a countdown of its own. */
  readonly countdown?: Countdown;
  /** Whose call is being made, or was made last; undefined where that thread is gone. */
  readonly caller?: Thread | undefined;
}

/** What can make a second process of one: part of a loader whose programs can. */
export interface ForkDriver {
  /**
   * A copy of a program whose thread stands unwound in fork: memory, globals, place. Its `start` continues there with 0.
   * -ENOSYS when it cannot be copied, -ENOMEM, -EAGAIN.
   */
  fork(process: Process, thread: Thread, original: Program): Program | number;
}

export interface SpawnOptions {
  readonly image: ProgramImage;
  readonly argv: readonly ByteString[];
  readonly env: readonly ByteString[];
  readonly cwd: ByteString;
}

/** begin()'s answer when the thread is gone (it exited or was killed inside the call): the gate must trap. */
export const GONE = -65_537;

/** resume()'s outcome when a signal came first: run the handler, then make the whole call again, as SA_RESTART says. */
export const RESTART = -65_538;

/**
 * begin()'s answer when the thread's stack is to be taken down, so that its process can be copied: the kernel's record
 * of the fork stands in `thread.pending`. The engine calls `kernel.unwound(thread)` when it is down.
 */
export const UNWIND = -65_539;

/**
 * One call of a calling convention, as the engine binds it. A codec table (wasi, syscalls) is a list of these.
 *
 * `begin` decodes, checks, copies in, calls the operation and encodes. It answers the value the guest gets, BLOCKED when
 * the operation parked the thread (its pending record then stands in `thread.pending`), or GONE. Each i64 parameter
 * arrives as two arguments, low word then high word, both i32. `finish` encodes the outcome of a call that was parked;
 * it gets the same arguments again and must not read guest memory that `begin` already read.
 */
export interface GuestCall {
  readonly name: string;
  /** Parameter types: i is i32, I is i64. */
  readonly parameters: string;
  /** Result type: "i", "I" or none. */
  readonly result: "i" | "I" | "";
  begin(thread: Thread, ...args: number[]): number;
  finish?(thread: Thread, args: readonly number[], outcome: Outcome): number;
}
