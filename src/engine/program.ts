/**
 * Layer: engine. One running program: its memory, its threads, and how it begins and ends as a whole. It must not know
 * what any call means.
 */
import { THREAD_ENTRY } from "../abi/calls.ts";
import { EAGAIN, ENOMEM, ENOSYS } from "../abi/errno.ts";
import { SIGKILL } from "../abi/signal.ts";
import type { ExitStatus, Outcome, Program } from "../kernel/contracts.ts";
import { reserve } from "../kernel/operations/memory.ts";
import { exitThread } from "../kernel/operations/threads.ts";
import type { Process, Thread } from "../kernel/process.ts";
import { UNWIND_BYTES } from "../limits.ts";
import { GuestMemory, type LinearMemory } from "../mem/guest-memory.ts";
import type { EntryContext } from "./entries/entry.ts";
import { copyGlobals, copyMemory, type Down } from "./fork.ts";
import type { Gates } from "./gates.ts";
import { GuestThread, type Surroundings } from "./guest-thread.ts";
import { stackPointer } from "./handlers.ts";
import type { GuestImage } from "./image.ts";
import { PAGE_BYTES } from "./memory-pool.ts";
import { START_EXPORT } from "./rewriter/report.ts";
import { type WasmInstance, type WasmMemory, wasm } from "./webassembly.ts";

/** What a program has for its life. Everything is given back through `released`, once. */
export interface Resources {
  readonly gates: Gates;
  readonly slot: number;
  readonly memory: WasmMemory;
  /** Below and above these the memory is zero. */
  readonly usedFrom: number;
  readonly used: number;
  /** The main thread's, over the memory. */
  readonly instance: WasmInstance;
  released(program: GuestProgram): void;
  /** Our bug: the sandbox ends. */
  fatal(error: unknown): void;
}

const NO_BYTES = new ArrayBuffer(0);

export class GuestProgram implements Program, Surroundings, LinearMemory {
  readonly memory: GuestMemory;
  readonly linear: WasmMemory;
  readonly gates: Gates;
  readonly image: GuestImage;
  readonly #process: Process;
  readonly #resources: Resources;
  readonly #main: GuestThread;
  /** Those with a stack or about to get one; the main thread from the start on. */
  readonly #threads = new Map<Thread, GuestThread>();
  /** Of these, those not entered yet. */
  readonly #waiting = new Set<Thread>();
  /** What ended the program, while threads are still to be unwound. */
  #status: ExitStatus | undefined;
  #state: "new" | "running" | "ended" = "new";
  #peak = 0;
  #extent: { readonly declared: number; readonly given: number };
  /** Address of the memory fork uses, once it was needed. */
  #unwindAddress: number | undefined;
  /** Where a copy goes on. */
  #copied: Down | undefined;

  constructor(process: Process, image: GuestImage, resources: Resources) {
    this.#process = process;
    this.image = image;
    this.#resources = resources;
    this.gates = resources.gates;
    this.linear = resources.memory;
    const given = resources.memory.buffer.byteLength;
    this.#extent = { declared: Math.min(image.report.memory.minimum * PAGE_BYTES, given), given };
    this.memory = new GuestMemory(this);
    this.#main = new GuestThread(this, resources.slot, resources.instance);
  }

  /** What `memory` looks at: nothing once the program has ended, for its memory is another's by then. */
  get buffer(): ArrayBuffer {
    return this.#state === "ended" ? NO_BYTES : this.linear.buffer;
  }

  get extent(): { readonly declared: number; readonly given: number } {
    return this.#extent;
  }

  get forkable(): boolean {
    return this.image.forkable;
  }

  get peakMemory(): number {
    return this.#state === "ended" ? this.#peak : this.linear.buffer.byteLength;
  }

  stackPointer(thread: Thread): number | undefined {
    const instance = this.#threads.get(thread)?.instance;
    return instance === undefined ? undefined : stackPointer(instance);
  }

