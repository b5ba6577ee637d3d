/** Layer: abi. clone(2), clone3(2): include/uapi/linux/sched.h. */

/** The signal sent at the child's end, in the flags of clone(2). */
export const CSIGNAL = 0xff;

export const CLONE_NEWTIME = 0x80;
export const CLONE_VM = 0x100;
export const CLONE_FS = 0x200;
export const CLONE_FILES = 0x400;
export const CLONE_SIGHAND = 0x800;
export const CLONE_PIDFD = 0x1000;
export const CLONE_VFORK = 0x4000;
export const CLONE_PARENT = 0x8000;
export const CLONE_THREAD = 0x1_0000;
export const CLONE_NEWNS = 0x2_0000;
export const CLONE_SYSVSEM = 0x4_0000;
export const CLONE_SETTLS = 0x8_0000;
export const CLONE_PARENT_SETTID = 0x10_0000;
export const CLONE_CHILD_CLEARTID = 0x20_0000;
export const CLONE_DETACHED = 0x40_0000;
export const CLONE_CHILD_SETTID = 0x100_0000;
export const CLONE_NEWCGROUP = 0x200_0000;
export const CLONE_NEWUTS = 0x400_0000;
export const CLONE_NEWIPC = 0x800_0000;
export const CLONE_NEWUSER = 0x1000_0000;
export const CLONE_NEWPID = 0x2000_0000;
export const CLONE_NEWNET = 0x4000_0000;

/** In the upper word of clone3's flags. */
export const CLONE_CLEAR_SIGHAND_HIGH = 1;

/** struct clone_args: words of 64 bits each; its size in its first and its newest version. */
export const CLONE_ARGS = {
  flags: 0,
  pidfd: 8,
  childTid: 16,
  parentTid: 24,
  exitSignal: 32,
  stack: 40,
  stackSize: 48,
  tls: 56,
  setTid: 64,
  setTidSize: 72,
  cgroup: 80,
} as const;
export const CLONE_ARGS_FIRST_BYTES = 64;
export const CLONE_ARGS_BYTES = 88;
/** PAGE_SIZE, beyond which no structure is looked at. */
export const CLONE_ARGS_MOST_BYTES = 4096;
