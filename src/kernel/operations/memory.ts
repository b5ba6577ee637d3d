/**
 * Layer: kernel, operations. A process's own memory: brk(2), mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2). It must
 * not know encodings, nor how memory grows.
 *
 * Deviations: a file is copied when it is mapped, later changes of it are not seen; protections are kept but not enforced.
 */
import { EACCES, EBADF, EEXIST, EFAULT, EINVAL, ENODEV, ENOMEM, EOVERFLOW } from "../../abi/errno.ts";
import * as mman from "../../abi/mman.ts";
import { S_IFREG } from "../../abi/stat.ts";
import { type GrowingMemory, MAP_PAGE, pageUp } from "../address-space.ts";
import type { Outcome } from "../contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import { attemptFill, type Fill, type PendingFill, parked } from "../pending.ts";
import type { Process, Thread } from "../process.ts";

const READ_WRITE = mman.PROT_READ | mman.PROT_WRITE;
const PROTECTIONS = READ_WRITE | mman.PROT_EXEC;
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
 * mmap(2): the address; BLOCKED first while much is to be filled. -EINVAL, -EBADF, -EACCES, -ENODEV (a writable shared file,
 * no regular file), -ENOMEM, -EEXIST (MAP_FIXED_NOREPLACE), -EOVERFLOW.
 */
export function map(thread: Thread, request: MapRequest): Outcome {
  const { process } = thread;
  const { address, flags, protection } = request;
  const type = flags & mman.MAP_TYPE;
  if (request.length === 0 || type < mman.MAP_SHARED || type > mman.MAP_SHARED_VALIDATE) return -EINVAL;
  const length = pageUp(request.length);
  if (length >= ADDRESSES) return -ENOMEM;
  const anonymous = (flags & mman.MAP_ANONYMOUS) !== 0;
  if (!anonymous && !(request.offset >= 0 && request.offset % MAP_PAGE === 0)) return -EINVAL;
  if (!anonymous && request.offset + length > Number.MAX_SAFE_INTEGER) return -EOVERFLOW;
  const description = anonymous ? undefined : process.descriptors.get(request.fd)?.description;
  if (!anonymous) {
    const refused = mayMap(description, type !== mman.MAP_PRIVATE, protection);
    if (refused < 0) return refused;
  }
  const memory = memoryOf(process);
  const kept = protection & PROTECTIONS;
  let start: number | undefined = address;
  if ((flags & (mman.MAP_FIXED | mman.MAP_FIXED_NOREPLACE)) !== 0) {
    if (address % MAP_PAGE !== 0) return -EINVAL;
    if (address + length > ADDRESSES) return -ENOMEM;
    if ((flags & mman.MAP_FIXED_NOREPLACE) !== 0 && !process.space.isFree(address, length)) return -EEXIST;
    if (!process.space.placeAt(memory, address, length, kept, !anonymous)) return -ENOMEM;
  } else {
    start = process.space.place(memory, length, kept, !anonymous);
    if (start === undefined) return -ENOMEM;
  }
  return fill(thread, { ...blank(start, length), description, position: request.offset }, start);
}

function mayMap(description: OpenDescription | undefined, shared: boolean, protection: number): number {
  if (description === undefined) return -EBADF;
  if (!description.readable) return -EACCES;
  if (description.file.inode.type !== S_IFREG) return -ENODEV;
  if (shared && (protection & mman.PROT_WRITE) !== 0) return description.writable ? -ENODEV : -EACCES;
  return 0;
}

/** munmap(2). */
export function unmap(thread: Thread, address: number, length: number): Outcome {
  const bytes = pageUp(length);
  if (address % MAP_PAGE !== 0 || length === 0 || address + bytes > ADDRESSES) return -EINVAL;
  thread.process.space.unmap(address, bytes);
  return 0;
}

