/**
 * Runs the public wasi-testsuite (github.com/WebAssembly/wasi-testsuite, its prebuilt branch) and prints what passed:
 *
 *   LINDEN_WASI_TESTSUITE=DIR node --conditions=linden-source test/conformance/wasi-testsuite.ts [--sandbox] [NAME]
 *
 * DIR is searched for directories of *.wasm; a test's .json beside it says its arguments, environment, root directory,
 * exit code and output. Nothing of the suite is kept in this repository. NAME runs only the tests whose path contains it;
 * --sandbox runs each in a locked cell of its own (dist/ must be built). Exit status 1 if any test failed.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type GuestResult, type GuestRun, runGuest } from "./in-process.ts";

interface Specification {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly root: string | null;
  readonly exit_code: number;
  readonly stdout: string | undefined;
}

/** Milliseconds until a test is given up. */
const PATIENCE = 20_000;

/** Every preview 1 module below a directory, sorted. Other directories hold later versions of WASI. */
export function findTests(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".wasm") && !/wasm32-wasip[23]/.test(name))
    .map((name) => join(directory, name))
    .sort();
}

function specificationOf(test: string): Specification {
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(readFileSync(test.replace(/\.wasm$/, ".json"), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return { args: [], env: {}, root: null, exit_code: 0, stdout: undefined, ...json };
}

/** What a sandbox is by design and the suite does not expect. */
const ALWAYS_ROOT = "a sandbox always opens its root, as descriptor 3";
const ALWAYS_ENVIRONMENT = "a sandbox always sets PATH, HOME, LANG and PWD";
const SANDBOX_DIFFERS = new Map([
  ["sock_shutdown-invalid_fd", ALWAYS_ROOT],
  ["environ_get-multiple-variables", ALWAYS_ENVIRONMENT],
  ["environ_sizes_get-multiple-variables", ALWAYS_ENVIRONMENT],
  ["environ_sizes_get-no-variables", ALWAYS_ENVIRONMENT],
]);

type Runner = (run: GuestRun) => Promise<GuestResult>;

/** What went wrong, or undefined. */
export async function runTest(test: string, run: Runner = runGuest): Promise<string | undefined> {
  const specification = specificationOf(test);
  const result = await run({
    module: test,
    args: [basename(test), ...specification.args],
    env: specification.env,
    root: specification.root === null ? undefined : join(dirname(test), specification.root),
    milliseconds: PATIENCE,
  });
  const end = result.signal === 0 ? `exit code ${result.code}` : `signal ${result.signal}`;
  if (end !== `exit code ${specification.exit_code}`) {
    const said = (result.stderr.trim().split("\n").at(-1) ?? "") || (result.message?.split("\n")[0] ?? "");
    return `${end} instead of exit code ${specification.exit_code}: ${said}`;
  }
  if (specification.stdout !== undefined && result.stdout !== specification.stdout) {
    return `printed ${JSON.stringify(result.stdout)} instead of ${JSON.stringify(specification.stdout)}`;
  }
  return undefined;
}

if (import.meta.main) {
  const directory = process.env.LINDEN_WASI_TESTSUITE;
  if (directory === undefined) {
    console.error("set LINDEN_WASI_TESTSUITE to a checkout of wasi-testsuite's prod/testsuite-base branch");
    process.exit(2);
  }
  const only = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "";
  const sandboxed = process.argv.includes("--sandbox");
  const run = sandboxed ? (await import("./in-sandbox.ts")).runInSandbox : runGuest;
  const tests = findTests(directory).filter((test) => test.includes(only));
  let passed = 0;
  let differ = 0;
  for (const test of tests) {
    const failure = await runTest(test, run);
    const name = test.slice(directory.length).replace(/^\/+/, "");
    const difference = sandboxed ? SANDBOX_DIFFERS.get(basename(test, ".wasm")) : undefined;
    if (failure === undefined) {
      passed += 1;
      console.log(`pass     ${name}`);
    } else if (difference !== undefined) {
      differ += 1;
      console.log(`differs  ${name}: ${difference}`);
    } else {
      console.log(`FAIL     ${name}: ${failure}`);
    }
  }
  console.log(`${passed} of ${tests.length} passed, ${differ} differ by design`);
  process.exit(passed + differ === tests.length ? 0 : 1);
}
