/**
 * Layer: lockdown. What a host policy is: data that says which system calls a process may make, each with its reason.
 * Reading one checks every word of it: a policy with a mistake never becomes a filter. It must not know BPF.
 */
import * as errnoNumbers from "../abi/errno.ts";
import { ARCHITECTURES, callNumbers, hostArchitecture } from "../host/call-numbers.ts";
import { errnoName } from "./failure.ts";

/** A policy as it stands in a file of policies/. */
export type PolicyData = {
  readonly about: string;
  /** What happens to a call no rule allows. */
  readonly default: ActionData;
  readonly syscalls: readonly RuleData[];
};
export type ActionData =
  | "allow"
  | "kill"
  | "killThread"
  | "trap"
  | "log"
  | { readonly errno: string | number }
  | { readonly trace: number };
export type RuleData = {
  readonly syscall: string;
  /** Why the process needs this call, or why the answer is what it is. */
  readonly why: string;
  /** All must hold; absent: the rule is for every use of the call. */
  readonly args?: readonly ArgumentData[];
  /** "allow" unless said otherwise. */
  readonly action?: ActionData;
  /** Where `linden learn` has the rule from, when that was a run nobody vouches for: read it before you keep it. */
  readonly seen?: "untrusted run";
};
/** Numbers are decimal or "0x…" text; negative ones are taken as two's complement. */
export type NumberData = number | string;
export type ArgumentData = {
  /** Which argument, 0 to 5. */
  readonly arg: number;
  /** 32: the kernel reads an int and ignores the upper half, so must the filter. 64 when absent. */
  readonly bits?: 32 | 64;
} & (
  | { readonly eq: NumberData }
  | { readonly mask: NumberData; readonly eq: NumberData }
  | { readonly mask?: NumberData; readonly ne: NumberData }
  | { readonly in: readonly NumberData[] }
  // Unsigned, as the kernel passes them: a negative number is a very large one.
  | { readonly lt: NumberData }
  | { readonly le: NumberData }
  | { readonly gt: NumberData }
  | { readonly ge: NumberData }
);

export type Action =
  | { readonly kind: "allow" }
  | { readonly kind: "kill" }
  /** Ends the calling thread alone, silently: what other tools' policies may ask for. Nothing of Linden's does. */
  | { readonly kind: "killThread" }
  /** SIGSYS, which the program may catch. */
  | { readonly kind: "trap" }
  /** Asks a debugger that watches the process; without one the call answers ENOSYS. */
  | { readonly kind: "trace"; readonly data: number }
  /** The call is made, and the kernel's audit log says so. */
  | { readonly kind: "log" }
  | { readonly kind: "errno"; readonly errno: number };
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";
/**
 * Holds when (argument & mask) compares so with the value; "==" (also when absent) and "!=" may have several values and
 * ask for one of them, or none.
 */
export type Condition = {
  readonly argument: number;
  readonly mask: bigint;
  readonly values: readonly bigint[];
  readonly comparison?: Comparison;
};
export type Rule = {
  readonly syscall: string;
  readonly why: string;
  readonly conditions: readonly Condition[];
  readonly action: Action;
  /** The rule set that asked for it, where the policy is a context's. */
  readonly origin?: string;
  /** Learned from a run nobody vouches for, and from no other. */
  readonly seen?: "untrusted run";
};
export type Policy = {
  readonly about: string;
  readonly fallback: Action;
  readonly rules: readonly Rule[];
  /** What happens to calls numbered above this one, in place of the fallback: ENOSYS where the kernel is merely newer. */
  readonly newer?: { readonly action: Action; readonly above: string };
};

/** "allow", "kill", "errno EPERM (1)". */
export function actionText(action: Action): string {
  if (action.kind === "errno") return `errno ${errnoName(-action.errno)}`;
  if (action.kind === "trace") return `trace ${action.data}`;
  return action.kind === "killThread" ? "kill the thread" : action.kind;
}

/** A policy that cannot be what its author meant. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
}

/** MAX_ERRNO, include/linux/err.h. */
const MOST_ERRNO = 4095;
const WORD = (1n << 64n) - 1n;
const INT = (1n << 32n) - 1n;

/** Checks policy data (which may come from a JSON file) and answers the policy. Throws PolicyError naming the rule. */
export function readPolicy(data: unknown): Policy {
  const source = record(data, "the policy", ["about", "default", "syscalls"]);
  const about = text(source.about, "about");
  const fallback = readAction(source.default, "default");
  const list = source.syscalls;
  if (!Array.isArray(list) || list.length === 0) throw new PolicyError("syscalls: expected a list of rules");
  return { about, fallback, rules: readRules(list, "syscalls") };
}

/** Checks a list of rules; an empty one is none. */
export function readRules(list: unknown, where: string): Rule[] {
  if (!Array.isArray(list)) throw new PolicyError(`${where}: expected a list of rules`);
  const rules = list.map((entry, index) => rule(entry, `${where}[${index}]`));
  const closed = new Set<string>();
  for (const { syscall, conditions } of rules) {
    if (closed.has(syscall)) {
      throw new PolicyError(`${syscall}: a rule after the one without args could never be reached`);
    }
    if (conditions.length === 0) closed.add(syscall);
  }
  return rules;
}

