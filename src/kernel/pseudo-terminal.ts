/**
 * Layer: kernel. Pairs of terminals: pty(7). One end, the slave, is a terminal like any other; whoever holds the master types
 * on it and reads its screen. From pty(7), pts(4), ioctl_tty(2), drivers/tty/pty.c. It must not know encodings, nor who blocks.
 */
import { EAGAIN, EIO, ENOSPC } from "../abi/errno.ts";
import * as packet from "../abi/packet-mode.ts";
import { POLLHUP, POLLIN, POLLOUT, POLLPRI } from "../abi/poll.ts";
import { S_IFCHR } from "../abi/stat.ts";
import { PSEUDO_TERMINALS, TERMINAL_OUTPUT_BYTES } from "../limits.ts";
import type { Inode, OpenFile, Owner } from "../vfs/contracts.ts";
import type { OutputPort } from "./contracts.ts";
import type { Kernel } from "./kernel.ts";
import { StreamFile, type StreamInode } from "./pipefs.ts";
import { RingBuffer } from "./ring-buffer.ts";
import { type InputListener, TERMINAL_RDEV } from "./streams.ts";
import { Terminal, type TerminalState } from "./terminal.ts";

/** new_encode_dev() of 5:2. */
const MASTER_RDEV = (5 << 8) | 2;

/** What a snapshot keeps of a pair beside its terminal. */
export interface PairState {
  readonly number: number;
  readonly locked: boolean;
  readonly packets: boolean;
  readonly status: number;
  /** Whether the slave was opened and nobody has it open any more. */
  readonly left: boolean;
  /** Whether the master is closed. */
  readonly cut: boolean;
  readonly output: Uint8Array;
  readonly mode: number;
  readonly owner: Owner;
}

