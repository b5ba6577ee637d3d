/**
 * Layer: engine, rewriter. Which functions pay for being entered, and how much work stands for a unit of fuel, so that no
 * chain of calls goes on for long unpaid. Work is counted in bytes of instructions. A function may be entered for nothing
 * while all that it can do then is little; of every circle of calls one function pays, and so does whoever calls through a
 * table, where it may lead anywhere. It must not know how a function pays.
 */
import type { BodySites } from "./body-sites.ts";

/** Turns of loops, in one call of a function, that cost a unit. */
export const LOOP_TURNS = 512;
/** A function that can do more work than this unpaid pays when it is entered. */
const UNPAID_BYTES = 1 << 18;

/** What a call that may lead anywhere is taken to do unpaid: what is usual. It cannot be more than UNPAID_BYTES. */
const OPEN_CALL_BYTES = 256;

/** What a function pays. */
export interface Charge {
  readonly atEntry: boolean;
  /** Units at its entry; more than 1 where much work is unpaid. LOOP_TURNS divided by it are the turns a unit buys. */
  readonly units: number;
}

const NEW = 0;
const OPEN = 1;
const DONE = 2;

/** The charge of each body. `imported` functions come before the bodies in the index space. */
export function entryCharges(bodies: readonly BodySites[], imported: number): readonly Charge[] {
  const charges = new Array<Charge>(bodies.length);
  const pays = bodies.map(({ openCalls }) => openCalls > 0);
  const state = new Uint8Array(bodies.length);
  /** What can be done unpaid between two payments: in the body itself and in callees. */
  const work = new Float64Array(bodies.length);
  const path: number[] = [];
  const next: number[] = [];
  for (let root = 0; root < bodies.length; root++) {
    if (state[root] !== NEW) continue;
    path.push(root);
    next.push(0);
    state[root] = OPEN;
    // The call graph is the guest's: it is walked without recursion.
    for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
      const { calls, openCalls, codeAt, end, hasLoops } = bodies[at] as BodySites;
      const step = next.length - 1;
      const position = next[step] ?? 0;
      const callee = (calls[position] ?? -1) - imported;
      if (position >= calls.length) {
        path.pop();
        next.pop();
        state[at] = DONE;
        const once = (work[at] ?? 0) + end - codeAt + openCalls * OPEN_CALL_BYTES;
        work[at] = hasLoops ? once * LOOP_TURNS : once;
        if ((work[at] ?? 0) > UNPAID_BYTES) pays[at] = true;
        charges[at] = { atEntry: pays[at] === true, units: Math.min(LOOP_TURNS, 1 + Math.floor(once / UNPAID_BYTES)) };
      } else if (callee >= 0 && state[callee] === NEW) {
        path.push(callee);
        next.push(0);
        state[callee] = OPEN;
      } else {
        next[step] = position + 1;
        if (callee >= 0 && state[callee] === OPEN) pays[callee] = true;
        work[at] = (work[at] ?? 0) + (callee < 0 || pays[callee] === true ? 1 : (work[callee] ?? 0));
      }
    }
  }
  return charges;
}
