/**
 * Layer: fs/memfs. Pages by number: a radix tree, so that a guest that writes one byte here and there gets no long arrays
 * and no hash table keyed by numbers it chose. It must not know what pages hold.
 *
 * There are exactly the nodes that the pages need, whatever was set and removed before: who stores nothing is charged nothing,
 * and a snapshot that is read back costs what it cost.
 */

const BITS = 6;
const FAN_OUT = 1 << BITS;
/** Bytes one node of the tree is charged at. */
export const NODE_BYTES = FAN_OUT * 8;
/** Page numbers are below this, so that they stay small integers. */
export const PAGE_NUMBERS = 2 ** 30;

type Slot<Page> = Page | Slot<Page>[] | undefined;

export class PageTree<Page extends { readonly length: number }> {
  /** Page 0 stands outside: a small file has no other, and a node would cost more than its bytes. */
  #first: Page | undefined;
  /** Levels of nodes; a tree of n levels holds page numbers below FAN_OUT^n. */
  #height = 1;
  /** FAN_OUT^height. */
  #capacity = FAN_OUT;
  #root: Slot<Page>[] | undefined;
  #nodes = 0;

  /** Bytes of the tree itself, without the pages. */
  get overhead(): number {
    return this.#nodes * NODE_BYTES;
  }

