/**
 * Layer: lockdown, formats. Policies written in Minijail's language: as minijail0 -S reads it where its one "else" a call
 * is enough, otherwise with the braces that only compile_seccomp_policy reads. It must not know the reader.
 */
import * as errnoNumbers from "../../abi/errno.ts";
import { type Architecture, callNumbers } from "../../host/call-numbers.ts";
import type { Action, Condition, Policy, Rule } from "../policy.ts";
import {
  alternatives,
  answerTo,
  demandFits,
  inBits,
  NotExpressible,
  product,
  reachable,
  regions,
  sameAction,
  type WrittenText,
} from "./out.ts";

const WORD = (1n << 64n) - 1n;
const KILL: Action = { kind: "kill" };

/** A .policy file for one architecture. */
export function writeMinijailPolicy(policy: Policy, architecture: Architecture): WrittenText {
  const lost: string[] = [];
  const numbers = callNumbers(architecture);
  const calls = new Map([...reachable(policy.rules)].filter(([syscall]) => numbers.has(syscall)));
  if (!sameAction(policy.fallback, KILL) || policy.newer !== undefined) {
    lost.push(
      "a Minijail policy's default is a kill: every other call known here is named, and unknown ones are killed",
    );
  }
  const bodies = new Map<string, Body>();
  for (const [syscall, number] of [...numbers].sort(([, a], [, b]) => a - b)) {
    const otherwise = answerTo(policy, number, numbers);
    const rules = calls.get(syscall);
    if (rules === undefined && sameAction(otherwise, KILL)) continue;
    const whole: Rule[] = [...(rules ?? [])];
    if (whole.at(-1)?.conditions.length !== 0) whole.push({ syscall, why: "", conditions: [], action: otherwise });
    bodies.set(syscall, { rules: whole, simple: simpleText(whole) });
  }
  const braces = [...bodies.values()].some(({ simple }) => simple === undefined);
  if (braces) lost.push("it uses braces or action words: compile_seccomp_policy reads it, minijail0 -S does not");
  const lines = [`# ${policy.about.replaceAll(/\s+/g, " ")}`];
  for (const [syscall, { rules, simple }] of bodies) {
    const whys = [...new Set((calls.get(syscall) ?? []).map(({ why }) => why.replaceAll(/\s+/g, " ")))].filter(
      (why) => why !== "",
    );
    lines.push(...whys.map((why) => `# ${why.replace(/\\$/, "")}`));
    lines.push(`${syscall}: ${braces ? braceText(rules) : simple}`);
  }
  const text = `${lines.join("\n")}\n`;
  demandFits(text.split(/\barg[0-5]/).length - 1);
  return { text, lost };
}

type Body = { readonly rules: readonly Rule[]; readonly simple: string | undefined };

/** What minijail0 reads: allowed always, refused always, or allowed where an expression holds. Undefined: none of these. */
function simpleText(rules: readonly Rule[]): string | undefined {
  const parts = regions(rules);
  const others = parts.filter(({ action }) => action.kind !== "allow").map(({ action }) => action);
  const [other] = others;
  if (others.some((action) => other === undefined || !sameAction(action, other))) return undefined;
  if (other !== undefined && other.kind !== "kill" && other.kind !== "errno") return undefined;
  const allowed = parts.filter(({ action }) => action.kind === "allow").flatMap(({ cases }) => cases);
  const tail = other === undefined || other.kind === "kill" ? "return" : actionText(other);
  if (allowed.length === 0) return tail;
  const groups = allowed.flatMap(conjunctions);
  if (groups.includes("")) return "1";
  return `${[...new Set(groups)].join(" || ")}${tail === "return" ? "" : `; ${tail}`}`;
}

function braceText(rules: readonly Rule[]): string {
  const steps = rules.map(({ conditions, action }) => {
    const groups = alternatives(conditions).flatMap(conjunctions);
    return groups.includes("") ? actionText(action) : `${groups.join(" || ")}; ${actionText(action)}`;
  });
  const [only] = steps;
  return steps.length === 1 && only !== undefined && !only.includes(";") ? only : `{ ${steps.join(", ")} }`;
}

/** A conjunction as Minijail's, or as several of which one holds; "" holds always. */
function conjunctions(conditions: readonly Condition[]): string[] {
  const parts = conditions.map((condition) => {
    const native = nativeText(condition);
    return native === undefined ? inBits([condition]).map((bits) => bits.map(bitText)) : [[native]];
  });
  return product(parts, "a rule").map((atoms) => atoms.join(" && "));
}

function nativeText({ argument, mask, values: [value = 0n], comparison = "==" }: Condition): string | undefined {
  if (mask === WORD) return `arg${argument} ${comparison} ${word(value)}`;
  if (value !== 0n || (comparison !== "==" && comparison !== "!=")) return undefined;
  return comparison === "!=" ? `arg${argument} & ${word(mask)}` : `arg${argument} in ~${word(mask)}`;
}

/** (argument & mask) == value, bit by bit: each one set is asked for alone, those clear by "in". */
function bitText({ argument, mask, values: [value = 0n] }: Condition): string {
  if (mask === WORD) return `arg${argument} == ${word(value)}`;
  const atoms: string[] = [];
  for (let bit = 1n; bit < 1n << 64n; bit <<= 1n) if ((value & bit) !== 0n) atoms.push(`arg${argument} & ${word(bit)}`);
  const clear = mask & ~value;
  if (clear !== 0n) atoms.push(`arg${argument} in ~${word(clear)}`);
  return atoms.join(" && ");
}

const word = (value: bigint): string => (value < 4096n ? String(value) : `0x${value.toString(16)}`);

function actionText(action: Action): string {
  switch (action.kind) {
    case "allow":
      return "1";
    case "kill":
      return "kill-process";
    case "killThread":
      return "kill-thread";
    case "trace":
      if (action.data !== 0) throw new NotExpressible(`trace ${action.data}: Minijail's trace has no number`);
      return "trace";
    case "errno":
      return `return ${errnoText(action.errno)}`;
    default:
      return action.kind;
  }
}

function errnoText(errno: number): string {
  const name = Object.entries(errnoNumbers).find(([key, value]) => value === errno && /^E[A-Z0-9]+$/.test(key));
  return name?.[0] ?? String(errno);
}
