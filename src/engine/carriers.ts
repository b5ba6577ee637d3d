/**
 * Layer: engine. JSPI stacks that serve one thread after another. At the bottom of each stands a small wasm loop that waits
 * for a slot, calls the functions its thread names, and waits again: the host gives up neither the addresses nor the page
 * tables of a stack that ended, 7 MB and 4 KB each, and making one costs more than anything else about a small process. A
 * trap ends a stack, so threads are ended by an exception where their guest cannot catch it. It must not know programs.
 */
import { BLOCK, type ControlMemory, KILL, STEP_OFFSET } from "./control.ts";
import {
  callStep,
  ENDED,
  NO_STEP,
  runsAgain,
  type StepShape,
  stepShapes,
  Types,
  verdict,
  word,
  writeBody,
} from "./gate.ts";
import { Encoder } from "./rewriter/encoder.ts";
import { type WasmFunction, type WasmModule, type WasmTag, wasm } from "./webassembly.ts";

/** Stacks kept while no thread has them. */
const IDLE_STACKS = 256;

/** What carriers ask of the thread whose slot they have. */
export interface Carried {
  /** See Caller. */
  suspend(): Promise<number>;
  nextStage(answer: number): number;
}

interface Carrier {
  readonly number: number;
  /** Hands it a slot. */
  begin: (slot: number) => void;
  /** Of the thread it carries. */
  settle: PromiseWithResolvers<void> | undefined;
}

let compiled: WasmModule | undefined;

export class Carriers {
  /** Thrown by gates to end a thread; guests have no name for it. */
  readonly tag: WasmTag = new wasm.Tag({ parameters: [] });
  readonly #control: ControlMemory;
  readonly #current: () => Carried;
  readonly #idle: Carrier[] = [];
  /** By number. */
  readonly #carriers: (Carrier | undefined)[] = [];
  #enter: ((number: number) => Promise<unknown>) | undefined;

  /** `current` answers whose stack runs. */
  constructor(control: ControlMemory, current: () => Carried) {
    this.#control = control;
    this.#current = current;
  }

  /** Stacks that wait for a thread. */
  get idle(): number {
    return this.#idle.length;
  }

  /**
   * Call what the thread of a slot names, on a stack of its own, from the next microtask on. Resolves when it names nothing
   * more or was ended; rejects with what the guest died of.
   */
  run(slot: number): Promise<void> {
    const carrier = this.#idle.pop() ?? this.#make();
    carrier.settle = Promise.withResolvers<void>();
    carrier.begin(slot);
    return carrier.settle.promise;
  }

  #make(): Carrier {
    const free = this.#carriers.indexOf(undefined);
    const number = free < 0 ? this.#carriers.length : free;
    const carrier: Carrier = { number, begin: () => {}, settle: undefined };
    this.#carriers[number] = carrier;
    this.#enter ??= this.#instantiate();
    const gone = (): void => {
      this.#carriers[number] = undefined;
    };
    this.#enter(number).then(gone, (error: unknown) => {
      gone();
      carrier.settle?.reject(error);
    });
    return carrier;
  }

  #carrier(number: number): Carrier {
    const carrier = this.#carriers[number];
    if (carrier === undefined) throw new Error("a stack that nobody knows");
    return carrier;
  }

  #instantiate(): (number: number) => Promise<unknown> {
    const own: Record<string, unknown> = Object.create(null);
    own.job = new wasm.Suspending(
      (number = 0) =>
        new Promise<number>((resolve) => {
          this.#carrier(number).begin = resolve;
        }),
    );
    own.over = (number: number): number => this.#over(this.#carrier(number));
    own.suspend = new wasm.Suspending(() => this.#current().suspend());
    own.stage = (answer: number): number => this.#current().nextStage(answer);
    own.control = this.#control.memory;
    own.table = this.#control.table;
    own[ENDED] = this.tag;
    compiled ??= new wasm.Module(moduleBytes());
    const imports: Record<string, Record<string, unknown>> = Object.create(null);
    imports.own = Object.freeze(own);
    const { exports } = new wasm.Instance(compiled, Object.freeze(imports));
    return wasm.promising(exports.run as WasmFunction) as (number: number) => Promise<unknown>;
  }

  /** A thread is over. 1 when the stack is not kept. */
  #over(carrier: Carrier): number {
    carrier.settle?.resolve();
    carrier.settle = undefined;
    if (this.#idle.length >= IDLE_STACKS) return 1;
    this.#idle.push(carrier);
    return 0;
  }
}

