/**
 * Layer: engine. One thread of a program: its instance, its stack, and how a call that cannot finish suspends it, is
 * resumed, or is unwound; how signals' handlers are entered, and how the stack is taken down and put up for fork. It must
 * not know what any call means.
 *
 * Guest code runs only between `run` or `resume` and the next verdict that is not PROCEED. A killed thread is always
 * resumed into a trap: an abandoned stack would stay in the host's memory for ever.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EAGAIN, ENOMEM, ENOSYS } from "../abi/errno.ts";
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
import {
  AT_SAFEPOINT,
  ATTENTION,
  BARRED,
  BLOCK,
  CALL_AGAIN,
  KILL,
  NO_RESTART,
  PROCEED,
  SIGNAL,
  type Step,
} from "./control.ts";
import { type EntryContext, GuestFault } from "./entries/entry.ts";
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
import { type Caller, type Gates, refuel } from "./gates.ts";
import { type ReadyStep, readyHandler, restoreStackPointer, tableFunction } from "./handlers.ts";
import type { GuestImage } from "./image.ts";
import { Pace } from "./pace.ts";
import { trapStatus } from "./traps.ts";
import { type WasmFunction, type WasmInstance, wasm } from "./webassembly.ts";

/** What a thread needs of its program. */
export interface Surroundings {
  readonly image: GuestImage;
  readonly gates: Gates;
  readonly memory: GuestMemory;
  /** Whether the stack of any thread is on its way down or up. */
  readonly forking: boolean;
  /** Where a stack may go while its process is copied: address and bytes. undefined when there is no memory for it. */
  unwindBuffer(): readonly [address: number, bytes: number] | undefined;
  /** Our bug: the sandbox ends. */
  fatal(error: unknown): void;
}

/** Thrown between two calls of an entry, when the program was ended in between. One for all: making one takes its stack down. */
const ENDED: Error = Object.freeze(new Error("the program was ended"));

/** A step that is no signal's handler. */
const PLAIN_STEP: Step = { handler: -1, arguments: [0, 0, 0], maskLow: 0, maskHigh: 0, stackPointer: -1 };
/** Safepoints of one fork: more than a stack of UNWIND_BYTES can need. */
const FORK_LOOKS = 1000;

export class GuestThread implements Caller, EntryContext, Attendant {
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
  #fork: Fork | undefined;
  #stage: Stage = "next";
  /** The export the gate runs; undefined where it was entered by itself, and cannot be taken down. */
  #place: Place | undefined;
  readonly #pace = new Pace();
  /** Safepoints met since the stack began to come down. */
  #forkLooks = 0;
  /** What the gate calls next, before handlers of signals that wait. */
  #steps: ReadyStep[] = [];

  /** With an instance of the image that runs nothing else, over the program's memory. */
  constructor(around: Surroundings, slot: number, instance: WasmInstance) {
    this.#around = around;
    this.slot = slot;
    this.#instance = instance;
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
    return this.#fork !== undefined;
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
    this.#around.gates.control.setNotice(this.slot, barred | (attention ? ATTENTION : 0));
  }

  countCalls(): void {
    this.thread.process.calls += this.#around.gates.control.takeCalls(this.slot);
  }

  #condemn(condemned: boolean): void {
    this.#condemned = condemned;
    if (this.#thread !== undefined) this.noticed();
  }

