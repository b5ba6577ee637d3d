/**
 * Layer: kernel. Lists of descriptors whose readiness is waited for: epoll(7). It must not know encodings, nor how a thread
 * waits.
 *
 * A watch is itself a waiter: it stands in the queue of the file it watches, and whoever wakes the queue makes it a candidate.
 * Only candidates are looked at, so a wait costs what happened, not what is watched. What is level-triggered stays a candidate
 * while it is ready; what is not ready, or edge-triggered and told, goes back to its queue.
 */

import { EP_MAX_NESTS, EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT, EPOLLWAKEUP } from "../../abi/epoll.ts";
import { EEXIST, EINVAL, ELOOP, ENOENT, ENOSPC, EPERM } from "../../abi/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../abi/poll.ts";
import { EPOLL_WATCHES } from "../../limits.ts";
import { leaveQueues, type Waiter, type WaitQueue } from "../../wait/wait-queue.ts";
import type { OpenDescription } from "../descriptors.ts";
import type { Kernel } from "../kernel.ts";
import { StreamFile } from "../pipefs.ts";
import type { Process } from "../process.ts";
import { SignalFile } from "./signal-file.ts";

/** What is told of a ready descriptor: struct epoll_event. */
export interface EpollEvent {
  readonly events: number;
  readonly low: number;
  readonly high: number;
}

export interface Watch extends Waiter {
  readonly kind: "watch";
  readonly epoll: EpollFile;
  readonly description: OpenDescription;
  readonly fd: number;
  /** Whose signals a watched signal descriptor tells of. */
  readonly process: Process | undefined;
  /** Unsigned; 0 once a one-shot was told. */
  events: number;
  low: number;
  high: number;
  candidate: boolean;
}

/** Of one kernel: how many watches there are, and which look at readiness this is. */
export interface EpollCounts {
  watches: number;
  look: number;
  depth: number;
}

const FLAGS = (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP) >>> 0;

/** What may stand beside EPOLLEXCLUSIVE, and it. */
const EXCLUSIVE = POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLET | EPOLLEXCLUSIVE | EPOLLWAKEUP;

export class EpollFile extends StreamFile {
  readonly #counts: EpollCounts;
  /** By descriptor number, which is bounded; more than one where a number was closed while its file stayed open. */
  readonly #watches: (Watch[] | undefined)[] = [];
  /** In the order they became so. */
  readonly #candidates = new Set<Watch>();
  #look = 0;
  #ready = false;

  constructor(kernel: Kernel) {
    super(kernel.pipes.inode(0, 0o600, 0, { uid: 0, gid: 0 }), kernel.pipes.queue());
    this.#counts = kernel.epollCounts;
  }

