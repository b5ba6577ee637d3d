/**
 * Layer: kernel. Which parts of a process's linear memory are mapped: what brk(2) and mmap(2) hand out above the program's
 * own data. Plain data; it must not know who maps, nor touch the bytes.
 *
 * Addresses are unsigned; all bounds are multiples of MAP_PAGE. Memory the guest grew by itself is its own and is
 * never handed out. Protections are kept, but linear memory has none: nothing enforces them.
 */
import { PROT_WRITE } from "../abi/mman.ts";
import { MAPPINGS, SHARED_MAPPINGS } from "../limits.ts";
import type { SharedFile } from "./shared-memory.ts";

/** Bytes of a page, as Linux's on x86-64: mappings begin and end at multiples. */
export const MAP_PAGE = 4096;

/** [start, end) is mapped. */
export interface Mapping {
  readonly start: number;
  readonly end: number;
  /** PROT_ bits. */
  readonly protection: number;
  /** Whether it was filled from a file. */
  readonly file: boolean;
  /** What it shows to others too; undefined for memory of the process's own. */
  readonly view: View | undefined;
}

type Kind = Omit<Mapping, "start" | "end">;

/** is_data_mapping() of Linux. */
function isData({ protection, view }: Kind): boolean {
  return view === undefined && (protection & PROT_WRITE) !== 0;
}

/** A part of a file that processes see together. */
export interface View {
  readonly file: SharedFile;
  /** Where in the file the mapping's first byte stands. */
  readonly offset: number;
  /** Whether it may ever be written: the descriptor it was mapped from could be. */
  readonly writable: boolean;
}

/** How many bytes may be mapped, the program's own with them: in all, and of data, which is what others do not share and may be written. */
export interface MemoryRoom {
  readonly all: number;
  readonly data: number;
}

/** What an address space asks of the memory it divides. */
export interface GrowingMemory {
  readonly byteLength: number;
  /** Bytes the program declared; what it was given above that is zero, and free to be mapped. */
  readonly declared: number;
  /** Bytes it was given when it began. */
  readonly given: number;
  readonly room: MemoryRoom;
  /** At least so many bytes from now on; false if they cannot be had. */
  grow(bytes: number): boolean;
}

const NONE: readonly Mapping[] = [];

/** Numbers in `state`: before the mappings, and of one of them. */
const BOUNDS = 5;
const MAPPING_NUMBERS = 7;

export function pageUp(bytes: number): number {
  return Math.ceil(bytes / MAP_PAGE) * MAP_PAGE;
}

export class AddressSpace {
  /** By rising address, never overlapping. */
  readonly #mappings: Mapping[] = [];
  /** Those with a view, by its file, in the same order. Only `#replace` changes either. */
  readonly #views = new Map<SharedFile, Mapping[]>();
  #viewCount = 0;
  /** Bytes of all mappings, and of those that are data. */
  #bytes = 0;
  #dataBytes = 0;
  /** Below this address no hole is longer than `#longestHole`: where a search for a longer one begins. */
  #holesFrom = 0;
  #longestHole = 0;
  /** Where mapping begins: the end of what the program declared; 0 before the process first asked. */
  #base = 0;
  /** The memory's size as this space left it. */
  #known = 0;
  /** Above this nothing was ever handed out: it is zero. */
  #touched = 0;
  #breakStart = 0;
  #breakEnd = 0;

  /** What brk(2) gave out: [breakStart, breakEnd). */
  get breakStart(): number {
    return this.#breakStart;
  }

  get breakEnd(): number {
    return this.#breakEnd;
  }

  get mappings(): readonly Mapping[] {
    return this.#mappings;
  }

  /** The files whose mappings others see too. */
  sharedFiles(): Iterable<SharedFile> {
    return this.#views.keys();
  }

  /** The mappings of one of them. */
  viewsOf(file: SharedFile): readonly Mapping[] {
    return this.#views.get(file) ?? NONE;
  }

  /** The mapping others see too that an address lies in. */
  sharedAt(address: number): Mapping | undefined {
    const found = this.#mappings[after(this.#mappings, address)];
    return found?.view !== undefined && found.start <= address ? found : undefined;
  }

  /** Whether [start, end) holds bytes somebody may have written since the memory was new. */
  isUsed(start: number): boolean {
    return start < this.#touched;
  }

