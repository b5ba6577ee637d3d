/**
 * Layer: limits. Every limit of Linden, its default and its unit, and who enforces it. No other file holds one.
 */

/** Bytes of linear memory one guest process may have; grow fails beyond. Enforced by the engine (memory maximum). */
export const MEMORY_BYTES = 512 * 1024 * 1024;
/** Bytes of all files of one in-memory file system; ENOSPC beyond. Enforced by memfs. */
export const FS_BYTES = 256 * 1024 * 1024;
/** Inodes of one in-memory file system; ENOSPC beyond. Enforced by memfs. */
export const FS_INODES = 65_536;
/** Bytes of memory without a file that processes of one sandbox share; ENOMEM or SIGBUS beyond. Enforced by the kernel. */
export const SHARED_BYTES = 64 * 1024 * 1024;
/** Pieces of such memory at once, as Linux's SHMMNI; ENOMEM beyond. Enforced by the kernel. */
export const SHARED_FILES = 4096;
/** Watches of epoll(7) in all processes; ENOSPC beyond. Enforced by the kernel. */
export const EPOLL_WATCHES = 65_536;
/** System V semaphore sets and, of all sets together, semaphores; ENOSPC beyond. Enforced by the kernel. */
export const SEMAPHORE_SETS = 1024;
export const SEMAPHORES = 8192;
/** System V message queues; ENOSPC beyond. Enforced by the kernel. */
export const MESSAGE_QUEUES = 256;
/** Bytes of one message, and of all in one queue, as Linux's MSGMAX and MSGMNB: EINVAL, and who sends waits. Enforced by the kernel. */
export const MESSAGE_BYTES = 8192;
export const MESSAGE_QUEUE_BYTES = 16_384;
/** Messages of all queues together; who sends more waits. Enforced by the kernel. */
export const MESSAGES = 65_536;
/** POSIX message queues, mq_open(3). Enforced by the kernel. */
export const POSIX_QUEUES = 256;
/** Messages of one POSIX queue where nobody asks for another number, and most for all but the superuser. Enforced by the kernel. */
export const QUEUE_MESSAGES = 10;
/** Bytes of one message of a POSIX queue, in the same way. Enforced by the kernel. */
export const QUEUE_MESSAGE_BYTES = 8192;
/** Bytes that POSIX queues of one user may hold once full, RLIMIT_MSGQUEUE. Enforced by the kernel. */
export const USER_QUEUE_BYTES = 819_200;
/** The same of all users together, whatever their limits. Enforced by the kernel. */
export const POSIX_QUEUE_BYTES = 8 * 1024 * 1024;
/** Open descriptors of one process; EMFILE beyond. Enforced by the kernel's descriptor table. */
export const DESCRIPTORS = 1024;
/** Memory mappings of one process, as Linux's vm.max_map_count; ENOMEM beyond. Enforced by the kernel. */
export const MAPPINGS = 65_530;
/**
 * Those of them that others see too: the kernel looks through each whenever another process that shares runs; ENOMEM beyond.
 * Enforced by the kernel.
 */
export const SHARED_MAPPINGS = 4096;
/** Live processes of one sandbox; EAGAIN beyond. Enforced by the kernel. */
export const PROCESSES = 256;
/** Signals that wait for processes of one real user (RLIMIT_SIGPENDING); EAGAIN from sigqueue(3) beyond. Enforced by the kernel. */
export const SIGNALS_QUEUED = 4096;
/** Signals that wait for all users' processes; EAGAIN from sigqueue(3) beyond. Enforced by the kernel. */
export const SIGNALS_WAITING = 16_384;
/** Threads of one process; EAGAIN beyond. Enforced by the kernel. */
export const THREADS = 512;
/** POSIX timers of one process; EAGAIN beyond. Enforced by the kernel. */
export const TIMERS = 64;
/** Interpreters of interpreters in one execve; ELOOP beyond. Enforced by the kernel. */
export const INTERPRETERS = 4;
/** Programs compiled from files of the guest's that are kept though no process runs them. Enforced by the engine. */
export const IMAGES_KEPT = 32;
/** Bytes of a file that may be executed as a program. Enforced by the kernel. */
export const PROGRAM_BYTES = 64 * 1024 * 1024;
/** Bytes of a guest's memory where its stack goes while it forks. Enforced by the engine. */
export const UNWIND_BYTES = 256 * 1024;

