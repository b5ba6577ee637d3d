/**
 * Layer: lockdown. Turns a policy into a seccomp filter program. Pure: same policy, same bytes. It must not know who
 * installs the program.
 */
import { type Architecture, AUDIT_ARCH, callNumbers, X32_SYSCALL_BIT } from "../host/call-numbers.ts";
import {
  BackwardAssembler,
  type Label,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
} from "./bpf.ts";
import type { Action, Condition, Policy, Rule } from "./policy.ts";

/** Offsets in struct seccomp_data, include/uapi/linux/seccomp.h (little-endian machines). */
const NUMBER_AT = 0;
const ARCHITECTURE_AT = 4;
const lowHalfAt = (argument: number) => 16 + 8 * argument;
const highHalfAt = (argument: number) => 20 + 8 * argument;

function verdict(action: Action): number {
  if (action.kind === "allow") return SECCOMP_RET_ALLOW;
  if (action.kind === "errno") return SECCOMP_RET_ERRNO | action.errno;
  if (action.kind === "log") return SECCOMP_RET_LOG;
  if (action.kind === "trap") return SECCOMP_RET_TRAP;
  if (action.kind === "trace") return SECCOMP_RET_TRACE | action.data;
  if (action.kind === "killThread") return SECCOMP_RET_KILL_THREAD;
  return SECCOMP_RET_KILL_PROCESS;
}

/**
 * The filter of a policy for an architecture: struct sock_filter[] bytes, at most 4,096 instructions (ProgramTooLong).
 *
 * A call of another architecture, or of the x32 ABI, kills the process whatever the policy says. Of the rules for one
 * call the first whose conditions hold decides, then the policy's default. Calls this architecture does not have are
 * left out: nobody can make them. With `listened`, a call that gets the policy's default waits for the word of whoever
 * holds the filter's listener instead.
 */
