/** Layer: lockdown, launch. What other rooms use of it. */

export { endAtOnce } from "./ending.ts";
export { LaunchedProcess } from "./launched-process.ts";
export { type LaunchedCell, Launcher, type LauncherOptions, type ServedDirectory } from "./launcher.ts";
export { type ExitStatus, LaunchFailed } from "./thread.ts";
export { type BootingThread, bootThread } from "./thread-boot.ts";
export type { LockReport } from "./verification.ts";
