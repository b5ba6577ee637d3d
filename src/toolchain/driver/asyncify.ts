/**
 * Layer: toolchain. The stage for programs that call fork: binaryen's asyncify rewrites what can reach the call, so that
 * the call can return twice. It must not know how the engine drives that.
 */
import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WALI_MODULE } from "../../abi/calls.ts";
import { ToolchainError } from "../errors.ts";
import { runTool } from "../run-tool.ts";
import { type LinkRequest, type Stage, waliImports } from "./link.ts";

/** The calls that return twice. Nothing else may unwind a program. */
export const RETURN_TWICE = ["SYS_fork", "SYS_vfork", "SYS_clone", "SYS_clone3"] as const;

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

/** binaryen's optimizer, beside Linden or in the directory of the work. */
function findBinaryen(): string {
  for (const start of [import.meta.dirname, process.cwd()]) {
    for (let at = start; ; at = dirname(at)) {
      const file = join(at, "node_modules/binaryen/bin/wasm-opt");
      if (existsSync(file)) return file;
      if (dirname(at) === at) break;
    }
  }
  throw new ToolchainError(
    "the program calls fork, which needs binaryen at link time: npm install --save-dev binaryen@132.0.0\n" +
      "(posix_spawn, system and popen need none)",
  );
}

async function asyncify(request: LinkRequest): Promise<void> {
  const imports = await waliImports(request.file);
  const twice = RETURN_TWICE.filter((name) => imports.has(name));
  if (twice.length === 0) return;
  const optimizer = findBinaryen();
  const result = `${request.file}.asyncify`;
  await runTool(process.execPath, [
    optimizer,
    ...FEATURES.map((name) => `--enable-${name}`),
    "--asyncify",
    `--pass-arg=asyncify-imports@${twice.map((name) => `${WALI_MODULE}.${name}`).join(",")}`,
    // Without an optimization level the rewritten code is three to four times slower; a higher one adds nothing.
    "-O1",
    ...(request.words.includes("--strip-all") ? [] : ["-g"]),
    request.file,
    "-o",
    result,
  ]);
  await rename(result, request.file);
}

export const asyncifyStage: Stage = { name: "asyncify", run: asyncify };