  growMemory(bytes: number): boolean {
    if (this.#state === "ended") return false;
    const missing = Math.ceil((bytes - this.linear.buffer.byteLength) / PAGE_BYTES);
    if (missing <= 0) return true;
    try {
      this.linear.grow(missing);
      return true;
    } catch (error) {
      // The maximum, or the host has no more.
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  /** Pages of memory it has. */
  get pages(): number {
    return this.linear.buffer.byteLength / PAGE_BYTES;
  }

  /** Become a copy of a program whose thread's stack is down. False when something of it cannot be copied. */
  copyFrom(original: GuestProgram, thread: Thread): boolean {
    const forking = original.#threads.get(thread);
    const down = forking?.stackDown();
    const [from, to] = [forking?.instance, this.#main.instance];
    if (down === undefined || from === undefined || to === undefined || !copyGlobals(from, to)) return false;
    copyMemory(original.linear, this.linear, this.#resources.usedFrom, this.#resources.used);
    this.#unwindAddress = original.#unwindAddress;
    this.#extent = original.#extent;
    this.#copied = down;
    return true;
  }

  get forking(): boolean {
    for (const guest of this.#threads.values()) if (guest.forking) return true;
    return false;
  }

  unwindBuffer(): readonly [address: number, bytes: number] | undefined {
    this.#unwindAddress ??= reserve(this.#process, UNWIND_BYTES);
    return this.#unwindAddress === undefined ? undefined : [this.#unwindAddress, UNWIND_BYTES];
  }

  start(): void {
    const [thread] = this.#process.threads;
    if (this.#state !== "new" || thread === undefined) throw new Error("a program is started twice");
    this.#state = "running";
    this.#threads.set(thread, this.#main);
    void this.#run(thread, this.#main, (context) => this.#steps(context));
  }

  sharesMemory(): void {
    // Who has not begun asks when it does.
    for (const [thread, guest] of this.#threads) if (!this.#waiting.has(thread)) guest.sharesMemory();
  }

  prepareThread(thread: Thread): number {
    const { report } = this.image;
    const has = report.exports.some(
      ({ name, parameters, results }) => name === THREAD_ENTRY && parameters === "ii" && results === "",
    );
    if (!has || this.#state !== "running") return -ENOSYS;
    const slot = this.gates.take();
    if (slot === undefined) return -EAGAIN;
    try {
      this.#threads.set(thread, new GuestThread(this, slot, this.gates.instantiate(this.image, this.linear)));
      this.#waiting.add(thread);
      return 0;
    } catch (error) {
      this.gates.give(slot);
      if (error instanceof wasm.RuntimeError || error instanceof RangeError) return -ENOMEM;
      throw error;
    }
  }

  startThread(thread: Thread): void {
    const guest = this.#threads.get(thread);
    if (guest === undefined || !this.#waiting.delete(thread)) throw new Error("a thread is started twice");
    const argument = thread.argument ?? 0;
    void this.#run(thread, guest, async (context) => {
      if (this.image.report.hasStart) await context.call(START_EXPORT);
      await context.call(THREAD_ENTRY, thread.tid, argument);
      return 0;
    });
  }

  resume(thread: Thread, outcome: Outcome): void {
    const { attendant } = thread;
    if (attendant instanceof GuestThread) attendant.resume(outcome);
  }

  kill(): void {
    if (this.#state === "ended") return;
    if (this.#state === "new") {
      this.#main.condemn();
      this.#end({ code: 0, signal: SIGKILL });
      return;
    }
    for (const thread of this.#waiting) this.#forget(thread);
    this.#waiting.clear();
    for (const guest of this.#threads.values()) guest.kill();
  }

  /** Let the program run no further; whoever calls this sees to it that its stacks are unwound. */
  condemn(): void {
    this.#main.condemn();
    for (const guest of this.#threads.values()) guest.condemn();
  }

  /** Give everything back without ever having been started, and without a word to the kernel. */
  discard(): void {
    this.#state = "ended";
    this.#resources.released(this);
  }

  fatal(error: unknown): void {
    this.#resources.fatal(error);
  }

  async #run(thread: Thread, guest: GuestThread, steps: (context: EntryContext) => Promise<number>): Promise<void> {
    const status = await guest.run(thread, steps);
    try {
      this.#forget(thread);
      if (this.#process.shares.length > 0) this.#process.kernel.shared.enter(this.#process);
      // A thread whose function returned ends as if by exit(2); with the first one's the program is over.
      if (guest !== this.#main && status.signal === 0) exitThread(thread, 0);
      if (!thread.exited) {
        this.#status ??= status;
        this.kill();
      }
      if (this.#threads.size === 0) this.#end(this.#status ?? status);
    } catch (error) {
      this.#resources.fatal(error);
    }
  }

  #forget(thread: Thread): void {
    const guest = this.#threads.get(thread);
    this.#threads.delete(thread);
    if (guest !== undefined && guest !== this.#main) this.gates.give(guest.slot);
  }

  async #steps(context: EntryContext): Promise<number> {
    const copied = this.#copied;
    if (copied !== undefined) {
      this.#copied = undefined;
      await this.#main.continueFrom(copied);
      return 0;
    }
    if (this.image.report.hasStart) await context.call(START_EXPORT);
    return this.image.entry.run(context);
  }

  #end(status: ExitStatus): void {
    this.#process.kernel.programEnding(this.#process, this);
    this.#peak = this.peakMemory;
    this.#state = "ended";
    this.gates.control.clearStep();
    this.#resources.released(this);
    this.#process.kernel.programEnded(this.#process, status, this);
  }
}
