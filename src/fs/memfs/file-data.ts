/**
 * Layer: fs/memfs. The bytes of one file: pages of up to 64 KiB, absent where a hole is. It must not know of inodes,
 * times and names.
 *
 * A page holds as many bytes as were needed so far (small files stay small); what lies behind is zero. Bytes of a page
 * beyond the file's size are zero as well, so that growing a file needs no clearing.
 */
import { EFBIG, ENOSPC, ENXIO } from "../../abi/errno.ts";
import type { Budget } from "./budget.ts";
import { Page } from "./page.ts";
import { PAGE_NUMBERS, PageTree } from "./page-tree.ts";

const PAGE_SHIFT = 16;
const PAGE_BYTES = 1 << PAGE_SHIFT;
/** Pages hold a multiple of this; it is also what st_blocks counts. */
const BLOCK_BYTES = 512;
/** Bytes a file may have: 64 TiB. EFBIG beyond. Positions are then exact as doubles and page numbers are small integers. */
export const FILE_BYTES = PAGE_NUMBERS * PAGE_BYTES;

export class FileData {
  readonly #budget: Budget;
  readonly #pages = new PageTree<Page>();
  #size = 0;
  /** Bytes of all pages. */
  #stored = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#size;
  }

  /** In units of 512 bytes, holes not counted. */
  get blocks(): number {
    return this.#stored / BLOCK_BYTES;
  }

  /** The pages present, for a snapshot. */
  *pages(): Generator<readonly [number, Uint8Array]> {
    for (const [number, { bytes }] of this.#pages.pages()) yield [number, bytes];
  }

  read(position: number, into: Uint8Array, at: number, length: number): number {
    const left = this.#size - position;
    if (left <= 0) return 0;
    const total = Math.min(length, left);
    let number = pageOf(position);
    let offset = (position - number * PAGE_BYTES) | 0;
    for (let done = 0; done < total; number++, offset = 0) {
      const count = Math.min(total - done, PAGE_BYTES - offset);
      const page = this.#pages.get(number);
      if (page === undefined) into.fill(0, at + done, at + done + count);
      else page.read(offset, into, at + done, count);
      done += count;
    }
    return total;
  }

  /** Bytes written, fewer when the budget ends; -ENOSPC if none could be; -EFBIG from FILE_BYTES on. */
  write(position: number, from: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    if (position >= FILE_BYTES) return -EFBIG;
    const total = Math.min(length, FILE_BYTES - position);
    let number = pageOf(position);
    let offset = (position - number * PAGE_BYTES) | 0;
    let done = 0;
    while (done < total) {
      let count = Math.min(total - done, PAGE_BYTES - offset);
      const page = this.#pageFor(number, offset + count, offset + 1);
      if (page === undefined) break;
      if (page.length < offset + count) count = page.length - offset;
      if (count <= 0) break;
      page.write(offset, from, at + done, count);
      done += count;
      offset += count;
      if (offset === PAGE_BYTES) {
        number++;
        offset = 0;
      }
    }
    if (done === 0) return -ENOSPC;
    if (position + done > this.#size) this.#size = position + done;
    return done;
  }

  /** 0, or -EFBIG. Growing stores nothing. */
  truncate(size: number): number {
    if (size > FILE_BYTES) return -EFBIG;
    // What was stored beyond the end goes with the last byte.
    if (size < this.#size || size === 0) {
      const number = Math.floor(size / PAGE_BYTES);
      const offset = size - number * PAGE_BYTES;
      const overhead = this.#pages.overhead;
      const dropped = this.#pages.truncate(offset === 0 ? number : number + 1);
      this.#stored -= dropped;
      this.#budget.refundBytes(dropped + overhead - this.#pages.overhead);
      if (offset !== 0) this.#pages.get(number)?.bytes.fill(0, offset);
    }
    this.#size = size;
    return 0;
  }

  /** Give back what [offset, offset + length) stores: it reads as zeros from now on. */
  punch(offset: number, length: number): void {
    const end = Math.min(offset + length, FILE_BYTES);
    const first = Math.floor(offset / PAGE_BYTES);
    for (let number = this.#pages.next(first); number >= 0; number = this.#pages.next(number + 1)) {
      const base = number * PAGE_BYTES;
      if (base >= end) return;
      const from = Math.max(0, offset - base);
      const to = Math.min(PAGE_BYTES, end - base);
      const page = this.#pages.get(number);
      if (from > 0 || (page !== undefined && to < page.length)) page?.bytes.fill(0, from, to);
      else {
        const overhead = this.#pages.overhead;
        const dropped = this.#pages.remove(number);
        this.#stored -= dropped;
        this.#budget.refundBytes(dropped + overhead - this.#pages.overhead);
      }
    }
  }

  /** Where data, or a hole, begins at or after an offset below the size; -ENXIO when there is no more data. */
  seekContent(offset: number, hole: boolean): number {
    let at = offset;
    for (let number = Math.floor(offset / PAGE_BYTES); ; ) {
      const next = this.#pages.next(number);
      const start = next * PAGE_BYTES;
      if (next < 0 || start >= this.#size) return hole ? Math.min(at, this.#size) : -ENXIO;
      const end = start + (this.#pages.get(next)?.length ?? 0);
      if (!hole && end > at) return Math.max(at, start);
      if (hole && start > at) return at;
      at = Math.max(at, end);
      number = next + 1;
    }
  }

  /** Store [offset, offset + length) so that writing there cannot end with -ENOSPC. 0, -ENOSPC or -EFBIG. */
  allocate(offset: number, length: number, keepSize = false): number {
    const end = offset + length;
    if (end > FILE_BYTES) return -EFBIG;
    // Refuse before anything is taken: what a page misses at most is a page.
    const last = Math.ceil(end / PAGE_BYTES);
    let missing = 0;
    for (let number = Math.floor(offset / PAGE_BYTES); number < last; number++) {
      const needed = roundUp(Math.min(PAGE_BYTES, end - number * PAGE_BYTES));
      missing += Math.max(0, needed - (this.#pages.get(number)?.length ?? 0));
      if (missing > this.#budget.bytesFree) return -ENOSPC;
    }
    for (let number = Math.floor(offset / PAGE_BYTES); number < last; number++) {
      const needed = Math.min(PAGE_BYTES, end - number * PAGE_BYTES);
      if ((this.#pageFor(number, needed, needed)?.length ?? 0) < needed) return -ENOSPC;
    }
    if (end > this.#size && !keepSize) this.#size = end;
    return 0;
  }

  /** Put a page of a snapshot back, after the size. False where it cannot be: no budget, no such page, no such length. */
  restorePage(number: number, bytes: Uint8Array): boolean {
    if (!(Number.isInteger(number) && number >= 0 && number < PAGE_NUMBERS)) return false;
    if (bytes.length === 0 || bytes.length > PAGE_BYTES || bytes.length % BLOCK_BYTES !== 0) return false;
    if (this.#pages.get(number) !== undefined) return false;
    if (!this.#budget.chargeBytes(bytes.length + this.#pages.growth(number))) return false;
    const page = bytes.slice();
    const inside = this.#size - number * PAGE_BYTES;
    if (inside < page.length) page.fill(0, Math.max(0, inside));
    this.#pages.set(number, new Page(page));
    this.#stored += page.length;
    return true;
  }

  /** A page of `needed` bytes. Where the budget ends: one of `least` bytes or more, or what was there before. */
  #pageFor(number: number, needed: number, least: number): Page | undefined {
    const old = this.#pages.get(number);
    const held = old === undefined ? 0 : old.length;
    if (old !== undefined && held >= needed) return old;
    const treeBytes = old === undefined ? this.#pages.growth(number) : 0;
    // The page after a full one will be filled too: writing on and on must not copy each page again and again.
    const follows = held === 0 && number > 0 && this.#pages.get(number - 1)?.length === PAGE_BYTES;
    let size = follows ? PAGE_BYTES : roundUp(Math.min(PAGE_BYTES, Math.max(needed, held * 2)));
    if (!this.#budget.chargeBytes(size - held + treeBytes)) {
      const affordable = held + this.#budget.bytesFree - treeBytes;
      size = Math.min(roundUp(needed), affordable - (affordable % BLOCK_BYTES));
      if (size < least || size <= held) return old;
      this.#budget.chargeBytes(size - held + treeBytes);
    }
    const page = new Page(new Uint8Array(size));
    if (old !== undefined) page.bytes.set(old.bytes);
    this.#pages.set(number, page);
    this.#stored += size - held;
    return page;
  }
}

/** The number of the page a position is in. Most are small, and a shift takes less than a division and its rounding. */
function pageOf(position: number): number {
  return position <= 0x7fff_ffff ? position >> PAGE_SHIFT : Math.floor(position / PAGE_BYTES);
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