  *watches(): Iterable<Watch> {
    for (const some of this.#watches) if (some !== undefined) yield* some;
  }

  /** EPOLL_CTL_ADD. -EEXIST, -EPERM (what never waits), -EINVAL (itself, what EPOLLEXCLUSIVE does not go with), -ELOOP, -ENOSPC. */
  add(description: OpenDescription, fd: number, event: EpollEvent, process: Process | undefined): number {
    const { file } = description;
    if (file === this || ((event.events & EPOLLEXCLUSIVE) !== 0 && (event.events & ~EXCLUSIVE) !== 0)) return -EINVAL;
    if (file.waiters === undefined) return -EPERM;
    if (this.#find(description, fd) !== undefined) return -EEXIST;
    if (file instanceof EpollFile) {
      if ((event.events & EPOLLEXCLUSIVE) !== 0) return -EINVAL;
      const below = file.#depth(this);
      if (below < 0 || below > EP_MAX_NESTS) return -ELOOP;
    }
    if (this.#counts.watches >= EPOLL_WATCHES) return -ENOSPC;
    this.#counts.watches += 1;
    const watch: Watch = {
      kind: "watch",
      epoll: this,
      description,
      fd,
      process: file instanceof SignalFile ? process : undefined,
      ...event,
      candidate: false,
      woken: false,
      queues: [],
    };
    let some = this.#watches[fd];
    if (some === undefined) {
      some = [];
      while (this.#watches.length < fd) this.#watches.push(undefined);
      this.#watches[fd] = some;
    }
    some.push(watch);
    description.watches.push(watch);
    this.notify(watch);
    return 0;
  }

  /** EPOLL_CTL_MOD. -ENOENT; -EINVAL for what is exclusive. */
  modify(description: OpenDescription, fd: number, event: EpollEvent): number {
    const watch = this.#find(description, fd);
    if (watch === undefined) return -ENOENT;
    if (((event.events | watch.events) & EPOLLEXCLUSIVE) !== 0) return -EINVAL;
    Object.assign(watch, event);
    this.notify(watch);
    return 0;
  }

  /** EPOLL_CTL_DEL. -ENOENT. */
  remove(description: OpenDescription, fd: number): number {
    const watch = this.#find(description, fd);
    if (watch === undefined) return -ENOENT;
    description.watches.splice(description.watches.indexOf(watch), 1);
    this.forget(watch);
    return 0;
  }

  /** The file is gone, or the watch was removed. */
  forget(watch: Watch): void {
    leaveQueues(watch);
    const some = this.#watches[watch.fd];
    const index = some?.indexOf(watch) ?? -1;
    if (some === undefined || index < 0) return;
    some.splice(index, 1);
    if (some.length === 0) this.#watches[watch.fd] = undefined;
    this.#candidates.delete(watch);
    watch.candidate = false;
    this.#counts.watches -= 1;
  }

  /** Something happened to what a watch watches. */
  notify(watch: Watch): void {
    leaveQueues(watch);
    watch.candidate = true;
    this.#candidates.add(watch);
    this.waiters.wakeAll();
  }

  /** Take up to `most` events. Who had no turn comes first next time: nobody starves behind what is always ready. */
  harvest(most: number): EpollEvent[] {
    const found: EpollEvent[] = [];
    let left = this.#candidates.size;
    for (const watch of this.#candidates) {
      if (left === 0 || found.length >= most) break;
      left -= 1;
      this.#candidates.delete(watch);
      const events = readyEvents(watch);
      if (events === 0) {
        this.#subscribe(watch);
        continue;
      }
      found.push({ events, low: watch.low, high: watch.high });
      if ((watch.events & EPOLLONESHOT) !== 0) watch.events = (watch.events & FLAGS) >>> 0;
      if ((watch.events & (EPOLLET | EPOLLONESHOT)) !== 0) this.#subscribe(watch);
      else this.#candidates.add(watch);
    }
    return found;
  }

  override read(): number {
    return -EINVAL;
  }

  override write(): number {
    return -EINVAL;
  }

  /** Asked for once in one look, however many lists lead here. */
  override readiness(): number {
    const counts = this.#counts;
    if (counts.depth === 0) counts.look += 1;
    if (this.#look !== counts.look) {
      this.#look = counts.look;
      counts.depth += 1;
      this.#ready = false;
      for (const watch of this.#candidates) {
        if (readyEvents(watch) !== 0) {
          this.#ready = true;
          break;
        }
        this.#candidates.delete(watch);
        this.#subscribe(watch);
      }
      counts.depth -= 1;
    }
    return this.#ready ? POLLIN : 0;
  }

  override available(): number {
    return 0;
  }

  /** All at once: one by one, each would be looked for among all the others. */
  override close(): void {
    const watched = new Set<OpenDescription>();
    for (const watch of this.watches()) {
      leaveQueues(watch);
      watch.candidate = false;
      watched.add(watch.description);
      this.#counts.watches -= 1;
    }
    this.#watches.length = 0;
    this.#candidates.clear();
    for (const description of watched) {
      description.watches = description.watches.filter(({ epoll }) => epoll !== this);
    }
  }

  #find(description: OpenDescription, fd: number): Watch | undefined {
    return this.#watches[fd]?.find((watch) => watch.description === description);
  }

  /** Wait for the next thing to happen; it may have happened since it was looked at, but then somebody looks again. */
  #subscribe(watch: Watch): void {
    watch.candidate = false;
    watch.woken = false;
    const { file } = watch.description;
    (file.waiters as WaitQueue).add(watch);
    file.moreWaiters?.add(watch);
  }

  /** Lists in a row with this at the head; -1 where `above` is among them. Bounded: longer rows were never made. */
  #depth(above: EpollFile): number {
    let deepest = 1;
    let level: Set<EpollFile> = new Set([this]);
    while (level.size > 0 && deepest <= EP_MAX_NESTS + 1) {
      const next = new Set<EpollFile>();
      for (const epoll of level) {
        if (epoll === above) return -1;
        for (const { description } of epoll.watches()) {
          if (description.file instanceof EpollFile) next.add(description.file);
        }
      }
      if (next.size > 0) deepest += 1;
      level = next;
    }
    return deepest + above.#above();
  }

  /** Lists in a row above this one. */
  #above(): number {
    let height = 0;
    let level: Set<EpollFile> = new Set([this]);
    while (level.size > 0 && height <= EP_MAX_NESTS + 1) {
      const next = new Set<EpollFile>();
      for (const epoll of level) for (const upper of epoll.uppers) next.add(upper);
      if (next.size > 0) height += 1;
      level = next;
    }
    return height;
  }

  /** Lists that watch this one. */
  get uppers(): readonly EpollFile[] {
    return this.descriptions.flatMap(({ watches }) => watches.map(({ epoll }) => epoll));
  }

  /** Its open file descriptions: one, unless a snapshot gave it more. */
  readonly descriptions: OpenDescription[] = [];
}

/** What of a watch's events is so now. */
function readyEvents({ description, events, process }: Watch): number {
  const wanted = (events & ~FLAGS) >>> 0;
  if (wanted === 0) return 0;
  const { file } = description;
  const ready = file instanceof SignalFile && process !== undefined ? file.readinessFor(process) : file.readiness();
  return ready & (wanted | POLLERR | POLLHUP);
}
