/** Layer: lockdown. Starting other programs. What they do stays under this filter for ever. */
import { arg32 } from "../context/condition.ts";
import { Grants } from "./grant.ts";

const AF_UNIX = 1;

/** Dangerous where the filter allows what a stranger's program should not do. */
export class ForkAndExec extends Grants {
  readonly name = "ForkAndExec";

  constructor() {
    super();
    this.allow("starts processes", ["fork", "vfork", "clone", "clone3"]);
    this.allow("executes programs", ["execve", "execveat"]);
    this.allow("waits for processes", ["wait4", "waitid"]);
    this.allow("libuv's spawn hands the child its streams and tells of a failed exec", [
      "pipe",
      "pipe2",
      "dup2",
      "dup3",
    ]);
    this.allowAtLeast("libuv's spawn connects the child's streams", ["socketpair"], arg32(0).eq(AF_UNIX));
    this.allowAtLeast(
      "libuv's spawn reads and writes the child's streams",
      ["read", "write", "writev"],
      arg32(0).gt(2),
    );
    this.allow("libuv's spawn sets the child's streams up and shuts them", ["fcntl", "ioctl", "shutdown"]);
  }
}
