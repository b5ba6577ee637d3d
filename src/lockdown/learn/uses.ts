/** Layer: lockdown, learn. Uses of calls and rules: which rule covers which use, and which rules uses become. Pure. */
import type { Condition, Rule } from "../policy.ts";
import { keptArguments } from "./arguments.ts";
import type { Use } from "./recording.ts";

/** Whether a condition holds for an argument. */
export function holds({ argument, mask, values, comparison = "==" }: Condition, args: readonly bigint[]): boolean {
  const asked = (args[argument] ?? 0n) & mask;
  const [value = 0n] = values;
  switch (comparison) {
    case "==":
      return values.includes(asked);
    case "!=":
      return !values.includes(asked);
    case "<":
      return asked < value;
    case "<=":
      return asked <= value;
    case ">":
      return asked > value;
    case ">=":
      return asked >= value;
  }
}

/** Whether a rule allows every call that a use stands for. */
export function covers(conditions: readonly Condition[], syscall: string, use: Use): boolean {
  const kept = keptArguments(syscall);
  return conditions.every((condition) => {
    const at = kept.findIndex(({ index }) => index === condition.argument);
    const argument = kept[at];
    const value = use.values[at];
    // An argument that was not kept may be anything; so may the bits of it that the kernel does not read.
    if (argument === undefined || value === undefined || (condition.mask & ~argument.mask) !== 0n) return false;
    const args = Array.from({ length: 6 }, () => 0n);
    args[condition.argument] = value;
    return holds(condition, args);
  });
}

/** Whether some rule of a call allows a use: of the rules for one call the first that holds decides. */
export function allowed(rules: readonly Rule[], syscall: string, use: Use): boolean {
  for (const { conditions, action } of rules) {
    if (covers(conditions, syscall, use)) return action.kind === "allow" || action.kind === "log";
    // A refusal that might hold for a part of what the use stands for comes first.
    if (action.kind !== "allow" && action.kind !== "log" && !excludes(conditions, syscall, use)) return false;
  }
  return false;
}

/** Whether no call of a use can meet the conditions. */
function excludes(conditions: readonly Condition[], syscall: string, use: Use): boolean {
  return conditions.some((condition) => {
    const at = keptArguments(syscall).findIndex(({ index }) => index === condition.argument);
    const value = use.values[at];
    if (at === -1 || value === undefined) return false;
    return !covers([condition], syscall, use) && (condition.mask & ~(keptArguments(syscall)[at]?.mask ?? 0n)) === 0n;
  });
}

/** Conditions, one list a rule, that allow exactly these uses; an empty list allows every use. */
export function conditionsOf(syscall: string, uses: readonly Use[]): Condition[][] {
  const kept = keptArguments(syscall);
  const lists = uses.map(({ values }) => values.map((value) => (value === undefined ? undefined : [value])));
  let groups: (readonly bigint[] | undefined)[][] = lists;
  // Uses that differ in one argument alone become one rule, argument by argument.
  for (let argument = 0; argument < kept.length; argument++) {
    const merged = new Map<string, (readonly bigint[] | undefined)[]>();
    for (const group of groups) {
      const others = group.map((values, index) => (index === argument ? "*" : (values?.join("|") ?? "any"))).join(",");
      const same = merged.get(others);
      const mine = group[argument];
      const theirs = same?.[argument];
      if (same === undefined) merged.set(others, [...group]);
      else if (mine === undefined || theirs === undefined) same[argument] = undefined;
      else same[argument] = [...theirs, ...mine].sort((a, b) => (a < b ? -1 : 1));
    }
    groups = [...merged.values()];
  }
  return groups.map((group) =>
    group.flatMap((values, index): Condition[] => {
      const argument = kept[index];
      return values === undefined || argument === undefined
        ? []
        : [{ argument: argument.index, mask: argument.mask, values, comparison: "==" }];
    }),
  );
}
