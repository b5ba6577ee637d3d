/** Layer: lockdown. The rules of a context, who asked for each, and the conflicts between them. It must not install them. */
import type { Scope } from "../landlock.ts";
import type { Action, Policy, Rule } from "../policy.ts";
import { demandCall, SeccompRule } from "./condition.ts";
import { ConditionalNoEffectError, DuplicatePath, InvalidRuleSet } from "./errors.ts";
import { LandlockPortRule, LandlockRule } from "./landlock-rule.ts";
import { asPortable, type PortableRuleSet } from "./portable.ts";
import { bareCall, type RuleSet, YesReally } from "./rule-set.ts";

type Labeled<T> = { readonly origin: string; readonly rule: T };
export type Refusal = { readonly syscall: string; readonly errno: number; readonly why: string };

/** What was enabled so far. A rule set is taken whole or not at all. */
export class RuleBook {
  readonly #rules = new Map<string, Labeled<SeccompRule>[]>();
  readonly #files = new Map<string, Labeled<LandlockRule>>();
  readonly #ports = new Map<number, Labeled<LandlockPortRule>>();
  readonly #taken: PortableRuleSet[] = [];
  readonly scopes = new Set<Scope>();

  get origins(): readonly string[] {
    return this.#taken.map(({ name }) => name);
  }
  get files(): readonly Labeled<LandlockRule>[] {
    return [...this.#files.values()];
  }
  get ports(): readonly Labeled<LandlockPortRule>[] {
    return [...this.#ports.values()];
  }
  get isEmpty(): boolean {
    return this.#taken.length === 0 && this.scopes.size === 0;
  }
  get calls(): readonly string[] {
    return [...this.#rules.keys()];
  }
  /** What every rule set said when it was added, as data. */
  get taken(): readonly PortableRuleSet[] {
    return this.#taken;
  }

  /** An independent copy: what is added to it is not added here. */
  copy(): RuleBook {
    const copy = new RuleBook();
    for (const [syscall, rules] of this.#rules) copy.#rules.set(syscall, [...rules]);
    for (const [path, rule] of this.#files) copy.#files.set(path, rule);
    for (const [port, rule] of this.#ports) copy.#ports.set(port, rule);
    copy.#taken.push(...this.#taken);
    for (const scope of this.scopes) copy.scopes.add(scope);
    return copy;
  }

  /** Throws an error naming both sides of a conflict; then nothing of the rule set was taken. */
  add(given: RuleSet | string): void {
    const taken = asPortable(asRuleSet(given));
    const { name: origin, reasons } = taken;
    const simple = taken.simple.map((syscall) => new SeccompRule(syscall, [], { why: reasons.get(syscall) ?? "" }));
    const conditional = taken.conditional.map((rule) => new SeccompRule(rule.syscall, rule.conditions, rule));
    const rules = [...conditional, ...simple];
    const pending = new Map<string, Labeled<SeccompRule>[]>();
    for (const rule of rules) {
      demandCall(rule.syscall, origin);
      const before = [...(this.#rules.get(rule.syscall) ?? []), ...(pending.get(rule.syscall) ?? [])];
      for (const other of before) demandEffect({ origin, rule }, other);
      pending.set(rule.syscall, [...(pending.get(rule.syscall) ?? []), { origin, rule }]);
    }
    const { files, ports } = this.#landlock(taken);
    for (const [syscall, list] of pending) this.#rules.set(syscall, [...(this.#rules.get(syscall) ?? []), ...list]);
    for (const [path, rule] of files) this.#files.set(path, rule);
    for (const [port, rule] of ports) this.#ports.set(port, rule);
    this.#taken.push(taken);
  }

  #landlock({ name: origin, files: given, ports: named }: PortableRuleSet) {
    const files = new Map<string, Labeled<LandlockRule>>();
    const ports = new Map<number, Labeled<LandlockPortRule>>();
    for (const { port, rights } of named) {
      const mine = ports.get(port);
      ports.set(port, { origin, rule: new LandlockPortRule(port, [...(mine?.rule.accessRules ?? []), ...rights]) });
    }
    for (const { path, rights, optional } of given) {
      const rule = new LandlockRule(path, rights, { optional });
      const mine = files.get(rule.path);
      const all = new LandlockRule(rule.path, [...(mine?.rule.accessRules ?? []), ...rule.accessRules], {
        optional: rule.optional && (mine?.rule.optional ?? true),
      });
      files.set(rule.path, { origin, rule: all });
    }
    for (const [path, { rule }] of files) {
      const other = this.#files.get(path);
      if (other !== undefined && !sameRights(other.rule, rule)) throw new DuplicatePath(path, other.origin, origin);
    }
    for (const [port, { rule }] of ports) {
      const other = this.#ports.get(port);
      if (other !== undefined && !sameRights(other.rule, rule)) {
        throw new DuplicatePath(`TCP port ${port}`, other.origin, origin);
      }
    }
    return { files, ports };
  }

  /** The policy these rules are: of one call's rules any may hold; one without conditions stands for all of them. */
  policy(about: string, fallback: Action, refusals: readonly Refusal[] = []): Policy {
    const rules: Rule[] = [];
    for (const [syscall, labeled] of this.#rules) {
      const simple = labeled.find(({ rule }) => rule.conditions.length === 0);
      const chosen = simple === undefined ? labeled : [simple];
      const seen = new Set<string>();
      for (const { origin, rule } of chosen) {
        const key = JSON.stringify(rule.conditions, (_, value) => (typeof value === "bigint" ? String(value) : value));
        if (seen.has(key)) continue;
        seen.add(key);
        rules.push({ syscall, why: rule.why, conditions: rule.conditions, action: { kind: "allow" }, origin });
      }
    }
    for (const { syscall, errno, why } of refusals) {
      if (this.#rules.has(syscall)) continue;
      rules.push({ syscall, why, conditions: [], action: { kind: "errno", errno }, origin: "NodeRuntime" });
    }
    return { about, fallback, rules };
  }
}

function demandEffect(added: Labeled<SeccompRule>, other: Labeled<SeccompRule>): void {
  const isSimple = ({ rule }: Labeled<SeccompRule>) => rule.conditions.length === 0;
  if (isSimple(added) === isSimple(other)) return;
  const [simple, conditional] = isSimple(added) ? [added, other] : [other, added];
  if (conditional.rule.yields) return;
  throw new ConditionalNoEffectError(conditional.rule.syscall, conditional.origin, simple.origin);
}

function sameRights(a: { accessRules: readonly string[] }, b: { accessRules: readonly string[] }): boolean {
  return a.accessRules.length === b.accessRules.length && a.accessRules.every((right) => b.accessRules.includes(right));
}

function asRuleSet(given: RuleSet | string): RuleSet {
  const thing: unknown = given;
  if (typeof thing === "string") return bareCall(thing);
  if (thing instanceof YesReally) throw thing.unconfirmed();
  if (typeof thing === "function") {
    // A bundler may put an underscore before the name of a class that names itself.
    const name = thing.name.replace(/^_/, "");
    const meant = "nothing" in thing ? `${name}.nothing() and what it allows` : `new ${name}()`;
    throw new InvalidRuleSet(`enable(${name}): expected a rule set, got a class; did you mean "${meant}"?`);
  }
  if (
    typeof thing !== "object" ||
    thing === null ||
    !("name" in thing && typeof thing.name === "string" && thing.name !== "") ||
    !("simpleRules" in thing && typeof thing.simpleRules === "function")
  ) {
    throw new InvalidRuleSet("enable: expected the name of a system call, or a rule set with name and simpleRules()");
  }
  return given as RuleSet;
}
