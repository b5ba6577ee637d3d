/**
 * Layer: syscalls. ioctl(2) on terminals: tty_ioctl(4), over struct termios of asm-generic/termbits.h.
 */
import { EFAULT, ENOTTY } from "../abi/errno.ts";
import { O_ACCMODE, O_CLOEXEC, O_NONBLOCK } from "../abi/fcntl.ts";
import * as ioctl from "../abi/ioctl.ts";
import { NCCS } from "../abi/termios.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { checkTerminal } from "../kernel/operations/descriptors.ts";
import {
  changeSettings,
  changeWindow,
  flow,
  flush,
  foregroundOf,
  leaveTerminal,
  openPeer,
  pairAt,
  sessionOfTerminal,
  setForeground,
  signalForeground,
  takeTerminal,
  terminalAt,
} from "../kernel/operations/terminals.ts";
import type { Thread } from "../kernel/process.ts";
import type { Terminal } from "../kernel/terminal.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";

/** c_iflag, c_oflag, c_cflag, c_lflag, then c_line, then c_cc. */
const CHARACTERS_OFFSET = 17;
const WINDOW_BYTES = 8;

/** What this request answers; undefined when it is none of a terminal's. `at` is unsigned. */
export function terminalIoctl(thread: Thread, fd: number, asked: number, at: number): Outcome | undefined {
  const request = asked >>> 0;
  if (MASTER_REQUESTS.has(request)) return masterIoctl(thread, fd, request, at);
  if (!REQUESTS.has(request)) return undefined;
  const { memory } = thread.process;
  const terminal = terminalAt(thread, fd);
  const master = typeof pairAt(thread, fd) !== "number";
  if (typeof terminal === "number") return fixedIoctl(thread, fd, request, at, terminal);
  switch (request) {
    case ioctl.TCGETS:
      return putSettings(memory, at, terminal);
    case ioctl.TCSETS:
    case ioctl.TCSETSW:
    case ioctl.TCSETSF:
      return setSettings(thread, terminal, at, request === ioctl.TCSETSF);
    case ioctl.TIOCGWINSZ:
      return putWindow(memory, at, terminal.window.rows, terminal.window.columns);
    case ioctl.TIOCSWINSZ: {
      if (!memory.contains(at, WINDOW_BYTES)) return -EFAULT;
      const { view } = memory;
      return changeWindow(thread, terminal, { rows: view.getUint16(at, true), columns: view.getUint16(at + 2, true) });
    }
    case ioctl.TIOCGPGRP:
      return putNumber(memory, at, foregroundOf(thread, terminal, master));
    case ioctl.TIOCSPGRP:
      return memory.contains(at, 4) ? setForeground(thread, terminal, memory.view.getInt32(at, true)) : -EFAULT;
    case ioctl.TIOCGSID:
      return putNumber(memory, at, sessionOfTerminal(thread, terminal, master));
    case ioctl.TIOCSCTTY:
      return takeTerminal(thread, terminal);
    case ioctl.TIOCNOTTY:
      return leaveTerminal(thread, terminal);
    case ioctl.TCFLSH:
      return flush(thread, terminal, at | 0);
    case ioctl.TCXONC:
      return flow(thread, terminal, at | 0);
    case ioctl.TIOCOUTQ:
    case ioctl.TIOCGETD:
      return putNumber(memory, at, 0);
    default:
      // TCSBRK: output is never late, and a break means nothing here.
      return 0;
  }
}

/** What only the master of a pair answers: ioctl_tty(2). */
function masterIoctl(thread: Thread, fd: number, request: number, at: number): Outcome {
  const { memory } = thread.process;
  const pair = pairAt(thread, fd);
  if (typeof pair === "number") return pair;
  const given = request === ioctl.TIOCSPTLCK || request === ioctl.TIOCPKT;
  if (given && !memory.contains(at, 4)) return -EFAULT;
  const on = given && memory.view.getInt32(at, true) !== 0;
  switch (request) {
    case ioctl.TIOCGPTN:
      return putNumber(memory, at, pair.number);
    case ioctl.TIOCSPTLCK:
      pair.locked = on;
      return 0;
    case ioctl.TIOCGPTLCK:
      return putNumber(memory, at, pair.locked ? 1 : 0);
    case ioctl.TIOCPKT:
      pair.setPackets(on);
      return 0;
    case ioctl.TIOCGPKT:
      return putNumber(memory, at, pair.packets ? 1 : 0);
    case ioctl.TIOCGPTPEER:
      return openPeer(thread, pair, at & (O_ACCMODE | O_NONBLOCK), (at & O_CLOEXEC) !== 0);
    default:
      return signalForeground(thread, pair, at | 0);
  }
}

