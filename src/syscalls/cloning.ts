/**
 * Layer: syscalls. clone(2), clone3(2): a copy of the process, as fork makes it. What two processes would share is refused, and
 * threads are made by __wasm_thread_spawn.
 */
import * as abi from "../abi/clone.ts";
import { E2BIG, EFAULT, EINVAL, ENOSYS, EPERM } from "../abi/errno.ts";
import type { CloneWish } from "../kernel/cloning.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { fork } from "../kernel/operations/exec.ts";
import type { Thread } from "../kernel/process.ts";
import { SIGNALS } from "../kernel/signals.ts";

const NAMESPACES =
  abi.CLONE_NEWNS |
  abi.CLONE_NEWCGROUP |
  abi.CLONE_NEWUTS |
  abi.CLONE_NEWIPC |
  abi.CLONE_NEWUSER |
  abi.CLONE_NEWPID |
  abi.CLONE_NEWNET;

/** Two processes would have one of something. CLONE_VM together with CLONE_VFORK is a promise to execute soon: a copy serves. */
const SHARING =
  abi.CLONE_FS |
  abi.CLONE_FILES |
  abi.CLONE_SIGHAND |
  abi.CLONE_THREAD |
  abi.CLONE_PARENT |
  abi.CLONE_SYSVSEM |
  abi.CLONE_SETTLS;

/** 0; -EINVAL for what contradicts itself, -EPERM for namespaces, -ENOSYS for what would be shared. */
function allowed(flags: number): number {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  if (has(abi.CLONE_FS) && has(abi.CLONE_NEWNS | abi.CLONE_NEWUSER)) return -EINVAL;
  if (has(abi.CLONE_THREAD) && !has(abi.CLONE_SIGHAND)) return -EINVAL;
  if (has(abi.CLONE_SIGHAND) && !has(abi.CLONE_VM)) return -EINVAL;
  if (has(NAMESPACES)) return -EPERM;
  if (has(SHARING) || (has(abi.CLONE_VM) && !has(abi.CLONE_VFORK))) return -ENOSYS;
  return 0;
}

function begin(thread: Thread, flags: number, wish: CloneWish): Outcome {
  const wrong = allowed(flags);
  if (wrong < 0) return wrong;
  if (wish.descriptorAt !== 0 && !thread.process.memory.contains(wish.descriptorAt, 4)) return -EFAULT;
  // A null pointer is an address like any other, but nobody can have meant it.
  if ((flags & abi.CLONE_PIDFD) !== 0 && wish.descriptorAt === 0) return -EFAULT;
  return fork(thread, wish);
}

/** clone(2). A stack is ENOSYS: the copy of the caller's is what the child has. */
export function sys_clone(
  thread: Thread,
  flags: number,
  stack: number,
  parentAt: number,
  childAt: number,
  _tls: number,
): Outcome {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  if (has(abi.CLONE_PIDFD) && has(abi.CLONE_PARENT_SETTID | abi.CLONE_DETACHED)) return -EINVAL;
  const at = (flag: number, address: number): number => (has(flag) ? address >>> 0 : 0);
  const outcome = allowed(flags);
  if (outcome < 0 || stack !== 0) return outcome || -ENOSYS;
  return begin(thread, flags, {
    exitSignal: flags & abi.CSIGNAL,
    descriptorAt: at(abi.CLONE_PIDFD, parentAt),
    parentAt: at(abi.CLONE_PARENT_SETTID, parentAt),
    childAt: at(abi.CLONE_CHILD_SETTID, childAt),
    clearAt: at(abi.CLONE_CHILD_CLEARTID, childAt),
    clearsHandlers: false,
  });
}

/** clone3(2). Deviations: set_tid is EPERM, a stack ENOSYS, CLONE_INTO_CGROUP EINVAL. */
export function sys_clone3(thread: Thread, argumentsAt: number, length: number): Outcome {
  const { memory } = thread.process;
  const [from, size] = [argumentsAt >>> 0, length >>> 0];
  if (size > abi.CLONE_ARGS_MOST_BYTES) return -E2BIG;
  if (size < abi.CLONE_ARGS_FIRST_BYTES) return -EINVAL;
  if (!memory.contains(from, size)) return -EFAULT;
  // Copied once: the caller's memory is not looked at again. What is left out is zero.
  const copy = new Uint8Array(abi.CLONE_ARGS_MOST_BYTES);
  copy.set(memory.bytes.subarray(from, from + size));
  if (copy.subarray(abi.CLONE_ARGS_BYTES).some((byte) => byte !== 0)) return -E2BIG;
  const view = new DataView(copy.buffer);
  const low = (at: number): number => view.getUint32(at, true);
  const isWide = (at: number): boolean => low(at + 4) !== 0;
  const isZero = (at: number): boolean => low(at) === 0 && !isWide(at);
  const { CLONE_ARGS: field } = abi;

  if (isZero(field.setTid) !== isZero(field.setTidSize)) return -EINVAL;
  const [flags, high] = [low(field.flags), low(field.flags + 4)];
  const signal = low(field.exitSignal);
  if ((high & ~abi.CLONE_CLEAR_SIGHAND_HIGH) !== 0) return -EINVAL;
  if ((flags & (abi.CLONE_DETACHED | (abi.CSIGNAL & ~abi.CLONE_NEWTIME))) !== 0) return -EINVAL;
  if (isWide(field.exitSignal) || signal > SIGNALS) return -EINVAL;
  const clearsHandlers = high !== 0;
  if (clearsHandlers && (flags & abi.CLONE_SIGHAND) !== 0) return -EINVAL;
  if ((flags & (abi.CLONE_THREAD | abi.CLONE_PARENT)) !== 0 && signal !== 0) return -EINVAL;
  if (isZero(field.stack) !== isZero(field.stackSize)) return -EINVAL;
  if (!isZero(field.setTid) || (flags & abi.CLONE_NEWTIME) !== 0) return -EPERM;
  const outcome = allowed(flags);
  if (outcome < 0 || !isZero(field.stack)) return outcome || -ENOSYS;

  const at = (flag: number, where: number): number => ((flags & flag) === 0 ? 0 : low(where));
  if ((flags & abi.CLONE_PIDFD) !== 0 && isWide(field.pidfd)) return -EFAULT;
  const descriptorAt = at(abi.CLONE_PIDFD, field.pidfd);
  const parentAt = at(abi.CLONE_PARENT_SETTID, field.parentTid);
  if (descriptorAt !== 0 && descriptorAt === parentAt) return -EINVAL;
  return begin(thread, flags, {
    exitSignal: signal,
    descriptorAt,
    parentAt,
    childAt: at(abi.CLONE_CHILD_SETTID, field.childTid),
    clearAt: at(abi.CLONE_CHILD_CLEARTID, field.childTid),
    clearsHandlers,
  });
}
