/**
 * Layer: toolchain. The stage for programs that call fork: binaryen's asyncify rewrites what can reach the call, so that
 * the call can return twice. It must not know how the engine drives that.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WALI_MODULE } from "../../abi/calls.ts";
import { ToolchainError } from "../errors.ts";
import { runTool } from "../run-tool.ts";
import { functionsReachingInCatch, reachOf } from "../wasm/call-graph.ts";
import { exportNames } from "../wasm/exports.ts";
import { functionImports } from "../wasm/imports.ts";
import { functionNames, withFunctionNames } from "../wasm/names.ts";
import { withShortCatches } from "../wasm/short-catches.ts";
import { functionTypes } from "../wasm/signatures.ts";
import { type LinkRequest, type Stage, waliImports } from "./link.ts";

/** The calls that return twice. Nothing else may unwind a program. */
export const RETURN_TWICE = ["SYS_fork", "SYS_vfork", "SYS_clone", "SYS_clone3"] as const;

/** Functions of our C library that call back what does not fork: comparisons of qsort and bsearch. */
const BARRIERS = new Set(["__callback_compare"]);

/** What no fork is taken to be reached through, by the names of functions. */
export function barriersOf(names: ReadonlyMap<number, string>): ReadonlySet<number> {
  return new Set([...names].flatMap(([index, name]) => (BARRIERS.has(name) ? [index] : [])));
}

/**
 * A program that exports this wants to fork in handlers of signals too: then every call that a handler may interrupt must
 * be made ready to be unwound. The engine knows the name (src/engine/fork.ts).
 */
const THROUGH_HANDLERS = "linden_fork_in_handlers";

/** Linked in by -mfork-in-handlers. */
export const FORK_IN_HANDLERS = `__attribute__((export_name("${THROUGH_HANDLERS}"))) void ${THROUGH_HANDLERS}(void) {}\n`;

/** What the engine accepts, by name: --all-features makes modules no engine takes. */
const FEATURES = [
  "threads",
  "mutable-globals",
  "nontrapping-float-to-int",
  "bulk-memory",
  "bulk-memory-opt",
  "call-indirect-overlong",
  "sign-ext",
  "exception-handling",
  "reference-types",
  "multivalue",
  "simd",
  "tail-call",
];

/** SHA-256 of binaryen 132.0.0's bin/wasm-opt, which is one file. */
export const OPTIMIZER = "608c021fa3f2c68cdc26f06a1454341089a0e689abb71cbe5a23ef7300e7f3e3";

function findUpwards(start: string): string | undefined {
  for (let at = start; ; at = dirname(at)) {
    const file = join(at, "node_modules/binaryen/bin/wasm-opt");
    if (existsSync(file)) return file;
    if (dirname(at) === at) return undefined;
  }
}

/**
 * binaryen's optimizer, beside Linden or in the directory of the work. It runs with the caller's rights, and the work may be
 * source nobody trusts: what lies there is believed by its hash, and a copy in `place` is what runs. Throws ToolchainError.
 */
export async function findBinaryen(place: string, work: string, own: string = import.meta.dirname): Promise<string> {
  const beside = findUpwards(own);
  if (beside !== undefined) return beside;
  const there = findUpwards(work);
  if (there !== undefined) {
    const bytes = await readFile(there);
    if (createHash("sha256").update(bytes).digest("hex") !== OPTIMIZER) {
      throw new ToolchainError(`${there} is not that of binaryen 132.0.0, and is not run`);
    }
    const copy = join(place, "wasm-opt.cjs");
    await writeFile(copy, bytes);
    return copy;
  }
  throw new ToolchainError(
    "the program calls fork, which needs binaryen at link time: npm install --save-dev binaryen@132.0.0\n" +
      "(posix_spawn, system and popen need none)",
  );
}

/**
 * Left to itself, asyncify takes any call through a table for one that may unwind. It is told instead which functions can
 * be on the stack of such a call: they go by their indices as names, and get their own names back afterwards.
 */
async function asyncify(request: LinkRequest): Promise<void> {
  const imports = await waliImports(request.file);
  const twice = RETURN_TWICE.filter((name) => imports.has(name)).map((name) => `${WALI_MODULE}.${name}`);
  if (twice.length === 0) return;
  const optimizer = await findBinaryen(dirname(request.file), process.cwd());
  const original = new Uint8Array(await readFile(request.file));
  const names = functionNames(original);
  const throughHandlers = exportNames(original).has(THROUGH_HANDLERS);
  const unwinding = throughHandlers ? [...imports].map((name) => `${WALI_MODULE}.${name}`) : twice;
  const reach = reachOf(original, new Set(unwinding), throughHandlers ? new Set() : barriersOf(names));
  const linked = withShortCatches(original, reach);
  for (const index of functionsReachingInCatch(linked, new Set(twice))) {
    request.warn(
      `${names.get(index) ?? `function ${index}`} can fork where it caught what is no C++ exception: the program ends there`,
    );
  }
  const first = functionImports(linked).length;
  const reaching = [...reach.functions].filter((index) => index >= first);
  const numbers = new Map(functionTypes(linked).map((_, index) => [index, numbered(index)]));
  const [input, result, list] = ["numbered", "asyncify", "list"].map((end) => `${request.file}.${end}`) as Files;
  await writeFile(list, reaching.map(numbered).join("\n"));
  await writeFile(input, withFunctionNames(linked, numbers));
  await runTool(process.execPath, [
    optimizer,
    ...FEATURES.map((name) => `--enable-${name}`),
    "--asyncify",
    `--pass-arg=asyncify-imports@${unwinding.join(",")}`,
    `--pass-arg=asyncify-onlylist@@${list}`,
    // Without an optimization level the rewritten code is three to four times slower; a higher one adds nothing.
    "-O1",
    "-g",
    input,
    "-o",
    result,
  ]);
  const rewritten = new Uint8Array(await readFile(result));
  await writeFile(request.file, withFunctionNames(rewritten, restored(functionNames(rewritten), names)));
}

type Files = [string, string, string];

function numbered(index: number): string {
  return `linden-${index}`;
}

function restored(found: ReadonlyMap<number, string>, original: ReadonlyMap<number, string>): Map<number, string> {
  const names = new Map<number, string>();
  for (const [at, name] of found) {
    const index = /^linden-(\d+)$/.exec(name)?.[1];
    const own = index === undefined ? undefined : original.get(Number(index));
    if (own !== undefined) names.set(at, own);
  }
  return names;
}

export const asyncifyStage: Stage = { name: "asyncify", run: asyncify };