/** The pairs of one kernel. */
export class PseudoTerminals {
  readonly #kernel: Kernel;
  /** By number; holes where none is. */
  readonly #pairs: (PseudoTerminal | undefined)[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** A pair with the lowest free number, its slave locked. -ENOSPC. */
  make(owner: Owner): PseudoTerminal | number {
    let number = this.#pairs.indexOf(undefined);
    if (number < 0) number = this.#pairs.length;
    if (number >= PSEUDO_TERMINALS) return -ENOSPC;
    const pair = new PseudoTerminal(this.#kernel, number, owner);
    this.#pairs[number] = pair;
    return pair;
  }

  /** The pair of a number whose master is open. */
  pair(number: number): PseudoTerminal | undefined {
    return this.#pairs[number];
  }

  numbers(): readonly number[] {
    return this.#pairs.flatMap((pair, number) => (pair === undefined ? [] : [number]));
  }

  inode(number: number): Inode | undefined {
    return this.#pairs[number]?.terminal.file.inode;
  }

  /** The master is closed: the number is free. */
  forget({ number }: PseudoTerminal): void {
    this.#pairs[number] = undefined;
  }

  /** The terminal of a pair as state() told it; undefined where that cannot be. */
  restore(state: TerminalState): Terminal | undefined {
    const { pair: described } = state;
    if (described === undefined || !Number.isSafeInteger(described.number)) return undefined;
    const { number, cut } = described;
    if (number < 0 || number >= PSEUDO_TERMINALS || (!cut && this.#pairs[number] !== undefined)) return undefined;
    const pair = new PseudoTerminal(this.#kernel, number, described.owner);
    if (!pair.restore(described)) return undefined;
    while (!cut && this.#pairs.length < number) this.#pairs.push(undefined);
    if (!cut) this.#pairs[number] = pair;
    return pair.terminal;
  }
}

export class PseudoTerminal implements OutputPort, InputListener {
  readonly number: number;
  readonly terminal: Terminal;
  readonly master: MasterFile;
  /** The slave cannot be opened: unlockpt(3). */
  locked = true;
  /** Packet mode, TIOCPKT: each read of the master begins with a byte that says what happened. */
  packets = false;
  readonly #kernel: Kernel;
  readonly #inode: StreamInode;
  readonly #output = new RingBuffer(TERMINAL_OUTPUT_BYTES);
  /** TIOCPKT_ bits not read yet. */
  #status = 0;
  /** Open file descriptions of the slave. */
  #opens = 0;
  #left = false;
  #cut = false;

  constructor(kernel: Kernel, number: number, owner: Owner) {
    this.#kernel = kernel;
    this.number = number;
    this.terminal = new Terminal(kernel, this, this, { rows: 0, columns: 0 }, this);
    this.#inode = this.terminal.file.inode;
    Object.assign(this.#inode, { uid: owner.uid, gid: owner.gid, rdev: TERMINAL_RDEV | number });
    this.#inode.label = `/dev/pts/${number}`;
    this.master = new MasterFile(kernel, this);
  }

  // The screen.

  write(from: Uint8Array, at: number, length: number): number {
    if (this.#cut) return length;
    const taken = this.#output.write(from, at, length);
    if (taken > 0) this.master.waiters.wakeAll();
    return taken;
  }

  consumed(): void {
    this.master.waiters.wakeAll();
  }

  /** What the master's reader is told of in packet mode. */
  happened(status: number): void {
    if (!this.packets) return;
    let opposite = 0;
    if (status === packet.TIOCPKT_STOP) opposite = packet.TIOCPKT_START;
    else if (status === packet.TIOCPKT_START) opposite = packet.TIOCPKT_STOP;
    else if (status === packet.TIOCPKT_DOSTOP) opposite = packet.TIOCPKT_NOSTOP;
    else if (status === packet.TIOCPKT_NOSTOP) opposite = packet.TIOCPKT_DOSTOP;
    this.#status = (this.#status & ~opposite) | status;
    this.master.waiters.wakeAll();
  }

  setPackets(on: boolean): void {
    if (on && !this.packets) this.#status = 0;
    this.packets = on;
  }

  /** What the slave wrote and nobody read is gone (TCOFLUSH). */
  discardOutput(): void {
    this.#output.read(new Uint8Array(this.#output.size), 0, this.#output.size);
  }

  // The slave's files.

  /** To be put behind a new description. -EIO: it is locked, or its master is closed. */
  openSlave(): OpenFile | number {
    return this.locked || this.terminal.hungUp ? -EIO : this.terminal.file.opened();
  }

  slaveOpened(): void {
    this.#opens += 1;
    this.#left = false;
  }

  slaveClosed(): void {
    this.#opens -= 1;
    if (this.#opens > 0) return;
    this.#left = true;
    // What hung up those who had it open does not concern who opens it next.
    if (!this.#cut) this.terminal.revive();
    this.master.waiters.wakeAll();
  }

  // The master's.

  read(into: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    if (this.packets && this.#status !== 0) {
      into[at] = this.#status;
      this.#status = 0;
      return 1;
    }
    const head = this.packets ? 1 : 0;
    if (this.#output.size === 0) return this.#left ? -EIO : -EAGAIN;
    if (head === 1) into[at] = packet.TIOCPKT_DATA;
    const moved = this.#output.read(into, at + head, length - head);
    this.terminal.drained();
    return moved + head;
  }

  type(from: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    const taken = this.terminal.type(from, at, length);
    return taken > 0 ? taken : -EAGAIN;
  }

  readiness(): number {
    const told = this.packets && this.#status !== 0;
    const readable = this.#output.size > 0 || told;
    const writable = this.terminal.room > 0;
    return (readable ? POLLIN : 0) | (told ? POLLPRI : 0) | (writable ? POLLOUT : 0) | (this.#left ? POLLHUP : 0);
  }

  available(): number {
    return this.#output.size;
  }

  masterClosed(): void {
    this.#cut = true;
    this.discardOutput();
    this.#kernel.pseudoTerminals.forget(this);
    this.terminal.cut();
  }

  // Snapshots.

  state(): PairState {
    const { number, locked, packets } = this;
    const { mode, uid, gid } = this.#inode;
    return {
      number,
      locked,
      packets,
      status: this.#status,
      left: this.#left,
      cut: this.#cut,
      output: this.#output.contents(),
      mode,
      owner: { uid, gid },
    };
  }

  /** Descriptions of the slave that are restored open it anew. False for what is no pair's state. */
  restore({ locked, packets, status, left, cut, output, mode }: PairState): boolean {
    this.#inode.mode = mode & 0o7777;
    Object.assign(this, { locked, packets });
    this.#status = status & packet.TIOCPKT_ALL;
    this.#left = left;
    this.#cut = cut;
    return this.#output.write(output, 0, output.length) === output.length;
  }
}

/** What /dev/ptmx opens. */
export class MasterFile extends StreamFile {
  readonly pair: PseudoTerminal;

  constructor(kernel: Kernel, pair: PseudoTerminal) {
    const inode = kernel.pipes.inode(S_IFCHR, 0o666, MASTER_RDEV, { uid: 0, gid: 0 });
    inode.label = "/dev/ptmx";
    super(inode, kernel.pipes.queue());
    this.pair = pair;
  }

  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    return this.pair.read(into, at, length);
  }

  override write(_position: number, from: Uint8Array, at: number, length: number): number {
    return this.pair.type(from, at, length);
  }

  override readiness(): number {
    return this.pair.readiness();
  }

  override available(): number {
    return this.pair.available();
  }

  override close(): void {
    this.pair.masterClosed();
  }
}
