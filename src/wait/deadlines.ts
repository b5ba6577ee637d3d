/**
 * Layer: wait. A heap of deadlines: whose time comes first. Entries know their own place, so one that is no longer
 * wanted leaves at once and a guest cannot pile up stale ones. It must not know what happens at a deadline.
 */

/** One entry. `deadlineNs` is monotonic time; `heapIndex` belongs to the heap, -1 outside of it. */
export interface Timed {
  readonly deadlineNs: number;
  heapIndex: number;
}

export class Deadlines<T extends Timed> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The entry with the earliest deadline. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  add(entry: T): void {
    if (entry.heapIndex >= 0) return;
    this.#heap.push(entry);
    this.#rise(entry, this.#heap.length - 1);
  }

  remove(entry: T): void {
    const index = entry.heapIndex;
    if (index < 0) return;
    entry.heapIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#rise(last, index);
    this.#sink(last, last.heapIndex);
  }

  #rise(entry: T, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const other = this.#heap[above];
      if (other === undefined || other.deadlineNs <= entry.deadlineNs) break;
      this.#put(other, index);
      index = above;
    }
    this.#put(entry, index);
  }

  #sink(entry: T, from: number): void {
    let index = from;
    for (;;) {
      let below = index * 2 + 1;
      let other = this.#heap[below];
      const right = this.#heap[below + 1];
      if (right !== undefined && other !== undefined && right.deadlineNs < other.deadlineNs) {
        below += 1;
        other = right;
      }
      if (other === undefined || other.deadlineNs >= entry.deadlineNs) break;
      this.#put(other, index);
      index = below;
    }
    this.#put(entry, index);
  }

  #put(entry: T, index: number): void {
    this.#heap[index] = entry;
    entry.heapIndex = index;
  }
}
