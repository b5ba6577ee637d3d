/**
 * Layer: lockdown, learn. What a policy would refuse of the calls that are heard: each different one once, with the rule set that
 * would allow it. It must not print.
 */
import { EACCES, ENOSYS, EPERM } from "../../abi/errno.ts";
import { callNumbers, hostArchitecture } from "../../host/call-numbers.ts";
import { LEARNING } from "../../host/notifications.unsafe.ts";
import { RuleBook } from "../context/rule-book.ts";
import type { WrittenPolicy } from "../formats/format.ts";
import { namedRuleSet, RULE_SET_NAMES } from "../formats/rule-set-names.ts";
import type { FileRight } from "../landlock.ts";
import { type Action, actionText, type Rule } from "../policy.ts";
import { callText } from "./call-text.ts";
import { type FileNeed, fileNeeds } from "./files.ts";
import type { HeardCall, Listener, Word } from "./hearing.ts";
import { Locked } from "./learner.ts";
import { isCovered } from "./seen-files.ts";
import { holds } from "./uses.ts";

/** Different refusals that are told in full; beyond them only their number is. */
const MOST_TOLD = 10_000;

export type Finding = {
  readonly syscall: string;
  /** The call as in C, with its paths and addresses. */
  readonly text: string;
  readonly process: number;
  readonly task: number;
  /** What the policy says to it: "errno EPERM (1)", "kill". */
  readonly verdict: string;
  /** The rule set whose rule refuses; undefined: no rule holds, it is the policy's default. */
  readonly refusedBy: string | undefined;
  /** The right to a file that no file rule gives. */
  readonly missing: FileNeed | undefined;
  /** The rule sets in force. */
  readonly inForce: readonly string[];
  /** The narrowest built-in rule set that would allow it, if there is one. */
  readonly wouldAllow: string | undefined;
};

export type AuditOptions = {
  /** Refuse what the policy refuses, instead of telling only. */
  readonly refuse: boolean;
  /** The names of the rule sets in force, for whoever reads what is told. */
  readonly inForce: readonly string[];
  readonly tell: (finding: Finding) => void;
};

/** Decides calls as the filter of a policy would, from when on the policy holds. */
export class Audit implements Listener {
  readonly #rules: ReadonlyMap<string, readonly Rule[]>;
  readonly #fallback: Action;
  /** What happens to calls numbered above the last one the policy's author knew. */
  readonly #newer: Action;
  readonly #last: number;
  readonly #files: readonly { readonly path: string; readonly rights: readonly FileRight[] }[];
  readonly #options: AuditOptions;
  readonly #told = new Set<string>();
  readonly #locked: Locked | undefined;
  /** How many calls were not allowed, the same ones counted again. */
  refusals = 0;

  constructor({ policy, from, files }: Pick<WrittenPolicy, "policy" | "from" | "files">, options: AuditOptions) {
    this.#rules = Map.groupBy(policy.rules, ({ syscall }) => syscall);
    this.#fallback = policy.fallback;
    this.#newer = policy.newer?.action ?? policy.fallback;
    this.#last = callNumbers(hostArchitecture()).get(policy.newer?.above ?? "") ?? Number.POSITIVE_INFINITY;
    this.#options = options;
    this.#files = files.map(({ path, accessRules }) => ({ path, rights: accessRules }));
    this.#locked = from === "lock" ? new Locked() : undefined;
  }

  signed(process: number): number {
    this.#locked?.add(process);
    return LEARNING;
  }

  heard(call: HeardCall): Word {
    if (this.#locked?.has(call.process) === false)
      return call.syscall.startsWith("io_uring_") ? { errno: ENOSYS } : "go on";
    const { action, rule } = this.#decide(call);
    if (action.kind === "allow" || action.kind === "log") return this.#lookAtFiles(call);
    this.refusals++;
    this.#tell(call, action, rule);
    if (action.kind === "errno" && (this.#options.refuse || call.syscall.startsWith("io_uring_"))) {
      return { errno: action.errno };
    }
    return this.#options.refuse ? { errno: EPERM } : "go on";
  }

  /** What the filter lets pass may be Landlock's to refuse. */
  #lookAtFiles(call: HeardCall): Word {
    if (this.#files.length === 0) return "go on";
    const missing = fileNeeds(call).find((need) => !isCovered(need, this.#files));
    if (missing === undefined) return "go on";
    this.refusals++;
    this.#tell(call, { kind: "errno", errno: EACCES }, undefined, missing);
    return this.#options.refuse ? { errno: EACCES } : "go on";
  }

  #decide({ syscall, args }: HeardCall): { readonly action: Action; readonly rule?: Rule } {
    const rule = this.#rules.get(syscall)?.find(({ conditions }) => conditions.every((each) => holds(each, args)));
    if (rule !== undefined) return { action: rule.action, rule };
    const number = callNumbers(hostArchitecture()).get(syscall) ?? Number(syscall.replace(/^call /, ""));
    return { action: number > this.#last ? this.#newer : this.#fallback };
  }

  #tell(call: HeardCall, action: Action, rule: Rule | undefined, missing?: FileNeed): void {
    const text = callText(call);
    const key = `${call.process} ${text}`;
    if (this.#told.has(key) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(key);
    this.#options.tell({
      syscall: call.syscall,
      text,
      process: call.process,
      task: call.task,
      verdict: actionText(action),
      refusedBy: rule === undefined ? undefined : (rule.origin ?? "syscalls"),
      inForce: this.#options.inForce,
      missing,
      wouldAllow: missing === undefined ? ruleSetFor(call.syscall, call.args) : undefined,
    });
  }
}

/** One line: the call with its arguments, who made it, what is said to it, and which rule set would have allowed it. */
export function findingText({
  text,
  process,
  task,
  verdict,
  refusedBy,
  missing,
  inForce,
  wouldAllow,
}: Finding): string {
  const who = process === task ? `process ${process}` : `process ${process}, thread ${task}`;
  if (missing !== undefined) {
    return `${text} in ${who}: ${verdict}; no file rule in force allows ${missing.rights.join(", ")} on ${JSON.stringify(missing.path)}`;
  }
  const sets = inForce.length === 0 ? "no rule" : `no rule set in force (${inForce.join(", ")})`;
  const by = refusedBy === undefined ? `${sets} allows it` : `${refusedBy} refuses it`;
  const cure = wouldAllow === undefined ? "and no built-in one would" : `${wouldAllow} would allow it`;
  return `${text} in ${who}: ${verdict}; ${by}, ${cure}`;
}

type Known = { readonly name: string; readonly size: number; readonly rules: ReadonlyMap<string, readonly Rule[]> };
let known: readonly Known[] | undefined;

/** The built-in rule set with the fewest calls among those that allow this one; NodeRuntime is about one process, and left out. */
export function ruleSetFor(syscall: string, args: readonly bigint[]): string | undefined {
  known ??= RULE_SET_NAMES.filter((name) => !name.startsWith("NodeRuntime"))
    .map((name) => {
      const book = new RuleBook();
      book.add(namedRuleSet(name, name, true));
      const rules = Map.groupBy(book.policy("", { kind: "kill" }).rules, (rule) => rule.syscall);
      return { name, size: rules.size, rules };
    })
    .sort((a, b) => a.size - b.size);
  const fits = ({ rules }: Known) =>
    rules.get(syscall)?.some(({ conditions }) => conditions.every((each) => holds(each, args))) === true;
  // Linden's own names say more than other systems' groups.
  return (known.find((set) => /^[A-Z]/.test(set.name) && fits(set)) ?? known.find(fits))?.name;
}
