/**
 * Layer: toolchain. The images of userland/: which are built, from what, and building them once into the cache: directory
 * trees that a sandbox takes for its first files. It must not know any recipe, nor sandboxes.
 */
import { createHash } from "node:crypto";
import { existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { buildRecipe, type Linden, missingPrograms } from "./build.ts";
import { cached, cacheRoot } from "./cache.ts";
import { ToolchainError } from "./errors.ts";
import { configureCache, readRecipe, recipeNames } from "./recipe.ts";
import { type Progress, sysroot, sysrootKey } from "./sysroot.ts";
import { findTools, lacking, missingTools } from "./tools.ts";

/** Raised when the same inputs build another result. */
const REVISION = "2";

/** The image that `linden shell` starts. */
export const DEFAULT_IMAGE = "busybox";

export type Image = {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Where its files lie; undefined before it is built. */
  readonly directory: string | undefined;
  /** Why it should be built anew; undefined when it is as it would be built now. */
  readonly stale: string | undefined;
};

/** Every image there is a recipe for. */
export async function images(root: string = cacheRoot()): Promise<Image[]> {
  return Promise.all(
    recipeNames().map(async (name) => {
      const { version, description } = readRecipe(name).recipe;
      return { name, version, description, directory: await built(name, root), stale: await staleImage(name, root) };
    }),
  );
}

/** The names in "busybox,bash,grep": images over each other, where a later one's file takes the place of an earlier one's. */
export function imageNames(names: string): readonly string[] {
  return names.split(",").filter((name) => name !== "");
}

/**
 * The directory of an image, or of several over each other, whatever they were built from; undefined when one of them was
 * never built.
 */
export async function builtImage(names: string, root: string = cacheRoot()): Promise<string | undefined> {
  const found = await Promise.all(imageNames(names).map((name) => built(name, root)));
  const directories = found.filter((directory) => directory !== undefined);
  if (directories.length < found.length || found.length === 0) return undefined;
  return stacked(directories, root);
}

/**
 * The directory of an image, or of several over each other, from the cache or built now (two to five minutes each on two
 * cores). Throws ToolchainError where tools or source are missing, or a command fails.
 */
export async function buildImage(
  names: string,
  linden: Linden,
  progress: Progress = () => {},
  root: string = cacheRoot(),
): Promise<string> {
  const missing = [...missingTools(), ...imageNames(names).flatMap((name) => missingFor(name))];
  if (missing.length > 0) throw lacking(`building ${names}`, missing);
  const directories: string[] = [];
  for (const name of imageNames(names)) directories.push(await build(name, linden, progress, root));
  return stacked(directories, root);
}

/** Why an image that was built should be built anew; undefined when there is no reason, or none that can be known here. */
export async function staleImage(name: string, root: string = cacheRoot()): Promise<string | undefined> {
  const key = await keyOf(name, root);
  if (key === undefined || key.startsWith(`${LOADED}-`)) return undefined;
  const [recipe, tools] = key.split("-");
  if (recipe !== recipeKey(name)) return "its recipe changed since it was built";
  if (missingTools().length === 0 && tools !== toolsKey())
    return "the compiler or the C library changed since it was built";
  return undefined;
}

/** Where images of archives are kept: they stand for themselves, and no recipe makes them stale. */
const LOADED = "loaded";

/** Keeps what `fill` lays into a directory under its digest. `names`: what it is called by from now on, if anything. */
export async function keepLoaded(
  digest: string,
  fill: (directory: string) => Promise<void>,
  name: string | undefined,
  root: string = cacheRoot(),
): Promise<string> {
  const key = `${LOADED}-${digest}`;
  const directory = await cached("userland", key, fill, root);
  if (name !== undefined) await point(join(root, "userland", name), key);
  return directory;
}

async function keyOf(name: string, root: string): Promise<string | undefined> {
  return readlink(join(root, "userland", name)).then(basename, () => undefined);
}

async function built(name: string, root: string): Promise<string | undefined> {
  if (!/^[\w.+-]+$/.test(name)) return undefined;
  const key = await keyOf(name, root);
  if (key === undefined) return undefined;
  const directory = join(root, "userland", key);
  return existsSync(directory) ? directory : undefined;
}

function digest(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("hex");
}

/** Everything of ours that an image is made from: its recipe, the answers to configure, the recipes it uses. */
function recipeKey(name: string): string {
  const { recipe, text } = readRecipe(name);
  const answers = text.includes("{cache}") ? configureCache() : "";
  return digest([REVISION, JSON.stringify(recipe), answers, ...(recipe.uses ?? []).map(recipeKey)]).slice(0, 16);
}

function toolsKey(): string {
  return sysrootKey(findTools()).slice(0, 16);
}

/** The packages that building a recipe, and those it uses, lacks: all at once, so that one command installs them. */
export function missingFor(name: string, path?: string): string[] {
  const { recipe } = readRecipe(name);
  return [...missingPrograms(recipe, path), ...(recipe.uses ?? []).flatMap((used) => missingFor(used, path))];
}

async function build(name: string, linden: Linden, progress: Progress, root: string): Promise<string> {
  const { recipe } = readRecipe(name);
  const { tools } = await sysroot(progress, root);
  const uses = new Map<string, string>();
  for (const used of recipe.uses ?? []) uses.set(used, await build(used, linden, progress, root));
  const key = `${recipeKey(name)}-${toolsKey()}`;
  const workshop = { linden, tools, uses };
  const directory = await cached("userland", key, (fresh) => buildRecipe(fresh, recipe, workshop, progress), root);
  await point(join(root, "userland", name), key);
  return directory;
}

/** Makes `link` lead to `key`, whatever it led to before. */
async function point(link: string, key: string): Promise<void> {
  if ((await readlink(link).catch(() => undefined)) === key) return;
  const fresh = `${link}.${process.pid}`;
  await rm(fresh, { force: true });
  await symlink(key, fresh);
  await rename(fresh, link);
}

/** One directory with the files of several, kept like them; the files themselves are shared. */
async function stacked(directories: readonly string[], root: string): Promise<string> {
  const [first] = directories;
  if (first === undefined) throw new ToolchainError("which image? linden image list says which there are");
  if (directories.length === 1) return first;
  const key = `stack-${digest(["2", ...directories.map((directory) => basename(directory))]).slice(0, 32)}`;
  const fill = async (fresh: string) => {
    for (const directory of directories) lay(directory, fresh);
  };
  return cached("userland", key, fill, root);
}

/** Where a shell looks for programs: what one image has in one of these, another may have in the next. */
const PROGRAMS = ["bin", "sbin", "usr/bin", "usr/sbin"];

/** Lays an image over what is there: its files take the place of those of their name, its programs wherever those lie. */
function lay(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    const source = join(entry.parentPath, entry.name);
    const target = join(to, source.slice(from.length));
    if (entry.isDirectory()) {
      mkdirSync(target, { recursive: true });
      continue;
    }
    rmSync(target, { force: true });
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkSync(source, target);
    const at = relative(from, entry.parentPath);
    if (PROGRAMS.includes(at)) supersede(from, to, at, entry.name);
  }
}

/** Makes an older program of this name in another directory a link to the one that `from` has in `at`. */
function supersede(from: string, to: string, at: string, name: string): void {
  const there = (directory: string, root: string) =>
    lstatSync(join(root, directory, name), { throwIfNoEntry: false }) !== undefined;
  for (const directory of PROGRAMS) {
    if (!there(directory, to) || there(directory, from)) continue;
    rmSync(join(to, directory, name));
    symlinkSync(relative(directory, join(at, name)), join(to, directory, name));
  }
}
