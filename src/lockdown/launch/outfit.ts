/**
 * Layer: lockdown, launch. Everything a process is given at its start: the pipes of its frames, its command line, its
 * descriptors. It must not know which thread spawns it.
 */
import { closeSync } from "node:fs";
import { type Pair, pipe, resizePipe } from "../../host/descriptors.unsafe.ts";
import { errnoName } from "../failure.ts";
import type { Role } from "../policies.ts";
import { ENVIRONMENT, engineArguments } from "./engine-arguments.ts";
import { type AssignedDirectory, FIRST_DIRECTORY_DESCRIPTOR, type LaunchArguments } from "./launch-arguments.ts";
import type { SpawnPlan } from "./plan.ts";
import type { Stock } from "./stock.ts";
import { LaunchFailed } from "./thread.ts";

export type Outfit = {
  readonly plan: SpawnPlan;
  /** The caller's ends of the pipes on the process's 0, 1 and 2. */
  readonly ours: readonly [stdin: number, stdout: number, stderr: number];
  /** The process's ends, to be closed here when it has them. */
  readonly theirs: readonly number[];
};

export type Wanted = {
  readonly role: Role;
  readonly lock: "required" | "off";
  readonly line: number;
  readonly directories?: readonly AssignedDirectory[];
  readonly user?: number | undefined;
  readonly cpuSeconds?: number | undefined;
};

/** Bytes of the pipes that frames travel on; where an unprivileged user has used up his, the default stays. */
const UP_BYTES = 256 * 1024;
/** Down travel whole programs. */
const DOWN_BYTES = 1024 * 1024;
const NAMES = { cell: "linden-cell", fileServer: "linden-file-server" } as const;

/** Throws LaunchFailed when the caller's process has no descriptors left. */
export function outfit(stock: Stock, wanted: Wanted): Outfit {
  const [down, up, crash] = threePipes();
  if (resizePipe(down.second, DOWN_BYTES) < 0) resizePipe(down.second, UP_BYTES);
  resizePipe(up.first, UP_BYTES);
  const { role, lock, line, directories = [], user, cpuSeconds } = wanted;
  const assigned = directories.map((each, index) => ({ ...each, descriptor: FIRST_DIRECTORY_DESCRIPTOR + index }));
  const launch: LaunchArguments = {
    role,
    parent: process.pid,
    lock,
    ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
    ...(role === "cell" ? {} : { directories: assigned }),
  };
  const { text, cache } = stock.bundles[role];
  const served = directories.map(({ descriptor }) => descriptor);
  const plan: SpawnPlan = {
    // Not its path: under another user there may be no way to it. The descriptor is the caller's, closed by the exec.
    file: `/proc/self/fd/${stock.engine}`,
    argv: [NAMES[role], ...engineArguments(launch)],
    env: ENVIRONMENT,
    descriptors: [down.first, up.second, crash.second, line, text, cache, ...served],
    ...(user === undefined ? {} : { user }),
  };
  return {
    plan,
    ours: [down.second, up.first, crash.first],
    theirs: [down.first, up.second, crash.second],
  };
}

function threePipes(): [Pair, Pair, Pair] {
  const pipes: Pair[] = [];
  for (let index = 0; index < 3; index++) {
    const made = pipe();
    if (typeof made === "number") {
      for (const { first, second } of pipes) for (const descriptor of [first, second]) closeSync(descriptor);
      throw new LaunchFailed(outOfDescriptors("pipe", made));
    }
    pipes.push(made);
  }
  return pipes as [Pair, Pair, Pair];
}

export function outOfDescriptors(what: string, result: number): string {
  return `the caller's process has no descriptors left: ${what} answered ${errnoName(result)}`;
}
