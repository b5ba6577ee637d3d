/** Layer: lockdown. What a rule set is: a named grant of calls, of calls under conditions, and of files. No filters here. */
import type { SeccompRule } from "./condition.ts";
import { NotConfirmed } from "./errors.ts";
import type { LandlockPortRule, LandlockRule } from "./landlock-rule.ts";

/** A capability with a name. Implement it for your own; a system call's bare name is a rule set too. */
export interface RuleSet {
  readonly name: string;
  /** Calls that are allowed always. */
  simpleRules(): readonly string[];
  /** Calls that are allowed under conditions. */
  conditionalRules?(): readonly SeccompRule[];
  /** Files, directories and TCP ports that may be used. */
  landlockRules?(): readonly (LandlockRule | LandlockPortRule)[];
  /** Why a simple rule is there, by call; shown by reports and `explain`. */
  reasons?(): ReadonlyMap<string, string>;
}

/** A dangerous grant that has not happened yet: `.yesReally()` makes it. */
export class YesReally<T> {
  readonly #grant: string;
  readonly #danger: string;
  readonly #confirm: () => T;

  constructor(grant: string, danger: string, confirm: () => T) {
    this.#grant = grant;
    this.#danger = danger;
    this.#confirm = confirm;
  }

  yesReally(): T {
    return this.#confirm();
  }

  /** The error for whoever hands this on as if it were the rule set. */
  unconfirmed(): NotConfirmed {
    return new NotConfirmed(this.#grant, this.#danger);
  }
}

/** A bare call name as a rule set. */
export function bareCall(syscall: string): RuleSet {
  return { name: syscall, simpleRules: () => [syscall] };
}
