/**
 * Layer: lockdown, learn. Which arguments of a call say what it is for, and so are worth a condition; which are paths. From the
 * call table of src/abi. It must not know who made a call.
 */
import { type CallName, callNames, callOf } from "../../abi/calls.ts";

const FULL = 0xffffffffffffffffn;
const INT = 0xffffffffn;

/** One argument of a call that is kept. */
export type KeptArgument = {
  readonly index: number;
  /** What the kernel reads of it: an int, or all of the register. */
  readonly mask: bigint;
  /** "stream": a descriptor, of which only 0, 1 and 2 mean the same in every run. */
  readonly kind: "value" | "stream";
};

/**
 * Calls that act on what is open, on memory, time, or the process's own threads and signals: whatever their arguments
 * are, they give nothing new. Rule sets may bring them along though they were not seen.
 */
export const HARMLESS: ReadonlySet<string> = new Set(
  `read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek close close_range dup dup2 dup3 fstat
  fsync fdatasync ftruncate getdents getdents64 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait
  epoll_pwait epoll_pwait2 eventfd eventfd2 pipe pipe2 recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg shutdown sendfile
  munmap mremap madvise msync brk mlock mlock2 mlockall munlock munlockall futex futex_waitv futex_wake futex_wait
  futex_requeue clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time getitimer setitimer alarm
  timer_create timer_settime timer_gettime timer_delete timer_getoverrun timerfd_create timerfd_settime timerfd_gettime
  getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp getpgid getsid getrlimit
  getrusage times uname umask rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait
  sigaltstack getrandom sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler
  sched_get_priority_max sched_get_priority_min sched_rr_get_interval set_robust_list get_robust_list set_tid_address rseq
  membarrier restart_syscall exit exit_group wait4 waitid pause getcpu getcwd sysinfo readlink readlinkat listen accept
  accept4 getsockname getpeername getsockopt fadvise64 readahead copy_file_range splice tee vmsplice`
    .split(/\s+/)
    .filter((name) => name !== ""),
);

/** Calls of which exactly these arguments are kept. */
const ALWAYS_KEPT: ReadonlyMap<string, readonly number[]> = new Map([
  ["mmap", [2]], // PROT_EXEC is what matters
  ["statx", [2]], // its mask only says what is asked for
  ["socket", [0, 1, 2]],
  ["socketpair", [0, 1]],
]);
/** Calls whose flags and choices vary with the data, not with the purpose. */
const NEVER_KEPT: ReadonlySet<string> = new Set(["clone3", "sched_setscheduler", "ioprio_set", "access", "faccessat"]);
/** Reading and writing: on a standard stream or on something else. */
const STREAM_CALLS: ReadonlySet<string> = new Set(["read", "write", "readv", "writev"]);
/** Arguments of the call table's "long" sort that the kernel reads whole. */
const WHOLE: ReadonlySet<string> = new Set(["mmap", "mprotect", "clone", "prctl", "mount", "unshare"]);
const NAMES: ReadonlySet<string> = new Set(callNames());

const kept = new Map<string, readonly KeptArgument[]>();

function isCall(name: string): name is CallName {
  return NAMES.has(name);
}

/** The arguments of a call by which a policy tells its uses apart, in their order. Unknown calls: none. */
export function keptArguments(syscall: string): readonly KeptArgument[] {
  const known = kept.get(syscall);
  if (known !== undefined) return known;
  const found = findKept(syscall);
  kept.set(syscall, found);
  return found;
}

function findKept(syscall: string): KeptArgument[] {
  if (STREAM_CALLS.has(syscall)) return [{ index: 0, mask: INT, kind: "stream" }];
  const chosen = ALWAYS_KEPT.get(syscall);
  const value = (index: number): KeptArgument => ({ index, mask: WHOLE.has(syscall) ? FULL : INT, kind: "value" });
  if (chosen !== undefined) return chosen.map(value);
  if (HARMLESS.has(syscall) || NEVER_KEPT.has(syscall) || !isCall(syscall)) return [];
  return callOf(syscall).parameters.flatMap(({ role }, index) =>
    role === "flags" || role === "choice" ? [value(index)] : [],
  );
}

/** Where a call's paths stand: the argument, and that of the directory it is relative to. */
export type PathArgument = { readonly index: number; readonly directory: number | undefined };

const paths = new Map<string, readonly PathArgument[]>();

/** The paths a call names. */
export function pathArguments(syscall: string): readonly PathArgument[] {
  const known = paths.get(syscall);
  if (known !== undefined) return known;
  const parameters = isCall(syscall) ? callOf(syscall).parameters : [];
  const found = parameters.flatMap(({ role }, index): PathArgument[] => {
    if (role !== "path") return [];
    return [{ index, directory: parameters[index - 1]?.role === "dirfd" ? index - 1 : undefined }];
  });
  paths.set(syscall, found);
  return found;
}

/** The address of a socket, and its length, in calls that name one. */
export const ADDRESS_ARGUMENTS: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["connect", [1, 2]],
  ["bind", [1, 2]],
  ["sendto", [4, 5]],
] as const);
