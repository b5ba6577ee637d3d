/**
 * Layer: lockdown. A rule set as plain data: what it said when it was asked, checked. Such data can be sent to a Worker or
 * another process, and made a rule set again there. It must not know what is done with it.
 */
import { type Comparison, type Condition, emptyMeaning } from "../policy.ts";
import { SeccompRule } from "./condition.ts";
import { InvalidCondition, InvalidRuleSet } from "./errors.ts";
import { type FileRight, LandlockPortRule, LandlockRule, type PortRight } from "./landlock-rule.ts";
import type { RuleSet } from "./rule-set.ts";

export type PortableRule = {
  readonly syscall: string;
  readonly conditions: readonly Condition[];
  readonly why: string;
  readonly yields: boolean;
};

export type PortableRuleSet = {
  readonly name: string;
  readonly simple: readonly string[];
  readonly reasons: ReadonlyMap<string, string>;
  readonly conditional: readonly PortableRule[];
  readonly files: readonly {
    readonly path: string;
    readonly rights: readonly FileRight[];
    readonly optional: boolean;
  }[];
  readonly ports: readonly { readonly port: number; readonly rights: readonly PortRight[] }[];
};

const COMPARISONS: readonly Comparison[] = ["==", "!=", "<", "<=", ">", ">="];

/** Asks a rule set everything once. Throws InvalidRuleSet or InvalidCondition, naming the rule set and what is wrong. */
export function asPortable(ruleSet: RuleSet): PortableRuleSet {
  const { name } = ruleSet;
  const landlock = list(ruleSet, "landlockRules");
  if (!landlock.every((rule) => isFileRule(rule) || isPortRule(rule)))
    throw new InvalidRuleSet(`${name}.landlockRules(): expected LandlockRule or LandlockPortRule objects`);
  return {
    name,
    simple: [...new Set(list(ruleSet, "simpleRules").map((call) => callName(call, `${name}.simpleRules()`)))],
    reasons: reasonsOf(ruleSet),
    conditional: list(ruleSet, "conditionalRules").map((rule) => portableRule(rule, name)),
    // Built anew, so that rights and paths were checked by our own constructors.
    files: landlock.filter(isFileRule).map(({ path, accessRules, optional }) => {
      const rule = new LandlockRule(path, accessRules, { optional });
      return { path: rule.path, rights: rule.accessRules, optional: rule.optional };
    }),
    ports: landlock.filter(isPortRule).map(({ port, accessRules }) => {
      const rule = new LandlockPortRule(port, accessRules);
      return { port: rule.port, rights: rule.accessRules };
    }),
  };
}

/** The rule set that data came from, as far as it matters to a context. */
export function fromPortable(data: PortableRuleSet): RuleSet {
  return {
    name: data.name,
    simpleRules: () => data.simple,
    reasons: () => data.reasons,
    conditionalRules: () => data.conditional.map((rule) => new SeccompRule(rule.syscall, rule.conditions, rule)),
    landlockRules: () => [
      ...data.files.map(({ path, rights, optional }) => new LandlockRule(path, rights, { optional })),
      ...data.ports.map(({ port, rights }) => new LandlockPortRule(port, rights)),
    ],
  };
}

function list(ruleSet: RuleSet, method: "simpleRules" | "conditionalRules" | "landlockRules"): readonly unknown[] {
  const ask: unknown = ruleSet[method];
  if (ask === undefined && method !== "simpleRules") return [];
  if (typeof ask !== "function") throw new InvalidRuleSet(`${ruleSet.name}.${method}: expected a method`);
  const answer: unknown = ask.call(ruleSet);
  if (!Array.isArray(answer))
    throw new InvalidRuleSet(`${ruleSet.name}.${method}(): expected an array, got ${describe(answer)}`);
  return answer;
}

function callName(call: unknown, where: string): string {
  if (typeof call === "string") return call;
  throw new InvalidRuleSet(`${where}: expected names of system calls, got ${describe(call)}`);
}

function reasonsOf(ruleSet: RuleSet): ReadonlyMap<string, string> {
  const reasons: unknown = ruleSet.reasons?.();
  if (reasons === undefined) return new Map();
  if (!(reasons instanceof Map))
    throw new InvalidRuleSet(`${ruleSet.name}.reasons(): expected a Map, got ${describe(reasons)}`);
  return new Map([...reasons].map(([call, why]) => [String(call), String(why)]));
}

function portableRule(rule: unknown, origin: string): PortableRule {
  const where = `${origin}.conditionalRules()`;
  if (typeof rule !== "object" || rule === null || !("syscall" in rule && "conditions" in rule)) {
    throw new InvalidRuleSet(`${where}: expected SeccompRule objects, got ${describe(rule)}`);
  }
  const syscall = callName(rule.syscall, where);
  if (!Array.isArray(rule.conditions))
    throw new InvalidRuleSet(`${where}: the conditions on ${syscall} are not an array`);
  return {
    syscall,
    conditions: rule.conditions.map((condition) => checkedCondition(condition, `${origin}: ${syscall}`)),
    why: "why" in rule ? String(rule.why) : "",
    yields: "yields" in rule && rule.yields === true,
  };
}

function checkedCondition(given: unknown, where: string): Condition {
  const { argument, mask, values, comparison } = (given ?? {}) as Partial<Condition>;
  const whole = (word: unknown) => typeof word === "bigint" && word >= 0n && word < 1n << 64n;
  if (
    !(typeof argument === "number" && Number.isInteger(argument) && argument >= 0 && argument <= 5) ||
    mask === undefined ||
    !whole(mask) ||
    !Array.isArray(values) ||
    values.length === 0 ||
    !values.every(whole) ||
    (comparison !== undefined && !COMPARISONS.includes(comparison))
  ) {
    throw new InvalidCondition(`${where}: expected a condition such as arg(0).eq(1), got ${describe(given)}`);
  }
  const condition = { argument, mask, values, ...(comparison === undefined ? {} : { comparison }) };
  const complaint = emptyMeaning(condition);
  if (complaint !== undefined) throw new InvalidCondition(`${where}: ${complaint}`);
  return condition;
}

// By their fields, not by their class: a program may have loaded the library twice.
function isFileRule(rule: unknown): rule is LandlockRule {
  return typeof rule === "object" && rule !== null && "path" in rule && "accessRules" in rule;
}

function isPortRule(rule: unknown): rule is LandlockPortRule {
  return typeof rule === "object" && rule !== null && "port" in rule && "accessRules" in rule;
}

function describe(thing: unknown): string {
  if (typeof thing === "string") return JSON.stringify(thing);
  if (typeof thing === "object" && thing !== null) return `a ${thing.constructor?.name ?? "null-prototype object"}`;
  return String(thing);
}
