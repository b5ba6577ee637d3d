/**
 * Layer: engine. Binds one call of a codec to whoever is calling: the JavaScript function a gate calls. The ordinary answer, an
 * integer, takes the short way; everything else is the program's to decide. It must not know stacks.
 */
import { BLOCKED, GONE, type GuestCall, UNWIND } from "../kernel/contracts.ts";
import type { Thread } from "../kernel/process.ts";

/** What a binding needs of the thread that calls. */
export interface CallSite {
  readonly thread: Thread;
  /** The program must not run any further, or its stack is being taken down or put up: no call passes as usual. */
  readonly condemned: boolean;
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
}

export interface Callers {
  /** Whose stack runs. */
  readonly current: CallSite;
}

export type Handler = (...words: number[]) => number;

/** Words a gate passes: two for each i64. */
export function wordsOf(parameters: string): number {
  return parameters.replaceAll("I", "ii").length;
}

export function bind(call: GuestCall, callers: Callers): Handler {
  const words = wordsOf(call.parameters);
  if (words <= 4) return bindUpTo4(call, callers, words);
  if (words <= 8) return bindUpTo8(call, callers, words);
  if (words <= 12) return bindUpTo12(call, callers, words);
  return bindAny(call, callers);
}

/** Note who calls. */
function enter(thread: Thread): void {
  const { process } = thread;
  process.calls += 1;
  const { kernel } = process;
  // A store into an old object costs more than this look at it.
  if (kernel.caller !== thread) kernel.caller = thread;
}

/** The short way out, shared by all arities. `undefined` when the answer is not ordinary. */
function ordinary(wide: boolean, site: CallSite, thread: Thread, value: number): number | undefined {
  if (value !== (value | 0) || (value <= BLOCKED && value >= UNWIND)) return undefined;
  if (thread.attention) return site.attend(value);
  if (thread.process.kernel.shouldYield()) return site.giveWay(value);
  if (wide) site.putWord(value);
  return value;
}

function bindUpTo4(call: GuestCall, callers: Callers, words: number): Handler {
  const { begin } = call;
  const wide = call.result === "I";
  return (a = 0, b = 0, c = 0, d = 0) => {
    const site = callers.current;
    if (site.condemned || site.thread.killed) return site.unusual(call, GONE, []);
    const { thread } = site;
    enter(thread);
    try {
      const value = begin(thread, a, b, c, d);
      return ordinary(wide, site, thread, value) ?? site.unusual(call, value, [a, b, c, d].slice(0, words));
    } catch (error) {
      return site.fault(error);
    }
  };
}

function bindUpTo8(call: GuestCall, callers: Callers, words: number): Handler {
  const { begin } = call;
  const wide = call.result === "I";
  return (a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0) => {
    const site = callers.current;
    if (site.condemned || site.thread.killed) return site.unusual(call, GONE, []);
    const { thread } = site;
    enter(thread);
    try {
      const value = begin(thread, a, b, c, d, e, f, g, h);
      return ordinary(wide, site, thread, value) ?? site.unusual(call, value, [a, b, c, d, e, f, g, h].slice(0, words));
    } catch (error) {
      return site.fault(error);
    }
  };
}

function bindUpTo12(call: GuestCall, callers: Callers, words: number): Handler {
  const { begin } = call;
  const wide = call.result === "I";
  return (a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0, k = 0, l = 0) => {
    const site = callers.current;
    if (site.condemned || site.thread.killed) return site.unusual(call, GONE, []);
    const { thread } = site;
    enter(thread);
    try {
      const value = begin(thread, a, b, c, d, e, f, g, h, i, j, k, l);
      return (
        ordinary(wide, site, thread, value) ??
        site.unusual(call, value, [a, b, c, d, e, f, g, h, i, j, k, l].slice(0, words))
      );
    } catch (error) {
      return site.fault(error);
    }
  };
}

function bindAny(call: GuestCall, callers: Callers): Handler {
  const { begin } = call;
  const wide = call.result === "I";
  return (...args) => {
    const site = callers.current;
    if (site.condemned || site.thread.killed) return site.unusual(call, GONE, []);
    const { thread } = site;
    enter(thread);
    try {
      const value = begin(thread, ...args);
      return ordinary(wide, site, thread, value) ?? site.unusual(call, value, args);
    } catch (error) {
      return site.fault(error);
    }
  };
}