const MASTER_REQUESTS: ReadonlySet<number> = new Set([
  ioctl.TIOCGPTN,
  ioctl.TIOCSPTLCK,
  ioctl.TIOCGPTLCK,
  ioctl.TIOCPKT,
  ioctl.TIOCGPKT,
  ioctl.TIOCGPTPEER,
  ioctl.TIOCSIG,
]);

const REQUESTS: ReadonlySet<number> = new Set([
  ioctl.TCGETS,
  ioctl.TCSETS,
  ioctl.TCSETSW,
  ioctl.TCSETSF,
  ioctl.TCSBRK,
  ioctl.TCXONC,
  ioctl.TCFLSH,
  ioctl.TIOCSCTTY,
  ioctl.TIOCGPGRP,
  ioctl.TIOCSPGRP,
  ioctl.TIOCOUTQ,
  ioctl.TIOCGWINSZ,
  ioctl.TIOCSWINSZ,
  ioctl.TIOCNOTTY,
  ioctl.TIOCGETD,
  ioctl.TIOCGSID,
]);

/** A stream that only passes for a terminal has attributes and a size, and they stay. */
function fixedIoctl(thread: Thread, fd: number, request: number, at: number, error: number): Outcome {
  if (checkTerminal(thread, fd) < 0) return error;
  const { memory } = thread.process;
  switch (request) {
    case ioctl.TIOCGWINSZ:
      return putWindow(memory, at, ioctl.ROWS, ioctl.COLUMNS);
    case ioctl.TCGETS:
      return putSettings(memory, at);
    case ioctl.TCSETS:
    case ioctl.TCSETSW:
    case ioctl.TCSETSF:
      return memory.contains(at, ioctl.TERMIOS_BYTES) ? 0 : -EFAULT;
    default:
      return -ENOTTY;
  }
}

function putSettings(memory: GuestMemory, at: number, terminal?: Terminal): Outcome {
  if (!memory.contains(at, ioctl.TERMIOS_BYTES)) return -EFAULT;
  let words = ioctl.INITIAL_TERMIOS;
  let characters: ArrayLike<number> = ioctl.INITIAL_CHARACTERS;
  if (terminal !== undefined) {
    const { settings } = terminal;
    words = [settings.input, settings.output, settings.control, settings.local];
    characters = settings.characters;
  }
  words.forEach((word, i) => {
    memory.view.setUint32(at + i * 4, word, true);
  });
  memory.bytes.fill(0, at + CHARACTERS_OFFSET - 1, at + ioctl.TERMIOS_BYTES);
  memory.bytes.set(characters, at + CHARACTERS_OFFSET);
  return 0;
}

function setSettings(thread: Thread, terminal: Terminal, at: number, flushing: boolean): Outcome {
  const { memory } = thread.process;
  if (!memory.contains(at, ioctl.TERMIOS_BYTES)) return -EFAULT;
  const word = (index: number) => memory.view.getUint32(at + index * 4, true);
  const start = at + CHARACTERS_OFFSET;
  const characters = memory.bytes.slice(start, start + NCCS);
  const settings = { input: word(0), output: word(1), control: word(2), local: word(3), characters };
  return changeSettings(thread, terminal, settings, flushing);
}

function putWindow(memory: GuestMemory, at: number, rows: number, columns: number): Outcome {
  if (!memory.contains(at, WINDOW_BYTES)) return -EFAULT;
  memory.view.setUint16(at, rows, true);
  memory.view.setUint16(at + 2, columns, true);
  memory.view.setUint32(at + 4, 0, true);
  return 0;
}

function putNumber(memory: GuestMemory, at: number, outcome: Outcome): Outcome {
  if (outcome < 0) return outcome;
  if (!memory.contains(at, 4)) return -EFAULT;
  memory.view.setInt32(at, outcome, true);
  return 0;
}
