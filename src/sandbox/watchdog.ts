/**
 * Layer: sandbox. What must hold against a cell that lies about itself: CPU time and memory, read from /proc from the first run
 * on. It must not know processes of guests.
 */
import { readFileSync } from "node:fs";
import type { LockedProcess } from "./launcher.ts";
import type { Policy } from "./options.ts";

/** Milliseconds between two looks while anything runs, and while nothing does. */
const INTERVAL_MS = 100;
const RESTING_MS = 500;
/** USER_HZ: the unit of times in /proc, 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** Seconds the host lets a cell run beyond what its watchdog allows: its own start, and that it counts whole ones. */
const CPU_GRACE_SECONDS = 3;

/** RLIMIT_CPU of a sandbox's cell, which has used this many milliseconds before; undefined for none. */
export function hardCpuSeconds({ cpuMs }: Pick<Policy["limits"], "cpuMs">, usedMs = 0): number | undefined {
  return cpuMs === undefined ? undefined : Math.ceil((usedMs + cpuMs) / 1000) + CPU_GRACE_SECONDS;
}

/** A process that is watched: its processor time before, and as it was seen last. */
interface Watched {
  readonly process: LockedProcess;
  readonly cpuBefore: number;
  cpuMs: number;
}

export class Watchdog {
  readonly #cpuMs: number | undefined;
  readonly #residentBytes: () => number;
  readonly #bite: (limit: "cpu" | "memory") => void;
  readonly #alive = new Set<Watched>();
  /** Milliseconds used by processes that have ended. */
  #spentMs = 0;
  #wanted = false;
  /** Some process has used processor time between the last two looks. */
  #restless = false;
  #gone = false;
  #timer: NodeJS.Timeout | undefined;
  #intervalMs = 0;

  /** `bite` is called once, when a limit is passed; from then on nothing is looked at. */
  constructor(
    process: LockedProcess,
    limits: { readonly cpuMs: number | undefined; residentBytes(): number },
    bite: (limit: "cpu" | "memory") => void,
  ) {
    this.#cpuMs = limits.cpuMs;
    this.#residentBytes = limits.residentBytes;
    this.#bite = bite;
    this.#follow(process);
    process.exited.then(() => this.#end());
  }

  /**
   * Another process works for the same sandbox: until it ends it is watched too. Its processor time counts with the others',
   * its memory for itself.
   */
  join(process: LockedProcess): void {
    if (this.#gone) return;
    const watched = this.#follow(process);
    this.#look();
    this.#restless = true;
    this.#run();
    process.exited.then(() => {
      // From here on the number may belong to another process.
      this.#alive.delete(watched);
      this.#spentMs += watched.cpuMs;
    });
  }

  watch(): void {
    this.#wanted = true;
    this.#run();
  }

  /**
   * Nothing that anybody waits for runs any more. What a guest left running may, and a cell that was broken into does as it likes: looks
   * become few, and as many as ever where the process computes.
   */
  rest(): void {
    this.#wanted = false;
    this.#restless = true;
    this.#run();
  }

  #follow(process: LockedProcess): Watched {
    const watched = { process, cpuBefore: cpuTime(process.pid) ?? 0, cpuMs: 0 };
    this.#alive.add(watched);
    return watched;
  }

  /** Look as often as it takes now. */
  #run(): void {
    const intervalMs = this.#wanted || this.#restless ? INTERVAL_MS : RESTING_MS;
    if (this.#gone || (this.#timer !== undefined && this.#intervalMs === intervalMs)) return;
    clearInterval(this.#timer);
    this.#intervalMs = intervalMs;
    this.#timer = setInterval(() => this.#look(), intervalMs);
    this.#timer.unref();
  }

  #look(): void {
    let spentMs = this.#spentMs;
    this.#restless = false;
    for (const watched of this.#alive) {
      const { pid } = watched.process;
      const cpuMs = Math.max(watched.cpuMs, (cpuTime(pid) ?? 0) - watched.cpuBefore);
      if (cpuMs > watched.cpuMs) this.#restless = true;
      watched.cpuMs = cpuMs;
      spentMs += cpuMs;
      if ((residentBytes(pid) ?? 0) > this.#residentBytes()) {
        this.#endFor("memory");
        return;
      }
    }
    if (this.#cpuMs !== undefined && spentMs > this.#cpuMs) this.#endFor("cpu");
    else this.#run();
  }

  #endFor(limit: "cpu" | "memory"): void {
    this.#end();
    this.#bite(limit);
  }

  #end(): void {
    this.#gone = true;
    clearInterval(this.#timer);
  }
}

/** User and system time of a process and its threads in milliseconds (proc(5), /proc/pid/stat), or undefined. */
export function cpuTime(pid: number): number | undefined {
  return timeIn(`/proc/${pid}/stat`);
}

/** The same of a process's first thread alone: the engine's threads compile and collect beside it. */
export function firstThreadTime(pid: number): number | undefined {
  return timeIn(`/proc/${pid}/task/${pid}/stat`);
}

function timeIn(path: string): number | undefined {
  const text = read(path);
  // The command's name may hold anything but ends with the last parenthesis.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  return Number.isFinite(ticks) ? ticks * TICK_MS : undefined;
}

/** Bytes of a process's memory (`bytesOf`), or undefined. */
export function residentBytes(pid: number): number | undefined {
  return bytesOf(read(`/proc/${pid}/status`) ?? "");
}

/**
 * What /proc/pid/status tells of memory: resident, put aside to the host's swap, and in page tables (proc(5), VmRSS, VmSwap and
 * VmPTE), in bytes. Where the host has swap, a guest could have any amount of it and little resident.
 */
export function bytesOf(status: string): number | undefined {
  const [resident, swapped, tables] = ["VmRSS", "VmSwap", "VmPTE"].map(
    (name) => new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1],
  );
  return resident === undefined ? undefined : (Number(resident) + Number(swapped ?? 0) + Number(tables ?? 0)) * 1024;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