/** Bytes of standard output and error, together, of one run; SIGXFSZ beyond. Enforced by the caller. */
export const OUTPUT_BYTES = 64 * 1024 * 1024;
/** Milliseconds of wall time of one run; undefined is no limit. Enforced by the caller (SIGKILL). */
export const WALL_MS: number | undefined = undefined;
/** Seconds of CPU time of one cell; undefined is no limit. Enforced by the host (RLIMIT_CPU) and the caller. */
export const CPU_SECONDS: number | undefined = undefined;
/** Locks on files, of all processes together; ENOLCK beyond. Enforced by the kernel. */
export const LOCKS = 16_384;
/** Pairs of terminals at once; ENOSPC beyond. Enforced by the kernel. */
export const PSEUDO_TERMINALS = 64;
/** Bytes that were written to a terminal of a pair and not yet read from its master. Enforced by the kernel. */
export const TERMINAL_OUTPUT_BYTES = 16_384;
/** Bytes a pipe holds, as pipe(7). Enforced by the kernel. */
export const PIPE_BYTES = 65_536;
/** Bytes a pipe may be made to hold with F_SETPIPE_SZ, as fs.pipe-max-size; EPERM beyond. Enforced by the kernel. */
export const PIPE_MOST_BYTES = 1024 * 1024;
/** Bytes all pipes of a sandbox may hold together, as fs.pipe-user-pages-soft. Enforced by the kernel. */
export const PIPES_BYTES = 64 * 1024 * 1024;
/** Words that calls of futex_waitv(2) wait for in one process, or in one shared file; ENOMEM beyond. Enforced by the kernel. */
export const FUTEX_WORDS = 4096;
/** Bytes that blocked writes and sends, and waits for several futexes, may hold together; who writes more gets a short count. Enforced by the kernel. */
export const WAITING_BYTES = 64 * 1024 * 1024;
/** Bytes of texts that open files of /proc keep together; beyond, each read makes its text anew. Enforced by procfs. */
export const PROC_KEPT_BYTES = 16 * 1024 * 1024;
/** What a new pipe holds once that is reached. Enforced by the kernel. */
export const PIPE_CROWDED_BYTES = 8192;
/** Bytes of the files in /dev/shm; ENOSPC beyond. Enforced by memfs. */
export const SHM_BYTES = 64 * 1024 * 1024;
/** A write up to this many bytes to a pipe is atomic, as pipe(7). */
export const PIPE_BUF = 4096;
/** Names of its lower layer an overlay hides, and files of it copied up, each; ENOSPC beyond. Enforced by overlayfs. */
export const OVERLAY_NAMES = 65_536;
/** Watches of inotify, of all processes together; ENOSPC beyond. Enforced by the kernel. */
export const INOTIFY_WATCHES = 8192;
/** Events of inotify nobody has read, of all instances together; the next is IN_Q_OVERFLOW. Enforced by the kernel. */
export const INOTIFY_EVENTS = 16_384;
/** Bytes one handler moves before it yields. */
export const TRANSFER_BYTES = 1024 * 1024;

/** Bytes of a guest module; refused beyond. Enforced by the caller before sending and by the rewriter. */
export const MODULE_BYTES = 128 * 1024 * 1024;
/** Functions of a guest module. Enforced by the rewriter. */
export const MODULE_FUNCTIONS = 200_000;
/** Locals of one function, parameters included. Enforced by the rewriter. */
export const MODULE_LOCALS = 10_000;
/** Sum over all functions of their locals. Enforced by the rewriter. */
export const MODULE_LOCALS_SUM = 4_000_000;
/** Bytes of one function body. Enforced by the rewriter. */
export const MODULE_BODY_BYTES = 2 * 1024 * 1024;
/** Elements of all tables of a module together. Enforced by the rewriter. */
export const MODULE_TABLE_ELEMENTS = 1_000_000;
/** Tables of a module. Enforced by the rewriter. */
export const MODULE_TABLES = 16;
/** Function types of a module. Enforced by the rewriter. */
export const MODULE_TYPES = 20_000;
/** Parameters of one function type. Enforced by the rewriter. */
export const MODULE_PARAMETERS = 256;
/** Results of one function type; V8 checks each at every branch. Enforced by the rewriter. */
export const MODULE_RESULTS = 64;
/** Imports of a module. Enforced by the rewriter. */
export const MODULE_IMPORTS = 1000;
/** Exports of a module. Enforced by the rewriter. */
export const MODULE_EXPORTS = 10_000;
/** Globals of a module. Enforced by the rewriter. */
export const MODULE_GLOBALS = 10_000;
/** Exception tags of a module. Enforced by the rewriter. */
export const MODULE_TAGS = 1000;
/** Values one exception carries: they are kept in the engine's heap, some 40 bytes each. Enforced by the rewriter. */
export const MODULE_TAG_PARAMETERS = 16;
/** Bytes of one import or export name. Enforced by the rewriter. */
export const MODULE_NAME_BYTES = 1024;
/** Element segments of a module. Enforced by the rewriter. */
export const MODULE_ELEMENT_SEGMENTS = 10_000;
/** Data segments of a module; V8 takes no more than this either. Enforced by the rewriter. */
export const MODULE_DATA_SEGMENTS = 100_000;
/** Operations of one constant expression. Enforced by the rewriter. */
export const MODULE_CONSTANT_OPERATIONS = 100;
/** Blocks inside one another in one function: a switch needs one a case. Enforced by the rewriter. */
export const MODULE_NESTING = 10_000;
/** Targets of one br_table. Enforced by the rewriter. */
export const MODULE_BR_TABLE = 50_000;
/**
 * Branches to one block, calls that its catches may end at included: V8's optimizing compiler counts them in 16 bits and ends the
 * process beyond. Enforced by the rewriter.
 */
