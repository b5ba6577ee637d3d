/**
 * Layer: wasi. poll_oneoff: clocks and descriptors, waited for together. What is wrong with one subscription is told in
 * its event; only a malformed list fails as a whole.
 *
 * Every subscription becomes one item of the kernel's poll. Clocks and those that are already decided take no part in it
 * (their number is negative); the earliest clock is its deadline. The items stay with the pending record, so that a
 * call that was parked needs nothing of the guest's memory but the place of its events.
 */
import { POLLHUP, POLLIN, POLLOUT } from "../abi/poll.ts";
import * as wasi from "../abi/wasi.ts";
import { ERRNO_FAULT, ERRNO_INVAL, ERRNO_NOTSUP, ERRNO_SUCCESS } from "../abi/wasi-errno.ts";
import type { GuestCall, Outcome } from "../kernel/contracts.ts";
import { POLL_ITEMS, type PollItem, poll } from "../kernel/operations/poll.ts";
import type { Thread } from "../kernel/process.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import { checkDescriptor, plainResult, wasiCall } from "./call.ts";
import { timestampNanoseconds, timestampSeconds, unsigned64 } from "./words.ts";

/** A subscription, as plain data: it lasts as long as the call is parked. */
interface Subscription extends PollItem {
  readonly userdataLow: number;
  readonly userdataHigh: number;
  /** The eventtype. */
  readonly type: number;
  /** SUCCESS, or what is wrong with it: then its event is due at once. */
  readonly error: number;
  /** Of a clock, in monotonic nanoseconds; Infinity for descriptors. */
  readonly deadlineNs: number;
}

/** The number of an item that takes no part in the kernel's poll. */
const NOBODY = -1;

function poll_oneoff(thread: Thread, from: number, eventsAt: number, subscriptionCount: number, countAt: number) {
  const { memory } = thread.process;
  const count = subscriptionCount >>> 0;
  if (count === 0 || count > POLL_ITEMS) return ERRNO_INVAL;
  if (!memory.contains(from >>> 0, count * wasi.SUBSCRIPTION_SIZE)) return ERRNO_FAULT;
  if (!memory.contains(eventsAt >>> 0, count * wasi.EVENT_SIZE)) return ERRNO_FAULT;
  if (!memory.contains(countAt >>> 0, 4)) return ERRNO_FAULT;
  const subscriptions: Subscription[] = [];
  let deadlineNs = Infinity;
  for (let i = 0; i < count; i++) {
    const subscription = decode(thread, memory, (from >>> 0) + i * wasi.SUBSCRIPTION_SIZE);
    if (subscription === undefined) return ERRNO_INVAL;
    subscriptions.push(subscription);
    deadlineNs = Math.min(deadlineNs, subscription.error === ERRNO_SUCCESS ? subscription.deadlineNs : 0);
  }
  const outcome = poll(thread, subscriptions, deadlineNs);
  if (outcome < 0) return plainResult(outcome);
  return answer(thread, subscriptions, eventsAt >>> 0, countAt >>> 0);
}

function finish(thread: Thread, args: readonly number[], outcome: Outcome): number {
  if (outcome < 0) return plainResult(outcome);
  // What this codec parked is a poll of its own subscriptions.
  const subscriptions = (thread.ended?.kind === "poll" ? thread.ended.items : []) as readonly Subscription[];
  return answer(thread, subscriptions, (args[1] ?? 0) >>> 0, (args[3] ?? 0) >>> 0);
}

