/** Layer: abi. Signal numbers, flags and codes, from arch/x86/include/uapi/asm/signal.h and asm-generic/siginfo.h. No logic. */

export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGABRT = 6;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGSEGV = 11;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTSTP = 20;
export const SIGTTIN = 21;
export const SIGTTOU = 22;
export const SIGURG = 23;
export const SIGXCPU = 24;
export const SIGXFSZ = 25;
export const SIGVTALRM = 26;
export const SIGPROF = 27;
export const SIGWINCH = 28;
export const SIGSYS = 31;
/** The first of the signals that queue. */
export const SIGRTMIN = 32;
export const SIGRTMAX = 64;

/** sigaction(2) flags. */
export const SA_NOCLDSTOP = 1;
export const SA_NOCLDWAIT = 2;
export const SA_SIGINFO = 4;
export const SA_ONSTACK = 0x0800_0000;
/** sigaltstack(2), from include/uapi/linux/signal.h. */
export const SS_ONSTACK = 1;
export const SS_DISABLE = 2;
export const MINSIGSTKSZ = 2048;
export const SA_RESTART = 0x1000_0000;
export const SA_NODEFER = 0x4000_0000;
export const SA_RESETHAND = 0x8000_0000;

/** sigprocmask(2). */
export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;

/** siginfo_t's si_code. */
export const SI_USER = 0;
export const SI_KERNEL = 0x80;
export const SI_QUEUE = -1;
export const SI_MESGQ = -3;
export const SI_TIMER = -2;
export const SI_TKILL = -6;
export const CLD_EXITED = 1;
export const CLD_KILLED = 2;
export const CLD_DUMPED = 3;
export const CLD_STOPPED = 5;
export const CLD_CONTINUED = 6;

/** Names by number, as signal(7) spells them. */
export const SIGNAL_NAMES: ReadonlyMap<number, string> = new Map([
  [SIGHUP, "SIGHUP"],
  [SIGINT, "SIGINT"],
  [SIGQUIT, "SIGQUIT"],
  [SIGILL, "SIGILL"],
  [SIGTRAP, "SIGTRAP"],
  [SIGABRT, "SIGABRT"],
  [SIGBUS, "SIGBUS"],
  [SIGFPE, "SIGFPE"],
  [SIGKILL, "SIGKILL"],
  [SIGUSR1, "SIGUSR1"],
  [SIGSEGV, "SIGSEGV"],
  [SIGUSR2, "SIGUSR2"],
  [SIGPIPE, "SIGPIPE"],
  [SIGALRM, "SIGALRM"],
  [SIGTERM, "SIGTERM"],
  [SIGCHLD, "SIGCHLD"],
  [SIGCONT, "SIGCONT"],
  [SIGSTOP, "SIGSTOP"],
  [SIGTSTP, "SIGTSTP"],
  [SIGTTIN, "SIGTTIN"],
  [SIGTTOU, "SIGTTOU"],
  [SIGURG, "SIGURG"],
  [SIGXCPU, "SIGXCPU"],
  [SIGXFSZ, "SIGXFSZ"],
  [SIGVTALRM, "SIGVTALRM"],
  [SIGPROF, "SIGPROF"],
  [SIGWINCH, "SIGWINCH"],
  [SIGSYS, "SIGSYS"],
]);
