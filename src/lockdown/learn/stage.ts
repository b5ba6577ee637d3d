/**
 * Layer: lockdown, learn. Main of the process that becomes the program to be learned from: lays the listening filter on itself
 * and executes the program. It must not know who listens.
 *
 * argv: the program's file, then its arguments from its name on.
 */

import { writeSync } from "node:fs";
import { installListener, restoreBrokenPipeSignal } from "../../host/notifications.unsafe.ts";
import { exitNow, setNoNewPrivileges } from "../../host/process.unsafe.ts";
import { errnoName } from "../failure.ts";
import { listeningFilter } from "./listening.ts";

const CANNOT = 125;

function become([file = "", ...argv]: readonly string[]): string {
  const execve = process.execve;
  if (typeof execve !== "function") return "this Node has no process.execve (22.15 or newer)";
  // The experimental warning is of no use to whoever runs the program.
  process.emitWarning = () => {};
  const restored = restoreBrokenPipeSignal();
  if (restored !== 0) return `rt_sigaction: ${errnoName(restored)}`;
  const set = setNoNewPrivileges();
  if (set !== 0) return `no_new_privs: ${errnoName(set)}`;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  const listener = installListener(listeningFilter(), false);
  if (listener < 0) return `seccomp notifications: ${errnoName(listener)}`;
  execve(file, argv, env);
  return `${file} could not be executed`;
}

// A listener that is there already hears every call from here on: the two last ones are enough.
writeSync(2, `linden: learn: ${become(process.argv.slice(2))}\n`);
exitNow(CANNOT);
