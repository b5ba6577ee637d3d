/**
 * Layer: sandbox. The environment a program starts with: the usual names, the guest's own, and the caller's. It must not know cells.
 */
import type { ByteString } from "../abi/byte-string.ts";
import type { Program } from "./programs.ts";
import type { RunPolicy } from "./run-options.ts";
import { toBytes } from "./text.ts";

/** What an environment is made of. */
type Parts = Pick<RunPolicy, "env" | "cwd" | "terminals">;

/** Most runs of a sandbox have the environment of the one before: it is made once. */
export class Environments {
  #program: Program | undefined;
  #run: Parts | undefined;
  #last: readonly ByteString[] = [];

  /** OptionError: something in it is no bytes. */
  of(program: Program, run: Parts): readonly ByteString[] {
    if (this.#program === program && this.#run !== undefined && isSame(this.#run, run)) return this.#last;
    const made = environment(program, run).map((each) => toBytes(each, "env"));
    this.#program = program;
    this.#run = { env: run.env, cwd: run.cwd, terminals: run.terminals };
    this.#last = made;
    return made;
  }
}

function isSame(one: Parts, other: Parts): boolean {
  return one.env === other.env && one.cwd === other.cwd && one.terminals.stdout === other.terminals.stdout;
}

function environment(program: Program, run: Parts): string[] {
  const env = new Map([
    ["PATH", "/usr/local/bin:/usr/bin:/bin"],
    ["HOME", "/"],
    ["LANG", "C.UTF-8"],
    ...(run.terminals.stdout ? [["TERM", "xterm-256color"] as const] : []),
    ...program.env,
    ...run.env,
    ["PWD", run.cwd],
  ]);
  for (const [name, value] of program.env) {
    const own = run.env.get(name);
    if (name.endsWith("PATH") && own !== undefined) env.set(name, `${value}:${own}`);
  }
  return [...env].map(([name, value]) => `${name}=${value}`);
}
