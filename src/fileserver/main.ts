/**
 * Layer: fileserver. The process that serves host directories to one cell: its directories are open when it starts, it
 * locks itself, says "READY" (a line of JSON) on standard output, and answers requests on descriptor 3 until the cell is gone. It must not
 * know guests.
 *
 * Exit status: 0 the cell is gone; 76 (EX_PROTOCOL) the cell broke the rules of the line; anything else is our bug.
 */
import { writeSync } from "node:fs";
import { LINE_DESCRIPTOR, launchArguments } from "../lockdown/launch/launch-arguments.ts";
import { bindToParent, lockProcess } from "../lockdown/lock.ts";
import { LineViolation } from "./line.ts";
import { serveDirectories } from "./serve.ts";

const EX_PROTOCOL = 76;

const launch = launchArguments();
try {
  serveDirectories(launch.directories ?? [], LINE_DESCRIPTOR, () => {
    if (launch.lock === "required") lockProcess(launch);
    else bindToParent(launch.parent);
    writeSync(1, '"READY"\n');
  });
  process.exit(0);
} catch (error) {
  if (!(error instanceof LineViolation)) throw error;
  writeSync(2, `linden: the file server ended: ${error.message}\n`);
  process.exit(EX_PROTOCOL);
}
