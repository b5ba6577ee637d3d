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
  return SECCOMP_RET_KILL_PROCESS;
}

/**
 * The filter of a policy for an architecture: struct sock_filter[] bytes, at most 4,096 instructions (ProgramTooLong).
 *
 * A call of another architecture, or of the x32 ABI, kills the process whatever the policy says. Of the rules for one
 * call the first whose conditions hold decides, then the policy's default. Calls this architecture does not have are
 * left out: nobody can make them.
 */
export function compile(policy: Policy, architecture: Architecture): Uint8Array<ArrayBuffer> {
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
  const fallback = answer(policy.fallback);
  for (const { action } of policy.rules) answer(action);

  const calls = callsOf(policy, architecture);
  // Calls with argument rules are tested first: the kernel answers the others from its per-call cache and never gets here.
  const inOrder = [...calls.filter(hasConditions), ...calls.filter((call) => !hasConditions(call))];
  let next = fallback;
  for (const { number, rules } of inOrder.reverse()) {
    let body = fallback;
    for (const rule of [...rules].reverse()) body = test(out, rule, answer(rule.action), body);
    // The bodies load arguments over the call's number, so every one of them ends in an answer and none falls through.
    next = out.jumpIfEqual(number, body, next);
  }
  if (architecture === "x64") next = out.jumpIfAtLeast(X32_SYSCALL_BIT, kill, next);
  const start = out.load(NUMBER_AT);
  out.jumpIfEqual(AUDIT_ARCH[architecture], start, kill);
  out.load(ARCHITECTURE_AT);
  return out.finish();
}

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

function test(out: BackwardAssembler, rule: Rule, yes: Label, no: Label): Label {
  let next = yes;
  for (const condition of [...rule.conditions].reverse()) next = testCondition(out, condition, next, no);
  return next;
}

function testCondition(out: BackwardAssembler, condition: Condition, yes: Label, no: Label): Label {
  let next = no;
  for (const value of [...condition.values].reverse()) next = testValue(out, condition, value, yes, next);
  return next;
}

/** BPF has 32-bit words: a 64-bit comparison is one of each half, and both must hold. A half with no mask is not read. */
function testValue(out: BackwardAssembler, condition: Condition, value: bigint, yes: Label, no: Label): Label {
  const { argument, mask } = condition;
  let next = yes;
  const half = (offset: number, maskHalf: number, valueHalf: number): void => {
    if (maskHalf === 0) return;
    next = out.jumpIfEqual(valueHalf, next, no);
    if (maskHalf !== 0xffffffff) next = out.and(maskHalf);
    next = out.load(offset);
  };
  half(lowHalfAt(argument), Number(mask & 0xffffffffn), Number(value & 0xffffffffn));
  half(highHalfAt(argument), Number(mask >> 32n), Number(value >> 32n));
  return next;
}
