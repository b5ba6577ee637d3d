/**
 * Layer: kernel. Descriptors of processes and threads: pidfd_open(2). One holds the process's number, which no other ever gets, so that it
 * keeps nothing of a process that is gone. It must not know how processes end.
 */
import { EINVAL } from "../../abi/errno.ts";
import { POLLHUP, POLLIN } from "../../abi/poll.ts";
import { WaitQueue } from "../../wait/wait-queue.ts";
import type { Kernel } from "../kernel.ts";
import { StreamFile } from "../pipefs.ts";
import type { Process, Thread } from "../process.ts";

/** Who waits for the ends of processes and threads that somebody has open. */
export class ProcessEnds {
  readonly #kernel: Kernel;
  /** By number, which the kernel gave; a first thread has its process's. */
  readonly #open = new Map<number, { readonly queue: WaitQueue; files: number }>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Processes that are open. */
  get size(): number {
    return this.#open.size;
  }

  queueOf(pid: number): WaitQueue {
    const found = this.#open.get(pid) ?? { queue: new WaitQueue(this.#kernel.scheduler), files: 0 };
    found.files += 1;
    this.#open.set(pid, found);
    return found.queue;
  }

  closed(pid: number): void {
    const found = this.#open.get(pid);
    if (found === undefined) return;
    found.files -= 1;
    if (found.files === 0) this.#open.delete(pid);
  }

  ended(pid: number): void {
    this.#open.get(pid)?.queue.wakeAll();
  }
}

export class ProcessFile extends StreamFile {
  /** Of the process or, with PIDFD_THREAD, of the thread. */
  readonly pid: number;
  readonly ofThread: boolean;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, pid: number, ofThread: boolean) {
    const inode = kernel.pipes.inode(0, 0o600, 0, { uid: 0, gid: 0 });
    inode.label = "anon_inode:[pidfd]";
    super(inode, kernel.ends.queueOf(pid));
    this.#kernel = kernel;
    this.pid = pid;
    this.ofThread = ofThread;
  }

  /** undefined once it was waited for. Of a thread that is not the first, its process as long as it runs. */
  get process(): Process | undefined {
    return this.ofThread ? this.#kernel.threadOwner(this.pid) : this.#kernel.process(this.pid);
  }

  /** The thread, while it runs. */
  get thread(): Thread | undefined {
    return this.ofThread ? this.#kernel.thread(this.pid) : undefined;
  }

  override read(): number {
    return -EINVAL;
  }

  override write(): number {
    return -EINVAL;
  }

  override readiness(): number {
    const { process } = this;
    if (process === undefined) return POLLIN | POLLHUP;
    const runs = process.status === undefined && (!this.ofThread || this.thread !== undefined);
    return runs ? 0 : POLLIN;
  }

  override available(): number {
    return 0;
  }

  override close(): void {
    this.#kernel.ends.closed(this.pid);
  }
}
