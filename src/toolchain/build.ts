/**
 * Layer: toolchain. Follows a recipe: unpacks, changes, configures, builds, and lays what belongs into an image into a
 * directory. It must not know any recipe, nor where images are kept.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, posix, relative } from "node:path";
import { ToolchainError } from "./errors.ts";
import { configureCache, type Recipe } from "./recipe.ts";
import { runTool } from "./run-tool.ts";
import { unpackSource } from "./source-archive.ts";
import { type Progress, TARGET } from "./sysroot.ts";
import { onPath, type Tools } from "./tools.ts";

/** The words that start Linden's command line. */
export type Linden = readonly string[];

/** What a recipe is built with. `uses`: the directories of the images it names. */
export type Workshop = {
  readonly linden: Linden;
  readonly tools: Tools;
  readonly uses: ReadonlyMap<string, string>;
};

/** Debian's packages where they are not named as the program is. */
const PACKAGES_OF: ReadonlyMap<string, readonly string[]> = new Map([
  ["xz", ["xz-utils"]],
  ["tclsh", ["tcl"]],
  ["tic", ["ncurses-bin"]],
  ["libtoolize", ["libtool"]],
  ["autoreconf", ["autoconf", "automake", "libtool", "autopoint"]],
]);

/** The packages of Debian's that programs which are not here come from. */
export function missingPrograms(needs: readonly string[], path: string = process.env.PATH ?? ""): string[] {
  const missing = needs.filter((tool) => onPath(tool, path) === undefined);
  return missing.flatMap((tool) => PACKAGES_OF.get(tool) ?? [tool]);
}

/** Builds a recipe into an empty directory. Throws ToolchainError with the words of the command that failed. */
export async function buildRecipe(
  directory: string,
  recipe: Recipe,
  { linden, tools, uses }: Workshop,
  progress: Progress,
): Promise<void> {
  const tree = join(directory, ".tree");
  for (const source of recipe.sources) {
    mkdirSync(join(tree, source.into), { recursive: true });
    await unpackSource(source, join(tree, source.into), progress);
  }
  const title = `building ${recipe.name}`;
  progress(title, 0);
  for (const patch of recipe.patches ?? []) await runTool("patch", ["-p1", "-s", "-i", patch], tree);
  for (const edit of recipe.edits ?? []) change(tree, recipe.name, edit);
  const answers = join(directory, ".config.cache");
  writeFileSync(answers, configureCache());
  const compiler = compilerScript(directory, linden, "cc");
  const cxx = compilerScript(directory, linden, "c++");
  const words = new Map([
    ["{cc}", compiler],
    ["{cxx}", cxx],
    ["{ar}", tools.ar],
    ["{ranlib}", tools.ranlib],
    ["{host}", TARGET],
    ["{cache}", answers],
    ["{jobs}", String(availableParallelism())],
    ...[...uses].map(([name, place]) => [`{${name}}`, place] as const),
  ]);
  let lines = 0;
  const count = (text: string) => {
    lines += text.split("\n").length - 1;
    progress(title, Math.min(lines / recipe.steps, 0.99));
  };
  const run = async (command: readonly string[], heard?: (text: string) => void) => {
    const [file = "", ...args] = command.map((arg) => arg.replace(/\{[\w.-]+\}/g, (word) => words.get(word) ?? word));
    await runTool(file, args, tree, heard);
  };
  for (const command of recipe.configure ?? []) await run(command, count);
  if (recipe.config !== undefined) {
    // These print every option there is, within a second.
    await run(recipe.config.default);
    configure(join(tree, recipe.config.file), recipe.config);
    await run(recipe.config.settle);
  }
  for (const command of recipe.build) await run(command, count);
  install(tree, directory, recipe);
  for (const left of [tree, compiler, cxx, answers]) rmSync(left, { recursive: true });
}

type Edit = NonNullable<Recipe["edits"]>[number];

function change(tree: string, name: string, { file, find, replace }: Edit): void {
  const parts = readFileSync(join(tree, file), "utf8").split(find);
  if (parts.length !== 2) throw new ToolchainError(`${file} of ${name} is not the file its edit was written for`);
  writeFileSync(join(tree, file), parts.join(replace));
}

/** The compiler as one word, as makefiles like it. */
function compilerScript(directory: string, linden: Linden, name: "cc" | "c++"): string {
  const file = join(directory, `.${name}`);
  const quoted = linden.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  writeFileSync(file, `#!/bin/sh\nexec ${quoted} ${name} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

function configure(file: string, { off, set }: NonNullable<Recipe["config"]>): void {
  const values = new Map(Object.entries(set));
  const text = readFileSync(file, "utf8").replace(/^CONFIG_(\w+)=.*$/gm, (line, name) => {
    const value = values.get(name);
    if (value !== undefined) return `CONFIG_${name}=${value}`;
    return off.includes(name) ? `# CONFIG_${name} is not set` : line;
  });
  writeFileSync(file, text);
}

function install(tree: string, directory: string, recipe: Recipe): void {
  const copy = (from: string, to: string, mode: number) => {
    mkdirSync(dirname(join(directory, to)), { recursive: true });
    copyFileSync(join(tree, from), join(directory, to));
    chmodSync(join(directory, to), mode);
  };
  for (const { from, to } of recipe.programs) copy(from, to, 0o755);
  for (const { from, to } of recipe.data ?? []) {
    if (!statSync(join(tree, from)).isDirectory()) copy(from, to, 0o644);
    else for (const path of filesBelow(join(tree, from))) copy(join(from, path), join(to, path), 0o644);
  }
  for (const [path, text] of Object.entries(recipe.files ?? {})) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
    chmodSync(join(directory, path), text.startsWith("#!") ? 0o755 : 0o644);
  }
  for (const [to, paths] of Object.entries(recipe.aliases ?? {})) {
    for (const path of paths) link(directory, path, to);
  }
  if (recipe.links === undefined) return;
  const { list, to } = recipe.links;
  for (const line of readFileSync(join(tree, list), "utf8").split("\n")) {
    if (!/^\/[\w/.[+-]+$/.test(line) || line.includes("..")) continue;
    link(directory, line, to);
  }
}

/** Paths of the plain files below a directory, from there. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}

function link(directory: string, path: string, to: string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  symlinkSync(posix.relative(posix.dirname(posix.join("/", path)), posix.join("/", to)), join(directory, path));
}
