/** Layer: lockdown. Reads what the kernel says about a task in /proc. It must not know what is expected there. */
import { readFileSync } from "node:fs";

/** A task's credentials and lock state, from /proc/PID/task/TID/status (proc_pid_status(5)). */
export type TaskStatus = {
  readonly task: number;
  /** Real, effective, saved and file-system user. */
  readonly users: readonly number[];
  readonly groups: readonly number[];
  readonly supplementary: readonly number[];
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
  readonly noNewPrivileges: number;
  readonly seccomp: number;
  readonly filters: number;
};

/** Reads a status file. Throws ENOENT when the task is gone. */
export function taskStatus(path: string): TaskStatus {
  const fields = new Map<string, string>();
  for (const line of readFileSync(path, "latin1").split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const text = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw new Error(`${path} has no line "${name}"; the kernel is too old to verify a lock`);
    return value;
  };
  const list = (name: string): number[] => text(name).split(/\s+/).filter(Boolean).map(Number);
  const set = (name: string): bigint => BigInt(`0x${text(name)}`);
  return {
    task: Number(text("Pid")),
    users: list("Uid"),
    groups: list("Gid"),
    supplementary: list("Groups"),
    inheritable: set("CapInh"),
    permitted: set("CapPrm"),
    effective: set("CapEff"),
    bounding: set("CapBnd"),
    ambient: set("CapAmb"),
    noNewPrivileges: Number(text("NoNewPrivs")),
    seccomp: Number(text("Seccomp")),
    filters: Number(text("Seccomp_filters")),
  };
}