const I32 = 0x7f;
const [JOB, OVER, SUSPEND, STAGE, RUN] = [0, 1, 2, 3, 4] as const;

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const types = new Types();
  const shapes = stepShapes(types);
  const imports = new Encoder().u32(7);
  const add = (name: string, parameters: string): void => {
    imports.name("own").name(name).byte(0).u32(types.index(parameters, "i"));
  };
  add("job", "i");
  add("over", "i");
  add("suspend", "");
  add("stage", "i");
  imports.name("own").name("control").byte(2).byte(0).u32(1);
  imports.name("own").name("table").byte(1).byte(0x70).byte(0).u32(1);
  imports.name("own").name(ENDED).byte(4).byte(0).u32(types.index("", ""));
  const functions = new Encoder().u32(1).u32(types.index("i", ""));
  const bodies = new Encoder().u32(1);
  writeBody(bodies, runBody(shapes));
  return new Encoder()
    .raw([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    .section(1, types.write())
    .section(2, imports)
    .section(3, functions)
    .section(7, new Encoder().u32(1).name("run").byte(0).u32(RUN))
    .section(10, bodies)
    .bytes()
    .slice();
}

/**
 * (i32 number) -> (): carry one thread after another. Between two suspensions nobody else runs; after each this thread's slot
 * is the current one again. A stage that says KILL ends the thread, BLOCK suspends it before it is asked again.
 */
function runBody(shapes: readonly StepShape[]): Encoder {
  const [number, slot, shape, answer] = [0, 1, 2, 3] as const;
  const out = new Encoder().raw([1, 3, I32]);
  const get = (local: number): Encoder => out.byte(0x20).u32(local);
  const set = (local: number): Encoder => out.byte(0x21).u32(local);
  const call = (index: number): Encoder => out.byte(0x10).u32(index);
  out.raw([0x03, 0x40]); // loop: the next thread
  get(number);
  call(JOB);
  set(slot);
  runsAgain(out, slot);
  out.raw([0x41, 0]);
  set(answer);
  out.raw([0x02, 0x40, 0x02, 0x40]); // block: it is over; block: it was ended by an exception
  out.raw([0x1f, 0x40, 1, 0x00, 0, 0]); // try_table (catch our tag: leave the inner block)
  out.raw([0x03, 0x40]); // loop: the next stage
  get(answer);
  call(STAGE);
  set(shape);
  out.raw([0x41, 0]);
  set(answer);
  verdict(out, slot).raw([0x04, 0x40]); // not PROCEED:
  verdict(out, slot).byte(0x41).s32(KILL).raw([0x46, 0x0d, 4]); // it is over
  verdict(out, slot).byte(0x41).s32(BLOCK).raw([0x46, 0x04, 0x40]);
  call(SUSPEND);
  set(answer);
  runsAgain(out, slot);
  out.raw([0x0b, 0x0c, 1, 0x0b]); // ask again
  get(shape).byte(0x41).s32(NO_STEP).raw([0x46, 0x0d, 3]); // it is over
  callStep(out, shapes, shape, (i) => word(out, slot, STEP_OFFSET + 4 + i * 4));
  out.raw([0x0c, 0, 0x0b, 0x0b, 0x0b, 0x0b]);
  get(number);
  call(OVER);
  return out.raw([0x45, 0x0d, 0, 0x0b, 0x0b]);
}
