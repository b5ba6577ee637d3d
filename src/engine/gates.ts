/**
 * Layer: engine. The gates of one engine: an instance for each image, shared by all its programs, because making one costs
 * as much as making a program. Which thread is calling, the control memory says: a slot is a thread's own while it lives.
 * It must not know what any call means.
 */
import type { GuestCall } from "../kernel/contracts.ts";
import type { Thread } from "../kernel/process.ts";
import { ask, type CallSite, refuse } from "./binding.ts";
import { Carriers } from "./carriers.ts";
import { ControlMemory, KILL, SLOT_SHIFT } from "./control.ts";
import { ENDED, GATE_MODULE, HANDLERS, NO_STEP } from "./gate.ts";
import type { GuestImage } from "./image.ts";
import { FUEL_EXPORT, MEMORY_MODULE, MEMORY_NAME, SAFEPOINT_EXPORT } from "./rewriter/report.ts";
import { FIRST_FUEL } from "./rewriter/safepoints.ts";
import {
  type WasmFunction,
  type WasmGlobal,
  type WasmInstance,
  type WasmMemory,
  type WasmTable,
  wasm,
} from "./webassembly.ts";

/** What a gate asks of the thread whose stack runs. */
export interface Caller extends CallSite {
  /** The stack is put aside until the promise settles; then the gate looks at the verdict again. */
  suspend(): Promise<number>;
  /** The function of the guest's to call before a call returns: how many parameters it has, or NO_STEP. */
  nextStep(): number;
  /** It returned. 1 when the stack is coming down. */
  stepDone(words: readonly number[]): number;
  /** The function to call at the bottom of the stack. `answer` is what a suspension before it ended with, 0 otherwise. */
  nextStage(answer: number): number;
  /** A program that makes no call comes by. The next filling of fuel. */
  safepoint(): number;
  /** An import that is not offered was called. */
  calledTrap(index: number): void;
}

interface Gate {
  /** The functions an instance of the image imports, by module. Frozen. */
  readonly imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** What a safepoint of the image calls; undefined where it has none. */
  readonly safepoint: WasmFunction | undefined;
}

export class Gates {
  readonly control = new ControlMemory();
  readonly #callers: (Caller | undefined)[] = [];
  readonly #gates = new WeakMap<GuestImage, Gate>();
  readonly #nobody: Caller;
  readonly #carriers = new Carriers(this.control, () => this.current);

  /** `fatal` hears of a call that nobody makes: our bug. */
  constructor(fatal: (error: unknown) => void) {
    this.#nobody = nobody(this.control, fatal);
  }

  /** Whose stack runs. */
  get current(): Caller {
    return this.#callers[this.control.current >>> SLOT_SHIFT] ?? this.#nobody;
  }

  /** The thread whose stack runs, or ran last; undefined where it is gone. */
  get thread(): Thread | undefined {
    return (this.control.seated(this.control.current) ?? undefined) as Thread | undefined;
  }

  /** A slot for a thread; undefined when all are taken. */
  take(): number | undefined {
    return this.control.take();
  }

  /** Whose calls come through a slot from now on. */
  seat(slot: number, caller: Caller): void {
    this.#callers[slot >>> SLOT_SHIFT] = caller;
  }

  give(slot: number): void {
    this.#callers[slot >>> SLOT_SHIFT] = undefined;
    this.control.give(slot);
  }

  /** Enter a stack: `entry` runs guest code with this slot until it is over or suspended. */
  enter<T>(slot: number, entry: () => T): T {
    this.control.current = slot;
    return entry();
  }

  /** Call what the caller's `nextStage` names, on a stack of its own: see Carriers.run. */
  run(slot: number): Promise<void> {
    return this.#carriers.run(slot);
  }

