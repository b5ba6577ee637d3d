/** Layer: lockdown, launch. What other rooms use of it. */

export { type Ahead, launchAhead, obey } from "./ahead.ts";
export { endAtOnce } from "./ending.ts";
export { type ExitStatus, LaunchedProcess } from "./launched-process.ts";
export { type LaunchedCell, Launcher, type LauncherOptions, type ServedDirectory } from "./launcher.ts";
export { LaunchFailed } from "./thread.ts";
export type { LockReport } from "./verification.ts";
