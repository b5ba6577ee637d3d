/** Layer: lockdown. What the built-in rule sets are made of: calls, rules and files gathered step by step. */
import { type SeccompArgumentFilter, SeccompRule } from "../context/condition.ts";
import { type FileRight, LandlockPortRule, LandlockRule, type PortRight } from "../context/landlock-rule.ts";
import type { RuleSet } from "../context/rule-set.ts";

/** A rule set that grows by its methods. Each call may carry the reason it was granted for. */
export abstract class Grants implements RuleSet {
  abstract readonly name: string;
  readonly #simple = new Map<string, string>();
  readonly #conditional: SeccompRule[] = [];
  readonly #landlock: (LandlockRule | LandlockPortRule)[] = [];

  simpleRules(): readonly string[] {
    return [...this.#simple.keys()];
  }

  conditionalRules(): readonly SeccompRule[] {
    return this.#conditional;
  }

  landlockRules(): readonly (LandlockRule | LandlockPortRule)[] {
    return this.#landlock;
  }

  reasons(): ReadonlyMap<string, string> {
    return this.#simple;
  }

  protected allow(why: string, calls: readonly string[]): this {
    for (const call of calls) if (!this.#simple.has(call)) this.#simple.set(call, why);
    return this;
  }

  protected allowWhen(why: string, calls: readonly string[], ...conditions: readonly SeccompArgumentFilter[]): this {
    for (const call of calls) this.#conditional.push(new SeccompRule(call, conditions, { why }));
    return this;
  }

  /** A rule under conditions that gives way to a wider one elsewhere. */
  protected allowAtLeast(why: string, calls: readonly string[], ...conditions: readonly SeccompArgumentFilter[]): this {
    for (const call of calls) this.#conditional.push(new SeccompRule(call, conditions, { why, yields: true }));
    return this;
  }

  protected allowPath(path: string, rights: readonly FileRight[], optional = false): this {
    this.#landlock.push(new LandlockRule(path, rights, { optional }));
    return this;
  }

  protected allowPort(port: number, rights: readonly PortRight[]): this {
    this.#landlock.push(new LandlockPortRule(port, rights));
    return this;
  }
}
