/**
 * Layer: kernel, operations. A process's own memory: brk(2), mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2). It must
 * not know encodings, nor how memory grows.
 *
 * Deviations: a private mapping of a file is a copy made when it is mapped; linear memory has no protection, so what a process
 * does to its own memory is never refused, but what it writes where it may not never reaches anybody else.
 */
import {
  EACCES,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
} from "../../abi/errno.ts";
import { O_PATH } from "../../abi/fcntl.ts";
import * as mman from "../../abi/mman.ts";
import { S_IFCHR, S_IFREG } from "../../abi/stat.ts";
import type { GuestMemory } from "../../mem/guest-memory.ts";
import { emptyStat } from "../../vfs/contracts.ts";
import { type GrowingMemory, MAP_PAGE, type Mapping, pageUp, type View } from "../address-space.ts";
import { attemptFill } from "../continuation.ts";
import { GONE, type Outcome, type Program } from "../contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import { type Fill, type PendingFill, parked } from "../pending.ts";
import type { Process, Thread } from "../process.ts";
import { memoryRoom } from "../resource-limits.ts";
import { isSealed } from "../seals.ts";
import { keepsInMemory, type SharedFile } from "../shared-file.ts";

const READ_WRITE = mman.PROT_READ | mman.PROT_WRITE;
const PROTECTIONS = READ_WRITE | mman.PROT_EXEC;
/** Advice programs rely on where it is granted (MADV_REMOVE, _WIPEONFORK and its undoing, _DONTFORK). */
const REFUSED_ADVICE: ReadonlySet<number> = new Set([9, 10, 18, 19]);
/** Device number of /dev/zero: major 1, minor 5 (Documentation/admin-guide/devices.txt). */
const ZERO_RDEV = (1 << 8) | 5;
/** Addresses of wasm32 end here. */
const ADDRESSES = 2 ** 32;

/** brk(2) as the kernel has it: the break, moved if that was possible. */
export function moveBreak(thread: Thread, wanted: number): Outcome {
  const { process } = thread;
  const before = process.space.moveBreak(memoryOf(process), 0, READ_WRITE);
  const after = process.space.moveBreak(memoryOf(process), wanted, READ_WRITE);
  return after > before ? fill(thread, blank(before, after - before), after) : after;
}

export interface MapRequest {
  /** Taken as it is with MAP_FIXED, else a hint that is not followed. */
  readonly address: number;
  readonly length: number;
  readonly protection: number;
  readonly flags: number;
  readonly fd: number;
  /** Bytes into the file; a multiple of the page. */
  readonly offset: number;
}

/**
 * mmap(2): the address; BLOCKED first while much is to be filled. -EINVAL, -EBADF, -EACCES, -ENODEV (no regular file), -ENOMEM,
 * -EEXIST (MAP_FIXED_NOREPLACE), -EOVERFLOW, -EOPNOTSUPP (flags nobody knows, MAP_SHARED_VALIDATE), -EPERM (sealed against writing).
 */
