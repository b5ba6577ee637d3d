/**
 * Layer: lockdown, isolate. A function of the program in a process of its own, in namespaces of its own: its own root file
 * system, users, processes, network. It must not know which tool makes them.
 */
import { readlinkSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { isMainThread } from "node:worker_threads";
import type { Capability } from "../capabilities.ts";
import { IsolateFailed, LockdownError } from "../context/errors.ts";
import { type ContextData, SafetyContext } from "../context/safety-context.ts";
import {
  bubblewrapArguments,
  type Ended,
  findBubblewrap,
  type NamespaceName,
  namespacesOf,
  runBubblewrap,
} from "./bubblewrap.ts";
import { checkedOptions, type IsolateOptions, MARK } from "./options.ts";
import { visibleFiles } from "./visible.ts";

/** What held an isolate. */
export type IsolateReport = {
  /** Namespaces of its own, as the kernel says. */
  readonly namespaces: readonly NamespaceName[];
  readonly network: "none" | "host";
  readonly uid: number;
  readonly gid: number;
  readonly capabilities: readonly Capability[];
  /** Bytes of its own root file system. */
  readonly tmpfsBytes: number;
  /** What it saw of the host because it was asked for: "/data: /srv/data, read-only". */
  readonly mounts: readonly string[];
  /** What it saw of the host, read-only, because Node would not start otherwise. */
  readonly added: readonly string[];
  readonly ruleSets: readonly string[];
};

/**
 * How an isolate ended. `status` is its exit status, 128 and the number of a signal that ended it; null where it was killed
 * from outside, for its time or its output.
 */
export type IsolateResult = Ended & { readonly inForce: IsolateReport };

type Mark = {
  readonly name: string;
  /** The caller's own namespaces: the isolate's are others. */
  readonly outside: readonly (readonly [name: NamespaceName, link: string])[];
  readonly context: ContextData | undefined;
  /** Names of the environment that was asked for. */
  readonly variables: readonly string[];
};

/** Exit status of an isolate whose hook did not run its function. */
const NOT_RUN = 125;
/** What execve(2) takes for one variable (MAX_ARG_STRLEN), less the name. */
const MARK_BYTES = 128 * 1024 - 32;

/** A function of this program in a process and namespaces of its own. */
export const Isolate = {
  /**
   * Starts the program once more, in namespaces of its own; there its `mainHook` of this name runs. Resolves when that has
   * ended, however it did. Throws IsolateUnavailable where the machine makes no isolates, IsolateFailed or PathDoesNotExist
   * for wrong options; then nothing of the program has run.
   */
  async run(name: string, options: IsolateOptions = {}): Promise<IsolateResult> {
    if (current() !== undefined) throw new IsolateFailed("an isolate cannot start isolates of its own");
    const checked = checkedOptions(name, options);
    const visible = visibleFiles(checked.entry);
    const namespaces = namespacesOf(checked);
    const mark: Mark = {
      name,
      outside: namespaces.map((each) => [each, readlinkSync(`/proc/self/ns/${each}`)]),
      context: checked.context?.toData(),
      variables: Object.keys(checked.env),
    };
    const text = serialize(mark).toString("base64url");
    if (text.length > MARK_BYTES)
      throw new IsolateFailed(`Isolate.run(${JSON.stringify(name)}): the rules are too many`);
    const argv = bubblewrapArguments(checked, visible);
    const ended = await runBubblewrap(findBubblewrap(), argv, { ...checked.env, [MARK]: text }, checked);
    const mounts = checked.mounts.map((mount) =>
      "bytes" in mount
        ? `${mount.at}: tmpfs of ${mount.bytes} bytes`
        : `${mount.at}: ${mount.host}${mount.readOnly ? ", read-only" : ""}`,
    );
    return {
      ...ended,
      inForce: {
        namespaces,
        network: checked.network,
        uid: checked.uid,
        gid: checked.gid,
        capabilities: checked.capabilities,
        tmpfsBytes: checked.bytes,
        mounts,
        added: [...visible.binds.keys()],
        ruleSets: mark.context?.ruleSets.map((ruleSet) => ruleSet.name) ?? [],
      },
    };
  },

  /**
   * At the start of the program, awaited, once for each isolate it has. In the isolate of this name: locks the process as
   * `rules` said, runs the function and ends the process. Anywhere else it does nothing.
   */
  async mainHook(name: string, work: () => unknown): Promise<void> {
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
  },
};

let taken = false;
let found: Mark | undefined;

/** What this process was started for; undefined where it is no isolate. */
function current(): Mark | undefined {
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
    console.error("this isolate has not met its Isolate.mainHook");
  });
}

/** A variable in the environment proves nothing: the namespaces must be others than the caller's. */
function demandInside({ outside }: Mark): void {
  const shared = outside.filter(([name, link]) => readlinkSync(`/proc/self/ns/${name}`) === link).map(([name]) => name);
  if (outside.length > 0 && shared.length === 0) return;
  throw new IsolateFailed(`this process is no isolate: it shares ${shared.join(", ") || "everything"} with its caller`);
}
