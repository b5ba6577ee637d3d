/** Layer: host. Installing seccomp filters. It must not know how a filter is made. */
import { addressOf, fixedBytes, namedCall } from "./calls.unsafe.ts";

/** From include/uapi/linux/seccomp.h. */
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_FILTER_FLAG_TSYNC = 1;
/** The kernel's audit log tells of every verdict but "allow" (as far as its actions_logged says). */
export const SECCOMP_FILTER_FLAG_LOG = 2;
/** The kernel leaves its mitigations of speculative execution off for this filter's sake. */
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;
const SECCOMP_RET_KILL_PROCESS = 0x80000000;
/** Bytes of one struct sock_filter, include/uapi/linux/filter.h. */
const INSTRUCTION_BYTES = 8;

/**
 * seccomp(SECCOMP_SET_MODE_FILTER), with `more` flags, for the calling thread, or with `everyThread` (TSYNC) for all of the process.
 * Answers 0; -errno; or with `everyThread` a positive thread number: that thread could not be brought along and NO
 * filter was installed. So only 0 is success. Needs no_new_privs or CAP_SYS_ADMIN.
 */
export function installFilter(program: Uint8Array<ArrayBuffer>, everyThread: boolean, more = 0): number {
  const header = fixedBytes(16);
  const words = new DataView(header.buffer);
  words.setUint16(0, program.length / INSTRUCTION_BYTES, true);
  words.setBigUint64(8, addressOf(program), true);
  // SAFETY: seccomp reads struct sock_fprog (u16 count, 6 bytes padding, pointer) from `header` and count * 8 bytes from
  // `program`; both have buffers of their own and are referenced here until it returns; the kernel copies them. A
  // malformed program is -EINVAL with nothing installed. Audited 2026-11-21.
  return namedCall("seccomp", SECCOMP_SET_MODE_FILTER, (everyThread ? SECCOMP_FILTER_FLAG_TSYNC : 0) | more, header);
}

/** Whether the kernel knows KILL_PROCESS (4.14 and later): 0 or -errno. */
export function probeKillProcess(): number {
  const action = fixedBytes(4);
  new DataView(action.buffer).setUint32(0, SECCOMP_RET_KILL_PROCESS, true);
  // SAFETY: reads one u32 (live here), changes nothing. -ENOSYS: no seccomp; -EOPNOTSUPP: no such action.
  // Audited 2026-11-21.
  return namedCall("seccomp", SECCOMP_GET_ACTION_AVAIL, 0, action);
}
