/**
 * Layer: toolchain. Builds what a recipe describes, once, into the cache: a directory tree that a sandbox takes for its
 * first files. It must not know any recipe, nor sandboxes.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { cached, cacheRoot } from "./cache.ts";
import { ToolchainError } from "./errors.ts";
import { type Recipe, readRecipe, recipeNames } from "./recipe.ts";
import { runTool } from "./run-tool.ts";
import { unpackSource } from "./source-archive.ts";
import { type Progress, sysroot } from "./sysroot.ts";
import { onPath } from "./tools.ts";

/** Raised when this file builds another result from the same inputs. */
const REVISION = "1";

/** The image that `linden shell` starts. */
export const DEFAULT_IMAGE = "busybox";

/** The words that start Linden's command line. */
export type Linden = readonly string[];

export type Image = {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Where its files lie; undefined before it is built. */
  readonly directory: string | undefined;
};

/** Every image there is a recipe for. */
export async function images(root: string = cacheRoot()): Promise<Image[]> {
  return Promise.all(
    recipeNames().map(async (name) => {
      const { version, description } = readRecipe(name).recipe;
      return { name, version, description, directory: await builtImage(name, root) };
    }),
  );
}

/** The directory of an image that was built before, whatever it was built from; undefined when it never was. */
export async function builtImage(name: string, root: string = cacheRoot()): Promise<string | undefined> {
  const key = await readlink(join(root, "userland", name)).catch(() => undefined);
  if (key === undefined) return undefined;
  const directory = join(root, "userland", basename(key));
  return existsSync(directory) ? directory : undefined;
}

/**
 * The directory of an image, from the cache or built now (two to five minutes on two cores). Throws ToolchainError where
 * tools or source are missing, or a command fails.
 */
export async function buildImage(
  name: string,
  linden: Linden,
  progress: Progress = () => {},
  root: string = cacheRoot(),
): Promise<string> {
  const { recipe, text } = readRecipe(name);
  const { directory: library, tools } = await sysroot(progress, root);
  needed(recipe);
  const key = createHash("sha256")
    .update([REVISION, text, basename(library)].join("\0"))
    .digest("hex")
    .slice(0, 32);
  const directory = await cached("userland", key, (fresh) => build(fresh, recipe, linden, tools.ar, progress), root);
  await point(join(root, "userland", name), key);
  return directory;
}

function needed({ name, needs }: Recipe): void {
  const missing = needs.filter((tool) => onPath(tool, process.env.PATH ?? "") === undefined);
  if (missing.length === 0) return;
  const packages = missing.map((tool) => (tool === "xz" ? "xz-utils" : tool));
  throw new ToolchainError(
    `building ${name} needs programs that are not installed: ${missing.join(", ")}\n` +
      `install them with: apt-get install --no-install-recommends ${packages.join(" ")}`,
  );
}

/** Makes `link` lead to `key`, whatever it led to before. */
async function point(link: string, key: string): Promise<void> {
  if ((await readlink(link).catch(() => undefined)) === key) return;
  const fresh = `${link}.${process.pid}`;
  await rm(fresh, { force: true });
  await symlink(key, fresh);
  await rename(fresh, link);
}

async function build(directory: string, recipe: Recipe, linden: Linden, ar: string, progress: Progress): Promise<void> {
  const tree = join(directory, ".tree");
  for (const source of recipe.sources) {
    mkdirSync(join(tree, source.into), { recursive: true });
    await unpackSource(source, join(tree, source.into), progress);
  }
  const title = `building ${recipe.name}`;
  progress(title, 0);
  for (const patch of recipe.patches) await runTool("patch", ["-p1", "-s", "-i", patch], tree);
  for (const { file, find, replace } of recipe.edits) {
    const parts = readFileSync(join(tree, file), "utf8").split(find);
    if (parts.length !== 2)
      throw new ToolchainError(`${file} of ${recipe.name} is not the file its edit was written for`);
    writeFileSync(join(tree, file), parts.join(replace));
  }
  const words = new Map([
    ["{cc}", compilerScript(directory, linden)],
    ["{ar}", ar],
  ]);
  let lines = 0;
  const run = async ([file = "", ...args]: readonly string[]) => {
    const filled = args.map((arg) => arg.replace(/\{\w+\}/g, (word) => words.get(word) ?? word));
    await runTool(file, filled, tree, (text) => {
      lines += text.split("\n").length - 1;
      progress(title, Math.min(lines / recipe.steps, 0.99));
    });
  };
  for (const command of recipe.configure) await run(command);
  configure(join(tree, recipe.config.file), recipe.config);
  lines = 0;
  for (const command of recipe.build) await run(command);
  install(tree, directory, recipe);
  rmSync(tree, { recursive: true });
  rmSync(compilerScript(directory, linden));
}

/** The compiler as one word, as makefiles like it. */
function compilerScript(directory: string, linden: Linden): string {
  const file = join(directory, ".cc");
  const quoted = linden.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  writeFileSync(file, `#!/bin/sh\nexec ${quoted} cc "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

function configure(file: string, { off, set }: Recipe["config"]): void {
  const values = new Map(Object.entries(set));
  const text = readFileSync(file, "utf8").replace(/^CONFIG_(\w+)=.*$/gm, (line, name) => {
    const value = values.get(name);
    if (value !== undefined) return `CONFIG_${name}=${value}`;
    return off.includes(name) ? `# CONFIG_${name} is not set` : line;
  });
  writeFileSync(file, text);
}

function install(tree: string, directory: string, recipe: Recipe): void {
  for (const { from, to } of recipe.programs) {
    mkdirSync(dirname(join(directory, to)), { recursive: true });
    copyFileSync(join(tree, from), join(directory, to));
    chmodSync(join(directory, to), 0o755);
  }
  for (const [path, text] of Object.entries(recipe.files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text, { mode: 0o644 });
  }
  const { list, to } = recipe.links;
  for (const line of readFileSync(join(tree, list), "utf8").split("\n")) {
    if (!/^\/[\w/.[+-]+$/.test(line) || line.includes("..")) continue;
    const link = join(directory, line);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), join(directory, to)), link);
  }
}
