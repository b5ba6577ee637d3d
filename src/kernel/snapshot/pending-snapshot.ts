/**
 * Layer: kernel. What a snapshot says of blocked calls. It must not know how they go on.
 */
import type { ChildSelection } from "../children.ts";
import type { CloneWish } from "../cloning.ts";
import type { Outcome } from "../contracts.ts";
import type { FutexWaiter } from "../futexes.ts";
import type { Message, MessageWish } from "../ipc/messages.ts";
import type { PosixMessage } from "../ipc/posix-queues.ts";
import type { SemaphoreOperation } from "../ipc/semaphores.ts";
import type { Ranges } from "../long-transfers.ts";
import type { Pending, PollItem } from "../pending.ts";
import type { SignalSet } from "../signal-set.ts";
import type { LockSnapshot, OpenObjects } from "./open-snapshot.ts";

/** Signals 1 to 32 and 33 to 64, as bits. */
export type SignalWords = readonly [low: number, high: number];

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
      readonly whole: (Ranges & { readonly total: number }) | undefined;
    }
  | ({
      readonly kind: "transfer";
      readonly description: number;
      readonly writes: boolean;
      readonly position: number | undefined;
      readonly appends: boolean;
      readonly total: number;
      readonly done: number;
    } & Ranges)
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

/** A blocked call as data; what it has open stands among `open`. */
export function snapshotOfPending(pending: Pending, open: OpenObjects): PendingSnapshot {
  const left = pending.deadlineNs - open.now;
  const remainingNs = left === Infinity ? undefined : Math.max(0, left);
  switch (pending.kind) {
    case "again": {
      const { kind, description, events } = pending;
      return { kind, description: open.description(description), events };
    }
    case "lock": {
      const { kind, description, lock } = pending;
      return { kind, description: open.description(description), lock: open.lockOf(lock) };
    }
    case "open": {
      const { kind, closeOnExec, seen } = pending;
      return { kind, description: open.description(pending.description), closeOnExec, seen };
    }
    case "read": {
      const { kind, addresses, lengths } = pending;
      const description = open.description(pending.description);
      return { kind, description, addresses: [...addresses], lengths: [...lengths], remainingNs };
    }
    case "write": {
      const { kind, bytes, held, sent, before, whole } = pending;
      const description = open.description(pending.description);
      return { kind, description, bytes: bytes.slice(sent, held), before: before + sent, whole };
    }
    case "poll": {
      const items = pending.items.map((item) => ({ ...item }));
      const descriptions = pending.descriptions.map((one) => (one === undefined ? -1 : open.description(one)));
      return { kind: "poll", items, descriptions, remainingNs };
    }
    case "sleep":
      return { kind: "sleep", remainingNs };
    case "yield":
      return { kind: "yield", outcome: pending.outcome, busy: pending.busy };
    case "random": {
      const { kind, address, length, filled } = pending;
      return { kind, address, length, filled };
    }
    case "transfer": {
      const { kind, addresses, lengths, writes, position, appends, total, done } = pending;
      const description = open.description(pending.description);
      return { kind, description, addresses, lengths, writes, position, appends, total, done };
    }
    case "fill": {
      const { kind, address, length, done, position, from, copied, result } = pending;
      const description = pending.description === undefined ? -1 : open.description(pending.description);
      return { kind, address, length, done, description, position, from, copied, result };
    }
    case "wait":
      return { kind: "wait", selection: { ...pending.selection } };
    case "signal wait":
      return { kind: "signal wait", set: wordsOf(pending.set), remainingNs };
    case "pause":
      return { kind: "pause" };
    case "futex": {
      const { kind, absolute } = pending;
      return { kind, words: pending.words.map((word) => futexWaiter(word, open)), absolute, remainingNs };
    }
    case "owned futex": {
      const { kind, at, granted, futex, target } = pending;
      const file = target.file === undefined ? -1 : open.sharedFile(target.file);
      const owner = futex === undefined ? undefined : (futex.owner?.tid ?? 0);
      const word = pending.word === undefined ? undefined : futexWaiter(pending.word, open);
      return { kind, file, address: target.address, at, owner, granted, word, remainingNs };
    }
    case "semaphores": {
      const { kind, set, operations, blockedBy } = pending;
      return { kind, set: set.owner.id, operations: operations.map((one) => ({ ...one })), blockedBy, remainingNs };
    }
    case "send message": {
      const { kind, queue, message } = pending;
      return { kind, queue: queue.owner.id, message: { type: message.type, bytes: message.bytes.slice() } };
    }
    case "receive message": {
      const { kind, queue, wish, address } = pending;
      return { kind, queue: queue.owner.id, wish: { ...wish }, address };
    }
    case "queue send": {
      const { kind, message, sent } = pending;
      return { kind, description: open.description(pending.description), message, sent, remainingNs };
    }
    case "queue receive": {
      const { kind, address, priorityAt, message } = pending;
      const description = open.description(pending.description);
      return { kind, description, address, priorityAt, message, remainingNs };
    }
    case "epoll": {
      const { kind, most } = pending;
      return { kind, description: open.description(pending.description), most, remainingNs };
    }
    case "fork":
      return { kind: "fork", wish: { ...pending.wish } };
  }
}

function futexWaiter({ file, address, bits, released }: FutexWaiter, open: OpenObjects): FutexWaiterSnapshot {
  return { file: file === undefined ? -1 : open.sharedFile(file), address, bits, released };
}

export function wordsOf({ low, high }: SignalSet): SignalWords {
  return [low, high];
}
