/**
 * Layer: wait. Who waits for an object to become ready. A queue holds data (waiters), never closures or promises, so
 * that kernel state can be written out. It must not know what a waiter is waiting to do.
 */

/** One parked call. `queues` are all queues it stands in; `woken` is set once, by the first wake. */
export interface Waiter {
  woken: boolean;
  readonly queues: WaitQueue[];
}

/**
 * "always" woken; or one of those of which one is enough: "never" for these events, "more" must be woken besides because nobody
 * waits behind it, or it is "enough".
 */
export type Claim = "always" | "never" | "more" | "enough";

/** Receives each waiter exactly once when it is woken. The kernel's ready list is the only one in production. */
export interface WakeSink {
  wake(waiter: Waiter): void;
  /** What is to become of a waiter when these events (POLL_ bits) have come. Without it every waiter is woken. */
  claim?(waiter: Waiter, events: number): Claim;
}

/** Waiters of a queue, and queues of a waiter, that are looked for one by one. */
const FEW = 32;

export class WaitQueue {
  readonly #sink: WakeSink;
  /** In the order they came. An array, because nearly every queue has one waiter or none. */
  #waiters: Waiter[] = [];
  /** Instead, where they were many at once: thousands may poll the same thousand files, and each leaves all of them at once. */
  #many: Set<Waiter> | undefined = undefined;

  constructor(sink: WakeSink) {
    this.#sink = sink;
  }

  get size(): number {
    return this.#many?.size ?? this.#waiters.length;
  }

  add(waiter: Waiter): void {
    const { queues } = waiter;
    const many = this.#many;
    if (many !== undefined) {
      if (many.has(waiter)) return;
      many.add(waiter);
      queues.push(this);
      return;
    }
    const here = queues.length < this.#waiters.length ? queues.includes(this) : this.#waiters.includes(waiter);
    if (here) return;
    this.#waiters.push(waiter);
    queues.push(this);
    if (this.#waiters.length <= FEW) return;
    this.#many = new Set(this.#waiters);
    this.#waiters = [];
  }

  /** Wake every waiter: each reaches the sink once, out of all its queues unless they are many. */
  wakeAll(): void {
    const many = this.#many;
    if (many !== undefined) {
      this.#many = undefined;
      for (const waiter of many) this.#wake(waiter);
      return;
    }
    if (this.#waiters.length <= 1) {
      const only = this.#waiters.pop();
      if (only !== undefined) this.#wake(only);
      return;
    }
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) this.#wake(waiter);
  }

  /** Wake for events alone: of those of which one is enough, up to the first that somebody waits behind. The others stay. */
  wakeEnough(events: number): void {
    if (this.size === 0) return;
    const sink = this.#sink;
    const only = this.#many === undefined && this.#waiters.length === 1 ? this.#waiters[0] : undefined;
    if (sink.claim === undefined || only !== undefined) {
      if (only === undefined || sink.claim?.(only, events) !== "never") this.wakeAll();
      return;
    }
    let enough = false;
    for (const waiter of [...(this.#many ?? this.#waiters)]) {
      const claim = sink.claim(waiter, events);
      if (claim === "never" || (enough && claim !== "always")) continue;
      enough ||= claim === "enough";
      this.remove(waiter);
      this.#wake(waiter);
    }
  }

  remove(waiter: Waiter): void {
    const many = this.#many;
    if (many !== undefined) {
      many.delete(waiter);
      return;
    }
    const index = this.#waiters.indexOf(waiter);
    if (index >= 0) this.#waiters.splice(index, 1);
  }

  #wake(waiter: Waiter): void {
    const { queues } = waiter;
    // Of many queues it leaves the others in its own time, with `leaveQueues`: none of them wakes it again.
    if (queues.length > FEW) queues.splice(queues.indexOf(this), 1);
    else leaveQueues(waiter);
    if (waiter.woken) return;
    waiter.woken = true;
    this.#sink.wake(waiter);
  }
}

/** Take a waiter out of every queue it stands in: it was woken, timed out or killed. */
export function leaveQueues(waiter: Waiter): void {
  for (let queue = waiter.queues.pop(); queue !== undefined; queue = waiter.queues.pop()) queue.remove(waiter);
}
