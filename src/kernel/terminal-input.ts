/**
 * Layer: kernel. The way into a terminal: the line discipline of termios(3), canonical and raw. Plain state. It must not
 * know processes: what a byte means beyond input is told to its effects.
 */
import { SIGINT, SIGQUIT, SIGTSTP } from "../abi/signal.ts";
import * as t from "../abi/termios.ts";
import { RingBuffer } from "./ring-buffer.ts";
import { INPUT_WINDOW_BYTES } from "./streams.ts";
import type { TerminalSettings } from "./terminal-settings.ts";

const BELL = 0x07;
const BACKSPACE = 0x08;
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const DELETE = 0x7f;
const CARET = 0x5e;

/** Bytes of a line being typed at most; what follows is dropped until it ends. */
const LINE_BYTES = 4095;
/** Ends without a line (VEOF) are dropped beyond so many ends: each takes a byte of Linux's buffer, N_TTY_BUF_SIZE. */
const LINE_ENDS = 4096;

/** What input does besides being read. */
export interface InputEffects {
  /** A byte for the screen. False when there is no room for it: nor is there then for what follows it at once. */
  echo(byte: number): boolean;
  /** Where the cursor stands. */
  readonly column: number;
  /** A signal for the foreground. `flush`: what is typed or queued is forgotten. */
  signal(signal: number, flush: boolean): void;
  /** Ctrl-S and Ctrl-Q. */
  flow(stopped: boolean): void;
}

/** What a snapshot keeps. */
export interface InputState {
  readonly ready: Uint8Array;
  /** Ends of lines, counted from the first byte of `ready`. */
  readonly ends: readonly number[];
  readonly line: readonly number[];
  readonly literal: boolean;
}

export class TerminalInput {
  readonly #settings: TerminalSettings;
  readonly #effects: InputEffects;
  /** What can be read. */
  readonly #ready = new RingBuffer(INPUT_WINDOW_BYTES);
  /** Bytes that ever became ready, and that were read. */
  #pushed = 0;
  #taken = 0;
  /** Canonical: where the lines in `#ready` end, as counted by `#pushed`. */
  #ends: number[] = [];
  /** Canonical: the line being typed. */
  #line: number[] = [];
  /** Where its first character stands on the screen. */
  #lineColumn = 0;
  /** The next byte has no special meaning (VLNEXT). */
  #literal = false;

  constructor(settings: TerminalSettings, effects: InputEffects) {
    this.#settings = settings;
    this.#effects = effects;
  }

  /** Bytes that wait, the line being typed included. */
  get held(): number {
    return this.#ready.size + this.#line.length;
  }

  /** Bytes that can be read at once: of canonical input those of whole lines. */
  get available(): number {
    return this.#ready.size;
  }

  /** Whether a read finds a whole line (or the end), or a byte. */
  get some(): boolean {
    return this.#canonical ? this.#ends.length > 0 : this.#ready.size > 0;
  }

