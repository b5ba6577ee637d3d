/**
 * Layer: kernel. Which parts of a process's linear memory are mapped: what brk(2) and mmap(2) hand out above the program's
 * own data. Plain data; it must not know who maps, nor touch the bytes.
 *
 * Addresses are unsigned; all bounds are multiples of MAP_PAGE. Memory the guest grew by itself is its own and is
 * never handed out. Protections are kept, but linear memory has none: nothing enforces them.
 */
import { PROT_WRITE } from "../abi/mman.ts";
import { MAPPINGS } from "../limits.ts";
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

/** Numbers of one mapping in `state`. */
const MAPPING_NUMBERS = 7;

export function pageUp(bytes: number): number {
  return Math.ceil(bytes / MAP_PAGE) * MAP_PAGE;
}

export class AddressSpace {
  /** By rising address, never overlapping. */
  #mappings: Mapping[] = [];
  /** Those with a view; undefined when they must be looked for. */
  #shared: readonly Mapping[] | undefined = [];
  /** The same by file; undefined when they must be sorted. */
  #views: ReadonlyMap<SharedFile | undefined, readonly Mapping[]> | undefined = undefined;
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

  /** Mappings others see too. */
  get shared(): readonly Mapping[] {
    this.#shared ??= this.#mappings.filter(({ view }) => view !== undefined);
    return this.#shared;
  }

  /** Those of one file. */
  viewsOf(file: SharedFile): readonly Mapping[] {
    this.#views ??= Map.groupBy(this.shared, ({ view }) => view?.file);
    return this.#views.get(file) ?? NONE;
  }

  /** The one of them an address lies in. */
  sharedAt(address: number): Mapping | undefined {
    const { shared } = this;
    let [low, high] = [0, shared.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((shared[middle]?.end ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    const found = shared[low];
    return found !== undefined && found.start <= address ? found : undefined;
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
    if (this.#mappings.length >= MAPPINGS) return undefined;
    let start = this.#base;
    for (const mapping of this.#mappings) {
      if (mapping.start - start >= length) break;
      start = mapping.end;
    }
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
    if (start < this.#base || this.#mappings.length >= MAPPINGS || !this.#allows(memory, start, length, kind))
      return false;
    if (!this.#reach(memory, start + length)) return false;
    this.unmap(start, length);
    return this.#take(memory, start, length, kind);
  }

  /** Whether every byte is mapped, or the program's own. */
  covers(start: number, length: number): boolean {
    let at = Math.max(start, this.#base);
    for (const mapping of this.#mappings) {
      if (mapping.end <= at) continue;
      if (at >= start + length) return true;
      if (mapping.start > at) return false;
      at = mapping.end;
    }
    return at >= start + length;
  }

  /** Whether no byte is mapped or the program's own. */
  isFree(start: number, length: number): boolean {
    if (start < this.#base) return false;
    return !this.#mappings.some((mapping) => mapping.start < start + length && mapping.end > start);
  }

  /** Every mapping that has a byte in the range. */
  within(start: number, length: number): readonly Mapping[] {
    return this.#mappings.filter((mapping) => mapping.start < start + length && mapping.end > start);
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

  unmap(start: number, length: number): void {
    this.#forgetShared();
    this.#cut(start);
    this.#cut(start + length);
    this.#mappings = this.#mappings.filter((mapping) => mapping.end <= start || mapping.start >= start + length);
  }

  protect(start: number, length: number, protection: number): void {
    this.#forgetShared();
    this.#cut(start);
    this.#cut(start + length);
    const inside = (mapping: Mapping): boolean => mapping.start >= start && mapping.end <= start + length;
    const changed = this.#mappings.map((mapping) => (inside(mapping) ? { ...mapping, protection } : mapping));
    this.#mappings = [];
    for (const mapping of changed) this.#append(mapping);
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
      if (!this.isFree(from, to - from) || this.#mappings.length >= MAPPINGS) return this.#breakEnd;
      if (!this.#take(memory, from, to - from, { protection, file: false, view: undefined })) return this.#breakEnd;
    } else if (to < from) this.unmap(to, from - to);
    this.#breakEnd = wanted;
    return wanted;
  }

  /** The same, for a process that is a copy. */
  copy(): AddressSpace {
    const copy = new AddressSpace();
    copy.#mappings = [...this.#mappings];
    copy.#shared = this.#shared;
    copy.#views = this.#views;
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

  /** Take on what `state` told. False where it names a shared file that is not among `files`. */
  restore(state: readonly number[], files: readonly SharedFile[] = []): boolean {
    const [base = 0, known = 0, touched = 0, breakStart = 0, breakEnd = 0] = state;
    this.#base = base;
    this.#known = known;
    this.#touched = touched;
    this.#breakStart = breakStart;
    this.#breakEnd = breakEnd;
    this.#mappings = [];
    this.#forgetShared();
    for (let i = 5; i + MAPPING_NUMBERS <= state.length; i += MAPPING_NUMBERS) {
      const [start = 0, end = 0, protection = 0, file = 0, shared = -1, offset = 0, writable = 0] = state.slice(i);
      const seen = files[shared];
      if (shared >= 0 && seen === undefined) return false;
      const view = seen === undefined ? undefined : { file: seen, offset, writable: writable === 1 };
      this.#mappings.push({ start, end, protection, file: file === 1, view });
    }
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

  #forgetShared(): void {
    this.#shared = undefined;
    this.#views = undefined;
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
    let [all, data] = [this.#base, this.#base];
    for (const mapping of this.#mappings) {
      const covered = Math.max(0, Math.min(mapping.end, end) - Math.max(mapping.start, start));
      const bytes = mapping.end - mapping.start - covered;
      all += bytes;
      if (isData(mapping)) data += bytes;
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
    if (mapping.view !== undefined) this.#forgetShared();
    const index = this.#mappings.findIndex((other) => other.start >= mapping.end);
    const after = index < 0 ? [] : this.#mappings.splice(index);
    this.#append(mapping);
    const [next, ...rest] = after;
    if (next !== undefined) this.#append(next);
    for (const other of rest) this.#mappings.push(other);
  }

  /** At the end of the list, joined with the last where nothing tells them apart. */
  #append(mapping: Mapping): void {
    const last = this.#mappings.at(-1);
    if (last !== undefined && continues(last, mapping)) {
      this.#mappings[this.#mappings.length - 1] = { ...last, end: mapping.end };
    } else this.#mappings.push(mapping);
  }

  #cut(at: number): void {
    const index = this.#mappings.findIndex((mapping) => mapping.start < at && mapping.end > at);
    const mapping = this.#mappings[index];
    if (mapping === undefined) return;
    const { view } = mapping;
    const rest = view === undefined ? undefined : { ...view, offset: view.offset + at - mapping.start };
    this.#mappings.splice(index, 1, { ...mapping, end: at }, { ...mapping, start: at, view: rest });
  }
}

/** Whether nothing but an address lies between two mappings: the same memory goes on, or the same file. */
function continues(before: Mapping, after: Mapping): boolean {
  if (before.end !== after.start || before.protection !== after.protection) return false;
  const { view, start, end } = before;
  if (view === undefined || after.view === undefined) return !before.file && !after.file;
  const { file, offset, writable } = after.view;
  return view.file === file && view.writable === writable && view.offset + end - start === offset;
}
