/**
 * Layer: kernel. Descriptors of events as plain data, and back. It must not know the rest of a snapshot.
 */
import type { OpenFile } from "../../vfs/contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import type { Kernel } from "../kernel.ts";
import { SignalSet } from "../signal-set.ts";
import { CounterFile } from "./counter-file.ts";
import { EpollFile } from "./epoll-file.ts";
import { ProcessFile } from "./process-file.ts";
import { SignalFile } from "./signal-file.ts";
import { TimerFile } from "./timer-file.ts";

export interface WatchState {
  /** A description by number. */
  readonly description: number;
  readonly fd: number;
  readonly process: number | undefined;
  readonly events: number;
  readonly low: number;
  readonly high: number;
}

export type EventFileState =
  | { readonly is: "counter"; readonly low: number; readonly high: number; readonly semaphore: boolean }
  | {
      readonly is: "timer";
      readonly clock: number;
      readonly remainingNs: number | undefined;
      readonly intervalNs: number;
      readonly expirations: number;
    }
  | { readonly is: "process"; readonly pid: number; readonly ofThread: boolean }
  | { readonly is: "signals"; readonly low: number; readonly high: number }
  | { readonly is: "epoll"; readonly watches: readonly WatchState[] };

/** What is written out of such a file; undefined for any other. */
export function eventState(
  file: OpenFile,
  nowNs: number,
  numberOf: (description: OpenDescription) => number,
): EventFileState | undefined {
  if (file instanceof CounterFile) {
    const [low, high] = [Number(file.value & 0xffff_ffffn), Number(file.value >> 32n)];
    return { is: "counter", low, high, semaphore: file.semaphore };
  }
  if (file instanceof TimerFile) {
    const { clock, intervalNs, expirations, timer } = file;
    const remainingNs = timer.deadlineNs === Infinity ? undefined : Math.max(0, timer.deadlineNs - nowNs);
    return { is: "timer", clock, remainingNs, intervalNs, expirations };
  }
  if (file instanceof ProcessFile) return { is: "process", pid: file.pid, ofThread: file.ofThread };
  if (file instanceof SignalFile) return { is: "signals", low: file.mask.low, high: file.mask.high };
  if (!(file instanceof EpollFile)) return undefined;
  const watches = [...file.watches()].map(({ description, fd, process, events, low, high }) => {
    return { description: numberOf(description), fd, process: process?.pid, events, low, high };
  });
  return { is: "epoll", watches };
}

/** The file again; what an epoll watches is put back by `restoreWatches`, once all processes are there. */
export function restoreEvent(kernel: Kernel, state: EventFileState, nowNs: number): OpenFile {
  switch (state.is) {
    case "counter":
      return new CounterFile(kernel, (BigInt(state.high) << 32n) | BigInt(state.low), state.semaphore);
    case "timer": {
      const file = new TimerFile(kernel, state.clock);
      file.arm(state.remainingNs === undefined ? Infinity : nowNs + state.remainingNs, state.intervalNs);
      file.expirations = state.expirations;
      return file;
    }
    case "process":
      return new ProcessFile(kernel, state.pid, state.ofThread);
    case "signals":
      return new SignalFile(kernel, new SignalSet(state.low, state.high));
    case "epoll":
      return new EpollFile(kernel);
  }
}

/** False where something watched cannot be. */
export function restoreWatches(
  kernel: Kernel,
  epoll: OpenFile,
  state: EventFileState,
  numbered: (description: number) => OpenDescription,
): boolean {
  if (state.is !== "epoll" || !(epoll instanceof EpollFile)) return true;
  return state.watches.every(({ description, fd, process, events, low, high }) => {
    const owner = process === undefined ? undefined : kernel.process(process);
    return epoll.add(numbered(description), fd, { events, low, high }, owner) === 0;
  });
}
