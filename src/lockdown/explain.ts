/** Layer: lockdown. Policies in words: what is allowed and why, what differs, what happens to a call. It must not print. */
import * as fcntl from "../abi/fcntl.ts";
import { type Architecture, AUDIT_ARCH, callNumbers, hostArchitecture } from "../host/call-numbers.ts";
import { disassemble, type Step, simulate, verdictText } from "./bpf.ts";
import { compile } from "./compiler.ts";
import { conditionText, demandCall } from "./context/condition.ts";
import { LockdownError } from "./context/errors.ts";
import { holds } from "./learn/uses.ts";
import { actionText, type Policy, type Rule } from "./policy.ts";

function ruleText({ syscall, conditions, action }: Rule): string {
  const when = conditions.length === 0 ? "" : ` when ${conditions.map(conditionText).join(" and ")}`;
  return `${syscall}${when}${action.kind === "allow" ? "" : ` → ${actionText(action)}`}`;
}

function markedText(rule: Rule): string {
  return `${ruleText(rule)}${rule.seen === undefined ? "" : ` [${rule.seen}]`}`;
}

function newerText({ newer }: Policy): string[] {
  return newer === undefined ? [] : [`calls newer than ${newer.above}: ${actionText(newer.action)}`];
}

/** The policy as text: what happens otherwise, then every rule with its reason, under the rule set it comes from. */
export function explainPolicy(policy: Policy): string {
  const lines = [`any other call: ${actionText(policy.fallback)}`];
  lines.push(...newerText(policy));
  for (const [origin, rules] of byOrigin(policy)) {
    lines.push(origin);
    for (const rule of rules) lines.push(`  ${markedText(rule)}${rule.why === "" ? "" : ` — ${rule.why}`}`);
  }
  return lines.join("\n");
}

/** The policy as a tree: the rule sets, each with its calls; the rules of one call stand in one line. */
export function explainTree(policy: Policy): string {
  const lines = [policy.about];
  const sets = [...byOrigin(policy)];
  for (const [origin, rules] of sets) {
    const calls = Map.groupBy(rules, ({ syscall }) => syscall);
    lines.push(`├─ ${origin === policy.about ? "(no rule set)" : origin}: ${calls.size} calls`);
    const last = [...calls.keys()].at(-1);
    for (const [syscall, ofCall] of calls) {
      const texts = ofCall.map((rule) => markedText(rule).slice(syscall.length).trim()).filter((each) => each !== "");
      lines.push(`│  ${syscall === last ? "└" : "├"}─ ${[syscall, texts.join("; ")].join(" ").trimEnd()}`);
    }
  }
  lines.push(...newerText(policy).map((line) => `├─ ${line}`));
  lines.push(`└─ any other call: ${actionText(policy.fallback)}`);
  return lines.join("\n");
}

function byOrigin(policy: Policy): Map<string, Rule[]> {
  return Map.groupBy(policy.rules, ({ origin }) => origin ?? policy.about);
}

/** What changes from one policy to another: "-" only in the first, "+" only in the second; empty when nothing does. */
export function explainDifference(first: Policy, second: Policy): string {
  const lines: string[] = [];
  const [before, after] = [actionText(first.fallback), actionText(second.fallback)];
  if (before !== after) lines.push(`- any other call: ${before}`, `+ any other call: ${after}`);
  const texts = (policy: Policy) => new Set([...newerText(policy), ...policy.rules.map(ruleText)]);
  const [old, fresh] = [texts(first), texts(second)];
  for (const text of [...old].filter((each) => !fresh.has(each)).sort()) lines.push(`- ${text}`);
  for (const text of [...fresh].filter((each) => !old.has(each)).sort()) lines.push(`+ ${text}`);
  return lines.join("\n");
}

export type SimulatedCall = {
  /** "allow", "errno 1", "kill process". */
  readonly verdict: string;
  /** The rule that decided; undefined: none did, the policy's default. */
  readonly rule: Rule | undefined;
  /** The filter's instructions on the way, disassembled. */
  readonly path: readonly string[];
};

/**
 * What a policy does to a call written as in C: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)`. Text stands for
 * its address, which no filter can look behind. Throws LockdownError on what it cannot read.
 */
export function simulateCall(
  policy: Policy,
  text: string,
  architecture: Architecture = hostArchitecture(),
): SimulatedCall {
  const { name, args } = parse(text);
  demandCall(name, "simulate");
  const number = callNumbers(architecture).get(name);
  if (number === undefined) throw new LockdownError(`${architecture} has no system call "${name}"`);
  const program = compile(policy, architecture);
  const steps: Step[] = [];
  const verdict = simulate(program, { number, audit: AUDIT_ARCH[architecture], args }, steps);
  const lines = disassemble(program);
  return {
    verdict: verdictText(verdict),
    rule: policy.rules.find((rule) => rule.syscall === name && rule.conditions.every((each) => holds(each, args))),
    path: steps.map(({ at }) => lines[at] ?? ""),
  };
}

/** Words of C that stand for a number here. */
const CONSTANTS: ReadonlyMap<string, bigint> = new Map<string, bigint>([
  ...Object.entries(fcntl).flatMap(([name, value]) =>
    typeof value === "number" ? [[name, BigInt(value)] as const] : [],
  ),
  ["NULL", 0n],
  ["AT_FDCWD", -100n],
  ["AF_UNIX", 1n],
  ["AF_INET", 2n],
  ["AF_INET6", 10n],
  ["AF_NETLINK", 16n],
  ["AF_PACKET", 17n],
  ["SOCK_STREAM", 1n],
  ["SOCK_DGRAM", 2n],
  ["SOCK_RAW", 3n],
  ["SOCK_NONBLOCK", 0o4000n],
  ["SOCK_CLOEXEC", 0o2000000n],
  ["PROT_READ", 1n],
  ["PROT_WRITE", 2n],
  ["PROT_EXEC", 4n],
]);
/** Where a text argument is taken to lie: an address like any other. */
const SOME_ADDRESS = 0x7f0000001000n;
const MOST_ARGUMENTS = 6;

function parse(text: string): { readonly name: string; readonly args: readonly bigint[] } {
  const call = /^\s*([a-z_0-9]+)\s*(?:\(([\s\S]*)\))?\s*$/.exec(text);
  if (call?.[1] === undefined)
    throw new LockdownError(`simulate: expected a call such as close(3), got ${JSON.stringify(text)}`);
  const words = [...(call[2] ?? "").matchAll(/\s*("(?:[^"\\]|\\.)*"|[^,"]+?)\s*(?:,|$)/g)].map(([, word = ""]) => word);
  if (words.length > MOST_ARGUMENTS)
    throw new LockdownError(`simulate: ${call[1]} has more than ${MOST_ARGUMENTS} arguments`);
  const args = words.map((word) => BigInt.asUintN(64, word.startsWith('"') ? SOME_ADDRESS : sum(word)));
  while (args.length < MOST_ARGUMENTS) args.push(0n);
  return { name: call[1], args };
}

function sum(expression: string): bigint {
  let bits = 0n;
  for (const part of expression.split("|").map((each) => each.trim())) {
    const octal = /^0([0-7]+)$/.exec(part);
    const constant = CONSTANTS.get(part);
    if (constant !== undefined) bits |= constant;
    else if (octal !== null) bits |= BigInt(`0o${octal[1]}`);
    else if (/^(0x[0-9a-fA-F]+|-?[0-9]+)$/.test(part)) bits |= BigInt(part);
    else throw new LockdownError(`simulate: "${part}" is neither a number, a text nor a constant known here`);
  }
  return bits;
}
