/**
 * Layer: kernel. Blocked calls from a snapshot, ready to be tried again. It must not know where the data came from; what does not fit
 * together is refused.
 */
import type { OpenDescription } from "../descriptors.ts";
import { EpollFile } from "../events/epoll-file.ts";
import type { FutexWord } from "../futexes.ts";
import type { MessageQueue } from "../ipc/messages.ts";
import type { Ownership } from "../ipc/objects.ts";
import { type PosixQueue, QueueFile } from "../ipc/posix-queues.ts";
import type { SemaphoreSet } from "../ipc/semaphores.ts";
import type { Kernel } from "../kernel.ts";
import { OwnedFutex, ownedAt } from "../owned-futexes.ts";
import { type Pending, type PendingOwnedFutex, parked } from "../pending.ts";
import type { Thread } from "../process.ts";
import { SignalSet } from "../signal-set.ts";
import type { RestoredObjects } from "./open-restoration.ts";
import type { PendingSnapshot } from "./pending-snapshot.ts";
import { check } from "./snapshot-error.ts";

export class RestoredCalls {
  readonly #kernel: Kernel;
  readonly #open: RestoredObjects;
  /** Numbers of the threads that own futexes. */
  readonly #owners = new Map<OwnedFutex, number>();

  constructor(kernel: Kernel, open: RestoredObjects) {
    this.#kernel = kernel;
    this.#open = open;
  }

