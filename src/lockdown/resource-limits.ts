/** Layer: lockdown. Resource limits by name (getrlimit(2)), checked before any is set. They bind the whole process. */
import { RLIM_INFINITY, resourceLimit } from "../host/process.unsafe.ts";

/** include/uapi/asm-generic/resource.h; the names are prlimit(1)'s. Units: seconds, bytes, or a count. */
export const RESOURCES = {
  /** Seconds of processor time. */
  cpu: 0,
  /** Bytes of a file it writes; beyond it SIGXFSZ. */
  fsize: 1,
  /** Bytes of the data segment. */
  data: 2,
  /** Bytes of the main thread's stack. */
  stack: 3,
  /** Bytes of a core dump. */
  core: 4,
  /** Processes and threads of its user. */
  nproc: 6,
  /** One more than the largest descriptor number. */
  nofile: 7,
  /** Bytes of locked memory. */
  memlock: 8,
  /** Bytes of addresses. V8 reserves hundreds of gigabytes. */
  as: 9,
  locks: 10,
  sigpending: 11,
  /** Bytes of POSIX message queues. */
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  /** Microseconds of processor time of a real-time thread. */
  rttime: 15,
} as const;
export type Resource = keyof typeof RESOURCES;

/** A soft and hard limit in one, or each by itself. */
export type LimitValue =
  | number
  | bigint
  | "unlimited"
  | { readonly soft: number | bigint | "unlimited"; readonly hard: number | bigint | "unlimited" };
export type ResourceLimits = Readonly<Partial<Record<Resource, LimitValue>>>;

export type CheckedLimit = { readonly name: Resource; readonly soft: bigint; readonly hard: bigint };

/** The limits as words. Throws what `complain` makes of a text that names the limit. */
export function checkedLimits(limits: ResourceLimits, complain: (text: string) => Error): CheckedLimit[] {
  return Object.entries(limits).map(([name, value]) => {
    if (!Object.hasOwn(RESOURCES, name)) {
      throw complain(`there is no resource limit "${name}"; there are ${Object.keys(RESOURCES).join(", ")}`);
    }
    const pair = typeof value === "object" && value !== null ? value : { soft: value, hard: value };
    const [soft, hard] = [word(name, pair.soft, complain), word(name, pair.hard, complain)];
    if (soft > hard)
      throw complain(`${name}: the soft limit ${limitText(soft)} is above the hard one ${limitText(hard)}`);
    return { name: name as Resource, soft, hard };
  });
}

/** Throws what `complain` makes where a hard limit would be raised: a lock only narrows. */
export function demandNarrower(limits: readonly CheckedLimit[], complain: (text: string) => Error): void {
  for (const { name, hard } of limits) {
    const now = resourceLimit(RESOURCES[name]);
    if (typeof now !== "number" && now.hard < hard) {
      throw complain(`${name}: ${limitText(hard)} is above this process's hard limit ${limitText(now.hard)}`);
    }
  }
}

export function limitText(value: bigint): string {
  return value === RLIM_INFINITY ? "unlimited" : String(value);
}

function word(name: string, value: unknown, complain: (text: string) => Error): bigint {
  if (value === "unlimited") return RLIM_INFINITY;
  if (typeof value === "bigint" && value >= 0n && value <= RLIM_INFINITY) return value;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw complain(`${name}: expected a whole number of at least 0, or "unlimited", got ${String(value)}`);
}
