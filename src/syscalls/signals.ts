/**
 * Layer: syscalls. Signals: actions, masks, kill. A guest's sigset is 8 bytes; its sigaction is packed: handler u32 @0, flags u64
 * @4, restorer u32 @12, mask @16.
 */
import { WALI_SIG_DFL, WALI_SIG_IGN } from "../abi/calls.ts";
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { SI_CODE, SI_PID, SI_UID, SI_VALUE, SIGINFO_BYTES } from "../abi/siginfo.ts";
import { SIG_BLOCK, SIG_SETMASK, SS_DISABLE, SS_ONSTACK } from "../abi/signal.ts";
import type { Outcome } from "../kernel/contracts.ts";
import {
  changeMask,
  dispositionOf,
  kill,
  killThread,
  onAlternate,
  pause,
  pendingSignals,
  type QueuedSignal,
  queueSignal,
  queueThreadSignal,
  setAlternate,
  setDisposition,
  suspend,
  waitForSignal,
} from "../kernel/operations/signals.ts";
import type { Thread } from "../kernel/process.ts";
import { SignalSet, UNBLOCKABLE } from "../kernel/signal-set.ts";
import { DISPOSITION_DEFAULT, DISPOSITION_HANDLER, DISPOSITION_IGNORE } from "../kernel/signals.ts";
import type { WallTime } from "../wait/clock.ts";
import { deadlineAfter, putSignalSet, SIGSET_BYTES, signalSetAt, timespecAt } from "./call.ts";
import { putSignalInfo } from "./siginfo.ts";

/** Good until the end of one call. */
const time: WallTime = { seconds: 0, nanoseconds: 0 };

const SIGACTION_BYTES = 24;

/** What a handler field means: the two that are no functions, or one. */
function kindOf(handler: number): number {
  if (handler === WALI_SIG_DFL) return DISPOSITION_DEFAULT;
  return handler === WALI_SIG_IGN ? DISPOSITION_IGNORE : DISPOSITION_HANDLER;
}

export function sys_rt_sigaction(
  thread: Thread,
  signal: number,
  actionAt: number,
  oldAt: number,
  setBytes: number,
): Outcome {
  const { process } = thread;
  const { memory } = process;
  const [from, to] = [actionAt >>> 0, oldAt >>> 0];
  if (setBytes !== SIGSET_BYTES) return -EINVAL;
  const old = dispositionOf(thread, signal);
  if (typeof old === "number") return old;
  if (from !== 0 && !memory.contains(from, SIGACTION_BYTES)) return -EFAULT;
  if (to !== 0 && !memory.contains(to, SIGACTION_BYTES)) return -EFAULT;
  if (from !== 0) {
    const { view } = memory;
    const handler = view.getInt32(from, true);
    const { low, high } = signalSetAt(process, from + 16);
    const action = { handler, flags: view.getUint32(from + 4, true), maskLow: low & ~UNBLOCKABLE, maskHigh: high };
    const outcome = setDisposition(thread, signal, { kind: kindOf(handler), action });
    if (outcome < 0) return outcome;
  }
  if (to !== 0) {
    const { kind, action } = old;
    const plain = kind === DISPOSITION_IGNORE ? WALI_SIG_IGN : WALI_SIG_DFL;
    const { view } = memory;
    memory.bytes.fill(0, to, to + SIGACTION_BYTES);
    view.setInt32(to, kind === DISPOSITION_HANDLER ? action.handler : plain, true);
    view.setUint32(to + 4, action.flags, true);
    putSignalSet(process, to + 16, { low: action.maskLow, high: action.maskHigh });
  }
  return 0;
}

export function sys_rt_sigprocmask(
  thread: Thread,
  how: number,
  setAddress: number,
  oldAddress: number,
  bytes: number,
): Outcome {
  const { process, mask } = thread;
  const { memory } = process;
  const [from, to] = [setAddress >>> 0, oldAddress >>> 0];
  if (bytes !== SIGSET_BYTES) return -EINVAL;
  if (from !== 0 && !memory.contains(from, SIGSET_BYTES)) return -EFAULT;
  if (to !== 0 && !memory.contains(to, SIGSET_BYTES)) return -EFAULT;
  const { low, high } = mask;
  if (from !== 0) {
    if (how < SIG_BLOCK || how > SIG_SETMASK) return -EINVAL;
    const outcome = changeMask(thread, how, signalSetAt(process, from));
    if (outcome < 0) return outcome;
  }
  if (to !== 0) putSignalSet(process, to, { low, high });
  return 0;
}

const pending = new SignalSet();

export function sys_rt_sigpending(thread: Thread, address: number, bytes: number): Outcome {
  const { process } = thread;
  if (bytes >>> 0 > SIGSET_BYTES) return -EINVAL;
  if (!process.memory.contains(address >>> 0, SIGSET_BYTES)) return -EFAULT;
  pendingSignals(thread, pending);
  putSignalSet(process, address >>> 0, pending);
  return 0;
}