  /** An instance of an image over a memory. Throws what V8 throws when memory, segments or the host's space do not suffice. */
  instantiate(image: GuestImage, memory: WasmMemory): WasmInstance {
    const imports: Record<string, Record<string, unknown>> = Object.create(null);
    const gate = this.#of(image);
    Object.assign(imports, gate.imports);
    const own: Record<string, unknown> = Object.assign(Object.create(null), imports[MEMORY_MODULE]);
    own[MEMORY_NAME] = memory;
    imports[MEMORY_MODULE] = Object.freeze(own);
    const instance = new wasm.Instance(image.module, Object.freeze(imports));
    if (gate.safepoint !== undefined) (instance.exports[SAFEPOINT_EXPORT] as WasmTable).set(0, gate.safepoint);
    return instance;
  }

  /** Make an instance that another program had ready for the next: its fuel may be spent. */
  again(instance: WasmInstance): WasmInstance {
    refuel(instance, FIRST_FUEL);
    return instance;
  }

  #of(image: GuestImage): Gate {
    const known = this.#gates.get(image);
    if (known !== undefined) return known;
    const instance = new wasm.Instance(image.gate, this.#imports(image));
    const imports: Record<string, Record<string, unknown>> = Object.create(null);
    image.imports.forEach(({ gate: { module, name } }, i) => {
      imports[module] ??= Object.create(null) as Record<string, unknown>;
      imports[module][name] = instance.exports[i];
    });
    for (const functions of Object.values(imports)) Object.freeze(functions);
    const gate: Gate = {
      imports: Object.freeze(imports),
      safepoint: instance.exports[image.imports.length] as WasmFunction | undefined,
    };
    this.#gates.set(image, gate);
    return gate;
  }

  #imports(image: GuestImage): Record<string, Record<string, unknown>> {
    const handlers: Record<string, unknown> = Object.create(null);
    image.imports.forEach(({ call }, i) => {
      if (call !== undefined) handlers[i] = call.begin;
    });
    const called = (index: number): GuestCall => {
      const call = image.imports[index]?.call;
      if (call === undefined) throw new Error(`an import ${index} that nobody calls`);
      return call;
    };
    const words = (count: number): number[] => this.control.arguments(count);
    handlers[image.imports.length] = (): number => this.current.safepoint();
    const gate: Record<string, unknown> = Object.create(null);
    gate.trapped = (index: number): void => this.current.calledTrap(index);
    gate.refuse = (index: number): number => refuse(this.current, called(index));
    gate.ask = (index: number, value: number): number => ask(this.current, called(index), value, words);
    gate.fault = (error: unknown): number => this.current.fault(error);
    gate.suspend = new wasm.Suspending(() => this.current.suspend());
    gate.next = (): number => this.current.nextStep();
    gate.done = (...words: number[]): number => this.current.stepDone(words);
    gate.control = this.control.memory;
    gate.table = this.control.table;
    gate.threads = this.control.threads;
    gate.exception = wasm.JSTag;
    if (!image.report.catchesAll) gate[ENDED] = this.#carriers.tag;
    const imports: Record<string, Record<string, unknown>> = Object.create(null);
    imports[GATE_MODULE] = Object.freeze(gate);
    imports[HANDLERS] = Object.freeze(handlers);
    return Object.freeze(imports);
  }
}

/** Put so much in an instance's tank; nothing where its image has no safepoints. An empty tank is never looked at again. */
export function refuel(instance: WasmInstance, units: number): void {
  const tank = instance.exports[FUEL_EXPORT] as WasmGlobal | undefined;
  if (tank !== undefined) tank.value = units;
}

/** Who is calling where no thread has the slot: the call ends in a trap. */
function nobody(control: ControlMemory, fatal: (error: unknown) => void): Caller {
  const refuse = (): number => {
    control.setVerdict(control.current, KILL);
    fatal(new Error("a call from a slot that no thread has"));
    return 0;
  };
  return {
    get thread(): never {
      throw new Error("a call from a slot that no thread has");
    },
    giveWay: refuse,
    attend: refuse,
    putWord: () => {},
    unusual: refuse,
    fault: refuse,
    countCalls: () => {},
    suspend: () => Promise.resolve(refuse()),
    nextStep: () => refuse() + NO_STEP,
    stepDone: refuse,
    nextStage: () => refuse() + NO_STEP,
    safepoint: refuse,
    calledTrap: () => void refuse(),
  };
}
