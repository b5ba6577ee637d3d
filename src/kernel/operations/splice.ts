/**
 * Layer: kernel, operations. Bytes through pipes past the guest: splice(2), tee(2), and vmsplice(2), which copies. It must not
 * know encodings.
 *
 * What cannot be moved at once leaves nothing half done: the call waits until it is worth another try, and is then made again.
 */
import { EAGAIN, EBADF, EINVAL, EPIPE, ESPIPE } from "../../abi/errno.ts";
import { O_APPEND, O_NONBLOCK, SPLICE_F_NONBLOCK } from "../../abi/fcntl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../abi/poll.ts";
import { SIGPIPE } from "../../abi/signal.ts";
import { S_IFDIR } from "../../abi/stat.ts";
import { TRANSFER_BYTES } from "../../limits.ts";
import type { IoVector } from "../../mem/guest-memory.ts";
import { GONE, type Outcome } from "../contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import { afterBytes, beforeBytes, roomFor } from "../file-bytes.ts";
import { gather } from "../long-transfers.ts";
import { parked } from "../pending.ts";
import type { Pipe } from "../pipe.ts";
import type { Thread } from "../process.ts";
import { read } from "./io.ts";
import { isPipeEnd } from "./pipes.ts";
import { endsOf, type Positions } from "./transfer.ts";

/** splice(2): bytes moved, 0 at the end. One side at least is a pipe. -EBADF, -EINVAL, -ESPIPE, -EAGAIN, -EPIPE. */
export function splice(
  thread: Thread,
  inFd: number,
  outFd: number,
  positions: Positions,
  count: number,
  flags: number,
): Outcome {
  const ends = endsOf(thread, inFd, outFd);
  if (ends === undefined) return -EBADF;
  const { input, output } = ends;
  const from = pipeOf(input);
  const to = pipeOf(output);
  if (from !== undefined && positions.from !== undefined) return -ESPIPE;
  if (to !== undefined && positions.to !== undefined) return -ESPIPE;
  if (from === to) return -EINVAL;
  if (count === 0) return 0;
  const waits = (flags & SPLICE_F_NONBLOCK) === 0;
  const most = Math.min(count, TRANSFER_BYTES);
  thread.process.kernel.scheduler.laboured();
  if (to === undefined)
    return from === undefined ? -EINVAL : fromPipe(thread, input, from, output, positions, most, waits);
  return from === undefined
    ? toPipe(thread, input, output, to, positions, most, waits)
    : between(thread, input, from, output, to, most, waits, true);
}

/** tee(2): what one pipe holds into another, and it stays. */
export function tee(thread: Thread, inFd: number, outFd: number, count: number, flags: number): Outcome {
  const ends = endsOf(thread, inFd, outFd);
  if (ends === undefined) return -EBADF;
  const { input, output } = ends;
  const from = pipeOf(input);
  const to = pipeOf(output);
  if (from === undefined || to === undefined || from === to) return -EINVAL;
  const waits = (flags & SPLICE_F_NONBLOCK) === 0;
  return count === 0 ? 0 : between(thread, input, from, output, to, Math.min(count, TRANSFER_BYTES), waits, false);
}

/** vmsplice(2): into a pipe what there is room for, out of one as readv(2); it waits for the first byte. -EBADF, -EAGAIN, -EPIPE. */
export function spliceMemory(thread: Thread, fd: number, vector: IoVector, flags: number): Outcome {
  const { process } = thread;
  const description = process.descriptors.get(fd)?.description;
  const pipe = description === undefined ? undefined : pipeOf(description);
  if (description === undefined || pipe === undefined) return -EBADF;
  const { ring } = pipe;
  const waits = (flags & SPLICE_F_NONBLOCK) === 0;
  if (vector.total === 0) return 0;
  if (!description.writable) {
    const more = ring.size === 0 && pipe.writeEnds > 0;
    return more ? later(thread, description, POLLIN | POLLHUP, waits) : read(thread, fd, vector);
  }
  if (pipe.readEnds === 0) return broken(thread);
  if (ring.free === 0) return later(thread, description, POLLOUT | POLLERR, waits);
  process.kernel.scheduler.laboured();
  const bytes = new Uint8Array(Math.min(vector.total, ring.free));
  ring.write(bytes, 0, gather(process.memory.bytes, vector, 0, bytes, bytes.length));
  pipe.toRead.wakeEnough(POLLIN);
  return bytes.length;
}

