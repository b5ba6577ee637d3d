/**
 * Layer: sandbox. Modules from disk or cache into cells. Guest bytes only pass through: nothing here parses them. It must
 * not know processes.
 */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { DOWN, UP, type UpFrame } from "../wire/frames.ts";
import type { CellLink, ChannelOwner } from "./cell-link.ts";
import { CellViolation, type LindenError, ModuleRefused, NotRunnable, SandboxDied } from "./errors.ts";
import { cacheKey, type ModuleCache } from "./module-cache.ts";
import { Collector } from "./output.ts";
import { codeOf, type Program } from "./programs.ts";
import { sha256 } from "./sha256.ts";
import { escapeText } from "./text.ts";

/** A program whose bytes are here: give it to as many sandboxes as you like. */
export class LoadedProgram {
  readonly program: Program;
  /** Names its rewritten form in the cache. */
  readonly key: string;
  /** Names the file it was read from, as it was then. */
  readonly fingerprint: string;
  /** Bytes of the module as it came. */
  readonly size: number;
  #bytes: Uint8Array;
  #rewritten: boolean;

  constructor(program: Program, key: string, found: BigIntStats, bytes: Uint8Array, rewritten: boolean) {
    this.program = program;
    this.key = key;
    this.fingerprint = nameOf(program, found);
    this.size = Number(found.size);
    this.#bytes = bytes;
    this.#rewritten = rewritten;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get rewritten(): boolean {
    return this.#rewritten;
  }

  /** A cell that met nothing else made this of it. */
  becameRewritten(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#rewritten = true;
  }
}

/** Names a program's file as it is now, without reading it. */
export async function fingerprint(program: Program): Promise<string> {
  const found = await stat(program.path, { bigint: true }).catch((error) => {
    throw new NotRunnable(`${escapeText(program.name)}: cannot be read (${codeOf(error)})`);
  });
  return nameOf(program, found);
}

function nameOf(program: Program, found: BigIntStats): string {
  return [program.entry, found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs, program.path].join(" ");
}

/** NotRunnable when a module is longer than a sandbox takes. */
export function checkSize(program: Program, bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new NotRunnable(`${escapeText(program.name)}: ${bytes} bytes, the limit for a module is ${limit}`);
}

/** Read a module, rewritten if the cache has it. NotRunnable when it is too long or cannot be read. */
export async function loadModule(
  program: Program,
  cache: ModuleCache,
  build: string,
  limit: number,
): Promise<LoadedProgram> {
  try {
    // What has its name by now may be a pipe that nobody writes to.
    const file = await open(program.path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat({ bigint: true });
      if (!found.isFile()) throw new NotRunnable(`${escapeText(program.name)}: is no regular file`);
      checkSize(program, Number(found.size), limit);
      const known = await cache.indexed(program.path, found);
      if (known !== undefined) {
        const key = cacheKey(known, build, program.entry);
        const rewritten = await cache.read(key);
        if (rewritten !== undefined) return new LoadedProgram(program, key, found, rewritten, true);
      }
      // The index may be wrong about what the file holds now; what is kept must stand under its own hash.
      const source = await readWhole(file, Number(found.size));
      if (source === undefined) throw new NotRunnable(`${escapeText(program.name)}: it grew while it was read`);
      const digest = sha256(source);
      if (digest !== known) await cache.index(program.path, found, digest);
      const key = cacheKey(digest, build, program.entry);
      const rewritten = await cache.read(key);
      return new LoadedProgram(program, key, found, rewritten ?? source, rewritten !== undefined);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof NotRunnable) throw error;
    throw new NotRunnable(`${escapeText(program.name)}: cannot be read (${codeOf(error)})`);
  }
}

/** All bytes of a file that has `size` of them; undefined if it has more: whoever writes it could go on for ever. */
async function readWhole(file: FileHandle, size: number): Promise<Uint8Array | undefined> {
  const bytes = Buffer.allocUnsafeSlow(size + 1);
  let end = 0;
  while (end <= size) {
    const { bytesRead } = await file.read(bytes, end, bytes.length - end, end);
    if (bytesRead === 0) return bytes.subarray(0, end);
    end += bytesRead;
  }
  return undefined;
}

/** Milliseconds a cell may take to rewrite and compile one module. */
const COMPILE_MS = 60_000;
/** UTF-16 units of a module's name in its frame: an escaped character is several. */
const NAME_LENGTH = 255;
/** Bytes of one frame of a module. */
const STEP = 1024 * 1024;
/** A rewritten module is hardly longer than its source. */
const rewrittenLimit = (source: number) => source * 2 + STEP;

/** Send a module to a cell: its channel, once the cell can start it. ModuleRefused when the engine does not take it. */
export async function sendModule(link: CellLink, loaded: LoadedProgram, cache: ModuleCache): Promise<number> {
  const fresh = link.takeFresh();
  const giveBack = fresh && !loaded.rewritten && (await cache.problem()) === undefined;
  const { bytes, rewritten, program } = loaded;
  const name = escapeText(basename(program.name), 200).slice(0, NAME_LENGTH);
  const transfer = new ModuleTransfer(link, name, giveBack ? rewrittenLimit(bytes.byteLength) : 0);
  const patience = setTimeout(() => {
    link.fail(new SandboxDied(`${escapeText(program.name)} was not compiled within ${COMPILE_MS / 1000} s`));
  }, COMPILE_MS);
  transfer.done.finally(() => clearTimeout(patience)).catch(() => {});
  for (let at = 0; at < bytes.byteLength; at += STEP) {
    await link.sendBulk({ type: DOWN.MODULE_DATA, channel: transfer.channel, payload: bytes.subarray(at, at + STEP) });
  }
  const payload = { name, entry: program.entry, rewritten, giveBack };
  link.send({ type: DOWN.MODULE_END, channel: transfer.channel, payload });
  const back = await transfer.done;
  if (back !== undefined) {
    loaded.becameRewritten(back);
    await cache.write(loaded.key, back);
  }
  return transfer.channel;
}

class ModuleTransfer implements ChannelOwner {
  readonly channel: number;
  /** The rewritten bytes, if they were asked for. */
  readonly done: Promise<Uint8Array | undefined>;
  readonly #link: CellLink;
  readonly #name: string;
  readonly #limit: number;
  readonly #back = new Collector();
  readonly #settle = Promise.withResolvers<Uint8Array | undefined>();

  constructor(link: CellLink, name: string, limit: number) {
    this.#link = link;
    this.#name = name;
    this.#limit = limit;
    this.done = this.#settle.promise;
    this.done.catch(() => {});
    this.channel = link.open(this);
  }

  receive(frame: UpFrame): void {
    switch (frame.type) {
      case UP.REWRITTEN:
        if (this.#back.length + frame.payload.byteLength > this.#limit) {
          throw new CellViolation("more of a rewritten module than was asked for");
        }
        this.#back.append(frame.payload);
        return;
      case UP.MODULE_READY:
        if (this.#limit > 0 && this.#back.length === 0) throw new CellViolation("it gave no rewritten module back");
        this.#link.release(this.channel);
        this.#settle.resolve(this.#limit > 0 ? this.#back.bytes() : undefined);
        return;
      case UP.REFUSED:
        this.#link.release(this.channel);
        this.#settle.reject(new ModuleRefused(`${this.#name}: ${escapeText(frame.payload.message)}`));
        return;
      default:
        throw new CellViolation(`frame ${frame.type} on a module`);
    }
  }

  lost(error: LindenError): void {
    this.#settle.reject(error);
  }
}
