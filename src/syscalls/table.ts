/**
 * Layer: syscalls. Every call Linux has, and what is behind it here: pure data (hence its length), from which the engine's
 * calls and docs/syscalls.md are made. Types and numbers are those of abi/calls.ts.
 */
import { callNames, callOf, IMPORT_ALIASES, importName, signatureOf } from "../abi/calls.ts";
import { EPERM } from "../abi/errno.ts";
import type { GuestCall } from "../kernel/contracts.ts";
import * as advice from "./advice.ts";
import * as children from "./children.ts";
import * as cloning from "./cloning.ts";
import * as descriptors from "./descriptors.ts";
import * as directories from "./directories.ts";
import * as events from "./events.ts";
import * as attributes from "./extended-attributes.ts";
import * as files from "./files.ts";
import * as futex from "./futex.ts";
import * as identity from "./identity.ts";
import * as inotify from "./inotify.ts";
import * as io from "./io.ts";
import * as locks from "./locks.ts";
import * as memory from "./memory.ts";
import * as opening from "./opening.ts";
import * as poll from "./poll.ts";
import * as queues from "./posix-queues.ts";
import * as processFiles from "./process-files.ts";
import * as processes from "./processes.ts";
import { absent, by, faked, full, partial, refused, type Syscall } from "./row.ts";
import * as scheduling from "./scheduling.ts";
import * as signals from "./signals.ts";
import { notSocket, sys_socket } from "./sockets.ts";
import { STARTUP_CALLS } from "./startup.ts";
import * as stat from "./stat.ts";
import * as system from "./system.ts";
import * as systemV from "./system-v.ts";
import * as time from "./time.ts";
import * as timers from "./timers.ts";

const BYTES = by("kernel, file server", [
  full("read", io.sys_read),
  full("write", io.sys_write),
  full("readv", io.sys_readv),
  full("writev", io.sys_writev),
  full("pread64", io.sys_pread64),
  full("pwrite64", io.sys_pwrite64),
  full("preadv", io.sys_preadv),
  full("pwritev", io.sys_pwritev),
  partial("preadv2", "RWF_NOWAIT is EOPNOTSUPP", io.sys_preadv2),
  partial("pwritev2", "RWF_NOWAIT is EOPNOTSUPP", io.sys_pwritev2),
  partial("lseek", "a file of a host's directory is data throughout", io.sys_lseek),
  full("fsync", io.sys_fsync),
  full("fdatasync", io.sys_fdatasync),
  faked("sync", "descriptors are synced by fsync alone", advice.sys_sync),
  faked("syncfs", "descriptors are synced by fsync alone", advice.sys_syncfs),
  faked("sync_file_range", "descriptors are synced by fsync alone", advice.sys_sync_file_range),
  faked("readahead", "reads run ahead by themselves", advice.sys_readahead),
  faked("fadvise64", "advice changes nothing", advice.sys_fadvise64),
  partial("fallocate", "as on tmpfs; without holes on a host's directory", io.sys_fallocate),
  full("splice", io.sys_splice),
  full("tee", io.sys_tee),
  partial("vmsplice", "copies", io.sys_vmsplice),
  full("sendfile", io.sys_sendfile),
  full("copy_file_range", io.sys_copy_file_range),
]);

const INOTIFY = "what a host changes is not heard; a file that is open is told deleted when its last name goes";
const DESCRIPTORS = [
  full("close", descriptors.sys_close),
  partial("close_range", "CLOSE_RANGE_UNSHARE changes nothing", descriptors.sys_close_range),
  full("dup", descriptors.sys_dup),
  full("dup2", descriptors.sys_dup2),
  full("dup3", descriptors.sys_dup3),
  full("pipe", descriptors.sys_pipe),
  partial("pipe2", "O_DIRECT is EINVAL", descriptors.sys_pipe2),
  partial("fcntl", "leases, notification and owners are EINVAL", descriptors.sys_fcntl),
  full("flock", locks.sys_flock),
  full("inotify_init", inotify.sys_inotify_init),
  full("inotify_init1", inotify.sys_inotify_init1),
  partial("inotify_add_watch", INOTIFY, inotify.sys_inotify_add_watch),
  full("inotify_rm_watch", inotify.sys_inotify_rm_watch),
  partial(
    "ioctl",
    "FIO*; of terminals attributes, size, foreground group, session, flush and flow; of masters number, lock, peer, packets",
    descriptors.sys_ioctl,
  ),
  full("poll", poll.sys_poll, poll.finishPoll),
  full("ppoll", poll.sys_ppoll, poll.finishPpoll),
  full("select", poll.sys_select, poll.finishSelect),
  full("pselect6", poll.sys_pselect6, poll.finishPselect6),
];

