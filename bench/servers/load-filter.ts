/** Builds a filter of 60 rules, 20 of them with arguments, and loads it on every thread: prints the milliseconds. Once a process. */
import { hostArchitecture } from "../../src/host/call-numbers.ts";
import { setNoNewPrivileges, threadId } from "../../src/host/process.unsafe.ts";
import { installFilter } from "../../src/host/seccomp.unsafe.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { type Policy, readPolicy } from "../../src/lockdown/policy.ts";

const SIMPLE =
  `getuid geteuid getgid getegid getpgrp getsid getpgid getgroups getresuid getresgid umask uname times sysinfo
  getcwd statx newfstatat faccessat faccessat2 fsync fdatasync lseek pread64 pwrite64 readv preadv pwritev dup dup3 pipe2
  eventfd2 timerfd_create timerfd_settime timerfd_gettime sched_getparam setitimer getitimer flock fstatfs statfs`.split(
    /\s+/,
  );
const data = {
  about: "sixty rules over everything a Node process does anyway",
  default: "allow",
  syscalls: [
    ...SIMPLE.map((syscall) => ({ syscall, why: "bench" })),
    ...Array.from({ length: 20 }, (_, index) => ({
      syscall: "ioctl",
      why: "bench",
      args: [
        { arg: 0, bits: 32, eq: index },
        { arg: 1, bits: 32, eq: 0x5401 + index },
      ],
    })),
  ],
};
threadId(); // opens the door to the kernel
if (setNoNewPrivileges() !== 0) throw new Error("no_new_privs");

const start = performance.now();
const policy: Policy = readPolicy(data);
const program = compile(policy, hostArchitecture());
const result = installFilter(program, true);
const took = performance.now() - start;
if (result !== 0 || policy.rules.length !== 60) throw new Error(`not loaded: ${result}`);
console.log(took);
