/**
 * Layer: lockdown, launch. A launched cell or file server as the caller holds it: its streams, its end, its lock's proof.
 * What comes out of the streams is hostile input. It must not know the frames on them.
 */
import { Socket } from "node:net";
import type { ExitStatus, LaunchedChild, LauncherThread } from "./thread.ts";
import type { LockReport } from "./verification.ts";

/** Bytes of crash text kept: the last ones. */
const CRASH_TEXT_BYTES = 64 * 1024;

export type ProcessParts = {
  readonly child: LaunchedChild;
  readonly thread: LauncherThread;
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
  readonly #thread: LauncherThread;
  readonly #child: LaunchedChild;
  readonly #verify: () => Promise<LockReport | undefined>;
  #crashText: Buffer = Buffer.alloc(0);
  #held = true;
  #ended = false;

  constructor(parts: ProcessParts) {
    const [stdin, stdout, stderr] = parts.descriptors;
    this.pid = parts.child.pid;
    this.#child = parts.child;
    this.#thread = parts.thread;
    this.#verify = parts.verify;
    this.stdin = new Socket({ fd: stdin, readable: false, writable: true });
    this.stdout = new Socket({ fd: stdout, readable: true, writable: false });
    this.#stderr = new Socket({ fd: stderr, readable: true, writable: false });
    // A process that dies breaks its pipes; its end is told by `exited`, not by an exception in the caller.
    for (const stream of [this.stdin, this.stdout, this.#stderr]) stream.on("error", () => {});
    this.#stderr.on("data", (chunk: Buffer) => {
      this.#crashText = Buffer.concat([this.#crashText, chunk]).subarray(-CRASH_TEXT_BYTES);
    });
    this.#thread.hold();
    const said = new Promise((resolve) => this.#stderr.once("close", resolve));
    this.exited = parts.child.exited.then(async (status) => {
      // Nobody else holds the pipe's other end: it closes with the process, when all of it was read.
      await said;
      this.#ended = true;
      this.stdin.destroy();
      if (this.#held) this.#thread.release();
      return status;
    });
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
    this.#thread.kill(this.#child.id);
  }

  /** Lets the caller's process end although this one lives (it then dies too): for idle ones in a pool. */
  unref(): void {
    if (!this.#held || this.#ended) return;
    this.#held = false;
    for (const stream of [this.stdin, this.stdout, this.#stderr]) stream.unref();
    this.#thread.release();
  }

  ref(): void {
    if (this.#held || this.#ended) return;
    this.#held = true;
    for (const stream of [this.stdin, this.stdout, this.#stderr]) stream.ref();
    this.#thread.hold();
  }
}
