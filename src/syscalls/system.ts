/**
 * Layer: syscalls. The machine and its limits: uname, sysinfo, rlimits, rusage, random, capabilities.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { isSuperuser } from "../kernel/operations/identity.ts";
import { random } from "../kernel/operations/random.ts";
import type { Thread } from "../kernel/process.ts";
import { isResource, type ResourceLimit, resourceLimit, setResourceLimit } from "../kernel/resource-limits.ts";
import { MACHINE, RELEASE, SYSNAME, VERSION } from "../kernel/version.ts";

/** struct utsname: six fields of 65 bytes. */
const FIELD = 65;

export function sys_uname(thread: Thread, address: number): Outcome {
  const { memory, kernel } = thread.process;
  const at = address >>> 0;
  if (!memory.contains(at, FIELD * 6)) return -EFAULT;
  memory.bytes.fill(0, at, at + FIELD * 6);
  [SYSNAME, kernel.hostname, RELEASE, VERSION, MACHINE, "(none)"].forEach((field, i) => {
    memory.putByteString(at + i * FIELD, field.slice(0, FIELD - 1) as ByteString);
  });
  return 0;
}

/** struct sysinfo of x86-64: 112 bytes. */
const SYSINFO_BYTES = 112;
/** SI_LOAD_SHIFT of include/uapi/linux/sysinfo.h. */
const LOAD_SCALE = 65_536;

export function sys_sysinfo(thread: Thread, address: number): Outcome {
  const { memory, kernel } = thread.process;
  const at = address >>> 0;
  if (!memory.contains(at, SYSINFO_BYTES)) return -EFAULT;
  memory.bytes.fill(0, at, at + SYSINFO_BYTES);
  const { uptimeNs, load, memoryTotal, memoryUsed, fileBytes, threads } = kernel.facts.machine;
  memory.putU64(at, Math.floor(uptimeNs / 1e9));
  load.forEach((one, i) => {
    memory.putU64(at + 8 + i * 8, Math.floor(one * LOAD_SCALE));
  });
  memory.putU64(at + 32, memoryTotal);
  memory.putU64(at + 40, memoryTotal - memoryUsed);
  memory.putU64(at + 48, fileBytes);
  memory.view.setUint16(at + 80, threads, true);
  memory.view.setUint32(at + 104, 1, true);
  return 0;
}

/** Write a limit; -1 is RLIM_INFINITY. */
function putLimit(thread: Thread, { soft, hard }: ResourceLimit, address: number): void {
  const { memory } = thread.process;
  memory.putU64(address, soft === Infinity ? -1 : soft);
  memory.putU64(address + 8, hard === Infinity ? -1 : hard);
}

/** A limit in memory: all ones are no limit, and so is what no integer of ours counts exactly. */
function limitAt({ process }: Thread, address: number): number {
  const value = process.memory.i64(address);
  return value < 0 || value > Number.MAX_SAFE_INTEGER ? Infinity : value;
}

export function sys_getrlimit(thread: Thread, resource: number, address: number): Outcome {
  return sys_prlimit64(thread, 0, resource, 0, address);
}

export function sys_setrlimit(thread: Thread, resource: number, address: number): Outcome {
  return address === 0 ? -EFAULT : sys_prlimit64(thread, 0, resource, address, 0);
}

/** prlimit64(2): of oneself and, for the superuser, anybody. */
export function sys_prlimit64(thread: Thread, pid: number, resource: number, newAt: number, oldAt: number): Outcome {
  const { process } = thread;
  const { memory, kernel, credentials } = process;
  const target = pid === 0 ? process : kernel.process(pid);
  if (target === undefined) return -ESRCH;
  if (target !== process && credentials.uid !== 0 && credentials.uid !== target.credentials.uid) return -EPERM;
  if (!isResource(resource)) return -EINVAL;
  const [from, to] = [newAt >>> 0, oldAt >>> 0];
  if ((from !== 0 && !memory.contains(from, 16)) || (to !== 0 && !memory.contains(to, 16))) return -EFAULT;
  const before = resourceLimit(target, resource);
  if (from !== 0) {
    const limit = { soft: limitAt(thread, from), hard: limitAt(thread, from + 8) };
    const error = setResourceLimit(process, target, resource, limit);
    if (error < 0) return error;
  }
  if (to !== 0) putLimit(thread, before, to);
  return 0;
}

export const RUSAGE_BYTES = 144;

/** getrusage(2): CPU time, all of it as user time, and memory; everything else is zero. */
export function sys_getrusage(thread: Thread, who: number, address: number): Outcome {
  const { memory, kernel, peakMemory, childrenPeakMemory } = thread.process;
  const at = address >>> 0;
  if (who < -1 || who > 1) return -EINVAL;
  if (!memory.contains(at, RUSAGE_BYTES)) return -EFAULT;
  kernel.scheduler.charge(thread.process, thread);
  const { cpuNs, childrenCpuNs } = thread.process;
  if (who === -1) putUsage(thread, at, childrenPeakMemory, childrenCpuNs);
  else putUsage(thread, at, Math.max(peakMemory, memory.byteLength), who === 1 ? thread.cpuNs : cpuNs);
  return 0;
}

/** struct rusage with memory in bytes and CPU time, all of it in user mode; the range must have been checked. */
export function putUsage(thread: Thread, address: number, bytes: number, cpuNs: number): void {
  const { memory } = thread.process;
  memory.bytes.fill(0, address, address + RUSAGE_BYTES);
  const microseconds = Math.floor(cpuNs / 1000);
  memory.putU64(address, Math.floor(microseconds / 1e6));
  memory.putU64(address + 8, microseconds % 1e6);
  memory.putU64(address + 32, Math.floor(bytes / 1024));
}

export function sys_getrandom(thread: Thread, address: number, length: number, flags: number): Outcome {
  const { GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE } = fcntl;
  const both = GRND_RANDOM | GRND_INSECURE;
  if ((flags & ~(GRND_NONBLOCK | both)) !== 0 || (flags & both) === both) return -EINVAL;
  return random(thread, address >>> 0, length >>> 0);
}

/** personality(2): Linux's, unchanged. */
export function sys_personality(_thread: Thread, persona: number): Outcome {
  return persona === -1 || persona === 0 ? 0 : -EINVAL;
}

const CAPABILITY_VERSION_3 = 0x2008_0522;

/** capget(2): the superuser of the sandbox has all 41, everybody else none. -EFAULT, -EINVAL, -ESRCH. */
export function sys_capget(thread: Thread, header: number, data: number): Outcome {
  const { memory } = thread.process;
  const [at, to] = [header >>> 0, data >>> 0];
  if (!memory.contains(at, 8)) return -EFAULT;
  if (memory.view.getUint32(at, true) !== CAPABILITY_VERSION_3) {
    memory.view.setUint32(at, CAPABILITY_VERSION_3, true);
    return to === 0 ? 0 : -EINVAL;
  }
  if (to === 0) return 0;
  const pid = memory.view.getInt32(at + 4, true);
  if (pid < 0) return -EINVAL;
  const whose = pid === 0 ? thread.process : thread.process.kernel.process(pid);
  if (whose === undefined) return -ESRCH;
  if (!memory.contains(to, 24)) return -EFAULT;
  const all = isSuperuser(whose);
  [0xffff_ffff, 0xffff_ffff, 0, 0x1ff, 0x1ff, 0].forEach((word, i) => {
    memory.view.setUint32(to + i * 4, all ? word : 0, true);
  });
  return 0;
}
