/**
 * Layer: engine. One thread's stack around its forks: taken down by asyncify, put up again here and in the child, and
 * through the signals' handlers that it runs through. It must not know how a thread waits, nor what a call means.
 *
 * Between the forking call and its return no call passes as usual: the gate asks at each, and anything the stack does
 * that is not its way down or up ends the program.
 */
import { EAGAIN, ENOMEM, ENOSYS } from "../abi/errno.ts";
import type { GuestCall } from "../kernel/contracts.ts";
import type { Thread } from "../kernel/process.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import { AT_SAFEPOINT, NO_RESTART, type Step } from "./control.ts";
import {
  type Down,
  type Fork,
  forksInHandlers,
  type Place,
  type Rewinding,
  START_REWIND,
  START_UNWIND,
  STOP_REWIND,
  STOP_UNWIND,
  type Stage,
  UNWIND_HEADER,
} from "./fork.ts";
import { NO_STEP } from "./gate.ts";
import type { Gates } from "./gates.ts";
import { type ReadyStep, tableFunction } from "./handlers.ts";
import type { GuestImage } from "./image.ts";
import type { WasmFunction, WasmInstance } from "./webassembly.ts";

/** What a stack needs of its program. */
export interface ForkSurroundings {
  readonly image: GuestImage;
  readonly gates: Gates;
  readonly memory: GuestMemory;
  /** Whether the stack of any thread is on its way down or up. */
  readonly forking: boolean;
  /** Where a stack may go while its process is copied: address and bytes. undefined when there is no memory for it. */
  unwindBuffer(): readonly [address: number, bytes: number] | undefined;
}

/** What a stack needs of its thread. */
export interface StackOwner {
  readonly slot: number;
  readonly thread: Thread;
  /** undefined when it ended. */
  readonly instance: WasmInstance | undefined;
  /** Let no call pass as usual, or let them again. */
  bar(barred: boolean): void;
  /** An export that was checked when the module was accepted. */
  entry(name: string): WasmFunction;
  /** What the gate calls next, once it looks after signals, and before handlers of those that wait. */
  setSteps(steps: ReadyStep[]): void;
  /** The gate is to look after signals; `restart`: whether the call is made again then. */
  lookAfterSignals(restart: number): void;
  /** Suspend the stack until the kernel resumes it. */
  standStill(): void;
  putWide(value: number): void;
  /** The program ends here, for what it did; 0. */
  die(what: string): number;
}

/** A step that is no signal's handler. */
const PLAIN_STEP: Step = { handler: -1, arguments: [0, 0, 0], maskLow: 0, maskHigh: 0, stackPointer: -1 };
/** Safepoints of one fork: more than a stack of UNWIND_BYTES can need. */
const FORK_LOOKS = 1000;

export class ForkingStack {
  readonly #around: ForkSurroundings;
  readonly #owner: StackOwner;
  #fork: Fork | undefined;
  #stage: Stage = "next";
  /** The export the gate runs; undefined where it was entered by itself, and cannot be taken down. */
  #place: Place | undefined;
  /** Safepoints met since the stack began to come down. */
  #looks = 0;

  constructor(around: ForkSurroundings, owner: StackOwner) {
    this.#around = around;
    this.#owner = owner;
  }

  /** Whether the stack is on its way down or up, or down. */
  get forking(): boolean {
    return this.#fork !== undefined;
  }

  /** The copy of a stack that is down: what is to be put up in another program's thread. */
  get down(): Down | undefined {
    return this.#fork?.phase === "down" ? this.#fork : undefined;
  }

  /** The export the guest is entered by; undefined: one that is not the gate's to run. */
  enterBy(place: Place | undefined): void {
    this.#place = place;
    this.#stage = "next";
  }

  /** What is put up next is this copy of another thread's stack. */
  take(down: Down): void {
    this.#fork = down;
    this.#place = down.place;
    this.#stage = "down";
    this.#owner.bar(true);
  }

  /** The kernel wants this stack down: the gate calls asyncify's start, and every frame returns. The call's answer. */
  takeDown(call: GuestCall): number {
    const owner = this.#owner;
    const target = owner.instance?.exports[START_UNWIND];
    // One buffer: two threads cannot fork at the same time.
    const busy = this.#around.forking;
    const fixed = this.#place === undefined;
    const buffer = busy || fixed ? undefined : this.#around.unwindBuffer();
    if (typeof target !== "function" || buffer === undefined) {
      owner.thread.pending = undefined;
      const error = fixed ? -ENOSYS : busy ? -EAGAIN : -ENOMEM;
      owner.putWide(error);
      return error;
    }
    const [address, bytes] = buffer;
    const { view } = this.#around.memory;
    view.setUint32(address, address + UNWIND_HEADER, true);
    view.setUint32(address + 4, address + bytes, true);
    this.#fork = { phase: "unwinding", call, passed: [] };
    this.#looks = 0;
    owner.bar(true);
    const step = { ...PLAIN_STEP, arguments: [address, 0, 0] as const };
    owner.setSteps([{ parameters: 1, target: target as WasmFunction, step }]);
    owner.lookAfterSignals(NO_RESTART);
    return 0;
  }

