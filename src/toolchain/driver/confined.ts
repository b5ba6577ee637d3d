/**
 * Layer: toolchain. What a command line reads and writes, for tools that are locked up: the directories they are shown, and
 * each file they make by name. It must not run anything.
 */
import { existsSync, lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { ToolchainError } from "../errors.ts";
import type { LinkItem, Plan } from "./arguments.ts";

/** Words for clang, and those of them that are files it makes. */
export type ClangJob = { readonly words: readonly string[]; readonly writes: readonly string[] };

/** Options that name a directory, and options that name a file. */
const DIRECTORY_OPTIONS = ["-isystem", "-idirafter", "-iquote", "-isysroot", "-I", "-L", "-F", "--sysroot"];
const FILE_OPTIONS = new Set(["-include", "-imacros", "-T"]);

/** Options of the linker whose next word is no file. */
const LINKER_VALUES = new Set([
  "-l",
  "-u",
  "-z",
  "-e",
  "-y",
  "-m",
  "-o",
  "-mllvm",
  "--export",
  "--entry",
  "--undefined",
]);

/** An include that climbs out of its directory. */
const CLIMBING = /^[ \t]*#[ \t]*include[ \t]*"((?:\.\.\/)+)/gm;
const SOURCE_BYTES = 4 * 1024 * 1024;

/** `warn` is told of a source that asks for more than is shown. */
type Reaching = { readonly home?: string; readonly warn?: (text: string) => void };

/**
 * The directories that a compiler must see for these words: that of the work (the whole tree, where it is git's), those of
 * the files, and whatever options name. Absolute. What lies there has no say: neither what a source includes nor where a link
 * leads shows more. Throws ToolchainError for a link out of the work.
 */
export function reach(
  words: readonly string[],
  cwd: string,
  { home = homedir(), warn = () => {} }: Reaching = {},
): string[] {
  const tree = workTree(cwd, home);
  // Who works in / names what is to be seen.
  const found = new Set(cwd === "/" ? [] : [tree]);
  const climbing: [file: string, up: string][] = [];
  const add = (directory: string) => {
    const path = resolve(cwd, directory);
    if (!isDirectory(path)) return;
    const real = realpathSync(path);
    if (!isAbsolute(directory) && real !== resolve(realpathSync(cwd), directory) && !isIn(real, realpathSync(tree))) {
      throw new ToolchainError(
        `${directory} leads through a link to ${real}, which the locked compiler is not shown: name ${real} itself if it may see it`,
      );
    }
    found.add(path);
  };
  const all = words.flatMap((word) => (word.startsWith("-Wl,") ? word.slice(4).split(",") : [word]));
  for (const [at, word] of all.entries()) {
    const option = DIRECTORY_OPTIONS.find((each) => word.startsWith(each));
    if (option !== undefined) add(word === option ? (all[at + 1] ?? "") : word.slice(option.length).replace(/^=/, ""));
    else if (FILE_OPTIONS.has(word)) add(dirname(all[at + 1] ?? ""));
    else if (!word.startsWith("-") && all[at - 1] !== "-o") {
      const file = resolve(cwd, word);
      if (!isFile(file)) continue;
      add(dirname(word));
      for (const up of climbs(file)) climbing.push([word, resolve(dirname(file), up)]);
    }
  }
  const shown = [...found];
  for (const [file, up] of climbing) {
    if (shown.some((directory) => isIn(up, directory))) continue;
    warn(`${file} includes from ${up}, which the locked compiler is not shown: name it with -I if it may see it`);
  }
  return shown;
}

function isIn(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory + sep);
}

function workTree(cwd: string, home: string): string {
  for (let at = cwd; at !== home && at !== "/"; at = dirname(at)) if (isRepository(at, cwd)) return at;
  return cwd;
}

/** What another user puts above the work, as /tmp/.git, has no say: it must be the caller's, or all be of one owner. */
function isRepository(directory: string, work: string): boolean {
  const place = join(directory, ".git");
  if (!existsSync(place)) return false;
  const { uid } = lstatSync(place);
  return uid === process.geteuid?.() || [directory, work].every((path) => statSync(path).uid === uid);
}

