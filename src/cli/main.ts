#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --
/**
 * Layer: cli. The command `linden`. What takes longest to start a program is booting the launcher thread and then the
 * cell, so the thread boots before anything else is even loaded. Only this room prints or exits.
 */
import { bootThread } from "../lockdown/launch/thread-boot.ts";

const argv = process.argv.slice(2);
const thread = argv[0] === "run" ? bootThread() : undefined;
const { main, endAtOnce } = await import("./commands.ts");
const status = await main(argv, thread);
if (thread === undefined) process.exit(status);
endAtOnce(status);
