/**
 * Layer: kernel, operations. Bytes through descriptors: read(2), write(2), lseek(2) and their kin. It decides blocking,
 * O_APPEND and O_NONBLOCK; it must not know encodings, nor what kind of file it moves bytes of.
 *
 * Every operation takes the calling thread first and answers an Outcome; GONE says that the call ended its process. A
 * vector's ranges lie in guest memory; what is beyond TRANSFER_BYTES of them follows while the call is parked.
 */
import { EAGAIN, EBADF, EFAULT, EFBIG, EINVAL, ENODEV, ENXIO, EOPNOTSUPP, EPIPE, ESPIPE } from "../../abi/errno.ts";
import { O_APPEND, O_NONBLOCK, O_PATH, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET } from "../../abi/fcntl.ts";
import { IN_ACCESS } from "../../abi/inotify.ts";
import { SIGPIPE } from "../../abi/signal.ts";
import { S_IFDIR, S_IFREG } from "../../abi/stat.ts";
import { PIPE_BUF, TRANSFER_BYTES, WAITING_BYTES } from "../../limits.ts";
import type { GuestMemory, IoVector } from "../../mem/guest-memory.ts";
import { APPEND, type OpenFile } from "../../vfs/contracts.ts";
import { GONE, type Outcome } from "../contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import { COUNTER_BYTES, CounterFile } from "../events/counter-file.ts";
import { SignalFile } from "../events/signal-file.ts";
import { afterBytes, beforeBytes, roomFor, sizeOf, tell, written } from "../file-bytes.ts";
import { holdReader, holdWriter } from "../job-control.ts";
import { gather, MOST_BYTES, type PendingTransfer } from "../long-transfers.ts";
import { parked } from "../pending.ts";
import type { Thread } from "../process.ts";
import { fileRoom } from "../resource-limits.ts";
import { LONG_CALL_BYTES } from "../scheduler.ts";
import { TerminalFile } from "../terminal.ts";

/** read(2), readv(2). -EBADF, -EISDIR, -EAGAIN (O_NONBLOCK), -EFAULT. */
export function read(thread: Thread, fd: number, vector: IoVector): Outcome {
  const { process } = thread;
  const description = process.descriptors.get(fd)?.description;
  if (description === undefined || !description.readable) return -EBADF;
  const { file } = description;
  if (!file.seekable && file instanceof TerminalFile) return readTerminal(thread, description, file, vector);
  if (!file.seekable && file instanceof SignalFile) return readSignals(thread, description, file, vector);
  beforeBytes(thread, file);
  const moved = copyIn(process.memory.bytes, file, vector, description.offset);
  if (moved > 0) {
    if (file.seekable) description.offset += moved;
    tell(description, IN_ACCESS);
    return moved >= LONG_CALL_BYTES ? goOn(thread, description, vector, moved, { writes: false }) : moved;
  }
  if (moved === -EAGAIN && waits(description)) return parkRead(thread, description, vector);
  return moved;
}

/** write(2), writev(2); `appends` as if it were open with O_APPEND. -EBADF, -EAGAIN (O_NONBLOCK), -EFBIG, -ENOSPC, -EFAULT; -EPIPE comes with SIGPIPE. */
export function write(thread: Thread, fd: number, vector: IoVector, appends = false): Outcome {
  const { process } = thread;
  const description = process.descriptors.get(fd)?.description;
  if (description === undefined || !description.writable) return -EBADF;
  const { file } = description;
  if (!file.seekable) return writeStream(thread, description, vector);
  const append = appends || (description.flags & O_APPEND) !== 0;
  const position = append ? APPEND : description.offset;
  if (position > LAST_WRITE) return -EFBIG;
  beforeBytes(thread, file);
  const room = roomFor(thread, file, position, vector.total);
  if (room < 0) return room;
  const moved = copyOut(process.memory, file, vector, position, room);
  afterBytes(thread, file);
  if (moved > 0) {
    description.offset = append ? sizeOf(thread, file) : position + moved;
    written(thread, description);
  }
  if (moved < LONG_CALL_BYTES) return moved;
  return goOn(thread, description, vector, moved, { writes: true, appends: append, room });
}

