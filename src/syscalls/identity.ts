/**
 * Layer: syscalls. Users and groups.
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import type { Outcome } from "../kernel/contracts.ts";
import {
  NGROUPS_MAX,
  setAllIds,
  setFileId,
  setGroups,
  setId,
  setRealAndEffective,
} from "../kernel/operations/identity.ts";
import type { Identity, Thread } from "../kernel/process.ts";

export function sys_getuid(thread: Thread): Outcome {
  return thread.process.userIdentity.real;
}

export function sys_geteuid(thread: Thread): Outcome {
  return thread.process.userIdentity.effective;
}

export function sys_getgid(thread: Thread): Outcome {
  return thread.process.groupIdentity.real;
}

export function sys_getegid(thread: Thread): Outcome {
  return thread.process.groupIdentity.effective;
}

export function sys_setuid(thread: Thread, uid: number): Outcome {
  return setId(thread, "user", uid >>> 0);
}

export function sys_setgid(thread: Thread, gid: number): Outcome {
  return setId(thread, "group", gid >>> 0);
}

export function sys_setreuid(thread: Thread, real: number, effective: number): Outcome {
  return setRealAndEffective(thread, "user", real >>> 0, effective >>> 0);
}

export function sys_setregid(thread: Thread, real: number, effective: number): Outcome {
  return setRealAndEffective(thread, "group", real >>> 0, effective >>> 0);
}

export function sys_setresuid(thread: Thread, real: number, effective: number, saved: number): Outcome {
  return setAllIds(thread, "user", real >>> 0, effective >>> 0, saved >>> 0);
}

export function sys_setresgid(thread: Thread, real: number, effective: number, saved: number): Outcome {
  return setAllIds(thread, "group", real >>> 0, effective >>> 0, saved >>> 0);
}

function putThree(thread: Thread, { real, effective, saved }: Identity, addresses: readonly number[]): Outcome {
  const { memory } = thread.process;
  if (addresses.some((address) => !memory.contains(address >>> 0, 4))) return -EFAULT;
  [real, effective, saved].forEach((id, i) => {
    memory.view.setUint32((addresses[i] ?? 0) >>> 0, id, true);
  });
  return 0;
}

export function sys_getresuid(thread: Thread, real: number, effective: number, saved: number): Outcome {
  return putThree(thread, thread.process.userIdentity, [real, effective, saved]);
}

export function sys_getresgid(thread: Thread, real: number, effective: number, saved: number): Outcome {
  return putThree(thread, thread.process.groupIdentity, [real, effective, saved]);
}

export function sys_setfsuid(thread: Thread, uid: number): Outcome {
  return setFileId(thread, "user", uid >>> 0);
}

export function sys_setfsgid(thread: Thread, gid: number): Outcome {
  return setFileId(thread, "group", gid >>> 0);
}

export function sys_getgroups(thread: Thread, size: number, address: number): Outcome {
  const { memory, credentials } = thread.process;
  const { groups } = credentials;
  if (size < 0) return -EINVAL;
  if (size === 0) return groups.length;
  if (size < groups.length) return -EINVAL;
  const at = address >>> 0;
  if (!memory.contains(at, groups.length * 4)) return -EFAULT;
  groups.forEach((group, i) => {
    memory.view.setUint32(at + i * 4, group, true);
  });
  return groups.length;
}

export function sys_setgroups(thread: Thread, size: number, address: number): Outcome {
  const { memory } = thread.process;
  if (size < 0 || size > NGROUPS_MAX) return -EINVAL;
  const at = address >>> 0;
  if (!memory.contains(at, size * 4)) return -EFAULT;
  return setGroups(
    thread,
    Array.from({ length: size }, (_, i) => memory.view.getUint32(at + i * 4, true)),
  );
}
