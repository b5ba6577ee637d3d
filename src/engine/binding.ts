/**
 * Layer: engine. What becomes of a call that is over with no ordinary answer, or that may not pass. A gate hands the thread to a
 * codec's function and returns the integer it gets by itself; everything else comes here, and most of it is the program's to
 * decide. It must not know stacks.
 */
import { BLOCKED, GONE, type GuestCall, UNWIND } from "../kernel/contracts.ts";
import type { Thread } from "../kernel/process.ts";

/** What the gate's questions need of the thread that calls. */
export interface CallSite {
  readonly thread: Thread;
  /** The finished call's answer is to be given later. What the gate gets for now. */
  giveWay(value: number): number;
  /** Before this answer is given, signals are to be looked after. What the gate gets for now. */
  attend(value: number): number;
  /** Put a 64-bit result, which 32 bits carry, where the gate takes it from. */
  putWord(value: number): void;
  /** BLOCKED, GONE, an integer past 31 bits, or nonsense. What the gate gets. */
  unusual(call: GuestCall, value: number, args: readonly number[]): number;
  /** A handler threw: our bug. What the gate gets. */
  fault(error: unknown): number;
  /** Tell the process what calls it has made. */
  countCalls(): void;
}

/** Words a gate passes: two for each i64. */
export function wordsOf(parameters: string): number {
  return parameters.replaceAll("I", "ii").length;
}

const NO_WORDS: readonly number[] = [];

/** A call that may not pass. */
export function refuse(site: CallSite, call: GuestCall): number {
  try {
    return site.unusual(call, GONE, NO_WORDS);
  } catch (error) {
    return site.fault(error);
  }
}

/** A call whose codec answered `value`. `words` gives a copy of the call's words: they are wanted only where it is parked. */
export function ask(site: CallSite, call: GuestCall, value: number, words: (count: number) => number[]): number {
  try {
    site.countCalls();
    if (value !== (value | 0) || (value <= BLOCKED && value >= UNWIND)) {
      const finishes = value === BLOCKED && call.finish !== undefined;
      return site.unusual(call, value, finishes ? words(wordsOf(call.parameters)) : NO_WORDS);
    }
    const { thread } = site;
    if (thread.attention) return site.attend(value);
    if (thread.process.kernel.shouldYield()) return site.giveWay(value);
    if (call.result === "I") site.putWord(value);
    return value;
  } catch (error) {
    return site.fault(error);
  }
}

const INT32_OR_UINT32 = [-0x8000_0000, 0xffff_ffff] as const;

/** An answer is an integer that the result type carries; anything else is our bug. Throws a TypeError. */
export function checkAnswer(call: GuestCall, value: number): void {
  const [least, most] = call.result === "I" ? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] : INT32_OR_UINT32;
  if (value === GONE || (Number.isInteger(value) && value >= least && value <= most)) return;
  throw new TypeError(`call ${call.name} answered ${value}`);
}
