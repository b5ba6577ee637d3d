/**
 * The C programs of guests/ and Linux as their oracle: each is built for this machine and for WASI, both are run, and what
 * they print and how they end must be the same.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, parse } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, promisify } from "node:util";
import type { GuestResult, GuestRun } from "./in-process.ts";

interface Case {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** It finds its own program where it begins, as "itself". */
  readonly itself?: boolean;
}

/** Guests that are run otherwise than once, without arguments and input. */
const CASES = new Map<string, readonly Case[]>([
  ["exit", ["return", "0", "7", "255", "256", "-1", "_Exit", "abort"].map((how) => ({ args: [how] }))],
  [
    "crash",
    [
      "divide",
      "remainder",
      "overflow a division",
      "read far away",
      "write far away",
      "recurse",
      "abort",
      "nothing",
    ].map((how) => ({ args: [how] })),
  ],
  [
    "arguments",
    [
      {},
      {
        args: ["a b", "", "--x=y", "ä€𝄞", "new\nline"],
        env: { EMPTY: "", SHELL: "/bin/sh", __proto__x: "1", ÄRGER: "ß" },
      },
    ],
  ],
  ["linux/memory-limits", [{ itself: true }]],
  ["linux/cxx-exceptions", [{}, { args: ["in a thread"] }]],
  ["linux/cxx-library", [{ stdin: "some input\n" }]],
  ["stdin", [{}, { stdin: "short\n" }, { stdin: "0123456789abcdef".repeat(50_000) }]],
]);

/** Guests that take more words than the others, natively and here. */
const MORE_FLAGS = new Map<string, readonly string[]>([
  ["linux/atomics", ["-latomic"]],
  ["linux/cxx-20", ["-std=gnu++20", "-latomic"]],
]);

type Runner = (run: GuestRun) => Promise<GuestResult>;

interface Ending {
  readonly stdout: string;
  readonly stderr: string;
  /** As a shell tells it: 128 and the signal's number, or the exit code. */
  readonly status: number;
}

const guests = fileURLToPath(new URL("../../guests", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "linden-guests-"));
after(() => rmSync(work, { recursive: true, force: true }));

const execute = promisify(execFile);
/** Ends what hangs, and nothing else on a machine that is busy. */
const LIMIT_MS = 120_000;
const FLAGS = ["-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1"];
const PACKAGES = "clang-14 lld-14 wasi-libc libclang-rt-14-dev-wasm32";

async function has(command: string, ...args: string[]): Promise<boolean> {
  return execute(command, args).then(
    () => true,
    () => false,
  );
}

/** A compiler of guests. */
export interface Compiler {
  /** For the names of files: "wasi". */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** The same for C++. */
  readonly cxx?: readonly [string, ...string[]];
  /** Why there is none. */
  readonly missing: string | undefined;
}

/** Both builds of a guest. */
async function build(name: string, compiler: Compiler): Promise<{ native: string; wasm: string }> {
  const isCxx = existsSync(join(guests, `${name}.cpp`));
  const source = join(guests, `${name}.${isCxx ? "cpp" : "c"}`);
  const native = join(work, `${name.replace("/", "-")}.${compiler.name}`);
  const wasm = `${native}.wasm`;
  const flags = [isCxx ? "-std=gnu++17" : "-std=gnu11", ...FLAGS];
  const more = MORE_FLAGS.get(name) ?? [];
  await execute(isCxx ? "g++" : "gcc", [
    ...flags,
    ...(isCxx ? ["-pthread"] : []),
    "-o",
    native,
    source,
    "-lm",
    ...more,
  ]);
  const [command, ...words] = (isCxx && compiler.cxx) || compiler.command;
  await execute(command, [...words, ...flags, "-o", wasm, source, ...more]);
  return { native, wasm };
}

/** A new directory; in it what a guest may execute. */
function directoryWith(program: string | undefined): string {
  const made = mkdtempSync(join(work, "cwd-"));
  if (program !== undefined) copyFileSync(program, join(made, "itself"));
  return made;
}

