/**
 * Layer: host. What a thread or process can set on itself: prctl, capabilities, resource limits, its parent's number.
 * It must not know which of these a lock wants.
 */
import { fixedBytes, namedCall } from "./calls.unsafe.ts";

/** From include/uapi/linux/prctl.h. */
const PR_SET_PDEATHSIG = 1;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** From include/uapi/linux/capability.h. */
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
export const CAP_KILL = 5;
export const CAP_SETGID = 6;
export const CAP_SETUID = 7;
export const CAP_SYS_PTRACE = 19;

/** From include/uapi/asm-generic/resource.h. */
export const RLIMIT = { CPU: 0, FSIZE: 1, STACK: 3, CORE: 4, NPROC: 6, NOFILE: 7 } as const;
export const RLIM_INFINITY = (1n << 64n) - 1n;

/** prctl(PR_SET_NO_NEW_PRIVS), calling thread and its future children; cannot be undone. 0 or -errno. */
export function setNoNewPrivileges(): number {
  // SAFETY: five words by value; the kernel demands that the unused ones are 0. Calling thread only. -errno: unset
  // (kernel before 3.5). Audited 2026-11-21.
  return namedCall("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/** Whether the calling thread has no_new_privs: 1 or 0; -EINVAL where the kernel does not know it. */
export function noNewPrivileges(): number {
  // SAFETY: words by value, calling thread, changes nothing. -EINVAL: kernel before 3.5. Audited 2026-11-21.
  return namedCall("prctl", PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

/** prctl(PR_SET_PDEATHSIG): the signal this process gets when the thread that spawned it ends. 0 or -errno. */
export function setParentDeathSignal(signal: number): number {
  // SAFETY: words by value. Set on the calling thread, delivered to its process; cleared by an exec that changes
  // credentials, so it must come after the last one. -errno: bad signal number. Audited 2026-11-21.
  return namedCall("prctl", PR_SET_PDEATHSIG, signal, 0, 0, 0);
}

/** getppid(2): never fails. Another process than the expected one means that the parent is gone. */
export function parentPid(): number {
  // SAFETY: no arguments, no memory, any thread, cannot fail. Audited 2026-11-21.
  return namedCall("getppid");
}

/** gettid(2): the calling thread's number. */
export function threadId(): number {
  // SAFETY: no arguments, no memory, answers for the calling thread, cannot fail. Audited 2026-11-21.
  return namedCall("gettid");
}

/**
 * Sets soft and hard limit of a process (0: this one). 0 or -errno.
 * For another process it needs the same user, or CAP_SYS_RESOURCE.
 */
export function setResourceLimit(resource: number, soft: bigint, hard: bigint, pid = 0): number {
  const limit = fixedBytes(16);
  const words = new DataView(limit.buffer);
  words.setBigUint64(0, soft, true);
  words.setBigUint64(8, hard, true);
  // SAFETY: prlimit64 reads one struct rlimit64 (two u64, 16 bytes, live here) and writes none (old limit is null). Acts
  // on the whole process. -errno: unchanged. Audited 2026-11-21.
  return namedCall("prlimit64", pid, resource, limit, null);
}

/** Soft and hard limit of this process, or -errno. */
export function resourceLimit(resource: number): { readonly soft: bigint; readonly hard: bigint } | number {
  const limit = fixedBytes(16);
  // SAFETY: prlimit64 writes one struct rlimit64 (16 bytes, live here); the new limit is null. -errno: nothing was
  // written. Audited 2026-11-21.
  const result = namedCall("prlimit64", 0, resource, null, limit);
  if (result < 0) return result;
  const words = new DataView(limit.buffer);
  return { soft: words.getBigUint64(0, true), hard: words.getBigUint64(8, true) };
}

/**
 * Drops a capability from the calling thread's bounding set, for ever. 0 or -errno (-EPERM without CAP_SETPCAP, -EINVAL past the
 * kernel's last capability).
 */
export function dropBoundingCapability(capability: number): number {
  // SAFETY: words by value, calling thread only, inherited by what it spawns. -errno: still there. Audited 2026-11-21.
  return namedCall("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0);
}

/** Empties the calling thread's ambient set. 0 or -errno. */
export function clearAmbientCapabilities(): number {
  // SAFETY: words by value, calling thread only. -errno: kernel before 4.3. Audited 2026-11-21.
  return namedCall("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/** Gives the calling thread exactly these effective and permitted capabilities, and no inheritable ones. 0 or -errno. */
export function setCapabilities(capabilities: readonly number[]): number {
  let set = 0n;
  for (const capability of capabilities) set |= 1n << BigInt(capability);
  const header = fixedBytes(8);
  const data = fixedBytes(24);
  new DataView(header.buffer).setUint32(0, LINUX_CAPABILITY_VERSION_3, true);
  const words = new DataView(data.buffer);
  for (let word = 0; word < 2; word++) {
    const bits = Number((set >> BigInt(32 * word)) & 0xffffffffn);
    words.setUint32(12 * word, bits, true); // effective
    words.setUint32(12 * word + 4, bits, true); // permitted
    words.setUint32(12 * word + 8, 0, true); // inheritable
  }
  // SAFETY: capset reads the 8-byte header (version 3, pid 0: calling thread) and two 12-byte data words, all live here;
  // on a wrong version it writes the header's first word, which is ours. Calling thread only: the raw call does not
  // spread over the process's threads as libcap's would. -EPERM: asked for more than it had. Audited 2026-11-21.
  return namedCall("capset", header, data);
}

/** Effective, permitted and inheritable capabilities of a thread (0: the calling one), or -errno. */
export function capabilitiesOf(
  thread: number,
): { readonly effective: bigint; readonly permitted: bigint; readonly inheritable: bigint } | number {
  const header = fixedBytes(8);
  const data = fixedBytes(24);
  const words = new DataView(header.buffer);
  words.setUint32(0, LINUX_CAPABILITY_VERSION_3, true);
  words.setInt32(4, thread, true);
  // SAFETY: capget reads the 8-byte header and writes two 12-byte data words, all live here; on a wrong version it writes
  // the header's first word, which is ours. -ESRCH: no such thread, nothing was written. Audited 2026-11-22.
  const result = namedCall("capget", header, data);
  if (result < 0) return result;
  const found = new DataView(data.buffer);
  const set = (at: number) => BigInt(found.getUint32(at, true)) | (BigInt(found.getUint32(12 + at, true)) << 32n);
  return { effective: set(0), permitted: set(4), inheritable: set(8) };
}

/**
 * Runs `work` with the calling thread's file-system user and group set to `user`, then sets back what they were.
 * Needs CAP_SETUID and CAP_SETGID to have an effect; setfsuid(2) does not say whether it had one, `work` will see.
 */
export function withFileUser<T>(user: number, work: () => T): T {
  // SAFETY: words by value, calling thread only (the raw calls do not spread over the process's threads); they answer the
  // previous ids and cannot fail loudly. `work` is synchronous, so nothing else runs on this thread in between.
  // Audited 2026-11-21.
  const group = namedCall("setfsgid", user);
  const previous = namedCall("setfsuid", user);
  try {
    return work();
  } finally {
    // SAFETY: as above, with the ids found before. Audited 2026-11-21.
    namedCall("setfsuid", previous);
    namedCall("setfsgid", group);
  }
}

/**
 * Runs `work` with another real user and group, and no further groups, on this thread alone; the effective ones stay. What
 * posix_spawn starts with POSIX_SPAWN_RESETIDS has the real ones only, from its first instruction. -errno when that cannot be
 * had; `work` did not run then.
 */
export function withRealUser(user: number, work: () => number): number {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  // SAFETY: words by value (an empty list of groups has no address), calling thread only: the raw calls do not spread over
  // the process's threads. Effective and saved ids stay (-1), so the way back is open as long as the capabilities for
  // the way there are. `work` is synchronous. -errno: that step changed nothing. Audited 2026-11-22.
  const set = (call: "setresuid" | "setresgid", id: number) => namedCall(call, id, -1, -1);
  let result = namedCall("setgroups", 0, null);
  if (result < 0) return result;
  try {
    result = set("setresgid", user);
    if (result >= 0) result = set("setresuid", user);
    return result < 0 ? result : work();
  } finally {
    // A way back that is barred leaves a thread that can do less than before, and what it starts still has `user`.
    set("setresuid", uid);
    set("setresgid", gid);
  }
}

/** exit_group(2): ends this process and all its threads with a status of 0 to 255. Nothing of the engine runs any more. */
export function exitNow(status: number): never {
  // SAFETY: one word by value; does not return. Nothing is unwound and no exit handler runs, so what must be written has
  // been written before. The kernel closes descriptors and sends parent-death signals. Audited 2026-11-21.
  namedCall("exit_group", status);
  throw new Error("exit_group(2) returned");
}
