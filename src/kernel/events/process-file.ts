/**
 * Layer: kernel. Descriptors of processes: pidfd_open(2). One holds the process's number, which no other ever gets, so that it
 * keeps nothing of a process that is gone. It must not know how processes end.
 */
import { EINVAL } from "../../abi/errno.ts";
import { POLLHUP, POLLIN } from "../../abi/poll.ts";
import { WaitQueue } from "../../wait/wait-queue.ts";
import type { Kernel } from "../kernel.ts";
import { StreamFile } from "../pipefs.ts";
import type { Process } from "../process.ts";

/** Who waits for the ends of processes that somebody has open. */
export class ProcessEnds {
  readonly #kernel: Kernel;
  /** By the process's number, which the kernel gave. */
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
  readonly pid: number;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, pid: number) {
    const inode = kernel.pipes.inode(0, 0o600, 0, { uid: 0, gid: 0 });
    inode.label = "anon_inode:[pidfd]";
    super(inode, kernel.ends.queueOf(pid));
    this.#kernel = kernel;
    this.pid = pid;
  }

  /** undefined once it was waited for. */
  get process(): Process | undefined {
    return this.#kernel.process(this.pid);
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
    return process.status === undefined ? 0 : POLLIN;
  }

  override available(): number {
    return 0;
  }

  override close(): void {
    this.#kernel.ends.closed(this.pid);
  }
}