function climbs(file: string): string[] {
  if (!/\.[a-zA-Z+]+$/.test(file) || /\.(o|a|wasm)$/.test(file) || statSync(file).size > SOURCE_BYTES) return [];
  return [...readFileSync(file, "latin1").matchAll(CLIMBING)].map(([, up]) => up ?? "");
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/**
 * One job for each source of a plan that ends with the compiler. `around`: the words before and after the user's. Throws
 * ToolchainError as clang does where one output is named for many.
 */
export function confinedJobs(
  plan: Plan,
  cwd: string,
  around: (source: SourceItem) => { readonly before: readonly string[]; readonly after: readonly string[] },
): ClangJob[] {
  const sources = plan.link.filter((item) => item.kind === "source");
  const ending = endingOf(plan.compile);
  if (sources.length > 1 && plan.output !== undefined && ending !== undefined) {
    throw new ToolchainError("linden cc: cannot specify -o when generating multiple output files");
  }
  return sources.map((source) => {
    const output = plan.output ?? (ending === undefined ? undefined : withEnding(source.file, ending));
    const language = source.language === undefined ? [] : ["-x", source.language];
    const { words, writes } = dependencies(plan.compile, source, output, cwd);
    const { before, after } = around(source);
    const file = output === undefined || output === "-" ? output : resolve(cwd, output);
    const named = file === undefined ? [] : ["-o", file];
    return {
      words: [...before, ...words, ...after, ...named, ...language, source.file],
      writes: file === undefined || file === "-" ? writes : [...writes, file],
    };
  });
}

export type SourceItem = Extract<LinkItem, { kind: "source" }>;

/** How clang ends the name of what it makes; undefined where that goes to standard output, or nowhere. */
function endingOf(words: readonly string[]): string | undefined {
  if (words.some((word) => ["-E", "--preprocess", "-M", "-MM", "-fsyntax-only"].includes(word))) return undefined;
  const intermediate = words.includes("-emit-llvm");
  if (words.includes("-S")) return intermediate ? ".ll" : ".s";
  if (words.includes("--precompile")) return ".pcm";
  return intermediate ? ".bc" : ".o";
}

function withEnding(file: string, ending: string): string {
  return (file === "-" ? "-" : basename(file).replace(/\.[^.]*$/, "")) + ending;
}

/**
 * The words with the list of dependencies (-MD and its kin) as a file by name. clang would derive the name, and the target in
 * it, from an output that a locked tool sees elsewhere.
 */
export function dependencies(
  words: readonly string[],
  { file }: { readonly file: string },
  output: string | undefined,
  cwd: string,
): ClangJob {
  const kept: string[] = [];
  let list: string | undefined;
  let wanted = false;
  let targeted = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    const through = /^-Wp,-(MD|MMD),(.+)$/.exec(word);
    if (through !== null) {
      [, , list] = through;
      kept.push(`-${through[1]}`);
      wanted = true;
    } else if (word === "-MF") {
      at += 1;
      list = words[at];
    } else if (/^-MF./.test(word)) list = word.slice(3);
    else {
      if (word === "-MD" || word === "-MMD") wanted = true;
      if (/^-M[TQ]/.test(word)) targeted = true;
      kept.push(word);
    }
  }
  if (list === undefined && wanted) list = withEnding(output ?? file, ".d");
  if (list === undefined) return { words: kept, writes: [] };
  if (list === "-") return { words: [...kept, "-MF", list], writes: [] };
  // Beside the output, as clang has it.
  const beside = words.some((word) => word.startsWith("-MF") || word.startsWith("-Wp,")) ? "" : dirname(output ?? "");
  const path = resolve(cwd, beside, list);
  const target = targeted || !wanted ? [] : ["-MQ", output ?? withEnding(file, ".o")];
  return { words: [...kept, ...target, "-MF", path], writes: [path] };
}

/** Words for the linker with every file and directory absolute. */
export function absoluteLink(words: readonly string[], cwd: string): string[] {
  const absolute: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (LINKER_VALUES.has(word)) absolute.push(word, words[++at] ?? "");
    else if (word === "-L") absolute.push(word, resolve(cwd, words[++at] ?? ""));
    else if (word.startsWith("-L")) absolute.push(`-L${resolve(cwd, word.slice(2))}`);
    else absolute.push(word.startsWith("-") ? word : resolve(cwd, word));
  }
  return absolute;
}
