/**
 * Layer: host. What changes the tree of files a process sees, and its names: mount, pivot_root, chroot, mknod, host name,
 * loopback interface. It must not know which tree is wanted.
 */
import { fixedBytes, namedCall, pathBytes } from "./calls.unsafe.ts";

/** From include/uapi/linux/mount.h. */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
} as const;
/** From include/linux/fs.h. */
const MNT_DETACH = 2;
/** From include/uapi/linux/fcntl.h. */
const AT_FDCWD = -100;

/** mount(2). 0 or -errno. */
export function mount(source: string, target: string, type: string, flags: number, data = ""): number {
  const [from, to, kind, more] = [source, target, type, data].map((text) => (text === "" ? null : pathBytes(text)));
  // SAFETY: mount reads up to four NUL-terminated texts (pathBytes, live for the call; null where empty) and copies them;
  // the kernel reads at most a page of `data` and stops at its NUL. Changes this mount namespace. -errno: nothing mounted.
  // Audited 2026-11-22.
  return namedCall("mount", from ?? null, to ?? null, kind ?? null, flags, more ?? null);
}

/** umount2(2) with MNT_DETACH. 0 or -errno. */
export function detachMount(target: string): number {
  // SAFETY: reads the NUL-terminated path, live for the call. -errno: still mounted. Audited 2026-11-22.
  return namedCall("umount2", pathBytes(target), MNT_DETACH);
}

/** pivot_root(2). 0 or -errno. */
export function pivotRoot(root: string, old: string): number {
  // SAFETY: reads two NUL-terminated paths, live for the call. Moves the root of every thread in this mount namespace whose
  // root is the old one. -errno: nothing moved. Audited 2026-11-22.
  return namedCall("pivot_root", pathBytes(root), pathBytes(old));
}

/** chroot(2). 0 or -errno. */
export function changeRoot(path: string): number {
  // SAFETY: reads the NUL-terminated path, live for the call. All threads of the process share their root. -errno: as it
  // was. Audited 2026-11-22.
  return namedCall("chroot", pathBytes(path));
}

/** chdir(2), or fchdir(2) for a descriptor. 0 or -errno. */
export function changeDirectory(to: string | number): number {
  // SAFETY: a word by value, or a NUL-terminated path live for the call. All threads share the directory; Node's own
  // memory of it (process.cwd) is stale afterwards. -errno: as it was. Audited 2026-11-22.
  return typeof to === "number" ? namedCall("fchdir", to) : namedCall("chdir", pathBytes(to));
}

/** mknod(2) of a device; `mode` with its type bits. 0 or -errno. */
export function makeNode(path: string, mode: number, major: number, minor: number): number {
  // SAFETY: reads the NUL-terminated path, live for the call; words by value (major and minor below 256 lie in 16 bits).
  // -EPERM: no CAP_MKNOD in the first user namespace. Audited 2026-11-22.
  return namedCall("mknodat", AT_FDCWD, pathBytes(path), mode, (major << 8) | minor);
}

/** sethostname(2), of this UTS namespace. 0 or -errno. */
export function setHostName(name: string): number {
  const bytes = pathBytes(name);
  // SAFETY: reads length - 1 bytes of `bytes`, live for the call. -EINVAL: longer than 64. Audited 2026-11-22.
  return namedCall("sethostname", bytes, bytes.length - 1);
}

/** The flags a mount must keep when it is remounted, as MS_ bits, or -errno. */
export function keptMountFlags(path: string): number {
  const answer = fixedBytes(120);
  // SAFETY: statfs reads the NUL-terminated path and writes a struct statfs (120 bytes on x86-64 and arm64), both live here.
  // -errno: nothing was written. Audited 2026-11-22.
  const result = namedCall("statfs", pathBytes(path), answer);
  if (result < 0) return result;
  // f_flags stands behind nine words; its ST_ bits (include/linux/statfs.h) are MS_ bits but for the two last.
  const bits = new DataView(answer.buffer).getUint32(80, true);
  const same = MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.NOATIME | MS.NODIRATIME;
  return (bits & same) | (bits & 0x1000 ? MS.RELATIME : 0) | (bits & 0x2000 ? MS.NOSYMFOLLOW : 0);
}

/** Brings up the loopback interface of this network namespace. 0 or -errno. */
export function raiseLoopback(): number {
  /** include/uapi/linux/{if,sockios}.h, include/linux/socket.h. */
  const [AF_INET, SOCK_DGRAM, SOCK_CLOEXEC, SIOCSIFFLAGS, IFF_UP, IFNAMSIZ] = [2, 2, 0o2000000, 0x8914, 1, 16];
  // SAFETY: words by value. -errno: no socket. Audited 2026-11-22.
  const socket = namedCall("socket", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket;
  const request = fixedBytes(40);
  request.set([0x6c, 0x6f]); // "lo"
  new DataView(request.buffer).setUint16(IFNAMSIZ, IFF_UP, true);
  // SAFETY: the kernel reads a struct ifreq (40 bytes, live here): a NUL-terminated name, then flags. -errno: as it was.
  // The descriptor closed is the one opened above. Audited 2026-11-22.
  const result = namedCall("ioctl", socket, SIOCSIFFLAGS, request);
  namedCall("close", socket);
  return result;
}
