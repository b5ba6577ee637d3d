/** Layer: lockdown, launch. What other rooms use of it. */
export { LaunchedProcess } from "./launched-process.ts";
export { type LaunchedCell, Launcher, type LauncherOptions, type ServedDirectory } from "./launcher.ts";
export { type ExitStatus, LaunchFailed } from "./thread.ts";
export { bootThread } from "./thread-boot.ts";
export type { LockReport } from "./verification.ts";
