/**
 * Layer: lockdown, learn. A recording as a policy file, alone or merged into one that is there. Nothing that a file allows and
 * nothing that was seen is ever lost. It must not know how the recording came about.
 */
import { errnoName } from "../failure.ts";
import { readLindenPolicy } from "../formats/linden.ts";
import {
  type Action,
  type ArgumentData,
  type Condition,
  type NumberData,
  PolicyError,
  type RuleData,
} from "../policy.ts";
import { Recording, type SeenCall } from "./recording.ts";
import { chooseRuleSets } from "./rule-sets.ts";
import { type FileRule, mergedRules, type SeenFiles } from "./seen-files.ts";
import { allowed, conditionsOf } from "./uses.ts";

/** A policy as it is written to a file. */
export type WrittenData = {
  about: string;
  default: unknown;
  from?: "start" | "lock";
  ruleSets?: { use: string; why: string; yesReally?: true }[];
  syscalls?: RuleData[];
  files?: FileRule[];
  ports?: unknown;
};

export type LearnOptions = {
  /** What was run, for the reasons. */
  readonly program: string;
  readonly from: "start" | "lock";
  /** Nobody vouches for this run: what is seen in it alone is marked. */
  readonly untrusted?: boolean;
  /** Name no rule set: exactly the calls, with their arguments. */
  readonly exact?: boolean;
  /** The files that were used; undefined: the policy says nothing of files. */
  readonly files?: SeenFiles | undefined;
};

export type Learned = {
  readonly data: WrittenData;
  /** Calls, or new uses of calls, that were not allowed before. */
  readonly added: readonly string[];
  /** Calls that were seen and that the file refuses on purpose: it was left as it is. */
  readonly refused: readonly string[];
};

/** What every process needs that no notification tells of. */
const ALWAYS = ["rt_sigreturn", "restart_syscall", "exit", "exit_group"];
const NOT_GIVEN = "rings walk around filters; whoever asks for one falls back";
const UNTRUSTED = "untrusted run";

/** The policy of a recording. */
export function writePolicy(recording: Recording, options: LearnOptions): Learned {
  const { program, from, exact = false } = options;
  const seen = complete(recording, from).calls();
  const forced = from === "lock" ? ["NodeRuntime"] : [];
  const { sets, rest } = exact ? { sets: [], rest: seen } : chooseRuleSets(seen, forced);
  const ruleSets = sets.map(({ name, seen: made, calls }) => ({
    use: name,
    why: name === "NodeRuntime" ? "the program is Node's" : `${program} made ${made} of its ${calls} calls`,
    ...(confirmed(name) ? {} : { yesReally: true as const }),
  }));
  const data: WrittenData = {
    about: `learned from ${program}`,
    default: { errno: "EPERM" },
    from,
    ...(ruleSets.length === 0 ? {} : { ruleSets }),
    syscalls: [...rest.flatMap((each) => rulesOf(each, options)), ...refusals(recording, [])],
    ...(options.files === undefined ? {} : { files: options.files.rules(program) }),
  };
  // Our own file is read as anybody's: a mistake in it would be ours, and ends here.
  const { policy } = readLindenPolicy(data);
  const byCall = Map.groupBy(policy.rules, ({ syscall }) => syscall);
  for (const { syscall, uses } of seen) {
    const lost = uses.find((use) => !allowed(byCall.get(syscall) ?? [], syscall, use));
    if (lost !== undefined) throw new Error(`learn: ${syscall} was lost`);
  }
  return { data, added: seen.map(({ syscall }) => syscall), refused: [] };
}

