/**
 * Layer: cli. Main of the thread that carries out a command whose first cell the process's main thread launches (main.ts).
 * The first message is what was launched, or undefined; every later one names a signal (signals.ts).
 */
import { parentPort, workerData } from "node:worker_threads";
import { endAtOnce } from "../lockdown/launch/ending.ts";
import type { CommandData } from "./main.ts";

const { argv, port } = workerData as CommandData;
const commands = import("./commands.ts");
parentPort?.once("message", async (ahead) => {
  const { main } = await commands;
  endAtOnce(await main(argv, ahead === undefined ? undefined : { ahead, port }));
});
