/** Layer: test. A process on a terminal of its own, and short words for what is typed and shown. */
import { O_RDWR } from "../../src/abi/fcntl.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { read, write } from "../../src/kernel/operations/io.ts";
import type { Thread } from "../../src/kernel/process.ts";
import { Terminal } from "../../src/kernel/terminal.ts";
import { type Machine, machine, putText, type Running, Sink, spawn, textAt, vector } from "./simulated.ts";

export interface OnTerminal extends Running {
  readonly made: Machine;
  readonly terminal: Terminal;
  readonly sink: Sink;
  readonly consumed: () => number;
}

/** A session's leader whose descriptors 0, 1 and 2 are its terminal. */
export function onTerminal(flags = 0, sink = new Sink()): OnTerminal {
  const made = machine();
  let consumed = 0;
  const listener = {
    consumed(bytes: number) {
      consumed += bytes;
    },
  };
  const terminal = new Terminal(made.kernel, sink, listener);
  const description = new OpenDescription(terminal.file, undefined, O_RDWR | flags);
  const running = spawn(made, { descriptors: [description, description, description] });
  terminal.control(running.process);
  return { ...running, made, terminal, sink, consumed: () => consumed };
}

/** Another process of the same session; a group of its own if it is not to be in its parent's. */
export function child(of: OnTerminal, ownGroup: boolean): Running {
  const description = of.process.descriptors.get(0)?.description;
  const running = spawn(of.made, { parent: of.process, descriptors: [description, description] });
  if (ownGroup) running.process.group = running.process.pid;
  return running;
}

export function type(terminal: Terminal, text: string): number {
  return terminal.feed(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
}

/** What read(2) gives: the bytes, or the number it answers. */
export function reading(running: Running, length = 100): string | number {
  const outcome = read(running.thread, 0, vector([0, length]));
  return outcome > 0 ? textAt(running, 0, outcome) : outcome;
}

export function writing(running: Running, text: string): number {
  putText(running, 1000, text);
  return write(running.thread, 1, vector([1000, text.length]));
}

export function run(made: { readonly kernel: Kernel; readonly host: Machine["host"] }): void {
  made.host.run(made.kernel);
}

export function pendingOf({ pending }: Thread): string | undefined {
  return pending?.kind;
}
