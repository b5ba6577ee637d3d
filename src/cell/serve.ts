/**
 * Layer: cell. From the lock to the first frame: makes what serves frames, settles the engine for guests, and reads. All of it runs
 * locked. It must not know what a frame asks for.
 */
import { LINE_DESCRIPTOR } from "../lockdown/launch/launch-arguments.ts";
import { DownDecoder } from "../wire/decode.ts";
import type { FrameSource } from "./frame-source.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { hostFileSystemsOver } from "./host-file-systems.ts";
import { freezeIntrinsics } from "./intrinsics.ts";
import { KernelHost } from "./kernel-host.ts";
import { rehearse } from "./rehearsal.ts";
import { Session } from "./session.ts";

const REHEARSAL_MS = 50;
/** The first takes 2.6 ms, the fourth 0.3. */
const POOL_REHEARSALS = 3;

/** `settle` is called when every module is loaded, before anything of the caller's is read. What it throws ends the cell. */
export function serve(
  source: FrameSource,
  writer: FrameWriter,
  settle: () => void,
  fatal: (error: unknown) => never,
): void {
  const host = new KernelHost();
  const session = new Session(writer, host, hostFileSystemsOver(LINE_DESCRIPTOR, host.clock), fatal);
  const decoder = new DownDecoder((frame) => session.handle(frame));
  // Touched once, so that no guest waits for what they load lazily.
  host.random(new Uint8Array(1), 0, 1);
  host.clock.cpuNs();
  host.alarm(host.clock.monotonicNs() + 1);
  host.alarm(undefined);
  freezeIntrinsics();
  settle();
  source.listen(
    (chunk) => decoder.push(chunk),
    () => process.exit(0),
  );
  // Whoever waits to be booted has sent that already. The caller looks at the others' lock now, which takes longer than this.
  setImmediate(() => rehearse(session, 1));
  // It sends its work within a few milliseconds then: whoever is still waiting is in a pool.
  setTimeout(() => rehearse(session, POOL_REHEARSALS), REHEARSAL_MS).unref();
}
