/**
 * Layer: lockdown. A SafetyContext gathers rule sets, and locks a thread or the process to exactly what they allow. It
 * must not know what any single rule set is for.
 */
import * as errnoNumbers from "../../abi/errno.ts";
import { hostArchitecture } from "../../host/call-numbers.ts";
import { CAPABILITY_NAMES, type Capability, capabilitySet } from "../capabilities.ts";
import { compile } from "../compiler.ts";
import { SCOPE_BITS, type Scope } from "../landlock.ts";
import { didYouMean } from "../nearest.ts";
import type { Action, Policy } from "../policy.ts";
import { type CheckedLimit, checkedLimits, type ResourceLimits } from "../resource-limits.ts";
import { BasicCapabilities } from "../rulesets/basic.ts";
import { NodeRuntime, refusalsUnderKill } from "../rulesets/node-runtime.ts";
import { type ApplyPlan, applyPlan } from "./apply.ts";
import { InvalidLimit, LockdownError, NoRulesEnabled, UnsupportedPlatform } from "./errors.ts";
import type { LandlockWishes } from "./landlock-plan.ts";
import { moduleOfFunction, runLocked } from "./locked-worker.ts";
import { fromPortable, type PortableRuleSet } from "./portable.ts";
import type { RefusalLog } from "./refusal-log.ts";
import type { LockReport } from "./report.ts";
import { demandNoRings } from "./rings.ts";
import { RuleBook } from "./rule-book.ts";
import type { RuleSet, YesReally } from "./rule-set.ts";

/** The largest number seccomp can answer as an error (MAX_ERRNO, include/linux/err.h). */
const MAX_ERRNO = 4095;

export type ApplyOptions = {
  /**
   * Start the program once more where that is needed: without rings, as the boot hook does, and behind the context's
   * Landlock rules, which cannot bind threads that exist already. Call it first thing in the program: what stands before
   * runs twice.
   */
  readonly restart?: boolean;
  /**
   * Tells every call that is refused, with its arguments and the rule set that would have allowed it: true on standard
   * error, or a file to add to. A process of its own does it, started here. Only where a refused call answers an errno.
   */
  readonly log?: RefusalLog;
};

/** A context as plain data. */
export type ContextData = {
  readonly bare: boolean;
  readonly fallback: Action;
  readonly seccomp: boolean;
  readonly oldestLandlock: number | undefined;
  readonly scopes: readonly Scope[];
  readonly limits: readonly CheckedLimit[];
  readonly capabilities: bigint | undefined;
  readonly runtime: { readonly workers: boolean } | undefined;
  readonly ruleSets: readonly PortableRuleSet[];
};

export class SafetyContext {
  readonly #book = new RuleBook();
  readonly #bare: boolean;
  /** The NodeRuntime that was enabled by name. */
  #runtime: NodeRuntime | undefined;
  #fallback: Action = { kind: "errno", errno: errnoNumbers.EPERM };
  #seccomp = true;
  #oldestLandlock: number | undefined;
  #limits: readonly CheckedLimit[] = [];
  #capabilities: bigint | undefined;
  #applied = false;

  /** Starts from NodeRuntime: what Node itself needs. */
  constructor() {
    this.#bare = new.target === BareContext;
  }

  /** Starts from nothing; BasicCapabilities is added when it is applied. Node's event loop does not live under it. */
  static bare(): SafetyContext {
    return new BareContext();
  }

  /** Adds a rule set, or a single system call by name. Throws, and takes nothing of it, on a conflict or a mistake. */
  enable(ruleSet: RuleSet | string): this;
  /** @deprecated A dangerous grant needs `.yesReally()`. */
  enable(ruleSet: YesReally<RuleSet>): never;
  enable(ruleSet: RuleSet | string | YesReally<RuleSet>): this {
    this.#book.add(ruleSet as RuleSet | string);
    if (ruleSet instanceof NodeRuntime) this.#runtime = ruleSet;
    return this;
  }