export function map(thread: Thread, request: MapRequest): Outcome {
  const { process } = thread;
  const { address, flags, protection } = request;
  const type = flags & mman.MAP_TYPE;
  let anonymous = (flags & mman.MAP_ANONYMOUS) !== 0;
  if (!anonymous && !(request.offset >= 0 && request.offset % MAP_PAGE === 0)) return -EINVAL;
  if (!anonymous && !isOpen(process.descriptors.get(request.fd)?.description)) return -EBADF;
  const validated = type === mman.MAP_SHARED_VALIDATE && !anonymous;
  if (request.length === 0 || (type !== mman.MAP_SHARED && type !== mman.MAP_PRIVATE && !validated)) return -EINVAL;
  const length = pageUp(request.length);
  if (length >= ADDRESSES) return -ENOMEM;
  if (validated && (flags & ~mman.LEGACY_MAP_MASK) !== 0) return -EOPNOTSUPP;
  if (!anonymous && request.offset + length > Number.MAX_SAFE_INTEGER) return -EOVERFLOW;
  const description = anonymous ? undefined : process.descriptors.get(request.fd)?.description;
  const shared = type !== mman.MAP_PRIVATE;
  if (!anonymous) {
    const refused = mayMap(description, shared, protection);
    if (refused < 0) return refused;
    anonymous = description !== undefined && isZeros(description);
  }
  const wrong = mayPlace(process, request, length);
  if (wrong < 0) return wrong;
  const kept = protection & PROTECTIONS;
  const file = anonymous ? undefined : description;
  if (shared && (file === undefined || isShared(process, file))) {
    const place = { address, length, fixed: isFixed(flags), protection: kept };
    return share(thread, place, file, anonymous ? 0 : request.offset);
  }
  if (file !== undefined) process.kernel.shared.settle(file.file.inode);
  const start = place(process, address, length, isFixed(flags), kept, file !== undefined);
  if (thread.killed) return GONE;
  if (start === undefined) return -ENOMEM;
  return fill(thread, { ...blank(start, length), description: file, position: request.offset }, start);
}

/** Whether a file mapped MAP_SHARED is to be the same for all: a copy does where no change can come from here. */
function isShared(process: Process, description: OpenDescription): boolean {
  return description.writable || keepsInMemory(description) || process.kernel.shared.has(description.file.inode);
}

function isFixed(flags: number): boolean {
  return (flags & (mman.MAP_FIXED | mman.MAP_FIXED_NOREPLACE)) !== 0;
}

/** /dev/zero, which gives memory as MAP_ANONYMOUS does. */
function isZeros({ file }: OpenDescription): boolean {
  const stat = emptyStat();
  return file.inode.type === S_IFCHR && file.inode.fs.stat(file.inode, stat) === 0 && stat.rdev === ZERO_RDEV;
}

function mayPlace(process: Process, { address, flags }: MapRequest, length: number): number {
  if (!isFixed(flags)) return 0;
  if (address % MAP_PAGE !== 0) return -EINVAL;
  if (address + length > ADDRESSES) return -ENOMEM;
  return (flags & mman.MAP_FIXED_NOREPLACE) !== 0 && !process.space.isFree(address, length) ? -EEXIST : 0;
}

/** Put a mapping down, where it is wanted or anywhere. Its address; undefined without room. */
function place(
  process: Process,
  address: number,
  length: number,
  fixed: boolean,
  protection: number,
  file: boolean,
  view?: View,
): number | undefined {
  const { space, kernel } = process;
  const memory = memoryOf(process);
  if (!fixed) return space.place(memory, length, protection, file, view);
  kernel.shared.flush(process);
  const placed = space.placeAt(memory, address, length, protection, file, view);
  kernel.shared.update(process);
  return placed ? address : undefined;
}

interface Place {
  readonly address: number;
  readonly length: number;
  readonly fixed: boolean;
  readonly protection: number;
}

/** Map what others see too: a file, or memory that nobody has yet. */
function share(thread: Thread, at: Place, description: OpenDescription | undefined, offset: number): Outcome {
  const { process } = thread;
  const { shared } = process.kernel;
  const file = description === undefined ? shared.anonymous(process, at.length) : shared.open(description);
  if (typeof file === "number") return file;
  const writable = description === undefined || (description.writable && !isSealed(description.file.inode));
  return see(thread, at, { file, offset, writable });
}

/** Map a part of a shared file: the address, or -ENOMEM. */
export function see(thread: Thread, at: Place, view: View): Outcome {
  const { process } = thread;
  const { shared } = process.kernel;
  const error = view.file.load(view.offset, view.offset + at.length);
  // Changes made through other views of the file so far must not be taken for older than this one.
  shared.flush(process);
  const start = error < 0 ? undefined : place(process, at.address, at.length, at.fixed, at.protection, true, view);
  if (start === undefined) {
    shared.forget(view.file);
    return thread.killed ? GONE : error || -ENOMEM;
  }
  process.space.markUsed(start + at.length);
  shared.update(process);
  shared.refresh(process, [view.file], start, at.length);
  return thread.killed ? GONE : start;
}

