/**
 * Layer: lockdown, learn. Which built-in rule sets say in a word what was seen. A set is named when the program was seen to use
 * at least a third of what it grants, and the rest of it is harmless. It must not write files.
 */
import { LockdownError } from "../context/errors.ts";
import { RuleBook } from "../context/rule-book.ts";
import type { RuleSet } from "../context/rule-set.ts";
import { namedRuleSet, RULE_SET_NAMES } from "../formats/rule-set-names.ts";
import type { Rule } from "../policy.ts";
import { HARMLESS } from "./arguments.ts";
import type { SeenCall } from "./recording.ts";
import { covers } from "./uses.ts";

/** Never chosen: too wide to say anything, or for one kind of program alone. */
const LEFT_OUT: ReadonlySet<string> = new Set(["SystemIO.everything", "NodeRuntime", "NodeRuntime.allowWorkers"]);
/** Every rule set about memory grants these whole, though a program was seen to use a part. */
const MEMORY: ReadonlySet<string> = new Set(["mmap", "mprotect"]);
/** A set of one call says no more than the call itself. */
const FEWEST = 2;

export type ChosenSet = {
  readonly name: string;
  /** How many of its calls were seen, and how many it has. */
  readonly seen: number;
  readonly calls: number;
};
export type ChosenSets = {
  readonly sets: readonly ChosenSet[];
  /** What no chosen set covers. */
  readonly rest: readonly SeenCall[];
};

type Candidate = { readonly name: string; readonly ruleSet: RuleSet; readonly rules: readonly Rule[] };

function rulesOf(ruleSet: RuleSet): readonly Rule[] {
  const book = new RuleBook();
  book.add(ruleSet);
  return book.policy("", { kind: "kill" }).rules;
}

/** The sets that may be named, with their rules; the first of equals wins, so extrasafe's names come before groups. */
function candidates(): Candidate[] {
  return RULE_SET_NAMES.filter((name) => !LEFT_OUT.has(name)).map((name) => {
    const ruleSet = namedRuleSet(name, name, true);
    return { name, ruleSet, rules: rulesOf(ruleSet) };
  });
}

/** Chooses greedily: always the set that says most that was seen, less what was not. `first` are taken in any case. */
export function chooseRuleSets(seen: readonly SeenCall[], first: readonly string[]): ChosenSets {
  const book = new RuleBook();
  const sets: ChosenSet[] = [];
  const made = new Set(seen.map(({ syscall }) => syscall));
  let rest = seen;
  const take = ({ name, ruleSet, rules }: Candidate): void => {
    book.add(ruleSet);
    const calls = new Set(rules.map(({ syscall }) => syscall));
    sets.push({ name, seen: [...calls].filter((each) => made.has(each)).length, calls: calls.size });
    rest = remaining(rest, rules);
  };
  for (const name of first) {
    const ruleSet = namedRuleSet(name, name, true);
    take({ name, ruleSet, rules: rulesOf(ruleSet) });
  }
  const left = candidates();
  for (;;) {
    let best: Candidate | undefined;
    let most = 0;
    for (const candidate of left) {
      const worth = worthOf(candidate, seen, rest);
      if (worth > most && !conflicts(book, candidate)) [best, most] = [candidate, worth];
    }
    if (best === undefined) return { sets, rest };
    take(best);
    left.splice(left.indexOf(best), 1);
  }
}

/** What of the uses no rule here allows. */
export function remaining(seen: readonly SeenCall[], rules: readonly Rule[]): SeenCall[] {
  const byCall = Map.groupBy(rules, ({ syscall }) => syscall);
  return seen.flatMap(({ syscall, count, uses }) => {
    const left = uses.filter((use) => !byCall.get(syscall)?.some(({ conditions }) => covers(conditions, syscall, use)));
    return left.length === 0 ? [] : [{ syscall, count, uses: left }];
  });
}

/** Calls that would be said by this set, less calls that were not seen; 0 where it must not be taken. */
function worthOf({ rules }: Candidate, seen: readonly SeenCall[], rest: readonly SeenCall[]): number {
  const usesOf = new Map(seen.map(({ syscall, uses }) => [syscall, uses]));
  const unseen = new Set<string>();
  for (const { syscall, conditions } of rules) {
    const uses = usesOf.get(syscall) ?? [];
    const used = uses.filter((use) => covers(conditions, syscall, use));
    if (used.length === 0) unseen.add(syscall);
    const harmless = HARMLESS.has(syscall) || (MEMORY.has(syscall) && used.length > 0);
    // Wider than what was seen: a call that was not, or every use of a call that was seen in certain ways.
    const wider = used.length === 0 || (conditions.length === 0 && used.some(({ values }) => values.some(isSaid)));
    if (wider && !harmless) return 0;
  }
  let said = 0;
  for (const { syscall, uses } of rest) {
    const ofCall = rules.filter((rule) => rule.syscall === syscall);
    if (ofCall.length === 0) continue;
    unseen.delete(syscall);
    if (uses.some((use) => ofCall.some(({ conditions }) => covers(conditions, syscall, use)))) said++;
  }
  return said < FEWEST || 2 * said < unseen.size ? 0 : said - unseen.size / 4;
}

function isSaid(value: bigint | undefined): boolean {
  return value !== undefined;
}

function conflicts(book: RuleBook, { ruleSet }: Candidate): boolean {
  try {
    book.copy().add(ruleSet);
    return false;
  } catch (error) {
    if (error instanceof LockdownError) return true;
    throw error;
  }
}