  /** Map `length` bytes wherever they fit, growing the memory if need be. The address, or undefined without room. */
  place(
    memory: GrowingMemory,
    length: number,
    protection: number,
    file: boolean,
    view?: View | undefined,
  ): number | undefined {
    this.#begin(memory);
    if (!this.#mayHold(view)) return undefined;
    const start = this.#hole(length);
    return this.#take(memory, start, length, { protection, file, view }) ? start : undefined;
  }

  /** Map exactly here, over whatever is mapped. False without room, or where the program's own data is. */
  placeAt(
    memory: GrowingMemory,
    start: number,
    length: number,
    protection: number,
    file: boolean,
    view?: View | undefined,
  ): boolean {
    this.#begin(memory);
    const kind = { protection, file, view };
    if (start < this.#base || !this.#mayHold(view) || !this.#allows(memory, start, length, kind)) return false;
    if (!this.#reach(memory, start + length)) return false;
    this.unmap(start, length);
    return this.#take(memory, start, length, kind);
  }

  /** Whether every byte is mapped, or the program's own. */
  covers(start: number, length: number): boolean {
    let at = Math.max(start, this.#base);
    for (const mapping of this.within(at, start + length - at)) {
      if (mapping.start > at) return false;
      at = mapping.end;
    }
    return at >= start + length;
  }

  /** Whether no byte is mapped or the program's own. */
  isFree(start: number, length: number): boolean {
    if (start < this.#base) return false;
    const next = this.#mappings[after(this.#mappings, start)];
    return next === undefined || next.start >= start + length;
  }

  /** Every mapping that has a byte in the range. */
  within(start: number, length: number): readonly Mapping[] {
    return this.#mappings.slice(...this.#range(start, length));
  }

  /** Whether there is room for what stands here as data: mprotect(2) makes it so. */
  allowsWriting(memory: GrowingMemory, start: number, length: number): boolean {
    if (memory.room.data === Infinity) return true;
    let more = 0;
    for (const mapping of this.within(start, length)) {
      const bytes = Math.min(mapping.end, start + length) - Math.max(mapping.start, start);
      if (mapping.view === undefined && !isData(mapping)) more += bytes;
    }
    return more === 0 || this.#mapped(0, 0).data + more <= memory.room.data;
  }

  /** Whether `unmap` leaves no more mappings than there may be: a hole in one makes it two. */
  mayUnmap(start: number, length: number): boolean {
    const [before, behind] = this.#parted(start, length);
    return before === undefined || before !== behind || this.#mayHold(before.view);
  }

  unmap(start: number, length: number): void {
    this.#cut(start);
    this.#cut(start + length);
    const [first, last] = this.#range(start, length);
    this.#replace(first, last - first, []);
    // The hole may reach beyond what was unmapped.
    this.#holesFrom = Math.min(this.#holesFrom, this.#mappings[first - 1]?.end ?? this.#base);
  }

  /** The same of `protect`, which parts the mapping at either end. */
  mayProtect(start: number, length: number): boolean {
    const parted = this.#parted(start, length);
    return parted.every(({ view }) => this.#mayHold(view, parted.length));
  }

  protect(start: number, length: number, protection: number): void {
    this.#cut(start);
    this.#cut(start + length);
    const [first, last] = this.#range(start, length);
    const changed = this.#mappings.slice(first, last).map((mapping) => ({ ...mapping, protection }));
    this.#put(first, last, changed);
  }

  /** The program break; moved to `wanted` if that can be had. `wanted` 0 only asks. */
  moveBreak(memory: GrowingMemory, wanted: number, protection: number): number {
    this.#begin(memory);
    if (this.#breakStart === 0) {
      this.#breakStart = Math.max(this.#base, this.#mappings.at(-1)?.end ?? 0);
      this.#breakEnd = this.#breakStart;
    }
    if (wanted < this.#breakStart) return this.#breakEnd;
    const from = pageUp(this.#breakEnd);
    const to = pageUp(wanted);
    if (to > from) {
      if (!this.isFree(from, to - from) || !this.#mayHold(undefined)) return this.#breakEnd;
      if (!this.#take(memory, from, to - from, { protection, file: false, view: undefined })) return this.#breakEnd;
    } else if (to < from) this.unmap(to, from - to);
    this.#breakEnd = wanted;
    return wanted;
  }

  /** The same, for a process that is a copy. */
  copy(): AddressSpace {
    const copy = new AddressSpace();
    copy.#replace(0, 0, this.#mappings);
    copy.#base = this.#base;
    copy.#known = this.#known;
    copy.#touched = this.#touched;
    copy.#breakStart = this.#breakStart;
    copy.#breakEnd = this.#breakEnd;
    return copy;
  }

  /** Everything, as plain numbers, for a snapshot; shared files by theirs. */
  state(numberOf: (file: SharedFile) => number = () => -1): readonly number[] {
    const flat = this.#mappings.flatMap(({ start, end, protection, file, view }) => [
      start,
      end,
      protection,
      file ? 1 : 0,
      ...(view === undefined ? [-1, 0, 0] : [numberOf(view.file), view.offset, view.writable ? 1 : 0]),
    ]);
    return [this.#base, this.#known, this.#touched, this.#breakStart, this.#breakEnd, ...flat];
  }

  /** Take on what `state` told. False where that cannot be, or names a shared file that is not among `files`. */
  restore(state: readonly number[], files: readonly SharedFile[] = []): boolean {
    const [base = 0, known = 0, touched = 0, breakStart = 0, breakEnd = 0] = state;
    const count = (state.length - BOUNDS) / MAPPING_NUMBERS;
    if (!state.every(Number.isSafeInteger) || !Number.isInteger(count) || count < 0) return false;
    this.#base = base;
    this.#known = known;
    this.#touched = touched;
    this.#breakStart = breakStart;
    this.#breakEnd = breakEnd;
    const mappings: Mapping[] = [];
    for (let i = BOUNDS; i < state.length; i += MAPPING_NUMBERS) {
      const numbers = state.slice(i, i + MAPPING_NUMBERS);
      const [start = 0, end = 0, protection = 0, file = 0, shared = -1, offset = 0, writable = 0] = numbers;
      if (start >= end || start < (mappings.at(-1)?.end ?? 0)) return false;
      const seen = files[shared];
      if (shared >= 0 && seen === undefined) return false;
      const view = seen === undefined ? undefined : { file: seen, offset, writable: writable === 1 };
      mappings.push({ start, end, protection, file: file === 1, view });
    }
    this.#replace(0, this.#mappings.length, mappings);
    this.#holesFrom = 0;
    return true;
  }

  /** Notice what the guest grew by itself. */
  #begin(memory: GrowingMemory): void {
    const size = memory.byteLength;
    if (this.#base === 0) {
      this.#base = pageUp(memory.declared);
      this.#known = memory.given;
      this.#touched = this.#base;
    }
    if (size > this.#known) {
      this.#insert({ start: this.#known, end: size, protection: 3, file: true, view: undefined });
      this.#touched = Math.max(this.#touched, size);
      this.#known = size;
    }
  }

  /** Whether there may be so many more mappings. */
  #mayHold(view: View | undefined, more = 1): boolean {
    return (
      this.#mappings.length + more <= MAPPINGS && (view === undefined || this.#viewCount + more <= SHARED_MAPPINGS)
    );
  }

  /** The mappings that go on across a range's first and its last byte's end. */
  #parted(start: number, length: number): readonly Mapping[] {
    return [start, start + length].flatMap((at) => {
      const mapping = this.#mappings[after(this.#mappings, at)];
      return mapping !== undefined && mapping.start < at ? mapping : [];
    });
  }

  /** Where the first hole of this length begins; behind everything, if there is none before. */
  #hole(length: number): number {
    const known = length > this.#longestHole ? this.#holesFrom : this.#base;
    let start = Math.max(known, this.#base);
    let longest = start === this.#base ? 0 : this.#longestHole;
    for (let i = after(this.#mappings, start - 1); i < this.#mappings.length; i++) {
      const mapping = this.#mappings[i];
      if (mapping === undefined) break;
      const hole = mapping.start - start;
      if (hole >= length) break;
      longest = Math.max(longest, hole);
      start = Math.max(start, mapping.end);
    }
    this.#holesFrom = start;
    this.#longestHole = longest;
    return start;
  }

  /** First and last, exclusive, of the mappings that have a byte in the range. */
  #range(start: number, length: number): [number, number] {
    const first = after(this.#mappings, start);
    let last = after(this.#mappings, start + length);
    if ((this.#mappings[last]?.start ?? Infinity) < start + length) last += 1;
    return [first, length > 0 ? last : first];
  }

  #reach(memory: GrowingMemory, end: number): boolean {
    if (end > memory.byteLength && !memory.grow(end)) return false;
    this.#known = memory.byteLength;
    return true;
  }

  /** Whether there is room for a mapping here, over whatever is. */
  #allows({ room }: GrowingMemory, start: number, length: number, kind: Kind): boolean {
    if (room.all === Infinity && room.data === Infinity) return true;
    const { all, data } = this.#mapped(start, start + length);
    return all + length <= room.all && (!isData(kind) || data + length <= room.data);
  }

  /** Bytes that are mapped or the program's own, but for those from `start` to `end`. */
  #mapped(start: number, end: number): MemoryRoom {
    let [all, data] = [this.#base + this.#bytes, this.#base + this.#dataBytes];
    for (const mapping of this.within(start, end - start)) {
      const covered = Math.min(mapping.end, end) - Math.max(mapping.start, start);
      all -= covered;
      if (isData(mapping)) data -= covered;
    }
    return { all, data };
  }

  #take(memory: GrowingMemory, start: number, length: number, kind: Kind): boolean {
    const end = start + length;
    if (!this.#allows(memory, start, length, kind) || !this.#reach(memory, end)) return false;
    this.#insert({ start, end, ...kind });
    return true;
  }

  /** After this, everything below `end` counts as used. */
  markUsed(end: number): void {
    this.#touched = Math.max(this.#touched, end);
  }

  #insert(mapping: Mapping): void {
    const index = after(this.#mappings, mapping.start);
    this.#put(index, index, [mapping]);
  }

  /** Let these stand for the mappings from `first` to `last`, joined with their neighbours where nothing tells them apart. */
  #put(first: number, last: number, mappings: readonly Mapping[]): void {
    const [before, next] = [this.#mappings[first - 1], this.#mappings[last]];
    const joined: Mapping[] = before === undefined ? [] : [before];
    for (const mapping of next === undefined ? mappings : [...mappings, next]) {
      const end = joined.at(-1);
      if (end !== undefined && continues(end, mapping)) joined[joined.length - 1] = { ...end, end: mapping.end };
      else joined.push(mapping);
    }
    const from = before === undefined ? first : first - 1;
    this.#replace(from, (next === undefined ? last : last + 1) - from, joined);
  }

  #cut(at: number): void {
    const index = after(this.#mappings, at);
    const mapping = this.#mappings[index];
    if (mapping === undefined || mapping.start >= at) return;
    const { view } = mapping;
    const rest = view === undefined ? undefined : { ...view, offset: view.offset + at - mapping.start };
    this.#replace(index, 1, [
      { ...mapping, end: at },
      { ...mapping, start: at, view: rest },
    ]);
  }

  /** Take `count` mappings out of the list, and put others there. */
  #replace(first: number, count: number, mappings: readonly Mapping[]): void {
    const list = this.#mappings;
    for (const mapping of list.slice(first, first + count)) this.#count(mapping, -1);
    mappings.forEach((mapping, i) => {
      if (i < count) list[first + i] = mapping;
      else list.splice(first + i, 0, mapping);
      this.#count(mapping, 1);
    });
    if (count > mappings.length) list.splice(first + mappings.length, count - mappings.length);
  }

  #count(mapping: Mapping, sign: 1 | -1): void {
    const bytes = sign * (mapping.end - mapping.start);
    this.#bytes += bytes;
    if (isData(mapping)) this.#dataBytes += bytes;
    const file = mapping.view?.file;
    if (file === undefined) return;
    this.#viewCount += sign;
    const views = this.#views.get(file) ?? [];
    const index = after(views, mapping.start);
    if (sign > 0) views.splice(index, 0, mapping);
    else views.splice(index, 1);
    if (views.length > 0) this.#views.set(file, views);
    else this.#views.delete(file);
  }
}

/** Index of the first of these mappings that ends after an address. */
function after(mappings: readonly Mapping[], address: number): number {
  let [low, high] = [0, mappings.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((mappings[middle]?.end ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether nothing but an address lies between two mappings: the same memory goes on, or the same file. */
function continues(before: Mapping, after: Mapping): boolean {
  if (before.end !== after.start || before.protection !== after.protection) return false;
  const { view, start, end } = before;
  if (view === undefined || after.view === undefined) return !before.file && !after.file;
  const { file, offset, writable } = after.view;
  return view.file === file && view.writable === writable && view.offset + end - start === offset;
}