  resume(outcome: Outcome): void {
    if (this.#killed) return;
    const blocked = this.#blocked;
    if (blocked === undefined || this.#resolve === undefined)
      throw new Error("a program that waits for nothing is resumed");
    if (this.#fork !== undefined) {
      this.#answer(outcome);
      return;
    }
    if (outcome === RESTART) {
      this.#lookAfterSignals(CALL_AGAIN);
      this.#answer(0);
      return;
    }
    const value = typeof blocked === "string" ? outcome : this.#finish(blocked, outcome);
    if (value === BLOCKED) return;
    if (this.#killed || !this.thread.attention) {
      this.sharesMemory();
      this.#answer(value);
      return;
    }
    if (this.thread.process.stopped !== 0) {
      this.thread.process.kernel.yieldThread(this.thread, value);
      if (blocked !== "safepoint") this.#blocked = "gave way";
      return;
    }
    this.#lookAfterSignals(this.#again);
    this.#answer(value);
  }

  /** Before guest code runs again, what the process shares is to be made what it is by then: the gate asks for a step. */
  sharesMemory(): void {
    const { control } = this.#around.gates;
    if (this.#killed || this.thread.process.shares.length === 0) return;
    if (control.verdict(this.slot) === PROCEED) this.#lookAfterSignals(this.#again);
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
    this.#condemn(true);
    this.#setVerdict(KILL);
  }

  // What bindings ask for.

  giveWay(value: number): number {
    this.thread.process.kernel.yieldThread(this.thread, value);
    this.#blocked = "gave way";
    this.putWide(value);
    this.#setVerdict(BLOCK);
    return 0;
  }

  attend(value: number): number {
    if (this.thread.process.stopped !== 0) return this.giveWay(value);
    this.putWide(value);
    this.#lookAfterSignals(NO_RESTART);
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
      const fork = this.#fork;
      if (fork?.phase === "rewinding" && !this.#killed && !this.thread.killed) return this.#metAgain(fork, call);
      this.condemn();
      return 0;
    }
    if (value === BLOCKED) {
      this.#blocked = call;
      this.#words = args;
      this.#setVerdict(BLOCK);
      return 0;
    }
    if (value === UNWIND) return this.#takeDown(call);
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
    const entry = this.#export(name);
    const { image, gates } = this.#around;
    if (!image.isStage(name, args.length)) {
      this.#place = undefined;
      this.#enterShared();
      const value = await gates.enter(this.slot, () => wasm.promising(entry)(...args));
      return typeof value === "number" ? value : 0;
    }
    this.#place = { name, args };
    this.#stage = "next";
    await gates.run(this.slot);
    if (this.#killed) throw ENDED;
    return 0;
  }

  /** The copy of a stack that is down: what is to be put up in another program's thread. */
  stackDown(): Down | undefined {
    return this.#fork?.phase === "down" ? this.#fork : undefined;
  }

  /** Put up a stack that was copied into this program, as a child's, and run it to its end. */
  async continueFrom(down: Down): Promise<void> {
    if (this.#killed) throw ENDED;
    this.#fork = down;
    this.#place = down.place;
    this.#stage = "down";
    this.#condemn(true);
    await this.#around.gates.run(this.slot);
    if (this.#killed) throw ENDED;
  }

  #export(name: string): WasmFunction {
    const found = this.#instance?.exports[name];
    if (typeof found !== "function") throw new Error(`export ${name} was not checked`);
    return found as WasmFunction;
  }

  /** The kernel wants this stack down: the gate calls asyncify's start, and every frame returns. */
  #takeDown(call: GuestCall): number {
    const { thread, slot } = this;
    const target = this.#instance?.exports[START_UNWIND];
    // One buffer: two threads cannot fork at the same time.
    const busy = this.#around.forking;
    const fixed = this.#place === undefined;
    const buffer = busy || fixed ? undefined : this.#around.unwindBuffer();
    if (typeof target !== "function" || buffer === undefined) {
      thread.pending = undefined;
      const error = fixed ? -ENOSYS : busy ? -EAGAIN : -ENOMEM;
      this.putWide(error);
      return error;
    }
    const [address, bytes] = buffer;
    const { view } = this.memory;
    view.setUint32(address, address + UNWIND_HEADER, true);
    view.setUint32(address + 4, address + bytes, true);
    this.#fork = { phase: "unwinding", call, passed: [] };
    this.#forkLooks = 0;
    this.#condemn(true);
    const step = { ...PLAIN_STEP, arguments: [address, 0, 0] as const };
    this.#steps = [{ parameters: 1, target: target as WasmFunction, step }];
    this.#around.gates.control.setRestart(slot, NO_RESTART);
    this.#setVerdict(SIGNAL);
    return 0;
  }

  /** A call met while the stack is put up: one that a handler interrupted, or the fork itself. Any other ends the guest. */
  #metAgain(fork: Rewinding, call: GuestCall): number {
    const { control } = this.#around.gates;
    const passed = fork.passed.pop();
    if (passed !== undefined) {
      const target = this.#instance === undefined ? undefined : tableFunction(this.#instance, passed.step.handler);
      if (target === undefined) return this.#die("a signal's handler that is gone");
      this.#steps = [{ parameters: passed.parameters, target, step: passed.step }];
      control.setResultWords(this.slot, passed.resultLow, passed.resultHigh);
      control.setRestart(this.slot, passed.restart);
      this.#setVerdict(SIGNAL);
      return passed.answer;
    }
    const target = this.#instance?.exports[STOP_REWIND];
    if (call !== fork.call || typeof target !== "function") return this.#die("a call in the middle of a fork");
    this.#fork = undefined;
    this.#condemn(false);
    this.#steps = [{ parameters: 0, target: target as WasmFunction, step: PLAIN_STEP }];
    this.putWide(fork.outcome);
    control.setRestart(this.slot, NO_RESTART);
    this.#setVerdict(SIGNAL);
    return fork.outcome;
  }

  #enterShared(): void {
    const { process } = this.thread;
    if (process.shares.length > 0) process.kernel.shared.enter(process);
  }

  // What the gate asks for.

  /**
   * The function to call at the bottom of the stack: the place it was entered by, and around each fork what takes the stack
   * down for good and begins to put it up. The gate suspends while the process is copied; `answer` is what fork answers.
   */
  nextStage(answer: number): number {
    if (this.#killed) return NO_STEP;
    this.#setVerdict(PROCEED);
    try {
      this.#enterShared();
      return this.#stageAfter(this.#stage, answer);
    } catch (error) {
      this.fault(error);
      return NO_STEP;
    }
  }

  #stageAfter(stage: Stage, answer: number): number {
    const [fork, place] = [this.#fork, this.#place];
    if (place === undefined) throw new Error("a run of no place");
    if (stage === "next" || stage === "rewinding") return this.#stageCall("in", place.name, place.args);
    if (fork === undefined) return NO_STEP;
    if (stage === "in" && fork.phase === "unwinding") return this.#stageCall("stopping", STOP_UNWIND, []);
    if (stage === "stopping" && fork.phase === "unwinding") return this.#standDown({ ...fork, phase: "down", place });
    if (stage === "down" && fork.phase === "down") return this.#putUp({ ...fork, outcome: answer });
    this.#die("a program that did not come back from its fork");
    return NO_STEP;
  }

  #stageCall(stage: Stage, name: string, args: readonly number[]): number {
    this.#stage = stage;
    const [a = 0, b = 0, c = 0] = args;
    this.#around.gates.control.setStep(this.slot, this.#export(name), { ...PLAIN_STEP, arguments: [a, b, c] });
    return args.length;
  }

  /** The stack is down: let the process be copied. */
  #standDown(down: Down): number {
    this.#fork = down;
    this.#stage = "down";
    this.#blocked = "gave way";
    this.#setVerdict(BLOCK);
    if (!this.thread.process.kernel.unwound(this.thread)) this.#die("a fork that nobody asked for");
    return NO_STEP;
  }

  #putUp(down: Omit<Rewinding, "passed"> & Down): number {
    const buffer = this.#around.unwindBuffer();
    if (buffer === undefined) throw new Error("an unwind buffer went away");
    this.#fork = { ...down, phase: "rewinding", passed: [...down.passed] };
    return this.#stageCall("rewinding", START_REWIND, [buffer[0]]);
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
      if (this.#fork !== undefined) return this.#busyInFork(fuel);
      if (thread.attention && stopped === 0) this.#lookAfterSignals(AT_SAFEPOINT);
      else if (stopped !== 0 || kernel.scheduler.timeIsUp()) {
        this.giveWay(fuel);
        this.#blocked = "safepoint";
      }
      return fuel;
    } catch (error) {
      return this.fault(error);
    }
  }

