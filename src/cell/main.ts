/**
 * Layer: cell. The main of the locked host process: open everything, lock, say READY, serve frames. No guest byte is read
 * before the lock stands. It must not know what a frame asks for.
 */
import { settleEngineFlags } from "../lockdown/launch/engine-flags.ts";
import { LINE_DESCRIPTOR, launchArguments } from "../lockdown/launch/launch-arguments.ts";
import { bindToParent, lockProcess } from "../lockdown/lock.ts";
import { DownDecoder } from "../wire/decode.ts";
import { UP } from "../wire/frames.ts";
import { readChunks } from "./frame-source.ts";
import { FrameWriter } from "./frame-writer.ts";
import { hostFileSystemsOver } from "./host-file-systems.ts";
import { freezeIntrinsics } from "./intrinsics.ts";
import { KernelHost } from "./kernel-host.ts";
import { rehearse } from "./rehearsal.ts";
import { Session } from "./session.ts";

/** sysexits(3) EX_SOFTWARE: our own bug. */
const EXIT_BUG = 70;
const MESSAGE_LENGTH = 2048;
const REHEARSAL_MS = 50;
/** The first takes 2.6 ms, the fourth 0.3. */
const POOL_REHEARSALS = 3;

const launch = launchArguments();
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

const host = new KernelHost();
const session = new Session(writer, host, hostFileSystemsOver(LINE_DESCRIPTOR, host.clock), fatal);
const decoder = new DownDecoder((frame) => session.handle(frame));
// Touched once before the lock, so that what they load and open lazily is there.
host.random(new Uint8Array(1), 0, 1);
host.clock.cpuNs();
host.alarm(host.clock.monotonicNs() + 1);
host.alarm(undefined);
readChunks(
  0,
  (chunk) => decoder.push(chunk),
  () => process.exit(0),
);

freezeIntrinsics();
settleEngineFlags();
if (launch.lock === "required") lockProcess(launch);
else bindToParent(launch.parent);
writer.send({ type: UP.READY, channel: 0, payload: undefined });
// Whoever waits to be booted has sent that already. The caller looks at the others' lock now, which takes longer than this.
setImmediate(() => rehearse(session, 1));
// It sends its work within a few milliseconds then: whoever is still waiting is in a pool.
setTimeout(() => rehearse(session, POOL_REHEARSALS), REHEARSAL_MS).unref();
