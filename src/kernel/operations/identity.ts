/**
 * Layer: kernel, operations. Who a process is: setuid(2), setreuid(2), setresuid(2), setfsuid(2), their kin for groups, and
 * setgroups(2), as credentials(7) has them. Effective user 0 has all capabilities. It must not know encodings.
 */
import { EINVAL, EPERM } from "../../abi/errno.ts";
import type { Outcome } from "../contracts.ts";
import type { Identity, Process, Thread } from "../process.ts";

/** Groups of one process at most (include/uapi/linux/limits.h, NGROUPS_MAX). */
export const NGROUPS_MAX = 65_536;

/** Users or groups: the rules are the same. */
export type Kind = "user" | "group";

/** Stands for "as it is" in a list of numbers, all u32. */
export const UNCHANGED = 0xffff_ffff;

/** setuid(2), setgid(2): all three for the superuser, else the effective one, to the real or the saved. -EPERM, -EINVAL. */
export function setId(thread: Thread, kind: Kind, id: number): Outcome {
  if (id === UNCHANGED) return -EINVAL;
  const { process } = thread;
  const now = identityOf(process, kind);
  if (isSuperuser(process)) return take(process, kind, { real: id, effective: id, saved: id });
  if (id !== now.real && id !== now.saved) return -EPERM;
  return take(process, kind, { ...now, effective: id });
}

/** setreuid(2), setregid(2). -EPERM. */
export function setRealAndEffective(thread: Thread, kind: Kind, real: number, effective: number): Outcome {
  const { process } = thread;
  const now = identityOf(process, kind);
  if (!isSuperuser(process)) {
    if (real !== UNCHANGED && real !== now.real && real !== now.effective) return -EPERM;
    if (effective !== UNCHANGED && !isOneOf(now, effective)) return -EPERM;
  }
  const next = { ...now };
  if (real !== UNCHANGED) next.real = real;
  if (effective !== UNCHANGED) next.effective = effective;
  const anew = real !== UNCHANGED || (effective !== UNCHANGED && effective !== now.real);
  return take(process, kind, anew ? { ...next, saved: next.effective } : next);
}

/** setresuid(2), setresgid(2). -EPERM. */
export function setAllIds(thread: Thread, kind: Kind, real: number, effective: number, saved: number): Outcome {
  const { process } = thread;
  const now = identityOf(process, kind);
  const wanted = [real, effective, saved].filter((id) => id !== UNCHANGED);
  if (!isSuperuser(process) && !wanted.every((id) => isOneOf(now, id))) return -EPERM;
  return take(process, kind, {
    real: real === UNCHANGED ? now.real : real,
    effective: effective === UNCHANGED ? now.effective : effective,
    saved: saved === UNCHANGED ? now.saved : saved,
  });
}

/** setfsuid(2), setfsgid(2): the one before, whether or not it changed. */
export function setFileId(thread: Thread, kind: Kind, id: number): Outcome {
  const { process } = thread;
  const { credentials } = process;
  const before = kind === "user" ? credentials.uid : credentials.gid;
  const may = isSuperuser(process) || id === before || isOneOf(identityOf(process, kind), id);
  if (id === UNCHANGED || !may) return before;
  process.credentials = kind === "user" ? { ...credentials, uid: id } : { ...credentials, gid: id };
  if (id !== before) becomeAnother(process);
  return before;
}

/** setgroups(2). -EPERM, -EINVAL. */
export function setGroups(thread: Thread, groups: readonly number[]): Outcome {
  const { process } = thread;
  if (!isSuperuser(process)) return -EPERM;
  if (groups.length > NGROUPS_MAX) return -EINVAL;
  process.credentials = { ...process.credentials, groups };
  return 0;
}

/** Whether a process may do what Linux asks a capability for. */
export function isSuperuser({ userIdentity }: Process): boolean {
  return userIdentity.effective === 0;
}

function identityOf(process: Process, kind: Kind): Identity {
  return kind === "user" ? process.userIdentity : process.groupIdentity;
}

function isOneOf({ real, effective, saved }: Identity, id: number): boolean {
  return id === real || id === effective || id === saved;
}

/** It still holds what was the old one's, so nobody looks into it, and no parent sends it a signal by its end (commit_creds()). */
function becomeAnother(process: Process): void {
  process.dumpable = false;
  process.parentDeathSignal = 0;
}

/** Files are accessed as the effective one. */
function take(process: Process, kind: Kind, next: Identity): Outcome {
  const { uid, gid } = process.credentials;
  const before = identityOf(process, kind).effective;
  if (next.effective !== before || next.effective !== (kind === "user" ? uid : gid)) becomeAnother(process);
  if (kind === "user") {
    process.userIdentity = next;
    process.credentials = { ...process.credentials, uid: next.effective };
  } else {
    process.groupIdentity = next;
    process.credentials = { ...process.credentials, gid: next.effective };
  }
  return 0;
}