export function compile(
  policy: Policy,
  architecture: Architecture,
  { listened = false }: { readonly listened?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const out = new BackwardAssembler();
  const answers = new Map<number, Label>();
  const answer = (action: Action): Label => {
    const value = verdict(action);
    const known = answers.get(value);
    if (known !== undefined) return known;
    const label = out.answer(value);
    answers.set(value, label);
    return label;
  };
  const kill = answer({ kind: "kill" });
  const fallback = listened ? out.answer(SECCOMP_RET_USER_NOTIF) : answer(policy.fallback);
  for (const { action } of policy.rules) answer(action);
  const newer = policy.newer === undefined ? undefined : answer(policy.newer.action);

  const calls = callsOf(policy, architecture);
  const plain = calls.filter((call) => !hasConditions(call));
  const decided = plain.flatMap(({ number, rules: [rule] }) => (rule ? [{ number, body: answer(rule.action) }] : []));
  let next = testNumber(
    out,
    decided.filter(({ body }) => body !== fallback).sort((a, b) => a.number - b.number),
    fallback,
  );
  // Calls with argument rules are tested first: the kernel answers most of the others from its per-call cache and never gets here.
  for (const { number, rules } of calls.filter(hasConditions).reverse()) {
    let body = fallback;
    for (const rule of merged(rules).reverse()) body = test(out, rule, answer(rule.action), body);
    // The bodies load arguments over the call's number, so every one of them ends in an answer and none falls through.
    next = out.jumpIfEqual(number, body, next);
  }
  const last = policy.newer === undefined ? undefined : callNumbers(architecture).get(policy.newer.above);
  if (newer !== undefined && last !== undefined) next = out.jumpIfAbove(last, newer, next);
  if (architecture === "x64") next = out.jumpIfAtLeast(X32_SYSCALL_BIT, kill, next);
  const start = out.load(NUMBER_AT);
  out.jumpIfEqual(AUDIT_ARCH[architecture], start, kill);
  out.load(ARCHITECTURE_AT);
  return out.finish();
}

/** Numbers that are tested one after the other; with more of them halving is shorter. */
const LEAF = 4;

/**
 * Where the loaded call's number leads: a tree, because a call with argument rules in a later filter goes through all of this
 * one, every time. `calls` are in the order of their numbers.
 */
function testNumber(out: BackwardAssembler, calls: readonly NumberedBody[], none: Label): Label {
  const middle = calls.length >> 1;
  const first = calls[middle];
  if (first === undefined || calls.length <= LEAF) {
    let next = none;
    for (const { number, body } of calls.toReversed()) next = out.jumpIfEqual(number, body, next);
    return next;
  }
  const above = testNumber(out, calls.slice(middle), none);
  const below = testNumber(out, calls.slice(0, middle), none);
  return out.jumpIfAtLeast(first.number, above, below);
}

type NumberedBody = { readonly number: number; readonly body: Label };

type CallRules = { readonly number: number; readonly rules: Rule[] };

const hasConditions = ({ rules }: CallRules): boolean => rules.some((rule) => rule.conditions.length > 0);

function callsOf(policy: Policy, architecture: Architecture): CallRules[] {
  const numbers = callNumbers(architecture);
  const calls = new Map<string, CallRules>();
  for (const rule of policy.rules) {
    const number = numbers.get(rule.syscall);
    if (number === undefined) continue;
    const known = calls.get(rule.syscall);
    if (known === undefined) calls.set(rule.syscall, { number, rules: [rule] });
    else known.rules.push(rule);
  }
  return [...calls.values()];
}

/** Neighbours that ask the same argument for other values, with the same answer, become one rule: one load, not many. */
function merged(rules: readonly Rule[]): Rule[] {
  const result: Rule[] = [];
  let values: bigint[] = [];
  for (const rule of rules) {
    const last = result.at(-1);
    const [condition] = rule.conditions;
    if (last !== undefined && condition !== undefined && asksTheSame(last, rule)) {
      for (const value of condition.values) values.push(value);
    } else {
      values = [...(condition?.values ?? [])];
      result.push(
        condition === undefined
          ? rule
          : { ...rule, conditions: [{ ...condition, values }, ...rule.conditions.slice(1)] },
      );
    }
  }
  return result;
}

function asksTheSame(first: Rule, second: Rule): boolean {
  const [a, ...more] = first.conditions;
  const [b, ...others] = second.conditions;
  if (a === undefined || b === undefined || more.length > 0 || others.length > 0) return false;
  if ((a.comparison ?? "==") !== "==" || (b.comparison ?? "==") !== "==") return false;
  return a.argument === b.argument && a.mask === b.mask && verdict(first.action) === verdict(second.action);
}

function test(out: BackwardAssembler, rule: Rule, yes: Label, no: Label): Label {
  let next = yes;
  for (const condition of [...rule.conditions].reverse()) next = testCondition(out, condition, next, no);
  return next;
}

function testCondition(out: BackwardAssembler, condition: Condition, yes: Label, no: Label): Label {
  switch (condition.comparison ?? "==") {
    case "==":
      return testMembership(out, condition, yes, no);
    case "!=":
      return testMembership(out, condition, no, yes);
    case ">=":
      return testOrder(out, condition, true, yes, no);
    case "<":
      return testOrder(out, condition, true, no, yes);
    case ">":
      return testOrder(out, condition, false, yes, no);
    case "<=":
      return testOrder(out, condition, false, no, yes);
  }
}

const FULL = 0xffffffff;
const lowOf = (word: bigint): number => Number(word & 0xffffffffn);
const highOf = (word: bigint): number => Number(word >> 32n);

/** Loads one half of an argument and clears the bits that are not asked about, right before the instruction `next`. */
function loadHalf(out: BackwardAssembler, offset: number, mask: number): Label {
  if (mask !== FULL) out.and(mask);
  return out.load(offset);
}

/**
 * BPF has 32-bit words. Values are grouped by their upper half: it is loaded once, and each group goes on to its lower
 * halves, loaded once as well. A half the mask leaves out is not read.
 */
function testMembership(out: BackwardAssembler, condition: Condition, yes: Label, no: Label): Label {
  const { argument, mask } = condition;
  const low = (values: readonly number[]): Label => {
    if (lowOf(mask) === 0) return yes;
    let next = no;
    for (const value of [...values].reverse()) next = out.jumpIfEqual(value, yes, next);
    return loadHalf(out, lowHalfAt(argument), lowOf(mask));
  };
  const groups = new Map<number, Set<number>>();
  for (const value of condition.values) {
    const group = groups.get(highOf(value));
    if (group === undefined) groups.set(highOf(value), new Set([lowOf(value)]));
    else group.add(lowOf(value));
  }
  if (highOf(mask) === 0) return low([...(groups.get(0) ?? [])]);
  const targets = [...groups].reverse().map(([value, lows]) => [value, low([...lows])] as const);
  let next = no;
  for (const [value, target] of targets) next = out.jumpIfEqual(value, target, next);
  return loadHalf(out, highHalfAt(argument), highOf(mask));
}

/** (argument & mask) >= value, or > value: the upper half decides unless it is equal. Unsigned, as the kernel's registers. */
function testOrder(out: BackwardAssembler, condition: Condition, orEqual: boolean, yes: Label, no: Label): Label {
  const { argument, mask, values } = condition;
  const [value = 0n] = values;
  const low = lowOf(value);
  const high = highOf(value);
  // The lower half settles nothing where it can never, or always, decide a tie.
  const tie = orEqual ? (low === 0 ? yes : undefined) : low === FULL || lowOf(mask) === 0 ? no : undefined;
  const compare = (bound: number): Label =>
    orEqual ? out.jumpIfAtLeast(bound, yes, no) : out.jumpIfAbove(bound, yes, no);
  if (highOf(mask) === 0) {
    compare(low);
    return loadHalf(out, lowHalfAt(argument), lowOf(mask));
  }
  if (tie !== undefined) {
    compare(high);
    return loadHalf(out, highHalfAt(argument), highOf(mask));
  }
  compare(low);
  const next = out.jumpIfEqual(high, loadHalf(out, lowHalfAt(argument), lowOf(mask)), no);
  if (high !== FULL) out.jumpIfAbove(high, yes, next);
  return loadHalf(out, highHalfAt(argument), highOf(mask));
}