const FILES = by("kernel, file server", [
  partial("open", "O_DIRECT and O_ASYNC change nothing", files.sys_open),
  partial("openat", "O_DIRECT and O_ASYNC change nothing", files.sys_openat),
  full("openat2", opening.sys_openat2),
  partial("memfd_create", "no large pages", opening.sys_memfd_create),
  full("creat", files.sys_creat),
  full("mkdir", files.sys_mkdir),
  full("mkdirat", files.sys_mkdirat),
  partial("mknod", "devices are EPERM", files.sys_mknod),
  partial("mknodat", "devices are EPERM", files.sys_mknodat),
  full("rmdir", files.sys_rmdir),
  full("unlink", files.sys_unlink),
  full("unlinkat", files.sys_unlinkat),
  full("rename", files.sys_rename),
  full("renameat", files.sys_renameat),
  partial("renameat2", "RENAME_WHITEOUT is EINVAL", files.sys_renameat2),
  full("link", files.sys_link),
  full("linkat", files.sys_linkat),
  full("symlink", files.sys_symlink),
  full("symlinkat", files.sys_symlinkat),
  full("readlink", files.sys_readlink),
  full("readlinkat", files.sys_readlinkat),
  full("truncate", files.sys_truncate),
  full("ftruncate", files.sys_ftruncate),
  full("chmod", files.sys_chmod),
  full("fchmod", files.sys_fchmod),
  full("fchmodat", files.sys_fchmodat),
  full("fchmodat2", files.sys_fchmodat2),
  full("chown", files.sys_chown),
  full("lchown", files.sys_lchown),
  full("fchown", files.sys_fchown),
  full("fchownat", files.sys_fchownat),
  full("access", files.sys_access),
  full("faccessat", files.sys_faccessat),
  full("faccessat2", files.sys_faccessat2),
  full("utimensat", files.sys_utimensat),
  full("utimes", files.sys_utimes),
  full("futimesat", files.sys_futimesat),
  full("utime", files.sys_utime),
  full("stat", stat.sys_stat),
  full("lstat", stat.sys_lstat),
  full("fstat", stat.sys_fstat),
  full("newfstatat", stat.sys_newfstatat),
  partial("statx", "the fields of stat(2)", stat.sys_statx),
  full("statfs", stat.sys_statfs),
  full("fstatfs", stat.sys_fstatfs),
  full("getdents64", directories.sys_getdents64),
  full("getcwd", directories.sys_getcwd),
  full("chdir", directories.sys_chdir),
  full("fchdir", directories.sys_fchdir),
  full("chroot", directories.sys_chroot),
  full("umask", directories.sys_umask),
]);

const SOME_XATTR = "user.* and trusted.* of files in memory; else EOPNOTSUPP";
const XATTR = [
  partial("setxattr", SOME_XATTR, attributes.sys_setxattr),
  partial("lsetxattr", SOME_XATTR, attributes.sys_lsetxattr),
  partial("fsetxattr", SOME_XATTR, attributes.sys_fsetxattr),
  partial("getxattr", SOME_XATTR, attributes.sys_getxattr),
  partial("lgetxattr", SOME_XATTR, attributes.sys_lgetxattr),
  partial("fgetxattr", SOME_XATTR, attributes.sys_fgetxattr),
  partial("listxattr", SOME_XATTR, attributes.sys_listxattr),
  partial("llistxattr", SOME_XATTR, attributes.sys_llistxattr),
  partial("flistxattr", SOME_XATTR, attributes.sys_flistxattr),
  partial("removexattr", SOME_XATTR, attributes.sys_removexattr),
  partial("lremovexattr", SOME_XATTR, attributes.sys_lremovexattr),
  partial("fremovexattr", SOME_XATTR, attributes.sys_fremovexattr),
];

