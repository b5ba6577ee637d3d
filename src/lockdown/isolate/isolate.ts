/**
 * Layer: lockdown, isolate. A function of the program in a process of its own, in namespaces of its own: its own root file
 * system, users, processes, network. It must not know which tool makes them.
 */
import { readlinkSync } from "node:fs";
import { serialize } from "node:v8";
import type { Capability } from "../capabilities.ts";
import { IsolateFailed } from "../context/errors.ts";
import {
  bubblewrapArguments,
  type Ended,
  findBubblewrap,
  type NamespaceName,
  namespacesOf,
  runBubblewrap,
} from "./bubblewrap.ts";
import { current, type Mark, mainHook } from "./hook.ts";
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

/** What execve(2) takes for one variable (MAX_ARG_STRLEN), less the name. */
const MARK_BYTES = 128 * 1024 - 32;

/** A function of this program in a process and namespaces of its own. */
export const Isolate = {
  /**
   * Starts the program once more, in namespaces of its own; there its `mainHook` of this name runs. Resolves when that has
   * ended, however it did. Throws IsolateUnavailable where the machine makes no isolates, IsolateFailed or PathDoesNotExist
   * for wrong options; then nothing of the program has run. What this process has open is closed on exec from then on.
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
  mainHook,
};