/** pread(2), preadv(2): the offset stays. -ESPIPE for streams, -EINVAL for a negative position. */
export function pread(thread: Thread, fd: number, vector: IoVector, position: number): Outcome {
  const { process } = thread;
  const description = process.descriptors.get(fd)?.description;
  if (description === undefined || !description.readable) return -EBADF;
  if (!description.file.seekable) return -ESPIPE;
  if (!(position >= 0 && position <= Number.MAX_SAFE_INTEGER)) return -EINVAL;
  beforeBytes(thread, description.file);
  const moved = copyIn(process.memory.bytes, description.file, vector, position);
  if (moved > 0) tell(description, IN_ACCESS);
  return moved >= LONG_CALL_BYTES ? goOn(thread, description, vector, moved, { writes: false, position }) : moved;
}

/** pwrite(2), pwritev(2). As on Linux, O_APPEND (or `appends`) makes it append whatever the position. */
export function pwrite(thread: Thread, fd: number, vector: IoVector, position: number, appends = false): Outcome {
  const { process } = thread;
  const description = process.descriptors.get(fd)?.description;
  if (description === undefined || !description.writable) return -EBADF;
  if (!description.file.seekable) return -ESPIPE;
  if (!(position >= 0 && position <= Number.MAX_SAFE_INTEGER)) return -EINVAL;
  if (position > LAST_WRITE) return -EFBIG;
  const append = appends || (description.flags & O_APPEND) !== 0;
  beforeBytes(thread, description.file);
  const room = roomFor(thread, description.file, append ? APPEND : position, vector.total);
  if (room < 0) return room;
  const moved = copyOut(process.memory, description.file, vector, append ? APPEND : position, room);
  afterBytes(thread, description.file);
  if (moved > 0) written(thread, description);
  if (moved < LONG_CALL_BYTES) return moved;
  return goOn(thread, description, vector, moved, { writes: true, position, appends: append, room });
}

/**
 * lseek(2): the new offset. -EINVAL (whence, or below zero or above 2^53 - 1), -ESPIPE, -ENXIO (SEEK_DATA, SEEK_HOLE beyond
 * the end). A directory's is a cookie. On a host's directory a file is data from its start
 * to its end.
 */
export function seek(thread: Thread, fd: number, offset: number, whence: number): Outcome {
  const description = opened(thread, fd);
  if (description === undefined) return -EBADF;
  const { file } = description;
  if (!file.seekable && file.inode.type !== S_IFDIR) return -ESPIPE;
  if (whence === SEEK_DATA || whence === SEEK_HOLE) return seekContent(thread, description, offset, whence);
  let from = 0;
  if (whence === SEEK_CUR) from = description.offset;
  else if (whence === SEEK_END) from = sizeOf(thread, file);
  else if (whence !== SEEK_SET) return -EINVAL;
  if (from < 0) return from;
  const to = from + offset;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(to) || to < 0) return -EINVAL;
  description.offset = to;
  return to;
}

function seekContent(thread: Thread, description: OpenDescription, offset: number, whence: number): Outcome {
  const { file } = description;
  if (file.inode.type !== S_IFREG) return -EINVAL;
  const size = sizeOf(thread, file);
  if (size < 0) return size;
  if (!(offset >= 0 && offset < size)) return -ENXIO;
  if (file.seekContent === undefined) {
    description.offset = whence === SEEK_DATA ? offset : size;
    return description.offset;
  }
  beforeBytes(thread, file);
  const found = file.seekContent(offset, whence === SEEK_HOLE);
  if (found >= 0) description.offset = found;
  return found;
}

