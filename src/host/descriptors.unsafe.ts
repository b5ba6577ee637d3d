/** Layer: host. Pipes, socket pairs, memory files and flags of descriptors. It must not know who uses them. */
import { fixedBytes, namedCall, pathBytes } from "./calls.unsafe.ts";

/** From include/uapi/asm-generic/fcntl.h, include/linux/socket.h, include/uapi/linux/memfd.h. */
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
/** On arm64 the flag has another bit. */
const O_DIRECTORY = process.arch === "arm64" ? 0o40000 : 0o200000;
const AT_FDCWD = -100;
/** From include/uapi/linux/openat2.h. */
const RESOLVE_NO_MAGICLINKS = 0x2;
const RESOLVE_NO_SYMLINKS = 0x4;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = O_CLOEXEC;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_SETPIPE_SZ = 1031;
/** From include/uapi/linux/close_range.h. */
const CLOSE_RANGE_CLOEXEC = 4;
const LAST_DESCRIPTOR = 0xffffffff;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
const EVERY_SEAL = 0xf;

export type Pair = { readonly first: number; readonly second: number };

function pairFrom(bytes: Uint8Array<ArrayBuffer>): Pair {
  const words = new DataView(bytes.buffer);
  return { first: words.getInt32(0, true), second: words.getInt32(4, true) };
}

/** pipe2(2), closed on exec: `first` reads, `second` writes. -errno on failure. */
export function pipe(): Pair | number {
  const ends = fixedBytes(8);
  // SAFETY: pipe2 writes two ints to `ends` (8 bytes, live here) and keeps no address. Any thread; descriptors belong
  // to the process. -errno: no descriptors were made. Audited 2026-11-21.
  const result = namedCall("pipe2", ends, O_CLOEXEC);
  return result < 0 ? result : pairFrom(ends);
}

/** Asks for a larger pipe buffer; a refusal (unprivileged limit) leaves the pipe as it was. Answers bytes or -errno. */
export function resizePipe(descriptor: number, bytes: number): number {
  // SAFETY: fcntl(F_SETPIPE_SZ) takes an int by value; no memory. Any thread. -errno: size unchanged. Audited 2026-11-21.
  return namedCall("fcntl", descriptor, F_SETPIPE_SZ, bytes);
}

/** socketpair(2): two blocking, connected Unix stream sockets, closed on exec. -errno on failure. */
export function socketPair(): Pair | number {
  const ends = fixedBytes(8);
  // SAFETY: socketpair writes two ints to `ends` (8 bytes, live here) and keeps no address. Any thread. -errno: no
  // descriptors were made. Audited 2026-11-21.
  const result = namedCall("socketpair", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
  return result < 0 ? result : pairFrom(ends);
}

/** open(2) of a path as O_PATH: a name for rules and for openat, without access to the contents. -errno on failure. */
export function openPath(path: string): number {
  // SAFETY: openat reads the NUL-terminated path (built by pathBytes, live for the call). O_PATH runs no driver code and
  // cannot block on a FIFO. Any thread. -errno: nothing opened. Audited 2026-11-21.
  return namedCall("openat", AT_FDCWD, pathBytes(path), O_PATH | O_CLOEXEC, 0);
}

/**
 * openat2(2) of a directory as O_PATH, by a path without symbolic links: -ELOOP where there is one, so that what is opened is what the
 * path says. -ENOTDIR, and what else open(2) answers.
 */
export function openDirectory(path: string): number {
  const how = fixedBytes(24);
  const words = new DataView(how.buffer);
  words.setBigUint64(0, BigInt(O_PATH | O_DIRECTORY | O_CLOEXEC), true);
  words.setBigUint64(16, BigInt(RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS), true);
  // SAFETY: openat2 reads the NUL-terminated path (built by pathBytes, live for the call) and a 24-byte open_how (live here) and keeps
  // neither. O_PATH cannot block on a FIFO. Any thread. -errno: nothing opened. Audited 2026-11-22.
  return namedCall("openat2", AT_FDCWD, pathBytes(path), how, how.length);
}

/** A file in memory (memfd_create(2)), closed on exec, that can be sealed. -errno on failure. */
export function memoryFile(name: string): number {
  // SAFETY: memfd_create reads the NUL-terminated name (pathBytes, live for the call). Any thread. -errno: no
  // descriptor was made. Audited 2026-11-21.
  return namedCall("memfd_create", pathBytes(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/** Makes a memory file unchangeable for everyone, for ever. 0 or -errno. */
export function sealMemoryFile(descriptor: number): number {
  // SAFETY: fcntl(F_ADD_SEALS) takes an int by value; no memory. Any thread. -errno: not sealed. Audited 2026-11-21.
  return namedCall("fcntl", descriptor, F_ADD_SEALS, EVERY_SEAL);
}

/** Marks every descriptor of this process from `first` on as closed on exec; none is closed here. 0 or -errno. */
export function closeOnExecFrom(first: number): number {
  // SAFETY: close_range with CLOEXEC takes words by value and only sets a flag of this process's descriptors, which all
  // threads share: what a child should inherit is named at its spawn. -errno: kernel before 5.11, nothing set.
  // Audited 2026-11-21.
  return namedCall("close_range", first, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC);
}