export function sys_rt_sigsuspend(thread: Thread, address: number, bytes: number): Outcome {
  const { process } = thread;
  if (bytes !== SIGSET_BYTES) return -EINVAL;
  if (!process.memory.contains(address >>> 0, SIGSET_BYTES)) return -EFAULT;
  return suspend(thread, signalSetAt(process, address >>> 0));
}

export function sys_pause(thread: Thread): Outcome {
  return pause(thread);
}

export function sys_rt_sigtimedwait(
  thread: Thread,
  setAddress: number,
  infoAt: number,
  timeoutAt: number,
  bytes: number,
): Outcome {
  const { process } = thread;
  if (bytes !== SIGSET_BYTES) return -EINVAL;
  if (!process.memory.contains(setAddress >>> 0, SIGSET_BYTES)) return -EFAULT;
  let deadline = Infinity;
  if (timeoutAt !== 0) {
    const error = timespecAt(process, timeoutAt >>> 0, time);
    if (error < 0) return error;
    if (time.seconds < 0) return -EINVAL;
    deadline = deadlineAfter(thread, time);
  }
  const outcome = waitForSignal(thread, signalSetAt(process, setAddress >>> 0), deadline);
  return outcome < 0 ? outcome : caught(thread, infoAt >>> 0, outcome);
}

export function finishSigtimedwait(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  return outcome < 0 ? outcome : caught(thread, (words[1] ?? 0) >>> 0, outcome);
}

function caught(thread: Thread, infoAt: number, outcome: Outcome): Outcome {
  const { memory } = thread.process;
  if (infoAt === 0 || thread.caught === undefined) return outcome;
  if (!memory.contains(infoAt, SIGINFO_BYTES)) return -EFAULT;
  putSignalInfo(memory, infoAt, thread.caught);
  return outcome;
}

/** Copy of a siginfo_t what a signal tells. -EFAULT. */
export function queuedSignalAt({ process: { memory } }: Thread, at: number): QueuedSignal | number {
  if (!memory.contains(at, SIGINFO_BYTES)) return -EFAULT;
  const { view } = memory;
  return {
    code: view.getInt32(at + SI_CODE, true),
    pid: view.getInt32(at + SI_PID, true),
    uid: view.getUint32(at + SI_UID, true),
    value: view.getInt32(at + SI_VALUE, true),
  };
}

export function sys_rt_sigqueueinfo(thread: Thread, pid: number, signal: number, infoAt: number): Outcome {
  const queued = queuedSignalAt(thread, infoAt >>> 0);
  return typeof queued === "number" ? queued : queueSignal(thread, pid, signal, queued);
}

export function sys_rt_tgsigqueueinfo(
  thread: Thread,
  pid: number,
  tid: number,
  signal: number,
  infoAt: number,
): Outcome {
  const queued = queuedSignalAt(thread, infoAt >>> 0);
  return typeof queued === "number" ? queued : queueThreadSignal(thread, pid, tid, signal, queued);
}

export function sys_kill(thread: Thread, pid: number, signal: number): Outcome {
  return kill(thread, pid, signal);
}

export function sys_tkill(thread: Thread, tid: number, signal: number): Outcome {
  return killThread(thread, -1, tid, signal);
}

export function sys_tgkill(thread: Thread, pid: number, tid: number, signal: number): Outcome {
  return pid <= 0 ? -EINVAL : killThread(thread, pid, tid, signal);
}

/** struct stack_t: address u32, flags i32, size u32. */
const STACK_BYTES = 12;

/**
 * sigaltstack(2). Deviations: SS_AUTODISARM is -EINVAL; a handler's engine frames are on the engine's own stack, so an overflow of that
 * ends the program all the same.
 */
export function sys_sigaltstack(thread: Thread, newAt: number, oldAt: number): Outcome {
  const { memory } = thread.process;
  const [from, to] = [newAt >>> 0, oldAt >>> 0];
  if ((from !== 0 && !memory.contains(from, STACK_BYTES)) || (to !== 0 && !memory.contains(to, STACK_BYTES))) {
    return -EFAULT;
  }
  const { alternate } = thread;
  const flags = alternate === undefined ? SS_DISABLE : onAlternate(thread) ? SS_ONSTACK : 0;
  if (from !== 0) {
    const { view } = memory;
    const [address, mode, size] = [
      view.getUint32(from, true),
      view.getInt32(from + 4, true),
      view.getUint32(from + 8, true),
    ];
    if (mode !== 0 && mode !== SS_ONSTACK && mode !== SS_DISABLE) return -EINVAL;
    const outcome = setAlternate(thread, mode === SS_DISABLE ? undefined : { address, size });
    if (outcome < 0) return outcome;
  }
  if (to === 0) return 0;
  memory.view.setUint32(to, alternate?.address ?? 0, true);
  memory.view.setInt32(to + 4, flags, true);
  memory.view.setUint32(to + 8, alternate?.size ?? 0, true);
  return 0;
}
