/**
 * Layer: kernel. A terminal: line discipline, window size, session and foreground group over the host's two ends. One
 * open file serves every descriptor of it. It must not know frames, nor who blocks.
 */
import { EAGAIN, EINVAL, EIO } from "../abi/errno.ts";
import { COLUMNS, ROWS } from "../abi/ioctl.ts";
import { TIOCPKT_DOSTOP, TIOCPKT_NOSTOP, TIOCPKT_START, TIOCPKT_STOP } from "../abi/packet-mode.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../abi/poll.ts";
import { SIGCONT, SIGHUP, SIGWINCH } from "../abi/signal.ts";
import { S_IFCHR } from "../abi/stat.ts";
import { ICANON, IXON, VMIN, VSTART, VSTOP, VTIME } from "../abi/termios.ts";
import type { OpenFile } from "../vfs/contracts.ts";
import type { OutputPort } from "./contracts.ts";
import type { Kernel } from "./kernel.ts";
import { type Reopenable, StreamFile, type StreamInode } from "./pipefs.ts";
import type { Process } from "./process.ts";
import type { PairState, PseudoTerminal } from "./pseudo-terminal.ts";
import { INPUT_WINDOW_BYTES, type InputListener, TERMINAL_RDEV } from "./streams.ts";
import { type InputEffects, type InputState, TerminalInput } from "./terminal-input.ts";
import { TerminalOutput } from "./terminal-output.ts";
import { TerminalSettings } from "./terminal-settings.ts";

const CTRL_Q = 0x11;
const CTRL_S = 0x13;
/** Nanoseconds in the unit of VTIME. */
const TENTH_NS = 100_000_000;

/** Rows and columns of characters, 0 to 65,535 each. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** What a snapshot keeps of a terminal; its ends are the host's, which makes it anew. */
export interface TerminalState extends InputState {
  readonly ino: number;
  /** c_iflag, c_oflag, c_cflag, c_lflag. */
  readonly flags: readonly number[];
  readonly characters: readonly number[];
  readonly window: WindowSize;
  readonly session: number;
  readonly foreground: number;
  readonly column: number;
  readonly stopped: boolean;
  /** Echoes that found no room yet. */
  readonly echoes: Uint8Array;
  readonly ended: boolean;
  readonly hungUp: boolean;
  /** Of the slave of a pair; its other end is the kernel's. */
  readonly pair: PairState | undefined;
}

export class Terminal implements InputEffects {
  readonly file: TerminalFile;
  readonly settings = new TerminalSettings();
  readonly input: TerminalInput;
  readonly output: TerminalOutput;
  /** Where the other end is the kernel's: what it needs to be told. */
  readonly pair: PseudoTerminal | undefined;
  readonly #kernel: Kernel;
  readonly #listener: InputListener;
  #window: WindowSize;
  /** Whose controlling terminal it is, and which group reads and gets its signals; 0: none. */
  session = 0;
  foreground = 0;
  /** Bytes that were fed and not yet reported as consumed. */
  #outstanding = 0;
  /** When input came last, monotonic nanoseconds. */
  #inputNs = 0;
  #ended = false;
  #hungUp = false;
  #flows = true;

  constructor(
    kernel: Kernel,
    port: OutputPort,
    listener: InputListener,
    window: WindowSize = { rows: ROWS, columns: COLUMNS },
    pair?: PseudoTerminal,
  ) {
    this.pair = pair;
    this.#kernel = kernel;
    this.#listener = listener;
    this.#window = window;
    this.input = new TerminalInput(this.settings, this);
    this.output = new TerminalOutput(this.settings, port);
    this.file = new TerminalFile(kernel, this);
  }

  get window(): WindowSize {
    return this.#window;
  }

  get hungUp(): boolean {
    return this.#hungUp;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get canonical(): boolean {
    return (this.settings.local & ICANON) !== 0;
  }

  /** Become the controlling terminal of a session's leader, its group the foreground. */
  control(leader: Process): void {
    this.session = leader.session;
    this.foreground = leader.group;
    this.#kernel.terminals.set(leader.session, this);
  }

  /** It is nobody's controlling terminal any more; the foreground hears SIGHUP (setsid(2), tty_ioctl(4)). */
  release(): void {
    const { foreground } = this;
    this.#kernel.terminals.delete(this.session);
    this.session = 0;
    this.foreground = 0;
    if (foreground === 0) return;
    this.#kernel.signalGroup(foreground, SIGHUP);
    this.#kernel.signalGroup(foreground, SIGCONT);
  }

