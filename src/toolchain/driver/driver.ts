/**
 * Layer: toolchain. The compiler driver: clang for this target, then the linker, as `cc` behaves. It must not print:
 * what it has to say itself is thrown, or told to `warn`.
 */

import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { cxxIncludes, cxxLibrary, EXCEPTION_FLAGS } from "../cxx-library.ts";
import { ToolchainError } from "../errors.ts";
import { findLlvm } from "../find-llvm.ts";
import { type Llvm, runJob, type Session } from "../llvm.ts";
import { libcDirectory } from "../musl-source.ts";
import { publish } from "../publish.ts";
import { type Progress, type Sysroot, sysroot, TARGET, TARGET_FLAGS } from "../sysroot.ts";
import type { LockUp } from "../wasm-llvm.ts";
import { isCxx, type Plan, parseArguments, splitResponse } from "./arguments.ts";
import { asyncifyStage, FORK_IN_HANDLERS } from "./asyncify.ts";
import { castsStage } from "./casts.ts";
import { absoluteLink, type ClangJob, confinedJobs, dependencies, reach } from "./confined.ts";
import { catchesStage, destructorsStage, linkStage, type Stage, stripStage } from "./link.ts";

export type Language = "c" | "c++";

/** From objects to a program, in this order. */
const STAGES: readonly Stage[] = [linkStage, destructorsStage, catchesStage, castsStage, asyncifyStage, stripStage];

/** setjmp alone, for languages without exceptions of their own. */
const SETJMP_FLAGS = ["-mexception-handling", "-mllvm", "-wasm-enable-sjlj"];

/** clang calls these as functions that answer 32 bits, and a long has 64: they must stay calls of the C library. */
const LONG_BUILTINS = ["lrint", "lrintf", "lrintl", "lround", "lroundf", "lroundl"].map(
  (name) => `-fno-builtin-${name}`,
);

/** What a command is carried out with. */
export type Surroundings = {
  readonly progress: Progress;
  /** Told what links but will not work. */
  readonly warn: (text: string) => void;
  /** Starts the compiler where the machine has none of its own. */
  readonly lockUp: LockUp;
};

/** A command under way. `cxx`: where C++ has its library. */
type Work = {
  readonly plan: Plan;
  readonly language: Language;
  readonly root: Sysroot;
  readonly cxx: string | undefined;
  readonly session: Session;
  readonly cwd: string;
};

/**
 * Compiles and links as `cc ARGV…` would. The streams are the caller's. Answers the exit status of the tool that failed,
 * or 0. Throws ToolchainError for what no tool said.
 */