/** fsync(2), fdatasync(2). -EINVAL for what cannot be synced. */
export function sync(thread: Thread, fd: number, dataOnly: boolean): Outcome {
  const description = opened(thread, fd);
  if (description === undefined) return -EBADF;
  thread.process.kernel.scheduler.laboured();
  beforeBytes(thread, description.file);
  return description.file.sync(dataOnly);
}

/** What fallocate(2) is to do: store, as far as the end or beyond it, or make a hole. */
export type Allocation = "grow" | "keep size" | "punch";

/** fallocate(2). -EINVAL, -EFBIG, -ESPIPE, -ENODEV (no regular file), -ENOSPC, -EOPNOTSUPP (a file system without holes). */
export function allocate(
  thread: Thread,
  fd: number,
  offset: number,
  length: number,
  how: Allocation = "grow",
): Outcome {
  const description = opened(thread, fd);
  if (description === undefined || !description.writable) return -EBADF;
  if (!(offset >= 0) || !(length > 0)) return -EINVAL;
  if (offset + length > Number.MAX_SAFE_INTEGER) return -EFBIG;
  const { file } = description;
  thread.process.kernel.scheduler.laboured();
  if (file.inode.type !== S_IFREG) return file.seekable ? -ENODEV : -ESPIPE;
  if (how === "grow" && fileRoom(thread, file, offset + length - 1, 1) < 0) return thread.killed ? GONE : -EFBIG;
  beforeBytes(thread, file);
  let error: number;
  if (how === "punch") error = file.punch?.(offset, length) ?? -EOPNOTSUPP;
  else if (how === "keep size" && file.punch === undefined) error = -EOPNOTSUPP;
  else error = file.allocate(offset, length, how === "keep size");
  afterBytes(thread, file);
  return error;
}

/** close(2). */
export function close(thread: Thread, fd: number): Outcome {
  const outcome = thread.process.descriptors.close(fd);
  // Closing a master may hang up the one who does.
  return thread.killed ? GONE : outcome;
}

/** WASI's fd_renumber: `from` moves over `to`. -EBADF unless both are open. */
export function renumber(thread: Thread, from: number, to: number): Outcome {
  return thread.process.descriptors.renumber(from, to);
}

/** F_DUPFD, dup(2): the lowest free number from `lowest`. The copy is no preopen. -EBADF, -EINVAL, -EMFILE. */
export function duplicate(thread: Thread, fd: number, lowest: number, closeOnExec: boolean): Outcome {
  const { descriptors } = thread.process;
  const entry = descriptors.get(fd);
  if (entry === undefined) return -EBADF;
  if (!(lowest >= 0 && lowest < descriptors.limit)) return -EINVAL;
  const copy = descriptors.install(entry.description, closeOnExec, lowest);
  const made = descriptors.get(copy);
  if (made !== undefined) {
    made.rights = entry.rights;
    made.inheriting = entry.inheriting;
  }
  return copy;
}

/** A write may not begin beyond this: offsets stay exact integers. */
const LAST_WRITE = Number.MAX_SAFE_INTEGER - TRANSFER_BYTES;

function opened(thread: Thread, fd: number): OpenDescription | undefined {
  const description = thread.process.descriptors.get(fd)?.description;
  return description === undefined || (description.flags & O_PATH) !== 0 ? undefined : description;
}

function waits(description: OpenDescription): boolean {
  return (description.flags & O_NONBLOCK) === 0 && description.file.waiters !== undefined;
}

/** From file to guest. Bytes moved, or the error if none were. */
function copyIn(bytes: Uint8Array, file: OpenFile, vector: IoVector, position: number): number {
  const { addresses, lengths, count } = vector;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const address = addresses[i] ?? 0;
    const wanted = lengths[i] ?? 0;
    if (address + wanted > bytes.length) return total > 0 ? total : -EFAULT;
    const length = Math.min(wanted, TRANSFER_BYTES - total);
    const moved = file.read(position + total, bytes, address, length);
    if (moved < 0) return total > 0 ? total : moved;
    total += moved;
    if (moved < wanted) return total;
  }
  // Without a range there still is an error to find: a directory's EISDIR.
  return count === 0 ? file.read(position, bytes, 0, 0) : total;
}

