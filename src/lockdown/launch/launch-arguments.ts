/**
 * Layer: lockdown, launch. What a launched process is told: in its only argument, never through the environment. Written
 * by the launcher, read by the mains of cell and file server.
 */
import type { Role } from "../policies.ts";

/** Descriptors every launched process starts with. 0 to 2 are its frames and its crash text. */
export const LINE_DESCRIPTOR = 3;
export const BUNDLE_DESCRIPTOR = 4;
/** V8's code cache of the bundle; empty when there is none. */
export const CACHE_DESCRIPTOR = 5;
/** The first served directory of a file server. */
export const FIRST_DIRECTORY_DESCRIPTOR = 6;

export type LaunchArguments = {
  readonly role: Role;
  /** The process that launched this one. */
  readonly parent: number;
  readonly lock: "required" | "off";
  readonly cpuSeconds?: number;
  /** File server only: its directories (or single files), open as O_PATH. */
  readonly directories?: readonly AssignedDirectory[];
};

/** One directory of a file server. */
export type AssignedDirectory = {
  readonly descriptor: number;
  readonly readOnly: boolean;
  /** Where it is on the host, for the rules of policies/host-execution.json: its names count as above every path. */
  readonly path?: string;
  /** Names of such rules that are switched off. */
  readonly allow?: readonly string[];
};

/** The arguments of this process. Throws when it was not started by a launcher. */
export function launchArguments(): LaunchArguments {
  const text = process.argv[1];
  if (text === undefined || !text.startsWith("{")) throw new Error("this program is started by Linden's launcher only");
  return JSON.parse(text) as LaunchArguments;
}
