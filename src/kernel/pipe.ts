/**
 * Layer: kernel. Pipes and FIFOs: pipe(7), fifo(7). Open files over one ring buffer. It must not know descriptors, signals, or
 * who blocks: it answers -EAGAIN and wakes its queues.
 */
import { EAGAIN, EBADF, EPIPE } from "../abi/errno.ts";
import { O_ACCMODE, O_RDONLY, O_WRONLY } from "../abi/fcntl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../abi/poll.ts";
import { PIPE_BUF } from "../limits.ts";
import type { Inode, OpenFile } from "../vfs/contracts.ts";
import type { WaitQueue } from "../wait/wait-queue.ts";
import { type PipeFileSystem, type Reopenable, StreamFile } from "./pipefs.ts";
import { RingBuffer } from "./ring-buffer.ts";

/** What all open ends share. */
export class Pipe implements Reopenable {
  readonly inode: Inode;
  readonly ring: RingBuffer;
  /** Who waits for bytes, and who for room; or either for the other end to be opened. */
  readonly toRead: WaitQueue;
  readonly toWrite: WaitQueue;
  readEnds = 0;
  writeEnds = 0;
  /** How often an end was opened: who waits for a partner waits for a change. */
  readersSeen = 0;
  writersSeen = 0;
  readonly #fs: PipeFileSystem;

  constructor(fs: PipeFileSystem, inode: Inode) {
    this.#fs = fs;
    this.inode = inode;
    this.ring = new RingBuffer(fs.takeCapacity());
    this.toRead = fs.queue();
    this.toWrite = fs.queue();
  }

  /** Open an end, or both: as flags of open(2) say. `held` is closed with it. */
  reopen(flags: number, held?: OpenFile): PipeEnd {
    const access = flags & O_ACCMODE;
    if (access === O_RDONLY) return new PipeReadEnd(this, held);
    return access === O_WRONLY ? new PipeWriteEnd(this, held) : new PipeBothEnds(this, held);
  }

  /** F_SETPIPE_SZ: the size in bytes it has from now on. -EBUSY (more is held), -EPERM (no more is left for pipes). */
  resize(bytes: number): number {
    return this.#fs.resize(this.ring, bytes);
  }

  /** Bytes, 0 when no writer is left, -EAGAIN when there may come more. */
  read(into: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    const moved = this.ring.read(into, at, length);
    if (moved === 0) return this.writeEnds === 0 ? 0 : -EAGAIN;
    this.roomMade();
    return moved;
  }

  /** After bytes were taken out: below PIPE_BUF of room nobody is woken, as Linux wakes writers only for a whole page. */
  roomMade(): void {
    if (this.toWrite.size > 0 && this.ring.free >= PIPE_BUF) this.toWrite.wakeEnough(POLLOUT);
  }

  /** Bytes taken; up to PIPE_BUF of them all or none. -EAGAIN without room, -EPIPE without a reader. */
  write(from: Uint8Array, at: number, length: number): number {
    if (this.readEnds === 0) return -EPIPE;
    if (length === 0) return 0;
    if (length <= PIPE_BUF && this.ring.free < length) return -EAGAIN;
    const moved = this.ring.write(from, at, length);
    if (moved === 0) return -EAGAIN;
    this.toRead.wakeEnough(POLLIN);
    return moved;
  }

  addReader(): void {
    this.readEnds += 1;
    this.readersSeen += 1;
    this.toWrite.wakeAll();
  }

  addWriter(): void {
    this.writeEnds += 1;
    this.writersSeen += 1;
    this.toRead.wakeAll();
  }

  dropReader(): void {
    this.readEnds -= 1;
    if (this.readEnds === 0) this.toWrite.wakeAll();
    this.forgetIfClosed();
  }

  dropWriter(): void {
    this.writeEnds -= 1;
    if (this.writeEnds === 0) this.toRead.wakeAll();
    this.forgetIfClosed();
  }

  /** A FIFO nobody has open is forgotten, with what it held; it is called once. */
  forgetIfClosed(): void {
    if (this.readEnds + this.writeEnds > 0) return;
    this.#fs.giveCapacity(this.ring.capacity);
    this.#fs.fifos.delete(this.inode);
  }
}

export type PipeEnd = PipeReadEnd | PipeWriteEnd | PipeBothEnds;

export class PipeReadEnd extends StreamFile {
  readonly pipe: Pipe;
  readonly #held: OpenFile | undefined;
  /** Writers seen before it was opened: of a FIFO nobody has written to since, the end is not yet come (poll(2)). */
  readonly since: number;

  constructor(pipe: Pipe, held?: OpenFile, since = pipe.writeEnds === 0 ? pipe.writersSeen : -1) {
    super(pipe.inode, pipe.toRead);
    this.pipe = pipe;
    this.#held = held;
    this.since = since;
    pipe.addReader();
  }

  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    return this.pipe.read(into, at, length);
  }

  override write(): number {
    return -EBADF;
  }

  override readiness(): number {
    const { ring, writeEnds, writersSeen } = this.pipe;
    return (ring.size > 0 ? POLLIN : 0) | (writeEnds === 0 && writersSeen !== this.since ? POLLHUP : 0);
  }

  override available(): number {
    return this.pipe.ring.size;
  }

  override close(): void {
    this.pipe.dropReader();
    this.#held?.close();
  }
}

export class PipeWriteEnd extends StreamFile {
  readonly pipe: Pipe;
  readonly #held: OpenFile | undefined;

  constructor(pipe: Pipe, held?: OpenFile) {
    super(pipe.inode, pipe.toWrite);
    this.pipe = pipe;
    this.#held = held;
    pipe.addWriter();
  }

  override read(): number {
    return -EBADF;
  }

  override write(_position: number, from: Uint8Array, at: number, length: number): number {
    return this.pipe.write(from, at, length);
  }

  override readiness(): number {
    if (this.pipe.readEnds === 0) return POLLOUT | POLLERR;
    return this.pipe.ring.free >= PIPE_BUF ? POLLOUT : 0;
  }

  override available(): number {
    return this.pipe.ring.size;
  }

  override close(): void {
    this.pipe.dropWriter();
    this.#held?.close();
  }
}

/** A FIFO opened with O_RDWR: it never lacks a partner. */
export class PipeBothEnds extends StreamFile {
  readonly pipe: Pipe;
  override readonly moreWaiters: WaitQueue;
  readonly #held: OpenFile | undefined;

  constructor(pipe: Pipe, held?: OpenFile) {
    super(pipe.inode, pipe.toRead);
    this.pipe = pipe;
    this.moreWaiters = pipe.toWrite;
    this.#held = held;
    pipe.addReader();
    pipe.addWriter();
  }

  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    return this.pipe.read(into, at, length);
  }

  override write(_position: number, from: Uint8Array, at: number, length: number): number {
    return this.pipe.write(from, at, length);
  }

  override readiness(): number {
    const { ring } = this.pipe;
    return (ring.size > 0 ? POLLIN : 0) | (ring.free >= PIPE_BUF ? POLLOUT : 0);
  }

  override available(): number {
    return this.pipe.ring.size;
  }

  override close(): void {
    this.pipe.dropReader();
    this.pipe.dropWriter();
    this.#held?.close();
  }
}
