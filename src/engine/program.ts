/**
 * Layer: engine. One running program: its instance, its stack, and how a call that cannot finish suspends it, is resumed,
 * or is unwound. It must not know what any call means.
 *
 * Guest code runs only between `start` or `resume` and the next verdict that is not PROCEED. A killed program is always
 * resumed into a trap: an abandoned stack would stay in the host's memory for ever.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { SIGKILL, SIGSEGV, SIGSYS } from "../abi/signal.ts";
import { BLOCKED, type ExitStatus, GONE, type GuestCall, type Outcome, type Program } from "../kernel/contracts.ts";
import type { Process, Thread } from "../kernel/process.ts";
import { GuestMemory } from "../mem/guest-memory.ts";
import { bind, type CallSite } from "./binding.ts";
import { BLOCK, type ControlMemory, KILL, PROCEED } from "./control.ts";
import { type EntryContext, GuestFault } from "./entries/entry.ts";
import { GATE_MODULE, HANDLERS } from "./gate.ts";
import type { GuestImage } from "./image.ts";
import { MEMORY_MODULE, MEMORY_NAME, START_EXPORT } from "./rewriter/report.ts";
import { trapStatus } from "./traps.ts";
import { type WasmFunction, type WasmInstance, type WasmMemory, wasm } from "./webassembly.ts";

/** What a program has for its life. Everything is given back through `released`, once. */
export interface Resources {
  readonly control: ControlMemory;
  readonly slot: number;
  readonly memory: WasmMemory;
  released(program: GuestProgram): void;
  /** Our bug: the sandbox ends. */
  fatal(error: unknown): void;
}

interface BlockedCall {
  readonly call: GuestCall;
  readonly args: readonly number[];
}

/** Thrown between two calls of an entry, when the program was ended in between. */
class Ended extends Error {}

const NO_BYTES = new ArrayBuffer(0);

export class GuestProgram implements Program, CallSite, EntryContext {
  readonly memory: GuestMemory;
  readonly #process: Process;
  readonly #image: GuestImage;
  readonly #resources: Resources;
  /** Until the end: a reaped process may be remembered for long, its instance need not be. */
  #instance: WasmInstance | undefined;
  #state: "new" | "running" | "ended" = "new";
  #thread: Thread | undefined;
  /** The call the stack is suspended in; undefined call when it is finished and the thread only gave way. */
  #blocked: BlockedCall | "gave way" | undefined;
  #resolve: ((value: number) => void) | undefined;
  #killed = false;
  /** How the program dies of something the kernel does not know. */
  #doom: ExitStatus | undefined;
  #peak = 0;

