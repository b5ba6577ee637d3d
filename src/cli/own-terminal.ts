/**
 * Layer: cli. The terminal Linden itself was started on, lent to a guest: raw, so that every key is the guest's, and put
 * back as it was in every way out. It must not know what the guest is.
 */
import { spawnSync } from "node:child_process";
import type { ReadStream, WriteStream } from "node:tty";
import type { WindowSize } from "../sandbox/run-options.ts";
import type { SandboxProcess } from "../sandbox/sandbox-process.ts";
import { onSignal } from "./signals.ts";

const CTRL_C = 0x03;
/** Milliseconds after which a Ctrl-C that nothing took makes the next one kill. */
const PATIENCE_MS = 500;

export class OwnTerminal {
  readonly #stdin: ReadStream;
  readonly #stdout: WriteStream;
  readonly #restore = () => {
    this.#stdin.setRawMode(false);
  };

  constructor(stdin: ReadStream, stdout: WriteStream) {
    this.#stdin = stdin;
    this.#stdout = stdout;
  }

  get window(): WindowSize {
    const { rows, columns } = this.#stdout;
    return { rows, columns };
  }

  /** Every key goes to the guest from now on. `kill`: the person wants it to end and it does not listen. */
  lend(child: SandboxProcess, kill: () => void): void {
    process.once("exit", this.#restore);
    this.#stdin.setRawMode(true);
    // Node's raw mode still turns newlines into two characters; what comes from the guest's terminal has that behind it.
    spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
    onSignal("SIGWINCH", () => {
      refreshSize(this.#stdout);
      child.resize(this.window);
    });
    let asked: { readonly at: number; readonly taken: number } | undefined;
    this.#stdin.on("data", (chunk: Uint8Array) => {
      if (!chunk.includes(CTRL_C)) return;
      const taken = child.inputTaken;
      if (asked?.taken !== taken) asked = { at: performance.now(), taken };
      else if (performance.now() - asked.at >= PATIENCE_MS) kill();
    });
  }

  takeBack(): void {
    process.off("exit", this.#restore);
    this.#restore();
  }
}

/** What the engine does itself at SIGWINCH, for the streams of its main thread only. */
function refreshSize(stream: WriteStream): void {
  if ("_refreshSize" in stream && typeof stream._refreshSize === "function") stream._refreshSize();
}
