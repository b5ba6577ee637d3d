/** Layer: host. Asks the kernel whether io_uring can be entered at all. It must not know why that matters. */
import { namedCall } from "./calls.unsafe.ts";

/** -EBADF where rings work, -ENOSYS where the kernel or a filter has none. */
export function probeRingEntry(): number {
  // SAFETY: io_uring_enter on descriptor -1 with no submissions, no waits and a null signal set: it fails before it looks
  // at anything. Any thread, no memory. Always -errno. Audited 2026-11-21.
  return namedCall("io_uring_enter", -1, 0, 0, 0, null, 0);
}
