/**
 * Layer: lockdown, launch. Main of a launcher thread, a Worker of the caller's process. It must not know what is spawned.
 */
import { parentPort } from "node:worker_threads";
import { carryOut, lockAsPlanned } from "./launching.ts";
import type { Order, ThreadPlan } from "./plan.ts";

const port = parentPort;
if (port === null) throw new Error("this file is the main of a launcher thread; it is started by Launcher");

/** The first message is the plan; orders come once the caller has heard that the thread is locked. */
port.once("message", (plan: ThreadPlan) => {
  const news = lockAsPlanned(plan);
  if (news.kind === "locked") port.on("message", (order: Order) => port.postMessage(carryOut(order, plan.lock)));
  port.postMessage(news);
});
