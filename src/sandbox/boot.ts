/** Layer: sandbox. What a cell is told first: mounts and limits of its kernel. It must not know what runs in it later. */
import { type BootRequest, DOWN, UP } from "../wire/frames.ts";
import type { CellLink } from "./cell-link.ts";
import { within } from "./cell-start.ts";
import type { HostMount, Policy } from "./options.ts";
import { toBytes } from "./text.ts";

/** Where guests' support files lie. */
export const SUPPORT = "/run/linden";
const SUPPORT_BYTES = 1024 * 1024;
const SUPPORT_INODES = 128;
/** What a cell boots as. `served`: the mounts that its file server has, in that server's order. */
export function bootRequest(policy: Policy, served: readonly HostMount[]): BootRequest {
  const { memoryBytes, descriptors, processes, fsBytes, fsInodes } = policy.limits;
  const support = {
    kind: "memory",
    at: toBytes(SUPPORT, "mounts"),
    bytes: SUPPORT_BYTES,
    inodes: SUPPORT_INODES,
    readOnly: false,
  } as const;
  const mounted = policy.mounts.filter((mount) => mount.kind === "memory" || served.includes(mount));
  const mounts = mounted.map((mount) => {
    const at = toBytes(mount.at, "mounts");
    if (mount.kind === "memory") return { ...mount, at, inodes: fsInodes };
    const { kind, overlay } = mount;
    const index = served.indexOf(mount);
    return overlay === undefined
      ? { kind, at, index, readOnly: mount.readOnly }
      : { kind, at, index, readOnly: false, overlay };
  });
  return {
    mounts: [support, ...mounts],
    env: [],
    limits: { memoryBytes, descriptors, processes, fsBytes, fsInodes },
    rootReadOnly: policy.readOnly && policy.images.length === 0,
    hostname: policy.hostname,
  };
}

/** Resolves when the cell's kernel stands. Until something runs in it, or its files are used, it may be booted anew. */
export function sendBoot(link: CellLink, payload: BootRequest): Promise<void> {
  const booted = within(link, link.expect(UP.BOOTED), "booted");
  link.send({ type: DOWN.BOOT, channel: 0, payload });
  return booted;
}