/** Whether there is a descriptor, and of more than a path. */
function isOpen(description: OpenDescription | undefined): description is OpenDescription {
  return description !== undefined && (description.flags & O_PATH) === 0;
}

function mayMap(description: OpenDescription | undefined, shared: boolean, protection: number): number {
  if (!isOpen(description)) return -EBADF;
  if (!description.readable) return -EACCES;
  if (description.file.inode.type !== S_IFREG && !isZeros(description)) return -ENODEV;
  if (!shared || (protection & mman.PROT_WRITE) === 0) return 0;
  if (!description.writable) return -EACCES;
  return isSealed(description.file.inode) ? -EPERM : 0;
}

/** munmap(2). -EINVAL, -ENOMEM (a hole in a mapping makes it two, and there are as many as there may be). */
export function unmap(thread: Thread, address: number, length: number): Outcome {
  const { process } = thread;
  const bytes = pageUp(length);
  if (address % MAP_PAGE !== 0 || length === 0 || address + bytes > ADDRESSES) return -EINVAL;
  if (!process.space.mayUnmap(address, bytes)) return -ENOMEM;
  drop(process, [{ start: address, end: address + bytes }]);
  return thread.killed ? GONE : 0;
}

/** End mappings; what was changed in shared ones stays. That is looked for once, however many ranges there are. */
export function drop(process: Process, ranges: readonly Pick<Mapping, "start" | "end">[]): void {
  const { shared } = process.kernel;
  shared.flush(process);
  for (const { start, end } of ranges) process.space.unmap(start, end - start);
  shared.update(process);
}

/** mprotect(2). -ENOMEM where nothing is mapped, -EACCES for writing to a shared file that was opened for reading. */
export function protect(thread: Thread, address: number, length: number, protection: number): Outcome {
  const { process } = thread;
  const { space, kernel } = process;
  if (address % MAP_PAGE !== 0 || (protection & ~PROTECTIONS) !== 0) return -EINVAL;
  const bytes = pageUp(length);
  if (address + bytes > ADDRESSES || !space.covers(address, bytes)) return -ENOMEM;
  if (!space.mayProtect(address, bytes)) return -ENOMEM;
  const views = space.within(address, bytes).filter(({ view }) => view !== undefined);
  const writes = (protection & mman.PROT_WRITE) !== 0;
  if (writes && views.some(({ view }) => view?.writable === false)) return -EACCES;
  if (writes && !space.allowsWriting(memoryOf(process), address, bytes)) return -ENOMEM;
  // What was written so far counts; what is written while it may not be never will.
  if (views.length > 0) kernel.shared.flush(process);
  space.protect(address, bytes, protection);
  if (writes && views.length > 0) kernel.shared.refresh(process, filesOf(views), address, bytes);
  return thread.killed ? GONE : 0;
}

/**
 * mremap(2): the address. -EINVAL, -EFAULT (not one mapping), -ENOMEM (also for a private mapping of a file that is to grow). An old
 * size of 0 gives a second view of shared memory.
 */
