/**
 * Layer: engine. The kernel's program loader: images from rewritten modules, programs from images, and what programs
 * share. One engine serves one kernel, and dies with its first bug. It must not know any call.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EAGAIN, ENOEXEC, ENOMEM, ENOSYS } from "../abi/errno.ts";
import type { Countdown, ForkDriver, Program, ProgramImage, ProgramLoader } from "../kernel/contracts.ts";
import type { Process, Thread } from "../kernel/process.ts";
import { MEMORY_BYTES } from "../limits.ts";
import { CompiledFiles } from "./compiled-files.ts";
import { COMMAND } from "./entries/command.ts";
import type { Entry } from "./entries/entry.ts";
import { RUBY } from "./entries/ruby.ts";
import { Gates } from "./gates.ts";
import { type CallTables, GuestImage } from "./image.ts";
import { MemoryPool, PAGE_BYTES, type Recycled } from "./memory-pool.ts";
import { PristineStates } from "./pristine.ts";
import { GuestProgram } from "./program.ts";
import type { RewrittenModule } from "./rewriter/rewrite.ts";
import { type WasmInstance, wasm } from "./webassembly.ts";

const MOST_PAGES = 65_536;
/** Pages a program that maps memory may be given beyond what it declares: a memory another has grown serves again. */
const SPARE_PAGES = 32;
/** Share of the memory limit that idle memories may hold. */
const IDLE_SHARE = 0.25;

const ENTRIES: ReadonlyMap<string, Entry> = new Map([COMMAND, RUBY].map((entry) => [entry.name, entry]));

export interface EngineOptions {
  /** The codecs' calls by import module. */
  readonly calls: CallTables;
  /** Import modules whose programs ask for memory by brk(2) and mmap(2). */
  readonly mapping?: ReadonlySet<string>;
  /** Bytes of linear memory and tables of one program. */
  readonly memoryBytes?: number;
  /** Hears of our bugs: the sandbox must end. Every program has been condemned by then. */
  fatal(error: unknown): void;
}

/**
 * Compile a rewritten module, for any engine with these calls. `entry` says how it is started ("wasi-command", "ruby").
 * Throws ModuleRefused; RangeError for an entry that does not exist.
 */
export function compileImage(
  name: string,
  rewritten: RewrittenModule,
  entry: string | undefined,
  calls: CallTables,
): GuestImage {
  const found = ENTRIES.get(entry ?? COMMAND.name);
  if (found === undefined) throw new RangeError(`no entry "${entry}": use ${[...ENTRIES.keys()].join(" or ")}`);
  return new GuestImage(name, rewritten, found, calls);
}

