/**
 * Layer: wasi. Linux error numbers in WASI's words. It must not know which call failed.
 *
 * The two lists share almost all names but no numbers. What WASI has no word for becomes the nearest it has, and EIO where
 * nothing is near.
 */
import * as linux from "../abi/errno.ts";
import * as wasi from "../abi/wasi-errno.ts";

const PAIRS: readonly (readonly [number, number])[] = [
  [linux.EPERM, wasi.ERRNO_PERM],
  [linux.ENOENT, wasi.ERRNO_NOENT],
  [linux.ESRCH, wasi.ERRNO_SRCH],
  [linux.EINTR, wasi.ERRNO_INTR],
  [linux.EIO, wasi.ERRNO_IO],
  [linux.ENXIO, wasi.ERRNO_NXIO],
  [linux.E2BIG, wasi.ERRNO_2BIG],
  [linux.ENOEXEC, wasi.ERRNO_NOEXEC],
  [linux.EBADF, wasi.ERRNO_BADF],
  [linux.ECHILD, wasi.ERRNO_CHILD],
  [linux.EAGAIN, wasi.ERRNO_AGAIN],
  [linux.ENOMEM, wasi.ERRNO_NOMEM],
  [linux.EACCES, wasi.ERRNO_ACCES],
  [linux.EFAULT, wasi.ERRNO_FAULT],
  [linux.EBUSY, wasi.ERRNO_BUSY],
  [linux.EEXIST, wasi.ERRNO_EXIST],
  [linux.EXDEV, wasi.ERRNO_XDEV],
  [linux.ENODEV, wasi.ERRNO_NODEV],
  [linux.ENOTDIR, wasi.ERRNO_NOTDIR],
  [linux.EISDIR, wasi.ERRNO_ISDIR],
  [linux.EINVAL, wasi.ERRNO_INVAL],
  [linux.ENFILE, wasi.ERRNO_NFILE],
  [linux.EMFILE, wasi.ERRNO_MFILE],
  [linux.ENOTTY, wasi.ERRNO_NOTTY],
  [linux.ETXTBSY, wasi.ERRNO_TXTBSY],
  [linux.EFBIG, wasi.ERRNO_FBIG],
  [linux.ENOSPC, wasi.ERRNO_NOSPC],
  [linux.ESPIPE, wasi.ERRNO_SPIPE],
  [linux.EROFS, wasi.ERRNO_ROFS],
  [linux.EMLINK, wasi.ERRNO_MLINK],
  [linux.EPIPE, wasi.ERRNO_PIPE],
  [linux.EDOM, wasi.ERRNO_DOM],
  [linux.ERANGE, wasi.ERRNO_RANGE],
  [linux.ENAMETOOLONG, wasi.ERRNO_NAMETOOLONG],
  [linux.ENOLCK, wasi.ERRNO_NOLCK],
  [linux.ENOSYS, wasi.ERRNO_NOSYS],
  [linux.ENOTEMPTY, wasi.ERRNO_NOTEMPTY],
  [linux.ELOOP, wasi.ERRNO_LOOP],
  [linux.ENOMSG, wasi.ERRNO_NOMSG],
  [linux.EIDRM, wasi.ERRNO_IDRM],
  [linux.ENOLINK, wasi.ERRNO_NOLINK],
  [linux.EPROTO, wasi.ERRNO_PROTO],
  [linux.EMULTIHOP, wasi.ERRNO_MULTIHOP],
  [linux.EBADMSG, wasi.ERRNO_BADMSG],
  [linux.EOVERFLOW, wasi.ERRNO_OVERFLOW],
  [linux.EILSEQ, wasi.ERRNO_ILSEQ],
  [linux.ENOTSOCK, wasi.ERRNO_NOTSOCK],
  [linux.EDESTADDRREQ, wasi.ERRNO_DESTADDRREQ],
  [linux.EMSGSIZE, wasi.ERRNO_MSGSIZE],
  [linux.EPROTOTYPE, wasi.ERRNO_PROTOTYPE],
  [linux.ENOPROTOOPT, wasi.ERRNO_NOPROTOOPT],
  [linux.EPROTONOSUPPORT, wasi.ERRNO_PROTONOSUPPORT],
  [linux.EAFNOSUPPORT, wasi.ERRNO_AFNOSUPPORT],
  [linux.EADDRINUSE, wasi.ERRNO_ADDRINUSE],
  [linux.EADDRNOTAVAIL, wasi.ERRNO_ADDRNOTAVAIL],
  [linux.ENETDOWN, wasi.ERRNO_NETDOWN],
  [linux.ENETUNREACH, wasi.ERRNO_NETUNREACH],
  [linux.ENETRESET, wasi.ERRNO_NETRESET],
  [linux.ECONNABORTED, wasi.ERRNO_CONNABORTED],
  [linux.ECONNRESET, wasi.ERRNO_CONNRESET],
  [linux.ENOBUFS, wasi.ERRNO_NOBUFS],
  [linux.EISCONN, wasi.ERRNO_ISCONN],
  [linux.ENOTCONN, wasi.ERRNO_NOTCONN],
  [linux.ETIMEDOUT, wasi.ERRNO_TIMEDOUT],
  [linux.ECONNREFUSED, wasi.ERRNO_CONNREFUSED],
  [linux.EHOSTUNREACH, wasi.ERRNO_HOSTUNREACH],
  [linux.EALREADY, wasi.ERRNO_ALREADY],
  [linux.EINPROGRESS, wasi.ERRNO_INPROGRESS],
  [linux.ESTALE, wasi.ERRNO_STALE],
  [linux.EDQUOT, wasi.ERRNO_DQUOT],
  [linux.ECANCELED, wasi.ERRNO_CANCELED],
  [linux.EOWNERDEAD, wasi.ERRNO_OWNERDEAD],
  [linux.ENOTRECOVERABLE, wasi.ERRNO_NOTRECOVERABLE],
  [linux.EDEADLOCK, wasi.ERRNO_DEADLK],
  // Without a word of their own.
  [linux.ENOTBLK, wasi.ERRNO_INVAL],
  [linux.EOPNOTSUPP, wasi.ERRNO_NOTSUP],
  [linux.ESHUTDOWN, wasi.ERRNO_PIPE],
  [linux.EHOSTDOWN, wasi.ERRNO_HOSTUNREACH],
  [linux.ERESTART, wasi.ERRNO_INTR],
  [linux.ESOCKTNOSUPPORT, wasi.ERRNO_PROTONOSUPPORT],
  [linux.EPFNOSUPPORT, wasi.ERRNO_AFNOSUPPORT],
  [linux.ENODATA, wasi.ERRNO_NOENT],
];

const BY_LINUX_NUMBER = new Uint8Array(256).fill(wasi.ERRNO_IO);
for (const [number, word] of PAIRS) BY_LINUX_NUMBER[number] = word;

/** The WASI error of an operation's outcome: SUCCESS for zero or more, else the word for -errno. */
export function wasiErrno(outcome: number): number {
  return outcome >= 0 ? wasi.ERRNO_SUCCESS : (BY_LINUX_NUMBER[-outcome] ?? wasi.ERRNO_IO);
}

/** The same for a path resolved BENEATH a descriptor, where EXDEV says that it led out: what capabilities refuse. */
export function wasiPathErrno(outcome: number): number {
  return outcome === -linux.EXDEV ? wasi.ERRNO_NOTCAPABLE : wasiErrno(outcome);
}
