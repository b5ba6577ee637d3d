/**
 * Layer: kernel. Timers that are read: timerfd_create(2). Each is one entry of the scheduler's heap of deadlines. It must not
 * know who waits.
 */
import { EAGAIN, EINVAL } from "../../abi/errno.ts";
import { POLLIN } from "../../abi/poll.ts";
import type { Timed } from "../../wait/deadlines.ts";
import type { Kernel } from "../kernel.ts";
import { StreamFile } from "../pipefs.ts";

const COUNT_BYTES = 8;

/** What stands in the heap. */
export interface FileTimer extends Timed {
  readonly kind: "file timer";
  readonly file: TimerFile;
  deadlineNs: number;
}

export class TimerFile extends StreamFile {
  /** Of its clock: wall time jumps for nobody here, so this is only told again. */
  readonly clock: number;
  readonly timer: FileTimer = { kind: "file timer", file: this, deadlineNs: Infinity, heapIndex: -1 };
  /** 0: once. */
  intervalNs = 0;
  /** Times it went off since it was read. */
  expirations = 0;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, clock: number) {
    super(kernel.pipes.inode(0, 0o600, 0, { uid: 0, gid: 0 }), kernel.pipes.queue());
    this.#kernel = kernel;
    this.clock = clock;
  }

  /** When it goes off next, in monotonic nanoseconds; Infinity disarms it. */
  arm(deadlineNs: number, intervalNs: number): void {
    this.intervalNs = intervalNs;
    this.expirations = 0;
    this.#setDeadline(deadlineNs);
  }

  /** Nanoseconds until it goes off; 0 when it is not armed. */
  remainingNs(): number {
    this.#catchUp();
    const { deadlineNs } = this.timer;
    return deadlineNs === Infinity ? 0 : Math.max(1, deadlineNs - this.#kernel.host.clock.monotonicNs());
  }

  /** Its time has come. */
  fire(nowNs: number): void {
    const { deadlineNs } = this.timer;
    const missed = this.intervalNs > 0 ? Math.max(0, Math.floor((nowNs - deadlineNs) / this.intervalNs)) : 0;
    this.expirations += 1 + missed;
    this.#setDeadline(this.intervalNs > 0 ? deadlineNs + (missed + 1) * this.intervalNs : Infinity);
    this.waiters.wakeEnough(POLLIN);
  }

  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    if (length < COUNT_BYTES) return -EINVAL;
    this.#catchUp();
    if (this.expirations === 0) return -EAGAIN;
    new DataView(into.buffer, into.byteOffset).setBigUint64(at, BigInt(this.expirations), true);
    this.expirations = 0;
    return COUNT_BYTES;
  }

  override write(): number {
    return -EINVAL;
  }

  override readiness(): number {
    this.#catchUp();
    return this.expirations > 0 ? POLLIN : 0;
  }

  override available(): number {
    return 0;
  }

  override close(): void {
    this.#setDeadline(Infinity);
  }

  #setDeadline(deadlineNs: number): void {
    this.#kernel.scheduler.arm(this.timer, deadlineNs);
  }

  /** The alarm may ring later than a guest looks. */
  #catchUp(): void {
    const now = this.#kernel.host.clock.monotonicNs();
    if (this.timer.deadlineNs <= now) this.fire(now);
  }
}
