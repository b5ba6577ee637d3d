/**
 * Layer: kernel. Resource limits as getrlimit(2) tells them: those of the sandbox, which no process changes. It must not know
 * encodings.
 */
import {
  RLIM_NLIMITS,
  RLIMIT_CORE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
} from "../abi/resource.ts";
import { SIGNALS_QUEUED } from "../limits.ts";
import type { Process } from "./process.ts";

const STACK_BYTES = 8 * 1024 * 1024;

export function isResource(resource: number): boolean {
  return resource >= 0 && resource < RLIM_NLIMITS;
}

/** The limit of a resource, soft and hard alike; Infinity for none. */
export function resourceLimit({ kernel, descriptors }: Process, resource: number): number {
  switch (resource) {
    case RLIMIT_STACK:
      return STACK_BYTES;
    case RLIMIT_CORE:
      return 0;
    case RLIMIT_NPROC:
      return kernel.limits.processes;
    case RLIMIT_NOFILE:
      return descriptors.limit;
    case RLIMIT_SIGPENDING:
      return SIGNALS_QUEUED;
    default:
      return Infinity;
  }
}