const TIME = by("kernel, host clock", [
  partial(
    "clock_gettime",
    "11 clocks over 4, and CPU time of processes and of one's own threads",
    time.sys_clock_gettime,
  ),
  partial("clock_getres", "always 1 ns", time.sys_clock_getres),
  partial("clock_nanosleep", "CPU clocks are EOPNOTSUPP", time.sys_clock_nanosleep, time.finishClockNanosleep),
  full("nanosleep", time.sys_nanosleep, time.finishNanosleep),
  partial("gettimeofday", "the zone is UTC", time.sys_gettimeofday),
  full("time", time.sys_time),
  partial("times", "CPU time is all user time", time.sys_times),
  faked("clock_settime", "EPERM: the clock is the host's", time.sys_clock_settime),
  refused("settimeofday", EPERM, "EPERM: the clock is the host's"),
  refused("adjtimex", EPERM, "EPERM: the clock is the host's"),
  refused("clock_adjtime", EPERM, "EPERM: the clock is the host's"),
]);

const MEMORY = [
  full("brk", memory.sys_brk),
  partial(
    "mmap",
    "a private file is copied when mapped; linear memory has no protection, so no SIGBUS beyond a file's end",
    memory.sys_mmap,
  ),
  full("munmap", memory.sys_munmap),
  partial("mprotect", "enforced toward other sharers and the file, not in one's own memory", memory.sys_mprotect),
  partial("mremap", "MREMAP_DONTUNMAP is EINVAL; a private mapping of a file cannot grow: ENOMEM", memory.sys_mremap),
  partial("madvise", "DONTNEED; REMOVE, DONTFORK and WIPEONFORK are EINVAL; the rest is advice", memory.sys_madvise),
  full("msync", memory.sys_msync),
  faked("mincore", "everything mapped is in memory", memory.sys_mincore),
  faked("mlock", "nothing is paged out", memory.sys_mlock),
  faked("mlock2", "nothing is paged out", memory.sys_mlock2),
  faked("munlock", "nothing is paged out", memory.sys_mlock),
  faked("mlockall", "nothing is paged out", memory.sys_mlockall),
  faked("munlockall", "nothing is paged out", memory.sys_munlockall),
];

const EVENTS = [
  full("eventfd", events.sys_eventfd),
  full("eventfd2", events.sys_eventfd2),
  partial("timerfd_create", "CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME", events.sys_timerfd_create),
  partial(
    "timerfd_settime",
    "nobody sets the clock: TFD_TIMER_CANCEL_ON_SET changes nothing",
    events.sys_timerfd_settime,
  ),
  full("timerfd_gettime", events.sys_timerfd_gettime),
  partial("signalfd", "signals of a process that ended are told to nobody", events.sys_signalfd),
  partial("signalfd4", "signals of a process that ended are told to nobody", events.sys_signalfd4),
  full("epoll_create", events.sys_epoll_create),
  full("epoll_create1", events.sys_epoll_create1),
  partial(
    "epoll_ctl",
    "EPOLLEXCLUSIVE of terminals, signals and POSIX queues wakes all, EPOLLWAKEUP changes nothing",
    events.sys_epoll_ctl,
  ),
  full("epoll_wait", events.sys_epoll_wait, events.finishEpoll),
  full("epoll_pwait", events.sys_epoll_pwait, events.finishEpoll),
  full("epoll_pwait2", events.sys_epoll_pwait2, events.finishEpoll),
];

const QUEUES = [
  full("mq_open", queues.sys_mq_open),
  full("mq_unlink", queues.sys_mq_unlink),
  full("mq_timedsend", queues.sys_mq_timedsend),
  full("mq_timedreceive", queues.sys_mq_timedreceive),
  partial("mq_notify", "SIGEV_THREAD names an eventfd, where Linux has a netlink socket", queues.sys_mq_notify),
  full("mq_getsetattr", queues.sys_mq_getsetattr),
];

const SYSTEM_V = [
  full("shmget", systemV.sys_shmget),
  partial("shmat", "SHM_EXEC changes nothing", systemV.sys_shmat),
  full("shmdt", systemV.sys_shmdt),
  full("shmctl", systemV.sys_shmctl),
  full("semget", systemV.sys_semget),
  full("semop", systemV.sys_semop),
  full("semtimedop", systemV.sys_semtimedop),
  full("semctl", systemV.sys_semctl),
  full("msgget", systemV.sys_msgget),
  full("msgsnd", systemV.sys_msgsnd),
  partial("msgrcv", "MSG_COPY is ENOSYS", systemV.sys_msgrcv),
  partial("msgctl", "no queue may hold more than MSGMNB", systemV.sys_msgctl),
];

