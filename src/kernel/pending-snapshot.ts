/**
 * Layer: kernel. What a snapshot says of blocked calls: plain data. It must not know how it is taken.
 */
import type { ChildSelection } from "./children.ts";
import type { CloneWish } from "./cloning.ts";
import type { Outcome } from "./contracts.ts";
import type { Message, MessageWish } from "./ipc/messages.ts";
import type { PosixMessage } from "./ipc/posix-queues.ts";
import type { SemaphoreOperation } from "./ipc/semaphores.ts";
import type { LockKind } from "./locks.ts";
import type { PollItem } from "./pending.ts";

/** Signals 1 to 32 and 33 to 64, as bits. */
export type SignalWords = readonly [low: number, high: number];

/** A lock: `owner` is a process's number, or for the other kinds that of a description. The description tells the file. */
export interface LockSnapshot {
  readonly kind: LockKind;
  readonly owner: number;
  readonly exclusive: boolean;
  readonly start: number;
  readonly end: number;
  readonly pid: number;
}

export interface HeldLockSnapshot extends LockSnapshot {
  readonly description: number;
}

export interface FutexWaiterSnapshot {
  /** Index of a shared file; -1 for the process's own memory. */
  readonly file: number;
  readonly address: number;
  readonly bits: number;
  readonly released: boolean;
}

/** `remainingNs` from when the snapshot was taken; undefined without a deadline. */
export type PendingSnapshot =
  | { readonly kind: "again"; readonly description: number; readonly events: number }
  | { readonly kind: "lock"; readonly description: number; readonly lock: LockSnapshot }
  | { readonly kind: "open"; readonly description: number; readonly closeOnExec: boolean; readonly seen: number }
  | {
      readonly kind: "read";
      readonly description: number;
      readonly addresses: readonly number[];
      readonly lengths: readonly number[];
      readonly remainingNs: number | undefined;
    }
  | {
      readonly kind: "write";
      readonly description: number;
      readonly bytes: Uint8Array;
      readonly before: number;
    }
  | {
      readonly kind: "poll";
      readonly items: readonly PollItem[];
      /** -1 where an item's number was not open. */
      readonly descriptions: readonly number[];
      readonly remainingNs: number | undefined;
    }
  | { readonly kind: "sleep"; readonly remainingNs: number | undefined }
  | { readonly kind: "yield"; readonly outcome: Outcome; readonly busy: boolean }
  | { readonly kind: "random"; readonly address: number; readonly length: number; readonly filled: number }
  | {
      readonly kind: "fill";
      readonly address: number;
      readonly length: number;
      readonly done: number;
      /** -1 without a file. */
      readonly description: number;
      readonly position: number;
      readonly from: number;
      readonly copied: number;
      readonly result: number;
    }
  | { readonly kind: "wait"; readonly selection: ChildSelection }
  | { readonly kind: "signal wait"; readonly set: SignalWords; readonly remainingNs: number | undefined }
  | { readonly kind: "pause" }
  | {
      readonly kind: "futex";
      readonly words: readonly FutexWaiterSnapshot[];
      readonly absolute: boolean;
      readonly remainingNs: number | undefined;
    }
  | {
      readonly kind: "owned futex";
      /** As of FutexWaiterSnapshot. */
      readonly file: number;
      readonly address: number;
      readonly at: number;
      /** A thread's number; undefined as long as `word` is waited for. */
      readonly owner: number | undefined;
      readonly word: FutexWaiterSnapshot | undefined;
      readonly granted: "no" | "yes" | "orphaned";
      readonly remainingNs: number | undefined;
    }
  | {
      readonly kind: "semaphores";
      /** The set's number: one that is not there was removed. */
      readonly set: number;
      readonly operations: readonly SemaphoreOperation[];
      readonly blockedBy: number;
      readonly remainingNs: number | undefined;
    }
  | { readonly kind: "send message"; readonly queue: number; readonly message: Message }
  | {
      readonly kind: "receive message";
      readonly queue: number;
      readonly wish: MessageWish;
      readonly address: number;
    }
  | {
      readonly kind: "epoll";
      readonly description: number;
      readonly most: number;
      readonly remainingNs: number | undefined;
    }
  | {
      readonly kind: "queue send";
      readonly description: number;
      readonly message: PosixMessage;
      readonly sent: boolean;
      readonly remainingNs: number | undefined;
    }
  | {
      readonly kind: "queue receive";
      readonly description: number;
      readonly address: number;
      readonly priorityAt: number;
      readonly message: PosixMessage | undefined;
      readonly remainingNs: number | undefined;
    }
  | { readonly kind: "fork"; readonly wish: CloneWish };
