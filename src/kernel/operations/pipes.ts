/**
 * Layer: kernel, operations. pipe2(2). It must not know encodings.
 */
import { EINVAL, EMFILE } from "../../abi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../abi/fcntl.ts";
import type { Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { Pipe, PipeReadEnd, PipeWriteEnd } from "../pipe.ts";
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
  const pipe = new Pipe(kernel.pipes, credentials);
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
