/**
 * Layer: kernel. Blocked calls as plain data. A record holds its open file and kernel copies of its arguments, never a
 * view, a closure or a descriptor number. It must not know how it is continued (continuation.ts), nor when (scheduler.ts).
 */
import type { Timed } from "../wait/deadlines.ts";
import type { Waiter } from "../wait/wait-queue.ts";
import type { ChildSelection } from "./children.ts";
import type { CloneWish } from "./cloning.ts";
import type { Outcome } from "./contracts.ts";
import type { OpenDescription } from "./descriptors.ts";
import type { EpollFile } from "./events/epoll-file.ts";
import type { FutexWaiter, FutexWord } from "./futexes.ts";
import type { Message, MessageQueue, MessageWish } from "./ipc/messages.ts";
import type { PosixMessage, PosixQueue } from "./ipc/posix-queues.ts";
import type { SemaphoreOperation, SemaphoreSet } from "./ipc/semaphores.ts";
import type { Lock } from "./locks.ts";
import type { PendingTransfer, Ranges } from "./long-transfers.ts";
import type { OwnedFutex } from "./owned-futexes.ts";
import type { Thread } from "./process.ts";
import type { SignalSet } from "./signal-set.ts";

export interface PendingCall extends Waiter, Timed {
  readonly thread: Thread;
  woken: boolean;
  /** Set when the deadline, not an event, ended the wait. */
  timedOut: boolean;
}

/** A read of a stream. The ranges are guest addresses, checked when the call was made; memory never shrinks. */
export interface PendingRead extends PendingCall {
  readonly kind: "read";
  /** Of a terminal with VTIME it moves with the input. */
  deadlineNs: number;
  readonly description: OpenDescription;
  readonly addresses: readonly number[];
  readonly lengths: readonly number[];
}

/** A write to a stream. `bytes` holds what the guest asked to write and the stream did not take at once, or a part of it. */
export interface PendingWrite extends PendingCall {
  readonly kind: "write";
  readonly description: OpenDescription;
  readonly bytes: Uint8Array;
  /** How many of `bytes` are to be written, and how many of them were since. */
  held: number;
  sent: number;
  /** Bytes the call had written before those. */
  before: number;
  /** All it was asked to write, where more follows. */
  readonly whole: (Ranges & { readonly total: number }) | undefined;
}

/** One descriptor of a poll. The caller owns the object and reads `revents` when the call ended. */
export interface PollItem {
  readonly fd: number;
  readonly events: number;
  revents: number;
}

export interface PendingPoll extends PendingCall {
  readonly kind: "poll";
  readonly items: readonly PollItem[];
  /** What `items[i].fd` meant when the call was made; undefined where it was not open. */
  readonly descriptions: readonly (OpenDescription | undefined)[];
}

export interface PendingSleep extends PendingCall {
  readonly kind: "sleep";
}

/** A call that is finished but whose thread gave way to others. */
export interface PendingYield extends PendingCall {
  readonly kind: "yield";
  readonly outcome: Outcome;
  /** Whether it had used up its time: nobody is entered after it before the host's events have had their turn. */
  readonly busy: boolean;
}

/** A long getrandom: a part each turn. */
export interface PendingRandom extends PendingCall {
  readonly kind: "random";
  readonly address: number;
  readonly length: number;
  filled: number;
}

/** wait4, waitid. */
export interface PendingWait extends PendingCall {
  readonly kind: "wait";
  readonly selection: ChildSelection;
}

/** sigtimedwait. */
export interface PendingSignalWait extends PendingCall {
  readonly kind: "signal wait";
  readonly set: SignalSet;
}

/** futex, futex_waitv: until a wake reaches one of the words. */
export interface PendingFutex extends PendingCall {
  readonly kind: "futex";
  readonly words: FutexWaiter[];
  /** The deadline is a time, not a span: the call may be made again after a handler. */
  readonly absolute: boolean;
}

/** FUTEX_LOCK_PI, FUTEX_WAIT_REQUEUE_PI: until the owner, or its end, hands the futex on. */
export interface PendingOwnedFutex extends PendingCall {
  readonly kind: "owned futex";
  /** undefined as long as `word` is waited for. */
  futex: OwnedFutex | undefined;
  /** FUTEX_WAIT_REQUEUE_PI: what was waited for first, and among whose waiters it stands while there is no futex. */
  word: FutexWaiter | undefined;
  /** The futex's. */
  readonly target: FutexWord;
  /** Address of the word in the caller's memory. */
  readonly at: number;
  /** "orphaned": the owner died, and the word does not say yet whose it is. */
  granted: "no" | "yes" | "orphaned";
}

