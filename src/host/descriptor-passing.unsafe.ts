/**
 * Layer: host. One open descriptor beside some bytes, over a Unix socket: sendmsg(2), recvmsg(2), unix(7) SCM_RIGHTS. It
 * must not know what the bytes say.
 */
import { addressOf, callNumber, fixedBytes, rawCall } from "./calls.unsafe.ts";

const SENDMSG = callNumber("sendmsg");
const RECVMSG = callNumber("recvmsg");
const CLOSE = callNumber("close");
/** include/linux/socket.h */
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** struct cmsghdr (16 bytes) and one int, padded to 8. */
const CONTROL_BYTES = 24;
const CONTROL_LENGTH = 20;

/**
 * A message header, its one iovec and its control bytes. Module scratch: the addresses in it are of this module's own
 * buffers, which never move and live as long as the module.
 */
const header = fixedBytes(56);
const vector = fixedBytes(16);
const control = fixedBytes(CONTROL_BYTES);
const headerView = new DataView(header.buffer);
const vectorView = new DataView(vector.buffer);
const controlView = new DataView(control.buffer);

function prepare(bytes: Uint8Array<ArrayBuffer>): void {
  header.fill(0);
  control.fill(0);
  vectorView.setBigUint64(0, addressOf(bytes), true);
  vectorView.setBigUint64(8, BigInt(bytes.length), true);
  headerView.setBigUint64(16, addressOf(vector), true);
  headerView.setBigUint64(24, 1n, true);
  headerView.setBigUint64(32, addressOf(control), true);
  headerView.setBigUint64(40, BigInt(CONTROL_BYTES), true);
}

/**
 * Send `bytes` with `descriptor` attached to the first of them. Bytes sent (perhaps not all) or -errno.
 *
 * Precondition: `bytes` is (a view of) fixedBytes.
 */
export function sendWithDescriptor(socket: number, bytes: Uint8Array<ArrayBuffer>, descriptor: number): number {
  prepare(bytes);
  controlView.setBigUint64(0, BigInt(CONTROL_LENGTH), true);
  controlView.setInt32(8, SOL_SOCKET, true);
  controlView.setInt32(12, SCM_RIGHTS, true);
  controlView.setInt32(16, descriptor, true);
  // SAFETY: the msghdr (56 bytes), its iovec and control block are module scratch; the iovec names `bytes`, which the
  // caller holds. All only read. May block until there is room. -errno: nothing sent. Audited 2026-11-21.
  return rawCall(SENDMSG, socket, header, MSG_NOSIGNAL);
}

/** What came: `count` bytes (0 at the end of the line, below 0 -errno) and a descriptor, or -1 without one. */
export interface Received {
  count: number;
  descriptor: number;
}

/**
 * Receive up to `bytes.length` bytes, and the descriptor that came with them if there was one. Two descriptors, or one
 * that this process has no room for, are not taken.
 *
 * Precondition: `bytes` is (a view of) fixedBytes.
 */
export function receiveWithDescriptor(socket: number, bytes: Uint8Array<ArrayBuffer>, out: Received): void {
  prepare(bytes);
  out.descriptor = -1;
  // SAFETY: the msghdr, its iovec and control block are module scratch; the kernel writes at most bytes.length bytes to
  // `bytes`, which the caller holds, and at most 24 to `control`. Blocks until bytes come. Audited 2026-11-21.
  out.count = rawCall(RECVMSG, socket, header, MSG_CMSG_CLOEXEC);
  if (out.count < 0 || headerView.getBigUint64(40, true) < CONTROL_LENGTH) return;
  if (controlView.getInt32(8, true) !== SOL_SOCKET || controlView.getInt32(12, true) !== SCM_RIGHTS) return;
  const length = Number(controlView.getBigUint64(0, true));
  if (length === CONTROL_LENGTH) out.descriptor = controlView.getInt32(16, true);
  else if (length === CONTROL_BYTES) {
    // SAFETY: two descriptors fit into the padding; both were just received and nobody uses them. Audited 2026-11-21.
    rawCall(CLOSE, controlView.getInt32(16, true));
    rawCall(CLOSE, controlView.getInt32(20, true));
  }
}
