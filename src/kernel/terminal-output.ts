/**
 * Layer: kernel. The way out of a terminal: output processing of termios(3), and echoes that wait for room. It must not
 * know processes, nor who writes.
 */
import { OCRNL, ONLCR, ONLRET, ONOCR, OPOST } from "../abi/termios.ts";
import type { OutputPort } from "./contracts.ts";
import { RingBuffer } from "./ring-buffer.ts";
import type { TerminalSettings } from "./terminal-settings.ts";

const BACKSPACE = 0x08;
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Bytes processed at a time; each may become two. */
const CHUNK = 16_384;
/** Echoes beyond it are dropped, as Linux drops them. */
const ECHO_BYTES = 4096;

export class TerminalOutput {
  readonly #settings: TerminalSettings;
  readonly #port: OutputPort;
  readonly #echoes = new RingBuffer(ECHO_BYTES);
  /** Allocated with the first write. */
  #processed = new Uint8Array(0);
  /** For each byte of a chunk, where in `#processed` what it became ends. */
  #ends = new Uint16Array(0);
  readonly #letter = new Uint8Array(2);
  /** The carriage return of the next newline is already out. */
  #returned = false;
  /** The port took less than it was offered and has not been credited since. */
  #full = false;
  /** Where the cursor stands, as far as that is known. */
  column = 0;
  /** Ctrl-S, or tcflow(3). */
  stopped = false;

  constructor(settings: TerminalSettings, port: OutputPort) {
    this.#settings = settings;
    this.#port = port;
  }

  get writable(): boolean {
    return !this.#full && !this.stopped;
  }

  /** The reader has caught up. */
  credited(): void {
    this.#full = false;
    this.flush();
  }

  /** How many of the bytes were taken, 0 to `length`; the rest is to be offered again. */
  write(from: Uint8Array, at: number, length: number): number {
    if (!this.flush()) return 0;
    if ((this.#settings.output & OPOST) === 0) return this.#send(from, at, length);
    let taken = 0;
    while (taken < length) {
      const part = Math.min(length - taken, CHUNK);
      const now = this.#writeChunk(from, at + taken, part);
      taken += now;
      if (now < part) break;
    }
    return taken;
  }

  /** Queue a byte of echo, processed as output is; flush() sends it. False when there was no room, and it is dropped. */
  echo(byte: number): boolean {
    const count = (this.#settings.output & OPOST) === 0 ? this.#plain(byte) : this.#process(byte, this.#letter, 0);
    // A port that was full takes nothing before it says so: to ask it for each byte would copy all that waits each time.
    if (this.#echoes.free < count && !this.#full) this.flush();
    if (this.#echoes.free < count) return false;
    this.#echoes.write(this.#letter, 0, count);
    return true;
  }

  /** Send what is queued. Whether nothing is left. */
  flush(): boolean {
    if (this.stopped) return false;
    if (this.#echoes.size === 0) return true;
    const held = this.#echoes.contents();
    const taken = this.#send(held, 0, held.length);
    this.#echoes.read(held, 0, taken);
    return taken === held.length;
  }

  /** Forget what is queued. */
  discard(): void {
    this.#echoes.read(new Uint8Array(ECHO_BYTES), 0, ECHO_BYTES);
  }

  /** A copy of what is queued. */
  held(): Uint8Array {
    return this.#echoes.contents();
  }

  /** Put back what held() gave. False when it is too long. */
  hold(bytes: Uint8Array): boolean {
    return this.#echoes.write(bytes, 0, bytes.length) === bytes.length;
  }

  #send(from: Uint8Array, at: number, length: number): number {
    const taken = this.#port.write(from, at, length);
    this.#full = taken < length;
    return taken;
  }

  #writeChunk(from: Uint8Array, at: number, length: number): number {
    if (this.#processed.length === 0) {
      this.#processed = new Uint8Array(2 * CHUNK);
      this.#ends = new Uint16Array(CHUNK);
    }
    const out = this.#processed;
    let size = 0;
    for (let i = 0; i < length; i++) {
      size += this.#process(from[at + i] ?? 0, out, size);
      this.#ends[i] = size;
    }
    const skipped = this.#returned && out[0] === RETURN && from[at] === NEWLINE ? 1 : 0;
    this.#returned = false;
    const sent = this.#send(out, skipped, size - skipped) + skipped;
    if (sent === size) return length;
    let taken = 0;
    while ((this.#ends[taken] ?? 0) <= sent) taken += 1;
    this.#returned = sent > (taken === 0 ? 0 : (this.#ends[taken - 1] ?? 0));
    return taken;
  }

  #plain(byte: number): number {
    this.#letter[0] = byte;
    return 1;
  }

  /** What one byte becomes, into out[at…]: how many bytes. */
  #process(byte: number, out: Uint8Array, at: number): number {
    const { output } = this.#settings;
    out[at] = byte;
    switch (byte) {
      case NEWLINE:
        if ((output & (ONLCR | ONLRET)) !== 0) this.column = 0;
        if ((output & ONLCR) === 0) return 1;
        out[at] = RETURN;
        out[at + 1] = NEWLINE;
        return 2;
      case RETURN:
        if ((output & ONOCR) !== 0 && this.column === 0) return 0;
        if ((output & OCRNL) !== 0) out[at] = NEWLINE;
        this.column = 0;
        return 1;
      case TAB:
        this.column = (this.column | 7) + 1;
        return 1;
      case BACKSPACE:
        if (this.column > 0) this.column -= 1;
        return 1;
      default:
        // Neither control characters nor the later bytes of a UTF-8 character move the cursor.
        if (byte >= 0x20 && byte !== 0x7f && (byte & 0xc0) !== 0x80) this.column += 1;
        return 1;
    }
  }
}
