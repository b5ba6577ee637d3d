/**
 * Layer: toolchain. The images of userland/: which are built, from what, and building them once into the cache: directory
 * trees that a sandbox takes for its first files. It must not know any recipe, nor sandboxes.
 */
import { builtImage, cacheRoot, imageNames, keepBuilt, keyOf, LOADED, sha256, stacked } from "../store/index.ts";
import { buildRecipe, type Linden, missingPrograms } from "./build.ts";
import { CXX_NEEDS } from "./cxx-library.ts";
import { nativeLlvm } from "./llvm.ts";
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
      return {
        name,
        version,
        description,
        directory: await builtImage(name, root),
        stale: await staleImage(name, root),
      };
    }),
  );
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

/** Everything of ours that an image is made from: its recipe, the answers to configure, the recipes it uses. */
function recipeKey(name: string): string {
  const { recipe, text } = readRecipe(name);
  const answers = text.includes("{cache}") ? configureCache() : "";
  return sha256([REVISION, JSON.stringify(recipe), answers, ...(recipe.uses ?? []).map(recipeKey)].join("\0")).slice(
    0,
    16,
  );
}

function toolsKey(): string {
  return sysrootKey(findTools()).slice(0, 16);
}

/** The packages that building a recipe, and those it uses, lacks: all at once, so that one command installs them. */
export function missingFor(name: string, path?: string): string[] {
  const { recipe, text } = readRecipe(name);
  const needs = [...recipe.needs, ...(text.includes("{cxx}") ? CXX_NEEDS : [])];
  return [...missingPrograms(needs, path), ...(recipe.uses ?? []).flatMap((used) => missingFor(used, path))];
}

async function build(name: string, linden: Linden, progress: Progress, root: string): Promise<string> {
  const { recipe } = readRecipe(name);
  const tools = findTools();
  await sysroot(nativeLlvm(tools), progress, root);
  const uses = new Map<string, string>();
  for (const used of recipe.uses ?? []) uses.set(used, await build(used, linden, progress, root));
  const key = `${recipeKey(name)}-${toolsKey()}`;
  const workshop = { linden, tools, uses };
  return keepBuilt(name, key, (fresh) => buildRecipe(fresh, recipe, workshop, progress), root);
}
