/**
 * Layer: lockdown, jail. What the stage gives up, on its main thread, right before it becomes the program. Throws LockFailed
 * naming the step. It must not know mounts.
 */
import {
  raiseAmbient,
  secureBits,
  setCapabilitySets,
  setGroupIds,
  setGroups,
  setSecureBits,
  setUserIds,
} from "../../host/credentials.unsafe.ts";
import * as host from "../../host/process.unsafe.ts";
import { CAPABILITY_NAMES, capabilityNames, dropBoundingSet, heldByThisThread } from "../capabilities.ts";
import { demand, LockFailed } from "../failure.ts";
import type { JailPlan } from "./plan.ts";

/** include/uapi/linux/securebits.h: NOROOT, NO_SETUID_FIXUP, KEEP_CAPS, each followed by its lock. */
const SECURE_BITS = 0b111111;
const NOROOT_LOCKED = 0b000011;

export function setLimits(plan: JailPlan): void {
  for (const { resource, soft, hard } of plan.limits) {
    demand(`resource limit ${resource}`, host.setResourceLimit(resource, BigInt(`0x${soft}`), BigInt(`0x${hard}`)));
  }
}

/** Ids and capabilities; securebits first, for changing the user would take all capabilities otherwise. */
export function dropPrivileges(plan: JailPlan): void {
  const { capabilities } = plan;
  const keep = BigInt(`0x${capabilities?.keep ?? "0"}`);
  const before = heldByThisThread();
  if (capabilities !== undefined) lockSecureBits(capabilities.skipBits);
  if (plan.groups !== "keep") {
    const changes = plan.user !== undefined || plan.group !== undefined;
    if (plan.groups !== undefined) demand("supplementary groups", setGroups(plan.groups));
    else if (changes) demand("supplementary groups", setGroups([]));
  }
  if (plan.group !== undefined) demand(`group ${plan.group}`, setGroupIds(plan.group));
  if (plan.user !== undefined) demand(`user ${plan.user}`, setUserIds(plan.user));
  if (capabilities === undefined) {
    // unshare(1) handed all of a user namespace's capabilities down by the ambient set.
    if (!plan.namespaces.includes("user")) return;
    demand("ambient capabilities", host.clearAmbientCapabilities());
    const now = heldByThisThread();
    demand("inheritable capabilities", setCapabilitySets(now.effective, now.permitted, 0n));
    return;
  }
  const missing = keep & ~before.permitted;
  if (missing !== 0n)
    throw new LockFailed("capabilities", `this process has no ${capabilityNames(missing).join(", ")} to keep`);
  demand("ambient capabilities", host.clearAmbientCapabilities());
  const mayDrop = dropBoundingSet(before.effective, keep, host, demand);
  if (!mayDrop && !plan.noNewPrivileges) {
    throw new LockFailed("capability bounding set", "it cannot be narrowed without CAP_SETPCAP; -n makes it needless");
  }
  demand("capabilities", setCapabilitySets(keep, keep, keep));
  if (capabilities.ambient) {
    for (const [number, name] of CAPABILITY_NAMES.entries()) {
      if (((keep >> BigInt(number)) & 1n) !== 0n) demand(`ambient ${name}`, raiseAmbient(number));
    }
  }
}

function lockSecureBits(skip: number): void {
  const now = secureBits();
  if (now < 0) demand("securebits", now);
  const wanted = (now | SECURE_BITS) & ~(skip & ~now);
  if (wanted === now) return;
  const result = setSecureBits(wanted);
  // Without CAP_SETPCAP there is no capability to keep from root either: nothing is lost, unless the user is root.
  if (result === 0) return;
  if ((wanted & NOROOT_LOCKED) === 0 || process.geteuid?.() === 0) demand("securebits", result);
}
