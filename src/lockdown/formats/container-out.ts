/** Layer: lockdown, formats. Policies written as container profiles: Docker's form, or OCI's. It must not know the reader. */
import { type Architecture, callNumbers } from "../../host/call-numbers.ts";
import type { Action, Condition, Policy, Rule } from "../policy.ts";
import {
  demandFits,
  inBits,
  NotExpressible,
  product,
  type Region,
  reachable,
  regions,
  sameAction,
  type WrittenText,
} from "./out.ts";

const WORD = (1n << 64n) - 1n;
const ARCHITECTURES = { x64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" } as const;
const ENOSYS = 38;
const OPS = {
  "==": "SCMP_CMP_EQ",
  "!=": "SCMP_CMP_NE",
  "<": "SCMP_CMP_LT",
  "<=": "SCMP_CMP_LE",
  ">": "SCMP_CMP_GT",
  ">=": "SCMP_CMP_GE",
} as const;

/**
 * A profile for docker's --security-opt seccomp=FILE ("docker") or for linux.seccomp of an OCI configuration ("oci").
 * Both are for one architecture: the rules are those of its calls.
 */
export function writeContainerPolicy(
  policy: Policy,
  architecture: Architecture,
  form: "docker" | "oci" = "docker",
): WrittenText {
  const lost: string[] = [];
  const numbers = callNumbers(architecture);
  const entries: Entry[] = [];
  for (const [syscall, rules] of reachable(policy.rules)) {
    if (numbers.has(syscall)) entries.push(...entriesOf(syscall, rules, policy));
  }
  if (refuses(policy.fallback)) {
    // runc answers ENOSYS to calls numbered above every call a profile names: naming one says where that begins.
    const last = policy.newer?.above ?? [...numbers].reduce((top, each) => (each[1] > top[1] ? each : top))[0];
    if (!entries.some(({ syscall }) => syscall === last)) {
      entries.push({ syscall: last, action: policy.fallback, args: "[]", why: "" });
    }
    if (policy.newer === undefined) lost.push("runc answers ENOSYS, not the default, to calls no table here knows");
    else if (!sameAction(policy.newer.action, { kind: "errno", errno: ENOSYS }) || beyond(policy, numbers)) {
      throw new NotExpressible(`calls newer than ${last}: a profile cannot say what happens to them`);
    }
  } else if (policy.newer !== undefined) {
    throw new NotExpressible("a profile that allows by default cannot treat newer calls otherwise");
  }
  demandFits(entries.reduce((sum, { args }) => sum + args.split('"index"').length - 1, 0));
  const architectures =
    form === "oci"
      ? [`  "architectures": ["${ARCHITECTURES[architecture]}"],`]
      : [`  "archMap": [{ "architecture": "${ARCHITECTURES[architecture]}", "subArchitectures": [] }],`];
  const lines = [
    "{",
    `  ${actionText(policy.fallback, "defaultAction", "defaultErrnoRet")},`,
    ...architectures,
    '  "syscalls": [',
    grouped(entries)
      .map((entry) => `    ${entry}`)
      .join(",\n"),
    "  ]",
    "}",
  ];
  return { text: `${lines.join("\n")}\n`, lost };
}

/** Whether rules name calls above the one `newer` starts from. */
function beyond({ rules, newer }: Policy, numbers: ReadonlyMap<string, number>): boolean {
  const last = numbers.get(newer?.above ?? "") ?? 0;
  return rules.some(({ syscall }) => (numbers.get(syscall) ?? 0) > last);
}

const refuses = ({ kind }: Action): boolean => kind !== "allow" && kind !== "log" && kind !== "trace";

type Entry = { readonly syscall: string; readonly action: Action; readonly args: string; readonly why: string };

function entriesOf(syscall: string, rules: readonly Rule[], policy: Policy): Entry[] {
  const entries: Entry[] = [];
  let all = regions(rules);
  // Where the call is wholly decided, what says the default's word is told by being absent.
  if (all.every(({ action }) => sameAction(action, policy.fallback)) && all.length > 0) {
    return [{ syscall, action: policy.fallback, args: "[]", why: all[0]?.why ?? "" }];
  }
  all = all.filter(({ action }) => !sameAction(action, policy.fallback));
  for (const region of all) {
    for (const args of argumentLists(region, syscall))
      entries.push({ syscall, action: region.action, args, why: region.why });
  }
  return entries;
}

function argumentLists({ cases }: Region, syscall: string): string[] {
  const lists = cases.flatMap((conditions) => {
    const byArgument = Map.groupBy(conditions, ({ argument }) => argument);
    // runc takes two conditions on one argument for alternatives: such are said as one, in bits.
    const parts = [...byArgument.values()].map((own) =>
      own.length === 1 && own.every(isNative) ? [own] : inBits(own),
    );
    return product(parts, syscall).map(argumentList);
  });
  return [...new Set(lists)];
}

const isNative = ({ mask, comparison = "==" }: Condition): boolean => mask === WORD || comparison === "==";

function argumentList(conditions: readonly Condition[]): string {
  const args = conditions.map(({ argument, mask, values: [value = 0n], comparison = "==" }) => {
    const masked = mask !== WORD;
    const numbers = masked ? `"value": ${mask}, "valueTwo": ${value}` : `"value": ${value}`;
    return `{ "index": ${argument}, ${numbers}, "op": "${masked ? "SCMP_CMP_MASKED_EQ" : OPS[comparison]}" }`;
  });
  return args.length === 0 ? "[]" : `[${args.join(", ")}]`;
}

/** Calls with the same action, arguments and reason share an entry. */
function grouped(entries: readonly Entry[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { syscall, action, args, why } of entries) {
    const tail = [
      actionText(action, "action", "errnoRet"),
      ...(args === "[]" ? [] : [`"args": ${args}`]),
      ...(why === "" ? [] : [`"comment": ${JSON.stringify(why)}`]),
    ].join(", ");
    const names = groups.get(tail) ?? [];
    if (!names.includes(syscall)) names.push(syscall);
    groups.set(tail, names);
  }
  return [...groups].map(([tail, names]) => `{ "names": [${names.map((name) => `"${name}"`).join(", ")}], ${tail} }`);
}

function actionText(action: Action, key: string, errnoKey: string): string {
  switch (action.kind) {
    case "allow":
      return `"${key}": "SCMP_ACT_ALLOW"`;
    case "log":
      return `"${key}": "SCMP_ACT_LOG"`;
    case "kill":
      return `"${key}": "SCMP_ACT_KILL_PROCESS"`;
    case "killThread":
      return `"${key}": "SCMP_ACT_KILL_THREAD"`;
    case "trap":
      return `"${key}": "SCMP_ACT_TRAP"`;
    case "trace":
      return `"${key}": "SCMP_ACT_TRACE", "${errnoKey}": ${action.data}`;
    case "errno":
      return `"${key}": "SCMP_ACT_ERRNO", "${errnoKey}": ${action.errno}`;
  }
}
