/**
 * Layer: kernel. Signals on their way: generated, chosen for a thread, acted upon or handed to the engine as a handler to
 * run. From signal(7), sigaction(2). It must not know how a handler is run.
 */
import { EAGAIN } from "../abi/errno.ts";
import {
  CLD_CONTINUED,
  CLD_EXITED,
  CLD_KILLED,
  CLD_STOPPED,
  SA_NOCLDSTOP,
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTART,
  SI_USER,
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGRTMIN,
  SIGSTOP,
} from "../abi/signal.ts";
import type { ExitStatus } from "./contracts.ts";
import type { AlternateStack, Process, Thread } from "./process.ts";
import type { SignalSet } from "./signal-set.ts";
import {
  DISPOSITION_DEFAULT,
  DISPOSITION_HANDLER,
  DISPOSITION_IGNORE,
  defaultAction,
  type PendingSignals,
  SIGNALS,
  type SignalAction,
  type SignalInfo,
  STOP_SIGNALS,
} from "./signals.ts";

/** A handler to run, and the mask to restore after it. */
export interface HandlerCall {
  readonly action: SignalAction;
  readonly info: SignalInfo;
  readonly maskLow: number;
  readonly maskHigh: number;
  /** The stack it is to run on, unless it runs there already. */
  readonly alternate: AlternateStack | undefined;
}

/**
 * Generate a signal for a process, or for one of its threads. 0, or -EAGAIN when no more can be queued. `reserved`: there is room for
 * it, whatever waits, because its sender has one at a time; what a guest says in `info` must not decide that.
 */
export function generate(process: Process, info: SignalInfo, thread?: Thread, reserved = false): number {
  const { signal } = info;
  if (process.ending !== undefined || process.status !== undefined) return 0;
  if (signal === SIGKILL) {
    process.kernel.end(process, { code: 0, signal });
    return 0;
  }
  if (signal === SIGCONT) {
    for (const stop of STOP_SIGNALS) discard(process, stop);
    continueProcess(process);
  } else if (STOP_SIGNALS.includes(signal)) discard(process, SIGCONT);
  const ignored = signal !== SIGSTOP && isIgnored(process, signal);
  const blocked =
    signal !== SIGSTOP && (thread === undefined ? blockedByAll(process, signal) : thread.mask.has(signal));
  if (ignored && !blocked) return 0;
  if (!queue(process, info, (thread ?? process).signals, reserved)) return -EAGAIN;
  if (thread !== undefined) settle(thread);
  else for (const one of process.threads) if (!one.mask.has(signal) && settle(one)) break;
  if (blocked) wakeSignalWaits(process, signal);
  return 0;
}

/**
 * Let a signal wait. As Linux's __send_signal_locked: where there are too many, a standard signal of kill(2) or the kernel has room
 * all the same, and so has a timer's, of which one waits at a time; others come without what they tell, or, in real time, not at all.
 */
function queue(process: Process, info: SignalInfo, signals: PendingSignals, reserved: boolean): boolean {
  const { signal, code } = info;
  const standard = signal < SIGRTMIN;
  if (standard && signals.set.has(signal)) return true;
  const { signalAccounts } = process.kernel;
  if ((standard && code >= 0) || reserved || signalAccounts.hasRoom(process)) {
    signals.add(info, signalAccounts.of(process));
    return true;
  }
  if (!standard && code !== SI_USER) return false;
  signals.lose(signal);
  return true;
}

/** Act on what needs no handler and note what does. Whether `attention` is now called for by a handler. */
export function settle(thread: Thread): boolean {
  const { process } = thread;
  let handler = false;
  for (let signal = deliverable(thread); signal !== 0; signal = deliverable(thread)) {
    if (process.dispositions[signal] === DISPOSITION_HANDLER && signal !== SIGSTOP) {
      handler = true;
      break;
    }
    dequeue(thread, signal);
    act(process, signal);
    if (process.ending !== undefined) break;
  }
  // A mask set for one call is put back by whoever looks for handlers at its end, so that must happen.
  thread.attention = handler || process.stopped !== 0 || thread.savedMask !== undefined;
  if (handler && thread.pending !== undefined) process.kernel.scheduler.interrupt(thread.pending);
  return handler;
}

/** settle() every thread: after a change of dispositions or of the process's state. */
export function settleAll(process: Process): void {
  for (const thread of process.threads) settle(thread);
}

/** Whether a handler waits to be run on this thread. */
export function handlerWaits(thread: Thread): boolean {
  return thread.attention && deliverable(thread) !== 0;
}

/** What sigaction(2) set for a signal, where that is a handler. */
function handlerOf(process: Process, signal: number): SignalAction | undefined {
  return process.dispositions[signal] === DISPOSITION_HANDLER ? process.actions[signal] : undefined;
}

/** Whether the call a handler interrupts is to be made again: the first handler's SA_RESTART says so. */
export function restarts(thread: Thread): boolean {
  const action = handlerOf(thread.process, deliverable(thread));
  return action !== undefined && (action.flags & SA_RESTART) !== 0;
}

/**
 * The next handler to run on a thread, its signal taken and the mask for its time set. undefined when there is none: a
 * mask that a call set for its own time is then put back.
 */
