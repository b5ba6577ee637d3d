/** Layer: lockdown. Rule sets other systems made known: OpenBSD's promises, systemd's groups. Data from policies/. */
import pledgeData from "../../../policies/pledge.json" with { type: "json" };
import systemdData from "../../../policies/systemd-groups.json" with { type: "json" };
import { SeccompRule } from "../context/condition.ts";
import { InvalidRuleSet } from "../context/errors.ts";
import type { RuleSet } from "../context/rule-set.ts";
import { readPolicy } from "../policy.ts";

type PromiseData = {
  readonly why: string;
  readonly calls: readonly string[];
  readonly conditional?: readonly unknown[];
};

const PROMISES: ReadonlyMap<string, PromiseData> = new Map(Object.entries(pledgeData.promises));
const GROUPS: ReadonlyMap<string, { readonly why: string; readonly calls: readonly string[] }> = new Map(
  Object.entries(systemdData.groups),
);

/**
 * A rule set after OpenBSD's pledge(2): `pledge("stdio rpath")`. Promises name intents and do not look at paths; add
 * Landlock rules for those. Rules of several promises for one call are alternatives, and a wider grant elsewhere is no
 * conflict. Throws InvalidRuleSet naming an unknown promise.
 */
export function pledge(promises: string): RuleSet {
  const names = promises.split(/\s+/).filter((name) => name !== "");
  if (names.length === 0) throw new InvalidRuleSet('pledge: expected promises such as "stdio rpath"');
  const simple = new Map<string, string>();
  const conditional: SeccompRule[] = [];
  for (const name of names) {
    const promise = PROMISES.get(name);
    if (promise === undefined) {
      throw new InvalidRuleSet(`pledge: there is no promise "${name}"; there are ${[...PROMISES.keys()].join(" ")}`);
    }
    const why = `${name}: ${promise.why}`;
    for (const call of promise.calls) if (!simple.has(call)) simple.set(call, why);
    if (promise.conditional === undefined) continue;
    const { rules } = readPolicy({ about: name, default: "kill", syscalls: promise.conditional });
    for (const { syscall, conditions } of rules)
      conditional.push(new SeccompRule(syscall, conditions, { why, yields: true }));
  }
  return {
    name: `pledge(${names.join(" ")})`,
    simpleRules: () => [...simple.keys()],
    conditionalRules: () => conditional,
    reasons: () => simple,
  };
}

/** A rule set of systemd's SystemCallFilter= groups, "@system-service" and its like. Throws InvalidRuleSet. */
export function systemdGroup(name: string): RuleSet {
  const reasons = new Map<string, string>();
  const pending = [name];
  for (let group = pending.pop(); group !== undefined; group = pending.pop()) {
    const data = GROUPS.get(group);
    if (data === undefined) {
      throw new InvalidRuleSet(`systemdGroup: there is no group "${group}"; there are ${[...GROUPS.keys()].join(" ")}`);
    }
    for (const call of data.calls) {
      if (call.startsWith("@")) pending.push(call);
      else if (!reasons.has(call)) reasons.set(call, `${group}: ${data.why}`);
    }
  }
  return { name, simpleRules: () => [...reasons.keys()], reasons: () => reasons };
}

/** Every promise, and every group, by name. */
export const PLEDGE_PROMISES: readonly string[] = [...PROMISES.keys()];
export const SYSTEMD_GROUPS: readonly string[] = [...GROUPS.keys()];