  receive(byte: number): void {
    const { input, local } = this.#settings;
    let letter = (input & t.ISTRIP) === 0 ? byte : byte & 0x7f;
    if (this.#literal) {
      this.#literal = false;
      this.#store(letter);
      return;
    }
    if ((input & t.IXON) !== 0) {
      const [start, stop] = [this.#is(letter, t.VSTART), this.#is(letter, t.VSTOP)];
      if (start || stop || (input & t.IXANY) !== 0) this.#effects.flow(stop);
      if (start || stop) return;
    }
    const signal = (local & t.ISIG) === 0 ? 0 : this.#signalOf(letter);
    if (signal !== 0) {
      this.#signal(signal, letter);
      return;
    }
    if (letter === RETURN) {
      if ((input & t.IGNCR) !== 0) return;
      if ((input & t.ICRNL) !== 0) letter = NEWLINE;
    } else if (letter === NEWLINE && (input & t.INLCR) !== 0) letter = RETURN;
    if (!this.#canonical || !this.#edit(letter)) this.#store(letter);
  }

  /** Up to `length` bytes, of canonical input not beyond one line; 0 for an end that was typed. Only with `some`. */
  take(into: Uint8Array, at: number, length: number): number {
    if (!this.#canonical) return this.#read(into, at, length);
    const [end = 0] = this.#ends;
    const moved = this.#read(into, at, Math.min(length, end - this.#taken));
    if (this.#taken === end) this.#ends.shift();
    return moved;
  }

  /** No more will come: what was typed of a line is one. */
  finish(): void {
    if (this.#canonical && this.#line.length > 0) this.#endLine();
  }

  flush(): void {
    this.#read(new Uint8Array(this.#ready.size), 0, this.#ready.size);
    this.#ends = [];
    this.#line = [];
    this.#literal = false;
  }

  /** The settings were changed; `wasCanonical` before. What was typed stays: read as a line, or byte by byte. */
  settled(wasCanonical: boolean): void {
    if (wasCanonical === this.#canonical) return;
    this.#literal = false;
    if (!wasCanonical) {
      this.#ends = this.#ready.size > 0 ? [this.#pushed] : [];
      return;
    }
    this.#pushLine();
    this.#ends = [];
  }

  state(): InputState {
    const ends = this.#ends.map((end) => end - this.#taken);
    return { ready: this.#ready.contents(), ends, line: [...this.#line], literal: this.#literal };
  }

  /** False when the state is none. */
  restore({ ready, ends, line, literal }: InputState): boolean {
    this.#ready.write(ready, 0, ready.length);
    this.#pushed = ready.length;
    this.#ends = [...ends];
    this.#line = [...line];
    this.#literal = literal;
    const sound = ends.every((end, i) => end >= (ends[i - 1] ?? 0) && end <= ready.length);
    return sound && this.#ready.size === ready.length && line.length <= LINE_BYTES;
  }

  get #canonical(): boolean {
    return (this.#settings.local & t.ICANON) !== 0;
  }

  #is(letter: number, index: number): boolean {
    return this.#settings.is(letter, index);
  }

  #read(into: Uint8Array, at: number, length: number): number {
    const moved = this.#ready.read(into, at, length);
    this.#taken += moved;
    return moved;
  }

  #signalOf(letter: number): number {
    if (this.#is(letter, t.VINTR)) return SIGINT;
    if (this.#is(letter, t.VQUIT)) return SIGQUIT;
    return this.#is(letter, t.VSUSP) ? SIGTSTP : 0;
  }

  #signal(signal: number, letter: number): void {
    const { local } = this.#settings;
    const flush = (local & t.NOFLSH) === 0;
    if (flush) this.flush();
    this.#effects.signal(signal, flush);
    if ((local & t.ECHO) !== 0) this.#echoLetter(letter);
  }

  /** Canonical: what a byte does that is no part of the line. False when it is a part. */
  #edit(letter: number): boolean {
    const { local } = this.#settings;
    const extended = (local & t.IEXTEN) !== 0;
    const echoes = (local & t.ECHO) !== 0;
    if (this.#is(letter, t.VERASE)) this.#erase("letter", letter);
    else if (extended && this.#is(letter, t.VWERASE)) this.#erase("word", letter);
    else if (this.#is(letter, t.VKILL)) this.#kill(letter);
    else if (extended && this.#is(letter, t.VLNEXT)) {
      this.#literal = true;
      if (echoes && (local & t.ECHOCTL) !== 0) {
        this.#effects.echo(CARET);
        this.#effects.echo(BACKSPACE);
      }
    } else if (extended && echoes && this.#is(letter, t.VREPRINT)) {
      this.#echoLetter(letter);
      this.#effects.echo(NEWLINE);
      this.#lineColumn = this.#effects.column;
      for (const typed of this.#line) if (!this.#echoLetter(typed)) break;
    } else if (this.#is(letter, t.VEOF)) {
      if (this.#line.length > 0 || this.#ends.length < LINE_ENDS) this.#endLine();
    } else if (letter === NEWLINE) {
      if (echoes || (local & t.ECHONL) !== 0) this.#effects.echo(NEWLINE);
      this.#line.push(NEWLINE);
      this.#endLine();
    } else if (this.#is(letter, t.VEOL) || (extended && this.#is(letter, t.VEOL2))) {
      if (echoes) this.#echoLetter(letter);
      this.#line.push(letter);
      this.#endLine();
    } else return false;
    return true;
  }

  #store(letter: number): void {
    const { local, input } = this.#settings;
    if (this.#canonical && this.#line.length >= LINE_BYTES) {
      if ((input & t.IMAXBEL) !== 0) this.#effects.echo(BELL);
      return;
    }
    if (this.#line.length === 0) this.#lineColumn = this.#effects.column;
    if ((local & t.ECHO) !== 0) {
      if (letter === NEWLINE && !this.#canonical) this.#effects.echo(NEWLINE);
      else this.#echoLetter(letter);
    }
    if (this.#canonical) this.#line.push(letter);
    else this.#pushed += this.#ready.write(Uint8Array.of(letter), 0, 1);
  }

  #endLine(): void {
    this.#pushLine();
    this.#ends.push(this.#pushed);
  }

  #pushLine(): void {
    this.#pushed += this.#ready.write(Uint8Array.from(this.#line), 0, this.#line.length);
    this.#line = [];
  }

  #kill(letter: number): void {
    const { local } = this.#settings;
    const visibly = t.ECHOK | t.ECHOKE | t.ECHOE;
    if ((local & t.ECHO) !== 0 && (local & visibly) === visibly) {
      while (this.#line.length > 0) this.#eraseOne(letter);
      return;
    }
    this.#line = [];
    if ((local & t.ECHO) === 0) return;
    this.#echoLetter(letter);
    if ((local & t.ECHOK) !== 0) this.#effects.echo(NEWLINE);
  }

  #erase(what: "letter" | "word", letter: number): void {
    if (what === "letter") {
      if (this.#line.length > 0) this.#eraseOne(letter);
      return;
    }
    let inWord = false;
    for (let last = this.#line.at(-1); last !== undefined; last = this.#line.at(-1)) {
      if (isWordByte(last)) inWord = true;
      else if (inWord) break;
      this.#eraseOne(letter);
    }
  }

  /** Take the last character off the line and off the screen. */
  #eraseOne(eraser: number): void {
    const { local, input } = this.#settings;
    let last = this.#line.pop() ?? 0;
    if ((input & t.IUTF8) !== 0) while ((last & 0xc0) === 0x80 && this.#line.length > 0) last = this.#line.pop() ?? 0;
    if ((local & t.ECHO) === 0) return;
    if ((local & t.ECHOE) === 0) {
      this.#echoLetter(eraser);
      return;
    }
    let width = this.#width(last, 0);
    if (last === TAB) {
      let column = this.#lineColumn;
      for (const typed of this.#line) column += this.#width(typed, column);
      width = 8 - (column & 7);
    }
    for (let i = 0; i < width; i++) {
      this.#effects.echo(BACKSPACE);
      if (last === TAB) continue;
      this.#effects.echo(SPACE);
      this.#effects.echo(BACKSPACE);
    }
  }

  /** Columns a byte takes when it is echoed at this one. */
  #width(byte: number, column: number): number {
    if (byte === TAB) return 8 - (column & 7);
    if (byte < SPACE || byte === DELETE) return (this.#settings.local & t.ECHOCTL) === 0 ? 0 : 2;
    return (byte & 0xc0) === 0x80 && (this.#settings.input & t.IUTF8) !== 0 ? 0 : 1;
  }

  /** Whether there was room. */
  #echoLetter(letter: number): boolean {
    const control = letter !== TAB && (letter < SPACE || letter === DELETE);
    if (!control || (this.#settings.local & t.ECHOCTL) === 0) return this.#effects.echo(letter);
    return this.#effects.echo(CARET) && this.#effects.echo(letter ^ 0x40);
  }
}

function isWordByte(byte: number): boolean {
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x7a) || byte === 0x5f || byte >= 0x80;
}
