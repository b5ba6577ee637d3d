/**
 * Layer: abi. WASI preview 1 (snapshot 1): every function's name and type, and its constants.
 * Source: the wasi_snapshot_preview1 witx documents of the WASI specification. No logic.
 *
 * Types are letters, one a parameter: i = i32, I = i64. Every function returns an i32 errno except proc_exit.
 */
export const WASI_MODULE = "wasi_snapshot_preview1";

export const WASI_FUNCTIONS = {
  args_get: "ii",
  args_sizes_get: "ii",
  environ_get: "ii",
  environ_sizes_get: "ii",
  clock_res_get: "ii",
  clock_time_get: "iIi",
  fd_advise: "iIIi",
  fd_allocate: "iII",
  fd_close: "i",
  fd_datasync: "i",
  fd_fdstat_get: "ii",
  fd_fdstat_set_flags: "ii",
  fd_fdstat_set_rights: "iII",
  fd_filestat_get: "ii",
  fd_filestat_set_size: "iI",
  fd_filestat_set_times: "iIIi",
  fd_pread: "iiiIi",
  fd_prestat_get: "ii",
  fd_prestat_dir_name: "iii",
  fd_pwrite: "iiiIi",
  fd_read: "iiii",
  fd_readdir: "iiiIi",
  fd_renumber: "ii",
  fd_seek: "iIii",
  fd_sync: "i",
  fd_tell: "ii",
  fd_write: "iiii",
  path_create_directory: "iii",
  path_filestat_get: "iiiii",
  path_filestat_set_times: "iiiiIIi",
  path_link: "iiiiiii",
  path_open: "iiiiiIIii",
  path_readlink: "iiiiii",
  path_remove_directory: "iii",
  path_rename: "iiiiii",
  path_symlink: "iiiii",
  path_unlink_file: "iii",
  poll_oneoff: "iiii",
  proc_exit: "i",
  proc_raise: "i",
  random_get: "ii",
  sched_yield: "",
  sock_accept: "iii",
  sock_recv: "iiiiii",
  sock_send: "iiiii",
  sock_shutdown: "ii",
} as const;

export type WasiFunctionName = keyof typeof WASI_FUNCTIONS;

/** Functions without a result. */
export const WASI_NO_RESULT: ReadonlySet<string> = new Set(["proc_exit"]);

/** rights: what a descriptor may be used for. Bits 0 to 29; no others are defined. */
export const RIGHTS_FD_DATASYNC = 1 << 0;
export const RIGHTS_FD_READ = 1 << 1;
export const RIGHTS_FD_SEEK = 1 << 2;
export const RIGHTS_FD_FDSTAT_SET_FLAGS = 1 << 3;
export const RIGHTS_FD_SYNC = 1 << 4;
export const RIGHTS_FD_TELL = 1 << 5;
export const RIGHTS_FD_WRITE = 1 << 6;
export const RIGHTS_FD_ADVISE = 1 << 7;
export const RIGHTS_FD_ALLOCATE = 1 << 8;
export const RIGHTS_PATH_CREATE_DIRECTORY = 1 << 9;
export const RIGHTS_PATH_CREATE_FILE = 1 << 10;
export const RIGHTS_PATH_LINK_SOURCE = 1 << 11;
export const RIGHTS_PATH_LINK_TARGET = 1 << 12;
export const RIGHTS_PATH_OPEN = 1 << 13;
export const RIGHTS_FD_READDIR = 1 << 14;
export const RIGHTS_PATH_READLINK = 1 << 15;
export const RIGHTS_PATH_RENAME_SOURCE = 1 << 16;
export const RIGHTS_PATH_RENAME_TARGET = 1 << 17;
export const RIGHTS_PATH_FILESTAT_GET = 1 << 18;
export const RIGHTS_PATH_FILESTAT_SET_SIZE = 1 << 19;
export const RIGHTS_PATH_FILESTAT_SET_TIMES = 1 << 20;
export const RIGHTS_FD_FILESTAT_GET = 1 << 21;
export const RIGHTS_FD_FILESTAT_SET_SIZE = 1 << 22;
export const RIGHTS_FD_FILESTAT_SET_TIMES = 1 << 23;
export const RIGHTS_PATH_SYMLINK = 1 << 24;
export const RIGHTS_PATH_REMOVE_DIRECTORY = 1 << 25;
export const RIGHTS_PATH_UNLINK_FILE = 1 << 26;
export const RIGHTS_POLL_FD_READWRITE = 1 << 27;
export const RIGHTS_SOCK_SHUTDOWN = 1 << 28;
export const RIGHTS_SOCK_ACCEPT = 1 << 29;
export const RIGHTS_ALL = 0x3fff_ffff;

