/**
 * Layer: syscalls. The machine and its limits: uname, sysinfo, rlimits, rusage, random, capabilities.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { random } from "../kernel/operations/random.ts";
import type { Thread } from "../kernel/process.ts";
import { MEMORY_BYTES } from "../limits.ts";

/** struct utsname: six fields of 65 bytes. */
const FIELD = 65;
/** The Linux whose calls these are, as programs compare versions. */
const RELEASE = "6.12.0-linden";

export function sys_uname(thread: Thread, address: number): Outcome {
  const { memory, kernel } = thread.process;
  const at = address >>> 0;
  if (!memory.contains(at, FIELD * 6)) return -EFAULT;
  memory.bytes.fill(0, at, at + FIELD * 6);
  ["Linux", kernel.hostname, RELEASE, "#1 Linden", "wasm32", "(none)"].forEach((field, i) => {
    memory.putByteString(at + i * FIELD, field.slice(0, FIELD - 1) as ByteString);
  });
  return 0;
}

/** struct sysinfo of x86-64: 112 bytes. */
const SYSINFO_BYTES = 112;

export function sys_sysinfo(thread: Thread, address: number): Outcome {
  const { memory, kernel } = thread.process;
  const at = address >>> 0;
  if (!memory.contains(at, SYSINFO_BYTES)) return -EFAULT;
  memory.bytes.fill(0, at, at + SYSINFO_BYTES);
  memory.putU64(at, Math.floor(kernel.host.clock.monotonicNs() / 1e9));
  memory.putU64(at + 32, MEMORY_BYTES);
  memory.putU64(at + 40, Math.max(0, MEMORY_BYTES - memory.byteLength));
  memory.view.setUint16(at + 80, kernel.processes.length, true);
  memory.view.setUint32(at + 104, 1, true);
  return 0;
}

/** include/uapi/asm-generic/resource.h */
const RLIMIT_STACK = 3;
const RLIMIT_CORE = 4;
const RLIMIT_NPROC = 6;
const RLIMIT_NOFILE = 7;
const RLIM_NLIMITS = 16;
const STACK_BYTES = 8 * 1024 * 1024;

/** Write one limit, soft and hard alike; -1 is RLIM_INFINITY. */
function putLimit(thread: Thread, resource: number, address: number): void {
  const { memory, descriptors, kernel } = thread.process;
  const limits = new Map([
    [RLIMIT_STACK, STACK_BYTES],
    [RLIMIT_CORE, 0],
    [RLIMIT_NPROC, kernel.limits.processes],
    [RLIMIT_NOFILE, descriptors.limit],
  ]);
  const limit = limits.get(resource) ?? -1;
  memory.putU64(address, limit);
  memory.putU64(address + 8, limit);
}

export function sys_getrlimit(thread: Thread, resource: number, address: number): Outcome {
  return sys_prlimit64(thread, 0, resource, 0, address);
}

export function sys_setrlimit(thread: Thread, resource: number, address: number): Outcome {
  return address === 0 ? -EFAULT : sys_prlimit64(thread, 0, resource, address, 0);
}

/** prlimit64(2): a new limit is checked and not used; the sandbox's own limits hold. */
export function sys_prlimit64(thread: Thread, pid: number, resource: number, newAt: number, oldAt: number): Outcome {
  const { memory, kernel } = thread.process;
  if (pid !== 0 && pid !== thread.process.pid) return kernel.process(pid) === undefined ? -ESRCH : -EPERM;
  if (resource < 0 || resource >= RLIM_NLIMITS) return -EINVAL;
  const [from, to] = [newAt >>> 0, oldAt >>> 0];
  if ((from !== 0 && !memory.contains(from, 16)) || (to !== 0 && !memory.contains(to, 16))) return -EFAULT;
  if (from !== 0) {
    const [soft, hard] = [unsigned(memory.i64(from)), unsigned(memory.i64(from + 8))];
    if (soft > hard) return -EINVAL;
  }
  if (to !== 0) putLimit(thread, resource, to);
  return 0;
}

function unsigned(value: number): number {
  return value < 0 ? value + 2 ** 64 : value;
}

export const RUSAGE_BYTES = 144;

/** getrusage(2): CPU time of the whole cell as user time, and memory; everything else, and children's time, is zero. */
export function sys_getrusage(thread: Thread, who: number, address: number): Outcome {
  const { memory, kernel, peakMemory, childrenPeakMemory } = thread.process;
  const at = address >>> 0;
  if (who < -1 || who > 1) return -EINVAL;
  if (!memory.contains(at, RUSAGE_BYTES)) return -EFAULT;
  if (who === -1) {
    putUsage(thread, at, childrenPeakMemory);
    return 0;
  }
  putUsage(thread, at, Math.max(peakMemory, memory.byteLength));
  const microseconds = Math.floor(kernel.host.clock.cpuNs() / 1000);
  memory.putU64(at, Math.floor(microseconds / 1e6));
  memory.putU64(at + 8, microseconds % 1e6);
  return 0;
}

/** struct rusage with nothing but memory in it, in bytes; the range must have been checked. */
export function putUsage(thread: Thread, address: number, bytes: number): void {
  const { memory } = thread.process;
  memory.bytes.fill(0, address, address + RUSAGE_BYTES);
  memory.putU64(address + 32, Math.floor(bytes / 1024));
}

export function sys_getrandom(thread: Thread, address: number, length: number, flags: number): Outcome {
  const { GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE } = fcntl;
  const both = GRND_RANDOM | GRND_INSECURE;
  if ((flags & ~(GRND_NONBLOCK | both)) !== 0 || (flags & both) === both) return -EINVAL;
  return random(thread, address >>> 0, length >>> 0);
}

/** membarrier(2): there is one processor; the query says that nothing is needed. */
export function sys_membarrier(_thread: Thread, command: number): Outcome {
  return command === 0 ? 0 : -EINVAL;
}

/** personality(2): Linux's, unchanged. */
export function sys_personality(_thread: Thread, persona: number): Outcome {
  return persona === -1 || persona === 0 ? 0 : -EINVAL;
}

const CAPABILITY_VERSION_3 = 0x2008_0522;

/** capget(2): the superuser of the sandbox has all 41, everybody else none. */
export function sys_capget(thread: Thread, header: number, data: number): Outcome {
  const { memory, credentials } = thread.process;
  const [at, to] = [header >>> 0, data >>> 0];
  if (!memory.contains(at, 8)) return -EFAULT;
  if (memory.view.getUint32(at, true) !== CAPABILITY_VERSION_3) {
    memory.view.setUint32(at, CAPABILITY_VERSION_3, true);
    return to === 0 ? 0 : -EINVAL;
  }
  if (to === 0) return 0;
  if (!memory.contains(to, 24)) return -EFAULT;
  const all = credentials.uid === 0;
  [0xffff_ffff, 0xffff_ffff, 0, 0x1ff, 0x1ff, 0].forEach((word, i) => {
    memory.view.setUint32(to + i * 4, all ? word : 0, true);
  });
  return 0;
}
