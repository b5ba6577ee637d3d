/**
 * Layer: lockdown, formats. Minijail's policies (minijail0(5)). Its two readers, minijail0 -S and compile_seccomp_policy,
 * do not take the same language: a file that minijail0 can read means what it means to minijail0; one that uses more
 * (braces, @default, @denylist, action words, [arch=…]) means what it means to compile_seccomp_policy; and a line that
 * would then mean the opposite to the other is refused. It must not know who installs the policy.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Architecture, callNumbers, hostArchitecture } from "../../host/call-numbers.ts";
import { demandCall } from "../context/condition.ts";
import { LockdownError } from "../context/errors.ts";
import { type Action, type Condition, emptyMeaning, type Policy, PolicyError, type Rule } from "../policy.ts";
import { callsOnly, type PolicyFormat } from "./format.ts";
import { statements, type Token, Words } from "./minijail-text.ts";

const WORD = (1n << 64n) - 1n;
const MOST_ERRNO = 4095n;
/** compile_seccomp_policy's limit of nested files. */
const DEEPEST = 10;
const MOST_BYTES = 4 * 1024 * 1024;
/** Words of [arch=…]. */
const ARCH_NAMES: Readonly<Record<Architecture, string>> = { x64: "x86_64", arm64: "arm64" };

export const minijailFormat: PolicyFormat = {
  name: "minijail",
  recognizes: (text, json) => json === undefined && isMinijailPolicy(text),
  read: (text, _json, file, machine) => {
    const { policy, lost } = readMinijailPolicy(text, file, machine?.architecture);
    return callsOnly("minijail", policy, lost);
  },
};

export type MinijailPolicy = { readonly policy: Policy; readonly lost: readonly string[] };

/** A conjunction, as conditions; one that never holds is left out where it is read. */
type Clause = readonly Condition[];
type Step = { readonly clauses: readonly Clause[] | undefined; readonly action: Action };
type Line = {
  readonly calls: readonly string[];
  readonly where: string;
  readonly steps: readonly Step[];
  /** What `; return E` after an expression says, which the two tools take for opposites. */
  readonly otherwise: Action | undefined;
};

const KILL: Action = { kind: "kill" };
const ALLOW: Action = { kind: "allow" };

/** Reads a policy. `file` is where the text is from: what it includes is looked for beside it. Throws PolicyError. */
export function readMinijailPolicy(
  text: string,
  file: string,
  architecture: Architecture = hostArchitecture(),
): MinijailPolicy {
  const reader = new Reader(architecture);
  reader.file(text, file, 1);
  return reader.finish(file);
}

/** Whether a text that is no JSON looks like a Minijail policy: a line of it is a directive, or a name and a colon. */
function isMinijailPolicy(text: string): boolean {
  return /^[ \t]*(@(include|frequency|default|denylist)\b|\w[\w@[\]=, -]*:|\{[\w@[\]=,; -]+\}[ \t]*:)/m.test(text);
}

class Reader {
  readonly #architecture: Architecture;
  readonly #lines: Line[] = [];
  readonly #lost: string[] = [];
  readonly #open: string[] = [];
  /** What only compile_seccomp_policy reads, and where it stands first. */
  #beyond: string | undefined;
  #denylist = false;
  #default: Action = KILL;

  constructor(architecture: Architecture) {
    this.#architecture = architecture;
  }

  file(text: string, file: string, depth: number): void {
    for (const tokens of statements(text, file)) {
      const words = new Words(tokens, file);
      if (tokens[0]?.kind === "directive") this.#directive(tokens[0], words, depth);
      else this.#rule(words);
      words.end();
    }
  }

