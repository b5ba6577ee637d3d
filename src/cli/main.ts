#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --
/**
 * Layer: cli. The command `linden`. What takes longest to start a program is booting the launcher thread and then the
 * cell, so the thread boots before anything else is even loaded; and this file is built as CommonJS, which Node starts
 * milliseconds earlier. Only this room prints or exits.
 */
import { isBuiltin } from "node:module";
import { bootThread } from "../lockdown/launch/thread-boot.ts";

const argv = process.argv.slice(2);
// An older Node has no node:ffi: it gets one clear sentence from the API, and the ordinary way out.
const thread = (argv[0] === "run" || argv[0] === "shell") && isBuiltin("node:ffi") ? bootThread() : undefined;

async function start(): Promise<void> {
  const { main, endAtOnce } = await import("./commands.ts");
  const status = await main(argv, thread);
  // Coverage and profiles are written while the engine is taken down.
  const observed = (process.env.NODE_V8_COVERAGE ?? process.env.NODE_OPTIONS) !== undefined;
  if (thread === undefined || observed) process.exit(status);
  endAtOnce(status);
}

void start();
