/**
 * Layer: store. The directory of what is built once, and the one way into it: build beside, then rename. It must not
 * know what is built.
 */
import { chmod, lstat, mkdir, mkdtemp, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { StoreError } from "./errors.ts";

/** Where the cache is, or would be. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(home(), ".cache"), "linden");
}

/** A HOME that is empty or relative would be another place in every directory. Who has none at all can keep nothing. */
function home(): string {
  for (const ask of [homedir, () => userInfo().homedir]) {
    try {
      const found = ask();
      if (isAbsolute(found)) return found;
    } catch {} // no user of this number is known here
  }
  return "/nonexistent";
}

async function privateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  if (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0) return;
  throw new StoreError(`${directory} must be a directory of yours that nobody else can write`);
}

/** A link under a key would be another's choice. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * The directory `kind/key` of the cache, built by `build` into a fresh directory when it is not there. Two processes that
 * need it at once build it once; what a killed one left behind is taken over. Nothing half built is ever seen. Throws
 * StoreError where the cache is not the caller's alone to write, or cannot be written.
 */
export async function cached(
  kind: string,
  key: string,
  build: (directory: string) => Promise<void>,
  root: string = cacheRoot(),
): Promise<string> {
  try {
    return await keep(kind, key, build, root);
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new StoreError(
      `nothing can be kept in Linden's cache: ${error.message} (XDG_CACHE_HOME names another place)`,
    );
  }
}

async function keep(
  kind: string,
  key: string,
  build: (directory: string) => Promise<void>,
  root: string,
): Promise<string> {
  const parent = join(root, kind);
  const final = join(parent, key);
  await privateDirectory(root);
  await privateDirectory(parent);
  const lock = join(parent, `.${key}.lock`);
  while (!(await exists(final)) && !(await take(lock))) await setTimeout(200);
  if (await exists(final)) {
    await release(lock);
    return final;
  }
  try {
    await sweep(parent, key);
    const fresh = await mkdtemp(join(parent, `.${key}.${process.pid}.`));
    try {
      await build(fresh);
      await chmod(fresh, 0o755);
      await rename(fresh, final).catch(async (error: unknown) => {
        // Two that took over one lock at once both built it: they built the same.
        if (!(await exists(final))) throw error;
      });
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    return final;
  } finally {
    await release(lock);
  }
}

/**
 * Takes away what builders of this key that were killed left half built. Those that live keep theirs, though the lock is ours: of
 * several that find the lock of a dead one, each may have removed that of the one before it.
 */
async function sweep(parent: string, key: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`.${key}.`)) continue;
    const [, builder] = /^(?:(\d+)\.)?\w{6}$/.exec(name.slice(key.length + 2)) ?? [undefined, "1"];
    if (builder === undefined || !isAlive(Number(builder)))
      await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** A lock is a link to the number of the process that holds it: made at once, and whole. */
async function take(lock: string): Promise<boolean> {
  try {
    await symlink(String(process.pid), lock);
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const holder = await readlink(lock).catch(() => undefined);
  if (holder !== undefined && !isAlive(Number(holder))) await rm(lock, { force: true });
  return false;
}

async function release(lock: string): Promise<void> {
  const holder = await readlink(lock).catch(() => undefined);
  if (holder === String(process.pid)) await rm(lock, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
