/**
 * Layer: lockdown, launch. What the caller and a thread that launches for it say to each other: plain data, no logic.
 */
import type { Grant } from "../landlock.ts";

export type LandlockRule = { readonly descriptor: number; readonly grant: Grant };

/** How a launching thread locks itself before it may spawn. Descriptors are the caller's process's. */
export type ThreadPlan = {
  /** False: the thread stays as it is (lock "off"). */
  readonly lock: boolean;
  readonly rules: readonly LandlockRule[];
  /** A directory the thread can open before Landlock and must not be able to open after; null: none is outside the rules. */
  readonly canary: string | null;
  /** Capabilities the thread keeps if it has them: those it needs to spawn under another user. Its children get none. */
  readonly keep: readonly number[];
};

/** What a locked launching thread measured. Children are expected to show one filter more, after their own lock. */
export type ThreadReport = {
  readonly landlock: number;
  readonly filters: number;
  readonly boundingDropped: boolean;
  readonly canary: boolean;
};

/** One process to start. */
export type SpawnPlan = {
  readonly file: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What become its descriptors 0, 1, 2 … */
  readonly descriptors: readonly number[];
  /** User and group to become; the caller's when absent. */
  readonly user?: number;
};

export type Order =
  | { readonly kind: "spawn"; readonly id: number; readonly plan: SpawnPlan }
  /** Ask the kernel whether these tasks are inside the thread's Landlock domain. */
  | {
      readonly kind: "witness";
      readonly id: number;
      readonly pid: number;
      readonly tasks: readonly number[];
      readonly user?: number;
    };

export type News =
  | { readonly kind: "locked"; readonly report: ThreadReport }
  | { readonly kind: "failed"; readonly step: string; readonly message: string }
  | { readonly kind: "spawned"; readonly id: number; readonly pid: number }
  | { readonly kind: "refused"; readonly id: number; readonly message: string }
  /** `outside`: tasks the kernel would not let the thread look at: they are not in its domain. */
  | { readonly kind: "witnessed"; readonly id: number; readonly outside: readonly number[] };