/** A policy file with what a recording saw besides. Throws PolicyError where the file is none. */
export function mergePolicy(existing: unknown, recording: Recording, options: LearnOptions): Learned {
  const { policy, from } = readLindenPolicy(existing);
  if (from !== undefined && from !== options.from) {
    throw new PolicyError(
      `the policy holds from the ${from} on, and what was learned now is from the ${options.from}: merge like with like`,
    );
  }
  const data = structuredClone(existing) as WrittenData;
  if ((data.files !== undefined) !== (options.files !== undefined)) {
    throw new PolicyError(
      "the policy says nothing of files: adding some would refuse all others. Learn it anew with --files",
    );
  }
  if (data.files !== undefined) data.files = mergedRules(data.files, options.files?.rules(options.program) ?? []);
  const rules = data.syscalls ?? [];
  data.syscalls = rules;
  const byCall = Map.groupBy(policy.rules, ({ syscall }) => syscall);
  const added: string[] = [];
  const refused: string[] = [];
  for (const { syscall, count, uses } of complete(recording, options.from).calls()) {
    const known = byCall.get(syscall) ?? [];
    const fresh = uses.filter((use) => !allowed(known, syscall, use));
    if (fresh.length === 0) continue;
    if (known.some(({ action, conditions }) => !isGrant(action) && conditions.length === 0)) {
      refused.push(syscall);
      continue;
    }
    added.push(syscall);
    const others = rulesOf({ syscall, count, uses: fresh }, options);
    // A rule for every use makes the ones under conditions idle.
    if (others.some(({ args }) => args === undefined)) {
      data.syscalls = data.syscalls.filter((rule) => rule.syscall !== syscall || (rule.action ?? "allow") !== "allow");
    }
    data.syscalls.push(...others);
  }
  if (options.untrusted !== true) vouch(data.syscalls, recording);
  data.syscalls.push(
    ...refusals(
      recording,
      policy.rules.map(({ syscall }) => syscall),
    ),
  );
  readLindenPolicy(data);
  return { data, added, refused };
}

/** The file's text: a rule a line. */
export function policyText(data: WrittenData): string {
  const lists = new Set(["ruleSets", "syscalls", "files", "ports"]);
  const words = Object.entries(data).map(([key, value]) => {
    if (!lists.has(key) || !Array.isArray(value) || value.length === 0) return `  "${key}": ${oneLine(value)}`;
    return `  "${key}": [\n${value.map((each) => `    ${oneLine(each)}`).join(",\n")}\n  ]`;
  });
  return `{\n${words.join(",\n")}\n}\n`;
}

/** JSON with a space behind each comma and colon, in one line. */
function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, each]) => `${JSON.stringify(key)}: ${oneLine(each)}`)
    .join(", ")} }`;
}

function complete(recording: Recording, from: LearnOptions["from"]): Recording {
  const whole = new Recording();
  whole.merge(recording);
  const none = [0n, 0n, 0n, 0n, 0n, 0n];
  for (const syscall of from === "start" ? [...ALWAYS, "execve"] : ALWAYS) whole.add(syscall, none);
  return whole;
}

/** What a trusted run saw itself needs no mark any more. */
function vouch(rules: RuleData[], recording: Recording): void {
  const seen = new Map(recording.calls().map((call) => [call.syscall, call.uses]));
  rules.forEach((rule, index) => {
    const uses = seen.get(rule.syscall);
    if (rule.seen === undefined || uses === undefined) return;
    const learned = conditionsOf(rule.syscall, uses);
    const said = JSON.stringify(rule.args ?? []);
    if (!learned.some((conditions) => JSON.stringify(conditions.map(argumentData)) === said)) return;
    const { seen: _, ...rest } = rule;
    rules[index] = rest;
  });
}

function isGrant({ kind }: Action): boolean {
  return kind === "allow" || kind === "log";
}

function confirmed(use: string): boolean {
  try {
    readLindenPolicy({ about: use, default: "kill", ruleSets: [{ use, why: use }] });
    return true;
  } catch {
    return false;
  }
}

function rulesOf({ syscall, count, uses }: SeenCall, { program, untrusted }: LearnOptions): RuleData[] {
  const why =
    ALWAYS.includes(syscall) && count <= 1
      ? "the kernel's and the C library's way back and out"
      : syscall === "execve" && count <= 1
        ? `${program} itself is started by it`
        : `${program} made it ${count === 1 ? "once" : `${count} times`}`;
  return conditionsOf(syscall, uses).map((conditions) => ({
    syscall,
    why,
    ...(conditions.length === 0 ? {} : { args: conditions.map(argumentData) }),
    ...(untrusted === true ? { seen: UNTRUSTED } : {}),
  }));
}

function argumentData({ argument, mask, values }: Condition): ArgumentData {
  const bits = mask === 0xffffffffn ? { bits: 32 as const } : {};
  const [first = 0n, ...more] = values;
  return more.length === 0
    ? { arg: argument, ...bits, eq: numberData(first) }
    : { arg: argument, ...bits, in: values.map(numberData) };
}

function numberData(value: bigint): NumberData {
  return value < 4096n ? Number(value) : `0x${value.toString(16)}`;
}

function refusals(recording: Recording, known: readonly string[]): RuleData[] {
  const action = { errno: errnoName(-38).replace(/ .*/, "") };
  return [...recording.refused.keys()]
    .filter((syscall) => !known.includes(syscall))
    .map((syscall) => ({ syscall, why: NOT_GIVEN, action }));
}
