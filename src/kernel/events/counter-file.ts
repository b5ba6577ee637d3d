/**
 * Layer: kernel. Event counters: eventfd(2). It must not know who waits.
 */
import { EAGAIN, EINVAL } from "../../abi/errno.ts";
import { POLLIN, POLLOUT } from "../../abi/poll.ts";
import type { Kernel } from "../kernel.ts";
import { StreamFile } from "../pipefs.ts";

export const COUNTER_BYTES = 8;
const MOST = 0xffff_ffff_ffff_fffen;

export class CounterFile extends StreamFile {
  readonly semaphore: boolean;
  #value: bigint;

  constructor(kernel: Kernel, value: bigint, semaphore: boolean) {
    super(kernel.pipes.inode(0, 0o600, 0, { uid: 0, gid: 0 }), kernel.pipes.queue());
    this.#value = value;
    this.semaphore = semaphore;
  }

  get value(): bigint {
    return this.#value;
  }

  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    if (length < COUNTER_BYTES) return -EINVAL;
    if (this.#value === 0n) return -EAGAIN;
    const taken = this.semaphore ? 1n : this.#value;
    this.#value -= taken;
    new DataView(into.buffer, into.byteOffset).setBigUint64(at, taken, true);
    this.waiters.wakeEnough(POLLOUT);
    return COUNTER_BYTES;
  }

  override write(_position: number, from: Uint8Array, at: number, length: number): number {
    if (length < COUNTER_BYTES) return -EINVAL;
    const added = new DataView(from.buffer, from.byteOffset).getBigUint64(at, true);
    if (added > MOST) return -EINVAL;
    if (this.#value + added > MOST) return -EAGAIN;
    this.#value += added;
    this.waiters.wakeEnough(POLLIN);
    return COUNTER_BYTES;
  }

  /** As a write that never waits. */
  add(value: bigint): void {
    this.#value = this.#value + value > MOST ? MOST : this.#value + value;
    this.waiters.wakeEnough(POLLIN);
  }

  override readiness(): number {
    return (this.#value > 0n ? POLLIN : 0) | (this.#value < MOST ? POLLOUT : 0);
  }

  override available(): number {
    return 0;
  }

  override close(): void {}
}
