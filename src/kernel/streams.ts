/**
 * Layer: kernel. Standard streams: what leaves the sandbox through an OutputPort and what the host feeds in. It must
 * not know frames or credits, nor who blocks.
 */
import { EACCES, EAGAIN, EBADF, EPIPE } from "../abi/errno.ts";
import { O_ACCMODE, O_RDONLY, O_WRONLY } from "../abi/fcntl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../abi/poll.ts";
import { S_IFCHR, S_IFIFO } from "../abi/stat.ts";
import { STREAM_WINDOW_BYTES } from "../limits.ts";
import type { OpenFile, Owner } from "../vfs/contracts.ts";
import type { OutputPort } from "./contracts.ts";
import type { Kernel } from "./kernel.ts";
import { type Reopenable, StreamFile, type StreamInode } from "./pipefs.ts";
import { RingBuffer } from "./ring-buffer.ts";
import type { Scheduler } from "./scheduler.ts";

/** Device number of a pseudo terminal: major 136 (Documentation/admin-guide/devices.txt). */
export const TERMINAL_RDEV = 136 << 8;

/** Hears what a guest took of its standard input, so that more may be sent. */
export interface InputListener {
  consumed(bytes: number): void;
}

/** The most a stream's host may feed before any of it was consumed. */
export const INPUT_WINDOW_BYTES = STREAM_WINDOW_BYTES;

export interface StreamOptions {
  /** A character device, as isatty(3) looks for, rather than a pipe. */
  readonly terminal: boolean;
  readonly owner?: Owner;
}

function streamInode(kernel: Kernel, options: StreamOptions): StreamInode {
  const { terminal, owner = { uid: 0, gid: 0 } } = options;
  return kernel.pipes.inode(
    terminal ? S_IFCHR : S_IFIFO,
    terminal ? 0o620 : 0o600,
    terminal ? TERMINAL_RDEV : 0,
    owner,
  );
}

export class OutputStream extends StreamFile implements Reopenable {
  readonly terminal: boolean;
  readonly #scheduler: Scheduler;
  readonly #port: OutputPort;
  /** The port took less than it was offered and has not been credited since. */
  #full = false;
  #hungUp = false;

  constructor(kernel: Kernel, port: OutputPort, options: StreamOptions) {
    const inode = streamInode(kernel, options);
    super(inode, kernel.pipes.queue());
    inode.source = this;
    this.terminal = options.terminal;
    this.#scheduler = kernel.scheduler;
    this.#port = port;
  }

  reopen(flags: number): OpenFile | number {
    return (flags & O_ACCMODE) === O_WRONLY ? this : -EACCES;
  }

  /** The host: the reader has caught up, writers may try again. */
  credited(): void {
    this.#scheduler.eventsTurned();
    this.#full = false;
    this.waiters.wakeAll();
  }

  /** The host: nobody reads any more. Writers get EPIPE. */
  hangUp(): void {
    this.#scheduler.eventsTurned();
    this.#hungUp = true;
    this.waiters.wakeAll();
  }

  override read(): number {
    return -EBADF;
  }

  override write(_position: number, from: Uint8Array, at: number, length: number): number {
    if (this.#hungUp) return -EPIPE;
    if (length === 0) return 0;
    const taken = this.#port.write(from, at, length);
    this.#full = taken < length;
    return taken > 0 ? taken : -EAGAIN;
  }

  override readiness(): number {
    if (this.#hungUp) return POLLOUT | POLLERR;
    return this.#full ? 0 : POLLOUT;
  }

  override available(): number {
    return 0;
  }

  /** The host learns of the end of output from the process's end. */
  override close(): void {}
}

/** A pipe whose write end the host holds. */
export class InputStream extends StreamFile implements Reopenable {
  readonly terminal: boolean;
  readonly #scheduler: Scheduler;
  readonly #listener: InputListener;
  readonly #ring = new RingBuffer(INPUT_WINDOW_BYTES);
  #ended = false;
  #closed = false;
  /** Open file descriptions: it is closed with the last. */
  #opens = 1;

  constructor(kernel: Kernel, listener: InputListener, options: StreamOptions) {
    const inode = streamInode(kernel, options);
    super(inode, kernel.pipes.queue());
    inode.source = this;
    this.terminal = options.terminal;
    this.#scheduler = kernel.scheduler;
    this.#listener = listener;
  }

  reopen(flags: number): OpenFile | number {
    if ((flags & O_ACCMODE) !== O_RDONLY) return -EACCES;
    this.#opens += 1;
    return this;
  }

  /**
   * The host: bytes for the guest. How many were taken: fewer than given when they exceed the window of
   * INPUT_WINDOW_BYTES. Bytes that nobody can read any more, or that come after the end, are consumed at once.
   */
  feed(bytes: Uint8Array): number {
    this.#scheduler.eventsTurned();
    if (this.#closed || this.#ended) {
      if (bytes.length > 0) this.#listener.consumed(bytes.length);
      return bytes.length;
    }
    const taken = this.#ring.write(bytes, 0, bytes.length);
    if (taken > 0) this.waiters.wakeAll();
    return taken;
  }

  /** The host: nothing more will come. */
  end(): void {
    this.#scheduler.eventsTurned();
    this.#ended = true;
    this.waiters.wakeAll();
  }

  /** Whether the host has said that nothing more will come. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A copy of what was fed and not read yet. */
  held(): Uint8Array {
    return this.#ring.contents();
  }

  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    const moved = this.#ring.read(into, at, length);
    if (moved === 0) return this.#ended ? 0 : -EAGAIN;
    this.#listener.consumed(moved);
    return moved;
  }

  override write(): number {
    return -EBADF;
  }

  override readiness(): number {
    return (this.#ring.size > 0 ? POLLIN : 0) | (this.#ended ? POLLHUP : 0);
  }

  override available(): number {
    return this.#ring.size;
  }

  override close(): void {
    this.#opens -= 1;
    if (this.#opens > 0) return;
    this.#closed = true;
    const left = this.#ring.size;
    if (left > 0) this.#listener.consumed(left);
  }
}
