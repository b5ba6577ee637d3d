/**
 * Layer: kernel, operations. Bytes from one open file to another, past the guest: sendfile(2), copy_file_range(2). It must
 * not know encodings.
 */
import { EAGAIN, EBADF, EINVAL, EISDIR, EPIPE } from "../../abi/errno.ts";
import { O_APPEND, O_NONBLOCK } from "../../abi/fcntl.ts";
import { SIGPIPE } from "../../abi/signal.ts";
import { S_IFDIR, S_IFREG } from "../../abi/stat.ts";
import { PIPE_BYTES, TRANSFER_BYTES } from "../../limits.ts";
import { sameInode } from "../../vfs/mounts.ts";
import { GONE, type Outcome } from "../contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import { afterBytes, beforeBytes, roomFor } from "../file-bytes.ts";
import { parked } from "../pending.ts";
import type { Thread } from "../process.ts";

/** Positions to use instead of the descriptions' own, moved along; undefined where the description's counts. */
export interface Positions {
  from: number | undefined;
  to: number | undefined;
}

/** What bytes may go from and to; undefined where one is not open for that. */
export function endsOf(
  { process: { descriptors } }: Thread,
  inFd: number,
  outFd: number,
): { readonly input: OpenDescription; readonly output: OpenDescription } | undefined {
  const input = descriptors.get(inFd)?.description;
  const output = descriptors.get(outFd)?.description;
  return input?.readable === true && output?.writable === true ? { input, output } : undefined;
}

/** sendfile(2): up to `count` bytes of a regular file to any file. How many. -EBADF, -EINVAL, -EAGAIN, -EPIPE. */
export function sendFile(thread: Thread, outFd: number, inFd: number, positions: Positions, count: number): Outcome {
  const ends = endsOf(thread, inFd, outFd);
  if (ends === undefined) return -EBADF;
  const { input, output } = ends;
  if (!input.file.seekable || (output.flags & O_APPEND) !== 0) return -EINVAL;
  return output.file.seekable
    ? copy(thread, input, output, positions, count)
    : toStream(thread, input, output, positions, count);
}

/** copy_file_range(2) between regular files. How many bytes. -EBADF, -EINVAL, -EISDIR. */
export function copyRange(thread: Thread, inFd: number, outFd: number, positions: Positions, count: number): Outcome {
  const { descriptors } = thread.process;
  const input = descriptors.get(inFd)?.description;
  const output = descriptors.get(outFd)?.description;
  if (input === undefined || output === undefined) return -EBADF;
  const types = [input.file.inode.type, output.file.inode.type];
  if (types.includes(S_IFDIR)) return -EISDIR;
  if (types.some((type) => type !== S_IFREG)) return -EINVAL;
  if (!input.readable || !output.writable || (output.flags & O_APPEND) !== 0) return -EBADF;
  const from = positions.from ?? input.offset;
  const to = positions.to ?? output.offset;
  if (sameInode(input.file.inode, output.file.inode) && from < to + count && to < from + count) return -EINVAL;
  return copy(thread, input, output, positions, count);
}

function copy(
  thread: Thread,
  input: OpenDescription,
  output: OpenDescription,
  positions: Positions,
  count: number,
): Outcome {
  const from = positions.from ?? input.offset;
  const to = positions.to ?? output.offset;
  const most = Math.min(count, TRANSFER_BYTES);
  if (from < 0 || to < 0 || to + most > Number.MAX_SAFE_INTEGER) return -EINVAL;
  if (from + most > Number.MAX_SAFE_INTEGER) return -EINVAL;
  const bytes = new Uint8Array(most);
  beforeBytes(thread, input.file);
  const got = input.file.read(from, bytes, 0, most);
  if (got <= 0) return got;
  beforeBytes(thread, output.file);
  const room = roomFor(thread, output.file, to, got);
  if (room < 0) return room;
  const put = output.file.write(to, bytes, 0, room);
  afterBytes(thread, output.file);
  if (put <= 0) return put;
  moveOn(input, "from", positions, from + put);
  moveOn(output, "to", positions, to + put);
  return put;
}

/** What a stream does not take at once waits with the call. */
function toStream(
  thread: Thread,
  input: OpenDescription,
  output: OpenDescription,
  positions: Positions,
  count: number,
): Outcome {
  const from = positions.from ?? input.offset;
  const most = Math.min(count, PIPE_BYTES);
  if (from < 0 || from + most > Number.MAX_SAFE_INTEGER) return -EINVAL;
  const bytes = new Uint8Array(most);
  beforeBytes(thread, input.file);
  const got = input.file.read(from, bytes, 0, most);
  if (got <= 0) return got;
  let put = output.file.write(0, bytes, 0, got);
  if (put === -EPIPE) {
    thread.process.kernel.signal(thread.process, SIGPIPE);
    return thread.killed ? GONE : put;
  }
  if (put < 0 && put !== -EAGAIN) return put;
  put = Math.max(0, put);
  const waits = (output.flags & O_NONBLOCK) === 0 && output.file.waiters !== undefined;
  if (put < got && waits) {
    moveOn(input, "from", positions, from + got);
    output.acquire();
    const rest = bytes.slice(put, got);
    const record = {
      ...parked(thread),
      kind: "write",
      description: output,
      bytes: rest,
      held: rest.length,
      sent: 0,
      before: put,
      whole: undefined,
    } as const;
    return thread.process.kernel.scheduler.park(record);
  }
  if (put === 0) return -EAGAIN;
  moveOn(input, "from", positions, from + put);
  return put;
}

function moveOn(description: OpenDescription, which: keyof Positions, positions: Positions, to: number): void {
  if (positions[which] !== undefined) positions[which] = to;
  else if (description.file.seekable) description.offset = to;
}