export async function compile(
  argv: readonly string[],
  language: Language,
  { progress, warn, lockUp }: Surroundings,
): Promise<number> {
  const words = argv.flatMap((word) =>
    word.startsWith("@") && word.length > 1 ? splitResponse(readFileSync(word.slice(1), "utf8")) : [word],
  );
  const plan = parseArguments(words);
  const llvm = await findLlvm(lockUp, progress);
  const cwd = process.cwd();
  if (plan.mode === "ask") return ask(plan, language, llvm, progress);
  const readable = llvm.confined ? reach(words, cwd, { warn }) : [];
  const root = await sysroot(llvm, progress);
  const cxx = needsCxx(plan, language) ? await cxxLibrary(root, progress) : undefined;
  const place = await mkdtemp(join(tmpdir(), "linden-cc-"));
  try {
    const session = await llvm.open([...readable, root.directory, ...(cxx === undefined ? [] : [cxx]), place]);
    try {
      const work = { plan, language, root, cxx, session, cwd };
      return await (plan.mode === "compile" ? compileOnly(work) : link(work, place, warn));
    } finally {
      await session.close();
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
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
function compilerFlags({ directory, llvm }: Sysroot, forCxx: boolean, cxx: string | undefined): Flags {
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
      llvm.headers,
      "-idirafter",
      join(directory, "kernel"),
      "--end-no-unused-arguments",
    ],
  };
}

function compilerOf(language: Language): "clang" | "clang++" {
  return language === "c" ? "clang" : "clang++";
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

async function compileOnly({ plan, language, root, cxx, session, cwd }: Work): Promise<number> {
  const library = plan.compile.includes("-nostdinc++") ? undefined : cxx;
  const flags = (forCxx: boolean) => compilerFlags(root, forCxx, library);
  let jobs: readonly ClangJob[];
  if (root.llvm.confined) {
    jobs = confinedJobs(plan, cwd, (source) => flags(isCxx(source, language)));
  } else {
    const { before, after } = flags(plan.link.some((item) => item.kind === "source" && isCxx(item, language)));
    const output = plan.output === undefined ? [] : ["-o", plan.output];
    jobs = [{ words: [...before, ...plan.compile, ...after, ...output, ...sourceWords(plan)], writes: [] }];
  }
  let failed = 0;
  for (const { words, writes } of jobs) {
    const { status } = await session.run({ tool: compilerOf(language), args: words, cwd, inherit: true, writes });
    failed ||= status;
  }
  return failed;
}

/** Questions configure scripts ask. clang answers all but those about files of the library. */
async function ask(plan: Plan, language: Language, llvm: Llvm, progress: Progress): Promise<number> {
  const aboutFiles = plan.compile.some((word) => /^--?print-file-name=/.test(word));
  const libraries = aboutFiles ? [(await sysroot(llvm, progress)).directory] : [];
  const more = libraries.map((directory) => `-B${join(directory, "lib")}`);
  const session = await llvm.open(libraries);
  try {
    const args = [`--target=${TARGET}`, ...more, ...plan.compile];
    return (await session.run({ tool: compilerOf(language), args, inherit: true })).status;
  } finally {
    await session.close();
  }
}

type Own = { readonly name: string; readonly text: string; readonly flags?: readonly string[] };

/** Compiles C of ours for one link. Throws ToolchainError when that fails. */
async function ownObject({ root, session }: Work, place: string, { name, text, flags = [] }: Own): Promise<string> {
  const [source, object] = [join(place, `linden-${name}.c`), join(place, `linden-${name}.o`)];
  await writeFile(source, text);
  const { before, after } = compilerFlags(root, false, undefined);
  const args = [...before, ...flags, ...after, "-c", "-o", object, "-x", "c", source];
  await runJob(session, { tool: "clang", args, writes: [object] });
  return object;
}

/** Whether `-lNAME` stands among the words for the linker. */
function linksWith(plan: Plan, name: string): boolean {
  const words = plan.link.flatMap((item) => (item.kind === "option" ? item.words : []));
  return words.some((word, at) => word === `-l${name}` || (word === "-l" && words[at + 1] === name));
}

async function link(work: Work, place: string, warn: (text: string) => void): Promise<number> {
  const { plan, language, root, cxx, session, cwd } = work;
  const output = plan.output ?? "a.out";
  const headers = plan.compile.includes("-nostdinc++") ? undefined : cxx;
  const words: string[] = [];
  const file = join(place, "program");
  let count = 0;
  for (const item of plan.link) {
    if (item.kind === "option") {
      words.push(...(root.llvm.confined ? absoluteLink(item.words, cwd) : item.words));
      continue;
    }
    const object = join(place, `${count}-${basename(item.file).replace(/[^\w.-]/g, "_")}.o`);
    count += 1;
    const source = item.language === undefined ? [item.file] : ["-x", item.language, item.file];
    const { before, after } = compilerFlags(root, isCxx(item, language), headers);
    const own = root.llvm.confined
      ? dependencies(plan.compile, item, object, cwd)
      : { words: plan.compile, writes: [] };
    const args = [...before, ...own.words, ...after, "-c", "-o", object, ...source];
    const writes = [...own.writes, object];
    const { status } = await session.run({ tool: compilerOf(language), args, cwd, inherit: true, writes });
    if (status !== 0) return status;
    words.push(object);
  }
  if (words.every((word) => word.startsWith("-"))) throw new ToolchainError("linden cc: no input files");
  if (plan.forkInHandlers) words.push(await ownObject(work, place, { name: "handlers", text: FORK_IN_HANDLERS }));
  if (linksWith(plan, "atomic")) {
    const text = readFileSync(join(libcDirectory(), "atomic/atomic.c"), "utf8");
    const object = await ownObject(work, place, { name: "atomic", text, flags: ["-O2"] });
    const archive = join(place, "libatomic.a");
    await runJob(session, { tool: "ar", args: ["rcs", archive, object], writes: [archive] });
    words.push(`-L${place}`);
  }
  if (plan.mode === "relocatable") {
    const args = ["-r", ...words, "-o", file];
    const { status } = await session.run({ tool: "wasm-ld", args, inherit: true, writes: [file] });
    if (status === 0) await publish(await readFile(file), output, 0o777);
    return status;
  }
  const { startFiles, libraries, verbose, casts } = plan;
  if (cxx !== undefined) words.push(`-L${join(cxx, "lib")}`);
  if (language === "c++" && plan.cxxLibrary && libraries) words.push("-lc++");
  for (const stage of STAGES) {
    await stage.run({ sysroot: root, session, words, startFiles, libraries, verbose, casts, warn, file });
  }
  await publish(await readFile(file), output, 0o777);
  return 0;
}
