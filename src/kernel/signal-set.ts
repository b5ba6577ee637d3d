/**
 * Layer: kernel. A set of signals, 1 to 64, as two words: the form in which guests pass it. It must not know what any of
 * them does.
 */
import { SIGKILL, SIGSTOP } from "../abi/signal.ts";

/** What no mask can hold. */
/** SIGKILL and SIGSTOP in the low half of a mask: nothing blocks them. */
export const UNBLOCKABLE = (1 << (SIGKILL - 1)) | (1 << (SIGSTOP - 1));

export class SignalSet {
  /** Signals 1 to 32 and 33 to 64, as i32. */
  low: number;
  high: number;

  constructor(low = 0, high = 0) {
    this.low = low | 0;
    this.high = high | 0;
  }

  get empty(): boolean {
    return (this.low | this.high) === 0;
  }

  has(signal: number): boolean {
    return ((signal <= 32 ? this.low >>> (signal - 1) : this.high >>> (signal - 33)) & 1) !== 0;
  }

  add(signal: number): void {
    if (signal <= 32) this.low |= 1 << (signal - 1);
    else this.high |= 1 << (signal - 33);
  }

  delete(signal: number): void {
    if (signal <= 32) this.low &= ~(1 << (signal - 1));
    else this.high &= ~(1 << (signal - 33));
  }

  set(low: number, high: number): void {
    this.low = low | 0;
    this.high = high | 0;
  }

  /** Set as a mask: without SIGKILL and SIGSTOP. */
  setMask(low: number, high: number): void {
    this.set(low & ~UNBLOCKABLE, high);
  }

  /** The lowest signal of this set that `mask` does not have; 0 if there is none. */
  firstOutside(mask: SignalSet): number {
    return lowest(this.low & ~mask.low, this.high & ~mask.high);
  }

  /** The lowest signal that both have; 0 if there is none. */
  firstWithin(other: SignalSet): number {
    return lowest(this.low & other.low, this.high & other.high);
  }

  copy(): SignalSet {
    return new SignalSet(this.low, this.high);
  }
}

function lowest(low: number, high: number): number {
  if (low !== 0) return 32 - Math.clz32(low & -low);
  return high === 0 ? 0 : 64 - Math.clz32(high & -high);
}