/** mprotect(2). -ENOMEM where nothing is mapped. */
export function protect(thread: Thread, address: number, length: number, protection: number): Outcome {
  const { space } = thread.process;
  if (address % MAP_PAGE !== 0 || (protection & ~PROTECTIONS) !== 0) return -EINVAL;
  const bytes = pageUp(length);
  if (address + bytes > ADDRESSES || !space.covers(address, bytes)) return -ENOMEM;
  space.protect(address, bytes, protection);
  return 0;
}

/**
 * mremap(2): the address. -EINVAL, -EFAULT (not mapped), -ENOMEM. Deviation: an old size of 0 is -EINVAL.
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
  const memory = memoryOf(process);
  const from = pageUp(oldLength);
  const to = pageUp(newLength);
  const mayMove = (flags & mman.MREMAP_MAYMOVE) !== 0;
  const fixed = (flags & mman.MREMAP_FIXED) !== 0;
  if ((flags & ~(mman.MREMAP_MAYMOVE | mman.MREMAP_FIXED)) !== 0 || (fixed && !mayMove)) return -EINVAL;
  if (address % MAP_PAGE !== 0 || from === 0 || to === 0) return -EINVAL;
  const [mapping] = space.within(address, from);
  if (mapping === undefined || !space.covers(address, from)) return -EFAULT;
  if (to >= ADDRESSES) return -ENOMEM;
  const { protection, file } = mapping;
  if (fixed) {
    if (target % MAP_PAGE !== 0 || target + to > ADDRESSES) return -EINVAL;
    if (target < address + from && address < target + to) return -EINVAL;
    if (!space.placeAt(memory, target, to, protection, file)) return -ENOMEM;
    return moveTo(thread, address, from, target, to);
  }
  if (to <= from) {
    if (to < from) space.unmap(address + to, from - to);
    return address;
  }
  const more = to - from;
  const fits = address + to <= ADDRESSES && space.isFree(address + from, more);
  if (fits && space.placeAt(memory, address + from, more, protection, file)) {
    return fill(thread, blank(address + from, more), address);
  }
  if (!mayMove) return -ENOMEM;
  const place = space.place(memory, to, protection, file);
  return place === undefined ? -ENOMEM : moveTo(thread, address, from, place, to);
}

function moveTo(thread: Thread, from: number, fromLength: number, to: number, toLength: number): Outcome {
  thread.process.space.unmap(from, fromLength);
  const copied = Math.min(fromLength, toLength);
  return fill(thread, { ...blank(to, toLength), from, copied }, to);
}

/** madvise(2): MADV_DONTNEED empties anonymous memory, everything else changes nothing. -EINVAL, -ENOMEM. */
export function advise(thread: Thread, address: number, length: number, advice: number): Outcome {
  const { space } = thread.process;
  const bytes = pageUp(length);
  if (address % MAP_PAGE !== 0 || advice < 0 || advice > mman.MADV_LAST) return -EINVAL;
  if (address + bytes > ADDRESSES) return -EINVAL;
  if (!space.covers(address, bytes)) return -ENOMEM;
  const [first] = space.within(address, bytes);
  const anonymous = first !== undefined && !first.file && first.start <= address && first.end >= address + bytes;
  if (advice !== mman.MADV_DONTNEED || !anonymous) return 0;
  return fill(thread, blank(address, bytes), 0);
}

/** msync(2): private copies have nowhere to go. -EINVAL, -ENOMEM. */
export function syncMemory(thread: Thread, address: number, length: number, flags: number): Outcome {
  const both = mman.MS_ASYNC | mman.MS_SYNC;
  if (address % MAP_PAGE !== 0 || (flags & ~(both | mman.MS_INVALIDATE)) !== 0 || (flags & both) === both) {
    return -EINVAL;
  }
  const bytes = pageUp(length);
  return address + bytes <= ADDRESSES && thread.process.space.covers(address, bytes) ? 0 : -ENOMEM;
}

function blank(address: number, length: number): Fill {
  return { address, length, done: 0, description: undefined, position: 0, from: 0, copied: 0 };
}

function memoryOf({ memory, program }: Process): GrowingMemory {
  return {
    get byteLength() {
      return memory.byteLength;
    },
    grow: (bytes) => program?.growMemory(bytes) ?? false,
  };
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