export function takeHandler(thread: Thread): HandlerCall | undefined {
  const { process, mask } = thread;
  settle(thread);
  if (thread.killed || process.stopped !== 0) return undefined;
  let signal = deliverable(thread);
  if (signal === 0 && thread.savedMask !== undefined) {
    mask.setMask(thread.savedMask.low, thread.savedMask.high);
    thread.savedMask = undefined;
    settle(thread);
    signal = deliverable(thread);
  }
  const action = handlerOf(process, signal);
  const info = signal === 0 ? undefined : dequeue(thread, signal);
  if (action === undefined || info === undefined) return undefined;
  const { low: maskLow, high: maskHigh } = thread.savedMask ?? mask;
  thread.savedMask = undefined;
  mask.setMask(mask.low | action.maskLow, mask.high | action.maskHigh);
  if ((action.flags & SA_NODEFER) === 0) mask.add(signal);
  // The handler alone is forgotten: what stands beside it is told by sigaction(2) as before.
  if ((action.flags & SA_RESETHAND) !== 0) process.dispositions[signal] = DISPOSITION_DEFAULT;
  const alternate = (action.flags & SA_ONSTACK) === 0 ? undefined : thread.alternate;
  return { action, info, maskLow, maskHigh, alternate };
}

/** A handler returned: its mask goes back. */
export function endHandler(thread: Thread, maskLow: number, maskHigh: number): void {
  setMask(thread, maskLow, maskHigh);
}

/** Set a thread's mask; SIGKILL and SIGSTOP are left out. What it no longer blocks is acted upon. */
export function setMask(thread: Thread, low: number, high: number): void {
  thread.mask.setMask(low, high);
  settle(thread);
}

/** Take a pending signal of this set, blocked ones included: sigwaitinfo(2). */
export function takeFrom(thread: Thread, set: SignalSet): SignalInfo | undefined {
  const signal = thread.signals.set.firstWithin(set) || thread.process.signals.set.firstWithin(set);
  return signal === 0 ? undefined : dequeue(thread, signal);
}

/** Tell a parent that a child ended, stopped or continued: by a signal, and its waits are woken. */
export function tellParent(child: Process, news: ExitStatus | "stopped" | "continued"): void {
  const { parent } = child;
  if (parent === undefined) return;
  const ended = typeof news !== "string";
  const signal = ended ? child.exitSignal : SIGCHLD;
  if (ended ? signal > 0 && signal <= SIGNALS : (parent.childFlags & SA_NOCLDSTOP) === 0) {
    let code = news === "stopped" ? CLD_STOPPED : CLD_CONTINUED;
    let status = news === "stopped" ? child.stopped : SIGCONT;
    if (ended) {
      // Never CLD_DUMPED: no core is dumped.
      code = news.signal === 0 ? CLD_EXITED : CLD_KILLED;
      status = news.signal === 0 ? news.code : news.signal;
    }
    const { real: uid } = child.userIdentity;
    generate(parent, { signal, code, pid: child.pid, uid, value: 0, status });
  }
  parent.childEvents.wakeAll();
}

/** The lowest signal this thread takes now, its own before its process's; 0 for none. */
function deliverable(thread: Thread): number {
  return thread.signals.set.firstOutside(thread.mask) || thread.process.signals.set.firstOutside(thread.mask);
}

function dequeue(thread: Thread, signal: number): SignalInfo | undefined {
  return thread.signals.take(signal) ?? thread.process.signals.take(signal);
}

function isIgnored(process: Process, signal: number): boolean {
  const disposition = process.dispositions[signal];
  if (disposition === DISPOSITION_IGNORE) return true;
  if (disposition === DISPOSITION_HANDLER) return false;
  return defaultAction(signal) === "ignore" || defaultAction(signal) === "continue";
}

function blockedByAll(process: Process, signal: number): boolean {
  return process.threads.length > 0 && process.threads.every((thread) => thread.mask.has(signal));
}

/** The default action of a signal that was taken, or nothing where it is ignored. */
function act(process: Process, signal: number): void {
  if (signal !== SIGSTOP && process.dispositions[signal] === DISPOSITION_IGNORE) return;
  const action = defaultAction(signal);
  if (action === "terminate") process.kernel.end(process, { code: 0, signal });
  // Nobody could continue a group that no parent of its session looks after, so it is not stopped.
  else if (action === "stop" && (signal === SIGSTOP || !process.kernel.isOrphanedGroup(process.group))) {
    stopProcess(process, signal);
  }
}

function stopProcess(process: Process, signal: number): void {
  if (process.stopped !== 0) return;
  process.stopped = signal;
  process.news = "stopped";
  for (const thread of process.threads) thread.attention = true;
  tellParent(process, "stopped");
}

function continueProcess(process: Process): void {
  if (process.stopped === 0) return;
  process.stopped = 0;
  process.news = "continued";
  settleAll(process);
  process.kernel.scheduler.release(process);
  tellParent(process, "continued");
}

function discard(process: Process, signal: number): void {
  process.signals.discard(signal);
  for (const thread of process.threads) thread.signals.discard(signal);
}

function wakeSignalWaits(process: Process, signal: number): void {
  process.kernel.signalReaders.wakeAll();
  for (const { pending } of process.threads) {
    if (pending?.kind === "signal wait" && pending.set.has(signal)) process.kernel.scheduler.interrupt(pending);
  }
}
