/**
 * Layer: sandbox. One process inside a cell, seen from the caller: its streams, its end, its limits. It must not know
 * programs, options or files.
 */
import { Writable } from "node:stream";
import { EACCES, ENOENT, ENOTDIR } from "../abi/errno.ts";
import { SIGKILL, SIGNAL_NAMES, SIGXCPU, SIGXFSZ } from "../abi/signal.ts";
import { STREAM_WINDOW_BYTES } from "../limits.ts";
import {
  DOWN,
  type ExitReport,
  type Refusal,
  type SpawnRequest,
  UP,
  type UpFrame,
  type WindowSize,
} from "../wire/frames.ts";
import { handing } from "./callers-error.ts";
import type { CellLink, ChannelOwner } from "./cell-link.ts";
import { CellViolation, LimitExceeded, type LindenError, NotRunnable, SandboxClosed } from "./errors.ts";
import { type OutputSink, OutputWindow } from "./output.ts";
import { escapeText } from "./text.ts";
import { firstThreadTime } from "./watchdog.ts";

/** A limit the caller enforces: wall time, CPU time, host memory of the cell, bytes of output. */
export type CallerLimit = "time" | "cpu" | "memory" | "output";

export interface RunStats {
  /** Wall time, measured here. */
  readonly wallMs: number;
  /** CPU time, as the cell claims; never more than the wall time. */
  readonly cpuMs: number;
  /** Calls into the kernel, as the cell claims. */
  readonly calls: number;
  /** Bytes of linear memory at most, as the cell claims; never more than the limit. */
  readonly peakMemory: number;
}

export interface ExitResult {
  /** The guest's exit code; 128 + n when signal n ended it. */
  readonly exitCode: number;
  /** "SIGKILL" and the like, or null when it exited by itself. */
  readonly signal: string | null;
  /** It was ended because its wall or CPU time was over. */
  readonly timedOut: boolean;
  /** Which of the limits that are enforced from outside ended it. */
  readonly limit: CallerLimit | null;
  /** What ended it, where there is more to say: the trap and its function. Control characters are escaped. */
  readonly message: string;
  readonly stats: RunStats;
}

/**
 * Milliseconds of processor time a cell's kernel has to end one process before the cell is ended as a whole: it looks for what
 * the caller says every YIELD_NS, and a collection or one long instruction may come between. A machine that is busy with
 * other things gives it that time late, so wall time counts only beyond what any cell should need.
 */
const KILL_CPU_MS = 100;
const KILL_WALL_MS = 800;
/** Between two looks. */
const KILL_LOOK_MS = 25;

const LIMIT_SIGNALS: Readonly<Record<CallerLimit, number>> = {
  time: SIGKILL,
  cpu: SIGXCPU,
  memory: SIGKILL,
  output: SIGXFSZ,
};

/** What is said of a run that a limit ended. */
export const LIMIT_WORDS: Readonly<Record<CallerLimit, string>> = {
  time: "its time was over",
  cpu: "its CPU time was over",
  memory: "the cell took more memory than its limit",
  output: "its output was longer than its limit",
};

/** The end of a run that a limit ended before its program was in the cell. */
export function endedBefore(limit: CallerLimit, message: string, wallMs: number): ExitResult {
  const number = LIMIT_SIGNALS[limit];
  return {
    exitCode: 128 + number,
    signal: SIGNAL_NAMES.get(number) ?? `SIG${number}`,
    timedOut: limit === "time" || limit === "cpu",
    limit,
    message,
    stats: { wallMs, cpuMs: 0, calls: 0, peakMemory: 0 },
  };
}

export interface ProcessLimits {
  readonly wallMs: number | undefined;
  readonly outputBytes: number;
}

export class GuestProcess implements ChannelOwner {
  /** Rejects when the cell refuses to start it, or is gone. */
  readonly started: Promise<void>;
  /** Rejects when the cell is gone for another reason than a limit of this process. */
  readonly exited: Promise<ExitResult>;
  readonly #link: CellLink;
  readonly #channel: number;
  readonly #memoryBytes: number;
  readonly #cwd: string;
  readonly #start = performance.now();
  readonly #sinks: Readonly<Record<1 | 2, OutputSink>>;
  readonly #windows: Readonly<Record<1 | 2, OutputWindow>>;
  #stdin: Stdin | undefined;
  readonly #settleStarted: PromiseWithResolvers<void>;
  readonly #settleExited: PromiseWithResolvers<ExitResult>;
  #outputLeft: number;
  #running = false;
  #over = false;
  #limit: CallerLimit | undefined;
  #wallTimer: NodeJS.Timeout | undefined;
  #killTimer: NodeJS.Timeout | undefined;