export function remap(
  thread: Thread,
  address: number,
  oldLength: number,
  newLength: number,
  flags: number,
  target: number,
): Outcome {
  const { process } = thread;
  const { space } = process;
  const from = pageUp(oldLength);
  const to = pageUp(newLength);
  const mayMove = (flags & mman.MREMAP_MAYMOVE) !== 0;
  const fixed = (flags & mman.MREMAP_FIXED) !== 0;
  if ((flags & ~(mman.MREMAP_MAYMOVE | mman.MREMAP_FIXED)) !== 0 || (fixed && !mayMove)) return -EINVAL;
  if (address % MAP_PAGE !== 0 || to === 0) return -EINVAL;
  const [mapping] = space.within(address, Math.max(from, MAP_PAGE));
  if (mapping === undefined || mapping.start > address || !space.covers(address, from)) return -EFAULT;
  if (to >= ADDRESSES) return -ENOMEM;
  const { protection, file } = mapping;
  if (fixed) {
    if (target % MAP_PAGE !== 0 || target + to > ADDRESSES) return -EINVAL;
    if (target < address + from && address < target + to) return -EINVAL;
  }
  if (mapping.view !== undefined) {
    if (address + from > mapping.end) return -EFAULT;
    const view = { ...mapping.view, offset: mapping.view.offset + address - mapping.start };
    return remapView(thread, { address, from, to, protection, mayMove, target: fixed ? target : undefined }, view);
  }
  if (from === 0) return -EINVAL;
  // What goes on behind it is another kind of memory, and may be others' too.
  if ((fixed || to > from) && address + from > mapping.end) return -EFAULT;
  // Which file it was filled from is not known any more.
  if (to > from && file) return -ENOMEM;
  if (fixed) {
    if (place(process, target, to, true, protection, file) === undefined) return -ENOMEM;
    return moveTo(thread, address, from, target, to);
  }
  if (to <= from) {
    if (to < from) drop(process, [{ start: address + to, end: address + from }]);
    return thread.killed ? GONE : address;
  }
  const more = to - from;
  const fits = address + to <= ADDRESSES && space.isFree(address + from, more);
  if (fits && place(process, address + from, more, true, protection, file) !== undefined) {
    return fill(thread, blank(address + from, more), address);
  }
  if (!mayMove) return -ENOMEM;
  const moved = place(process, 0, to, false, protection, file);
  return moved === undefined ? -ENOMEM : moveTo(thread, address, from, moved, to);
}

interface Move {
  readonly address: number;
  readonly from: number;
  readonly to: number;
  readonly protection: number;
  readonly mayMove: boolean;
  readonly target: number | undefined;
}

/** mremap(2) of shared memory: what it shows stands in the file, so nothing is moved but the view. */
function remapView(thread: Thread, move: Move, view: View): Outcome {
  const { process } = thread;
  const { address, from, to, protection, mayMove, target } = move;
  if (target === undefined && from > 0) {
    if (to < from) drop(process, [{ start: address + to, end: address + from }]);
    if (to <= from) return thread.killed ? GONE : address;
    if (address + to <= ADDRESSES && process.space.isFree(address + from, to - from)) {
      const more = { address: address + from, length: to - from, fixed: true, protection };
      const seen = see(thread, more, { ...view, offset: view.offset + from });
      if (seen !== -ENOMEM) return seen < 0 ? seen : address;
    }
  }
  if (!mayMove) return from === 0 ? -EINVAL : -ENOMEM;
  const seen = see(thread, { address: target ?? 0, length: to, fixed: target !== undefined, protection }, view);
  if (seen >= 0 && from > 0) drop(process, [{ start: address, end: address + from }]);
  return thread.killed ? GONE : seen;
}

function moveTo(thread: Thread, from: number, fromLength: number, to: number, toLength: number): Outcome {
  thread.process.space.unmap(from, fromLength);
  const copied = Math.min(fromLength, toLength);
  return fill(thread, { ...blank(to, toLength), from, copied }, to);
}

/**
 * madvise(2): MADV_DONTNEED empties private anonymous memory; advice that would have an effect later is -EINVAL, as on a Linux
 * that does not know it; other advice changes nothing. -EINVAL, -ENOMEM.
 */