const CLONING =
  "as fork, with CLONE_PIDFD, CLONE_*_SETTID, CLONE_CHILD_CLEARTID, CLONE_CLEAR_SIGHAND and any signal at the end; a stack, and what " +
  "two processes would share, is ENOSYS, namespaces are EPERM";
const PROCESSES = [
  full("getpid", processes.sys_getpid),
  full("gettid", processes.sys_gettid),
  full("getppid", processes.sys_getppid),
  full("getpgrp", processes.sys_getpgrp),
  full("getpgid", processes.sys_getpgid),
  full("setpgid", processes.sys_setpgid),
  full("getsid", processes.sys_getsid),
  full("setsid", processes.sys_setsid),
  partial("fork", "ENOSYS for a program whose stack cannot be taken down", children.sys_fork),
  full("execve", children.sys_execve),
  full("execveat", children.sys_execveat),
  partial("vfork", "as fork", children.sys_fork),
  partial("clone", CLONING, cloning.sys_clone),
  partial("clone3", CLONING, cloning.sys_clone3),
  partial("waitid", "of usage CPU time and memory", children.sys_waitid, children.finishWaitid),
  partial("wait4", "of usage CPU time and memory", children.sys_wait4, children.finishWait4),
  full("exit_group", processes.sys_exit_group),
  full("exit", processes.sys_exit),
  full("set_tid_address", futex.sys_set_tid_address),
  full("pidfd_open", processFiles.sys_pidfd_open),
  full("pidfd_getfd", processFiles.sys_pidfd_getfd),
  full("set_robust_list", futex.sys_set_robust_list),
  partial("get_robust_list", "another process's is EPERM", futex.sys_get_robust_list),
  partial("futex", "FUTEX_FD is ENOSYS; with one priority there is none to inherit", futex.sys_futex),
  full("futex_waitv", futex.sys_futex_waitv),
  partial(
    "prctl",
    "the name, what becomes of children and parents, dumpable; no_new_privs, keepcaps and timer slack are faked",
    processes.sys_prctl,
  ),
  full("sched_yield", scheduling.sys_sched_yield),
  partial("getpriority", "of whole processes", scheduling.sys_getpriority),
  partial(
    "setpriority",
    "kept, inherited and told: whole processes take turns all the same",
    scheduling.sys_setpriority,
  ),
  faked("sched_getscheduler", "SCHED_OTHER", scheduling.sys_sched_getscheduler),
  faked("sched_setscheduler", "stays SCHED_OTHER; real time is EPERM", scheduling.sys_sched_setscheduler),
  faked("sched_getparam", "0", scheduling.sys_sched_getparam),
  faked("sched_setparam", "0 alone", scheduling.sys_sched_setparam),
  full("sched_rr_get_interval", scheduling.sys_sched_rr_get_interval),
  full("sched_get_priority_max", scheduling.sys_sched_get_priority_max),
  full("sched_get_priority_min", scheduling.sys_sched_get_priority_min),
  faked("sched_getaffinity", "processor 0", scheduling.sys_sched_getaffinity),
  faked("sched_setaffinity", "processor 0", scheduling.sys_sched_setaffinity),
  faked("getcpu", "processor 0", scheduling.sys_getcpu),
  faked("membarrier", "one processor: nothing is needed", scheduling.sys_membarrier),
  faked("personality", "Linux's", system.sys_personality),
];

