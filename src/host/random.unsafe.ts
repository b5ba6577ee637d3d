/**
 * Layer: host. Unpredictable bytes straight from the kernel: node:crypto costs a locked process 5 ms of start. It must not
 * know who wants them.
 */
import { EINTR } from "../abi/errno.ts";
import { fixedBytes, namedCall } from "./calls.unsafe.ts";

/** Bytes asked of the kernel at a time; a guest usually wants eight or thirty-two. */
const POOL_BYTES = 4096;

/** A pool that is drained from the front; what was handed out is wiped. */
export class RandomSource {
  readonly #pool = fixedBytes(POOL_BYTES);
  #left = 0;

  /** Fill [at, at + length). Throws when the kernel gives none, which it never does once it has booted. */
  fill(into: Uint8Array, at: number, length: number): void {
    let done = 0;
    while (done < length) {
      if (this.#left === 0) this.#refill();
      const start = POOL_BYTES - this.#left;
      const step = Math.min(length - done, this.#left);
      into.set(this.#pool.subarray(start, start + step), at + done);
      this.#pool.fill(0, start, start + step);
      this.#left -= step;
      done += step;
    }
  }

  #refill(): void {
    let got = 0;
    while (got < POOL_BYTES) {
      // SAFETY: getrandom(2) writes at most the given length into the pool, which lives as long as this object and never
      // moves. Calling thread; blocks only before the kernel's pool is first filled, at boot. -errno: EINTR, tried again;
      // anything else throws. Audited 2026-11-21.
      const step = namedCall("getrandom", this.#pool.subarray(got), POOL_BYTES - got, 0);
      if (step === -EINTR) continue;
      if (step <= 0) throw new Error(`getrandom(2) failed: ${-step}`);
      got += step;
    }
    this.#left = POOL_BYTES;
  }
}
