/** Layer: sandbox. The public API of the package `linden`. */

export { diagnose, type Finding } from "./diagnosis.ts";
export * from "./errors.ts";
export type { FileData, FileEntry, FileStat, Files } from "./files.ts";
export type { CallerLimit, ExitResult, RunStats } from "./guest-process.ts";
export { loadProgram } from "./load-program.ts";
export type { LoadedProgram } from "./modules.ts";
export type { LimitOptions, Mount, SandboxOptions } from "./options.ts";
export { SandboxPool } from "./pool.ts";
export { type InstalledGuest, installedGuests } from "./programs.ts";
export type { Input, RunOptions, SpawnOptions, WindowSize } from "./run-options.ts";
export { type RunResult, Sandbox } from "./sandbox.ts";
export type { SandboxProcess } from "./sandbox-process.ts";
export { escapeText } from "./text.ts";
export type { Duration, Size } from "./units.ts";