const SIGNALS = [
  full("rt_sigaction", signals.sys_rt_sigaction),
  full("rt_sigprocmask", signals.sys_rt_sigprocmask),
  full("rt_sigpending", signals.sys_rt_sigpending),
  full("rt_sigsuspend", signals.sys_rt_sigsuspend),
  full("pause", signals.sys_pause),
  full("rt_sigtimedwait", signals.sys_rt_sigtimedwait, signals.finishSigtimedwait),
  full("rt_sigqueueinfo", signals.sys_rt_sigqueueinfo),
  full("rt_tgsigqueueinfo", signals.sys_rt_tgsigqueueinfo),
  partial("pidfd_send_signal", "descriptors of /proc/PID are EBADF, flags EINVAL", processFiles.sys_pidfd_send_signal),
  full("kill", signals.sys_kill),
  full("tkill", signals.sys_tkill),
  full("tgkill", signals.sys_tgkill),
  full("alarm", timers.sys_alarm),
  full("getitimer", timers.sys_getitimer),
  partial("setitimer", "ITIMER_VIRTUAL and ITIMER_PROF count wall time", timers.sys_setitimer),
  partial("timer_create", "CLOCK_REALTIME and CLOCK_MONOTONIC", timers.sys_timer_create),
  full("timer_settime", timers.sys_timer_settime),
  full("timer_gettime", timers.sys_timer_gettime),
  full("timer_getoverrun", timers.sys_timer_getoverrun),
  full("timer_delete", timers.sys_timer_delete),
  partial("sigaltstack", "SS_AUTODISARM is EINVAL; the engine's own stack stays the engine's", signals.sys_sigaltstack),
];

const IDENTITY = [
  full("getuid", identity.sys_getuid),
  full("geteuid", identity.sys_geteuid),
  full("getgid", identity.sys_getgid),
  full("getegid", identity.sys_getegid),
  full("setuid", identity.sys_setuid),
  full("setgid", identity.sys_setgid),
  full("setreuid", identity.sys_setreuid),
  full("setregid", identity.sys_setregid),
  full("setresuid", identity.sys_setresuid),
  full("setresgid", identity.sys_setresgid),
  full("getresuid", identity.sys_getresuid),
  full("getresgid", identity.sys_getresgid),
  full("setfsuid", identity.sys_setfsuid),
  full("setfsgid", identity.sys_setfsgid),
  full("getgroups", identity.sys_getgroups),
  full("setgroups", identity.sys_setgroups),
  faked("capget", "all for effective user 0, none for others", system.sys_capget),
  refused("capset", EPERM, "EPERM: capabilities go with user 0"),
];

const SYSTEM = [
  full("uname", system.sys_uname),
  partial("sysinfo", "swap and high memory are 0", system.sys_sysinfo),
  full("getrlimit", system.sys_getrlimit),
  partial("setrlimit", "NOFILE, FSIZE, NPROC, AS, DATA and CPU have effects; the rest is kept", system.sys_setrlimit),
  partial("prlimit64", "NOFILE, FSIZE, NPROC, AS, DATA and CPU have effects; the rest is kept", system.sys_prlimit64),
  partial(
    "getrusage",
    "CPU time, all of it user time, and memory, which is its process's for a thread",
    system.sys_getrusage,
  ),
  ...by("kernel, host getrandom", [full("getrandom", system.sys_getrandom)]),
];

const SOCKETS = [
  faked("socket", "EAFNOSUPPORT: no family yet", sys_socket),
  faked("socketpair", "EAFNOSUPPORT: no family yet", sys_socket),
  ...(
    [
      "connect",
      "accept",
      "accept4",
      "sendto",
      "recvfrom",
      "sendmsg",
      "recvmsg",
      "sendmmsg",
      "recvmmsg",
      "shutdown",
      "bind",
      "listen",
      "getsockname",
      "getpeername",
      "setsockopt",
      "getsockopt",
    ] as const
  ).map((name) => faked(name, "ENOTSOCK: no descriptor is a socket", notSocket)),
];

const PRIVILEGED = "EPERM: the sandbox is set up from outside";
const REFUSED = (
  [
    "mount",
    "umount2",
    "pivot_root",
    "swapon",
    "swapoff",
    "reboot",
    "sethostname",
    "setdomainname",
    "acct",
    "iopl",
    "ioperm",
    "vhangup",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "unshare",
    "setns",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "perf_event_open",
    "bpf",
    "userfaultfd",
    "open_by_handle_at",
    "fanotify_init",
    "open_tree",
    "move_mount",
    "fsopen",
    "fspick",
    "mount_setattr",
  ] as const
).map((name) => refused(name, EPERM, PRIVILEGED));

