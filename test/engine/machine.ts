/**
 * A kernel with the engine on a real clock and the host's event loop, and a small calling convention of its own, "test",
 * so that guests can be written in a few instructions.
 */
import { CLOCK_MONOTONIC } from "../../src/abi/clock.ts";
import { Engine } from "../../src/engine/engine.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import type { ExitStatus, GuestCall } from "../../src/kernel/contracts.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
import { exit, raise } from "../../src/kernel/operations/lifecycle.ts";
import { clockRead, sleepUntil } from "../../src/kernel/operations/time.ts";
import { PipeFileSystem } from "../../src/kernel/pipefs.ts";
import type { Process } from "../../src/kernel/process.ts";
import type { FileSystem } from "../../src/vfs/contracts.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import type { WallTime } from "../../src/wait/clock.ts";
import { bytes } from "../kernel/simulated.ts";
import { LoopHost } from "./loop-host.ts";

const time: WallTime = { seconds: 0, nanoseconds: 0 };

/** A call of the module "test". */
export function call(
  name: string,
  parameters: string,
  result: GuestCall["result"],
  begin: GuestCall["begin"],
  finish?: GuestCall["finish"],
): GuestCall {
  return finish === undefined ? { name, parameters, result, begin } : { name, parameters, result, begin, finish };
}

/** The convention every test may use. */
export const TEST_CALLS: readonly GuestCall[] = [
  call("exit", "i", "", (thread, code = 0) => exit(thread, code)),
  call("raise", "i", "i", (thread, signal = 0) => raise(thread, signal)),
  call("nothing", "", "i", () => 0),
  call("add", "ii", "i", (_thread, a = 0, b = 0) => (a + b) | 0),
  call("clock", "", "i", (thread) => clockRead(thread, CLOCK_MONOTONIC, time)),
  /** Sleep for milliseconds; answers them plus the outcome. */
  call(
    "sleep",
    "i",
    "i",
    (thread, ms = 0) => sleepUntil(thread, thread.process.kernel.host.clock.monotonicNs() + ms * 1e6),
    (_thread, [ms = 0], outcome) => outcome + ms,
  ),
  call("forever", "", "i", (thread) => sleepUntil(thread, Infinity)),
];

export interface Machine {
  readonly kernel: Kernel;
  readonly engine: Engine;
  /** Processes that ended, in order. */
  readonly exits: number[];
  /** What the engine reported as our bug. */
  readonly faults: unknown[];
  /** Spawn a module; it is entered when the event loop turns. */
  spawn(module: Uint8Array<ArrayBuffer>): Process;
  /** Run a module to its end. */
  run(module: Uint8Array<ArrayBuffer>): Promise<ExitStatus>;
  ended(process: Process): Promise<ExitStatus>;
}

export function machine(
  options: { calls?: readonly GuestCall[]; memoryBytes?: number; root?: FileSystem; maps?: boolean } = {},
): Machine {
  const faults: unknown[] = [];
  const exits: number[] = [];
  const waiting = new Map<Process, (status: ExitStatus) => void>();
  const host = new LoopHost();
  const calls = [...TEST_CALLS, ...(options.calls ?? [])];
  const engine = new Engine({
    calls: new Map([["test", () => calls]]),
    fatal: (error) => faults.push(error),
    ...(options.maps === true ? { mapping: new Set(["test"]) } : {}),
    ...(options.memoryBytes === undefined ? {} : { memoryBytes: options.memoryBytes }),
  });
  const kernel = new Kernel({
    host,
    loader: engine,
    mounts: new MountTable(options.root ?? new PipeFileSystem(host.clock, { wake() {} })),
    limits: { processes: 5000 },
    exits: {
      exited: (process, status) => {
        exits.push(process.pid);
        waiting.get(process)?.(status);
        waiting.delete(process);
      },
    },
  });
  host.kernel = kernel;
  const ended = (process: Process): Promise<ExitStatus> =>
    new Promise((resolve) => {
      if (process.status !== undefined) resolve(process.status);
      else waiting.set(process, resolve);
    });
  const spawn = (module: Uint8Array<ArrayBuffer>): Process => {
    const image = engine.image("guest", rewrite(module));
    const process = kernel.spawn({ image, argv: [bytes("guest")], env: [], cwd: bytes("/") });
    if (typeof process === "number") throw new Error(`spawn answered ${process}`);
    return process;
  };
  return { kernel, engine, exits, faults, spawn, ended, run: (module) => ended(spawn(module)) };
}