  /** Frames take a moment to come down and go up; a guest that goes on working meanwhile has no fork in mind. */
  #busyInFork(fuel: number): number {
    this.#forkLooks += 1;
    return this.#forkLooks > FORK_LOOKS ? this.#die("a program that goes on working in the middle of a fork") : fuel;
  }

  #lookAfterSignals(restart: number): void {
    this.#around.gates.control.setRestart(this.slot, restart);
    this.#setVerdict(SIGNAL);
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
      this.#die(`a handler of signal ${taken.info.signal} that is no function of up to three numbers, or has no room`);
    return ready;
  }

  /** A step returned: after a handler mask and stack pointer go back. 1 when the stack is coming down instead. */
  stepDone(words: readonly number[]): number {
    const [parameters = 0, handler = -1, a = 0, b = 0, c = 0, maskLow = 0, maskHigh = 0, stackPointer = -1] = words;
    if (this.#killed) return 0;
    const fork = this.#fork;
    if (fork?.phase === "unwinding") {
      const [answer = 0, resultLow = 0, resultHigh = 0, restart = 0] = words.slice(8);
      const step: Step = { handler, arguments: [a, b, c], maskLow, maskHigh, stackPointer };
      if (handler === -1) return 1;
      const through = restart !== AT_SAFEPOINT && forksInHandlers(this.#around.image.report);
      if (!through) return this.#putUpHandler(fork, parameters, step);
      fork.passed.push({ parameters, step, answer, resultLow, resultHigh, restart });
      return 1;
    }
    if (handler === -1) return 0;
    // A handler that came back before the frames in it were up again.
    if (fork !== undefined) return this.#die("a program that did not come back from its fork");
    if (this.#instance !== undefined) restoreStackPointer(this.#instance, stackPointer);
    endHandler(this.thread, maskLow, maskHigh);
    if (this.thread.killed) this.condemn();
    return 0;
  }

  /** What the signal interrupted cannot be taken down: put the handler up again, where its fork then fails. 0. */
  #putUpHandler({ call, passed }: Fork, parameters: number, step: Step): number {
    const instance = this.#instance;
    const [stop, start] = [instance?.exports[STOP_UNWIND], instance?.exports[START_REWIND]];
    const handler = instance === undefined ? undefined : tableFunction(instance, step.handler);
    const buffer = this.#around.unwindBuffer();
    if (typeof stop !== "function" || typeof start !== "function" || handler === undefined || buffer === undefined) {
      return this.#die("a fork in a signal's handler that is gone");
    }
    this.thread.pending = undefined;
    const place: Place = { name: "", args: [] };
    this.#fork = { phase: "rewinding", place, call, outcome: -ENOSYS, passed: [...passed] };
    const rewind: Step = { ...PLAIN_STEP, arguments: [buffer[0], 0, 0] };
    this.#steps = [
      { parameters: 0, target: stop as WasmFunction, step: PLAIN_STEP },
      { parameters: 1, target: start as WasmFunction, step: rewind },
      { parameters, target: handler, step },
    ];
    return 0;
  }

  #die(what: string): number {
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