/** clockid */
export const CLOCKID_REALTIME = 0;
export const CLOCKID_MONOTONIC = 1;
export const CLOCKID_PROCESS_CPUTIME_ID = 2;
export const CLOCKID_THREAD_CPUTIME_ID = 3;

/** filetype */
export const FILETYPE_UNKNOWN = 0;
export const FILETYPE_BLOCK_DEVICE = 1;
export const FILETYPE_CHARACTER_DEVICE = 2;
export const FILETYPE_DIRECTORY = 3;
export const FILETYPE_REGULAR_FILE = 4;
export const FILETYPE_SOCKET_DGRAM = 5;
export const FILETYPE_SOCKET_STREAM = 6;
export const FILETYPE_SYMBOLIC_LINK = 7;

/** fdflags */
export const FDFLAGS_APPEND = 1;
export const FDFLAGS_DSYNC = 2;
export const FDFLAGS_NONBLOCK = 4;
export const FDFLAGS_RSYNC = 8;
export const FDFLAGS_SYNC = 16;
export const FDFLAGS_ALL = 31;

/** oflags */
export const OFLAGS_CREAT = 1;
export const OFLAGS_DIRECTORY = 2;
export const OFLAGS_EXCL = 4;
export const OFLAGS_TRUNC = 8;
export const OFLAGS_ALL = 15;

/** lookupflags */
export const LOOKUPFLAGS_SYMLINK_FOLLOW = 1;
export const LOOKUPFLAGS_ALL = 1;

/** whence */
export const WHENCE_SET = 0;
export const WHENCE_CUR = 1;
export const WHENCE_END = 2;

/** fstflags */
export const FSTFLAGS_ATIM = 1;
export const FSTFLAGS_ATIM_NOW = 2;
export const FSTFLAGS_MTIM = 4;
export const FSTFLAGS_MTIM_NOW = 8;
export const FSTFLAGS_ALL = 15;

/** advice: the highest of NORMAL 0, SEQUENTIAL, RANDOM, WILLNEED, DONTNEED, NOREUSE 5 */
export const ADVICE_NOREUSE = 5;

/** preopentype */
export const PREOPENTYPE_DIR = 0;

/** eventtype, eventrwflags, subclockflags */
export const EVENTTYPE_CLOCK = 0;
export const EVENTTYPE_FD_READ = 1;
export const EVENTTYPE_FD_WRITE = 2;
export const EVENTRWFLAGS_FD_READWRITE_HANGUP = 1;
export const SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME = 1;

/** riflags, roflags, sdflags */
export const RIFLAGS_RECV_PEEK = 1;
export const RIFLAGS_RECV_WAITALL = 2;
export const RIFLAGS_ALL = 3;
export const ROFLAGS_RECV_DATA_TRUNCATED = 1;
export const SDFLAGS_RD = 1;
export const SDFLAGS_WR = 2;
export const SDFLAGS_ALL = 3;

/** signal: the highest number, sys. */
export const SIGNAL_SYS = 30;

/** Byte sizes of the structures, and where their members stand. All are little-endian. */
export const IOVEC_SIZE = 8;

export const PRESTAT_SIZE = 8;
export const PRESTAT_TAG = 0;
export const PRESTAT_NAME_LENGTH = 4;

export const FDSTAT_SIZE = 24;
export const FDSTAT_FILETYPE = 0;
export const FDSTAT_FLAGS = 2;
export const FDSTAT_RIGHTS_BASE = 8;
export const FDSTAT_RIGHTS_INHERITING = 16;

export const FILESTAT_SIZE = 64;
export const FILESTAT_DEV = 0;
export const FILESTAT_INO = 8;
export const FILESTAT_FILETYPE = 16;
export const FILESTAT_NLINK = 24;
export const FILESTAT_LENGTH = 32;
export const FILESTAT_ATIM = 40;
export const FILESTAT_MTIM = 48;
export const FILESTAT_CTIM = 56;

export const DIRENT_SIZE = 24;
export const DIRENT_NEXT = 0;
export const DIRENT_INO = 8;
export const DIRENT_NAMLEN = 16;
export const DIRENT_TYPE = 20;

export const SUBSCRIPTION_SIZE = 48;
export const SUBSCRIPTION_USERDATA = 0;
export const SUBSCRIPTION_TAG = 8;
/** Of a clock subscription. */
export const SUBSCRIPTION_CLOCK_ID = 16;
export const SUBSCRIPTION_CLOCK_TIMEOUT = 24;
export const SUBSCRIPTION_CLOCK_FLAGS = 40;
/** Of a descriptor subscription. */
export const SUBSCRIPTION_FD = 16;

export const EVENT_SIZE = 32;
export const EVENT_USERDATA = 0;
export const EVENT_ERROR = 8;
export const EVENT_TYPE = 10;
export const EVENT_NBYTES = 16;
export const EVENT_RWFLAGS = 24;
