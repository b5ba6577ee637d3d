/**
 * Layer: kernel. Signals that are read: signalfd(2). Which they are depends on who reads. It must not know how signals come.
 */
import { EAGAIN, EINVAL } from "../../abi/errno.ts";
import { POLLIN } from "../../abi/poll.ts";
import { takeFrom } from "../delivery.ts";
import type { Kernel } from "../kernel.ts";
import { StreamFile } from "../pipefs.ts";
import type { Process, Thread } from "../process.ts";
import type { SignalSet } from "../signal-set.ts";
import type { SignalInfo } from "../signals.ts";

/** struct signalfd_siginfo. */
export const SIGNAL_RECORD_BYTES = 128;

export class SignalFile extends StreamFile {
  mask: SignalSet;

  constructor(kernel: Kernel, mask: SignalSet) {
    super(kernel.pipes.inode(0, 0o600, 0, { uid: 0, gid: 0 }), kernel.signalReaders);
    this.mask = mask;
  }

  /** Records of the thread's signals and its process's, as many as fit. Bytes, -EAGAIN without any, -EINVAL. */
  readFor(thread: Thread, into: Uint8Array, at: number, length: number): number {
    if (length < SIGNAL_RECORD_BYTES) return -EINVAL;
    let done = 0;
    while (done + SIGNAL_RECORD_BYTES <= length) {
      const info = takeFrom(thread, this.mask);
      if (info === undefined) break;
      putRecord(into, at + done, info);
      done += SIGNAL_RECORD_BYTES;
    }
    return done > 0 ? done : -EAGAIN;
  }

  /** Of whom asks: signals of the process and, where it is known, the thread. */
  readinessFor(process: Process, thread?: Thread): number {
    const own = thread?.signals.set.firstWithin(this.mask) ?? 0;
    return own !== 0 || process.signals.set.firstWithin(this.mask) !== 0 ? POLLIN : 0;
  }

  override read(): number {
    return -EAGAIN;
  }

  override write(): number {
    return -EINVAL;
  }

  override readiness(): number {
    return 0;
  }

  override available(): number {
    return 0;
  }

  override close(): void {}
}

function putRecord(into: Uint8Array, at: number, info: SignalInfo): void {
  into.fill(0, at, at + SIGNAL_RECORD_BYTES);
  const view = new DataView(into.buffer, into.byteOffset);
  view.setUint32(at, info.signal, true);
  view.setInt32(at + 8, info.code, true);
  view.setUint32(at + 12, info.pid, true);
  view.setUint32(at + 16, info.uid, true);
  view.setInt32(at + 40, info.status, true);
  view.setInt32(at + 44, info.value, true);
  view.setUint32(at + 48, info.value, true);
}
