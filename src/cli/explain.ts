/** Layer: cli. `linden explain`: policies in words. What they mean is lockdown's to know. */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import cell from "../../policies/cell.json" with { type: "json" };
import fileServer from "../../policies/file-server.json" with { type: "json" };
import prefilter from "../../policies/prefilter.json" with { type: "json" };
import used from "../../policies/used.json" with { type: "json" };
import {
  type Architecture,
  compile,
  disassemble,
  explainDifference,
  explainPolicy,
  explainTree,
  loadPolicy,
  type Policy,
  readPolicy,
  simulateCall,
  type WrittenPolicy,
} from "../lockdown/index.ts";
import { didYouMean } from "../lockdown/nearest.ts";
import { installedGuests } from "../sandbox/programs.ts";
import { escapeText } from "../sandbox/text.ts";
import { print } from "./output.ts";
import { HELP, UsageError } from "./usage.ts";

const OWN: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["cell", cell],
  ["file-server", fileServer],
  ["prefilter", prefilter],
]);
const USED: ReadonlyMap<string, Readonly<Record<string, number>>> = new Map<string, Readonly<Record<string, number>>>([
  ["cell", used.cell],
  ["file-server", used["file-server"]],
]);

const OPTIONS = {
  tree: { type: "boolean" },
  used: { type: "boolean" },
  disasm: { type: "boolean" },
  simulate: { type: "string" },
  arch: { type: "string" },
  diff: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

type Subject = {
  readonly name: string;
  readonly policy: Policy;
  readonly data: unknown;
  readonly written?: WrittenPolicy;
};

export function explain(argv: readonly string[]): number {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
  if (values.help) {
    print(1, HELP.get("explain") ?? "");
    return 0;
  }
  if (values.diff) return difference(positionals);
  const [name = "cell", ...more] = positionals;
  if (more.length > 0)
    throw new UsageError("explain", `one policy at a time, or two with --diff: ${positionals.join(" ")}`);
  if (values.used && !USED.has(name)) {
    throw new UsageError("explain", `--used is known for ${[...USED.keys()].join(" and ")} alone`);
  }
  const subject = subjectOf(name);
  const arch = architecture(values.arch);
  if (values.json) printLine(JSON.stringify(subject.data, null, 2));
  else if (values.simulate !== undefined) simulated(subject.policy, values.simulate, arch);
  else if (values.disasm) printLine(disassemble(compile(subject.policy, arch ?? here())).join("\n"));
  else if (values.tree) printLine(explainTree(subject.policy));
  else if (subject.written === undefined) ownPolicy(subject.policy, values.used ? USED.get(name) : undefined);
  else writtenPolicy(subject.written);
  return 0;
}

function here(): Architecture {
  return process.arch === "arm64" ? "arm64" : "x64";
}

function architecture(name: string | undefined): Architecture | undefined {
  if (name === undefined || name === "x64" || name === "arm64") return name;
  throw new UsageError("explain", `--arch ${name}: expected x64 or arm64`);
}

/** Policy texts come from files: nothing raw of theirs goes to a terminal. */
function printLine(text: string): void {
  const lines = text.split("\n").map((line) => escapeText(line, Number.MAX_SAFE_INTEGER));
  print(1, `${lines.join("\n")}\n`);
}

function subjectOf(name: string): Subject {
  const own = OWN.get(name);
  if (own !== undefined) return { name, policy: readPolicy(own), data: own };
  if (name.endsWith(".wasm") || !(name.includes("/") || name.includes(".") || existsSync(name))) return held(name);
  const written = loadPolicy(name);
  return { name, policy: written.policy, data: dataOf(written), written };
}

/** A program has no policy of its own: the cell's holds it, whatever it is. */
function held(name: string): Subject {
  const shown = escapeText(name, 200);
  const isGuest = installedGuests(process.cwd()).some((guest) => guest.name === name);
  if (name.endsWith(".wasm") ? !existsSync(name) : !isGuest) {
    throw new UsageError(
      "explain",
      `${shown}: there is no such file, installed guest or policy of Linden's (${[...OWN.keys()].join(", ")})${didYouMean(name, OWN.keys())}`,
    );
  }
  const native = isGuest ? `\nFor a native program of this name, "linden learn -- ${shown}" writes a policy.` : "";
  print(
    1,
    `${shown} is a ${isGuest ? "guest" : "program"}: it reaches Linden's kernel alone, and that runs in a cell under the policy here.${native}\n\n`,
  );
  return { name, policy: readPolicy(cell), data: cell };
}

function dataOf({ format, policy, ruleSets, files, ports, from, lost }: WrittenPolicy): unknown {
  return JSON.parse(
    JSON.stringify({ format, from, ruleSets, ...policy, files, ports, lost }, (_, value) =>
      typeof value === "bigint" ? `0x${value.toString(16)}` : value,
    ),
  );
}

function difference(names: readonly string[]): number {
  const [first, second, ...more] = names;
  if (first === undefined || second === undefined || more.length > 0) {
    throw new UsageError("explain", "--diff takes two policies");
  }
  const text = explainDifference(subjectOf(first).policy, subjectOf(second).policy);
  if (text === "") return 0;
  printLine(text);
  return 1;
}

function simulated(policy: Policy, call: string, arch: Architecture | undefined): void {
  const { verdict, rule, path } = simulateCall(policy, call, ...(arch === undefined ? [] : [arch]));
  const origin = rule?.origin === undefined ? "" : ` (${rule.origin})`;
  const why = rule === undefined ? "no rule of the policy holds: its default" : `${rule.why}${origin}`;
  printLine([`${verdict}: ${why}`, ...path].join("\n"));
}

function writtenPolicy({ policy, ruleSets, files, ports, from, lost }: WrittenPolicy): void {
  const lines = [policy.about];
  if (from !== undefined)
    lines.push(from === "lock" ? "holds from the program's own lock on" : "holds from the start on");
  for (const { use, why } of ruleSets) lines.push(`rule set ${use}: ${why}`);
  lines.push(explainPolicy(policy));
  for (const { path, accessRules, optional } of files) {
    lines.push(`file ${path}: ${accessRules.join(", ")}${optional ? " (where it is there)" : ""}`);
  }
  for (const { port, accessRules } of ports) lines.push(`TCP port ${port}: ${accessRules.join(", ")}`);
  for (const loss of lost) lines.push(`NOT carried over: ${loss}`);
  printLine(lines.join("\n"));
}

/** Linden's own: every rule with its reason, and how often the tests were seen to use the call. */
function ownPolicy(policy: Policy, counts: Readonly<Record<string, number>> | undefined): void {
  printLine(`${policy.about}\n`);
  printLine(explainPolicy({ ...policy, rules: policy.rules.map((rule) => ({ ...rule, origin: "allowed, and why" })) }));
  if (counts === undefined) return;
  const calls = [...new Set(policy.rules.map(({ syscall }) => syscall))];
  printLine(`\n${used.about}`);
  for (const syscall of calls) {
    const count = counts[syscall] ?? 0;
    printLine(`  ${syscall.padEnd(20)} ${count === 0 ? "never" : count}`);
  }
}