export class Engine implements ProgramLoader, ForkDriver {
  readonly #options: EngineOptions;
  readonly #pages: number;
  readonly #pool: MemoryPool;
  readonly #gates = new Gates((error) => this.#fatal(error));
  readonly #pristine = new PristineStates();
  readonly #programs = new Set<GuestProgram>();
  readonly #compiled: CompiledFiles;
  #dead = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    const bytes = options.memoryBytes ?? MEMORY_BYTES;
    this.#pages = Math.min(MOST_PAGES, Math.floor(bytes / PAGE_BYTES));
    this.#pool = new MemoryPool(bytes * IDLE_SHARE);
    this.#compiled = new CompiledFiles((name, rewritten) => this.image(name, rewritten));
  }

  get countdown(): Countdown {
    return this.#gates.control;
  }

  get caller(): Thread | undefined {
    return this.#gates.thread;
  }

  /** Programs that were loaded and have not ended. */
  get programs(): number {
    return this.#programs.size;
  }

  /** compileImage() with this engine's calls. */
  image(name: string, rewritten: RewrittenModule, entry?: string): GuestImage {
    return compileImage(name, rewritten, entry, this.#options.calls);
  }

  /** A program from a file of the guest's: rewritten and compiled here, never given to anybody else. */
  compile(name: ByteString, bytes: Uint8Array<ArrayBuffer>): ProgramImage | number {
    return this.#compiled.image(name, bytes) ?? -ENOEXEC;
  }

  /** -ENOEXEC: not an image, or its segments do not fit. -ENOMEM: more memory than allowed or left. -EAGAIN: too many. */
  load(process: Process, image: ProgramImage): Program | number {
    return image instanceof GuestImage ? this.#load(process, image) : -ENOEXEC;
  }

  /** See ForkDriver. The thread's program must be down. */
  fork(process: Process, thread: Thread, original: Program): Program | number {
    if (!(original instanceof GuestProgram)) return -ENOSYS;
    const { image, pages } = original;
    const copy = this.#make(process, image, pages, (maximum) => this.#pool.takeForCopy(pages, maximum, image));
    if (typeof copy === "number") return copy === -ENOEXEC ? -ENOMEM : copy;
    if (copy.copyFrom(original, thread)) return copy;
    copy.discard();
    return -ENOSYS;
  }

  /**
   * Do a part of what the next program would wait for: to be called while the host has nothing else to do, until it answers that
   * nothing is left. Bounded by some milliseconds.
   */
  tidy(): boolean {
    return this.#pool.tidy();
  }

  #load(process: Process, image: GuestImage): GuestProgram | number {
    const { minimum } = image.report.memory;
    const spare = this.#maps(image) ? SPARE_PAGES : 0;
    return this.#make(process, image, minimum, (maximum) => {
      const taken = this.#pool.take(minimum, Math.min(minimum + spare, maximum), maximum, image);
      const instance = taken?.instance !== undefined && this.#pristine.restore(image, taken.instance, taken.memory);
      return taken === undefined || instance !== false ? taken : { ...taken, instance: undefined };
    });
  }

  /** Whether its programs ask the kernel for memory, and do not mind to be given more than they declare. */
  #maps({ imports }: GuestImage): boolean {
    const { mapping } = this.#options;
    return mapping !== undefined && imports.length > 0 && imports.every(({ gate }) => mapping.has(gate.module));
  }

  /** A program with so many pages of memory, which `take` finds. */
  #make(
    process: Process,
    image: GuestImage,
    pages: number,
    take: (maximum: number) => Recycled | undefined,
  ): GuestProgram | number {
    if (this.#dead) return -EAGAIN;
    const maximum = Math.min(image.report.memory.maximum ?? MOST_PAGES, this.#pages - image.tablePages);
    if (pages > maximum) return -ENOMEM;
    const slot = this.#gates.take();
    if (slot === undefined) return -EAGAIN;
    const taken = take(maximum);
    if (taken === undefined) {
      this.#gates.give(slot);
      return -ENOMEM;
    }
    return this.#instantiate(process, image, slot, taken, maximum);
  }

  #instantiate(
    process: Process,
    image: GuestImage,
    slot: number,
    taken: Recycled,
    maximum: number,
  ): GuestProgram | number {
    const giveBack = (instance?: WasmInstance): void => {
      this.#gates.give(slot);
      const tenancy = instance !== undefined && image.servesAgain ? { image, instance } : undefined;
      this.#pool.give(taken.memory, maximum, tenancy);
    };
    try {
      const left = taken.instance;
      const instance = left === undefined ? this.#gates.instantiate(image, taken.memory) : this.#gates.again(left);
      if (taken.instance === undefined && taken.used === 0) this.#pristine.remember(image, instance, taken.memory);
      const { dataStart, dataEnd } = image.report;
      const used = taken.instance === undefined ? Math.max(taken.used, dataEnd) : taken.used;
      const usedFrom = taken.used === 0 ? dataStart : 0;
      const program = new GuestProgram(process, image, {
        gates: this.#gates,
        slot,
        memory: taken.memory,
        usedFrom,
        used,
        instance,
        released: (ended) => {
          this.#programs.delete(ended);
          giveBack(instance);
        },
        fatal: (error) => this.#fatal(error),
      });
      this.#programs.add(program);
      return program;
    } catch (error) {
      giveBack();
      if (error instanceof wasm.RuntimeError) return -ENOEXEC;
      if (error instanceof RangeError) return -ENOMEM;
      throw error;
    }
  }

  #fatal(error: unknown): void {
    for (const program of this.#programs) program.condemn();
    if (this.#dead) return;
    this.#dead = true;
    this.#options.fatal(error);
  }
}