/** From here on a part of memory is handed over as a view of its own. */
const WINDOW_BYTES = 512;

/** From guest to file; `position` may be APPEND. Bytes moved, or the error if none were. */
function copyOut(
  memory: GuestMemory,
  file: OpenFile,
  vector: IoVector,
  position: number,
  most = TRANSFER_BYTES,
): number {
  const { addresses, lengths, count } = vector;
  const { bytes } = memory;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const address = addresses[i] ?? 0;
    const wanted = lengths[i] ?? 0;
    if (address + wanted > bytes.length) return total > 0 ? total : -EFAULT;
    const length = Math.min(wanted, TRANSFER_BYTES - total, most - total);
    const at = position === APPEND ? APPEND : position + total;
    const moved =
      length < WINDOW_BYTES
        ? file.write(at, bytes, address, length)
        : file.write(at, memory.window(address, length), 0, length);
    if (moved < 0) return total > 0 ? total : moved;
    total += moved;
    if (moved < wanted) return total;
  }
  return total;
}

/** A read that must not wait takes what there is, be it less than VMIN; one that waits has VTIME's deadline. */
function readTerminal(thread: Thread, description: OpenDescription, file: TerminalFile, vector: IoVector): Outcome {
  const held = holdReader(thread, file.terminal);
  if (held !== undefined) return held;
  const { bytes } = thread.process.memory;
  const moved = copyIn(bytes, file, vector, 0);
  if (moved !== -EAGAIN) return moved;
  if (waits(description)) return parkRead(thread, description, vector, file.terminal.readDeadline());
  const [address = 0] = vector.addresses;
  const [length = 0] = vector.lengths;
  return file.readNow(bytes, address, length);
}

/** signalfd(2): records go to the first range alone. */
function readSignals(thread: Thread, description: OpenDescription, file: SignalFile, vector: IoVector): Outcome {
  const { memory } = thread.process;
  const [address = 0] = vector.addresses;
  const length = vector.count === 0 ? 0 : (vector.lengths[0] ?? 0);
  if (!memory.contains(address, length)) return -EFAULT;
  const moved = file.readFor(thread, memory.bytes, address, length);
  return moved === -EAGAIN && waits(description) ? parkRead(thread, description, vector) : moved;
}

/** A copy of the first `count` numbers. */
function listOf(numbers: Uint32Array, count: number): number[] {
  return count === 1 ? [numbers[0] ?? 0] : Array.from(numbers.subarray(0, count));
}

/** What a call that moved much is to go on with. */
interface Rest {
  readonly writes: boolean;
  readonly position?: number;
  readonly appends?: boolean;
  /** No more may be written in all. */
  readonly room?: number;
}

/**
 * After a first part of `done` bytes: the count, or BLOCKED where there is more to move. A stream's reader has got what there
 * was.
 */
function goOn(
  thread: Thread,
  description: OpenDescription,
  vector: IoVector,
  done: number,
  { writes, position, appends = false, room = Infinity }: Rest,
): Outcome {
  const { scheduler } = thread.process.kernel;
  scheduler.laboured();
  const total = Math.min(reachable(thread, vector), room, MOST_BYTES);
  const { file } = description;
  if (done !== TRANSFER_BYTES || total <= done || file.waiters !== undefined) return done;
  description.acquire();
  const addresses = listOf(vector.addresses, vector.count);
  const lengths = listOf(vector.lengths, vector.count);
  const more = { description, addresses, lengths, writes, position, appends, total, done };
  const pending: PendingTransfer = { ...parked(thread), kind: "transfer", ...more };
  return scheduler.park(pending);
}

