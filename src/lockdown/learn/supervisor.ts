/**
 * Layer: lockdown, learn. Starts a program behind the listening filter and hands on every call it and its children make, until the
 * last of them has ended. It must not know what the calls are for.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { takeDescriptor } from "../../host/notifications.unsafe.ts";
import { LockdownError } from "../context/errors.ts";
import { errnoName } from "../failure.ts";
import { hearAll, type Listener } from "./hearing.ts";

/** How long the stage may take to lay its filter. */
const STAGE_MS = 20_000;

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
        started = await hearAll(queue, listener, child.pid);
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
