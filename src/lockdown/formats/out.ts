/**
 * Layer: lockdown, formats. What every writer of a format needs: rules without the ones no call reaches, conditions with
 * one value each, and what is left for a rule when order is no more. It must not know a format.
 */
import { type Action, type Condition, type Policy, PolicyError, type Rule } from "../policy.ts";
import { allOf, type Cube, complementOf, conditionsOf, intersection, overlap, TooManyCubes } from "./cubes.ts";

/** A policy in another format's words. */
export type WrittenText = {
  readonly text: string;
  /** What the format cannot say, in words; the text never allows more than the policy. */
  readonly lost: readonly string[];
};

/** The format has no words for this policy. */
export class NotExpressible extends PolicyError {}

export const sameAction = (a: Action, b: Action): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The rules of each call, in their order, up to the first without conditions. */
export function reachable(rules: readonly Rule[]): Map<string, Rule[]> {
  const calls = new Map<string, Rule[]>();
  for (const rule of rules) {
    const known = calls.get(rule.syscall) ?? [];
    calls.set(rule.syscall, known);
    if (known.at(-1)?.conditions.length !== 0) known.push(rule);
  }
  return calls;
}

/** A conjunction as alternatives of conjunctions in which every condition has one value. */
export function alternatives(conditions: readonly Condition[]): Condition[][] {
  let result: Condition[][] = [[]];
  for (const condition of conditions) {
    const single = condition.values.map((value) => ({ ...condition, values: [value] }));
    if (condition.comparison === "!=") result = result.map((all) => [...all, ...single]);
    else result = result.flatMap((all) => single.map((each) => [...all, each]));
  }
  return result;
}

/** Where one call gets one action, as alternatives of conjunctions. */
export type Region = {
  readonly action: Action;
  readonly why: string;
  readonly cases: readonly (readonly Condition[])[];
};

/**
 * The rules of one call so that their order no longer matters: rules with different actions share no call. Conditions
 * stay as they were written wherever nothing had to be taken from them. Throws NotExpressible when that takes too many.
 */
export function regions(rules: readonly Rule[]): Region[] {
  try {
    return rules.map((rule, at) => {
      const before = rules.slice(0, at).filter((other) => !sameAction(other.action, rule.action));
      let cubes: Cube[] | undefined;
      for (const other of before) {
        const mine = cubes ?? allOf(rule.conditions);
        if (!overlap(mine, allOf(other.conditions))) continue;
        cubes = intersection(mine, complementOf(other.conditions));
      }
      const cases = cubes === undefined ? alternatives(rule.conditions) : shortest(cubes, rule, before);
      return { action: rule.action, why: rule.why, cases };
    });
  } catch (error) {
    if (error instanceof TooManyCubes) {
      throw new NotExpressible(
        `${rules[0]?.syscall}: its rules depend on their order, and without it they are too many`,
      );
    }
    throw error;
  }
}

const OPPOSITES = { "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">" } as const;

/** Of a rule for everything else, after rules with one condition each: their opposites, which reads better than bits. */
function shortest(cubes: readonly Cube[], rule: Rule, before: readonly Rule[]): readonly (readonly Condition[])[] {
  const [only, ...more] = before.flatMap(({ conditions }) => conditions);
  if (rule.conditions.length === 0 && before.length === 1 && only !== undefined && more.length === 0) {
    return alternatives([{ ...only, comparison: OPPOSITES[only.comparison ?? "=="] }]);
  }
  return cubes.map(conditionsOf);
}

/** A filter has 4,096 instructions, and each comparison takes up to eight of them (BPF_MAXINSNS, Minijail's compiler). */
const MOST_COMPARISONS = 512;

/** Throws NotExpressible where a text has more comparisons than a filter can hold. */
export function demandFits(comparisons: number): void {
  if (comparisons <= MOST_COMPARISONS) return;
  throw new NotExpressible(
    `it would take ${comparisons} comparisons, and no filter holds more than ${MOST_COMPARISONS}: the format has no words for ` +
      "masks or ranges as this policy uses them",
  );
}

/** No file is longer for one rule. */
const MOST_CASES = 2048;

/**
 * The conjunction in a format's words, as alternatives: `parts` are the groups of conditions the format says together, each
 * in one or more ways.
 */
export function product<T>(parts: readonly (readonly T[][])[], what: string): T[][] {
  let result: T[][] = [[]];
  for (const ways of parts) {
    result = result.flatMap((before) => ways.map((way) => [...before, ...way]));
    if (result.length > MOST_CASES) throw new NotExpressible(`${what}: one rule would become more than ${MOST_CASES}`);
  }
  return result;
}

/** A conjunction in bits alone, for what a format has no comparison for. */
export function inBits(conditions: readonly Condition[]): Condition[][] {
  try {
    return allOf(conditions).map(conditionsOf);
  } catch (error) {
    if (error instanceof TooManyCubes) throw new NotExpressible(`a comparison in bits: ${error.message}`);
    throw error;
  }
}

/** What a policy answers to calls no rule names and `newer` does not cover, and to those it covers. */
export function answerTo(policy: Policy, number: number, numbers: ReadonlyMap<string, number>): Action {
  const { newer } = policy;
  const last = newer === undefined ? undefined : numbers.get(newer.above);
  return newer !== undefined && last !== undefined && number > last ? newer.action : policy.fallback;
}
