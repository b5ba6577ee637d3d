/** Layer: cli. `linden explain`: the host policies, as the data they are. */
import { parseArgs } from "node:util";
import cell from "../../policies/cell.json" with { type: "json" };
import fileServer from "../../policies/file-server.json" with { type: "json" };
import prefilter from "../../policies/prefilter.json" with { type: "json" };
import { print } from "./output.ts";
import { HELP, UsageError } from "./usage.ts";

interface Condition {
  readonly arg: number;
  readonly mask?: number | string;
  readonly eq?: number | string;
  readonly in?: readonly (number | string)[];
}

interface Rule {
  readonly syscall: string;
  readonly why: string;
  readonly args?: readonly Condition[];
  readonly action?: unknown;
}

interface Policy {
  readonly about: string;
  readonly default: unknown;
  readonly syscalls: readonly Rule[];
}

const POLICIES: ReadonlyMap<string, Policy> = new Map<string, Policy>([
  ["cell", cell],
  ["file-server", fileServer],
  ["prefilter", prefilter],
]);

export function explain(argv: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    print(1, HELP.get("explain") ?? "");
    return 0;
  }
  const [name = "cell"] = positionals;
  const policy = POLICIES.get(name);
  if (policy === undefined || positionals.length > 1) {
    throw new UsageError(
      "explain",
      `there is no host policy ${positionals.join(" ")}: ${[...POLICIES.keys()].join(", ")}`,
    );
  }
  if (values.json) {
    print(1, `${JSON.stringify(policy, null, 2)}\n`);
    return 0;
  }
  print(1, `${policy.about}\n\n`);
  for (const rule of policy.syscalls) {
    const where = rule.args === undefined ? "" : ` where ${rule.args.map(conditionOf).join(" and ")}`;
    print(1, `${rule.syscall.padEnd(20)} ${actionOf(rule)}${where}\n`);
    print(1, `${" ".repeat(21)}${rule.why}\n`);
  }
  print(1, `\nEverything else: ${wordOf(policy.default)}.\n`);
  return 0;
}

/** "argument 3 is one of 4, 8"; arguments are counted from 1, as in manual pages. */
function conditionOf({ arg, mask, eq, in: values }: Condition): string {
  const subject = `argument ${arg + 1}${mask === undefined ? "" : ` & ${mask}`}`;
  return values === undefined ? `${subject} = ${eq}` : `${subject} is one of ${values.join(", ")}`;
}

function actionOf(rule: Rule): string {
  return rule.action === undefined ? "allow" : wordOf(rule.action);
}

function wordOf(action: unknown): string {
  if (typeof action === "object" && action !== null && "errno" in action) return `refuse with ${action.errno}`;
  return typeof action === "string" ? action : JSON.stringify(action);
}