  /** The session's leader ended: nobody reads or writes here any more. */
  leaderEnded(): void {
    this.#hungUp = true;
    this.release();
    this.discardInput();
    this.wake();
  }

  /** The host: the line is cut. */
  hangUp(): void {
    this.#kernel.scheduler.eventsTurned();
    this.cut();
  }

  /** Reads find the end, writes -EIO; the session's leader gets SIGHUP. */
  cut(): void {
    this.#hungUp = true;
    const leader = this.#kernel.process(this.session);
    if (leader !== undefined) {
      this.#kernel.signal(leader, SIGHUP);
      this.#kernel.signal(leader, SIGCONT);
    }
    this.discardInput();
    this.wake();
  }

  /** Nobody who was hung up has it open any more. */
  revive(): void {
    this.#hungUp = false;
  }

  /** The host: what was typed. How many bytes were taken: fewer than given beyond a window of INPUT_WINDOW_BYTES. */
  feed(bytes: Uint8Array): number {
    this.#kernel.scheduler.eventsTurned();
    return this.type(bytes, 0, bytes.length);
  }

  /** Bytes that can be typed now. */
  get room(): number {
    return INPUT_WINDOW_BYTES - this.#outstanding;
  }

  /** What is typed: how many bytes of bytes[at, at + length) were taken. */
  type(bytes: Uint8Array, at: number, length: number): number {
    const taken = Math.min(length, this.room);
    this.#outstanding += taken;
    this.#inputNs = this.#kernel.host.clock.monotonicNs();
    if (!this.#hungUp && !this.#ended) for (let i = 0; i < taken; i++) this.input.receive(bytes[at + i] ?? 0);
    this.output.flush();
    this.reportConsumed();
    this.wake();
    return taken;
  }

  /** The host: nothing more will be typed. Readers find the end after what there is. */
  end(): void {
    this.#kernel.scheduler.eventsTurned();
    this.#ended = true;
    this.input.finish();
    this.wake();
  }

  /** The host: the reader of output has caught up. */
  credited(): void {
    this.#kernel.scheduler.eventsTurned();
    this.drained();
  }

  /** The reader of output has caught up. */
  drained(): void {
    this.output.credited();
    this.wake();
  }

  /** From the host or a guest. The foreground gets SIGWINCH if anything changed. */
  resize(window: WindowSize): void {
    const { rows, columns } = this.#window;
    this.#window = { rows: window.rows, columns: window.columns };
    if (rows === window.rows && columns === window.columns) return;
    if (this.foreground !== 0) this.#kernel.signalGroup(this.foreground, SIGWINCH);
  }

  /** Whoever changed `settings` says so, and what ICANON was. */
  settled(wasCanonical: boolean): void {
    this.input.settled(wasCanonical);
    if ((this.settings.input & IXON) === 0) this.flow(false);
    if (this.#flows !== this.flows) {
      this.#flows = this.flows;
      this.pair?.happened(this.#flows ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
    }
    this.wake();
  }

  /** Whether Ctrl-S and Ctrl-Q stop and start output: what a master in packet mode is told. */
  private get flows(): boolean {
    const { input, characters } = this.settings;
    return (input & IXON) !== 0 && characters[VSTOP] === CTRL_S && characters[VSTART] === CTRL_Q;
  }

  discardInput(): void {
    this.input.flush();
    this.reportConsumed();
  }

  /** Bytes that left, read or forgotten, may be sent again. */
  reportConsumed(): void {
    const consumed = this.#outstanding - this.input.held;
    if (consumed <= 0) return;
    this.#outstanding -= consumed;
    this.#listener.consumed(consumed);
  }

  /** Try everyone who waits. */
  wake(): void {
    this.file.waiters.wakeAll();
  }

  /** When a read that finds too little is over, monotonic nanoseconds: what VTIME says (termios(3)). */
  readDeadline(): number {
    const { characters } = this.settings;
    const time = (characters[VTIME] ?? 0) * TENTH_NS;
    if (this.canonical || time === 0) return Infinity;
    if (characters[VMIN] === 0) return this.#kernel.host.clock.monotonicNs() + time;
    return this.input.available > 0 ? this.#inputNs + time : Infinity;
  }

  // What input does besides being read.

  get column(): number {
    return this.output.column;
  }

  echo(byte: number): boolean {
    return this.output.echo(byte);
  }

  signal(signal: number, flush: boolean): void {
    if (flush) {
      this.output.flush();
      this.output.discard();
    }
    this.flow(false);
    if (this.foreground !== 0) this.#kernel.signalGroup(this.foreground, signal);
  }

  flow(stopped: boolean): void {
    if (this.output.stopped === stopped) return;
    this.output.stopped = stopped;
    this.pair?.happened(stopped ? TIOCPKT_STOP : TIOCPKT_START);
    if (stopped) return;
    this.output.flush();
    this.wake();
  }

  // Snapshots.

  state(): TerminalState {
    const { input, output, control, local, characters } = this.settings;
    return {
      ...this.input.state(),
      ino: this.file.inode.ino,
      flags: [input, output, control, local],
      characters: [...characters],
      window: this.#window,
      session: this.session,
      foreground: this.foreground,
      column: this.output.column,
      stopped: this.output.stopped,
      echoes: this.output.held(),
      ended: this.#ended,
      hungUp: this.#hungUp,
      pair: this.pair?.state(),
    };
  }

  /** Take up what state() told, in a terminal just made. False when that is no terminal's. */
  restore(state: TerminalState): boolean {
    const [input = 0, output = 0, control = 0, local = 0] = state.flags;
    Object.assign(this.settings, { input, output, control, local });
    if (state.characters.length !== this.settings.characters.length) return false;
    this.settings.characters.set(state.characters);
    const { rows, columns } = state.window;
    this.#window = { rows, columns };
    this.session = state.session;
    this.foreground = state.foreground;
    if (this.session !== 0) this.#kernel.terminals.set(this.session, this);
    this.output.column = state.column;
    this.output.stopped = state.stopped;
    this.#ended = state.ended;
    this.#hungUp = state.hungUp;
    const sound = this.input.restore(state) && this.output.hold(state.echoes);
    this.#outstanding = this.input.held;
    return sound;
  }
}

/** Deviation: closing the host's does nothing; that terminal lives as long as its session's leader. */
export class TerminalFile extends StreamFile implements Reopenable {
  declare readonly inode: StreamInode;
  readonly terminal: Terminal;

  constructor(kernel: Kernel, terminal: Terminal) {
    const inode = kernel.pipes.inode(S_IFCHR, 0o620, TERMINAL_RDEV, { uid: 0, gid: 0 });
    super(inode, kernel.pipes.queue());
    inode.source = this;
    this.terminal = terminal;
  }

  reopen(): OpenFile | number {
    const { pair } = this.terminal;
    return pair === undefined ? this : pair.openSlave();
  }

  /** This, for one open file description more. */
  opened(): this {
    this.terminal.pair?.slaveOpened();
    return this;
  }

  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    const { terminal } = this;
    if (length === 0 || terminal.hungUp) return 0;
    const { input, settings } = terminal;
    const { characters } = settings;
    const most = characters[VMIN] ?? 0;
    if (!input.some) {
      const immediately = !terminal.canonical && most === 0 && characters[VTIME] === 0;
      return terminal.ended || immediately ? 0 : -EAGAIN;
    }
    const few = !terminal.canonical && !terminal.ended && input.available < Math.min(most, length);
    return few ? -EAGAIN : this.#take(into, at, length);
  }

  /** What there is, fewer bytes than VMIN too: for a read whose time is over or that must not wait. -EAGAIN for nothing. */
  readNow(into: Uint8Array, at: number, length: number): number {
    return this.terminal.input.some ? this.#take(into, at, length) : -EAGAIN;
  }

  override write(_position: number, from: Uint8Array, at: number, length: number): number {
    if (this.terminal.hungUp) return -EIO;
    if (length === 0) return 0;
    const taken = this.terminal.output.write(from, at, length);
    return taken > 0 ? taken : -EAGAIN;
  }

  override readiness(): number {
    const { input, output, ended, hungUp, canonical, settings } = this.terminal;
    if (hungUp) return POLLIN | POLLOUT | POLLERR | POLLHUP;
    const { characters } = settings;
    const few = !canonical && characters[VTIME] === 0 && input.available < (characters[VMIN] ?? 0);
    const readable = (input.some && !few) || ended;
    return (readable ? POLLIN : 0) | (output.writable ? POLLOUT : 0) | (ended ? POLLHUP : 0);
  }

  override available(): number {
    return this.terminal.input.available;
  }

  override sync(): number {
    return -EINVAL;
  }

  override close(): void {
    this.terminal.pair?.slaveClosed();
  }

  #take(into: Uint8Array, at: number, length: number): number {
    const moved = this.terminal.input.take(into, at, length);
    this.terminal.reportConsumed();
    return moved;
  }
}
