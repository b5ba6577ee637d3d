/** Layer: lockdown. The least any native program needs: memory, signals, locks, its own number, an end. */
import { Grants } from "./grant.ts";

export class BasicCapabilities extends Grants {
  readonly name = "BasicCapabilities";

  constructor() {
    super();
    this.allow("memory: who wants to limit it writes a filter of their own", [
      "brk",
      "mmap",
      "munmap",
      "madvise",
      "mlock",
      "mlock2",
      "mlockall",
      "munlock",
      "munlockall",
      "mprotect",
    ]);
    this.allow("signal handlers, which language runtimes install to tell stack overflows from other faults", [
      "sigaltstack",
      "rt_sigaction",
      "rt_sigprocmask",
      "rt_sigreturn",
    ]);
    this.allow("locks between threads", ["futex", "get_robust_list", "set_robust_list"]);
    this.allow("resolves a link; what it names still has to be opened", ["readlink", "readlinkat"]);
    this.allow("a program may know its own numbers and its kernel's name", ["getpid", "gettid", "uname"]);
    this.allow("randomness", ["getrandom"]);
    this.allow("gives up the processor, or chooses one", ["sched_getaffinity", "sched_setaffinity", "sched_yield"]);
    this.allow("the C library registers restartable sequences when it starts a thread", ["rseq"]);
    this.allow("ends", ["exit", "exit_group"]);
  }
}
