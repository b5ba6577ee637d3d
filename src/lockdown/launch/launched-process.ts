/**
 * Layer: lockdown, launch. A launched cell or file server as the caller holds it: its streams, its end, its lock's proof.
 * What comes out of the streams is hostile input. It must not know the frames on them.
 */
import { Socket } from "node:net";
import { constants } from "node:os";
import { RLIMIT, setResourceLimit } from "../../host/process.unsafe.ts";
import { type ProcessEnd, reap, signalProcess } from "../../host/spawn.unsafe.ts";
import type { LockReport } from "./verification.ts";

export type ExitStatus = { readonly code: number | null; readonly signal: string | null };

/** Bytes of crash text kept: the last ones. */
const CRASH_TEXT_BYTES = 64 * 1024;
/** Bytes of crash text read as they come; and milliseconds between what is read of more, 64 KiB at a time. */
const CRASH_FLOOD_BYTES = 4 * 1024 * 1024;
const CRASH_FLOOD_MS = 20;
/** Milliseconds between two looks at a process that has closed its standard error: at first, and at most. */
const FIRST_LOOK_MS = 1;
const LAST_LOOK_MS = 100;
const SIGKILL = 9;

export type ProcessParts = {
  readonly pid: number;
  /** This process's ends of the pipes on the child's 0, 1 and 2. Owned from here on. */
  readonly descriptors: readonly [stdin: number, stdout: number, stderr: number];
  readonly verify: () => Promise<LockReport | undefined>;
};

export class LaunchedProcess {
  readonly pid: number;
  /** Frames down. Ends with the process. */
  readonly stdin: Socket;
  /** Frames up. */
  readonly stdout: Socket;
  /** How the process ended, when it is reaped and its crash text is complete. Never rejects. */
  readonly exited: Promise<ExitStatus>;
  readonly #stderr: Socket;
  readonly #verify: () => Promise<LockReport | undefined>;
  #crashText: Buffer = Buffer.alloc(0);
  #crashBytes = 0;
  /** Nobody waits for it: it does not keep the caller's process alive. */
  #idle = false;
  #ended = false;

  constructor(parts: ProcessParts) {
    const [stdin, stdout, stderr] = parts.descriptors;
    this.pid = parts.pid;
    this.#verify = parts.verify;
    this.stdin = new Socket({ fd: stdin, readable: false, writable: true });
    this.stdout = new Socket({ fd: stdout, readable: true, writable: false });
    this.#stderr = new Socket({ fd: stderr, readable: true, writable: false });
    // A process that dies breaks its pipes; its end is told by `exited`, not by an exception in the caller.
    for (const stream of [this.stdin, this.stdout, this.#stderr]) stream.on("error", () => {});
    this.#stderr.on("data", (chunk: Buffer) => this.#keep(chunk));
    const said = new Promise<void>((resolve) => this.#stderr.once("close", resolve));
    // Nobody else holds the pipe's other end: it closes with the process, when all of it was read.
    this.exited = said.then(() => this.#end());
  }

  /** The last bytes the process wrote to its standard error: claims of a process that may be broken, never to be printed raw. */
  crashText(): Buffer {
    return Buffer.from(this.#crashText);
  }

  /**
   * Proves from outside that the process is locked, after it said so. Throws LockFailed. Undefined with lock "off".
   */
  verify(): Promise<LockReport | undefined> {
    return this.#verify();
  }

  /** SIGKILL. Its end is told by `exited`. */
  kill(): void {
    // Until it is reaped, and only this object does that, the number is no other process's.
    if (!this.#ended) signalProcess(this.pid, SIGKILL);
  }

  /**
   * Seconds of processor time, with all that it has used, after which the kernel kills it (RLIMIT_CPU, soft and hard). False
   * where the kernel refuses: for a process of another user that takes CAP_SYS_RESOURCE.
   */
  limitCpu(seconds: number): boolean {
    const limit = BigInt(seconds);
    return !this.#ended && setResourceLimit(RLIMIT.CPU, limit, limit, this.pid) === 0;
  }

  /** Lets the caller's process end although this one lives (it then dies too): for idle ones in a pool. */
  unref(): void {
    this.#idle = true;
    if (!this.#ended) for (const stream of [this.stdin, this.stdout, this.#stderr]) stream.unref();
  }

  ref(): void {
    this.#idle = false;
    if (!this.#ended) for (const stream of [this.stdin, this.stdout, this.#stderr]) stream.ref();
  }

  /** A broken process may write for ever, and the caller has better things to do than to read it. */
  #keep(chunk: Buffer): void {
    this.#crashText = Buffer.concat([this.#crashText, chunk]).subarray(-CRASH_TEXT_BYTES);
    this.#crashBytes += chunk.length;
    if (this.#crashBytes <= CRASH_FLOOD_BYTES) return;
    this.#stderr.pause();
    const pause = setTimeout(() => this.#stderr.resume(), CRASH_FLOOD_MS);
    if (this.#idle) pause.unref();
  }

  async #end(): Promise<ExitStatus> {
    let pause = FIRST_LOOK_MS;
    let end = reap(this.pid);
    // The kernel closes descriptors before it tells the end; or a process that goes on has closed them itself.
    while (end === undefined) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, LAST_LOOK_MS);
      end = reap(this.pid);
    }
    this.#ended = true;
    this.stdin.destroy();
    return statusOf(end);
  }
}

function statusOf(end: ProcessEnd | number): ExitStatus {
  // Somebody else in this process took note of it: how it ended is lost.
  if (typeof end === "number") return { code: null, signal: null };
  if ("code" in end) return { code: end.code, signal: null };
  const named = Object.entries(constants.signals).find(([, number]) => number === end.signal);
  return { code: null, signal: named?.[0] ?? `signal ${end.signal}` };
}