  /** Bytes the tree itself would grow by, were this page set. */
  growth(number: number): number {
    if (number === 0) return 0;
    const height = heightFor(number);
    if (this.#root === undefined) return height * NODE_BYTES;
    if (height > this.#height) return (height - this.#height + height - 1) * NODE_BYTES;
    let node: Slot<Page>[] = this.#root;
    for (let level = this.#height - 1; level > 0; level--) {
      const next: Slot<Page> = node[(number >>> (level * BITS)) & (FAN_OUT - 1)];
      if (!Array.isArray(next)) return level * NODE_BYTES;
      node = next;
    }
    return 0;
  }

  get(number: number): Page | undefined {
    if (number === 0) return this.#first;
    let node = this.#root;
    if (node === undefined || number >= this.#capacity) return undefined;
    for (let level = this.#height - 1; level > 0; level--) {
      const next: Slot<Page> = node[(number >>> (level * BITS)) & (FAN_OUT - 1)];
      if (!Array.isArray(next)) return undefined;
      node = next;
    }
    const page = node[number & (FAN_OUT - 1)];
    return Array.isArray(page) ? undefined : page;
  }

  set(number: number, page: Page): void {
    if (number === 0) {
      this.#first = page;
      return;
    }
    const height = heightFor(number);
    if (this.#root === undefined) {
      this.#root = this.#newNode();
      this.#height = height;
    }
    while (this.#height < height) {
      const above = this.#newNode();
      above[0] = this.#root;
      this.#root = above;
      this.#height++;
    }
    this.#capacity = FAN_OUT ** this.#height;
    let node: Slot<Page>[] = this.#root;
    for (let level = this.#height - 1; level > 0; level--) {
      const at = (number >>> (level * BITS)) & (FAN_OUT - 1);
      let next: Slot<Page> = node[at];
      if (!Array.isArray(next)) {
        next = this.#newNode();
        node[at] = next;
      }
      node = next;
    }
    node[number & (FAN_OUT - 1)] = page;
  }

  /** The number of the first page at or after one; -1 if there is none. */
  next(from: number): number {
    if (from === 0 && this.#first !== undefined) return 0;
    const root = this.#root;
    if (root === undefined || from >= this.#capacity) return -1;
    // Where to go on in each level of nodes; as deep as the tree: five at most.
    const stack = [{ node: root, base: 0, level: this.#height - 1, at: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const span = FAN_OUT ** top.level;
      top.at = Math.max(top.at, Math.floor((from - top.base) / span));
      if (top.at >= FAN_OUT) {
        stack.pop();
        continue;
      }
      const slot = top.node[top.at];
      const number = top.base + top.at * span;
      top.at++;
      if (Array.isArray(slot)) stack.push({ node: slot, base: number, level: top.level - 1, at: 0 });
      else if (slot !== undefined) return number;
    }
    return -1;
  }

  /** Forget one page. Answers its bytes. */
  remove(number: number): number {
    const page = this.get(number);
    if (page === undefined) return 0;
    if (number === 0) this.#first = undefined;
    else {
      const way = this.#wayTo(number);
      const leaf = way[this.#height - 1];
      if (leaf !== undefined) leaf[number & (FAN_OUT - 1)] = undefined;
      this.#prune(number, way);
    }
    return page.length;
  }

  /** Every page and its number, in order. */
  *pages(): Generator<readonly [number, Page]> {
    if (this.#first !== undefined) yield [0, this.#first];
    if (this.#root === undefined) return;
    // As deep as the tree: five at most.
    const stack = [{ node: this.#root, base: 0, level: this.#height - 1, at: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.at === FAN_OUT) {
        stack.pop();
        continue;
      }
      const slot = top.node[top.at];
      const number = top.base + top.at * FAN_OUT ** top.level;
      top.at++;
      if (Array.isArray(slot)) stack.push({ node: slot, base: number, level: top.level - 1, at: 0 });
      else if (slot !== undefined) yield [number, slot];
    }
  }

  /** Forget all pages from this number on. Answers the bytes of the pages dropped. */
  truncate(from: number): number {
    const root = this.#root;
    if (from <= 1) {
      const first = from === 0 ? (this.#first?.length ?? 0) : 0;
      if (from === 0) this.#first = undefined;
      this.#root = undefined;
      return first + this.#drop(root);
    }
    if (root === undefined || from >= this.#capacity) return 0;
    const way = this.#wayTo(from);
    let dropped = 0;
    way.forEach((node, depth) => {
      const level = this.#height - 1 - depth;
      const at = (from >>> (level * BITS)) & (FAN_OUT - 1);
      for (let i = level === 0 ? at : at + 1; i < FAN_OUT; i++) {
        const slot = node[i];
        if (slot === undefined) continue;
        dropped += this.#drop(slot);
        node[i] = undefined;
      }
    });
    this.#prune(from, way);
    return dropped;
  }

  /** The nodes on the way to a page below the capacity, the root first, as far as there are any. */
  #wayTo(number: number): Slot<Page>[][] {
    const way: Slot<Page>[][] = [];
    let slot: Slot<Page> = this.#root;
    for (let level = this.#height - 1; Array.isArray(slot); level--) {
      way.push(slot);
      slot = slot[(number >>> (level * BITS)) & (FAN_OUT - 1)];
    }
    return way;
  }

  /** Something was taken out on the way to a page: so go the nodes that hold nothing any more, and levels nobody needs. */
  #prune(number: number, way: readonly Slot<Page>[][]): void {
    for (let depth = way.length - 1; depth >= 0 && way[depth]?.every((slot) => slot === undefined); depth--) {
      this.#nodes--;
      const above = way[depth - 1];
      if (above === undefined) this.#root = undefined;
      else above[(number >>> ((this.#height - depth) * BITS)) & (FAN_OUT - 1)] = undefined;
    }
    for (let root = this.#root; root !== undefined && this.#height > 1; root = this.#root) {
      const below = root[0];
      if (!Array.isArray(below) || root.some((slot, at) => at > 0 && slot !== undefined)) return;
      this.#root = below;
      this.#height--;
      this.#capacity /= FAN_OUT;
      this.#nodes--;
    }
  }

  /** Uncount the nodes under a slot taken out. Answers the bytes of its pages. */
  #drop(slot: Slot<Page>): number {
    let bytes = 0;
    const rest: Slot<Page>[] = [slot];
    for (let top = rest.pop(); top !== undefined; top = rest.pop()) {
      if (!Array.isArray(top)) {
        bytes += top.length;
        continue;
      }
      this.#nodes--;
      for (const child of top) if (child !== undefined) rest.push(child);
    }
    return bytes;
  }

  #newNode(): Slot<Page>[] {
    this.#nodes++;
    return new Array<Slot<Page>>(FAN_OUT).fill(undefined);
  }
}

function heightFor(number: number): number {
  let height = 1;
  while (number >= FAN_OUT ** height) height++;
  return height;
}
