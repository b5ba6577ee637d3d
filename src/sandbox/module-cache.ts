/**
 * Layer: sandbox. Rewritten modules on disk, so that a program is validated and rewritten once. It must not know how they
 * are made: only bytes of a cell that has met nothing but this one module are put in.
 *
 * The key covers the module's hash, the cell's build and the entry; the value carries its own hash, verified at every
 * read. Directory and files must be the caller's own and nobody else's to write. A damaged or foreign entry is a miss.
 *
 * The index spares hashing a module at every start: path, size, inode and times to its hash. Who can write the module
 * can choose what runs anyway, inside both layers; all a forged index leads to is the rewriting of another module that
 * the same user once ran.
 */
import { type BigIntStats, constants } from "node:fs";
import { lstat, mkdir, open, readdir, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CACHE_BYTES } from "../limits.ts";
import { cacheRoot } from "../store/cache.ts";
import type { Entry } from "../wire/frames.ts";
import { sha256 } from "./sha256.ts";

/** Before the value: this, its SHA-256 in hexadecimal, a newline. */
const MARK = "linden module 1\n";
const HEAD_BYTES = MARK.length + 65;
/** A change within this many milliseconds of reading could hide behind the same times (as git's racy entries). */
const RACY_MS = 2000;

/** Where the cache would be; it need not exist. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheRoot(env), "modules");
}

export class ModuleCache {
  readonly directory: string;
  #writable: Promise<string | undefined> | undefined;

  constructor(directory: string = cacheDirectory()) {
    this.directory = directory;
  }

  /** Undefined when the cache can be used, else what stands in the way. */
  problem(): Promise<string | undefined> {
    this.#writable ??= this.#prepare();
    return this.#writable;
  }

  async #prepare(): Promise<string | undefined> {
    try {
      await makeDirectories(this.directory);
      const found = await lstat(this.directory);
      if (!found.isDirectory()) return `${this.directory} is no directory`;
      if (found.uid !== process.geteuid?.()) return `${this.directory} belongs to another user`;
      if ((found.mode & 0o077) !== 0) return `${this.directory} is open to others (mode 0700 is needed)`;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The rewritten module, or undefined. Never throws. */
  async read(key: string): Promise<Uint8Array | undefined> {
    if ((await this.problem()) !== undefined) return undefined;
    const bytes = await this.#readOwn(`${key}.wasm`);
    if (bytes === undefined || bytes.length < HEAD_BYTES) return undefined;
    const value = bytes.subarray(HEAD_BYTES);
    if (bytes.toString("latin1", 0, HEAD_BYTES) === `${MARK}${sha256(value)}\n`) return value;
    await unlink(join(this.directory, `${key}.wasm`)).catch(() => {});
    return undefined;
  }

  /** Keep a rewritten module. A cache that cannot be written is no error: the next start rewrites again. */
  async write(key: string, value: Uint8Array): Promise<void> {
    if ((await this.problem()) !== undefined) return;
    const head = Buffer.from(`${MARK}${sha256(value)}\n`, "latin1");
    if (await this.#replace(`${key}.wasm`, [head, value])) await this.#prune();
  }

  /** The SHA-256 of a module whose file has these attributes, if it was seen before. */
  async indexed(path: string, found: BigIntStats): Promise<string | undefined> {
    if ((await this.problem()) !== undefined) return undefined;
    const text = (await this.#readOwn(indexName(path)))?.toString("latin1");
    const expected = `${fingerprint(found)} `;
    const digest = text?.startsWith(expected) ? text.slice(expected.length) : "";
    return /^[0-9a-f]{64}$/.test(digest) ? digest : undefined;
  }

  async index(path: string, found: BigIntStats, digest: string): Promise<void> {
    if ((await this.problem()) !== undefined) return;
    if (Date.now() - Number(found.ctimeMs) < RACY_MS) return;
    await this.#replace(indexName(path), [Buffer.from(`${fingerprint(found)} ${digest}`, "latin1")]);
  }

  async #readOwn(name: string): Promise<Buffer | undefined> {
    try {
      const file = await open(
        join(this.directory, name),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      try {
        const found = await file.stat();
        const own = found.isFile() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
        return own ? await file.readFile() : undefined;
      } finally {
        await file.close();
      }
    } catch {
      return undefined;
    }
  }

  async #replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    const temporary = join(this.directory, `.${process.pid}.${Math.random().toString(36).slice(2)}`);
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const file = await open(temporary, flags, 0o600);
      try {
        for (const part of parts) await file.writeFile(part);
      } finally {
        await file.close();
      }
      await rename(temporary, join(this.directory, name));
      return true;
    } catch {
      await unlink(temporary).catch(() => {});
      return false;
    }
  }

  /** Oldest first, until the whole is within CACHE_BYTES. */
  async #prune(): Promise<void> {
    const entries: { path: string; size: number; time: number }[] = [];
    for (const name of await readdir(this.directory).catch(() => [])) {
      const path = join(this.directory, name);
      const found = await stat(path).catch(() => undefined);
      if (found?.isFile()) entries.push({ path, size: found.size, time: found.mtimeMs });
    }
    let total = entries.reduce((sum, each) => sum + each.size, 0);
    for (const { path, size } of entries.sort((a, b) => a.time - b.time)) {
      if (total <= CACHE_BYTES) return;
      await unlink(path).catch(() => {});
      total -= size;
    }
  }
}

/** Whether the cache lies in a directory, or a directory in it, whatever links lead there. */
export async function overlaps(directory: string, cache: string): Promise<boolean> {
  const [outer, inner] = await Promise.all([directory, cache].map(resolved));
  return outer === undefined || inner === undefined || isWithin(inner, outer) || isWithin(outer, inner);
}

function isWithin(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

/** realpath(3) of what exists of a path. */
async function resolved(path: string): Promise<string> {
  const rest: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const found = await realpath(at).catch(() => undefined);
    if (found !== undefined) return join(found, ...rest);
    if (dirname(at) === at) return path;
    rest.unshift(basename(at));
  }
}

/** What a rewritten module depends on. */
export function cacheKey(digest: string, build: string, entry: Entry): string {
  return sha256(`${digest}\0${build}\0${entry}`);
}

/** As mkdir's own recursion, which never comes back from places where nothing can be made, such as below /proc. */
async function makeDirectories(directory: string): Promise<void> {
  const missing: string[] = [];
  for (let at = directory; !(await exists(at)); at = dirname(at)) missing.unshift(at);
  for (const path of missing) {
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      // Another process was faster.
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

function indexName(path: string): string {
  return `${sha256(path)}.index`;
}

function fingerprint(found: BigIntStats): string {
  return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ");
}
