/**
 * Layer: kernel. read(2), write(2) and their kin of more bytes than one handler moves: the rest follows in parts of
 * TRANSFER_BYTES, between which others have their turn and may move bytes of the same file. It must not know encodings.
 *
 * The guest's memory is written and read part by part, as Linux does it page by page.
 */
import { IN_ACCESS } from "../abi/inotify.ts";
import { TRANSFER_BYTES } from "../limits.ts";
import { APPEND } from "../vfs/contracts.ts";
import { BLOCKED, GONE, type Outcome } from "./contracts.ts";
import type { OpenDescription } from "./descriptors.ts";
import { afterBytes, beforeBytes, roomFor, sizeOf, tell, written } from "./file-bytes.ts";
import type { PendingCall } from "./pending.ts";

/** MAX_RW_COUNT of include/linux/fs.h: no call moves more bytes. */
export const MOST_BYTES = 0x7fff_f000;

/** Guest memory, in order. Addresses and lengths were checked when the call was made; memory never shrinks. */
export interface Ranges {
  readonly addresses: readonly number[];
  readonly lengths: readonly number[];
}

/** A call on a file that never keeps anybody waiting, of which `done` bytes were moved. */
export interface PendingTransfer extends PendingCall, Ranges {
  readonly kind: "transfer";
  readonly description: OpenDescription;
  readonly writes: boolean;
  /** Where its first byte goes or comes from; undefined where the description's own offset counts. */
  readonly position: number | undefined;
  readonly appends: boolean;
  /** Bytes it is to move in all. */
  readonly total: number;
  done: number;
}

/** Move one part. BLOCKED while there is more; the bytes of the whole call once a file gives or takes no more. */
export function attemptTransfer(pending: PendingTransfer): Outcome {
  const { thread, total } = pending;
  const until = Math.min(total, pending.done + TRANSFER_BYTES);
  thread.process.kernel.scheduler.laboured();
  beforeBytes(thread, pending.description.file);
  while (pending.done < until) {
    const [address, length] = pieceAt(pending, pending.done);
    const wanted = Math.min(length, until - pending.done);
    const moved = pending.writes ? put(pending, address, wanted) : take(pending, address, wanted);
    if (thread.killed) return GONE;
    if (moved > 0) pending.done += moved;
    if (moved !== wanted) return pending.done;
  }
  return pending.done === total ? total : BLOCKED;
}

/** The address of a byte that many before stand in front of, and how many lie behind it in one range. */
function pieceAt({ addresses, lengths }: Ranges, skip: number): readonly [address: number, length: number] {
  let before = 0;
  for (let i = 0; i < addresses.length; i++) {
    const length = lengths[i] ?? 0;
    if (skip < before + length) return [(addresses[i] ?? 0) + skip - before, before + length - skip];
    before += length;
  }
  return [0, 0];
}

function take({ thread, description, position, done }: PendingTransfer, address: number, length: number): number {
  const { file } = description;
  const from = position === undefined ? description.offset : position + done;
  const moved = file.read(from, thread.process.memory.bytes, address, length);
  if (moved > 0) {
    if (position === undefined && file.seekable) description.offset += moved;
    tell(description, IN_ACCESS);
  }
  return moved;
}

function put(pending: PendingTransfer, address: number, length: number): number {
  const { thread, description, position, appends, done } = pending;
  const { file } = description;
  const to = position === undefined ? description.offset : position + done;
  const room = file.seekable ? roomFor(thread, file, appends ? APPEND : to, length) : length;
  if (room < 0) return room;
  const moved = file.write(appends ? APPEND : to, thread.process.memory.window(address, room), 0, room);
  afterBytes(thread, file);
  if (moved > 0) {
    if (position === undefined && file.seekable) description.offset = appends ? sizeOf(thread, file) : to + moved;
    written(thread, description);
  }
  return moved;
}

/** Copy up to `limit` bytes of the vector, after the first `skip`, to the start of `into`. How many they were. */
export function gather(
  bytes: Uint8Array,
  vector: { readonly addresses: ArrayLike<number>; readonly lengths: ArrayLike<number>; readonly count: number },
  skip: number,
  into: Uint8Array,
  limit: number,
): number {
  let skipping = skip;
  let filled = 0;
  for (let i = 0; i < vector.count && filled < limit; i++) {
    const wanted = vector.lengths[i] ?? 0;
    if (skipping >= wanted) {
      skipping -= wanted;
      continue;
    }
    const address = (vector.addresses[i] ?? 0) + skipping;
    const length = Math.min(wanted - skipping, limit - filled);
    into.set(bytes.subarray(address, address + length), filled);
    filled += length;
    skipping = 0;
  }
  return filled;
}
