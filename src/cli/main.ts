/**
 * Layer: cli. The command `linden`. What takes longest to start a program is booting its cell, so a command that wants one
 * launches it from here, before anything else is loaded, and is carried out by a second thread meanwhile. This file is built
 * as CommonJS, which Node starts milliseconds earlier. Only this room prints or exits.
 */
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { launchAhead, obey } from "../lockdown/launch/ahead.ts";
import { startThreadPool } from "../lockdown/launch/thread-boot.ts";
import { bundlePaths } from "../sandbox/bundles.ts";

/** What a command's thread starts with. */
export interface CommandData {
  readonly argv: readonly string[];
  /** To the thread that launches. */
  readonly port: MessagePort;
}

const EXIT_LINDEN = 125;
const argv = process.argv.slice(2);

/** Whether a locked cell will be wanted, and this process is nobody's object of study: a debugger and profiles follow one thread. */
function wantsCell(): boolean {
  if (argv[0] !== "run" && argv[0] !== "shell") return false;
  const observed = (process.env.NODE_V8_COVERAGE ?? process.env.NODE_OPTIONS) !== undefined;
  const options = process.execArgv.filter((option) => !/^--($|disable-warning=|v8-pool-size=)/.test(option));
  // An older Node has no node:ffi: it gets one clear sentence from the API.
  return (
    !observed &&
    options.length === 0 &&
    !argv.includes("--unsafe-no-lock") &&
    isBuiltin("node:ffi") &&
    standsSomewhere()
  );
}

/** A thread cannot be started from a directory that is gone; the command itself says so in a line. */
function standsSomewhere(): boolean {
  try {
    return process.cwd() !== "";
  } catch {
    return false;
  }
}

function carryOutAhead(): void {
  // Whatever this thread starts from now on would be locked with it.
  void startThreadPool();
  const { port1, port2 } = new MessageChannel();
  const data: CommandData = { argv, port: port2 };
  const command = new Worker(threadFile(), {
    workerData: data,
    transferList: [port2],
    name: "linden command",
    // It writes to the descriptors themselves. Joined to this thread's streams it would make these, and a pipe non-blocking.
    stdout: true,
    stderr: true,
    trackUnmanagedFds: false,
  });
  command.on("message", (signal: NodeJS.Signals) => process.on(signal, () => command.postMessage(signal)));
  command.on("error", (error) => {
    process.stderr.write(`linden: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(EXIT_LINDEN);
  });
  command.on("exit", () => process.exit(EXIT_LINDEN));
  command.postMessage(launchAhead(bundlePaths()));
  obey(port1);
}

/** The thread's main stands beside this file, as source and as a bundle. */
function threadFile(): string {
  return join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "command-thread.ts" : "command-thread.cjs");
}

async function carryOut(): Promise<void> {
  const { main } = await import("./commands.ts");
  process.exit(await main(argv, undefined));
}

if (wantsCell()) carryOutAhead();
else void carryOut();
