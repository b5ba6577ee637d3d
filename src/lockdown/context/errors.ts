/** Layer: lockdown. The mistakes a user of the library can make, and what the kernel may refuse; each names its culprit. */
import type { LockReport } from "./report.ts";

/** Every error the library throws on purpose is one of these. Nothing was changed, unless it is a LockIncomplete. */
export class LockdownError extends Error {
  override readonly name: string;

  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** A rule with conditions stands beside one without for the same call, and so would mean nothing. */
export class ConditionalNoEffectError extends LockdownError {
  readonly syscall: string;
  readonly conditional: string;
  readonly simple: string;

  constructor(syscall: string, conditional: string, simple: string) {
    super(
      `${conditional} allows "${syscall}" under conditions, but ${simple} allows it always: the conditions would have no ` +
        `effect. Leave one of the two out`,
    );
    this.syscall = syscall;
    this.conditional = conditional;
    this.simple = simple;
  }
}

/** Nothing was enabled: a lock nobody meant. */
export class NoRulesEnabled extends LockdownError {
  constructor() {
    super(
      "no rule set was enabled in this SafetyContext; enable at least one (BasicCapabilities allows next to nothing)",
    );
  }
}

/** No kernel table has a call of this name. */
export class UnknownSystemCall extends LockdownError {
  readonly syscall: string;

  constructor(syscall: string, origin: string, nearest: string | undefined) {
    const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
    super(`${origin}: there is no system call "${syscall}"${hint}`);
    this.syscall = syscall;
  }
}

/** A condition on an argument that no call has, or that says nothing. */
export class InvalidCondition extends LockdownError {}

/** A rule set is not one, or a grant was not confirmed. */
export class InvalidRuleSet extends LockdownError {}

/** A dangerous grant was handed on without `.yesReally()`. */
export class NotConfirmed extends LockdownError {
  constructor(grant: string, danger: string) {
    super(`${grant} is dangerous: ${danger}. If that is what you want, add .yesReally()`);
  }
}

/** Two rule sets ask for different rights to the same path or port. */
export class DuplicatePath extends LockdownError {
  readonly path: string;

  constructor(path: string, first: string, second: string) {
    super(`the same path ${JSON.stringify(path)} has different Landlock rights in ${first} and in ${second}`);
    this.path = path;
  }
}

/** A Landlock rule, or a mount of an isolate, names a path that cannot be opened. */
export class PathDoesNotExist extends LockdownError {
  readonly path: string;

  constructor(path: string, origin: string, reason: string) {
    super(`${origin}: the path ${JSON.stringify(path)} cannot be used: ${reason}`);
    this.path = path;
  }
}

/** Landlock restricts one thread, and this kernel cannot bring the others along. */
export class LandlockNoThreadSync extends LockdownError {
  constructor(abi: number) {
    super(
      `Landlock (ABI ${abi}) restricts only the calling thread, and the context has Landlock rules for all of them. ` +
        `Use applyToAllThreads({ restart: true }) right at the program's start, or applyToCurrentThread()`,
    );
  }
}

/** Other threads hold capabilities, and a thread can only give up its own. */
export class CapabilitiesNoThreadSync extends LockdownError {
  constructor(held: readonly string[]) {
    super(
      `threads of this process hold ${held.join(", ")}, and a thread can only give up its own. Use ` +
        `applyToAllThreads({ restart: true }) right at the program's start, or applyToCurrentThread()`,
    );
  }
}

/** A resource limit that is none, or that would be raised. */
export class InvalidLimit extends LockdownError {}

/** The kernel's Landlock is missing or older than the caller allowed. */
export class LandlockUnavailable extends LockdownError {}

/** The process holds io_uring rings, through which a filter is walked around. */
export class RingsExist extends LockdownError {
  readonly rings: number;

  constructor(rings: number) {
    super(
      `this process holds ${rings} io_uring ring${rings === 1 ? "" : "s"}, and a ring opens files and sockets without any ` +
        `filter seeing it. Start Node with "node --import linden/lockdown/boot app.ts"`,
    );
    this.rings = rings;
  }
}

/** A thread has filters of its own, so that one filter for all cannot be installed. Only no_new_privs was set. */
export class ThreadsDiverged extends LockdownError {
  readonly thread: number;

  constructor(thread: number) {
    super(
      `thread ${thread} has a filter of its own, so the kernel does not bring it along: apply to all threads first, and ` +
        `to single ones afterwards. No filter was installed; this thread has no_new_privs now`,
    );
    this.thread = thread;
  }
}

/** The machine cannot give what was asked for. */
export class UnsupportedPlatform extends LockdownError {}

/** A step failed after an earlier one had become irreversible. `inForce` says exactly what holds now. */
export class LockIncomplete extends LockdownError {
  readonly inForce: LockReport;

  constructor(step: string, reason: string, inForce: LockReport) {
    super(
      `${step} failed (${reason}) after other steps had been taken; in force: ${inForce.steps.join(", ") || "nothing"}`,
    );
    this.inForce = inForce;
  }
}

/** A locked Worker could not start, or has ended. `inForce` says what its thread took before, where a lock broke off. */
export class WorkerFailed extends LockdownError {
  readonly inForce: LockReport | undefined;

  constructor(worker: string, reason: string, inForce?: LockReport) {
    super(`${worker} ${reason}`);
    this.inForce = inForce;
  }
}

/** This machine makes no isolates: bwrap is missing, or user namespaces are shut. Nothing was started. */
export class IsolateUnavailable extends LockdownError {}

/** An option of an isolate is wrong, or its file system could not be put together. None of its program has run. */
export class IsolateFailed extends LockdownError {}
