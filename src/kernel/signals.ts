/**
 * Layer: kernel. What a signal does where no handler stands, from signal(7). It must not know processes.
 */
import { SIGCHLD, SIGCONT, SIGSTOP } from "../abi/signal.ts";

/** Job control's signals and the two that are ignored by default (include/uapi/asm-generic/signal.h). */
const SIGTSTP = 20;
const SIGTTIN = 21;
const SIGTTOU = 22;
const SIGURG = 23;
const SIGWINCH = 28;

/** Deviation: signals that stop a process are ignored, because there is no job control. */
const HARMLESS: ReadonlySet<number> = new Set([SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH]);

/** Whether the default action of a signal ends the process. */
export function terminatesByDefault(signal: number): boolean {
  return !HARMLESS.has(signal);
}