/** Bytes of a vector as far as it lies in memory. */
function reachable({ process }: Thread, { addresses, lengths, count }: IoVector): number {
  const end = process.memory.byteLength;
  let total = 0;
  for (let i = 0; i < count; i++) {
    if ((addresses[i] ?? 0) + (lengths[i] ?? 0) > end) break;
    total += lengths[i] ?? 0;
  }
  return total;
}

function parkRead(thread: Thread, description: OpenDescription, vector: IoVector, deadlineNs = Infinity): Outcome {
  description.acquire();
  // Written out: most of what programs wait for is this, and a spread copies field by field.
  return thread.process.kernel.scheduler.park({
    thread,
    deadlineNs,
    heapIndex: -1,
    woken: false,
    timedOut: false,
    queues: thread.queues,
    kind: "read",
    description,
    addresses: listOf(vector.addresses, vector.count),
    lengths: listOf(vector.lengths, vector.count),
  });
}

/** A blocking write to a stream ends when everything is written; up to PIPE_BUF goes in one piece. */
function writeStream(thread: Thread, description: OpenDescription, vector: IoVector): Outcome {
  const { process } = thread;
  const { file } = description;
  const { bytes } = process.memory;
  // As on Linux, nothing to write finds no broken pipe.
  if (vector.total === 0) return 0;
  if (file instanceof TerminalFile) {
    const held = holdWriter(thread, file.terminal);
    if (held !== undefined) return held;
  }
  for (let i = 0; i < vector.count; i++) {
    if ((vector.addresses[i] ?? 0) + (vector.lengths[i] ?? 0) > bytes.length) return -EFAULT;
  }
  let total = 0;
  let moved: number;
  if (vector.count > 1 && vector.total <= PIPE_BUF) {
    const { scratch } = process.kernel;
    const length = gather(bytes, vector, 0, scratch, Math.min(vector.total, PIPE_BUF));
    moved = file.write(0, scratch, 0, length);
    if (moved > 0) total = moved;
  } else {
    moved = copyOut(process.memory, file, vector, 0);
    if (moved > 0) total = moved;
  }
  if (moved === -EPIPE) {
    process.kernel.signal(process, SIGPIPE);
    return thread.killed ? GONE : moved;
  }
  // A key typed on the terminal of a pair may have ended who typed it.
  if (thread.killed) return GONE;
  if (moved < 0 && moved !== -EAGAIN) return moved;
  // A count is one number, however many bytes there are.
  if (file instanceof CounterFile && moved > 0) return moved;
  const wanted = file instanceof CounterFile ? COUNTER_BYTES : Math.min(vector.total, MOST_BYTES);
  if (file.waiters === undefined && moved >= LONG_CALL_BYTES) {
    return goOn(thread, description, vector, moved, { writes: true });
  }
  if (total >= wanted || !waits(description)) return moved;
  return parkWrite(thread, description, vector, total, wanted);
}

function parkWrite(
  thread: Thread,
  description: OpenDescription,
  vector: IoVector,
  before: number,
  wanted: number,
): Outcome {
  // Where much waits already, a part of it is written after all, or now.
  const room = WAITING_BYTES - thread.process.kernel.scheduler.waitingBytes;
  if (room < PIPE_BUF && before > 0) return before;
  const part = new Uint8Array(Math.min(wanted - before, TRANSFER_BYTES, Math.max(room, PIPE_BUF)));
  const held = gather(thread.process.memory.bytes, vector, before, part, part.length);
  const addresses = listOf(vector.addresses, vector.count);
  const lengths = listOf(vector.lengths, vector.count);
  const whole = before + held >= wanted ? undefined : { addresses, lengths, total: wanted };
  description.acquire();
  return thread.process.kernel.scheduler.park({
    ...parked(thread),
    kind: "write",
    description,
    bytes: part,
    held,
    sent: 0,
    before,
    whole,
  });
}
