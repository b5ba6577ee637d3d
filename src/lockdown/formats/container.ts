/**
 * Layer: lockdown, formats. Container profiles: Docker's template (includes, excludes, archMap) and the OCI runtime form
 * (config-linux.md, "Seccomp"), read as runc and libseccomp read them. It must not know who installs the policy.
 *
 * libseccomp knows no order: a rule without conditions stands for all of its call's, and of two such the first counts. So
 * rules whose answer would depend on an order are refused.
 */
import { callNumbers } from "../../host/call-numbers.ts";
import { conditionText } from "../context/condition.ts";
import { type Action, type Condition, type Policy, PolicyError, type Rule } from "../policy.ts";
import { allOf, overlap } from "./cubes.ts";
import { FOREIGN_CALLS } from "./foreign-calls.ts";
import { callsOnly, type PolicyFormat } from "./format.ts";
import { JsonFields, type JsonValue, readJson } from "./json-text.ts";
import { type Machine, thisMachine } from "./machine.ts";

const EPERM = 1;
const ENOSYS = 38;
/** MAX_ERRNO, include/linux/err.h: what a filter can answer. */
const MOST_ERRNO = 4095n;
const WORD = (1n << 64n) - 1n;

const PROFILE = [
  ...["defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags", "syscalls"],
  ...["listenerPath", "listenerMetadata"],
];
const CALL = ["name", "names", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes"];
const FILTER = ["arches", "caps", "minKernel"];
const ARGUMENT = ["index", "value", "valueTwo", "op"];
/** Go's words for architectures in includes and excludes. */
const ARCHES = { x64: "amd64", arm64: "arm64" } as const;
const SCMP_ARCHES = { x64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" } as const;

type Found = Rule & { readonly line: number };

export const containerFormat: PolicyFormat = {
  name: "container",
  recognizes: (_text, json) => isContainerPolicy(json),
  read: (text, _json, file, machine) => {
    const { policy, lost } = readContainerPolicy(text, file, machine);
    return callsOnly("container", policy, lost);
  },
};

export type ContainerPolicy = { readonly policy: Policy; readonly lost: readonly string[] };

/** Whether a parsed JSON text looks like a profile, or like an OCI config.json that holds one. */
function isContainerPolicy(json: unknown): boolean {
  if (typeof json !== "object" || json === null) return false;
  return "defaultAction" in json || ("ociVersion" in json && "linux" in json);
}

/** Reads a profile for a machine. Throws PolicyError with file and line. */
export function readContainerPolicy(text: string, file: string, machine: Machine = thisMachine()): ContainerPolicy {
  const root = new JsonFields(profileOf(readJson(text, file), file), file, "the profile", PROFILE);
  const lost: string[] = [];
  const fallback = actionOf(root, "defaultAction", "defaultErrnoRet");
  if (root.list("architectures").length > 0 && root.list("archMap").length > 0) {
    root.fail("architectures and archMap: Docker takes one of them");
  }
  const others = otherArchitectures(root, file, machine);
  if (others.length > 0) lost.push(`${others.join(", ")}: calls of other architectures kill the process`);
  for (const flag of root.texts("flags")) {
    if (flag === "SECCOMP_FILTER_FLAG_SPEC_ALLOW") lost.push(`${flag}: mitigations are left as they are`);
    else if (!["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"].includes(flag))
      root.fail(`flags: unknown ${flag}`);
  }
  const found = root.list("syscalls").flatMap((entry) => rulesOf(entry, file, machine, fallback, lost));
  // As runc does: a rule that says what the default says would only stand in the way of others.
  const rules = withoutOrder(
    found.filter(({ action }) => !same(action, fallback)),
    file,
    lost,
  );
  // runc: a program may not take "refused" for an answer where its kernel is merely newer than the profile.
  const strict = fallback.kind !== "allow" && fallback.kind !== "log" && fallback.kind !== "trace";
  const policy: Policy = {
    about: `the container profile ${file}`,
    fallback,
    rules,
    ...(strict && found.length > 0
      ? { newer: { action: { kind: "errno", errno: ENOSYS }, above: highest(found, machine) } }
      : {}),
  };
  return { policy, lost };
}

function profileOf(json: JsonValue, file: string): JsonValue {
  if (json.kind !== "object" || json.entries.has("defaultAction")) return json;
  const linux = new JsonFields(json, file, "the configuration").get("linux");
  const seccomp = linux === undefined ? undefined : new JsonFields(linux, file, "linux").get("seccomp");
  if (seccomp === undefined)
    throw new PolicyError(`${file}:${json.line}: there is no defaultAction, and no linux.seccomp`);
  return seccomp;
}

function otherArchitectures(root: JsonFields, file: string, machine: Machine): string[] {
  const own = SCMP_ARCHES[machine.architecture];
  const mapped = root.list("archMap").flatMap((entry) => {
    const fields = new JsonFields(entry, file, "archMap", ["architecture", "subArchitectures"]);
    return fields.text("architecture") === own ? fields.texts("subArchitectures") : [];
  });
  return [...root.texts("architectures"), ...mapped].filter((name) => name !== own);
}

function actionOf(fields: JsonFields, key: string, errnoKey: string): Action {
  const name = fields.text(key) ?? fields.fail(`${key}: missing`);
  const errno = fields.whole(errnoKey, 0n, name === "SCMP_ACT_TRACE" ? 0xffffn : MOST_ERRNO);
  switch (name) {
    case "SCMP_ACT_ALLOW":
      return { kind: "allow" };
    case "SCMP_ACT_ERRNO":
      return { kind: "errno", errno: Number(errno ?? EPERM) };
    case "SCMP_ACT_KILL_PROCESS":
      return { kind: "kill" };
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD":
      return { kind: "killThread" };
    case "SCMP_ACT_TRAP":
      return { kind: "trap" };
    case "SCMP_ACT_LOG":
      return { kind: "log" };
    case "SCMP_ACT_TRACE":
      return { kind: "trace", data: Number(errno ?? EPERM) };
    case "SCMP_ACT_NOTIFY":
      return fields.fail(`${key}: SCMP_ACT_NOTIFY needs a supervisor that answers each call; there is none here`);
    default:
      return fields.fail(`${key}: unknown action "${name}"`);
  }
}

const same = (a: Action, b: Action): boolean => JSON.stringify(a) === JSON.stringify(b);
const permits = ({ kind }: Action): boolean => kind === "allow" || kind === "log";

function rulesOf(entry: JsonValue, file: string, machine: Machine, fallback: Action, lost: string[]): Found[] {
  const fields = new JsonFields(entry, file, "syscalls", CALL);
  const single = fields.text("name");
  const names = fields.texts("names");
  if (single !== undefined && single !== "" && names.length > 0)
    fields.fail("syscalls: name and names; Docker takes one of them");
  const calls = single !== undefined && single !== "" ? [single] : names;
  if (calls.length === 0) fields.fail("syscalls: names is empty");
  const action = actionOf(fields, "action", "errnoRet");
  const groups = conditionGroups(fields, file);
  if (!applies(fields, file, machine)) return [];
  const why = fields.text("comment") ?? "";
  const numbers = callNumbers(machine.architecture);
  return calls.flatMap((syscall) => {
    if (!numbers.has(syscall)) {
      if (permits(fallback) && !permits(action) && !FOREIGN_CALLS.has(syscall) && !knownElsewhere(syscall)) {
        fields.fail(`syscalls: there is no system call "${syscall}" here, so it would not be refused`);
      }
      if (!FOREIGN_CALLS.has(syscall) && !knownElsewhere(syscall)) lost.push(`${syscall}: no system call known here`);
      return [];
    }
    return groups.map((conditions) => ({ syscall, why, conditions, action, line: fields.line }));
  });
}

const knownElsewhere = (syscall: string): boolean =>
  callNumbers("x64").has(syscall) || callNumbers("arm64").has(syscall);

/** Conditions that must all hold, in alternatives: where one argument has several, runc makes each a rule of its own. */
function conditionGroups(fields: JsonFields, file: string): readonly (readonly Condition[])[] {
  const conditions = fields.list("args").map((entry) => conditionOf(new JsonFields(entry, file, "args", ARGUMENT)));
  const repeated = new Set(conditions.map(({ argument }) => argument)).size < conditions.length;
  return repeated ? conditions.map((each) => [each]) : [conditions];
}

function conditionOf(fields: JsonFields): Condition {
  const index = fields.whole("index", 0n, 5n) ?? fields.fail("args: index is missing");
  const value = fields.whole("value", 0n, WORD) ?? 0n;
  const second = fields.whole("valueTwo", 0n, WORD) ?? 0n;
  const op = fields.text("op") ?? fields.fail("args: op is missing");
  const argument = Number(index);
  if (op === "SCMP_CMP_MASKED_EQ") {
    // libseccomp compares with what the mask leaves of the second value.
    return { argument, mask: value, values: [second & value], comparison: "==" };
  }
  const comparison = COMPARISONS.get(op) ?? fields.fail(`args: unknown op "${op}"`);
  return { argument, mask: WORD, values: [value], comparison };
}

const COMPARISONS: ReadonlyMap<string, NonNullable<Condition["comparison"]>> = new Map([
  ["SCMP_CMP_NE", "!="],
  ["SCMP_CMP_LT", "<"],
  ["SCMP_CMP_LE", "<="],
  ["SCMP_CMP_EQ", "=="],
  ["SCMP_CMP_GE", ">="],
  ["SCMP_CMP_GT", ">"],
]);

/** Docker's includes and excludes. */
function applies(fields: JsonFields, file: string, machine: Machine): boolean {
  const [excludes, includes] = ["excludes", "includes"].map((key) => {
    const value = fields.get(key);
    const filter = value === undefined ? undefined : new JsonFields(value, file, key, FILTER);
    return { arches: filter?.texts("arches") ?? [], caps: filter?.texts("caps") ?? [], since: sinceOf(filter) };
  });
  if (excludes === undefined || includes === undefined) return true;
  const { capabilities, kernel } = machine;
  const arch = ARCHES[machine.architecture];
  const reached = ([version, revision]: readonly [number, number]) =>
    kernel[0] > version || (kernel[0] === version && kernel[1] >= revision);
  if (excludes.arches.includes(arch) || excludes.caps.some((cap) => capabilities.has(cap))) return false;
  if (excludes.since !== undefined && reached(excludes.since)) return false;
  if (includes.arches.length > 0 && !includes.arches.includes(arch)) return false;
  return (
    includes.caps.every((cap) => capabilities.has(cap)) && (includes.since === undefined || reached(includes.since))
  );
}

function sinceOf(filter: JsonFields | undefined): readonly [number, number] | undefined {
  const text = filter?.text("minKernel");
  if (filter === undefined || text === undefined || text === "") return undefined;
  const match = /^([0-9]{1,3})\.([0-9]{1,3})$/.exec(text);
  if (match === null) return filter.fail(`minKernel: expected "<version>.<revision>" such as "4.8", got "${text}"`);
  return [Number(match[1]), Number(match[2])];
}

/** The rules so that "the first that holds decides" says what libseccomp would. */
function withoutOrder(found: readonly Found[], file: string, lost: string[]): Rule[] {
  const calls = Map.groupBy(found, ({ syscall }) => syscall);
  const result: Rule[] = [];
  for (const [syscall, rules] of calls) {
    const whole = rules.find(({ conditions }) => conditions.length === 0);
    const kept = whole === undefined ? rules : [whole];
    for (const rule of whole === undefined ? [] : rules) {
      if (!same(rule.action, kept[0]?.action ?? rule.action)) {
        lost.push(
          `line ${rule.line}: ${syscall}: the rule of line ${kept[0]?.line} has no conditions and counts instead`,
        );
      }
    }
    demandNoOrder(syscall, kept, file);
    const seen = new Set<string>();
    for (const { line: _, ...rule } of kept) {
      const key = rule.conditions.map(conditionText).join(" and ");
      if (!seen.has(key)) result.push(rule);
      seen.add(key);
    }
  }
  return result;
}

function demandNoOrder(syscall: string, rules: readonly Found[], file: string): void {
  const byAction = [...Map.groupBy(rules, ({ action }) => JSON.stringify(action)).values()];
  if (byAction.length < 2) return;
  const cubes = new Map(rules.map((rule) => [rule, allOf(rule.conditions)] as const));
  byAction.forEach((group, at) => {
    for (const other of byAction.slice(0, at).flat()) {
      const rule = group.find((each) => overlap(cubes.get(each) ?? [], cubes.get(other) ?? []));
      if (rule === undefined) continue;
      throw new PolicyError(
        `${file}:${rule.line}: ${syscall}: this rule and the one of line ${other.line} can both hold and say different things`,
      );
    }
  });
}

function highest(rules: readonly Rule[], machine: Machine): string {
  const numbers = callNumbers(machine.architecture);
  return rules.reduce(
    (top, { syscall }) => ((numbers.get(syscall) ?? 0) > (numbers.get(top) ?? 0) ? syscall : top),
    rules[0]?.syscall ?? "read",
  );
}
