/** Layer: lockdown. Making pipes. */
import { Grants } from "./grant.ts";

export class Pipes extends Grants {
  readonly name = "Pipes";

  constructor() {
    super();
    this.allow("makes pipes", ["pipe", "pipe2"]);
  }
}
