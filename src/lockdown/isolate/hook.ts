/**
 * Layer: lockdown, isolate. Main of an isolate: finds out what this process was started for, locks it, runs the function and
 * ends the process. It must not know how it came here.
 */
import { readlinkSync } from "node:fs";
import { deserialize } from "node:v8";
import { isMainThread } from "node:worker_threads";
import { IsolateFailed, LockdownError } from "../context/errors.ts";
import { type ContextData, SafetyContext } from "../context/safety-context.ts";
import type { NamespaceName } from "./bubblewrap.ts";
import { MARK } from "./options.ts";

/** What an isolate is told, in its environment. */
export type Mark = {
  readonly name: string;
  /** The caller's own namespaces: the isolate's are others. */
  readonly outside: readonly (readonly [name: NamespaceName, link: string])[];
  readonly context: ContextData | undefined;
  /** Names of the environment that was asked for. */
  readonly variables: readonly string[];
};

/** Exit status of an isolate whose hook did not run its function. */
const NOT_RUN = 125;
let taken = false;
let found: Mark | undefined;

/** What this process was started for; undefined where it is no isolate. */
export function current(): Mark | undefined {
  const text = process.env[MARK];
  if (found !== undefined || text === undefined) return found;
  try {
    found = deserialize(Buffer.from(text, "base64url")) as Mark;
  } catch {
    throw new LockdownError(`${MARK} is in the environment and is not Linden's`);
  }
  return found;
}

// A program that never asks for its hook would run as if nothing were, and its caller would not know.
if (process.env[MARK] !== undefined && isMainThread) {
  process.once("exit", () => {
    if (taken) return;
    process.exitCode = NOT_RUN;
    console.error(`this isolate has not met its Isolate.mainHook(${JSON.stringify(current()?.name)}, …)`);
  });
}

/** A variable in the environment proves nothing: the namespaces must be others than the caller's. */
function demandInside({ outside }: Mark): void {
  const shared = outside.filter(([name, link]) => readlinkSync(`/proc/self/ns/${name}`) === link).map(([name]) => name);
  if (outside.length > 0 && shared.length === 0) return;
  throw new IsolateFailed(`this process is no isolate: it shares ${shared.join(", ") || "everything"} with its caller`);
}

export async function mainHook(name: string, work: () => unknown): Promise<void> {
  if (typeof work !== "function") {
    throw new IsolateFailed(`Isolate.mainHook(${JSON.stringify(name)}): expected a function`);
  }
  const mark = current();
  if (mark === undefined || mark.name !== name) return;
  let status = NOT_RUN;
  try {
    demandInside(mark);
    // Behind Landlock rules the process starts once more, and finds its mark again.
    if (mark.context !== undefined) SafetyContext.fromData(mark.context).applyToAllThreads({ restart: true });
    taken = true;
    delete process.env[MARK];
    if (!mark.variables.includes("PWD")) delete process.env.PWD; // bwrap's
    status = 1;
    await work();
    status = 0;
  } catch (error) {
    console.error(error);
  }
  const wished = Number(process.exitCode);
  process.exit(status === 0 && Number.isInteger(wished) ? wished : status);
}
