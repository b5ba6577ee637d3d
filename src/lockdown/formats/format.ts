/** Layer: lockdown, formats. What any written policy is once it has been read, and what a format must give. No format here. */
import type { LandlockPortRule, LandlockRule } from "../context/landlock-rule.ts";
import type { Policy } from "../policy.ts";
import type { Machine } from "./machine.ts";

/** A policy file, read and checked. */
export type WrittenPolicy = {
  /** Which format it was written in. */
  readonly format: string;
  /** Its rules, each with the rule set it comes from (`origin`) where the format has rule sets. */
  readonly policy: Policy;
  /** The rule sets it names, in its order; empty where the format has none. */
  readonly ruleSets: readonly RuleSetUse[];
  /** Files and TCP ports it opens (Landlock). Both empty: it says nothing of them, and Landlock stays out of it. */
  readonly files: readonly LandlockRule[];
  readonly ports: readonly LandlockPortRule[];
  /** From when on it holds: for a program from its start, or from its own `lockWith`. Undefined: the file does not say. */
  readonly from: "start" | "lock" | undefined;
  /** What could not be carried over from the format, in words; empty when nothing was lost. */
  readonly lost: readonly string[];
};

export type RuleSetUse = { readonly use: string; readonly why: string };

/** One format of policy files. Reading throws a LockdownError or PolicyError that names the culprit. */
export type PolicyFormat = {
  readonly name: string;
  /** Whether a text looks like this format; `json` is the parsed text where it is JSON. */
  recognizes(text: string, json: unknown): boolean;
  /** `file` is where the text comes from, for messages and for what it includes; `machine` is this one when absent. */
  read(text: string, json: unknown, file: string, machine?: Machine): WrittenPolicy;
};

/** A policy of a format that knows calls only: no rule sets, no files. */
export function callsOnly(format: string, policy: Policy, lost: readonly string[]): WrittenPolicy {
  return { format, policy, ruleSets: [], files: [], ports: [], from: undefined, lost };
}