  /** The call a thread is blocked in; it stands in no queue yet. */
  pending(thread: Thread, described: PendingSnapshot): Pending {
    switch (described.kind) {
      case "again": {
        const { kind, events } = described;
        return { ...parked(thread), kind, description: this.#open.numbered(described.description), events };
      }
      case "lock": {
        const { kind, lock } = described;
        const description = this.#open.numbered(described.description);
        return { ...parked(thread), kind, description, lock: this.#open.lockOf(lock, thread.process) };
      }
      case "open": {
        const { kind, closeOnExec, seen } = described;
        return { ...parked(thread), kind, description: this.#open.numbered(described.description), closeOnExec, seen };
      }
      case "read": {
        const { kind, addresses, lengths } = described;
        check(addresses.length === lengths.length, "has a read of half a range");
        const description = this.#open.numbered(described.description);
        return {
          ...parked(thread, this.#open.deadline(described.remainingNs)),
          kind,
          description,
          addresses: addresses.map((address) => address >>> 0),
          lengths: lengths.map((length) => length >>> 0),
        };
      }
      case "write": {
        const { kind, bytes, before, whole } = described;
        const description = this.#open.numbered(described.description);
        const held = bytes.length;
        return { ...parked(thread), kind, description, bytes: bytes.slice(), held, sent: 0, before, whole };
      }
      case "poll": {
        const items = described.items.map((item) => ({ ...item }));
        const descriptions = described.descriptions.map((one) => (one < 0 ? undefined : this.#open.numbered(one)));
        check(items.length === descriptions.length, "has a poll of half an item");
        return { ...parked(thread, this.#open.deadline(described.remainingNs)), kind: "poll", items, descriptions };
      }
      case "sleep":
        return { ...parked(thread, this.#open.deadline(described.remainingNs)), kind: "sleep" };
      case "yield":
        return { ...parked(thread), kind: "yield", outcome: described.outcome, busy: described.busy };
      case "random": {
        const { kind, address, length, filled } = described;
        check(filled >= 0 && filled <= length, "has filled more than it was asked to");
        return { ...parked(thread), kind, address, length, filled };
      }
      case "transfer": {
        const { kind, addresses, lengths, writes, position, appends, total, done } = described;
        check(done >= 0 && done <= total, "has moved more than it was asked to");
        const description = this.#open.numbered(described.description);
        return { ...parked(thread), kind, description, addresses, lengths, writes, position, appends, total, done };
      }
      case "fill": {
        const { kind, address, length, done, position, from, copied, result } = described;
        check(done >= 0 && done <= length, "has filled more than it was asked to");
        const description = described.description < 0 ? undefined : this.#open.numbered(described.description);
        return { ...parked(thread), kind, address, length, done, description, position, from, copied, result };
      }
      case "wait":
        return { ...parked(thread), kind: "wait", selection: { ...described.selection } };
      case "signal wait": {
        const set = new SignalSet(...described.set);
        return { ...parked(thread, this.#open.deadline(described.remainingNs)), kind: "signal wait", set };
      }
      case "pause":
        return { ...parked(thread), kind: "pause" };
      case "futex": {
        const { kind, absolute } = described;
        const call: Pending = {
          ...parked(thread, this.#open.deadline(described.remainingNs)),
          kind,
          absolute,
          words: [],
        };
        for (const word of described.words) call.words.push({ ...word, ...this.#futexWord(word), call });
        return call;
      }
      case "owned futex": {
        const { kind, at, granted, owner } = described;
        const target = this.#futexWord(described);
        let futex: OwnedFutex | undefined;
        if (owner !== undefined) {
          futex = ownedAt(thread.process, target) ?? new OwnedFutex(target.file ?? thread.process, target.address);
          this.#owners.set(futex, owner);
        }
        const start = parked(thread, this.#open.deadline(described.remainingNs));
        const call: PendingOwnedFutex = { ...start, kind, futex, word: undefined, target, at, granted };
        const { word } = described;
        if (word !== undefined) call.word = { ...word, ...this.#futexWord(word), call };
        return call;
      }
      case "semaphores": {
        const { kind, operations, blockedBy } = described;
        const set = this.#kernel.systemV.sets.get(described.set) ?? this.#removedSet();
        const copies = operations.map((one) => ({ ...one }));
        return {
          ...parked(thread, this.#open.deadline(described.remainingNs)),
          kind,
          set,
          operations: copies,
          blockedBy,
        };
      }
      case "send message": {
        const { kind, message } = described;
        const copy = { type: message.type, bytes: message.bytes.slice() };
        return { ...parked(thread), kind, queue: this.#queue(described.queue), message: copy };
      }
      case "receive message": {
        const { kind, wish, address } = described;
        return { ...parked(thread), kind, queue: this.#queue(described.queue), wish: { ...wish }, address };
      }
      case "queue send": {
        const { kind, message, sent } = described;
        const description = this.#open.numbered(described.description);
        const queue = openedQueue(description);
        return {
          ...parked(thread, this.#open.deadline(described.remainingNs)),
          kind,
          description,
          queue,
          message,
          sent,
        };
      }
      case "queue receive": {
        const { remainingNs, ...rest } = described;
        const description = this.#open.numbered(rest.description);
        return {
          ...parked(thread, this.#open.deadline(remainingNs)),
          ...rest,
          description,
          queue: openedQueue(description),
        };
      }
      case "epoll": {
        const { kind, most } = described;
        const description = this.#open.numbered(described.description);
        const epoll = description.file;
        check(epoll instanceof EpollFile, "waits for events of what has none");
        return { ...parked(thread, this.#open.deadline(described.remainingNs)), kind, description, epoll, most };
      }
      case "fork":
        return { ...parked(thread), kind: "fork", wish: { ...described.wish }, unwound: true };
    }
  }

  #futexWord({ file, address }: { readonly file: number; readonly address: number }): FutexWord {
    return { file: file < 0 ? undefined : this.#open.sharedNumbered(file), address };
  }

  /** Its number means nothing any more: who waits for it is about to learn that. */
  #removedSet(): SemaphoreSet {
    const set = this.#kernel.systemV.set(REMOVED, 0);
    set.removed = true;
    return set;
  }

  #queue(id: number): MessageQueue {
    const found = this.#kernel.systemV.queues.get(id);
    if (found !== undefined) return found;
    const removed = this.#kernel.systemV.queue(REMOVED);
    removed.removed = true;
    return removed;
  }

  /** Once all processes are there. */
  restoreOwners(): void {
    for (const [futex, tid] of this.#owners) {
      const owner = this.#kernel.holder(tid);
      check(owner !== undefined, "has a lock of nobody");
      futex.setOwner(owner);
    }
  }
}

const REMOVED: Ownership = { id: -1, key: 0, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0, ctime: 0 };

function openedQueue({ file }: OpenDescription): PosixQueue {
  check(file instanceof QueueFile, "waits for messages of what has none");
  return file.queue;
}
