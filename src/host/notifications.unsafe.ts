/**
 * Layer: host. seccomp's user notifications (seccomp_unotify(2)): a filter whose calls wait for the word of another
 * process, and that word. It must not know which calls those are.
 */
import { addressOf, fixedBytes, namedCall } from "./calls.unsafe.ts";

/** From include/uapi/linux/seccomp.h. */
const SECCOMP_SET_MODE_FILTER = 1;
const FLAG_TSYNC = 1 << 0;
const FLAG_NEW_LISTENER = 1 << 3;
const FLAG_TSYNC_ESRCH = 1 << 4;
const FLAG_WAIT_KILLABLE_RECV = 1 << 5;
const USER_NOTIF_FLAG_CONTINUE = 1;
/** _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp), _IOW('!', 2, __u64). */
const IOCTL_NOTIF_RECV = 0xc0502100;
const IOCTL_NOTIF_SEND = 0xc0182101;
const IOCTL_NOTIF_ID_VALID = 0x40082102;
/** Bytes of struct seccomp_notif and struct seccomp_notif_resp. */
const NOTIFICATION_BYTES = 80;
const RESPONSE_BYTES = 24;
/** From include/uapi/asm-generic/poll.h. */
const POLLIN = 1;
const POLLHUP = 16;
/** From include/uapi/asm-generic/signal.h. */
const SIGPIPE = 13;
/** From include/uapi/linux/prctl.h: "Yama". */
const PR_SET_PTRACER = 0x59616d61;
const EINVAL = -22;
const INSTRUCTION_BYTES = 8;

/**
 * Installs a filter on the calling thread, or with `everyThread` on all of the process, and answers the descriptor
 * (closed on exec) on which its notifications arrive; -errno when nothing was installed: -EBUSY where an earlier filter
 * has a listener already, -ESRCH where a thread could not be brought along. Needs no_new_privs.
 */
export function installListener(program: Uint8Array<ArrayBuffer>, everyThread: boolean): number {
  const header = fixedBytes(16);
  const words = new DataView(header.buffer);
  words.setUint16(0, program.length / INSTRUCTION_BYTES, true);
  words.setBigUint64(8, addressOf(program), true);
  const flags = FLAG_NEW_LISTENER | (everyThread ? FLAG_TSYNC | FLAG_TSYNC_ESRCH : 0);
  // SAFETY: as installFilter: struct sock_fprog and the program are live here and copied by the kernel. The flag for
  // waits that only a fatal signal ends is tried first; -EINVAL (kernel before 5.19) installs nothing. From its return
  // on, calls of this thread may wait for whoever reads the descriptor. Audited 2026-11-22.
  const result = namedCall("seccomp", SECCOMP_SET_MODE_FILTER, flags | FLAG_WAIT_KILLABLE_RECV, header);
  // SAFETY: as above. Audited 2026-11-22.
  return result === EINVAL ? namedCall("seccomp", SECCOMP_SET_MODE_FILTER, flags, header) : result;
}

const pollBytes = fixedBytes(8);
const pollView = new DataView(pollBytes.buffer);
const timeBytes = fixedBytes(16);
const timeView = new DataView(timeBytes.buffer);

/**
 * Waits at most `milliseconds` for a notification: "ready"; "none" so far; "ended", when no process is left under the
 * filter.
 */
export function awaitNotification(listener: number, milliseconds: number): "ready" | "none" | "ended" {
  pollView.setInt32(0, listener, true);
  pollView.setInt16(4, POLLIN, true);
  pollView.setInt16(6, 0, true);
  timeView.setBigInt64(0, BigInt(Math.floor(milliseconds / 1000)), true);
  timeView.setBigInt64(8, BigInt(Math.floor((milliseconds % 1000) * 1e6)), true);
  // SAFETY: ppoll reads and writes one struct pollfd (8 bytes) and a timespec (16 bytes), module scratch; no signal mask.
  // Blocks this thread up to the given time. -errno (EINTR): nothing was written, told as "none". Audited 2026-11-22.
  if (namedCall("ppoll", pollBytes, 1, timeBytes, null, 0) <= 0) return "none";
  const events = pollView.getInt16(6, true);
  if ((events & POLLIN) !== 0) return "ready";
  return (events & POLLHUP) !== 0 ? "ended" : "none";
}

/** A call that waits: struct seccomp_notif. */
export type Notification = {
  /** Names this one waiting call. */
  readonly id: bigint;
  /** The thread that made it. */
  readonly task: number;
  readonly number: number;
  /** AUDIT_ARCH of the call. */
  readonly audit: number;
  readonly args: readonly bigint[];
};

const notificationBytes = fixedBytes(NOTIFICATION_BYTES);
const notificationView = new DataView(notificationBytes.buffer);

/** The next waiting call; undefined when it is gone again (its thread was killed). */
export function receiveNotification(listener: number): Notification | undefined {
  notificationBytes.fill(0);
  // SAFETY: the kernel wants 80 zeroed bytes and writes struct seccomp_notif into them, module scratch. Blocks only where
  // no notification is ready, which the caller has asked before. -ENOENT, -EINTR: nothing received. Audited 2026-11-22.
  if (namedCall("ioctl", listener, IOCTL_NOTIF_RECV, notificationBytes) < 0) return undefined;
  return {
    id: notificationView.getBigUint64(0, true),
    task: notificationView.getUint32(8, true),
    number: notificationView.getInt32(16, true),
    audit: notificationView.getUint32(20, true),
    args: Array.from({ length: 6 }, (_, index) => notificationView.getBigUint64(32 + 8 * index, true)),
  };
}