  /**
   * A call met while the stack is put up, and its answer: one that a handler interrupted, or the fork itself. Any other
   * ends the guest. undefined when the stack is not put up.
   */
  meet(call: GuestCall): number | undefined {
    const fork = this.#fork;
    if (fork?.phase !== "rewinding") return undefined;
    const owner = this.#owner;
    const { instance } = owner;
    const passed = fork.passed.pop();
    if (passed !== undefined) {
      const target = instance === undefined ? undefined : tableFunction(instance, passed.step.handler);
      if (target === undefined) return owner.die("a signal's handler that is gone");
      this.#around.gates.control.setResultWords(owner.slot, passed.resultLow, passed.resultHigh);
      owner.setSteps([{ parameters: passed.parameters, target, step: passed.step }]);
      owner.lookAfterSignals(passed.restart);
      return passed.answer;
    }
    const target = instance?.exports[STOP_REWIND];
    if (call !== fork.call || typeof target !== "function") return owner.die("a call in the middle of a fork");
    this.#fork = undefined;
    owner.bar(false);
    owner.putWide(fork.outcome);
    owner.setSteps([{ parameters: 0, target: target as WasmFunction, step: PLAIN_STEP }]);
    owner.lookAfterSignals(NO_RESTART);
    return fork.outcome;
  }

  /**
   * The function to call at the bottom of the stack, put where the gate finds it: how many parameters it has, or NO_STEP.
   * The gate suspends while the process is copied; `answer` is what fork answers.
   */
  nextStage(answer: number): number {
    const [stage, fork, place] = [this.#stage, this.#fork, this.#place];
    if (place === undefined) throw new Error("a run of no place");
    if (stage === "next" || stage === "rewinding") return this.#callAt("in", place.name, place.args);
    if (fork === undefined) return NO_STEP;
    if (stage === "in" && fork.phase === "unwinding") return this.#callAt("stopping", STOP_UNWIND, []);
    if (stage === "stopping" && fork.phase === "unwinding") return this.#standDown({ ...fork, phase: "down", place });
    if (stage === "down" && fork.phase === "down") return this.#putUp({ ...fork, outcome: answer });
    this.#owner.die("a program that did not come back from its fork");
    return NO_STEP;
  }

  #callAt(stage: Stage, name: string, args: readonly number[]): number {
    this.#stage = stage;
    const [a = 0, b = 0, c = 0] = args;
    const step = { ...PLAIN_STEP, arguments: [a, b, c] as const };
    this.#around.gates.control.setStep(this.#owner.slot, this.#owner.entry(name), step);
    return args.length;
  }

  /** The stack is down: let the process be copied. */
  #standDown(down: Down): number {
    this.#fork = down;
    this.#stage = "down";
    this.#owner.standStill();
    const { thread } = this.#owner;
    if (!thread.process.kernel.unwound(thread)) this.#owner.die("a fork that nobody asked for");
    return NO_STEP;
  }

  #putUp(down: Omit<Rewinding, "passed"> & Down): number {
    const buffer = this.#around.unwindBuffer();
    if (buffer === undefined) throw new Error("an unwind buffer went away");
    this.#fork = { ...down, phase: "rewinding", passed: [...down.passed] };
    return this.#callAt("rewinding", START_REWIND, [buffer[0]]);
  }

  /** Frames take a moment to come down and go up; false for a guest that goes on working meanwhile: it has no fork in mind. */
  mayWork(): boolean {
    this.#looks += 1;
    return this.#looks <= FORK_LOOKS;
  }

  /**
   * A step of the gate's returned; `words` as it tells them. 1 when the stack is coming down through it, 0 when the gate
   * is to go on, undefined when that is none of a fork's.
   */
  stepDone(words: readonly number[]): 0 | 1 | undefined {
    const fork = this.#fork;
    if (fork === undefined) return undefined;
    const [parameters = 0, handler = -1, a = 0, b = 0, c = 0, maskLow = 0, maskHigh = 0, stackPointer = -1] = words;
    if (fork.phase !== "unwinding") {
      // A handler that came back before the frames in it were up again.
      if (handler !== -1) this.#owner.die("a program that did not come back from its fork");
      return 0;
    }
    if (handler === -1) return 1;
    const [answer = 0, resultLow = 0, resultHigh = 0, restart = 0] = words.slice(8);
    const step: Step = { handler, arguments: [a, b, c], maskLow, maskHigh, stackPointer };
    if (restart === AT_SAFEPOINT || !forksInHandlers(this.#around.image.report)) {
      this.#putUpHandler(fork, parameters, step);
      return 0;
    }
    fork.passed.push({ parameters, step, answer, resultLow, resultHigh, restart });
    return 1;
  }

  /** What the signal interrupted cannot be taken down: put the handler up again, where its fork then fails. */
  #putUpHandler({ call, passed }: Fork, parameters: number, step: Step): void {
    const { instance, thread } = this.#owner;
    const [stop, start] = [instance?.exports[STOP_UNWIND], instance?.exports[START_REWIND]];
    const handler = instance === undefined ? undefined : tableFunction(instance, step.handler);
    const buffer = this.#around.unwindBuffer();
    if (typeof stop !== "function" || typeof start !== "function" || handler === undefined || buffer === undefined) {
      this.#owner.die("a fork in a signal's handler that is gone");
      return;
    }
    thread.pending = undefined;
    const place: Place = { name: "", args: [] };
    this.#fork = { phase: "rewinding", place, call, outcome: -ENOSYS, passed: [...passed] };
    const rewind: Step = { ...PLAIN_STEP, arguments: [buffer[0], 0, 0] };
    this.#owner.setSteps([
      { parameters: 0, target: stop as WasmFunction, step: PLAIN_STEP },
      { parameters: 1, target: start as WasmFunction, step: rewind },
      { parameters, target: handler, step },
    ]);
  }
}
