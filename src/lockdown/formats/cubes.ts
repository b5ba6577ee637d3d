/**
 * Layer: lockdown, formats. The algebra of conditions: what is left of a rule when the rules before it have had their say.
 * A cube fixes some bits of some arguments, and every condition is a union of cubes, so intersection, complement and
 * difference are all of the same kind. It must not know formats.
 */
import type { Condition } from "../policy.ts";

/** For each argument named, (argument & mask) == value. No entry: any argument list. */
export type Cube = ReadonlyMap<number, { readonly mask: bigint; readonly value: bigint }>;

/** A union that would have more cubes than this is given up. */
const MOST_CUBES = 2048;

/** The answer would be larger than anyone could read or a filter could hold. */
export class TooManyCubes extends Error {
  override readonly name = "TooManyCubes";
}

export const EVERYTHING: Cube = new Map();

/** The cubes in which a condition holds. */
export function cubesOf(condition: Condition): Cube[] {
  const { argument, mask, values, comparison = "==" } = condition;
  const [value = 0n] = values;
  const cube = (bits: bigint, wanted: bigint): Cube =>
    bits === 0n ? EVERYTHING : new Map([[argument, { mask: bits, value: wanted & bits }]]);
  switch (comparison) {
    case "==":
      return values.filter((each) => (each & ~mask) === 0n).map((each) => cube(mask, each));
    case "!=":
      return values
        .filter((each) => (each & ~mask) === 0n)
        .map((each) => bitsOf(mask).map((bit) => cube(bit, ~each)))
        .reduce((all, next) => intersection(all, next), [EVERYTHING]);
    case "<":
      return bitsOf(mask & value).map((bit) => cube(mask & ~(bit - 1n), value & ~bit & ~(bit - 1n)));
    case "<=":
      return [...cubesOf({ ...condition, comparison: "<" }), cube(mask, value)];
    case ">":
      return bitsOf(mask & ~value).map((bit) => cube(mask & ~(bit - 1n), (value | bit) & ~(bit - 1n)));
    case ">=":
      return [...cubesOf({ ...condition, comparison: ">" }), cube(mask, value)];
  }
}

const OPPOSITES = { "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">" } as const;

/** The cubes in which at least one of the conditions does not hold. */
export function complementOf(conditions: readonly Condition[]): Cube[] {
  return conditions.flatMap((each) => cubesOf({ ...each, comparison: OPPOSITES[each.comparison ?? "=="] }));
}

/** The cubes in which all conditions hold. */
export function allOf(conditions: readonly Condition[]): Cube[] {
  return conditions.reduce((cubes: Cube[], each) => intersection(cubes, cubesOf(each)), [EVERYTHING]);
}

export function intersection(first: readonly Cube[], second: readonly Cube[]): Cube[] {
  const result: Cube[] = [];
  for (const a of first) {
    for (const b of second) {
      const both = meet(a, b);
      if (both === undefined) continue;
      result.push(both);
      if (result.length > MOST_CUBES) throw new TooManyCubes(`more than ${MOST_CUBES} cases`);
    }
  }
  return withoutContained(result);
}

/** What two cubes share; undefined: nothing. */
export function meet(a: Cube, b: Cube): Cube | undefined {
  const result = new Map(a);
  for (const [argument, { mask, value }] of b) {
    const other = result.get(argument) ?? { mask: 0n, value: 0n };
    if (((other.value ^ value) & other.mask & mask) !== 0n) return undefined;
    result.set(argument, { mask: other.mask | mask, value: other.value | value });
  }
  return result;
}

export const overlap = (first: readonly Cube[], second: readonly Cube[]): boolean =>
  first.some((a) => second.some((b) => meet(a, b) !== undefined));

function contains(outer: Cube, inner: Cube): boolean {
  for (const [argument, { mask, value }] of outer) {
    const other = inner.get(argument);
    if (other === undefined || (other.mask & mask) !== mask || (other.value & mask) !== value) return false;
  }
  return true;
}

function withoutContained(cubes: readonly Cube[]): Cube[] {
  if (cubes.length > 256) return [...cubes];
  return cubes.filter(
    (cube, at) => !cubes.some((other, i) => i !== at && contains(other, cube) && !(i > at && contains(cube, other))),
  );
}

function bitsOf(word: bigint): bigint[] {
  const bits: bigint[] = [];
  for (let bit = 1n << 63n; bit > 0n; bit >>= 1n) if ((word & bit) !== 0n) bits.push(bit);
  return bits;
}

const WORD = (1n << 64n) - 1n;

/** A cube as conditions: one for each argument it fixes. */
export function conditionsOf(cube: Cube): Condition[] {
  return [...cube]
    .sort(([a], [b]) => a - b)
    .map(([argument, { mask, value }]) => ({ argument, mask: mask & WORD, values: [value & WORD], comparison: "==" }));
}