  /** Instantiate; no guest code runs. Throws what V8 throws when memory, segments or the host's space do not suffice. */
  constructor(process: Process, image: GuestImage, resources: Resources) {
    this.#process = process;
    this.#image = image;
    this.#resources = resources;
    const { memory } = resources;
    const isEnded = (): boolean => this.#state === "ended";
    this.memory = new GuestMemory({
      get buffer() {
        return isEnded() ? NO_BYTES : memory.buffer;
      },
    });
    const gate = new wasm.Instance(image.gate, this.#gateImports());
    this.#instance = new wasm.Instance(image.module, this.#guestImports(gate));
  }

  get argv(): readonly ByteString[] {
    return this.#process.argv;
  }

  get peakMemory(): number {
    return this.#state === "ended" ? this.#peak : this.#resources.memory.buffer.byteLength;
  }

  get thread(): Thread {
    const thread = this.#thread;
    if (thread === undefined) throw new Error("a call of a program that was not started");
    return thread;
  }

  get condemned(): boolean {
    return this.#killed;
  }

  start(): void {
    if (this.#state !== "new") throw new Error("a program is started twice");
    this.#thread = this.#process.threads[0];
    this.#state = "running";
    void this.#run();
  }

  resume(thread: Thread, outcome: Outcome): void {
    if (this.#killed) return;
    const blocked = this.#blocked;
    if (blocked === undefined || this.#resolve === undefined)
      throw new Error("a program that waits for nothing is resumed");
    const value = blocked === "gave way" ? outcome : this.#finish(blocked, thread, outcome);
    if (value !== BLOCKED) this.#answer(value);
  }

  /** What the guest gets for a call that was parked; BLOCKED when the codec parked it again. */
  #finish({ call, args }: BlockedCall, thread: Thread, outcome: Outcome): number {
    try {
      const value = call.finish === undefined ? outcome : call.finish(thread, args, outcome);
      if (value === BLOCKED) return value;
      this.#check(call, value);
      if (value === GONE) this.#condemn();
      else if (call.result === "I") this.putWide(value);
      return value;
    } catch (error) {
      return this.fault(error);
    }
  }

  kill(): void {
    if (this.#state === "ended") return;
    this.#condemn();
    if (this.#state === "new") this.#end({ code: 0, signal: SIGKILL });
    else this.#answer(0);
  }

  // What bindings ask for.

  shouldYield(): boolean {
    return this.#process.kernel.shouldYield();
  }

  giveWay(value: number): number {
    this.#process.kernel.yieldThread(this.thread, value);
    this.#blocked = "gave way";
    this.putWide(value);
    this.#setVerdict(BLOCK);
    return 0;
  }

  putWide(value: number): void {
    this.#resources.control.setResult(this.#resources.slot, value);
  }

  unusual(call: GuestCall, value: number, args: readonly number[]): number {
    if (value === BLOCKED) {
      this.#blocked = { call, args };
      this.#setVerdict(BLOCK);
      return 0;
    }
    if (value === GONE) {
      this.#condemn();
      return 0;
    }
    this.#check(call, value);
    if (call.result === "I") this.putWide(value);
    return value;
  }

  fault(error: unknown): number {
    this.#doom ??= { code: 0, signal: SIGKILL, message: "Linden failed inside a call" };
    this.#condemn();
    this.#resources.fatal(error);
    return 0;
  }

  /** Let the program run no further; whoever calls this sees to it that its stack is unwound. */
  condemn(): void {
    this.#condemn();
  }

  async call(name: string, ...args: number[]): Promise<number> {
    if (this.#killed) throw new Ended();
    const entry = this.#instance?.exports[name];
    if (typeof entry !== "function") throw new Error(`export ${name} was not checked`);
    const value = await wasm.promising(entry as WasmFunction)(...args);
    return typeof value === "number" ? value : 0;
  }

  async #run(): Promise<void> {
    let status: ExitStatus;
    try {
      if (this.#image.report.hasStart) await this.call(START_EXPORT);
      status = { code: await this.#image.entry.run(this), signal: 0 };
    } catch (error) {
      status = this.#statusOf(error);
    }
    try {
      this.#end(status);
    } catch (error) {
      this.#resources.fatal(error);
    }
  }

  #statusOf(error: unknown): ExitStatus {
    if (this.#doom !== undefined) return this.#doom;
    if (this.#killed) return { code: 0, signal: SIGKILL };
    if (error instanceof GuestFault) return { code: 0, signal: SIGSEGV, message: error.message };
    const status = trapStatus(error);
    if (status !== undefined) return status;
    this.fault(error);
    return { code: 0, signal: SIGKILL, message: "Linden failed while running this program" };
  }

  #end(status: ExitStatus): void {
    this.#peak = this.peakMemory;
    this.#state = "ended";
    this.#instance = undefined;
    this.#resources.released(this);
    this.#process.kernel.programEnded(this.#process, status);
  }

  /** An answer is an integer the result type carries; none is needed where there is no result. */
  #check(call: GuestCall, value: number): void {
    const [least, most] = call.result === "I" ? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] : INT32_OR_UINT32;
    if (value === GONE || (Number.isInteger(value) && value >= least && value <= most)) return;
    throw new TypeError(`call ${call.name} answered ${value}`);
  }

  #condemn(): void {
    this.#killed = true;
    this.#setVerdict(KILL);
  }

  #setVerdict(verdict: number): void {
    this.#resources.control.setVerdict(this.#resources.slot, verdict);
  }

  /** Continue the suspended stack, if there is one; the gate looks at the verdict again first. */
  #answer(value: number): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#blocked = undefined;
    resolve?.(value);
  }

  /** The gate suspends the stack on the promise answered here. */
  #suspend(): Promise<number> {
    if (!this.#killed) this.#setVerdict(PROCEED);
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#resolve = resolve;
    // Killed meanwhile: nobody else would resume it.
    if (this.#killed) this.#answer(0);
    return promise;
  }

  #gateImports(): Record<string, Record<string, unknown>> {
    const handlers: Record<string, unknown> = Object.create(null);
    this.#image.imports.forEach(({ call }, i) => {
      if (call !== undefined) handlers[i] = bind(call, this);
    });
    const gate: Record<string, unknown> = Object.create(null);
    gate.trapped = (index: number): void => this.#calledTrap(index);
    gate.suspend = new wasm.Suspending(() => this.#suspend());
    gate.control = this.#resources.control.memory;
    gate.slot = this.#resources.slot;
    const imports: Record<string, Record<string, unknown>> = Object.create(null);
    imports[GATE_MODULE] = Object.freeze(gate);
    imports[HANDLERS] = Object.freeze(handlers);
    return Object.freeze(imports);
  }

  #guestImports(gate: WasmInstance): Record<string, Record<string, unknown>> {
    const imports: Record<string, Record<string, unknown>> = Object.create(null);
    this.#image.imports.forEach(({ gate: { module, name } }, i) => {
      imports[module] ??= Object.create(null) as Record<string, unknown>;
      const functions = imports[module];
      functions[name] = gate.exports[i];
    });
    imports[MEMORY_MODULE] ??= Object.create(null) as Record<string, unknown>;
    imports[MEMORY_MODULE][MEMORY_NAME] = this.#resources.memory;
    for (const functions of Object.values(imports)) Object.freeze(functions);
    return Object.freeze(imports);
  }

  #calledTrap(index: number): void {
    const gate = this.#image.imports[index]?.gate;
    const name = gate === undefined ? `${index}` : `${gate.module}.${gate.name}`;
    this.#doom = { code: 0, signal: SIGSYS, message: `called ${name}, which Linden does not offer` };
    this.#condemn();
  }
}

const INT32_OR_UINT32 = [-0x8000_0000, 0xffff_ffff] as const;
