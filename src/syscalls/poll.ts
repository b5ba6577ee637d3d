/**
 * Layer: syscalls. Waiting for descriptors: poll, ppoll, select, pselect6. Each becomes the kernel's poll; what it found is
 * in the items. As on Linux the time that is left of a span is written over it, but by poll.
 */
import { EBADF, EFAULT, EINVAL } from "../abi/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI } from "../abi/poll.ts";
import { BLOCKED, GONE, type Outcome } from "../kernel/contracts.ts";
import { POLL_ITEMS, type PollItem, poll } from "../kernel/operations/poll.ts";
import { changeMaskForCall } from "../kernel/operations/signals.ts";
import { timeUntil } from "../kernel/operations/time.ts";
import type { Process, Thread } from "../kernel/process.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import type { WallTime } from "../wait/clock.ts";
import {
  deadlineAfter,
  putTimespec,
  SIGSET_BYTES,
  signalSetAt,
  TIMESPEC_BYTES,
  timespecAt,
  timevalAt,
} from "./call.ts";

/** Good until the end of one call. */
const time: WallTime = { seconds: 0, nanoseconds: 0 };
/** struct pollfd: fd, events, revents. */
const POLLFD_BYTES = 8;

export function sys_poll(thread: Thread, address: number, low: number, high: number, timeout: number): Outcome {
  const { clock } = thread.process.kernel.host;
  const deadline = timeout < 0 ? undefined : clock.monotonicNs() + timeout * 1e6;
  return pollList(thread, address >>> 0, low, high, deadline);
}

export function sys_ppoll(
  thread: Thread,
  address: number,
  low: number,
  high: number,
  timeout: number,
  mask: number,
  maskBytes: number,
): Outcome {
  const refused = maskError(thread.process, mask >>> 0, maskBytes) || deadlineAt(thread, timeout >>> 0, timespecAt);
  if (refused < 0) return refused;
  const ended = useMask(thread, mask >>> 0);
  return ended < 0 ? ended : tellRest(thread, pollList(thread, address >>> 0, low, high, deadlineFound), NS);
}

/** Set by deadlineAt. */
let deadlineFound: number | undefined;
/** Where the span was, if it was more than nothing: set with it. */
let spanAt = 0;

/** Nanoseconds that a timespec and a timeval count. */
const NS = 1;
const MICROSECOND = 1000;

/** At the end of a call that did not wait: tell what is left of its span. */
function tellRest(thread: Thread, outcome: Outcome, unit: number): Outcome {
  const over = outcome !== BLOCKED && outcome !== GONE;
  if (over && deadlineFound !== undefined) putRest(thread, spanAt, deadlineFound, unit);
  return outcome;
}

/** What cannot be written is left: the call's own answer counts. */
function putRest(thread: Thread, address: number, deadlineNs: number, unit: number): void {
  const { process } = thread;
  if (address === 0 || !process.memory.contains(address, TIMESPEC_BYTES)) return;
  timeUntil(thread, deadlineNs, time);
  putTimespec(process, address, time.seconds, Math.floor(time.nanoseconds / unit));
}

/** Read an optional span of time: 0, -EFAULT, -EINVAL. */
function deadlineAt(thread: Thread, address: number, read: typeof timespecAt): number {
  deadlineFound = undefined;
  if (address === 0) return 0;
  const error = read(thread.process, address, time);
  if (error < 0) return error;
  if (time.seconds < 0) return -EINVAL;
  deadlineFound = deadlineAfter(thread, time);
  spanAt = time.seconds === 0 && time.nanoseconds === 0 ? 0 : address;
  return 0;
}

function maskError(process: Process, mask: number, bytes: number): number {
  if (mask === 0) return 0;
  if (bytes !== SIGSET_BYTES) return -EINVAL;
  return process.memory.contains(mask, SIGSET_BYTES) ? 0 : -EFAULT;
}

/** Set a mask for the time of the call. 0, or GONE where what it lets through ends the process. */
function useMask(thread: Thread, mask: number): number {
  if (mask !== 0) changeMaskForCall(thread, signalSetAt(thread.process, mask));
  return thread.killed ? GONE : 0;
}

function pollList(thread: Thread, address: number, low: number, high: number, deadline: number | undefined): Outcome {
  const { memory } = thread.process;
  const count = low >>> 0;
  if (high !== 0 || count > POLL_ITEMS) return -EINVAL;
  if (!memory.contains(address, count * POLLFD_BYTES)) return -EFAULT;
  const items: PollItem[] = [];
  for (let i = 0; i < count; i++) {
    const at = address + i * POLLFD_BYTES;
    items.push({ fd: memory.view.getInt32(at, true), events: memory.view.getInt16(at + 4, true), revents: 0 });
  }
  const outcome = poll(thread, items, deadline);
  if (outcome >= 0) putRevents(memory, address, items);
  return outcome;
}

function putRevents(memory: GuestMemory, address: number, items: readonly PollItem[]): void {
  items.forEach(({ revents }, i) => {
    memory.view.setInt16(address + i * POLLFD_BYTES + 6, revents, true);
  });
}

/** What a poll that waited found. */
function itemsOf({ ended }: Thread): readonly PollItem[] {
  return ended?.kind === "poll" ? ended.items : [];
}

