/**
 * Layer: lockdown, formats. Linden's own policy files: JSON with a reason for each rule. docs/lockdown.md describes the
 * format. It must not know who installs the policy.
 */
import { demandCall } from "../context/condition.ts";
import { InvalidRuleSet } from "../context/errors.ts";
import { LandlockPortRule, LandlockRule } from "../context/landlock-rule.ts";
import { RuleBook } from "../context/rule-book.ts";
import { type Policy, PolicyError, type Rule, readAction, readRules, record, text } from "../policy.ts";
import type { PolicyFormat, RuleSetUse, WrittenPolicy } from "./format.ts";
import { namedRuleSet } from "./rule-set-names.ts";

const KEYS = ["about", "default", "newer", "from", "ruleSets", "syscalls", "files", "ports"];
/** The rule set that rules written out in a file count as, where a conflict is told. */
const WRITTEN_OUT = "syscalls";

export const lindenFormat: PolicyFormat = {
  name: "linden",
  recognizes: (_text, json) =>
    typeof json === "object" && json !== null && !Array.isArray(json) && !("defaultAction" in json),
  read: (_text, json, file) => readLindenPolicy(json, file),
};

/**
 * Checks the data of a policy file and answers the policy. Rules in `syscalls` come first, in their order; of the rules
 * for one call the first that holds decides. Throws PolicyError or LockdownError naming the culprit.
 */
export function readLindenPolicy(data: unknown, file = "the policy"): WrittenPolicy {
  const source = record(data, file, KEYS);
  const about = text(source.about, `${file}: about`);
  const fallback = readAction(source.default, `${file}: default`);
  const from = source.from;
  if (from !== undefined && from !== "start" && from !== "lock") {
    throw new PolicyError(`${file}: from: expected "start" or "lock"`);
  }
  const book = new RuleBook();
  const ruleSets = list(source.ruleSets, `${file}: ruleSets`).map((entry, index) =>
    addRuleSet(book, entry, `${file}: ruleSets[${index}]`),
  );
  const written = readRules(source.syscalls ?? [], `${file}: syscalls`);
  const files = list(source.files, `${file}: files`).map((entry, index) => fileRule(entry, `${file}: files[${index}]`));
  const ports = list(source.ports, `${file}: ports`).map((entry, index) => portRule(entry, `${file}: ports[${index}]`));
  if (ruleSets.length === 0 && written.length === 0 && files.length === 0 && ports.length === 0) {
    throw new PolicyError(`${file}: it allows nothing: expected "ruleSets", "syscalls", "files" or "ports"`);
  }
  const rules = [...written, ...remaining(written, book.policy(about, fallback).rules)];
  const newer = source.newer === undefined ? undefined : newerCalls(source.newer, `${file}: newer`);
  const policy: Policy = { about, fallback, rules, ...(newer === undefined ? {} : { newer }) };
  return {
    format: "linden",
    policy,
    ruleSets,
    files: [...book.files.map(({ rule }) => rule), ...files],
    ports: [...book.ports.map(({ rule }) => rule), ...ports],
    from,
    lost: [],
  };
}

function newerCalls(entry: unknown, where: string): NonNullable<Policy["newer"]> {
  const source = record(entry, where, ["above", "action"]);
  const above = text(source.above, `${where}.above`);
  demandCall(above, `${where}.above`);
  return { above, action: readAction(source.action, `${where}.action`) };
}

function list(value: unknown, where: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new PolicyError(`${where}: expected a list`);
  return value;
}

function addRuleSet(book: RuleBook, entry: unknown, where: string): RuleSetUse {
  const source = record(entry, where, ["use", "why", "yesReally"]);
  const use = text(source.use, `${where}.use`);
  const why = text(source.why, `${where} (${use}).why`);
  if (source.yesReally !== undefined && source.yesReally !== true) {
    throw new PolicyError(`${where} (${use}).yesReally: expected true, or nothing`);
  }
  const ruleSet = namedRuleSet(use, where, source.yesReally === true);
  if (book.origins.includes(ruleSet.name)) throw new InvalidRuleSet(`${where}: "${use}" stands there twice`);
  book.add(ruleSet);
  return { use, why };
}

/** The rules of rule sets that a rule without conditions in `syscalls` has not already decided. */
function remaining(written: readonly Rule[], others: readonly Rule[]): Rule[] {
  const decided = new Set(written.filter(({ conditions }) => conditions.length === 0).map(({ syscall }) => syscall));
  for (const rule of others) {
    if (rule.conditions.length > 0 || decided.has(rule.syscall)) continue;
    const idle = written.find(({ syscall, action }) => syscall === rule.syscall && action.kind === "allow");
    if (idle !== undefined) {
      throw new PolicyError(
        `${WRITTEN_OUT} allows "${rule.syscall}" under conditions, but ${rule.origin} allows it always: the conditions ` +
          `would have no effect. Leave one of the two out`,
      );
    }
  }
  return others.filter(({ syscall }) => !decided.has(syscall));
}

function fileRule(entry: unknown, where: string): LandlockRule {
  const source = record(entry, where, ["path", "rights", "why", "ifPresent"]);
  const path = text(source.path, `${where}.path`);
  if (!path.startsWith("/")) throw new PolicyError(`${where}.path: expected an absolute path, got "${path}"`);
  text(source.why, `${where} (${path}).why`);
  if (source.ifPresent !== undefined && typeof source.ifPresent !== "boolean") {
    throw new PolicyError(`${where} (${path}).ifPresent: expected true or false`);
  }
  const rights = list(source.rights ?? [], `${where} (${path}).rights`);
  // The names themselves are checked by the rule.
  return new LandlockRule(path, rights as LandlockRule["accessRules"], { optional: source.ifPresent === true });
}

function portRule(entry: unknown, where: string): LandlockPortRule {
  const source = record(entry, where, ["port", "rights", "why"]);
  const { port } = source;
  if (typeof port !== "number") throw new PolicyError(`${where}.port: expected a number`);
  text(source.why, `${where} (${port}).why`);
  const rights = list(source.rights, `${where} (${port}).rights`).map((right) => {
    if (right === "bindTcp" || right === "connectTcp") return right;
    throw new PolicyError(`${where} (${port}).rights: expected "bindTcp" or "connectTcp"`);
  });
  if (rights.length === 0) throw new PolicyError(`${where} (${port}).rights: expected at least one`);
  return new LandlockPortRule(port, rights);
}
