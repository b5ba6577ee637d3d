/**
 * Layer: lockdown, learn. Starts a program behind the listening filter and hands on every call it and its children make, until the
 * last of them has ended. It must not know what the calls are for.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { callNumbers, hostArchitecture } from "../../host/call-numbers.ts";
import {
  answer,
  awaitNotification,
  LISTENING,
  letGo,
  type Notification,
  receiveNotification,
  refuse,
  SIGN,
  takeDescriptor,
} from "../../host/notifications.unsafe.ts";
import { LockdownError } from "../context/errors.ts";
import { errnoName } from "../failure.ts";

/** How long the event loop may wait for us, in milliseconds: signals and the program's end are heard in between. */
const TURN_MS = 20;
/** How long the stage may take to lay its filter. */
const STAGE_MS = 20_000;

/** A call that a listened-to program makes. It waits while the listener looks. */
export type HeardCall = {
  /** Its name; "call 9999" where this architecture has none. */
  readonly syscall: string;
  readonly task: number;
  readonly process: number;
  readonly args: readonly bigint[];
  readonly listener: number;
  readonly id: bigint;
};

/** What becomes of a call: made as if nobody listened, or answered with an errno. */
export type Word = "go on" | { readonly errno: number };

export type Listener = {
  /** The program runs now: calls from here on are its own. */
  started(): void;
  /** The program said that its lock goes here: what it did before does not count. The process that said so. */
  signed(process: number): void;
  heard(call: HeardCall): Word;
};

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

function stageFile(): string {
  return join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "stage.ts" : "learn-stage.cjs");
}

/** Runs a program (a file, and its arguments from its name on) and answers how it ended. Throws LockdownError. */
export async function listen(file: string, argv: readonly string[], listener: Listener): Promise<Ended> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", stageFile(), file, ...argv], {
    stdio: "inherit",
  });
  const exit = new Promise<Ended>((resolve, reject) => {
    child.once("error", (error) => reject(new LockdownError(`the program cannot be started: ${error.message}`)));
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  let over: Ended | undefined;
  const ended = exit.then((how) => {
    over = how;
    return how;
  });
  // The person's Ctrl-C is for the program; what it did until then is wanted.
  const ignored = () => {};
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  process.on("SIGINT", ignored).on("SIGQUIT", ignored).on("SIGTERM", forward).on("SIGHUP", forward);
  let started = false;
  try {
    const queue = await takeListener(child, () => over !== undefined);
    if (queue !== undefined) {
      try {
        started = await serve(queue, child.pid ?? 0, listener);
      } finally {
        closeSync(queue);
      }
    }
    const how = await ended;
    // The stage has said why.
    if (!started) throw new LockdownError("the program was not started, nothing was learned");
    return how;
  } finally {
    process.off("SIGINT", ignored).off("SIGQUIT", ignored).off("SIGTERM", forward).off("SIGHUP", forward);
  }
}

/** The stage's own listener, as soon as it is there; undefined when the stage ended before. */
async function takeListener(child: ChildProcess, isOver: () => boolean): Promise<number | undefined> {
  const { pid } = child;
  const until = performance.now() + STAGE_MS;
  while (!isOver()) {
    const found = pid === undefined ? undefined : listenerOf(pid);
    if (pid !== undefined && found !== undefined) {
      const taken = takeDescriptor(pid, found);
      if (taken >= 0) return taken;
      child.kill("SIGKILL");
      throw new LockdownError(`the program's calls cannot be listened to: pidfd_getfd: ${errnoName(taken)}`);
    }
    if (performance.now() > until) {
      child.kill("SIGKILL");
      throw new LockdownError("the program's first stage did not lay its filter");
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return undefined;
}

function listenerOf(pid: number): number | undefined {
  try {
    const directory = `/proc/${pid}/fd`;
    for (const name of readdirSync(directory)) {
      if (readlinkSync(join(directory, name)).includes("seccomp notify")) return Number(name);
    }
  } catch {
    // It has ended, or a descriptor was closed in between: asked again.
  }
  return undefined;
}

const names = new Map([...callNumbers(hostArchitecture())].map(([name, number]) => [number, name] as const));

/** Until no process is left under the filter. Whether the program was started at all. */
async function serve(queue: number, program: number, listener: Listener): Promise<boolean> {
  let started = false;
  let turnAt = performance.now() + TURN_MS;
  for (;;) {
    const state = awaitNotification(queue, TURN_MS);
    if (state === "ended") return started;
    if (state === "ready") {
      const heard = receiveNotification(queue);
      if (heard !== undefined && started) hear(queue, heard, listener);
      else if (heard !== undefined) {
        // The stage's own last steps: its exec is the program's beginning.
        if (heard.task === program && names.get(heard.number) === "execve") {
          started = true;
          listener.started();
        }
        letGo(queue, heard.id);
      }
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
    listener.signed(process);
    answer(queue, id, BigInt(LISTENING));
    return;
  }
  let word: Word = "go on";
  try {
    word = listener.heard({ syscall, task, process, args, listener: queue, id });
  } finally {
    if (word === "go on") letGo(queue, id);
    else refuse(queue, id, word.errno);
  }
}

const processes = new Map<number, number>();

/** The process a thread belongs to. A number that is used anew for another one's thread is told wrongly, which only a message shows. */
function processOf(task: number): number {
  const known = processes.get(task);
  if (known !== undefined) return known;
  let found = task;
  try {
    found = Number(/^Tgid:\t(\d+)$/m.exec(readFileSync(`/proc/${task}/status`, "latin1"))?.[1] ?? task);
  } catch {
    // It is gone.
  }
  processes.set(task, found);
  return found;
}
