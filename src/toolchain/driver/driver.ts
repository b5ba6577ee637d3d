/**
 * Layer: toolchain. The compiler driver: clang for this target, then the linker, as `cc` behaves. It must not print:
 * what it has to say itself is thrown, or told to `warn`.
 */

import { readFileSync } from "node:fs";
import { chmod, copyFile, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { cxxIncludes, cxxLibrary, EXCEPTION_FLAGS } from "../cxx-library.ts";
import { ToolchainError } from "../errors.ts";
import { startTool } from "../run-tool.ts";
import { type Progress, type Sysroot, sysroot, TARGET, TARGET_FLAGS } from "../sysroot.ts";
import { findTools } from "../tools.ts";
import { isCxx, type Plan, parseArguments, splitResponse } from "./arguments.ts";
import { asyncifyStage, FORK_IN_HANDLERS } from "./asyncify.ts";
import { linkStage, type Stage, stripStage } from "./link.ts";

export type Language = "c" | "c++";

/** From objects to a program, in this order. */
const STAGES: readonly Stage[] = [linkStage, asyncifyStage, stripStage];

/** setjmp alone, for languages without exceptions of their own. */
const SETJMP_FLAGS = ["-mexception-handling", "-mllvm", "-wasm-enable-sjlj"];

/** clang calls these as functions that answer 32 bits, and a long has 64: they must stay calls of the C library. */
const LONG_BUILTINS = ["lrint", "lrintf", "lrintl", "lround", "lroundf", "lroundl"].map(
  (name) => `-fno-builtin-${name}`,
);

/**
 * Compiles and links as `cc ARGV…` would. The streams are the caller's. Answers the exit status of the tool that failed,
 * or 0. Throws ToolchainError for what no tool said.
 */
export async function compile(
  argv: readonly string[],
  language: Language,
  progress: Progress,
  warn: (text: string) => void,
): Promise<number> {
  const words = argv.flatMap((word) =>
    word.startsWith("@") && word.length > 1 ? splitResponse(readFileSync(word.slice(1), "utf8")) : [word],
  );
  const plan = parseArguments(words);
  if (plan.mode === "ask") return ask(plan, language, progress);
  const root = await sysroot(progress);
  const cxx = needsCxx(plan, language) ? await cxxLibrary(root, progress) : undefined;
  if (plan.mode === "compile") return compileOnly(plan, language, root, cxx);
  return link(plan, language, root, cxx, warn);
}

const CXX_LIBRARY = /^-l(c\+\+|stdc\+\+|c\+\+abi|supc\+\+|unwind)$/;

/** Whether the library of C++ is compiled or linked with: plain C never builds it. */
function needsCxx(plan: Plan, language: Language): boolean {
  const compiled = plan.link.some((item) => item.kind === "source" && isCxx(item, language));
  if (compiled && !plan.compile.includes("-nostdinc++")) return true;
  if (plan.mode !== "link") return false;
  if (language === "c++" && plan.cxxLibrary && plan.libraries) return true;
  return plan.link.some((item) => item.kind === "option" && item.words.some((word) => CXX_LIBRARY.test(word)));
}

type Flags = { readonly before: readonly string[]; readonly after: readonly string[] };

/** What stands before the user's words, and what after: his directories come first. `cxx`: where C++ has its library. */
function compilerFlags({ directory, tools }: Sysroot, forCxx: boolean, cxx: string | undefined): Flags {
  return {
    before: [
      ...TARGET_FLAGS,
      "--start-no-unused-arguments",
      ...LONG_BUILTINS,
      ...(forCxx ? [...EXCEPTION_FLAGS, "-nostdinc++"] : SETJMP_FLAGS),
      "--end-no-unused-arguments",
    ],
    after: [
      "--start-no-unused-arguments",
      "-nostdinc",
      ...(forCxx && cxx !== undefined ? cxxIncludes(cxx) : []),
      "-isystem",
      join(directory, "include"),
      "-isystem",
      tools.headers,
      "-idirafter",
      join(directory, "kernel"),
      "--end-no-unused-arguments",
    ],
  };
}

function compilerOf({ tools }: Sysroot, language: Language): string {
  return language === "c" ? tools.clang : tools.clangxx;
}

function sourceWords(plan: Plan): string[] {
  let language: string | undefined;
  return plan.link.flatMap((item) => {
    if (item.kind === "option") return [];
    const switched = item.language !== language ? ["-x", item.language ?? "none"] : [];
    language = item.language;
    return [...switched, item.file];
  });
}

async function compileOnly(plan: Plan, language: Language, root: Sysroot, cxx: string | undefined): Promise<number> {
  const output = plan.output === undefined ? [] : ["-o", plan.output];
  const anyCxx = plan.link.some((item) => item.kind === "source" && isCxx(item, language));
  const flags = compilerFlags(root, anyCxx, plan.compile.includes("-nostdinc++") ? undefined : cxx);
  const { status } = await startTool(
    compilerOf(root, language),
    [...flags.before, ...plan.compile, ...flags.after, ...output, ...sourceWords(plan)],
    true,
  );
  return status;
}

/** Questions configure scripts ask. clang answers all but those about files of the library. */
async function ask(plan: Plan, language: Language, progress: Progress): Promise<number> {
  const tools = findTools();
  const aboutFiles = plan.compile.some((word) => /^--?print-file-name=/.test(word));
  const more = aboutFiles ? [`-B${join((await sysroot(progress)).directory, "lib")}`] : [];
  const clang = language === "c" ? tools.clang : tools.clangxx;
  const { status } = await startTool(clang, [`--target=${TARGET}`, ...more, ...plan.compile], true);
  return status;
}

async function link(
  plan: Plan,
  language: Language,
  root: Sysroot,
  cxx: string | undefined,
  warn: (text: string) => void,
): Promise<number> {
  const output = plan.output ?? "a.out";
  const clang = compilerOf(root, language);
  const headers = plan.compile.includes("-nostdinc++") ? undefined : cxx;
  const work = await mkdtemp(join(tmpdir(), "linden-cc-"));
  try {
    const words: string[] = [];
    let count = 0;
    for (const item of plan.link) {
      if (item.kind === "option") {
        words.push(...item.words);
        continue;
      }
      const object = join(work, `${count}-${basename(item.file).replace(/[^\w.-]/g, "_")}.o`);
      count += 1;
      const source = item.language === undefined ? [item.file] : ["-x", item.language, item.file];
      const flags = compilerFlags(root, isCxx(item, language), headers);
      const { status } = await startTool(
        clang,
        [...flags.before, ...plan.compile, ...flags.after, "-c", "-o", object, ...source],
        true,
      );
      if (status !== 0) return status;
      words.push(object);
    }
    if (words.every((word) => word.startsWith("-"))) throw new ToolchainError("linden cc: no input files");
    if (plan.forkInHandlers) {
      const [source, object] = [join(work, "handlers.c"), join(work, "handlers.o")];
      await writeFile(source, FORK_IN_HANDLERS);
      const { before } = compilerFlags(root, false, undefined);
      const { status } = await startTool(root.tools.clang, [...before, "-c", "-o", object, "-x", "c", source], true);
      if (status !== 0) return status;
      words.push(object);
    }
    if (plan.mode === "relocatable") {
      return (await startTool(root.tools.linker, ["-r", ...words, "-o", output], true)).status;
    }
    const file = join(work, "program");
    const { startFiles, libraries, verbose } = plan;
    if (cxx !== undefined) words.push(`-L${join(cxx, "lib")}`);
    if (language === "c++" && plan.cxxLibrary && libraries) words.push("-lc++");
    for (const stage of STAGES) {
      await stage.run({ sysroot: root, words, startFiles, libraries, verbose, warn, file });
    }
    await publish(file, output);
    return 0;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * A device or pipe is written to, anything else is replaced whole. Never by copyFile: it changes the target's mode, and where
 * it fails it removes it, which as root is the end of /dev/null.
 */
async function publish(file: string, output: string): Promise<void> {
  const there = await stat(output).catch(() => undefined);
  if (there !== undefined && !there.isFile()) return writeFile(output, await readFile(file), { flag: "r+" });
  const beside = `${output}.linden-${process.pid}`;
  await copyFile(file, beside);
  await chmod(beside, 0o777 & ~process.umask());
  await rename(beside, output);
}
