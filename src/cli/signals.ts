/**
 * Layer: cli. Signals of this process, for the thread that carries out the command: the engine delivers them to its main
 * thread only, which passes on those that were asked for (main.ts).
 */
import { isMainThread, parentPort } from "node:worker_threads";

/** From now on the signal is ours: it does what `listener` does, and nothing else. */
export function onSignal(name: NodeJS.Signals, listener: () => void): void {
  if (isMainThread) {
    process.on(name, listener);
    return;
  }
  parentPort?.on("message", (signal: unknown) => {
    if (signal === name) listener();
  });
  parentPort?.postMessage(name);
}
