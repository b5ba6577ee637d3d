/** Layer: lockdown, formats. What a policy written for many machines asks about the one it is read on. No format here. */
import { release } from "node:os";
import { type Architecture, hostArchitecture } from "../../host/call-numbers.ts";

export type Machine = {
  readonly architecture: Architecture;
  /** The capabilities the program will have at most (its bounding set), by name: "CAP_SYS_ADMIN". */
  readonly capabilities: ReadonlySet<string>;
  /** Version and revision of the kernel: 6.1 is [6, 1]. */
  readonly kernel: readonly [number, number];
};

/** This machine, for a program with these capabilities; none unless said. */
export function thisMachine(capabilities: Iterable<string> = []): Machine {
  const [, version = "0", revision = "0"] = /^([0-9]+)\.([0-9]+)/.exec(release()) ?? [];
  return {
    architecture: hostArchitecture(),
    capabilities: new Set(capabilities),
    kernel: [Number(version), Number(revision)],
  };
}
