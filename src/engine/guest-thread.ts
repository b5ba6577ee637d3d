/**
 * Layer: engine. One thread of a program: its instance, its stack, and how a call that cannot finish suspends it, is
 * resumed, or is unwound, and how signals' handlers are entered. It must not know what any call means, nor how a stack is
 * taken down and put up for fork (forking-stack.ts).
 *
 * Guest code runs only between `run` or `resume` and the next verdict that is not PROCEED. A killed thread is always
 * resumed into a trap: an abandoned stack would stay in the host's memory for ever.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { SIGKILL, SIGSEGV, SIGSYS } from "../abi/signal.ts";
import {
  type Attendant,
  BLOCKED,
  type ExitStatus,
  GONE,
  type GuestCall,
  type Outcome,
  RESTART,
  UNWIND,
} from "../kernel/contracts.ts";
import { endHandler, takeHandler } from "../kernel/delivery.ts";
import type { Thread } from "../kernel/process.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import { checkAnswer } from "./binding.ts";
import { AT_SAFEPOINT, ATTENTION, BARRED, BLOCK, CALL_AGAIN, KILL, NO_RESTART, PROCEED, SIGNAL } from "./control.ts";
import { type EntryContext, GuestFault } from "./entries/entry.ts";
import type { Down } from "./fork.ts";
import { ForkingStack, type ForkSurroundings, type StackOwner } from "./forking-stack.ts";
import { NO_STEP } from "./gate.ts";
import { type Caller, refuel } from "./gates.ts";
import { type ReadyStep, readyHandler, restoreStackPointer } from "./handlers.ts";
import { Pace } from "./pace.ts";
import { trapStatus } from "./traps.ts";
import { type WasmFunction, type WasmInstance, wasm } from "./webassembly.ts";

/** What a thread needs of its program. */
export interface Surroundings extends ForkSurroundings {
  /** Our bug: the sandbox ends. */
  fatal(error: unknown): void;
}

/** Thrown between two calls of an entry, when the program was ended in between. One for all: making one takes its stack down. */
const ENDED: Error = Object.freeze(new Error("the program was ended"));