export function advise(thread: Thread, address: number, length: number, advice: number): Outcome {
  const { space } = thread.process;
  const bytes = pageUp(length);
  if (address % MAP_PAGE !== 0 || advice < 0 || advice > mman.MADV_LAST || REFUSED_ADVICE.has(advice)) return -EINVAL;
  if (address + bytes > ADDRESSES) return -EINVAL;
  if (!space.covers(address, bytes)) return -ENOMEM;
  const [first] = space.within(address, bytes);
  const anonymous = first !== undefined && !first.file && first.start <= address && first.end >= address + bytes;
  if (advice !== mman.MADV_DONTNEED || !anonymous) return 0;
  return fill(thread, blank(address, bytes), 0);
}

/** msync(2): what was changed in shared files is written to them. -EINVAL, -ENOMEM, -EIO and what else a file answers. */
export function syncMemory(thread: Thread, address: number, length: number, flags: number): Outcome {
  const { process } = thread;
  const { space, kernel } = process;
  const both = mman.MS_ASYNC | mman.MS_SYNC;
  if (address % MAP_PAGE !== 0 || (flags & ~(both | mman.MS_INVALIDATE)) !== 0 || (flags & both) === both) {
    return -EINVAL;
  }
  const bytes = pageUp(length);
  if (address + bytes > ADDRESSES || !space.covers(address, bytes)) return -ENOMEM;
  const files = filesOf(space.within(address, bytes));
  if (files.size > 0) kernel.shared.flush(process);
  if (thread.killed) return GONE;
  for (const file of files) {
    const error = file.writeBack() || ((flags & mman.MS_SYNC) !== 0 ? (file.origin?.file.sync(true) ?? 0) : 0);
    if (error < 0) return error;
  }
  return 0;
}

function filesOf(mappings: readonly Mapping[]): ReadonlySet<SharedFile> {
  return new Set(mappings.flatMap(({ view }) => view?.file ?? []));
}

function blank(address: number, length: number): Fill {
  return { address, length, done: 0, description: undefined, position: 0, from: 0, copied: 0 };
}

/** A class, because an object literal with a getter is a dictionary to the engine. */
class ProcessMemory implements GrowingMemory {
  readonly declared: number;
  readonly given: number;
  readonly room: GrowingMemory["room"];
  readonly #memory: GuestMemory;
  readonly #program: Program | undefined;

  constructor(process: Process) {
    const { memory, program, image } = process;
    const extent = program?.extent;
    const { all, data } = memoryRoom(process);
    // A stack is no data, and the program's own memory is counted as if it were.
    const stack = image.extent === undefined ? 0 : image.extent.bytes - image.extent.data;
    this.#memory = memory;
    this.#program = program;
    this.declared = extent?.declared ?? memory.byteLength;
    this.given = extent?.given ?? memory.byteLength;
    this.room = { all, data: data + stack };
  }

  get byteLength(): number {
    return this.#memory.byteLength;
  }

  grow(bytes: number): boolean {
    return this.#program?.growMemory(bytes) ?? false;
  }
}

function memoryOf(process: Process): GrowingMemory {
  return new ProcessMemory(process);
}

/** Map memory for the engine's own ends, wherever it fits. Its address; undefined without room. */
export function reserve(process: Process, length: number): number | undefined {
  const start = process.space.place(memoryOf(process), pageUp(length), READ_WRITE, false);
  if (start !== undefined) process.space.markUsed(start + pageUp(length));
  return start;
}

/** Give fresh memory its content, in parts; `result` at the end. */
function fill(thread: Thread, what: Fill, result: number): Outcome {
  const { process } = thread;
  const { space, kernel } = process;
  const end = what.address + what.length;
  const nothing = what.description === undefined && what.copied === 0;
  if (!process.memory.contains(what.address, what.length)) return -EFAULT;
  const clean = nothing && !space.isUsed(what.address);
  space.markUsed(end);
  if (clean) return result;
  const pending: PendingFill = { ...parked(thread), kind: "fill", ...what, result };
  const outcome = attemptFill(pending);
  if (outcome >= -4095) return outcome;
  what.description?.acquire();
  return kernel.scheduler.park(pending);
}
