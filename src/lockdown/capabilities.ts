/**
 * Layer: lockdown. Linux's capabilities by name, who holds which, and giving them up on the calling thread. It must not know
 * why a program gives them up.
 */
import { readdirSync } from "node:fs";
import * as host from "../host/process.unsafe.ts";
import { errnoName, LockFailed } from "./failure.ts";

/** include/uapi/linux/capability.h, in the order of their numbers. */
export const CAPABILITY_NAMES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;
export type Capability = (typeof CAPABILITY_NAMES)[number];

const SETPCAP = CAPABILITY_NAMES.indexOf("CAP_SETPCAP");
const EINVAL = -22;
/** No kernel has more: _LINUX_CAPABILITY_U32S_3 words of 32. */
const SET_BITS = 64;

/** The host calls, handed in so that each can be made to fail. Results as in src/host. */
export type CapabilityCalls = {
  dropBoundingCapability(capability: number): number;
  clearAmbientCapabilities(): number;
  setCapabilities(capabilities: readonly number[]): number;
};

/** The names in a set; numbers a newer kernel has are called "capability 41". */
export function capabilityNames(set: bigint): string[] {
  const names: string[] = [];
  for (let number = 0; set >> BigInt(number) !== 0n; number++) {
    if ((set >> BigInt(number)) & 1n) names.push(CAPABILITY_NAMES[number] ?? `capability ${number}`);
  }
  return names;
}

export function capabilitySet(names: readonly Capability[]): bigint {
  return names.reduce((set, name) => set | (1n << BigInt(CAPABILITY_NAMES.indexOf(name))), 0n);
}

/** What the calling thread holds. The ambient set is within the permitted and inheritable ones. Throws LockFailed. */
export function heldByThisThread(): { readonly effective: bigint; readonly permitted: bigint; readonly held: bigint } {
  const found = host.capabilitiesOf(0);
  if (typeof found === "number") throw new LockFailed("capabilities", errnoName(found));
  return { ...found, held: found.permitted | found.inheritable };
}

/** What any thread of this process holds, or could hand to a program it executes. Throws where /proc cannot be read. */
export function heldByAnyThread(): bigint {
  let held = 0n;
  for (const task of readdirSync("/proc/self/task")) {
    const found = host.capabilitiesOf(Number(task));
    if (typeof found !== "number") held |= found.permitted | found.inheritable; // a thread that ended holds nothing
  }
  return held;
}

/**
 * Empties the bounding set but for `keep`. An ordinary user cannot, and need not: under no_new_privs no exec gives
 * capabilities. Answers whether it could; a refusal of the kernel is handed to `demand`.
 */
export function dropBoundingSet(
  effective: bigint,
  keep: bigint,
  calls: CapabilityCalls,
  demand: (step: string, result: number) => void,
): boolean {
  if (((effective >> BigInt(SETPCAP)) & 1n) === 0n) return false;
  for (let capability = 0; capability < SET_BITS; capability++) {
    if (keep !== 0n && (keep >> BigInt(capability)) & 1n) continue;
    // One that is not in the set may be dropped all the same; the first number that the kernel does not know is the end.
    const result = calls.dropBoundingCapability(capability);
    if (result === EINVAL) return true;
    demand("capability bounding set", result);
  }
  return true;
}

/** Leaves the calling thread no capability but those of `keep` that it has. A refusal is handed to `demand`, naming the step. */
export function dropCapabilities(
  keep: bigint,
  demand: (step: string, result: number) => void,
  calls: CapabilityCalls = host,
): void {
  const { effective, permitted } = heldByThisThread();
  dropBoundingSet(effective, keep, calls, demand);
  demand("ambient capabilities", calls.clearAmbientCapabilities());
  const kept = permitted & keep;
  const numbers = CAPABILITY_NAMES.map((_, number) => number).filter(
    (number) => ((kept >> BigInt(number)) & 1n) !== 0n,
  );
  demand("capabilities", calls.setCapabilities(numbers));
}
