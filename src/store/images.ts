/**
 * Layer: store. Built and loaded images: directories of the cache under the name of what made them, and links to them under
 * their own names. It must not know recipes, nor sandboxes.
 */
import { existsSync, linkSync, mkdirSync, symlinkSync } from "node:fs";
import { readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cached, cacheRoot } from "./cache.ts";
import { sha256 } from "./digest.ts";
import { StoreError } from "./errors.ts";
import { imageNames } from "./image-names.ts";
import { layered } from "./layers.ts";

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

/** What begins the keys of images that came as archives: they stand for themselves, and no recipe makes them stale. */
export const LOADED = "loaded";

/** What `fill` lays into a directory is the image `name` from now on, kept under `key`; nothing is laid where that is there. */
export async function keepBuilt(
  name: string,
  key: string,
  fill: (directory: string) => Promise<void>,
  root: string = cacheRoot(),
): Promise<string> {
  const directory = await cached("userland", key, fill, root);
  await point(join(root, "userland", name), key);
  return directory;
}

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

/** Keys of this directory: built, loaded and stacked images. */
const KEY = /^([0-9a-f]{16}-|loaded-|stack-)/;

/**
 * Whether an archive may be called so: what recipes are called, or several with commas between. Never a key: what is to be kept
 * under one later would be taken for there already, whatever its digest.
 */
export function isNameOfImages(text: string): boolean {
  return text.split(",").every((name) => /^[A-Za-z][\w.+-]{0,63}$/.test(name) && !KEY.test(name));
}

/** What the image of a name is kept under; undefined before it was ever built or loaded. */
export async function keyOf(name: string, root: string = cacheRoot()): Promise<string | undefined> {
  return readlink(join(root, "userland", name)).then(basename, () => undefined);
}

async function built(name: string, root: string): Promise<string | undefined> {
  if (!/^[\w.+-]+$/.test(name)) return undefined;
  const key = await keyOf(name, root);
  if (key === undefined) return undefined;
  const directory = join(root, "userland", key);
  return existsSync(directory) ? directory : undefined;
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
export async function stacked(directories: readonly string[], root: string = cacheRoot()): Promise<string> {
  const [first] = directories;
  if (first === undefined) throw new StoreError("which image? linden image list says which there are");
  if (directories.length === 1) return first;
  const key = `stack-${sha256(["2", ...directories.map((directory) => basename(directory))].join("\0")).slice(0, 32)}`;
  const fill = async (fresh: string) => {
    for (const [path, entry] of layered(directories)) {
      const target = join(fresh, path);
      mkdirSync(dirname(target), { recursive: true });
      if (entry.kind === "link") symlinkSync(entry.target, target);
      else linkSync(entry.host, target);
    }
  };
  return cached("userland", key, fill, root);
}
