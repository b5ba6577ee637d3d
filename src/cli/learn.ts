/** Layer: cli. `linden learn`: runs a native program, and writes or tries out its policy. What was seen is lockdown's to judge. */
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { loadPolicy, parsePolicy } from "../lockdown/formats/index.ts";
import {
  Audit,
  findingText,
  type Learned,
  Learner,
  listen,
  mergePolicy,
  policyText,
  writePolicy,
} from "../lockdown/learn/index.ts";
import { escapeText } from "../sandbox/text.ts";
import { print, say } from "./output.ts";
import { putFile } from "./output-file.ts";
import { HELP, UsageError } from "./usage.ts";

const NOT_FOUND = 127;
const NOT_RUNNABLE = 126;

const OPTIONS = {
  output: { type: "string", short: "o" },
  merge: { type: "boolean" },
  untrusted: { type: "boolean" },
  exact: { type: "boolean" },
  files: { type: "boolean" },
  audit: { type: "string" },
  refuse: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** Everything behind the first word that is no option, or behind "--", is the program's. */
function split(argv: readonly string[]): { readonly own: string[]; readonly program: string[] } {
  const valued = new Set(["-o", "--output", "--audit"]);
  let at = 0;
  while (at < argv.length && argv[at]?.startsWith("-") === true && argv[at] !== "--")
    at += valued.has(argv[at] ?? "") ? 2 : 1;
  return { own: argv.slice(0, at), program: argv.slice(argv[at] === "--" ? at + 1 : at) };
}

export async function learn(argv: readonly string[]): Promise<number> {
  const { own, program } = split(argv);
  const { values } = parseArgs({ args: own, options: OPTIONS });
  if (values.help) {
    print(1, HELP.get("learn") ?? "");
    return 0;
  }
  const [name] = program;
  if (name === undefined) throw new UsageError("learn", "which program? linden learn [OPTIONS] -- PROGRAM [ARGS…]");
  if (values.audit !== undefined) {
    for (const other of ["output", "merge", "untrusted", "exact", "files"] as const) {
      if (values[other] !== undefined)
        throw new UsageError("learn", `--${other} writes a policy, --audit tries one out`);
    }
  } else if (values.refuse) throw new UsageError("learn", "--refuse goes with --audit");
  if (values.merge && values.output === undefined) throw new UsageError("learn", "--merge wants the policy: -o FILE");
  const file = find(name);
  if (typeof file === "number") {
    say(`${name}: ${file === NOT_FOUND ? "there is no such program" : "not a program that can be run"}`);
    return file;
  }
  if (values.audit !== undefined) return audit(values.audit, values.refuse === true, file, program);
  return record(file, program, values);
}

/** As a shell looks for it: a path as it is, a name along PATH. */
function find(name: string): string | 126 | 127 {
  const places = name.includes("/")
    ? [name]
    : (process.env.PATH ?? "").split(delimiter).map((each) => join(each || ".", name));
  let status: 126 | 127 = NOT_FOUND;
  for (const place of places) {
    try {
      if (!statSync(place).isFile()) {
        status = NOT_RUNNABLE;
        continue;
      }
      accessSync(place, constants.X_OK);
      return place;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EACCES") status = NOT_RUNNABLE;
    }
  }
  return status;
}

function statusOf({ code, signal }: Awaited<ReturnType<typeof listen>>): number {
  if (signal === null) return code ?? 0;
  const number = SIGNALS.get(signal) ?? 0;
  if (signal === "SIGSYS")
    say("the program ended by SIGSYS: it makes calls of another architecture, which no policy allows");
  return 128 + number;
}

const SIGNALS: ReadonlyMap<string, number> = new Map(Object.entries(constantsOfSignals()));

function constantsOfSignals(): Record<string, number> {
  return process.getBuiltinModule("node:os").constants.signals;
}

async function record(
  file: string,
  program: readonly string[],
  values: {
    readonly output?: string;
    readonly merge?: boolean;
    readonly untrusted?: boolean;
    readonly exact?: boolean;
    readonly files?: boolean;
  },
): Promise<number> {
  const { output } = values;
  // What cannot be written is told before the program runs, not after.
  if (output !== undefined) accessSync(dirname(output), constants.W_OK);
  const before = values.merge === true && output !== undefined ? readExisting(output) : undefined;
  // A policy that speaks of files has to learn those of this run as well.
  const files = values.files === true || saysFiles(before);
  const learner = new Learner({ files });
  const status = statusOf(await listen(file, program, learner));
  const options = {
    program: basename(program[0] ?? ""),
    from: learner.from,
    untrusted: values.untrusted === true,
    exact: values.exact === true,
    files: files ? learner.files : undefined,
  };
  const learned =
    before === undefined ? writePolicy(learner.recording, options) : mergePolicy(before, learner.recording, options);
  const text = policyText(learned.data);
  parsePolicy(text, output ?? "the policy");
  if (output === undefined) print(1, text);
  else putFile(output, text);
  report(learned, learner, output, before !== undefined);
  return status;
}

function saysFiles(policy: unknown): boolean {
  return typeof policy === "object" && policy !== null && "files" in policy;
}

/** The policy to merge into; undefined where there is none yet. */
function readExisting(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const { format } = parsePolicy(text, file);
  if (format !== "linden")
    throw new UsageError("learn", `${file} is a policy in ${format}'s format: only Linden's own can be merged`);
  return JSON.parse(text);
}

function report(
  { added, refused, data }: Learned,
  learner: Learner,
  output: string | undefined,
  merged: boolean,
): void {
  const where = output === undefined ? "" : ` to ${output}`;
  const sets = data.ruleSets?.map(({ use }) => use).join(", ") ?? "none";
  const what = merged ? `${added.length} calls or uses of them added` : `${added.length} calls`;
  say(
    `learned ${what}${where}; from the ${learner.from === "lock" ? "program's lock" : "start"} on; rule sets: ${sets}`,
  );
  for (const syscall of refused) say(`${syscall} was seen, and the policy refuses it: it was left so`);
  for (const syscall of learner.recording.refused.keys())
    say(`${syscall} was answered ENOSYS: rings walk around filters`);
  for (const call of learner.unnamed) say(`${call}: this architecture has no such call, no policy can allow it`);
}

async function audit(policyFile: string, refuse: boolean, file: string, program: readonly string[]): Promise<number> {
  const written = loadPolicy(policyFile);
  const audited = new Audit(written, {
    refuse,
    inForce: written.ruleSets.map(({ use }) => use),
    tell: (finding) => say(`${refuse ? "refused" : "would refuse"}: ${findingText(finding)}`),
  });
  const status = statusOf(await listen(file, program, audited));
  const count = audited.refusals;
  say(
    count === 0
      ? `${escapeText(policyFile)} allows all of it`
      : `${count} call${count === 1 ? "" : "s"} ${refuse ? "refused" : "would have been refused"}`,
  );
  return status;
}
