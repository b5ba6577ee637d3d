/**
 * Layer: syscalls. siginfo_t in a guest's memory: for handlers, waitid(2), sigtimedwait(2).
 */
import { SI_CODE, SI_PID, SI_SIGNO, SI_STATUS, SI_UID, SI_VALUE, SIGINFO_BYTES } from "../abi/siginfo.ts";
import type { SignalInfo } from "../kernel/signals.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";

/** Write SIGINFO_BYTES; the range must have been checked. */
export function putSignalInfo(memory: GuestMemory, address: number, info: SignalInfo): void {
  const { bytes, view } = memory;
  bytes.fill(0, address, address + SIGINFO_BYTES);
  view.setInt32(address + SI_SIGNO, info.signal, true);
  view.setInt32(address + SI_CODE, info.code, true);
  view.setInt32(address + SI_PID, info.pid, true);
  view.setUint32(address + SI_UID, info.uid, true);
  // Of a child's end, by whatever signal it is told, and of none other.
  if (info.status !== 0) view.setInt32(address + SI_STATUS, info.status, true);
  else view.setInt32(address + SI_VALUE, info.value, true);
}
