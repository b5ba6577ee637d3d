/**
 * Layer: kernel. What a terminal does to processes that are not in its foreground: SIGTTIN and SIGTTOU, as POSIX's
 * general terminal interface has it. It must not know what they asked for.
 */
import { EINTR, EIO } from "../abi/errno.ts";
import { SIGTTIN, SIGTTOU } from "../abi/signal.ts";
import { TOSTOP } from "../abi/termios.ts";
import { GONE, type Outcome, RESTART } from "./contracts.ts";
import { handlerWaits, restarts } from "./delivery.ts";
import type { Process, Thread } from "./process.ts";
import { DISPOSITION_IGNORE } from "./signals.ts";
import type { Terminal } from "./terminal.ts";

/** Whether a process of the terminal's session is not in its foreground group. */
export function inBackground({ session, group }: Process, terminal: Terminal): boolean {
  return terminal.session !== 0 && terminal.session === session && terminal.foreground !== group;
}

/** Before a read: undefined when it may go on. Else its group got SIGTTIN and the call is made again, or -EIO, -EINTR. */
export function holdReader(thread: Thread, terminal: Terminal): Outcome | undefined {
  if (!inBackground(thread.process, terminal)) return undefined;
  if (deaf(thread, SIGTTIN)) return -EIO;
  return hold(thread, SIGTTIN);
}

/** Before a write: only TOSTOP holds writers back. */
export function holdWriter(thread: Thread, terminal: Terminal): Outcome | undefined {
  return (terminal.settings.local & TOSTOP) === 0 ? undefined : holdChanger(thread, terminal);
}

/** Before anything that changes the terminal. */
export function holdChanger(thread: Thread, terminal: Terminal): Outcome | undefined {
  if (!inBackground(thread.process, terminal) || deaf(thread, SIGTTOU)) return undefined;
  return hold(thread, SIGTTOU);
}

function deaf({ process, mask }: Thread, signal: number): boolean {
  return process.dispositions[signal] === DISPOSITION_IGNORE || mask.has(signal);
}

function hold(thread: Thread, signal: number): Outcome {
  const { process } = thread;
  const { kernel } = process;
  if (kernel.isOrphanedGroup(process.group)) return -EIO;
  kernel.signalGroup(process.group, signal);
  if (thread.killed) return GONE;
  if (process.stopped === 0 && handlerWaits(thread) && !restarts(thread)) return -EINTR;
  return kernel.yieldThread(thread, RESTART);
}