  #only(words: Words, what: string): void {
    this.#beyond ??= `${what} (${words.file}:${words.line})`;
  }

  #directive(token: Token, words: Words, depth: number): void {
    words.take(token.text);
    if (token.text === "@denylist") {
      this.#only(words, "@denylist");
      if (depth > 1) words.fail("@denylist belongs in the first file");
      this.#denylist = true;
    } else if (token.text === "@default") {
      this.#only(words, "@default");
      this.#default = this.#action(words);
      if (!["kill", "killThread", "trap"].includes(this.#default.kind))
        words.fail("@default takes kill, kill-process, kill-thread or trap");
    } else if (token.text === "@frequency") {
      // How often calls are made: for the order of comparisons, which the compiler here decides by itself.
      words.of("path", "a path");
    } else {
      this.#include(words.of("path", "a path that starts with / or ./"), words, depth);
    }
  }

  #include(path: string, words: Words, depth: number): void {
    if (depth === DEEPEST) words.fail(`@include nests deeper than ${DEEPEST} files`);
    const file = included(path, words);
    if (this.#open.includes(file)) words.fail(`${path} includes itself`);
    let text: string;
    try {
      if (statSync(file).size > MOST_BYTES) words.fail(`${path} is larger than ${MOST_BYTES} bytes`);
      text = readFileSync(file, "utf8");
    } catch (error) {
      if (error instanceof PolicyError) throw error;
      words.fail(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#open.push(file);
    this.file(text, file, depth + 1);
    this.#open.pop();
  }

  #rule(words: Words): void {
    const calls: string[] = [];
    if (words.take("{")) {
      this.#only(words, "several calls in braces");
      do calls.push(...this.#call(words));
      while (words.take(","));
      words.demand("}");
    } else {
      calls.push(...this.#call(words));
    }
    words.demand(":");
    const where = `${words.file}:${words.line}`;
    if (!words.take("{")) {
      this.#lines.push({ calls, where, ...this.#single(words, true) });
      return;
    }
    this.#only(words, "a filter in braces");
    const steps: Step[] = [];
    do steps.push(...this.#single(words, false).steps);
    while (words.take(","));
    words.demand("}");
    this.#lines.push({ calls, where, steps, otherwise: undefined });
  }

  /** The call a rule is for; none when it is for another architecture. */
  #call(words: Words): string[] {
    const token = words.next;
    let name: string;
    if (token?.kind === "number") {
      const number = Number(words.constant(this.#architecture));
      const found = [...callNumbers(this.#architecture)].find(([, each]) => each === number);
      name = found?.[0] ?? words.fail(`there is no system call number ${number}`);
    } else if (token?.text === "kill") {
      words.take("kill");
      name = "kill";
    } else {
      name = words.of("name", "the name of a system call");
    }
    let here = true;
    if (words.take("[")) {
      this.#only(words, "[arch=…]");
      do {
        const key = words.of("name", "a key");
        words.demand("=");
        const values = [words.of("name", "a value")];
        while (words.take(",")) values.push(words.of("name", "a value"));
        if (key === "arch") here &&= values.includes(ARCH_NAMES[this.#architecture]);
      } while (words.take(";"));
      words.demand("]");
    }
    if (!here) return [];
    if (name.includes("@"))
      words.fail(`${name}: groups of calls come from a file of compile_seccomp_policy's, not known here`);
    if (!callNumbers(this.#architecture).has(name)) {
      try {
        demandCall(name, `${words.file}:${words.line}`);
      } catch (error) {
        if (error instanceof LockdownError) throw new PolicyError(error.message);
        throw error;
      }
      words.fail(`${name}: ${this.#architecture} has no such system call`);
    }
    return [name];
  }

  #single(words: Words, whole: boolean): Pick<Line, "steps" | "otherwise"> {
    if (!words.at("argument")) {
      return { steps: [{ clauses: undefined, action: this.#action(words) }], otherwise: undefined };
    }
    const clauses: Clause[] = [];
    do {
      const clause = this.#clause(words);
      if (clause !== undefined) clauses.push(clause);
    } while (words.take("||"));
    if (!words.take(";")) return { steps: [{ clauses, action: ALLOW }], otherwise: undefined };
    const returns = words.at("return");
    if (!returns) this.#only(words, "an action word");
    const action = this.#action(words);
    if (whole && returns) return { steps: [{ clauses, action: ALLOW }], otherwise: action };
    return { steps: [{ clauses, action }], otherwise: undefined };
  }

  #action(words: Words): Action {
    if (words.take("1")) return ALLOW;
    if (words.take("return")) {
      // To minijail0 a bare "return" is its default, a kill.
      if (words.next === undefined) return KILL;
      const errno = words.constant(this.#architecture);
      if (errno > MOST_ERRNO) words.fail(`return: an error number is from 0 to ${MOST_ERRNO}`);
      return { kind: "errno", errno: Number(errno) };
    }
    this.#only(words, "an action word");
    const word = words.of("action", '"1", "return ERRNO" or an action');
    if (word === "user-notify") words.fail("user-notify needs a supervisor that answers each call; there is none here");
    if (word === "allow" || word === "log" || word === "trap") return { kind: word };
    if (word === "trace") return { kind: "trace", data: 0 };
    return { kind: word === "kill-thread" ? "killThread" : "kill" };
  }

  /** Undefined: it never holds. */
  #clause(words: Words): Clause | undefined {
    const conditions: Condition[] = [];
    let possible = true;
    do {
      const name = words.of("argument", "an argument such as arg0");
      const argument = Number(name.slice(3));
      if (argument > 5) words.fail(`${name}: a system call has the arguments arg0 to arg5`);
      const operator = words.of("operator", "an operator: == != < <= > >= & in");
      const condition = atom(argument, operator, words.value(this.#architecture));
      if (condition === "never") {
        possible = false;
        this.#lost.push(`${words.file}:${words.line}: ${name} ${operator} … never holds`);
      } else if (condition !== "always") {
        conditions.push(condition);
      }
    } while (words.take("&&"));
    return possible ? conditions : undefined;
  }

  finish(file: string): MinijailPolicy {
    const rules = this.#beyond === undefined ? this.#asMinijail0() : this.#asCompiler(this.#beyond);
    if (this.#lines.length === 0) throw new PolicyError(`${file}: it has no rule`);
    const fallback = this.#denylist ? ALLOW : this.#default;
    return { policy: { about: `the Minijail policy ${file}`, fallback, rules }, lost: this.#lost };
  }

  /** minijail0 has one rule for a call. */
  #asMinijail0(): Rule[] {
    const first = new Map<string, string>();
    const rules: Rule[] = [];
    for (const { calls, where, steps, otherwise } of this.#lines) {
      for (const syscall of calls) {
        const before = first.get(syscall);
        if (before !== undefined) {
          // A build of minijail0 may be told to go on with the first; as it comes, it refuses too.
          throw new PolicyError(`${where}: ${syscall} is defined at ${before} already`);
        }
        first.set(syscall, where);
        rules.push(...rulesOf(syscall, steps));
        if (otherwise !== undefined) rules.push({ syscall, why: "", conditions: [], action: otherwise });
      }
    }
    return rules;
  }

  /** compile_seccomp_policy goes through all rules of a call until one has no condition. */
  #asCompiler(beyond: string): Rule[] {
    const closed = new Map<string, string>();
    const rules: Rule[] = [];
    for (const { calls, where, steps, otherwise } of this.#lines) {
      const meant = otherwise === undefined ? steps : this.#opposite(steps, otherwise, where, beyond);
      if (this.#denylist && meant.some(({ clauses, action }) => clauses === undefined && action.kind !== "errno")) {
        throw new PolicyError(`${where}: under @denylist every rule says "return ERRNO"`);
      }
      for (const syscall of calls) {
        for (const step of meant) {
          const before = closed.get(syscall);
          if (before !== undefined) {
            throw new PolicyError(`${where}: ${syscall} has a rule without conditions already, at ${before}`);
          }
          if (step.clauses === undefined) closed.set(syscall, where);
          rules.push(...rulesOf(syscall, [step]));
        }
      }
    }
    return rules;
  }

  #opposite(steps: readonly Step[], otherwise: Action, where: string, beyond: string): readonly Step[] {
    if (this.#denylist) return steps.map(({ clauses }) => ({ clauses, action: otherwise }));
    throw new PolicyError(
      `${where}: minijail0 takes "expression; return E" for "else E", compile_seccomp_policy for "then E", and only the ` +
        `latter reads ${beyond}. Write { expression, return E } or { expression; return E }`,
    );
  }
}

function rulesOf(syscall: string, steps: readonly Step[]): Rule[] {
  return steps.flatMap(({ clauses, action }) =>
    (clauses ?? [[]]).map((conditions) => ({ syscall, why: "", conditions, action })),
  );
}

function atom(argument: number, operator: string, value: bigint): Condition | "always" | "never" {
  if (operator === "&") return value === 0n ? "never" : { argument, mask: value, values: [0n], comparison: "!=" };
  if (operator === "in") {
    const outside = ~value & WORD;
    return outside === 0n ? "always" : { argument, mask: outside, values: [0n], comparison: "==" };
  }
  const condition: Condition = { argument, mask: WORD, values: [value], comparison: operator as "==" };
  const complaint = emptyMeaning(condition);
  if (complaint === undefined) return condition;
  return complaint.includes("always") ? "always" : "never";
}

/** minijail0 looks from the working directory on, compile_seccomp_policy from the including file's: both, if they agree. */
function included(path: string, words: Words): string {
  const beside = resolve(dirname(words.file), path);
  const here = resolve(path);
  if (beside === here) return here;
  const [hasBeside, hasHere] = [beside, here].map((file) => statSync(file, { throwIfNoEntry: false }));
  if (hasBeside === undefined) return here;
  if (hasHere !== undefined && (hasHere.ino !== hasBeside.ino || hasHere.dev !== hasBeside.dev)) {
    words.fail(
      `${path}: ${beside} and ${here} are two files, and Minijail's tools would take one each; write an absolute path`,
    );
  }
  return beside;
}