/** semtimedop(2): woken at each change of the set. */
export interface PendingSemaphores extends PendingCall {
  readonly kind: "semaphores";
  readonly set: SemaphoreSet;
  readonly operations: readonly SemaphoreOperation[];
  /** Index of the operation that must wait. */
  blockedBy: number;
}

/** msgsnd(2). */
export interface PendingSend extends PendingCall {
  readonly kind: "send message";
  readonly queue: MessageQueue;
  readonly message: Message;
}

/** msgrcv(2): type and text go to `address`, checked when the call was made. */
export interface PendingReceive extends PendingCall {
  readonly kind: "receive message";
  readonly queue: MessageQueue;
  readonly wish: MessageWish;
  readonly address: number;
}

/** mq_timedsend: until somebody takes a message. */
export interface PendingQueueSend extends PendingCall {
  readonly kind: "queue send";
  readonly description: OpenDescription;
  readonly queue: PosixQueue;
  readonly message: PosixMessage;
  sent: boolean;
}

/** mq_timedreceive: until a message is handed over. */
export interface PendingQueueReceive extends PendingCall {
  readonly kind: "queue receive";
  readonly description: OpenDescription;
  readonly queue: PosixQueue;
  readonly address: number;
  /** 0: nobody asks. */
  readonly priorityAt: number;
  message: PosixMessage | undefined;
}

/** epoll_wait: events go to `thread.events`. */
export interface PendingEpoll extends PendingCall {
  readonly kind: "epoll";
  readonly description: OpenDescription;
  readonly epoll: EpollFile;
  readonly most: number;
}

/** pause and sigsuspend: only a handler ends it. */
export interface PendingPause extends PendingCall {
  readonly kind: "pause";
}

/** fork, while the engine takes the stack down. `unwound` once it is: then the process is copied, once. */
export interface PendingFork extends PendingCall {
  readonly kind: "fork";
  readonly wish: CloneWish;
  unwound: boolean;
}

/** What fresh memory at [address, address + length) is to hold: `done` bytes of it do. */
export interface Fill {
  readonly address: number;
  readonly length: number;
  done: number;
  /** Read from here at `position`, as far as the file goes. */
  readonly description: OpenDescription | undefined;
  readonly position: number;
  /** Else `copied` bytes come from `from` in the same memory. Everything after is zero. */
  readonly from: number;
  readonly copied: number;
}

/** A mapping being filled: a part each turn. */
export interface PendingFill extends PendingCall, Fill {
  readonly kind: "fill";
  done: number;
  readonly result: number;
}

/** open of a FIFO without a partner: the end is open already, and waits for one that comes. */
export interface PendingOpen extends PendingCall {
  readonly kind: "open";
  readonly description: OpenDescription;
  readonly closeOnExec: boolean;
  /** Partners seen when it was opened. */
  readonly seen: number;
}

/** flock, F_SETLKW: others hold what stands in the way. */
export interface PendingLock extends PendingCall {
  readonly kind: "lock";
  readonly description: OpenDescription;
  readonly lock: Lock;
}

/** A call that is made again once its file is ready for any of `events`. */
export interface PendingAgain extends PendingCall {
  readonly kind: "again";
  readonly description: OpenDescription;
  readonly events: number;
}

export type Pending =
  | PendingAgain
  | PendingLock
  | PendingOpen
  | PendingFill
  | PendingTransfer
  | PendingRead
  | PendingWrite
  | PendingPoll
  | PendingSleep
  | PendingYield
  | PendingRandom
  | PendingWait
  | PendingSignalWait
  | PendingPause
  | PendingFutex
  | PendingOwnedFutex
  | PendingSemaphores
  | PendingEpoll
  | PendingSend
  | PendingReceive
  | PendingQueueSend
  | PendingQueueReceive
  | PendingFork;

/** Whether a signal may end such a call before its time. */
export function interruptible({ kind }: Pending): boolean {
  return kind !== "yield" && kind !== "random" && kind !== "fill" && kind !== "transfer" && kind !== "fork";
}

/** The part every record starts with. */
export function parked(thread: Thread, deadlineNs = Infinity) {
  return { thread, deadlineNs, heapIndex: -1, woken: false, timedOut: false, queues: thread.queues };
}