/** One subscription of the guest's list; undefined when its tag or its clock's flags are none. */
function decode(thread: Thread, memory: GuestMemory, at: number): Subscription | undefined {
  const { view } = memory;
  const userdataLow = view.getUint32(at + wasi.SUBSCRIPTION_USERDATA, true);
  const userdataHigh = view.getUint32(at + wasi.SUBSCRIPTION_USERDATA + 4, true);
  const type = view.getUint8(at + wasi.SUBSCRIPTION_TAG);
  if (type === wasi.EVENTTYPE_CLOCK) {
    const flags = view.getUint16(at + wasi.SUBSCRIPTION_CLOCK_FLAGS, true);
    if (flags > wasi.SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME) return undefined;
    const id = view.getUint32(at + wasi.SUBSCRIPTION_CLOCK_ID, true);
    const low = view.getUint32(at + wasi.SUBSCRIPTION_CLOCK_TIMEOUT, true);
    const high = view.getUint32(at + wasi.SUBSCRIPTION_CLOCK_TIMEOUT + 4, true);
    const deadlineNs = deadlineOf(thread, id, low, high, flags !== 0);
    const error = clockError(id);
    return { userdataLow, userdataHigh, type, error, deadlineNs, fd: NOBODY, events: 0, revents: 0 };
  }
  if (type !== wasi.EVENTTYPE_FD_READ && type !== wasi.EVENTTYPE_FD_WRITE) return undefined;
  const number = view.getUint32(at + wasi.SUBSCRIPTION_FD, true);
  const reads = type === wasi.EVENTTYPE_FD_READ;
  const right = reads ? wasi.RIGHTS_FD_READ : wasi.RIGHTS_FD_WRITE;
  const error = checkDescriptor(thread, number, right | wasi.RIGHTS_POLL_FD_READWRITE);
  const fd = error === ERRNO_SUCCESS ? number : NOBODY;
  const events = reads ? POLLIN : POLLOUT;
  return { userdataLow, userdataHigh, type, error, deadlineNs: Infinity, fd, events, revents: 0 };
}

/** As clock_nanosleep(2) on Linux: the thread's CPU clock cannot be waited for, nor here that of the process. */
function clockError(id: number): number {
  if (id <= wasi.CLOCKID_MONOTONIC) return ERRNO_SUCCESS;
  return id <= wasi.CLOCKID_THREAD_CPUTIME_ID ? ERRNO_NOTSUP : ERRNO_INVAL;
}

/** When a clock is due, in monotonic nanoseconds; far ahead it is rounded. */
function deadlineOf(thread: Thread, id: number, low: number, high: number, absolute: boolean): number {
  const { clock } = thread.process.kernel.host;
  if (!absolute) return clock.monotonicNs() + unsigned64(low, high);
  if (id !== wasi.CLOCKID_REALTIME) return unsigned64(low, high);
  const now = { seconds: 0, nanoseconds: 0 };
  clock.wallTime(now);
  // Seconds and nanoseconds apart: a time of today in nanoseconds is no exact double.
  const seconds = timestampSeconds(low, high) - now.seconds;
  return clock.monotonicNs() + seconds * 1e9 + (timestampNanoseconds(low, high) - now.nanoseconds);
}

/** Write the events that are due, in the order of their subscriptions. */
function answer(thread: Thread, subscriptions: readonly Subscription[], eventsAt: number, countAt: number): number {
  const { memory } = thread.process;
  const now = thread.process.kernel.host.clock.monotonicNs();
  let count = 0;
  for (const subscription of subscriptions) {
    if (!isDue(subscription, now)) continue;
    putEvent(thread, memory, eventsAt + count * wasi.EVENT_SIZE, subscription);
    count += 1;
  }
  memory.view.setUint32(countAt, count, true);
  return ERRNO_SUCCESS;
}

function isDue(subscription: Subscription, now: number): boolean {
  if (subscription.error !== ERRNO_SUCCESS || subscription.revents !== 0) return true;
  return subscription.deadlineNs <= now;
}

function putEvent(thread: Thread, memory: GuestMemory, at: number, subscription: Subscription): void {
  memory.bytes.fill(0, at, at + wasi.EVENT_SIZE);
  const { view } = memory;
  view.setUint32(at + wasi.EVENT_USERDATA, subscription.userdataLow, true);
  view.setUint32(at + wasi.EVENT_USERDATA + 4, subscription.userdataHigh, true);
  view.setUint16(at + wasi.EVENT_ERROR, subscription.error, true);
  view.setUint8(at + wasi.EVENT_TYPE, subscription.type);
  if (subscription.revents === 0) return;
  if (subscription.type === wasi.EVENTTYPE_FD_READ) {
    const file = thread.process.descriptors.get(subscription.fd)?.description.file;
    memory.putU64(at + wasi.EVENT_NBYTES, file?.available() ?? 0);
  }
  if ((subscription.revents & POLLHUP) !== 0) {
    view.setUint16(at + wasi.EVENT_RWFLAGS, wasi.EVENTRWFLAGS_FD_READWRITE_HANGUP, true);
  }
}

export const POLL_CALLS: readonly GuestCall[] = [wasiCall("poll_oneoff", poll_oneoff, finish)];
