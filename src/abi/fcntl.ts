/** Layer: abi. Open flags and path flags, from include/uapi/asm-generic/fcntl.h and include/uapi/linux/fcntl.h. No logic. */

export const O_ACCMODE = 0o3;
export const O_RDONLY = 0o0;
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
/** pidfd_open(2). */
export const PIDFD_THREAD = O_EXCL;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DSYNC = 0o10000;
/** What a 64-bit Linux adds to every open(2). */
export const O_LARGEFILE = 0o100000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
export const O_NOATIME = 0o1000000;
export const O_CLOEXEC = 0o2000000;
export const O_SYNC = 0o4010000;
export const O_PATH = 0o10000000;
/** O_DIRECTORY is part of it. */
export const O_TMPFILE = 0o20200000;
/** Everything open(2) knows: openat2(2) refuses the rest (VALID_OPEN_FLAGS of include/linux/fcntl.h). */
export const O_VALID = 0o37777703;

export const FD_CLOEXEC = 1;

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;

/** openat2(2), include/uapi/linux/openat2.h. */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;
export const RESOLVE_CACHED = 0x20;

/** memfd_create(2), include/uapi/linux/memfd.h. */
export const MFD_CLOEXEC = 1;
export const MFD_ALLOW_SEALING = 2;
export const MFD_NOEXEC_SEAL = 8;
export const MFD_EXEC = 0x10;

/** fallocate(2), include/uapi/linux/falloc.h. */
export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;

/** splice(2), include/linux/splice.h. */
export const SPLICE_F_NONBLOCK = 2;
export const SPLICE_F_ALL = 0xf;

/** setxattr(2), include/uapi/linux/xattr.h, include/uapi/linux/limits.h. */
export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;
export const XATTR_NAME_MAX = 255;
export const XATTR_SIZE_MAX = 65_536;
export const XATTR_LIST_MAX = 65_536;

/** renameat2(2) flags, include/uapi/linux/fs.h. */
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;

/** access(2) modes, unistd.h. */
export const F_OK = 0;
export const X_OK = 1;
export const W_OK = 2;
export const R_OK = 4;

/** include/uapi/linux/limits.h */
export const PATH_MAX = 4096;
export const NAME_MAX = 255;
/** include/uapi/linux/uio.h */
export const UIO_MAXIOV = 1024;
/** include/linux/namei.h: symbolic links followed in one resolution before ELOOP. */
export const MAXSYMLINKS = 40;

/** fcntl(2) commands, include/uapi/asm-generic/fcntl.h and include/uapi/linux/fcntl.h. */
export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_GETLK = 5;
export const F_SETLK = 6;
export const F_SETLKW = 7;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
export const F_DUPFD_CLOEXEC = 1030;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;
/** Seals of a file in memory (memfd_create(2)). */
export const F_SEAL_SEAL = 1;
export const F_SEAL_SHRINK = 2;
export const F_SEAL_GROW = 4;
export const F_SEAL_WRITE = 8;
export const F_SEAL_FUTURE_WRITE = 16;
export const F_SEAL_EXEC = 32;
export const F_ALL_SEALS = 63;
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;

/** flock(2) operations. */
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;

/** include/uapi/linux/close_range.h */
export const CLOSE_RANGE_UNSHARE = 2;
export const CLOSE_RANGE_CLOEXEC = 4;

/** include/uapi/linux/fadvise.h: the highest advice. */
export const POSIX_FADV_NOREUSE = 5;
/** sync_file_range(2): SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER. */
export const SYNC_FILE_RANGE_FLAGS = 7;

/** faccessat2(2): the effective user decides. */
export const AT_EACCESS = 0x200;
/** statx(2): how fresh the answer must be. */
export const AT_STATX_SYNC_TYPE = 0x6000;
export const AT_NO_AUTOMOUNT = 0x800;

/** utimensat(2), include/linux/stat.h. */
export const UTIME_NOW = 0x3fff_ffff;
export const UTIME_OMIT = 0x3fff_fffe;

/** preadv2(2), include/uapi/linux/fs.h: flags that change nothing here, and the one that appends. */
export const RWF_HIPRI = 1;
export const RWF_DSYNC = 2;
export const RWF_SYNC = 4;
export const RWF_NOWAIT = 8;
export const RWF_APPEND = 16;

/** getrandom(2), include/uapi/linux/random.h. */
export const GRND_NONBLOCK = 1;
export const GRND_RANDOM = 2;
export const GRND_INSECURE = 4;