function pipeOf({ file }: OpenDescription): Pipe | undefined {
  return isPipeEnd(file) ? file.pipe : undefined;
}

function between(
  thread: Thread,
  input: OpenDescription,
  from: Pipe,
  output: OpenDescription,
  to: Pipe,
  most: number,
  waits: boolean,
  taking: boolean,
): Outcome {
  if (to.readEnds === 0) return broken(thread);
  if (from.ring.size === 0) return from.writeEnds === 0 ? 0 : later(thread, input, POLLIN | POLLHUP, waits);
  if (to.ring.free === 0) return later(thread, output, POLLOUT | POLLERR, waits);
  const bytes = from.ring.peek(Math.min(most, to.ring.free));
  to.ring.write(bytes, 0, bytes.length);
  to.toRead.wakeEnough(POLLIN);
  if (taking) {
    from.ring.drop(bytes.length);
    from.roomMade();
  }
  return bytes.length;
}

function fromPipe(
  thread: Thread,
  input: OpenDescription,
  from: Pipe,
  output: OpenDescription,
  positions: Positions,
  most: number,
  waits: boolean,
): Outcome {
  const { file } = output;
  if (file.inode.type === S_IFDIR || (output.flags & O_APPEND) !== 0) return -EINVAL;
  if (positions.to !== undefined && !file.seekable) return -ESPIPE;
  if (from.ring.size === 0) return from.writeEnds === 0 ? 0 : later(thread, input, POLLIN | POLLHUP, waits);
  const at = positions.to ?? output.offset;
  if (at < 0 || at + most > Number.MAX_SAFE_INTEGER) return -EINVAL;
  const bytes = from.ring.peek(most);
  beforeBytes(thread, file);
  const room = file.seekable ? roomFor(thread, file, at, bytes.length) : bytes.length;
  const moved = room < 0 ? room : file.write(file.seekable ? at : 0, bytes, 0, room);
  afterBytes(thread, file);
  if (moved === -EAGAIN) return later(thread, output, POLLOUT | POLLERR, waits);
  if (moved === -EPIPE) return broken(thread);
  if (moved < 0) return moved;
  from.ring.drop(moved);
  from.roomMade();
  if (positions.to !== undefined) positions.to = at + moved;
  else if (file.seekable) output.offset = at + moved;
  return moved;
}

function toPipe(
  thread: Thread,
  input: OpenDescription,
  output: OpenDescription,
  to: Pipe,
  positions: Positions,
  most: number,
  waits: boolean,
): Outcome {
  const { file } = input;
  if (file.inode.type === S_IFDIR) return -EINVAL;
  if (positions.from !== undefined && !file.seekable) return -ESPIPE;
  if (to.readEnds === 0) return broken(thread);
  if (to.ring.free === 0) return later(thread, output, POLLOUT | POLLERR, waits);
  const at = positions.from ?? input.offset;
  if (at < 0 || at + most > Number.MAX_SAFE_INTEGER) return -EINVAL;
  const bytes = new Uint8Array(Math.min(most, to.ring.free));
  beforeBytes(thread, file);
  const moved = file.read(file.seekable ? at : 0, bytes, 0, bytes.length);
  if (moved === -EAGAIN) return later(thread, input, POLLIN | POLLHUP, waits);
  if (moved <= 0) return moved;
  to.ring.write(bytes, 0, moved);
  to.toRead.wakeEnough(POLLIN);
  if (positions.from !== undefined) positions.from = at + moved;
  else if (file.seekable) input.offset = at + moved;
  return moved;
}

function broken(thread: Thread): Outcome {
  thread.process.kernel.signal(thread.process, SIGPIPE);
  return thread.killed ? GONE : -EPIPE;
}

/** The whole call again, once `description` is ready. -EAGAIN where it must not wait. */
function later(thread: Thread, description: OpenDescription, events: number, waits: boolean): Outcome {
  if (!waits || (description.flags & O_NONBLOCK) !== 0) return -EAGAIN;
  description.acquire();
  return thread.process.kernel.scheduler.park({ ...parked(thread), kind: "again", description, events });
}
