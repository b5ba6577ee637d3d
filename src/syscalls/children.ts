/**
 * Layer: syscalls. New processes and programs, and waiting for them: fork, execve, wait4.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { E2BIG, EAGAIN, EFAULT, EINVAL } from "../abi/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_NONBLOCK } from "../abi/fcntl.ts";
import { SIGINFO_BYTES } from "../abi/siginfo.ts";
import { CLD_CONTINUED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, SIGCHLD, SIGCONT } from "../abi/signal.ts";
import {
  P_ALL,
  P_PGID,
  P_PID,
  P_PIDFD,
  WALL,
  WCLONE,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOTHREAD,
  WNOWAIT,
  WUNTRACED,
} from "../abi/wait.ts";
import type { ChildEvent } from "../kernel/children.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { execute, fork, programAt } from "../kernel/operations/exec.ts";
import { startOf } from "../kernel/operations/files.ts";
import { processFileAt } from "../kernel/operations/process-files.ts";
import { wait4, waitForChild } from "../kernel/operations/processes.ts";
import type { Process, Thread } from "../kernel/process.ts";
import type { SignalInfo } from "../kernel/signals.ts";
import { ARGUMENT_BYTES } from "../limits.ts";
import { pathAt } from "./call.ts";
import { putSignalInfo } from "./siginfo.ts";
import { putUsage, RUSAGE_BYTES } from "./system.ts";

export function sys_fork(thread: Thread): Outcome {
  return fork(thread);
}

/** Copy a list of strings in, ended by a null pointer; a null list is empty. -EFAULT, -E2BIG. */
export function stringsAt({ memory }: Process, address: number): ByteString[] | number {
  const strings: ByteString[] = [];
  if (address === 0) return strings;
  let bytes = 0;
  for (let at = address; ; at += 4) {
    if (!memory.contains(at, 4)) return -EFAULT;
    const pointer = memory.view.getUint32(at, true);
    if (pointer === 0) return strings;
    const text = memory.cString(pointer, ARGUMENT_BYTES);
    if (typeof text === "number") return text === -EFAULT ? text : -E2BIG;
    bytes += text.length + 9;
    if (bytes > ARGUMENT_BYTES) return -E2BIG;
    strings.push(text);
  }
}

export function sys_execve(thread: Thread, path: number, argvAt: number, envAt: number): Outcome {
  return sys_execveat(thread, AT_FDCWD, path, argvAt, envAt, 0);
}

/** execveat(2). */
export function sys_execveat(
  thread: Thread,
  fd: number,
  pathAddress: number,
  argvAt: number,
  envAt: number,
  flags: number,
): Outcome {
  const { process } = thread;
  if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) !== 0) return -EINVAL;
  const path = pathAt(process, pathAddress);
  if (typeof path === "number") return path;
  const follow = (flags & AT_SYMLINK_NOFOLLOW) === 0;
  const named = programAt(thread, fd, path, (flags & AT_EMPTY_PATH) !== 0, follow);
  if (typeof named === "number") return named;
  const from = named.location === undefined ? startOf(process, fd, path, 0) : process.cwd;
  if (typeof from === "number") return from;
  const argv = stringsAt(process, argvAt >>> 0);
  if (typeof argv === "number") return argv;
  const env = stringsAt(process, envAt >>> 0);
  if (typeof env === "number") return env;
  // As Linux since 5.18: a program always has a name.
  return execute(thread, { path, argv: argv.length === 0 ? ["" as ByteString] : argv, env, named }, from);
}

const OPTIONS = WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE;

export function sys_wait4(thread: Thread, pid: number, statusAt: number, options: number, usageAt: number): Outcome {
  if ((options & ~OPTIONS) !== 0) return -EINVAL;
  const outcome = wait4(thread, pid, options);
  return outcome > 0 ? told(thread, statusAt >>> 0, usageAt >>> 0, outcome) : outcome;
}

export function finishWait4(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  return outcome > 0 ? told(thread, (words[1] ?? 0) >>> 0, (words[3] ?? 0) >>> 0, outcome) : outcome;
}

