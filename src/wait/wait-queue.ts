/**
 * Layer: wait. Who waits for an object to become ready. A queue holds data (waiters), never closures or promises, so
 * that kernel state can be written out. It must not know what a waiter is waiting to do.
 */

/** One parked call. `queues` are all queues it stands in; `woken` is set once, by the first wake. */
export interface Waiter {
  woken: boolean;
  readonly queues: WaitQueue[];
}

/** Receives each waiter exactly once when it is woken. The kernel's ready list is the only one in production. */
export interface WakeSink {
  wake(waiter: Waiter): void;
}

export class WaitQueue {
  readonly #sink: WakeSink;
  /** In the order they came. An array, because nearly every queue has one waiter or none. */
  #waiters: Waiter[] = [];

  constructor(sink: WakeSink) {
    this.#sink = sink;
  }

  get size(): number {
    return this.#waiters.length;
  }

  add(waiter: Waiter): void {
    const { queues } = waiter;
    const here = queues.length < this.#waiters.length ? queues.includes(this) : this.#waiters.includes(waiter);
    if (here) return;
    this.#waiters.push(waiter);
    queues.push(this);
  }

  /** Wake every waiter: each takes itself out of all its queues and reaches the sink once. */
  wakeAll(): void {
    if (this.#waiters.length <= 1) {
      const only = this.#waiters.pop();
      if (only !== undefined) this.#wake(only);
      return;
    }
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) this.#wake(waiter);
  }

  remove(waiter: Waiter): void {
    const index = this.#waiters.indexOf(waiter);
    if (index >= 0) this.#waiters.splice(index, 1);
  }

  #wake(waiter: Waiter): void {
    leaveQueues(waiter);
    if (waiter.woken) return;
    waiter.woken = true;
    this.#sink.wake(waiter);
  }
}

/** Take a waiter out of every queue it stands in: it was woken, timed out or killed. */
export function leaveQueues(waiter: Waiter): void {
  for (let queue = waiter.queues.pop(); queue !== undefined; queue = waiter.queues.pop()) queue.remove(waiter);
}
