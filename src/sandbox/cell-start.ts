/**
 * Layer: sandbox. A cell from its launch to the first program in it. It must not know sandboxes.
 */
import { UP } from "../wire/frames.ts";
import { CellLink } from "./cell-link.ts";
import { CellViolation, LockUnavailable, SandboxDied } from "./errors.ts";
import type { CellLauncher, LockedProcess } from "./launcher.ts";
import { type LoadedProgram, sendModule } from "./modules.ts";
import type { Policy } from "./options.ts";
import type { Services } from "./services.ts";

/** Milliseconds a cell has to lock itself, and to build its kernel. */
const START_MS = 30_000;

export type CellOptions = {
  readonly lock: Policy["lock"];
  readonly cpuSeconds?: number | undefined;
  /** Sends what the cell is to do first, once it is locked: it waits in the pipe. Nothing of a guest's. */
  readonly ahead?: (link: CellLink) => void;
};

/** Launch a cell, wait until it is locked, and verify that from outside. */
export async function startCell(launcher: CellLauncher, { lock, cpuSeconds, ahead }: CellOptions): Promise<CellLink> {
  const link = new CellLink(await launcher.launch(lock, cpuSeconds));
  let ready = false;
  try {
    const locked = within(link, link.expect(UP.READY), "locked");
    ahead?.(link);
    await locked;
    ready = true;
    await link.cell.verify();
    // Killed meanwhile, for what it said.
    if (link.error !== undefined) throw link.error;
    return link;
  } catch (error) {
    const earlier = link.error;
    await link.close("it was not locked");
    // There was nothing left to verify.
    if (ready && earlier !== undefined) throw earlier;
    if (lock === "off" || !(error instanceof SandboxDied) || error instanceof CellViolation) throw error;
    // Until READY the cell has done nothing but lock itself.
    throw new LockUnavailable(`${error.message}. "linden doctor" tells what this machine can give`, { cause: error });
  }
}

/** What a second cell that rewrites for a sandbox is held to. */
export type SecondCell = {
  /** Its RLIMIT_CPU; undefined for none. */
  readonly cpuSeconds: number | undefined;
  /** Told of it once it is locked. */
  started(cell: LockedProcess): void;
};

/**
 * Send a program to a cell: its channel there. What is not in the cache yet gets there through a cell that has met
 * nothing else: this one, or a second one made for it.
 */
export async function sendProgram(
  services: Services,
  lock: Policy["lock"],
  link: CellLink,
  loaded: LoadedProgram,
  second?: SecondCell,
): Promise<number> {
  const { launcher, cache } = services;
  if (!loaded.rewritten && !link.fresh && (await cache.problem()) === undefined) {
    const apart = await startCell(launcher, { lock, cpuSeconds: second?.cpuSeconds });
    second?.started(apart.cell);
    // Nobody waits for it any more when the sandbox is gone.
    link.ended.then(() => apart.close("the sandbox was closed"));
    try {
      await sendModule(apart, loaded, cache);
    } finally {
      await apart.close("the module is rewritten");
    }
  }
  return sendModule(link, loaded, cache);
}

/** Wait for a step of the start, and not for ever. */
export async function within(link: CellLink, step: Promise<void>, what: string): Promise<void> {
  const timer = setTimeout(
    () => link.fail(new SandboxDied(`the cell was not ${what} within ${START_MS} ms`)),
    START_MS,
  );
  try {
    await step;
  } finally {
    clearTimeout(timer);
  }
}
