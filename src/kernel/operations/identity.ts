/**
 * Layer: kernel, operations. Who a process is: setuid(2), setgid(2), setgroups(2) and their kin, getpriority(2). It must not
 * know encodings.
 *
 * Deviation: a process has one user and one group: real, effective and saved are the same.
 */
import { EINVAL, EPERM } from "../../abi/errno.ts";
import type { Outcome } from "../contracts.ts";
import type { Thread } from "../process.ts";

/** Groups of one process at most (include/uapi/linux/limits.h, NGROUPS_MAX). */
export const NGROUPS_MAX = 65_536;

/** setuid(2), setresuid(2): `ids` are u32; 0xffffffff stands for "unchanged". -EPERM for anyone but the superuser. */
export function setUser(thread: Thread, ids: readonly number[]): Outcome {
  const { process } = thread;
  const { credentials } = process;
  const wanted = ids.filter((id) => id !== UNCHANGED);
  if (credentials.uid !== 0 && wanted.some((id) => id !== credentials.uid)) return -EPERM;
  const uid = ids.length > 1 && ids[1] !== UNCHANGED ? ids[1] : wanted[0];
  if (uid !== undefined) process.credentials = { ...credentials, uid };
  return 0;
}

/** setgid(2), setresgid(2). */
export function setGroup(thread: Thread, ids: readonly number[]): Outcome {
  const { process } = thread;
  const { credentials } = process;
  const wanted = ids.filter((id) => id !== UNCHANGED);
  if (credentials.uid !== 0 && wanted.some((id) => id !== credentials.gid)) return -EPERM;
  const gid = ids.length > 1 && ids[1] !== UNCHANGED ? ids[1] : wanted[0];
  if (gid !== undefined) process.credentials = { ...credentials, gid };
  return 0;
}

export function setGroups(thread: Thread, groups: readonly number[]): Outcome {
  const { process } = thread;
  if (process.credentials.uid !== 0) return -EPERM;
  if (groups.length > NGROUPS_MAX) return -EINVAL;
  process.credentials = { ...process.credentials, groups };
  return 0;
}

const UNCHANGED = 0xffff_ffff;