const NO_RING = "would be a second way into the kernel";
const NO_NUMA = "one node of memory";
const ABSENT = [
  ...absent("the engine returns from handlers and restarts calls by itself", "rt_sigreturn", "restart_syscall"),
  ...absent("not yet", "name_to_handle_at"),
  ...absent(NO_RING, "io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "io_destroy"),
  ...absent(NO_RING, "io_getevents", "io_pgetevents", "io_submit", "io_cancel"),
  ...absent(NO_NUMA, "mbind", "set_mempolicy", "get_mempolicy", "migrate_pages", "move_pages"),
  ...absent(NO_NUMA, "set_mempolicy_home_node"),
  ...absent("no key rings", "add_key", "request_key", "keyctl"),
  ...absent("no filters inside: the sandbox has its own", "seccomp", "landlock_create_ruleset", "landlock_add_rule"),
  ...absent("no filters inside: the sandbox has its own", "landlock_restrict_self"),
  ...absent("linear memory has no protection keys and no secrets", "pkey_mprotect", "pkey_alloc", "pkey_free"),
  ...absent("linear memory has no protection keys and no secrets", "memfd_secret"),
  ...absent("thread storage is the program's own", "arch_prctl", "modify_ldt", "set_thread_area", "get_thread_area"),
  ...absent("thread storage is the program's own", "rseq"),
  ...absent("no other scheduling than taking turns", "sched_setattr", "sched_getattr", "ioprio_set", "ioprio_get"),
  ...absent("a mount cannot be made from inside", "fsconfig", "fsmount", "fanotify_mark"),
  ...absent("no process looks into another", "kcmp", "process_madvise", "process_mrelease"),
  ...absent("for kernels with a page cache of their own", "cachestat", "remap_file_pages", "lookup_dcookie"),
  ...absent("replaced by getdents64 and statfs", "getdents", "ustat"),
  ...absent("gone from Linux too", "uselib", "sysfs", "_sysctl", "create_module", "get_kernel_syms", "query_module"),
  ...absent("gone from Linux too", "nfsservctl", "getpmsg", "putpmsg", "afs_syscall", "tuxcall", "security"),
  ...absent("gone from Linux too", "vserver", "epoll_ctl_old", "epoll_wait_old"),
];

export const FAMILIES: ReadonlyMap<string, readonly Syscall[]> = new Map([
  ["Bytes", BYTES],
  ["Descriptors", DESCRIPTORS],
  ["Files and directories", FILES],
  ["Extended attributes", XATTR],
  ["Time", TIME],
  ["Memory", MEMORY],
  ["Events", EVENTS],
  ["System V IPC", SYSTEM_V],
  ["POSIX message queues", QUEUES],
  ["Processes and threads", PROCESSES],
  ["Signals", SIGNALS],
  ["Users and groups", IDENTITY],
  ["The machine", SYSTEM],
  ["Sockets", SOCKETS],
  ["Refused", REFUSED],
  ["Absent", ABSENT],
]);

/** Every call, once. */
export const SYSCALLS: readonly Syscall[] = [...FAMILIES.values()].flat();

/** The row of a call as the engine binds it, under one of its names. */
function guestCall(row: Syscall, name: string, parameters: string): GuestCall {
  const { begin, finish } = row;
  const call: GuestCall = { name, parameters, result: "I", begin };
  return finish === undefined ? call : { ...call, finish };
}

/** A call WALI leaves open may come without parameters: then nobody knows what it asks, unless it needs none. */
function untyped(row: Syscall): GuestCall {
  const [missing] = absent("called without its parameters", row.name);
  return guestCall(missing ?? row, importName(row.name), "");
}

let made: readonly GuestCall[] | undefined;

/** Import module "wali". Made when it is first asked for: a cell that runs another kind of program starts without it. */
export function waliCalls(): readonly GuestCall[] {
  made ??= makeCalls();
  return made;
}

function makeCalls(): readonly GuestCall[] {
  const rows = new Map<string, Syscall>(SYSCALLS.map((row) => [row.name, row]));
  const named = callNames().flatMap((name) => {
    const row = rows.get(name);
    if (row === undefined) return [];
    const call = guestCall(row, importName(name), signatureOf(name));
    return callOf(name).published || call.parameters === "" ? [call] : [call, untyped(row)];
  });
  const aliases = Object.entries(IMPORT_ALIASES).flatMap(([alias, name]) => {
    const row = rows.get(name);
    return row === undefined ? [] : [guestCall(row, alias, signatureOf(name))];
  });
  return [...STARTUP_CALLS, ...named, ...aliases];
}
