/** Layer: host. Which descriptors live on over an execve. It must not know what is executed. */
import { namedCall } from "./calls.unsafe.ts";

/** From include/uapi/asm-generic/fcntl.h. */
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** Keeps a descriptor open over execve, or has it closed. 0 or -errno. */
export function setInherited(descriptor: number, inherited: boolean): number {
  // SAFETY: fcntl(F_SETFD) takes an int by value; no memory. The flag belongs to the process's descriptor table, which all
  // threads share. -EBADF: no such descriptor, nothing changed. Audited 2026-11-21.
  return namedCall("fcntl", descriptor, F_SETFD, inherited ? 0 : FD_CLOEXEC);
}
