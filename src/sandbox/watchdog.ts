/**
 * Layer: sandbox. What must hold against a cell that lies about itself: CPU time and resident memory, read from /proc
 * while something runs. It must not know processes of guests.
 */
import { readFileSync } from "node:fs";
import type { LockedProcess } from "./launcher.ts";

/** Milliseconds between two looks. */
const INTERVAL_MS = 100;
/** USER_HZ: the unit of times in /proc, 100 on every Linux that Node runs on. */
const TICK_MS = 10;

export class Watchdog {
  readonly #process: LockedProcess;
  readonly #cpuMs: number | undefined;
  readonly #residentBytes: () => number;
  readonly #bite: (limit: "cpu" | "memory") => void;
  readonly #cpuBefore: number;
  #gone = false;
  #timer: NodeJS.Timeout | undefined;

  /** `bite` is called once, when a limit is passed; from then on nothing is looked at. */
  constructor(
    process: LockedProcess,
    limits: { readonly cpuMs: number | undefined; residentBytes(): number },
    bite: (limit: "cpu" | "memory") => void,
  ) {
    this.#process = process;
    this.#cpuMs = limits.cpuMs;
    this.#residentBytes = limits.residentBytes;
    this.#bite = bite;
    this.#cpuBefore = this.#cpuMs === undefined ? 0 : (cpuTime(process.pid) ?? 0);
    process.exited.then(() => {
      // From here on the number may belong to another process.
      this.#gone = true;
      this.rest();
    });
  }

  watch(): void {
    if (this.#gone || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS);
    this.#timer.unref();
  }

  rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { pid } = this.#process;
    const cpu = this.#cpuMs === undefined ? undefined : cpuTime(pid);
    if (cpu !== undefined && this.#cpuMs !== undefined && cpu - this.#cpuBefore > this.#cpuMs) this.#end("cpu");
    else if ((residentBytes(pid) ?? 0) > this.#residentBytes()) this.#end("memory");
  }

  #end(limit: "cpu" | "memory"): void {
    this.#gone = true;
    this.rest();
    this.#bite(limit);
  }
}

/** User and system time of a process and its threads in milliseconds (proc(5), /proc/pid/stat), or undefined. */
export function cpuTime(pid: number): number | undefined {
  const text = read(`/proc/${pid}/stat`);
  // The command's name may hold anything but ends with the last parenthesis.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  return Number.isFinite(ticks) ? ticks * TICK_MS : undefined;
}

/** Resident bytes of a process and those of its page tables (proc(5), VmRSS and VmPTE of /proc/pid/status), or undefined. */
export function residentBytes(pid: number): number | undefined {
  const status = read(`/proc/${pid}/status`) ?? "";
  const [resident, tables] = ["VmRSS", "VmPTE"].map(
    (name) => new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1],
  );
  return resident === undefined ? undefined : (Number(resident) + Number(tables ?? 0)) * 1024;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
