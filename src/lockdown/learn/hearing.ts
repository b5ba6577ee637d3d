/**
 * Layer: lockdown, learn. Calls as they wait for a listener, handed on one by one, until no process is left under the filter. It
 * must not know what the calls are for.
 */
import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { EPERM } from "../../abi/errno.ts";
import { callNumbers, hostArchitecture } from "../../host/call-numbers.ts";
import {
  answer,
  awaitNotification,
  letGo,
  type Notification,
  receiveNotification,
  refuse,
  SIGN,
} from "../../host/notifications.unsafe.ts";

/** How long the event loop may wait for us, in milliseconds: signals and a program's end are heard in between. */
const TURN_MS = 20;

/** A call that a listened-to program makes. It waits while the listener looks. */
export type HeardCall = {
  /** Its name; "call 9999" where this architecture has none. */
  readonly syscall: string;
  readonly task: number;
  readonly process: number;
  readonly args: readonly bigint[];
};

/** What becomes of a call: made as if nobody listened, or answered with an errno. */
export type Word = "go on" | { readonly errno: number };

export type Listener = {
  /** The stage is about to become the program: its own call, not the program's. */
  started?(call: HeardCall): void;
  /** A process said that its lock goes here, so that what it did before does not count: LEARNING or WATCHING. */
  signed(process: number): number;
  heard(call: HeardCall): Word;
};

const names = new Map([...callNumbers(hostArchitecture())].map(([name, number]) => [number, name] as const));

/**
 * Hands every call on until no process is left under the filter. With `program`, nothing counts before that process, a stage,
 * has executed something; whether it did so.
 */
export async function hearAll(queue: number, listener: Listener, program?: number): Promise<boolean> {
  let started = program === undefined;
  let turnAt = performance.now() + TURN_MS;
  for (;;) {
    const state = awaitNotification(queue, TURN_MS);
    if (state === "ended") return started;
    const heard = state === "ready" ? receiveNotification(queue) : undefined;
    if (heard !== undefined && started) hear(queue, heard, listener);
    else if (heard !== undefined) {
      // The stage's own last steps: its exec is the program's beginning.
      started = heard.task === program && names.get(heard.number) === "execve";
      if (started) listener.started?.({ syscall: "execve", task: heard.task, process: heard.task, args: heard.args });
      letGo(queue, heard.id);
    }
    if (performance.now() < turnAt) continue;
    await turn();
    turnAt = performance.now() + TURN_MS;
  }
}

function hear(queue: number, { id, task, number, args }: Notification, listener: Listener): void {
  const syscall = names.get(number) ?? `call ${number}`;
  const process = processOf(task);
  if (syscall === "prctl" && args[0] === SIGN[0] && args[1] === SIGN[1]) {
    answer(queue, id, BigInt(listener.signed(process)));
    return;
  }
  // What fails to be looked at is refused: whoever listens to a lock must not open it by a mistake.
  let word: Word = { errno: EPERM };
  try {
    word = listener.heard({ syscall, task, process, args });
  } finally {
    if (word === "go on") letGo(queue, id);
    else refuse(queue, id, word.errno);
  }
}

/** How long what /proc said of a task is believed, in milliseconds: numbers are used anew, but never so soon. */
export const BELIEVED_MS = 100;
/** So many tasks are remembered; then all are asked again. */
const MOST_TASKS = 10_000;

const processes = new Map<number, { readonly process: number; readonly until: number }>();

/** The process a thread belongs to; the thread itself where nobody can tell any more. */
function processOf(task: number): number {
  const known = processes.get(task);
  const now = performance.now();
  if (known !== undefined && now < known.until) return known.process;
  let found = task;
  try {
    found = Number(/^Tgid:\t(\d+)$/m.exec(readFileSync(`/proc/${task}/status`, "latin1"))?.[1] ?? task);
  } catch {
    // It is gone.
  }
  if (processes.size >= MOST_TASKS) processes.clear();
  processes.set(task, { process: found, until: now + BELIEVED_MS });
  return found;
}
