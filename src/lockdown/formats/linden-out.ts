/** Layer: lockdown, formats. Policies written as Linden's own JSON, a reason with every rule. It must not know the reader. */
import * as errnoNumbers from "../../abi/errno.ts";
import type { Action, ActionData, Condition, Policy } from "../policy.ts";
import { product, reachable, type WrittenText } from "./out.ts";

const INT = 0xffffffffn;
const WORD = (1n << 64n) - 1n;
const WORDS = { "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge" } as const;

/** A policy file. Rules without a reason say where they come from. */
export function writeLindenPolicy(policy: Policy): WrittenText {
  const rules = [...reachable(policy.rules).values()].flat().flatMap(({ syscall, why, conditions, action, seen }) =>
    product(conditions.map(conditionData), syscall).map((args) =>
      JSON.stringify({
        syscall,
        why: why.trim() === "" ? `so says ${policy.about}` : why,
        ...(args.length === 0 ? {} : { args }),
        ...(action.kind === "allow" ? {} : { action: actionData(action) }),
        ...(seen === undefined ? {} : { seen }),
      }),
    ),
  );
  const { newer } = policy;
  const lines = [
    `  "about": ${JSON.stringify(policy.about)}`,
    `  "default": ${JSON.stringify(actionData(policy.fallback))}`,
    ...(newer === undefined
      ? []
      : [`  "newer": ${JSON.stringify({ above: newer.above, action: actionData(newer.action) })}`]),
    `  "syscalls": [\n    ${rules.join(",\n    ")}\n  ]`,
  ];
  return { text: `{\n${lines.join(",\n")}\n}\n`, lost: [] };
}

function actionData(action: Action): ActionData {
  if (action.kind === "trace") return { trace: action.data };
  if (action.kind !== "errno") return action.kind;
  const name = Object.entries(errnoNumbers).find(([key, value]) => value === action.errno && /^E[A-Z0-9]+$/.test(key));
  return { errno: name?.[0] ?? action.errno };
}

/** The ways in which a condition holds, each as conditions that must hold together. */
function conditionData({ argument, mask, values, comparison = "==" }: Condition): object[][] {
  const whole = mask === WORD || mask === INT;
  const subject = { arg: argument, ...(mask === INT ? { bits: 32 } : {}), ...(whole ? {} : { mask: number(mask) }) };
  if (comparison === "==" && whole && values.length > 1) return [[{ ...subject, in: values.map(number) }]];
  const single = values.map((value) => ({ ...subject, [WORDS[comparison]]: number(value) }));
  return comparison === "!=" ? [single] : single.map((each) => [each]);
}

const number = (value: bigint): number | string => (value < 4096n ? Number(value) : `0x${value.toString(16)}`);