export const MODULE_BRANCHES = 60_000;
/** Loops and operations on ranges of memory, over all functions: each grows by some 20 bytes. Enforced by the rewriter. */
export const MODULE_SAFEPOINTS = 1_000_000;
/**
 * Sum, over all blocks and branches of one function, of the locals and operands alive there: what compilers keep in
 * memory, tens of bytes each. Enforced by the rewriter.
 */
export const MODULE_BODY_STATES = 16_000_000;
/** Bytes of the function names kept for messages; a bigger name section is dropped. Enforced by the rewriter. */
export const MODULE_NAMES_KEPT_BYTES = 16 * 1024 * 1024;
/** Bytes of arguments and environment of one process, as execve(2)'s E2BIG. Enforced by the kernel. */
export const ARGUMENT_BYTES = 2 * 1024 * 1024;

/** Resident bytes of a cell beyond its guests' memories and files: engine, compiled code, kernel. Enforced by the caller. */
export const CELL_BYTES = 512 * 1024 * 1024;

/** Bytes of the cache of rewritten modules; the oldest go beyond. Enforced by the caller. */
export const CACHE_BYTES = 1024 * 1024 * 1024;

/** Payload bytes of one frame between caller, cell and file server. Enforced by the wire decoder. */
export const FRAME_BYTES = 1024 * 1024 + 4096;
/** Bytes of a control frame's JSON: 1 MiB of arguments, each byte as \u00XX at worst, with room. Enforced by the wire decoder. */
export const CONTROL_BYTES = 8 * 1024 * 1024;
/** Output bytes in flight of one stream before the cell must wait for credit. Enforced by cell and caller. */
export const STREAM_WINDOW_BYTES = 256 * 1024;
/** Nanoseconds a guest may make non-blocking calls before the kernel returns to the host's event loop. */
export const YIELD_NS = 4_000_000;

/** Open handles one file server holds for its cell; ENFILE beyond. Enforced by the file server. */
export const HOST_HANDLES = 1024;
/** Host descriptors a cell keeps for reading; the least used is closed first. Enforced by the cell. */
export const HOST_DESCRIPTORS = 24;
/** Inodes one hostfs remembers; the least used is forgotten first. Enforced by hostfs. */
export const HOST_INODES = 16_384;
/** Entries of open host directories that one hostfs keeps for seeking back; what each was told last stays beyond. Enforced by hostfs. */
export const HOST_ENTRIES = 16_384;
/** Milliseconds a name, an attribute or a small file's contents from the host may be old. Enforced by hostfs. */
export const HOST_COHERENCE_MS = 1000;
/** A host file up to this many bytes comes with its contents when it is opened. Enforced by the file server. */
export const HOST_INLINE_BYTES = 64 * 1024;
/** Bytes of one frame on the line to the file server, without its header. Enforced by both ends. */
export const FILE_LINE_BYTES = 1024 * 1024 + 16_384;

/** Bytes of the root file system of an isolate of `linden/lockdown`; ENOSPC beyond. Enforced by the host (tmpfs). */
export const ISOLATE_BYTES = 10 * 1024 * 1024;