export class GuestThread implements Caller, EntryContext, Attendant, StackOwner {
  readonly slot: number;
  readonly #around: Surroundings;
  /** Until the end: a reaped process may be remembered for long, its instance need not be. */
  #instance: WasmInstance | undefined;
  #thread: Thread | undefined;
  /** The call the stack is suspended in; the rest when it is finished, or none, and the thread only gave way. */
  #blocked: GuestCall | "gave way" | "safepoint" | undefined;
  /** That call's words, where its codec wants them again. */
  #words: readonly number[] = [];
  #resolve: ((value: number) => void) | undefined;
  readonly #suspended = (resolve: (value: number) => void): void => {
    this.#resolve = resolve;
  };
  #killed = false;
  /** It must not run any further, or its stack is being taken down or put up: no call passes as usual. */
  #condemned = false;
  /** How the thread dies of something the kernel does not know. */
  #doom: ExitStatus | undefined;
  readonly #stack: ForkingStack;
  readonly #pace = new Pace();
  /** What the gate calls next, before handlers of signals that wait. */
  #steps: ReadyStep[] = [];

  /** With an instance of the image that runs nothing else, over the program's memory. */
  constructor(around: Surroundings, slot: number, instance: WasmInstance) {
    this.#around = around;
    this.slot = slot;
    this.#instance = instance;
    this.#stack = new ForkingStack(around, this);
    around.gates.seat(slot, this);
  }

  get argv(): readonly ByteString[] {
    return this.thread.process.argv;
  }

  get memory(): GuestMemory {
    return this.#around.memory;
  }

  get instance(): WasmInstance | undefined {
    return this.#instance;
  }

  get forking(): boolean {
    return this.#stack.forking;
  }

  get thread(): Thread {
    const thread = this.#thread;
    if (thread === undefined) throw new Error("a call of a program that was not started");
    return thread;
  }

  /** Run guest code until it is over; how it ended. The instance is gone then. */
  async run(thread: Thread, steps: (context: EntryContext) => Promise<number>): Promise<ExitStatus> {
    this.#thread = thread;
    thread.attendant = this;
    this.#around.gates.control.seat(this.slot, thread);
    this.noticed();
    let status: ExitStatus;
    try {
      status = { code: await steps(this), signal: 0 };
    } catch (error) {
      status = this.#statusOf(error);
    }
    this.countCalls();
    thread.attendant = undefined;
    this.#instance = undefined;
    return status;
  }

  /** Whether calls pass, and whether their answers wait for signals to be looked after, is told to the gate. */
  noticed(): void {
    const { killed, attention } = this.thread;
    const barred = this.#condemned || killed ? BARRED : 0;
    const { control } = this.#around.gates;
    control.setNotice(this.slot, barred | (attention ? ATTENTION : 0));
    // One that has its answer and has not run since takes the signal before it goes on, not in the middle of its next call.
    const restart = attention ? control.answered(this.slot) : undefined;
    if (restart !== undefined && control.verdict(this.slot) === PROCEED) this.lookAfterSignals(restart);
  }

  countCalls(): void {
    this.thread.process.calls += this.#around.gates.control.takeCalls(this.slot);
  }

  /** Let no call pass as usual, or let them again. */
  bar(barred: boolean): void {
    this.#condemned = barred;
    if (this.#thread !== undefined) this.noticed();
  }

  resume(outcome: Outcome): void {
    if (this.#killed) return;
    const blocked = this.#blocked;
    if (blocked === undefined || this.#resolve === undefined)
      throw new Error("a program that waits for nothing is resumed");
    if (this.#stack.forking) {
      this.#answer(outcome);
      return;
    }
    if (outcome === RESTART) {
      this.lookAfterSignals(CALL_AGAIN);
      this.#answer(0);
      return;
    }
    const value = typeof blocked === "string" ? outcome : this.#finish(blocked, outcome);
    if (value === BLOCKED) return;
    if (this.#killed || !this.thread.attention) {
      this.sharesMemory();
      this.#around.gates.control.setAnswered(this.slot, this.#again);
      this.#answer(value);
      return;
    }
    if (this.thread.process.stopped !== 0) {
      this.thread.process.kernel.yieldThread(this.thread, value);
      if (blocked !== "safepoint") this.#blocked = "gave way";
      return;
    }
    this.lookAfterSignals(this.#again);
    this.#answer(value);
  }

  /** Before guest code runs again, what the process shares is to be made what it is by then: the gate asks for a step. */
  sharesMemory(): void {
    const { control } = this.#around.gates;
    if (this.#killed || this.thread.process.shares.length === 0) return;
    if (control.verdict(this.slot) === PROCEED) this.lookAfterSignals(this.#again);
  }

  /** What becomes, after handlers, of the call the stack is suspended in. */
  get #again(): number {
    return this.#blocked === "safepoint" ? AT_SAFEPOINT : NO_RESTART;
  }

  /** What the guest gets for a call that was parked; BLOCKED when the codec parked it again. */
  #finish(call: GuestCall, outcome: Outcome): number {
    try {
      const value = call.finish === undefined ? outcome : call.finish(this.thread, this.#words, outcome);
      if (value === BLOCKED) return value;
      checkAnswer(call, value);
      if (value === GONE) this.condemn();
      else if (call.result === "I") this.putWide(value);
      return value;
    } catch (error) {
      return this.fault(error);
    }
  }

  /** Let it run no further, and unwind what is suspended. */
  kill(): void {
    this.condemn();
    this.#answer(0);
  }

  /** Let the thread run no further; whoever calls this sees to it that its stack is unwound. */
  condemn(): void {
    this.#killed = true;
    this.bar(true);
    this.#setVerdict(KILL);
  }

  // What bindings ask for.

  giveWay(value: number): number {
    this.thread.process.kernel.yieldThread(this.thread, value);
    this.putWide(value);
    this.standStill();
    return 0;
  }

  attend(value: number): number {
    if (this.thread.process.stopped !== 0) return this.giveWay(value);
    this.putWide(value);
    this.lookAfterSignals(NO_RESTART);
    return value;
  }

  putWord(value: number): void {
    this.#around.gates.control.setResultWords(this.slot, value, value >> 31);
  }

  putWide(value: number): void {
    this.#around.gates.control.setResult(this.slot, value);
  }

  unusual(call: GuestCall, value: number, args: readonly number[]): number {
    if (value === GONE) {
      const answer = this.#killed || this.thread.killed ? undefined : this.#stack.meet(call);
      if (answer !== undefined) return answer;
      this.condemn();
      return 0;
    }
    if (value === BLOCKED) {
      this.#blocked = call;
      this.#words = args;
      this.#setVerdict(BLOCK);
      return 0;
    }
    if (value === UNWIND) return this.#stack.takeDown(call);
    checkAnswer(call, value);
    if (call.result === "I") this.putWide(value);
    return value;
  }

  fault(error: unknown): number {
    this.#doom ??= { code: 0, signal: SIGKILL, message: "Linden failed inside a call" };
    this.condemn();
    this.#around.fatal(error);
    return 0;
  }

  async call(name: string, ...args: number[]): Promise<number> {
    if (this.#killed) throw ENDED;
    const entry = this.entry(name);
    const { image, gates } = this.#around;
    if (!image.isStage(name, args.length)) {
      this.#stack.enterBy(undefined);
      this.#enterShared();
      const value = await gates.enter(this.slot, () => wasm.promising(entry)(...args));
      return typeof value === "number" ? value : 0;
    }
    this.#stack.enterBy({ name, args });
    await gates.run(this.slot);
    if (this.#killed) throw ENDED;
    return 0;
  }

  /** The copy of a stack that is down: what is to be put up in another program's thread. */
  stackDown(): Down | undefined {
    return this.#stack.down;
  }

  /** Put up a stack that was copied into this program, as a child's, and run it to its end. */
  async continueFrom(down: Down): Promise<void> {
    if (this.#killed) throw ENDED;
    this.#stack.take(down);
    await this.#around.gates.run(this.slot);
    if (this.#killed) throw ENDED;
  }

  /** An export that was checked when the module was accepted. */
  entry(name: string): WasmFunction {
    const found = this.#instance?.exports[name];
    if (typeof found !== "function") throw new Error(`export ${name} was not checked`);
    return found as WasmFunction;
  }

  #enterShared(): void {
    const { process } = this.thread;
    if (process.shares.length > 0) process.kernel.shared.enter(process);
  }

  // What the gate asks for.

  /** The function to call at the bottom of the stack: how many parameters it has, or NO_STEP. `answer` is what fork answers. */
  nextStage(answer: number): number {
    if (this.#killed) return NO_STEP;
    this.#setVerdict(PROCEED);
    try {
      this.#enterShared();
      return this.#stack.nextStage(answer);
    } catch (error) {
      this.fault(error);
      return NO_STEP;
    }
  }

  /** Suspend the stack until the kernel resumes it. */
  standStill(): void {
    this.#blocked = "gave way";
    this.#setVerdict(BLOCK);
  }

  /** The tank is empty: signals are looked after and others have their turn. The next filling. */
  safepoint(): number {
    const { thread } = this;
    if (this.#killed || thread.killed) {
      this.condemn();
      return 0;
    }
    try {
      const { kernel, stopped } = thread.process;
      const fuel = this.#pace.next(kernel.host.clock.monotonicNs());
      // At once, not only when this call is over: a handler that runs before may be busy as well.
      if (this.#instance !== undefined) refuel(this.#instance, fuel);
      if (this.#stack.forking) {
        return this.#stack.mayWork() ? fuel : this.die("a program that goes on working in the middle of a fork");
      }
      if (thread.attention && stopped === 0) this.lookAfterSignals(AT_SAFEPOINT);
      else if (stopped !== 0 || kernel.scheduler.timeIsUp()) {
        this.giveWay(fuel);
        this.#blocked = "safepoint";
      }
      return fuel;
    } catch (error) {
      return this.fault(error);
    }
  }

  /** The gate is to look after signals; `restart`: whether the call is made again then. */
  lookAfterSignals(restart: number): void {
    this.#around.gates.control.setRestart(this.slot, restart);
    this.#setVerdict(SIGNAL);
  }

  /** What the gate calls next, once it looks after signals, and before handlers of those that wait. */
  setSteps(steps: ReadyStep[]): void {
    this.#steps = steps;
  }

  /** The function of the guest's to call now: how many parameters it has, or NO_STEP. */
  nextStep(): number {
    const { control } = this.#around.gates;
    if (this.#killed) return NO_STEP;
    this.#setVerdict(PROCEED);
    try {
      this.#enterShared();
      const next = this.#steps.shift() ?? this.#nextHandler();
      if (next === undefined) {
        control.clearStep();
        return NO_STEP;
      }
      control.setStep(this.slot, next.target, next.step);
      return next.parameters;
    } catch (error) {
      this.fault(error);
      return NO_STEP;
    }
  }

  #nextHandler(): ReadyStep | undefined {
    const taken = takeHandler(this.thread);
    if (this.thread.killed) this.condemn();
    if (taken === undefined || this.#instance === undefined || this.#killed) return undefined;
    const ready = readyHandler(this.#instance, this.memory, taken);
    if (ready === undefined)
      this.die(`a handler of signal ${taken.info.signal} that is no function of up to three numbers, or has no room`);
    return ready;
  }

  /** A step returned: after a handler mask and stack pointer go back. 1 when the stack is coming down instead. */
  stepDone(words: readonly number[]): number {
    if (this.#killed) return 0;
    const forks = this.#stack.stepDone(words);
    if (forks !== undefined) return forks;
    const [, handler = -1, , , , maskLow = 0, maskHigh = 0, stackPointer = -1] = words;
    if (handler === -1) return 0;
    if (this.#instance !== undefined) restoreStackPointer(this.#instance, stackPointer);
    endHandler(this.thread, maskLow, maskHigh);
    if (this.thread.killed) this.condemn();
    return 0;
  }

  die(what: string): number {
    this.#doom ??= { code: 0, signal: SIGSEGV, message: what };
    this.condemn();
    return 0;
  }

  #statusOf(error: unknown): ExitStatus {
    // No gate catches a trap of ours.
    if (this.#around.gates.control.isInside(this.slot) && this.#doom === undefined) this.fault(error);
    if (this.#doom !== undefined) return this.#doom;
    if (this.#killed) return { code: 0, signal: SIGKILL };
    if (error === ENDED) return { code: 0, signal: SIGSEGV, message: "a fork that nobody asked for" };
    if (error instanceof GuestFault) return { code: 0, signal: SIGSEGV, message: error.message };
    const status = trapStatus(error);
    if (status !== undefined) return status;
    this.fault(error);
    return { code: 0, signal: SIGKILL, message: "Linden failed while running this program" };
  }

  #setVerdict(verdict: number): void {
    this.#around.gates.control.setVerdict(this.slot, verdict);
  }

  /** Continue the suspended stack, if there is one; the gate looks at the verdict again first. */
  #answer(value: number): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#blocked = undefined;
    resolve?.(value);
  }

  /** The gate suspends the stack on the promise answered here. */
  suspend(): Promise<number> {
    if (!this.#killed) this.#setVerdict(PROCEED);
    const promise = new Promise<number>(this.#suspended);
    // Killed meanwhile: nobody else would resume it.
    if (this.#killed) this.#answer(0);
    return promise;
  }

  calledTrap(index: number): void {
    const gate = this.#around.image.imports[index]?.gate;
    const name = gate === undefined ? `${index}` : `${gate.module}.${gate.name}`;
    this.#doom = { code: 0, signal: SIGSYS, message: `called ${name}, which Linden does not offer` };
    this.condemn();
  }
}