function rule(entry: unknown, where: string): Rule {
  const source = record(entry, where, ["syscall", "why", "args", "action", "seen"]);
  const syscall = text(source.syscall, `${where}.syscall`);
  if (!callNumbers(hostArchitecture()).has(syscall) && !ARCHITECTURES.some((each) => callNumbers(each).has(syscall))) {
    throw new PolicyError(`${where}: there is no system call "${syscall}"`);
  }
  const why = text(source.why, `${where} (${syscall}).why`);
  const args = source.args;
  if (args !== undefined && (!Array.isArray(args) || args.length === 0)) {
    throw new PolicyError(`${where} (${syscall}).args: expected a list with at least one condition`);
  }
  const conditions = (args ?? []).map((each: unknown, index: number) =>
    condition(each, `${where} (${syscall}).args[${index}]`),
  );
  const action = readAction(source.action ?? "allow", `${where} (${syscall}).action`);
  if (source.seen === undefined) return { syscall, why, conditions, action };
  if (source.seen !== "untrusted run") throw new PolicyError(`${where} (${syscall}).seen: expected "untrusted run"`);
  return { syscall, why, conditions, action, seen: source.seen };
}

function condition(entry: unknown, where: string): Condition {
  const source = record(entry, where, ["arg", "bits", "mask", "in", ...COMPARISONS.keys()]);
  const argument = source.arg;
  if (typeof argument !== "number" || !Number.isInteger(argument) || argument < 0 || argument > 5) {
    throw new PolicyError(`${where}.arg: expected 0 to 5`);
  }
  const bits = source.bits ?? 64;
  if (bits !== 32 && bits !== 64) throw new PolicyError(`${where}.bits: expected 32 or 64`);
  const width = bits === 32 ? INT : WORD;
  const given = source.mask;
  const mask = given === undefined ? width : word(given, `${where}.mask`) & width;
  if (mask === 0n) throw new PolicyError(`${where}.mask: a mask of 0 says nothing about the argument`);
  const list = source.in;
  const words = [...COMPARISONS.keys()].filter((each) => source[each] !== undefined);
  if (words.length + (list === undefined ? 0 : 1) !== 1) {
    throw new PolicyError(`${where}: expected exactly one of in, ${[...COMPARISONS.keys()].join(", ")}`);
  }
  if (list !== undefined && (!Array.isArray(list) || list.length === 0 || given !== undefined)) {
    throw new PolicyError(`${where}.in: expected a list of values, without a mask`);
  }
  const [name = "eq"] = words;
  const values = (list ?? [source[name]]).map((value: unknown) => word(value, where) & width);
  const result = { argument, mask, values, comparison: COMPARISONS.get(name) ?? "==" };
  const complaint = emptyMeaning(result);
  if (complaint !== undefined) throw new PolicyError(`${where}: ${complaint}`);
  return result;
}

const COMPARISONS: ReadonlyMap<string, Comparison> = new Map([
  ["eq", "=="],
  ["ne", "!="],
  ["lt", "<"],
  ["le", "<="],
  ["gt", ">"],
  ["ge", ">="],
]);

/** Why a condition always or never holds, so that it cannot be what its author meant; undefined when it says something. */
export function emptyMeaning({ comparison = "==", mask, values }: Condition): string | undefined {
  for (const value of values) {
    if ((value & mask) !== value) return "the value has bits outside the mask, it never holds";
    if (comparison === "<" && value === 0n) return "nothing is below 0 (arguments are unsigned), it never holds";
    if (comparison === ">=" && value === 0n)
      return "everything is at least 0 (arguments are unsigned), it always holds";
    if (comparison === ">" && value === mask) return "nothing is above the largest value, it never holds";
    if (comparison === "<=" && value === mask) return "everything is at most the largest value, it always holds";
  }
  return undefined;
}

/** "allow", "kill", "log", {"errno": "E…"} and their like. Throws PolicyError. */
export function readAction(value: unknown, where: string): Action {
  if (value === "allow" || value === "kill" || value === "killThread" || value === "trap" || value === "log") {
    return { kind: value };
  }
  if (typeof value === "object" && value !== null) {
    const { errno: given, trace } = record(value, where, ["errno", "trace"]);
    if (given === undefined && typeof trace === "number" && Number.isInteger(trace) && trace >= 0 && trace <= 0xffff) {
      return { kind: "trace", data: trace };
    }
    if (
      typeof given === "number" &&
      Number.isInteger(given) &&
      given >= 0 &&
      given <= MOST_ERRNO &&
      trace === undefined
    ) {
      return { kind: "errno", errno: given };
    }
    const name = text(given, `${where}.errno`);
    const errno: unknown = name in errnoNumbers ? Reflect.get(errnoNumbers, name) : undefined;
    if (typeof errno === "number" && /^E[A-Z0-9]+$/.test(name)) return { kind: "errno", errno };
  }
  throw new PolicyError(
    `${where}: expected "allow", "kill", "log", "trap", "killThread", {"errno": "E…"} or {"trace": n}`,
  );
}

function word(value: unknown, where: string): bigint {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value) & WORD;
  if (typeof value === "string" && /^(0x[0-9a-fA-F]{1,16}|-?[0-9]{1,20})$/.test(value)) return BigInt(value) & WORD;
  throw new PolicyError(`${where}: expected a whole number, or text such as "0xffff0000"`);
}

/** A text that says something. Throws PolicyError. */
export function text(value: unknown, where: string): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new PolicyError(`${where}: expected text`);
}

/** An object with no other words than these. Throws PolicyError. */
export function record(value: unknown, where: string, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new PolicyError(`${where}: expected an object`);
  }
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) throw new PolicyError(`${where}: unknown word "${key}"; expected ${keys.join(", ")}`);
  }
  return value as Record<string, unknown>;
}
