/**
 * Layer: toolchain. The link as a row of stages over one file. A stage reads what the linker made and either leaves it, or
 * changes it. It must not know the command line's words beyond the linker's own.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WALI_MODULE } from "../../abi/calls.ts";
import { ToolchainError } from "../errors.ts";
import { runJob, type Session } from "../llvm.ts";
import type { Sysroot } from "../sysroot.ts";
import { withNarrowCatches } from "../wasm/catches.ts";
import { withDestructorsLast } from "../wasm/destructors.ts";
import { functionImports } from "../wasm/imports.ts";
import { withoutStartWait } from "../wasm/start-wait.ts";

/** -mcast-functions: all. -mno-cast-functions: none. Otherwise what costs little. */
export type CastWish = "all" | "none" | "cheap";

export type LinkRequest = {
  readonly sysroot: Sysroot;
  readonly session: Session;
  /** Objects, archives and options for wasm-ld, in order. */
  readonly words: readonly string[];
  readonly startFiles: boolean;
  readonly libraries: boolean;
  readonly verbose: boolean;
  readonly casts: CastWish;
  /** Told what links but will not work. */
  readonly warn: (text: string) => void;
  /** The file the stages work on; it ends as the program. */
  readonly file: string;
};

export type Stage = {
  readonly name: string;
  readonly run: (request: LinkRequest) => Promise<void>;
};

/** A program's stack in its own memory; -Wl,-z,stack-size= chooses another. It lies below the data: overflow traps. */
const STACK_BYTES = 1024 * 1024;

/** The most memory a program with threads may grow to; the sandbox's own limit is lower. */
const SHARED_MAX_BYTES = 2 ** 32;

const SHARED_MEMORY = ["--shared-memory", "--import-memory", `--max-memory=${SHARED_MAX_BYTES}`];

/** The words for wasm-ld. `threads`: with a memory that threads can share, and their variables as a template. */
export function linkerArguments(request: LinkRequest, threads: boolean): string[] {
  const { sysroot, words, startFiles, libraries, file } = request;
  const library = join(sysroot.directory, "lib");
  return [
    "-z",
    `stack-size=${STACK_BYTES}`,
    "--stack-first",
    // Handlers of signals are called from outside: without it the optimizer takes them for dead.
    "--export-table",
    ...(threads ? SHARED_MEMORY : []),
    ...(startFiles ? [join(library, "crt1.o")] : ["--no-entry"]),
    ...words.filter((word) => !STRIP.test(word)),
    ...(startFiles && !threads ? [join(library, "single.o")] : []),
    `-L${library}`,
    ...(libraries ? ["-lc", sysroot.llvm.builtins] : []),
    "-o",
    file,
  ];
}

async function runLinker(request: LinkRequest, threads: boolean): Promise<void> {
  const { session, file } = request;
  const args = linkerArguments(request, threads);
  const { status } = await session.run({ tool: "wasm-ld", args, inherit: true, writes: [file] });
  // The linker has said why.
  if (status !== 0) throw new ToolchainError("", status);
}

/** The names of the functions that a program imports from WALI. */
export async function waliImports(file: string): Promise<ReadonlySet<string>> {
  const imports = functionImports(await readFile(file)).filter((item) => item.module === WALI_MODULE);
  return new Set(imports.map((item) => item.name));
}

/** First without threads; a program that turns out to start one is linked again, with memory that can be shared. */
/** Stripping comes last: the stages before it know functions by their names. */
const STRIP = /^(--strip-all|--strip-debug|-s|-S)$/;

async function strip(request: LinkRequest): Promise<void> {
  const wanted = request.words.filter((word) => STRIP.test(word));
  if (wanted.length === 0) return;
  await runJob(request.session, { tool: "strip", args: [...wanted, request.file], changes: [request.file] });
}

export const stripStage: Stage = { name: "strip", run: strip };

/** A stage that makes another module of the linked one, or answers the same where there is nothing to do. */
function rewriting(name: string, rewritten: (linked: Uint8Array) => Uint8Array): Stage {
  const run = async ({ file }: LinkRequest): Promise<void> => {
    const linked = new Uint8Array(await readFile(file));
    const made = rewritten(linked);
    if (made !== linked) await writeFile(file, made);
  };
  return { name, run };
}

/** Before functions lose their names. */
export const destructorsStage: Stage = rewriting("destructors", withDestructorsLast);

/** Before any stage that counts on what catches what. */
export const catchesStage: Stage = rewriting("catches", withNarrowCatches);

export const linkStage: Stage = {
  name: "link",
  run: async (request) => {
    await runLinker(request, false);
    const imports = await waliImports(request.file);
    if (!imports.has("__wasm_thread_spawn")) return;
    await runLinker(request, true);
    await writeFile(request.file, withoutStartWait(new Uint8Array(await readFile(request.file))));
  },
};
