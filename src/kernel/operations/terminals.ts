/**
 * Layer: kernel, operations. What processes ask of terminals: tcsetattr(3), tty_ioctl(4). It must not know encodings.
 * Those that change something hold a background process back with SIGTTOU.
 */
import { EBADF, EINVAL, EIO, ENOTTY, EPERM, ESRCH } from "../../abi/errno.ts";
import { TIOCPKT_FLUSHREAD, TIOCPKT_FLUSHWRITE } from "../../abi/packet-mode.ts";
import { SIGINT, SIGQUIT, SIGTSTP } from "../../abi/signal.ts";
import { TCIFLUSH, TCIOFF, TCIOFLUSH, TCOFLUSH, TCOOFF } from "../../abi/termios.ts";
import { GONE, type Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { holdChanger } from "../job-control.ts";
import type { Thread } from "../process.ts";
import { MasterFile, type PseudoTerminal } from "../pseudo-terminal.ts";
import { type Terminal, TerminalFile, type WindowSize } from "../terminal.ts";

/** What tcsetattr(3) gives; `characters` is copied. */
export interface NewSettings {
  readonly input: number;
  readonly output: number;
  readonly control: number;
  readonly local: number;
  readonly characters: Uint8Array;
}

/** The terminal behind a descriptor; a master stands for its slave. -EBADF, -ENOTTY; -EIO when it is hung up. */
export function terminalAt(thread: Thread, fd: number): Terminal | number {
  const file = thread.process.descriptors.get(fd)?.description.file;
  if (file === undefined) return -EBADF;
  if (file instanceof MasterFile) return file.pair.terminal;
  if (!(file instanceof TerminalFile)) return -ENOTTY;
  return file.terminal.hungUp ? -EIO : file.terminal;
}

/** The pair whose master a descriptor is. -EBADF, -ENOTTY. */
export function pairAt(thread: Thread, fd: number): PseudoTerminal | number {
  const file = thread.process.descriptors.get(fd)?.description.file;
  if (file === undefined) return -EBADF;
  return file instanceof MasterFile ? file.pair : -ENOTTY;
}

/** posix_openpt(3): a pair of terminals, its master's descriptor. -ENOSPC, -EMFILE. */
export function openMaster(thread: Thread, flags: number, closeOnExec: boolean): Outcome {
  const { descriptors, credentials, kernel } = thread.process;
  const vacancy = descriptors.vacancy();
  if (vacancy < 0) return vacancy;
  const pair = kernel.pseudoTerminals.make(credentials);
  if (typeof pair === "number") return pair;
  return descriptors.install(new OpenDescription(pair.master, undefined, flags), closeOnExec);
}

/** TIOCGPTPEER: the slave's descriptor, whatever names there are. -EIO (locked), -EMFILE. */
export function openPeer(thread: Thread, pair: PseudoTerminal, flags: number, closeOnExec: boolean): Outcome {
  const { descriptors } = thread.process;
  const vacancy = descriptors.vacancy();
  if (vacancy < 0) return vacancy;
  const file = pair.openSlave();
  if (typeof file === "number") return file;
  return descriptors.install(new OpenDescription(file, undefined, flags), closeOnExec);
}

/** TIOCSIG: a signal for the foreground of the slave. -EINVAL. */
export function signalForeground(thread: Thread, { terminal }: PseudoTerminal, signal: number): Outcome {
  if (![SIGINT, SIGQUIT, SIGTSTP].includes(signal)) return -EINVAL;
  if (terminal.foreground !== 0) thread.process.kernel.signalGroup(terminal.foreground, signal);
  return thread.killed ? GONE : 0;
}

/** open(2) of a terminal without O_NOCTTY: a session's leader without one takes it, where it is nobody's. */
export function adoptTerminal({ process }: Thread, terminal: Terminal): void {
  const free = terminal.session === 0 && !process.kernel.terminals.has(process.session);
  if (process.session === process.pid && free) terminal.control(process);
}

/** tcsetattr(3); `flush`: forget input that was not read (TCSAFLUSH). Output is never late, so nothing drains. */
export function changeSettings(thread: Thread, terminal: Terminal, to: NewSettings, flush: boolean): Outcome {
  const held = holdChanger(thread, terminal);
  if (held !== undefined) return held;
  const wasCanonical = terminal.canonical;
  const { settings } = terminal;
  settings.input = to.input;
  settings.output = to.output;
  settings.control = to.control;
  settings.local = to.local;
  settings.characters.set(to.characters.subarray(0, settings.characters.length));
  if (flush) terminal.discardInput();
  terminal.settled(wasCanonical);
  return 0;
}

export function changeWindow(thread: Thread, terminal: Terminal, window: WindowSize): Outcome {
  terminal.resize(window);
  return thread.killed ? GONE : 0;
}

/**
 * tcgetpgrp(3). -ENOTTY when it is not the caller's controlling terminal, unless he holds the master. A number nobody has
 * when there is no group; of a master 0.
 */
export function foregroundOf({ process }: Thread, terminal: Terminal, master: boolean): Outcome {
  if (master) return terminal.foreground;
  if (terminal.session !== process.session) return -ENOTTY;
  return terminal.foreground === 0 ? NO_GROUP : terminal.foreground;
}

/** tcsetpgrp(3). -ENOTTY, -EINVAL, -ESRCH (no such group), -EPERM (of another session). */
export function setForeground(thread: Thread, terminal: Terminal, group: number): Outcome {
  const { process } = thread;
  if (terminal.session !== process.session) return -ENOTTY;
  const held = holdChanger(thread, terminal);
  if (held !== undefined) return held;
  if (group < 0) return -EINVAL;
  const member = process.kernel.processes.find((one) => one.group === group);
  if (member === undefined) return -ESRCH;
  if (member.session !== process.session) return -EPERM;
  terminal.foreground = group;
  return 0;
}

/** tcgetsid(3). -ENOTTY. */
export function sessionOfTerminal({ process }: Thread, terminal: Terminal, master: boolean): Outcome {
  if (master) return terminal.session === 0 ? -ENOTTY : terminal.session;
  return terminal.session === process.session ? terminal.session : -ENOTTY;
}

/** TIOCSCTTY: a session's leader without a terminal takes one that is nobody's. -EPERM. */
export function takeTerminal({ process }: Thread, terminal: Terminal): Outcome {
  if (terminal.session === process.session) return 0;
  const free = terminal.session === 0 && !process.kernel.terminals.has(process.session);
  if (process.session !== process.pid || !free) return -EPERM;
  terminal.control(process);
  return 0;
}

/** TIOCNOTTY. Deviation: only the leader's matters, for the whole session. -ENOTTY. */
export function leaveTerminal({ process }: Thread, terminal: Terminal): Outcome {
  if (terminal.session !== process.session) return -ENOTTY;
  if (process.session === process.pid) terminal.release();
  return 0;
}

/** tcflush(3). -EINVAL. */
export function flush(thread: Thread, terminal: Terminal, queue: number): Outcome {
  if (queue < TCIFLUSH || queue > TCIOFLUSH) return -EINVAL;
  const held = holdChanger(thread, terminal);
  if (held !== undefined) return held;
  if (queue !== TCOFLUSH) {
    terminal.discardInput();
    terminal.pair?.happened(TIOCPKT_FLUSHREAD);
  }
  if (queue !== TCIFLUSH) {
    terminal.output.discard();
    terminal.pair?.discardOutput();
    terminal.pair?.happened(TIOCPKT_FLUSHWRITE);
  }
  return 0;
}

/** tcflow(3). Deviation: TCIOFF and TCION send no character, for the other end is no line. -EINVAL. */
export function flow(thread: Thread, terminal: Terminal, action: number): Outcome {
  if (action < TCOOFF || action > TCIOFF + 1) return -EINVAL;
  const held = holdChanger(thread, terminal);
  if (held !== undefined) return held;
  if (action < TCIOFF) terminal.flow(action === TCOOFF);
  return 0;
}

/** What tcgetpgrp(3) answers when there is no foreground group: larger than 1, and nobody's. */
const NO_GROUP = 0x7fff_ffff;
