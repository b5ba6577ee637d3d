/**
 * Layer: kernel, operations. pipe2(2), opening FIFOs, F_SETPIPE_SZ. It must not know encodings.
 */
import { EBADF, EINVAL, EMFILE, ENXIO } from "../../abi/errno.ts";
import { O_ACCMODE, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from "../../abi/fcntl.ts";
import { S_IFIFO } from "../../abi/stat.ts";
import type { OpenFile } from "../../vfs/contracts.ts";
import type { Location } from "../../vfs/mounts.ts";
import type { Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { parked } from "../pending.ts";
import { Pipe, PipeBothEnds, type PipeEnd, PipeReadEnd, PipeWriteEnd } from "../pipe.ts";
import type { Thread } from "../process.ts";

export interface PipeEnds {
  readFd: number;
  writeFd: number;
}

/** Two new descriptors in `out`. 0, -EINVAL (flags other than O_CLOEXEC, O_NONBLOCK), -EMFILE. */
export function makePipe(thread: Thread, flags: number, out: PipeEnds): Outcome {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const { kernel, descriptors, credentials } = thread.process;
  if (descriptors.open + 2 > descriptors.limit) return -EMFILE;
  const inode = kernel.pipes.inode(S_IFIFO, 0o600, 0, credentials);
  const pipe = new Pipe(kernel.pipes, inode);
  inode.source = pipe;
  const status = flags & O_NONBLOCK;
  const closeOnExec = (flags & O_CLOEXEC) !== 0;
  out.readFd = descriptors.install(
    new OpenDescription(new PipeReadEnd(pipe), undefined, O_RDONLY | status),
    closeOnExec,
  );
  out.writeFd = descriptors.install(
    new OpenDescription(new PipeWriteEnd(pipe), undefined, O_WRONLY | status),
    closeOnExec,
  );
  return 0;
}

/** open(2) of a FIFO (fifo(7)) at a place: `held` keeps its inode while it is open. As openEnd(). */
export function openFifo(thread: Thread, location: Location, held: OpenFile, flags: number): Outcome {
  const { pipes } = thread.process.kernel;
  const { inode } = location;
  let pipe = pipes.fifos.get(inode);
  if (pipe === undefined) {
    pipe = new Pipe(pipes, inode);
    pipes.fifos.set(inode, pipe);
  }
  return openEnd(thread, pipe.reopen(flags, held), location, flags);
}

/**
 * A descriptor of an end that was just opened; parks until the other end is opened, unless it is, or O_RDWR or O_NONBLOCK is
 * given. -ENXIO (O_WRONLY with O_NONBLOCK and no reader), -EMFILE: the end is closed then.
 */
export function openEnd(thread: Thread, end: PipeEnd, location: Location | undefined, flags: number): Outcome {
  const { kernel, descriptors } = thread.process;
  const { pipe } = end;
  const access = flags & O_ACCMODE;
  const closeOnExec = (flags & O_CLOEXEC) !== 0;
  const nonBlocking = (flags & O_NONBLOCK) !== 0;
  // A pipe without a name, opened through /proc, waits for nobody: its other end may be gone for good.
  const named = location !== undefined;
  if (named && access === O_WRONLY && nonBlocking && pipe.readEnds === 0) {
    end.close();
    return -ENXIO;
  }
  const description = new OpenDescription(end, location, flags & (O_ACCMODE | O_NONBLOCK));
  description.acquire();
  const alone = access === O_RDONLY ? pipe.writeEnds === 0 : pipe.readEnds === 0;
  if (!named || access === O_RDWR || nonBlocking || !alone) {
    const fd = descriptors.install(description, closeOnExec);
    description.release();
    return fd;
  }
  const seen = access === O_RDONLY ? pipe.writersSeen : pipe.readersSeen;
  return kernel.scheduler.park({ ...parked(thread), kind: "open", description, closeOnExec, seen });
}

/** Whether a file is an end of a pipe or FIFO. */
export function isPipeEnd(file: OpenFile | undefined): file is PipeEnd {
  return file instanceof PipeReadEnd || file instanceof PipeWriteEnd || file instanceof PipeBothEnds;
}

/** F_GETPIPE_SZ: bytes. -EBADF, also for what is no pipe. */
export function pipeSize(thread: Thread, fd: number): Outcome {
  return pipeAt(thread, fd)?.ring.capacity ?? -EBADF;
}

/** F_SETPIPE_SZ: the size it has then. -EBADF, -EBUSY, -EPERM, -EINVAL. */
export function setPipeSize(thread: Thread, fd: number, bytes: number): Outcome {
  return pipeAt(thread, fd)?.resize(bytes) ?? -EBADF;
}

/** The pipe behind a descriptor, FIFOs among them. */
export function pipeAt(thread: Thread, fd: number): Pipe | undefined {
  const file = thread.process.descriptors.get(fd)?.description.file;
  return isPipeEnd(file) ? file.pipe : undefined;
}
