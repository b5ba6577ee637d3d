/**
 * Layer: kernel, operations. Signals as programs ask for them: sigaction(2), sigprocmask(2), kill(2), sigqueue(3),
 * sigsuspend(2), sigtimedwait(2). It must not know encodings, nor how handlers are run.
 */
import { EAGAIN, EINVAL, ENOMEM, EPERM, ESRCH } from "../../abi/errno.ts";
import {
  MINSIGSTKSZ,
  SA_NOCLDSTOP,
  SA_NOCLDWAIT,
  SI_TKILL,
  SI_USER,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
} from "../../abi/signal.ts";
import { GONE, type Outcome } from "../contracts.ts";
import { generate, setMask, settleAll, takeFrom } from "../delivery.ts";
import { parked } from "../pending.ts";
import { type AlternateStack, isOnStack, type Process, type Thread } from "../process.ts";
import type { SignalSet } from "../signal-set.ts";
import {
  DISPOSITION_DEFAULT,
  DISPOSITION_IGNORE,
  defaultAction,
  SIGNALS,
  type SignalAction,
  type SignalInfo,
} from "../signals.ts";

/** What a signal is to do: a handler, or DISPOSITION_DEFAULT or _IGNORE; flags and mask are kept with those, too. */
export interface Disposition {
  readonly kind: number;
  readonly action: SignalAction;
}

/** What stands now. -EINVAL (no such signal). */
export function dispositionOf(thread: Thread, signal: number): Disposition | number {
  if (!isSignal(signal)) return -EINVAL;
  const { process } = thread;
  const kind = process.dispositions[signal] ?? DISPOSITION_DEFAULT;
  return { kind, action: process.actions[signal] ?? { handler: 0, flags: 0, maskLow: 0, maskHigh: 0 } };
}

/** sigaction(2). 0, -EINVAL (no such signal, or one that cannot be changed). */
export function setDisposition(thread: Thread, signal: number, { kind, action }: Disposition): Outcome {
  if (!isSignal(signal) || signal === SIGKILL || signal === SIGSTOP) return -EINVAL;
  const { process } = thread;
  process.dispositions[signal] = kind;
  process.actions[signal] = action;
  if (signal === SIGCHLD) process.childFlags = action.flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
  const does = defaultAction(signal);
  const ignored = kind === DISPOSITION_DEFAULT && (does === "ignore" || does === "continue");
  if (kind === DISPOSITION_IGNORE || ignored) {
    process.signals.discard(signal);
    for (const one of process.threads) one.signals.discard(signal);
  }
  settleAll(process);
  return thread.killed ? GONE : 0;
}

/** sigprocmask(2). 0, -EINVAL; GONE where an unblocked signal ends the process. */
export function changeMask(thread: Thread, how: number, set: SignalSet): Outcome {
  const { low, high } = thread.mask;
  if (how === SIG_BLOCK) setMask(thread, low | set.low, high | set.high);
  else if (how === SIG_UNBLOCK) setMask(thread, low & ~set.low, high & ~set.high);
  else if (how === SIG_SETMASK) setMask(thread, set.low, set.high);
  else return -EINVAL;
  return thread.killed ? GONE : 0;
}

/** sigsuspend(2): -EINTR once a handler has run with the mask given; the old one is back then. */
export function suspend(thread: Thread, set: SignalSet): Outcome {
  changeMaskForCall(thread, set);
  return pause(thread);
}

/** Set the mask for the time of a call that a handler ends: ppoll(2), pselect(2), sigsuspend(2). */
export function changeMaskForCall(thread: Thread, set: SignalSet): void {
  thread.savedMask = thread.mask.copy();
  setMask(thread, set.low, set.high);
}

/** pause(2). */
export function pause(thread: Thread): Outcome {
  return thread.process.kernel.scheduler.park({ ...parked(thread), kind: "pause" });
}

/** sigtimedwait(2) until a monotonic time: the signal, its rest in `thread.caught`. -EAGAIN, -EINTR. */
export function waitForSignal(thread: Thread, set: SignalSet, deadlineNs: number): Outcome {
  const { kernel } = thread.process;
  thread.caught = takeFrom(thread, set);
  if (thread.caught !== undefined) return thread.caught.signal;
  if (!(deadlineNs > kernel.host.clock.monotonicNs())) return -EAGAIN;
  return kernel.scheduler.park({ ...parked(thread, deadlineNs), kind: "signal wait", set });
}

/** kill(2): one process, a group (0: one's own, below -1 another), or (-1) all but the caller. -EINVAL, -ESRCH, -EPERM. */
export function kill(thread: Thread, pid: number, signal: number): Outcome {
  if (signal !== 0 && !isSignal(signal)) return -EINVAL;
  const { process } = thread;
  const info = userSignal(process, signal, SI_USER, 0);
  if (pid > 0) {
    // The kernel plays process 1's part: like an init, it ignores what it has no handler for.
    const target = process.kernel.threadOwner(pid);
    return target === undefined ? -ESRCH : done(thread, send(process, target, info));
  }
  if (pid === -1) return sendToEach(thread, (target) => target !== process, info);
  const group = pid === 0 ? process.group : -pid;
  return sendToEach(thread, (target) => target.group === group, info);
}

/** 0 where one of them got it, else what the first answered; -ESRCH without any. */
function sendToEach(thread: Thread, isMeant: (target: Process) => boolean, info: SignalInfo): Outcome {
  const { process } = thread;
  let outcome = -ESRCH;
  for (const target of process.kernel.processes) {
    if (!isMeant(target)) continue;
    const sent = send(process, target, info);
    if (sent === 0 || outcome === -ESRCH) outcome = sent;
  }
  return done(thread, outcome);
}