  /** This context as data that structuredClone takes. Rules about descriptors mean what these numbers are over there. */
  toData(): ContextData {
    return {
      bare: this.#bare,
      fallback: this.#fallback,
      seccomp: this.#seccomp,
      oldestLandlock: this.#oldestLandlock,
      scopes: [...this.#book.scopes],
      limits: this.#limits,
      capabilities: this.#capabilities,
      // NodeRuntime names the descriptors of one process and the process itself, so it is made anew over there.
      runtime: this.#runtime === undefined ? undefined : { workers: this.#runtime.withWorkers },
      ruleSets: this.#book.taken.filter(({ name }) => this.#runtime === undefined || name !== this.#runtime.name),
    };
  }

  /** The context of toData(), in another thread or process. */
  static fromData(data: ContextData): SafetyContext {
    const context = data.bare ? SafetyContext.bare() : new SafetyContext();
    context.#fallback = data.fallback;
    context.#seccomp = data.seccomp;
    context.#oldestLandlock = data.oldestLandlock;
    context.#limits = data.limits;
    context.#capabilities = data.capabilities;
    for (const scope of data.scopes) context.#book.scopes.add(scope);
    for (const ruleSet of data.ruleSets) context.enable(fromPortable(ruleSet));
    if (data.runtime !== undefined) {
      const runtime = new NodeRuntime();
      context.enable(data.runtime.workers ? runtime.allowWorkers().yesReally() : runtime);
    }
    return context;
  }

  /** What a call that no rule allows answers: a name such as "EACCES", or a number. EPERM when never called. */
  withErrno(errno: string | number): this {
    const known: unknown =
      typeof errno === "string" && errno in errnoNumbers ? Reflect.get(errnoNumbers, errno) : errno;
    if (typeof known !== "number" || !Number.isInteger(known) || known < 1 || known > MAX_ERRNO) {
      throw new LockdownError(
        `withErrno(${JSON.stringify(errno)}): expected a name such as "EACCES", or 1 to ${MAX_ERRNO}`,
      );
    }
    this.#fallback = { kind: "errno", errno: known };
    return this;
  }

  /** A call that no rule allows ends the whole process at once (SIGSYS). */
  withKill(): this {
    this.#fallback = { kind: "kill" };
    return this;
  }

  /** A call that no rule allows is made all the same, and the kernel's audit log says so: for finding out what is missing. */
  withLog(): this {
    this.#fallback = { kind: "log" };
    return this;
  }

  /** Only Landlock, no filter. Without any path rule every file is denied. */
  landlockOnly(): this {
    this.#seccomp = false;
    return this;
  }

  /** Takes a kernel whose Landlock knows less than what is asked for; the report says what is not enforced. */
  allowOlderLandlock(oldestAbi: number): this {
    if (!Number.isInteger(oldestAbi) || oldestAbi < 1) {
      throw new LockdownError(`allowOlderLandlock(${String(oldestAbi)}): expected an ABI version, 1 or more`);
    }
    this.#oldestLandlock = oldestAbi;
    return this;
  }

  /** Keeps signals, or connections to abstract Unix sockets, inside the process and its children (Landlock ABI 6). */
  landlockScope(...scopes: readonly Scope[]): this {
    for (const scope of scopes) {
      if (!(scope in SCOPE_BITS)) {
        throw new LockdownError(
          `landlockScope(${JSON.stringify(scope)}): expected ${Object.keys(SCOPE_BITS).join(" or ")}`,
        );
      }
      this.#book.scopes.add(scope);
    }
    return this;
  }

  /**
   * Resource limits, as prlimit(1) names them: `withLimits({ cpu: 10, nofile: 64, core: 0 })`. Set when the context is
   * applied, on the whole process whatever the scope, and for what it starts. They can only be lowered.
   */
  withLimits(limits: ResourceLimits): this {
    const given = checkedLimits(limits, (text) => new InvalidLimit(`withLimits: ${text}`));
    this.#limits = [...this.#limits.filter(({ name }) => !given.some((each) => each.name === name)), ...given];
    return this;
  }

  /**
   * Gives up all capabilities but those to keep; the bounding set too, where that is allowed. A thread can only give up
   * its own: where other threads hold some, applyToAllThreads needs `{ restart: true }`.
   */
  dropCapabilities({ keep = [] }: { readonly keep?: readonly Capability[] } = {}): this {
    for (const name of keep) {
      if (CAPABILITY_NAMES.includes(name)) continue;
      const hint = didYouMean(`CAP_${String(name).replace(/^CAP_/i, "").toUpperCase()}`, CAPABILITY_NAMES);
      throw new LockdownError(`dropCapabilities: there is no capability ${JSON.stringify(name)}${hint}`);
    }
    this.#capabilities = capabilitySet(keep);
    return this;
  }

  /** The policy this context means right now: for `explain`, `simulateCall` and tests. */
  policy(): Policy {
    return this.#complete().policy("a SafetyContext", this.#fallback, this.#refusals());
  }

  /** The filter program of this context, struct sock_filter[], as the kernel (or `bwrap --seccomp`) takes it. */
  compile(): Uint8Array<ArrayBuffer> {
    return compile(this.policy(), hostArchitecture());
  }

  /** Locks the calling thread and what it starts from now on: in a Worker, that Worker. Answers what is in force. */
  applyToCurrentThread(): LockReport {
    return this.#apply("this thread", {});
  }

  /** Locks every thread of the process. Answers what is in force. */
  applyToAllThreads(options: ApplyOptions = {}): LockReport {
    return this.#apply("all threads", options);
  }

  /**
   * Runs a function in a Worker behind this context and answers what it returns. Either a function, of which only its text
   * travels: it sees its arguments and globals, not what stands around it; or a module's URL and the name of what it exports:
   * the module is loaded before the lock. The context is not used up. Other threads, this one too, stay as they are.
   */
  run<A extends readonly unknown[], R>(work: (...args: A) => R, args?: A): Promise<Awaited<R>>;
  run(module: URL | string, exportName: string, args?: readonly unknown[]): Promise<unknown>;
  async run(
    work: ((...args: never[]) => unknown) | URL | string,
    second?: unknown,
    third: readonly unknown[] = [],
  ): Promise<unknown> {
    const isFunction = typeof work === "function";
    if (!isFunction && typeof work !== "string" && !(work instanceof URL)) {
      throw new LockdownError(`run: expected a function, or the URL of a module, got ${JSON.stringify(work)}`);
    }
    const [name, args] = isFunction ? ["default", second ?? []] : [second, third];
    if (typeof name !== "string") {
      throw new LockdownError(
        `run(${String(work)}): expected the name of what the module exports, got ${JSON.stringify(name)}`,
      );
    }
    if (!Array.isArray(args)) throw new LockdownError("run: expected the function's arguments as an array");
    return runLocked(this, isFunction ? moduleOfFunction(work) : work, name, args);
  }

  /** Throws where this context cannot be one thread's: NoRulesEnabled; InvalidLimit, for limits are the process's. */
  demandForThread(): void {
    if (this.#book.isEmpty) throw new NoRulesEnabled();
    if (this.#limits.length > 0) {
      throw new InvalidLimit(
        "resource limits bind the whole process, not one Worker; apply them with applyToAllThreads()",
      );
    }
  }

  #refusals() {
    return !this.#bare && this.#fallback.kind === "kill" ? refusalsUnderKill() : [];
  }

  /** A copy of the rules with the floor every context stands on. */
  #complete(): RuleBook {
    const book = this.#book.copy();
    if (this.#bare) book.add(new BasicCapabilities());
    else if (!book.origins.includes("NodeRuntime")) book.add(new NodeRuntime());
    return book;
  }

  #apply(scope: LockReport["scope"], { restart = false, log }: ApplyOptions): LockReport {
    if (process.platform !== "linux")
      throw new UnsupportedPlatform(`seccomp and Landlock are Linux's; this is ${process.platform}`);
    if (this.#applied)
      throw new LockdownError("this SafetyContext was applied already; make another one to narrow further");
    if (this.#book.isEmpty) throw new NoRulesEnabled();
    const book = this.#complete();
    const policy = book.policy("a SafetyContext", this.#fallback, this.#refusals());
    const plan: ApplyPlan = {
      scope,
      restart,
      ruleSets: book.origins,
      nodeRuntime: !this.#bare && !this.#book.origins.includes("NodeRuntime"),
      warmUp: !this.#bare,
      policy: this.#seccomp ? policy : undefined,
      landlock: this.#landlock(book),
      limits: this.#limits,
      capabilities: this.#capabilities,
      log,
      demandNoRings,
    };
    const report = applyPlan(plan);
    this.#applied = true;
    return report;
  }

  #landlock(book: RuleBook): LandlockWishes | undefined {
    const { files, ports, scopes } = book;
    const everyFile = !this.#seccomp && ports.length === 0 && scopes.size === 0;
    if (files.length === 0 && ports.length === 0 && scopes.size === 0 && !everyFile) return undefined;
    return { files, ports, scopes, everyFile, oldest: this.#oldestLandlock };
  }
}

class BareContext extends SafetyContext {}
