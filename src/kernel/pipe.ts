/**
 * Layer: kernel. Pipes: pipe(7). Two open files over one ring buffer. It must not know descriptors, signals, or who
 * blocks: it answers -EAGAIN and wakes its queues.
 */
import { EAGAIN, EBADF, EPIPE } from "../abi/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../abi/poll.ts";
import { S_IFIFO } from "../abi/stat.ts";
import { PIPE_BUF, PIPE_BYTES } from "../limits.ts";
import type { Owner } from "../vfs/contracts.ts";
import type { WaitQueue } from "../wait/wait-queue.ts";
import { type PipeFileSystem, StreamFile, type StreamInode } from "./pipefs.ts";
import { RingBuffer } from "./ring-buffer.ts";

/** What both ends share. */
export class Pipe {
  readonly inode: StreamInode;
  readonly ring = new RingBuffer(PIPE_BYTES);
  /** Who waits for bytes, and who for room. */
  readonly toRead: WaitQueue;
  readonly toWrite: WaitQueue;
  readEnds = 0;
  writeEnds = 0;

  constructor(fs: PipeFileSystem, owner: Owner, inode = fs.inode(S_IFIFO, 0o600, 0, owner)) {
    this.inode = inode;
    this.toRead = fs.queue();
    this.toWrite = fs.queue();
  }
}

export class PipeReadEnd extends StreamFile {
  readonly pipe: Pipe;

  constructor(pipe: Pipe) {
    super(pipe.inode, pipe.toRead);
    this.pipe = pipe;
    pipe.readEnds += 1;
  }

  /** Bytes, 0 when no writer is left, -EAGAIN when there may come more. */
  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    const { pipe } = this;
    if (length === 0) return 0;
    const moved = pipe.ring.read(into, at, length);
    if (moved === 0) return pipe.writeEnds === 0 ? 0 : -EAGAIN;
    // Below PIPE_BUF of room nobody is woken, as Linux wakes writers only for a whole page.
    if (pipe.toWrite.size > 0 && pipe.ring.free >= PIPE_BUF) pipe.toWrite.wakeAll();
    return moved;
  }

  override write(): number {
    return -EBADF;
  }

  override readiness(): number {
    return (this.pipe.ring.size > 0 ? POLLIN : 0) | (this.pipe.writeEnds === 0 ? POLLHUP : 0);
  }

  override available(): number {
    return this.pipe.ring.size;
  }

  override close(): void {
    this.pipe.readEnds -= 1;
    if (this.pipe.readEnds === 0) this.pipe.toWrite.wakeAll();
  }
}

export class PipeWriteEnd extends StreamFile {
  readonly pipe: Pipe;

  constructor(pipe: Pipe) {
    super(pipe.inode, pipe.toWrite);
    this.pipe = pipe;
    pipe.writeEnds += 1;
  }

  override read(): number {
    return -EBADF;
  }

  /** Bytes taken; up to PIPE_BUF of them all or none. -EAGAIN without room, -EPIPE without a reader. */
  override write(_position: number, from: Uint8Array, at: number, length: number): number {
    const { pipe } = this;
    if (pipe.readEnds === 0) return -EPIPE;
    if (length === 0) return 0;
    if (length <= PIPE_BUF && pipe.ring.free < length) return -EAGAIN;
    const moved = pipe.ring.write(from, at, length);
    if (moved === 0) return -EAGAIN;
    pipe.toRead.wakeAll();
    return moved;
  }

  override readiness(): number {
    if (this.pipe.readEnds === 0) return POLLOUT | POLLERR;
    return this.pipe.ring.free >= PIPE_BUF ? POLLOUT : 0;
  }

  override available(): number {
    return this.pipe.ring.size;
  }

  override close(): void {
    this.pipe.writeEnds -= 1;
    if (this.pipe.writeEnds === 0) this.pipe.toRead.wakeAll();
  }
}
