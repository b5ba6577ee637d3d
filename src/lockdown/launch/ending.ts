/** Layer: lockdown, launch. The end of a caller that has nothing left to do. It must not know what was launched. */
import { exitNow } from "../../host/process.unsafe.ts";

/**
 * Ends this process with everything it launched: the kernel kills what a launcher thread spawned when the thread ends.
 * The engine's own exit does the same after taking the engine down, which costs a short command several milliseconds. No handler
 * of "exit" runs.
 */
export function endAtOnce(status: number): never {
  exitNow(status & 0xff);
}