/** As on Linux the child is gone even where its status cannot be told. */
function told(thread: Thread, statusAt: number, usageAt: number, outcome: Outcome): Outcome {
  const { memory } = thread.process;
  const { child } = thread;
  if (child === undefined) return outcome;
  if (statusAt !== 0) {
    if (!memory.contains(statusAt, 4)) return -EFAULT;
    memory.view.setInt32(statusAt, statusWord(child), true);
  }
  if (usageAt !== 0) {
    if (!memory.contains(usageAt, RUSAGE_BYTES)) return -EFAULT;
    putUsage(thread, usageAt, child.peakMemory, child.cpuNs);
  }
  return outcome;
}

/** wait(2)'s status word. */
export function statusWord({ what, status }: ChildEvent): number {
  if (what === "continued") return 0xffff;
  if (what === "stopped") return (status.signal << 8) | 0x7f;
  return status.signal === 0 ? status.code << 8 : status.signal;
}

const WAITID_OPTIONS = WNOHANG | WEXITED | WUNTRACED | WCONTINUED | WNOWAIT | WNOTHREAD | WALL | WCLONE;

/** waitid(2). */
export function sys_waitid(
  thread: Thread,
  type: number,
  id: number,
  infoAt: number,
  options: number,
  usageAt: number,
): Outcome {
  if ((options & ~WAITID_OPTIONS) !== 0 || (options & (WEXITED | WUNTRACED | WCONTINUED)) === 0) return -EINVAL;
  if (type === P_PIDFD) return waitForProcessFile(thread, id, infoAt >>> 0, options, usageAt >>> 0);
  if (type < P_ALL || type > P_PGID || (type === P_PID && id <= 0) || (type === P_PGID && id < 0)) return -EINVAL;
  const group = type === P_PGID && id === 0 ? thread.process.group : id;
  const outcome = waitForChild(thread, { type, id: group, options });
  return outcome < 0 ? outcome : toldAll(thread, infoAt >>> 0, usageAt >>> 0);
}

/** A descriptor with O_NONBLOCK waits no more than others do. */
function waitForProcessFile(thread: Thread, fd: number, infoAt: number, options: number, usageAt: number): Outcome {
  if (fd < 0) return -EINVAL;
  const file = processFileAt(thread, fd);
  if (typeof file === "number") return file;
  const nonblocking = ((thread.process.descriptors.get(fd)?.description.flags ?? 0) & O_NONBLOCK) !== 0;
  const selection = { type: P_PID, id: file.pid, options: options | (nonblocking ? WNOHANG : 0) };
  const outcome = waitForChild(thread, selection);
  if (outcome === 0 && nonblocking && (options & WNOHANG) === 0) return -EAGAIN;
  return outcome < 0 ? outcome : toldAll(thread, infoAt, usageAt);
}

export function finishWaitid(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  return outcome < 0 ? outcome : toldAll(thread, (words[2] ?? 0) >>> 0, (words[4] ?? 0) >>> 0);
}

/** Without news (WNOHANG) the structure is zeros. */
function toldAll(thread: Thread, infoAt: number, usageAt: number): Outcome {
  const { memory } = thread.process;
  const { child } = thread;
  if (usageAt !== 0 && child !== undefined) {
    if (!memory.contains(usageAt, RUSAGE_BYTES)) return -EFAULT;
    putUsage(thread, usageAt, child.peakMemory, child.cpuNs);
  }
  if (infoAt === 0) return 0;
  if (!memory.contains(infoAt, SIGINFO_BYTES)) return -EFAULT;
  if (child === undefined) memory.bytes.fill(0, infoAt, infoAt + SIGINFO_BYTES);
  else putSignalInfo(memory, infoAt, childInfo(child));
  return 0;
}

/** What SIGCHLD of this child would have told. No core is ever dumped. */
function childInfo({ pid, uid, what, status }: ChildEvent): SignalInfo {
  const told = { signal: SIGCHLD, pid, uid, value: 0 };
  if (what === "continued") return { ...told, code: CLD_CONTINUED, status: SIGCONT };
  if (what === "stopped") return { ...told, code: CLD_STOPPED, status: status.signal };
  if (status.signal !== 0) return { ...told, code: CLD_KILLED, status: status.signal };
  return { ...told, code: CLD_EXITED, status: status.code };
}