const responseBytes = fixedBytes(RESPONSE_BYTES);
const responseView = new DataView(responseBytes.buffer);

function respond(listener: number, id: bigint, value: bigint, error: number, flags: number): number {
  responseView.setBigUint64(0, id, true);
  responseView.setBigInt64(8, value, true);
  responseView.setInt32(16, error, true);
  responseView.setUint32(20, flags, true);
  // SAFETY: the kernel reads struct seccomp_notif_resp (24 bytes, module scratch). -ENOENT: the call is gone, nobody
  // waits for an answer. Audited 2026-11-22.
  return namedCall("ioctl", listener, IOCTL_NOTIF_SEND, responseBytes);
}

/** Lets the call go on as if there had been no filter. What was read of its memory may be another by then. 0 or -errno. */
export function letGo(listener: number, id: bigint): number {
  return respond(listener, id, 0n, 0, USER_NOTIF_FLAG_CONTINUE);
}

/** Refuses the call with an errno (positive); it is not made. 0 or -errno. */
export function refuse(listener: number, id: bigint, errno: number): number {
  return respond(listener, id, 0n, -errno, 0);
}

/** Answers the call with a value; it is not made. 0 or -errno. */
export function answer(listener: number, id: bigint, value: bigint): number {
  return respond(listener, id, value, 0, 0);
}

/** Whether the call still waits: then what was read from its thread's memory since was that thread's, not a successor's. */
export function stillWaits(listener: number, id: bigint): boolean {
  const bytes = fixedBytes(8);
  new DataView(bytes.buffer).setBigUint64(0, id, true);
  // SAFETY: reads one u64, live here. -ENOENT: the call is gone. Audited 2026-11-22.
  return namedCall("ioctl", listener, IOCTL_NOTIF_ID_VALID, bytes) === 0;
}

const PAGE = 4096n;
const memoryBytes = fixedBytes(4096);
const vectors = fixedBytes(32);
const vectorsView = new DataView(vectors.buffer);

/** Up to `length` (at most 4096) bytes of another process's memory, fewer where it ends; undefined where none can be read. */
export function readMemory(task: number, address: bigint, length: number): Uint8Array | undefined {
  let got = 0;
  const wanted = Math.min(length, memoryBytes.length);
  while (got < wanted) {
    // A page at a time: a string may end right before a page that is not there.
    const from = address + BigInt(got);
    const step = Math.min(wanted - got, Number(PAGE - (from % PAGE)));
    vectorsView.setBigUint64(0, addressOf(memoryBytes) + BigInt(got), true);
    vectorsView.setBigUint64(8, BigInt(step), true);
    vectorsView.setBigUint64(16, from, true);
    vectorsView.setBigUint64(24, BigInt(step), true);
    // SAFETY: the local iovec names `step` bytes of module scratch inside its 4096 (got + step <= wanted); the remote one is
    // an address of the other process that the kernel checks. Both iovecs are module scratch. Needs the right to trace
    // the task. -errno: nothing was written. Audited 2026-11-22.
    const result = namedCall("process_vm_readv", task, vectors, 1, vectors.subarray(16), 1, 0);
    if (result <= 0) break;
    got += result;
    if (result < step) break;
  }
  return got === 0 ? undefined : memoryBytes.slice(0, got);
}

/** A copy (closed on exec) of another process's descriptor, or -errno. Needs the right to trace it. */
export function takeDescriptor(process: number, descriptor: number): number {
  // SAFETY: words by value. -errno: no descriptor was made. Audited 2026-11-22.
  const handle = namedCall("pidfd_open", process, 0);
  if (handle < 0) return handle;
  // SAFETY: words by value; the kernel checks the right to trace. -errno: no descriptor was made. Audited 2026-11-22.
  const taken = namedCall("pidfd_getfd", handle, descriptor, 0);
  // SAFETY: the handle was made here and nobody else knows it. Audited 2026-11-22.
  namedCall("close", handle);
  return taken;
}

/** Gives SIGPIPE its default meaning back: Node ignores it, and what is ignored stays so over execve. 0 or -errno. */
export function restoreBrokenPipeSignal(): number {
  const action = fixedBytes(32);
  // SAFETY: rt_sigaction reads a zeroed struct kernel_sigaction (handler SIG_DFL, at most 32 bytes on x86-64 and arm64, live
  // here) and writes none. Acts on the whole process. -errno: unchanged. Audited 2026-11-22.
  return namedCall("rt_sigaction", SIGPIPE, action, null, 8);
}

/** Unknown to every kernel as an option of prctl(2), and its word: EINVAL, unless somebody listens. "LKDN", "here". */
export const SIGN = [0x4c4b444en, 0x68657265n] as const;
/** What is answered to the sign: by who learns, and locks nothing; and by who tells and refuses, under a lock. */
export const LEARNING = 1;
export const WATCHING = 2;

/** Says "the lock goes here" to whoever listens, and answers what he answered; -errno where nobody does. */
export function signHere(): number {
  // SAFETY: words by value, an option that no kernel knows: -EINVAL and nothing happens, or a listener's answer; -EPERM and
  // its like come from an earlier lock. Calling thread. Audited 2026-11-22.
  return namedCall("prctl", ...SIGN, 0, 0, 0);
}

/** Lets one process look at this one's memory where Yama forbids it. 0; -EINVAL where there is no Yama, and no need. */
export function allowTracer(process: number): number {
  // SAFETY: words by value; sets this process's one allowed tracer, which still needs the same user. -EINVAL: no Yama, or no
  // such process. Audited 2026-11-22.
  return namedCall("prctl", PR_SET_PTRACER, process, 0, 0, 0);
}
