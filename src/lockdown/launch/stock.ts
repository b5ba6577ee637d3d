/**
 * Layer: lockdown, launch. What every launch needs and opens once: the engine, the bundles, the files that Landlock must let the
 * engine have. Plain numbers, so that one thread can open it and another use it.
 */
import { closeSync, existsSync, openSync } from "node:fs";
import { openPath } from "../../host/descriptors.unsafe.ts";
import { CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_PTRACE } from "../../host/process.unsafe.ts";
import type { Role } from "../policies.ts";
import { codeCachePath, ENGINE, engineFiles } from "./engine-files.ts";
import type { LandlockRule, ThreadPlan } from "./plan.ts";
import { cellUser } from "./users.ts";

export type BundlePaths = {
  /** Path of the cell's CommonJS bundle. */
  readonly cellBundle: string;
  /** Path of the file server's CommonJS bundle. */
  readonly fileServerBundle: string;
};

/** Descriptors of a program's bundle and of its code cache. */
type Bundle = { readonly text: number; readonly cache: number };

export type Stock = {
  readonly engine: number;
  readonly bundles: Readonly<Record<Role, Bundle>>;
  readonly rules: readonly LandlockRule[];
};

/** Reads as empty: what a process without a code cache gets in its place. */
const NO_CACHE = "/dev/null";

/** Throws what opening throws; nothing stays open then. */
export function openStock(paths: BundlePaths): Stock {
  const opened: number[] = [];
  const open = (path: string): number => {
    const descriptor = openSync(path, "r");
    opened.push(descriptor);
    return descriptor;
  };
  const bundle = (path: string): Bundle => {
    const cache = codeCachePath(path);
    return { text: open(path), cache: open(existsSync(cache) ? cache : NO_CACHE) };
  };
  try {
    const engine = open(ENGINE);
    const bundles = { cell: bundle(paths.cellBundle), fileServer: bundle(paths.fileServerBundle) };
    const rules: LandlockRule[] = [{ descriptor: engine, grant: "execute" }];
    for (const { path, grant } of engineFiles(engine)) {
      const descriptor = openPath(path);
      if (descriptor < 0) continue; // no loader cache on this system, say: what is absent needs no rule
      opened.push(descriptor);
      rules.push({ descriptor, grant });
    }
    return { engine, bundles, rules };
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor);
    throw error;
  }
}

export function closeStock({ bundles, rules }: Stock): void {
  const texts = Object.values(bundles).flatMap(({ text, cache }) => [text, cache]);
  for (const descriptor of [...texts, ...rules.map(({ descriptor }) => descriptor)]) closeSync(descriptor);
}

/** How a thread that launches cells locks itself. */
export function planForCells({ rules }: Stock, lock: "required" | "off"): ThreadPlan {
  // What a root needs to make processes of another user, to end them and to look at them.
  const keep = cellUser() === undefined ? [] : [CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_SYS_PTRACE];
  return { lock: lock === "required", rules, canary: "/", keep };
}