/**
 * Standard input a pipe and the others files opened for writing: Node's own "pipes" are sockets open both ways. What the
 * shell itself says of signals is dropped.
 */
const PIPELINE = 'input=$1; shift; /bin/cat "$input" | /usr/bin/env -i "$@" 2>&3 3>&-';

async function runNative(program: string, { args = [], env = {}, stdin = "", itself }: Case): Promise<Ending> {
  const cwd = directoryWith(itself ? program : undefined);
  const files = mkdtempSync(join(work, "stdio-"));
  const input = join(files, "stdin");
  writeFileSync(input, stdin);
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const output = openSync(join(files, "stdout"), "w");
  const errors = openSync(join(files, "stderr"), "w");
  const child = spawn("/bin/sh", ["-c", PIPELINE, "sh", input, ...variables, program, ...args], {
    cwd,
    stdio: ["ignore", output, "ignore", errors],
    timeout: LIMIT_MS,
  });
  const [status] = await once(child, "exit");
  closeSync(output);
  closeSync(errors);
  return {
    stdout: readFileSync(join(files, "stdout"), "utf8"),
    stderr: readFileSync(join(files, "stderr"), "utf8"),
    status,
  };
}

async function runWasm(run: Runner, module: string, name: string, given: Case): Promise<Ending> {
  const { stdout, stderr, code, signal } = await run({
    module,
    args: [name, ...(given.args ?? [])],
    env: given.env ?? {},
    stdin: Buffer.from(given.stdin ?? ""),
    root: given.itself ? directoryWith(module) : "",
    milliseconds: LIMIT_MS,
  });
  return { stdout, stderr, status: signal === 0 ? code : 128 + signal };
}

const missing =
  (await has("gcc", "--version")) && (await has("g++", "--version"))
    ? undefined
    : "needs: apt-get install -y --no-install-recommends gcc g++ libc6-dev";

const WASI: Compiler = {
  name: "wasi",
  command: ["clang-14", "--target=wasm32-wasi"],
  missing:
    (await has("clang-14", "--version")) && (await has("wasm-ld-14", "--version"))
      ? undefined
      : `needs: apt-get install -y --no-install-recommends ${PACKAGES}`,
};

function namesIn(directory: string): string[] {
  return readdirSync(join(guests, directory))
    .filter((file) => /\.(c|cpp)$/.test(file))
    .map((file) => join(directory, parse(file).name));
}

/** Guests any system with files can run. */
const PORTABLE = namesIn("");
/** Those that need what Linux has and WASI has not. */
export const LINUX_GUESTS: readonly string[] = namesIn("linux");

export interface Place {
  /** For the tests' names: "in a sandbox". */
  readonly where: string;
  readonly run: Runner;
  /** WASI's, if not given. */
  readonly compiler?: Compiler;
  /** The portable ones, if not given. */
  readonly names?: readonly string[];
  /** Why nothing can be run here. */
  readonly unable?: string | undefined;
  /** Guests that differ from Linux by design, and why. */
  readonly differs?: ReadonlyMap<string, string>;
}

/** One test for each guest. */
export function testGuests({ where, run, compiler = WASI, names = PORTABLE, unable, differs }: Place): void {
  for (const name of names) {
    const skip = missing ?? compiler.missing ?? unable ?? differs?.get(name) ?? false;
    test(`guest ${name} does ${where} what it does on Linux`, { skip }, async () => {
      const built = await build(name, compiler);
      for (const given of CASES.get(name) ?? [{}]) {
        let [expected, actual] = await Promise.all([
          runNative(built.native, given),
          runWasm(run, built.wasm, name, given),
        ]);
        for (let again = 0; again < 2 && !isDeepStrictEqual(actual, expected); again++) {
          // Programs that give each other time are outrun on a busy machine, natively too: once more, each by itself.
          expected = await runNative(built.native, given);
          actual = await runWasm(run, built.wasm, name, given);
        }
        assert.deepEqual(actual, expected, `${name} ${(given.args ?? []).join(" ")}`);
      }
    });
  }
}
