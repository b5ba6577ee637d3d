/** Layer: lockdown. Reading clocks. */
import { Grants } from "./grant.ts";

export class Time extends Grants {
  readonly name = "Time";

  private constructor() {
    super();
  }

  static nothing(): Time {
    return new Time();
  }

  /** Clocks, where they cannot be read without a call anyway (most machines can). */
  allowGettime(): this {
    return this.allow("reads clocks", ["clock_gettime", "clock_getres"]);
  }
}
