/**
 * Layer: sandbox. What `box.spawn` gives: a running program with streams. It must not know frames.
 */
import type { Readable, Writable } from "node:stream";
import type { ExitResult, GuestProcess } from "./guest-process.ts";
import { parseSignal, parseWindow, type WindowSize } from "./run-options.ts";

export class SandboxProcess {
  /** Writes wait for the guest's reads. End it, or the guest waits for more. */
  readonly stdin: Writable;
  /** The guest waits for whoever reads this. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** How it ended. Rejects with SandboxClosed or SandboxDied when the sandbox went away under it. */
  readonly exited: Promise<ExitResult>;
  readonly #guest: GuestProcess;

  constructor(guest: GuestProcess, stdout: Readable, stderr: Readable) {
    this.#guest = guest;
    this.stdin = guest.stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    this.exited = guest.exited;
  }

  /** Bytes of input the guest read or its terminal dealt with: whether it still listens. */
  get inputTaken(): number {
    return this.#guest.stdin.taken;
  }

  /** The window it was started with has another size: SIGWINCH. Nothing where it was started without one. */
  resize(window: WindowSize): void {
    this.#guest.resize(parseWindow(window));
  }

  /** Send a signal, SIGTERM unless said otherwise. SIGKILL ends the whole sandbox where the guest alone cannot be ended. */
  kill(signal: string | number = "SIGTERM"): void {
    this.#guest.signal(parseSignal(signal));
  }
}
