/**
 * Layer: lockdown, launch. For a command whose start is waited for: its main thread locks itself and launches the first cell
 * before anything else is loaded; what the command does then is done by another thread of it. It must not know what
 * that is (docs/decisions/0027-the-main-thread-launches.md).
 */
import { closeSync } from "node:fs";
import type { MessagePort } from "node:worker_threads";
import { socketPair } from "../../host/descriptors.unsafe.ts";
import { carryOut, lockAsPlanned, spawnAsPlanned } from "./launching.ts";
import { type Outfit, outfit } from "./outfit.ts";
import type { Order, ThreadReport } from "./plan.ts";
import { type BundlePaths, closeStock, openStock, planForCells, type Stock } from "./stock.ts";
import { cellUser } from "./users.ts";

/** A cell that was launched before anybody asked for it: descriptors and numbers of this process. */
export type CellAhead = {
  readonly pid: number;
  readonly ours: Outfit["ours"];
  readonly line: number;
  readonly user: number | undefined;
};

/** What the launching thread hands to the one that goes on: plain data. */
export type Ahead = { readonly stock: Stock; readonly report: ThreadReport; readonly cell: CellAhead };

/**
 * Locks the calling thread for ever and launches a cell from it. Undefined when any of that is not to be had: launching in the
 * ordinary way will then say why.
 *
 * Precondition: libuv's pool runs, and so does every thread that must stay free.
 */
export function launchAhead(paths: BundlePaths): Ahead | undefined {
  try {
    const stock = openStock(paths);
    const cell = launchFrom(stock);
    if (cell === undefined) closeStock(stock);
    return cell && { stock, ...cell };
  } catch {
    return undefined;
  }
}

/** Carries out the orders that come to the thread that launchAhead has locked. */
export function obey(port: MessagePort): void {
  port.on("message", (order: Order) => port.postMessage(carryOut(order, true)));
}

function launchFrom(stock: Stock): Omit<Ahead, "stock"> | undefined {
  const line = socketPair();
  if (typeof line === "number") return undefined;
  const user = cellUser();
  const plan = planForCells(stock, "required");
  const { plan: spawn, ours, theirs } = outfit(stock, { role: "cell", lock: "required", line: line.second, user });
  const locked = lockAsPlanned(plan);
  const pid = locked.kind === "locked" ? spawnAsPlanned(spawn, true) : undefined;
  for (const descriptor of [...theirs, line.second]) closeSync(descriptor);
  if (locked.kind === "locked" && typeof pid === "number") {
    return { report: locked.report, cell: { pid, ours, line: line.first, user } };
  }
  for (const descriptor of [...ours, line.first]) closeSync(descriptor);
  return undefined;
}
