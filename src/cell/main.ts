/**
 * Layer: cell. The main of the locked host process: it locks itself first, says READY, and loads what serves frames while the
 * caller looks at the lock from outside. No byte of the caller's is read before the lock stands. It must not know what a frame asks for.
 */
import { settleEngineFlags } from "../lockdown/launch/engine-flags.ts";
import { launchArguments } from "../lockdown/launch/launch-arguments.ts";
import { bindToParent, lockProcess } from "../lockdown/lock.ts";
import { UP } from "../wire/frames.ts";
import { FrameSource } from "./frame-source.ts";
import { FrameWriter } from "./frame-writer.ts";

/** sysexits(3) EX_SOFTWARE: our own bug. */
const EXIT_BUG = 70;
const MESSAGE_LENGTH = 2048;

const launch = launchArguments();
const source = new FrameSource(0);
const writer = new FrameWriter(1);

function fatal(error: unknown): never {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  try {
    writer.send({ type: UP.FATAL, channel: 0, payload: { message: message.slice(0, MESSAGE_LENGTH) } });
  } finally {
    process.exit(EXIT_BUG);
  }
}

process.on("uncaughtException", fatal);
process.on("unhandledRejection", fatal);

if (launch.lock === "required") lockProcess(launch);
else bindToParent(launch.parent);
writer.send({ type: UP.READY, channel: 0, payload: undefined });
// In the same bundle: what is left of loading it is evaluation.
void import("./serve.ts").then(({ serve }) => serve(source, writer, settleEngineFlags, fatal));
