/** Layer: lockdown. Starting threads, and sleeping. */
import { YesReally } from "../context/rule-set.ts";
import { Grants } from "./grant.ts";

/** Threads share memory: one with fewer rights can make one with more act for it. */
export class Threads extends Grants {
  readonly name = "Threads";

  private constructor() {
    super();
  }

  static nothing(): Threads {
    return new Threads();
  }

  /** New threads; processes too, for a filter cannot look into clone3's arguments. */
  allowCreate(): this {
    return this.allow("starts threads", ["clone", "clone3"]).allow("a new thread sets itself up", [
      "set_robust_list",
      "rseq",
      "set_tid_address",
    ]);
  }

  /** Sleeping. NodeRuntime allows it anyway, for the engine's own threads; a bare context does not. */
  allowSleep(): YesReally<this> {
    return new YesReally(
      "Threads.allowSleep()",
      "exact waits help whoever measures time to read other programs' secrets",
      () => this.allow("sleeps", ["clock_nanosleep", "nanosleep"]),
    );
  }
}