  constructor(
    link: CellLink,
    request: SpawnRequest,
    limits: ProcessLimits,
    sinks: { readonly stdout: OutputSink; readonly stderr: OutputSink },
  ) {
    this.#link = link;
    this.#memoryBytes = request.memoryBytes;
    this.#cwd = request.cwd;
    this.#outputLeft = limits.outputBytes;
    this.#settleStarted = Promise.withResolvers();
    this.#settleExited = Promise.withResolvers();
    this.started = this.#settleStarted.promise;
    this.exited = this.#settleExited.promise;
    // Whoever waits for neither still must not bring down the caller's process.
    this.started.catch(() => {});
    this.exited.catch(() => {});
    this.#channel = link.open(this);
    this.#sinks = { 1: sinks.stdout, 2: sinks.stderr };
    this.#windows = { 1: new OutputWindow(this.#granting(1)), 2: new OutputWindow(this.#granting(2)) };
    // With its first input, where that is known by the next tick.
    if (!request.noInput) link.gather();
    link.send({ type: DOWN.SPAWN, channel: this.#channel, payload: request });
    if (limits.wallMs !== undefined) this.#wallTimer = setTimeout(() => this.stop("time"), limits.wallMs);
  }

  /** Made when it is first asked for: most runs have no input. Not for a process that was started with `noInput`. */
  get stdin(): Stdin {
    this.#stdin ??= new Stdin(this.#link, this.#channel);
    if (this.#over) this.#stdin.destroy();
    return this.#stdin;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Send a signal, 1 to 64; SIGKILL ends the whole sandbox where the guest alone cannot be ended. */
  signal(number: number): void {
    if (this.#over) return;
    this.#link.send({ type: DOWN.SIGNAL, channel: this.#channel, payload: { signal: number, session: false } });
    if (number === SIGKILL) this.#insist("it was killed");
  }

  /** End it with all that it began, but for what made a session of its own (setsid(2)); with the whole sandbox if need be. */
  end(reason = "it was ended"): void {
    if (this.#over) return;
    this.#link.send({ type: DOWN.SIGNAL, channel: this.#channel, payload: { signal: SIGKILL, session: true } });
    this.#insist(reason);
  }

  /** The window of its terminal has this size now. */
  resize(window: WindowSize): void {
    if (!this.#over) this.#link.send({ type: DOWN.RESIZE, channel: this.#channel, payload: window });
  }

  /** A limit was reached: the process ends, with the cell if need be. */
  stop(limit: CallerLimit): void {
    if (this.#over || this.#limit !== undefined) return;
    this.#limit = limit;
    this.end(LIMIT_WORDS[limit]);
  }

  /** The whole cell is about to be killed for a limit: that is this process's end too. */
  blame(limit: CallerLimit): void {
    this.#limit ??= limit;
  }

  receive(frame: UpFrame): void {
    switch (frame.type) {
      case UP.STARTED:
        if (this.#running) throw new CellViolation("it started one process twice");
        this.#running = true;
        this.#settleStarted.resolve();
        return;
      case UP.REFUSED:
        if (this.#running) throw new CellViolation("it refused what it had started");
        this.#end();
        this.#refuse(frame.payload);
        return;
      case UP.STDOUT:
        this.#output(1, frame.payload);
        return;
      case UP.STDERR:
        this.#output(2, frame.payload);
        return;
      case UP.STDIN_CREDIT:
        this.stdin.grant(frame.payload.bytes);
        return;
      case UP.EXITED:
        if (!this.#running) throw new CellViolation("it ended what it had not started");
        this.#link.release(this.#channel);
        this.#end();
        this.#settleExited.resolve(this.#result(frame.payload));
        return;
      default:
        throw new CellViolation(`frame ${frame.type} on a process`);
    }
  }

  lost(error: LindenError): void {
    this.#end();
    if (this.#limit === undefined || error instanceof CellViolation) {
      this.#settleStarted.reject(error);
      this.#settleExited.reject(error);
      return;
    }
    this.#settleStarted.resolve();
    const stats = { cpuMs: 0, calls: 0, peakMemory: 0 };
    this.#settleExited.resolve(this.#result({ code: 0, signal: 0, message: "", stats }));
  }

  #refuse(refusal: Refusal): void {
    // Of all that starting a program asks for, only the working directory is looked up by name.
    const lookedUp = refusal.kind === "program" && [ENOENT, ENOTDIR, EACCES].includes(refusal.errno ?? 0);
    const text = escapeText(lookedUp ? `${refusal.message}: working directory ${this.#cwd}` : refusal.message);
    const error = refusal.kind === "limit" ? new LimitExceeded(text) : new NotRunnable(text);
    this.#link.release(this.#channel);
    this.#settleStarted.reject(error);
    this.#settleExited.reject(error);
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#wallTimer);
    clearInterval(this.#killTimer);
    this.#stdin?.destroy();
    this.#sinks[1].end();
    this.#sinks[2].end();
  }

  #insist(reason: string): void {
    if (this.#killTimer !== undefined) return;
    const { pid } = this.#link.cell;
    const asked = performance.now();
    const before = firstThreadTime(pid) ?? 0;
    // A caller that was busy itself has its timers due before it has read what the cell answered: hence two looks or more.
    let looks = 0;
    this.#killTimer = setInterval(() => {
      looks += 1;
      const spent = (firstThreadTime(pid) ?? Infinity) - before;
      if (looks < 2 || (spent < KILL_CPU_MS && performance.now() - asked < KILL_WALL_MS)) return;
      clearInterval(this.#killTimer);
      this.#link.fail(new SandboxClosed(`the sandbox ended with a run that did not yield: ${reason}`));
    }, KILL_LOOK_MS);
  }

  #granting(stream: 1 | 2): (bytes: number) => void {
    return (bytes) => {
      if (!this.#over) this.#link.send({ type: DOWN.CREDIT, channel: this.#channel, payload: { stream, bytes } });
    };
  }

  #output(stream: 1 | 2, bytes: Uint8Array): void {
    if (!this.#running) throw new CellViolation("output of a process that was not started");
    const window = this.#windows[stream];
    window.received(bytes.byteLength);
    const within = Math.min(bytes.byteLength, this.#outputLeft);
    this.#outputLeft -= within;
    if (within > 0) this.#sinks[stream].write(bytes.subarray(0, within), (count) => window.consumed(count));
    if (within < bytes.byteLength) this.stop("output");
  }

  #result(report: ExitReport): ExitResult {
    const wallMs = performance.now() - this.#start;
    const limit = this.#limit ?? null;
    const number = limit === null ? report.signal : LIMIT_SIGNALS[limit];
    return {
      exitCode: number === 0 ? report.code : 128 + number,
      signal: number === 0 ? null : (SIGNAL_NAMES.get(number) ?? `SIG${number}`),
      timedOut: limit === "time" || limit === "cpu",
      limit,
      message: limit === null ? escapeText(report.message, 2000) : LIMIT_WORDS[limit],
      stats: {
        wallMs,
        cpuMs: Math.min(report.stats.cpuMs, wallMs),
        calls: report.stats.calls,
        peakMemory: Math.min(report.stats.peakMemory, this.#memoryBytes),
      },
    };
  }
}

/** Standard input of a process: a write is done when it went out within the credit the guest's reads gave. */
export class Stdin extends Writable {
  readonly #link: CellLink;
  readonly #channel: number;
  #credit = STREAM_WINDOW_BYTES;
  #taken = 0;
  #rest: Uint8Array | undefined;
  #written: ((error?: Error | null) => void) | undefined;

  constructor(link: CellLink, channel: number) {
    super({ highWaterMark: 65_536 });
    this.#link = link;
    this.#channel = channel;
  }

  /** Bytes the guest read or its terminal dealt with, as the cell claims. */
  get taken(): number {
    return this.#taken;
  }

  /** Throws CellViolation when the cell gives back more than it got. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#taken += bytes;
    if (this.#credit > STREAM_WINDOW_BYTES) throw new CellViolation("it gave credit beyond the window");
    this.#flow();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#rest = chunk;
    this.#written = callback;
    this.#flow();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#link.send({ type: DOWN.STDIN_END, channel: this.#channel, payload: undefined });
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#rest = undefined;
    const written = this.#written;
    this.#written = undefined;
    callback(error);
    handing(() => written?.(error));
  }

  #flow(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    const size = Math.min(rest.byteLength, this.#credit, FRAME_STEP);
    if (size > 0) {
      this.#link.send({ type: DOWN.STDIN, channel: this.#channel, payload: rest.subarray(0, size) });
      this.#credit -= size;
      this.#rest = rest.subarray(size);
    }
    if (this.#rest !== undefined && this.#rest.byteLength === 0) {
      this.#rest = undefined;
      const written = this.#written;
      this.#written = undefined;
      handing(() => written?.());
    } else if (size > 0 && this.#credit > 0) {
      this.#flow();
    }
  }
}

/** Bytes of one frame of standard input at most. */
const FRAME_STEP = 65_536;