export function finishPoll(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  if (outcome >= 0) putRevents(thread.process.memory, (words[0] ?? 0) >>> 0, itemsOf(thread));
  return outcome;
}

export function finishPpoll(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  putRest(thread, (words[3] ?? 0) >>> 0, thread.ended?.deadlineNs ?? 0, NS);
  return finishPoll(thread, words, outcome);
}

/** What each of select's three sets asks for, and what makes it ready. */
const SETS = [
  { asks: POLLIN, ready: POLLIN | POLLHUP | POLLERR },
  { asks: POLLOUT, ready: POLLOUT | POLLERR },
  { asks: POLLPRI, ready: POLLPRI },
] as const;

/** Bytes of the part of a set that `count` descriptors take: whole longs. */
function setBytes(count: number): number {
  return Math.ceil(count / 64) * 8;
}

export function sys_select(
  thread: Thread,
  count: number,
  readAt: number,
  writeAt: number,
  exceptAt: number,
  timeout: number,
): Outcome {
  const refused = deadlineAt(thread, timeout >>> 0, timevalAt);
  if (refused < 0) return refused;
  return tellRest(thread, selectSets(thread, count, [readAt >>> 0, writeAt >>> 0, exceptAt >>> 0]), MICROSECOND);
}

/** pselect6(2): its last argument points to a mask's address and length (two longs). */
export function sys_pselect6(
  thread: Thread,
  count: number,
  readAt: number,
  writeAt: number,
  exceptAt: number,
  timeout: number,
  argument: number,
): Outcome {
  const { memory } = thread.process;
  const at = argument >>> 0;
  let mask = 0;
  if (at !== 0) {
    if (!memory.contains(at, 16)) return -EFAULT;
    mask = memory.i64(at);
    if (mask !== 0 && !(mask > 0 && mask <= 0xffff_ffff)) return -EFAULT;
    const refused = maskError(thread.process, mask, memory.i64(at + 8));
    if (refused < 0) return refused;
  }
  const refused = deadlineAt(thread, timeout >>> 0, timespecAt) || useMask(thread, mask);
  if (refused < 0) return refused;
  return tellRest(thread, selectSets(thread, count, [readAt >>> 0, writeAt >>> 0, exceptAt >>> 0]), NS);
}

function selectSets(thread: Thread, count: number, sets: readonly number[]): Outcome {
  const { memory, descriptors } = thread.process;
  if (count < 0) return -EINVAL;
  // As on Linux, numbers beyond the table, which is 64 long at least, are not looked at.
  const most = Math.min(count, Math.max(Math.ceil(descriptors.length / 64) * 64, 64));
  const bytes = setBytes(most);
  if (sets.some((at) => at !== 0 && !memory.contains(at, bytes))) return -EFAULT;
  const items: PollItem[] = [];
  for (let fd = 0; fd < most; fd++) {
    let events = 0;
    SETS.forEach(({ asks }, i) => {
      const at = sets[i] ?? 0;
      if (at !== 0 && ((memory.bytes[at + (fd >> 3)] ?? 0) & (1 << (fd & 7))) !== 0) events |= asks;
    });
    if (events === 0) continue;
    if (descriptors.get(fd) === undefined) return -EBADF;
    items.push({ fd, events, revents: 0 });
  }
  if (items.length > POLL_ITEMS) return -EINVAL;
  const outcome = poll(thread, items, deadlineFound);
  return outcome === BLOCKED || outcome < 0 ? outcome : putSets(memory, sets, most, items);
}

export function finishSelect(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  putRest(thread, (words[4] ?? 0) >>> 0, thread.ended?.deadlineNs ?? 0, MICROSECOND);
  return finishSets(thread, words, outcome);
}

export function finishPselect6(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  putRest(thread, (words[4] ?? 0) >>> 0, thread.ended?.deadlineNs ?? 0, NS);
  return finishSets(thread, words, outcome);
}

function finishSets(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  if (outcome < 0) return outcome;
  const [count = 0, ...pointers] = words;
  const items = itemsOf(thread);
  const sets = pointers.slice(0, 3).map((at) => at >>> 0);
  const { memory } = thread.process;
  // The table may have grown since; the sets were as long as it was then, or as the highest number asked for.
  const highest = items.reduce((most, { fd }) => Math.max(most, fd + 1), 1);
  return putSets(memory, sets, Math.min(count, highest), items);
}

/** Write the sets with what is ready; the number of bits set in all of them. */
function putSets(memory: GuestMemory, sets: readonly number[], count: number, items: readonly PollItem[]): Outcome {
  let bits = 0;
  SETS.forEach(({ asks, ready }, i) => {
    const at = sets[i] ?? 0;
    if (at === 0) return;
    memory.bytes.fill(0, at, at + setBytes(count));
    for (const { fd, events, revents } of items) {
      const hit = (events & asks) !== 0 && (revents & ready) !== 0 && (revents & POLLNVAL) === 0;
      if (!hit) continue;
      memory.bytes[at + (fd >> 3)] = (memory.bytes[at + (fd >> 3)] ?? 0) | (1 << (fd & 7));
      bits += 1;
    }
  });
  return bits;
}
