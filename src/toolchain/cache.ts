/**
 * Layer: toolchain. The directory of what is built once, and the one way into it: build beside, then rename. It must not
 * know what is built.
 */
import { chmod, lstat, mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ToolchainError } from "./errors.ts";

export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache"), "linden");
}

async function privateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  if (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0) return;
  throw new ToolchainError(`${directory} must be a directory of yours that nobody else can write`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Another process builds the same for at most this long. */
const LOCK_MS = 10 * 60_000;

/**
 * The directory `kind/key` of the cache, built by `build` into a fresh directory when it is not there. Two processes that
 * need it at once build it once; what a killed one left behind is taken over after a while. Nothing half built is ever seen.
 */
export async function cached(
  kind: string,
  key: string,
  build: (directory: string) => Promise<void>,
  root: string = cacheRoot(),
): Promise<string> {
  const parent = join(root, kind);
  const final = join(parent, key);
  if (await exists(final)) return final;
  await privateDirectory(root);
  await privateDirectory(parent);
  const lock = join(parent, `.${key}.lock`);
  while (!(await take(lock))) {
    await setTimeout(200);
    if (await exists(final)) return final;
  }
  try {
    if (await exists(final)) return final;
    const fresh = await mkdtemp(join(parent, `.${key}.`));
    try {
      await build(fresh);
      await chmod(fresh, 0o755);
      await rename(fresh, final);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    return final;
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const age = await stat(lock).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  if (age > LOCK_MS) await rm(lock, { recursive: true, force: true });
  return false;
}