/** tgkill(2); `group` -1 is tkill(2). -EINVAL, -ESRCH, -EPERM, -EAGAIN. */
export function killThread(thread: Thread, group: number, tid: number, signal: number): Outcome {
  if ((signal !== 0 && !isSignal(signal)) || tid <= 0 || group === 0 || group < -1) return -EINVAL;
  const { process } = thread;
  const owner = process.threads.some((one) => one.tid === tid) ? process : process.kernel.threadOwner(tid);
  const target = owner?.threads.find((one) => one.tid === tid);
  if (owner === undefined || target === undefined || owner.status !== undefined) return -ESRCH;
  if (group !== -1 && owner.pid !== group) return -ESRCH;
  if (!maySignal(process, owner, signal)) return -EPERM;
  if (signal === 0) return 0;
  return done(thread, generate(owner, userSignal(process, signal, SI_TKILL, 0), target));
}

/** What a caller says its signal tells. As on Linux nobody looks whether `pid` and `uid` are its own. */
export interface QueuedSignal {
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  readonly value: number;
}

/** rt_sigqueueinfo(2): `code` below zero, as from sigqueue(3), unless it is for oneself. -EPERM, -ESRCH, -EINVAL, -EAGAIN. */
export function queueSignal(thread: Thread, pid: number, signal: number, queued: QueuedSignal): Outcome {
  const { process } = thread;
  if (claimsKernel(queued) && pid !== process.pid) return -EPERM;
  const target = process.kernel.threadOwner(pid);
  return target === undefined ? -ESRCH : sendTo(thread, target, signal, queued);
}

/** rt_tgsigqueueinfo(2): the same to one thread. */
export function queueThreadSignal(
  thread: Thread,
  group: number,
  tid: number,
  signal: number,
  queued: QueuedSignal,
): Outcome {
  if (group <= 0 || tid <= 0) return -EINVAL;
  if (claimsKernel(queued) && tid !== thread.tid) return -EPERM;
  const owner = thread.process.kernel.threadOwner(tid);
  const target = owner?.threads.find((one) => one.tid === tid);
  if (owner?.pid !== group || target === undefined || owner.status !== undefined) return -ESRCH;
  return sendTo(thread, owner, signal, queued, target);
}

/** A signal with what it tells. -EINVAL (no such signal), -EPERM, -EAGAIN. */
export function sendTo(
  thread: Thread,
  target: Process,
  signal: number,
  { code, pid, uid, value }: QueuedSignal,
  only?: Thread,
): Outcome {
  if (signal !== 0 && !isSignal(signal)) return -EINVAL;
  return done(thread, send(thread.process, target, { signal, code, pid, uid, value, status: 0 }, only));
}

/** The same to every process of a group. -ESRCH where it has none. */
export function sendToGroup(thread: Thread, group: number, signal: number, queued: QueuedSignal): Outcome {
  if (signal !== 0 && !isSignal(signal)) return -EINVAL;
  const { code, pid, uid, value } = queued;
  return sendToEach(thread, (target) => target.group === group, { signal, code, pid, uid, value, status: 0 });
}

/** Whether a signal would look as if kill(2), tkill(2) or the kernel had sent it. */
export function claimsKernel({ code }: QueuedSignal): boolean {
  return code >= 0 || code === SI_TKILL;
}

/** The signals that are blocked and wait, in `out`: sigpending(2). */
export function pendingSignals(thread: Thread, out: SignalSet): void {
  const { mask, signals, process } = thread;
  out.low = (signals.set.low | process.signals.set.low) & mask.low;
  out.high = (signals.set.high | process.signals.set.high) & mask.high;
}

/** sigaltstack(2): whether the thread runs on its alternate stack. */
export function onAlternate(thread: Thread): boolean {
  const { alternate, process } = thread;
  const pointer = process.program?.stackPointer?.(thread);
  return alternate !== undefined && pointer !== undefined && isOnStack(alternate, pointer);
}

/** sigaltstack(2); undefined: none. -EPERM (it is in use), -ENOMEM (too small). */
export function setAlternate(thread: Thread, alternate: AlternateStack | undefined): Outcome {
  if (onAlternate(thread)) return -EPERM;
  if (alternate !== undefined && alternate.size < MINSIGSTKSZ) return -ENOMEM;
  thread.alternate = alternate;
  return 0;
}

function isSignal(signal: number): boolean {
  return Number.isInteger(signal) && signal >= 1 && signal <= SIGNALS;
}

function userSignal(from: Process, signal: number, code: number, value: number): SignalInfo {
  return { signal, code, pid: from.pid, uid: from.userIdentity.real, value, status: 0 };
}

function send(from: Process, to: Process, info: SignalInfo, only?: Thread): number {
  if (!maySignal(from, to, info.signal)) return -EPERM;
  // A zombie is there, and takes nothing.
  if (info.signal === 0 || to.status !== undefined) return 0;
  return generate(to, info, only);
}

function maySignal(from: Process, to: Process, signal: number): boolean {
  const { real, effective } = from.userIdentity;
  const target = to.userIdentity;
  const same = [real, effective].some((id) => id === target.real || id === target.saved);
  return effective === 0 || same || (signal === SIGCONT && from.session === to.session);
}

function done(thread: Thread, outcome: Outcome): Outcome {
  return thread.killed ? GONE : outcome;
}
