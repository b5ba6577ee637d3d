/**
 * Layer: kernel, operations. The nice value: getpriority(2) and setpriority(2). It is the whole process's, as POSIX has it, and it is
 * kept and told alone: processes take turns whatever it is. It must not know encodings.
 */
import { EACCES, EINVAL, EPERM, ESRCH } from "../../abi/errno.ts";
import { PRIO_PGRP, PRIO_PROCESS, PRIO_USER, RLIMIT_NICE } from "../../abi/resource.ts";
import type { Outcome } from "../contracts.ts";
import type { Process, Thread } from "../process.ts";
import { resourceLimit } from "../resource-limits.ts";

const LEAST = -20;
const MOST = 19;

/** What the calls mean by `who`, 0 being the caller's own; -EINVAL for another `which`. */
function meant({ process }: Thread, which: number, who: number): readonly Process[] | number {
  const { kernel } = process;
  switch (which) {
    case PRIO_PROCESS: {
      const one = who === 0 ? process : kernel.threadOwner(who);
      return one === undefined ? [] : [one];
    }
    case PRIO_PGRP:
      return kernel.processes.filter(({ group }) => group === (who === 0 ? process.group : who));
    case PRIO_USER: {
      const user = who === 0 ? process.userIdentity.real : who >>> 0;
      return kernel.processes.filter(({ userIdentity }) => userIdentity.real === user);
    }
    default:
      return -EINVAL;
  }
}

/** getpriority(2): 20 minus the lowest nice value of those meant, 1 to 40. -EINVAL, -ESRCH. */
export function priority(thread: Thread, which: number, who: number): Outcome {
  const found = meant(thread, which, who);
  if (typeof found === "number") return found;
  return found.length === 0 ? -ESRCH : Math.max(...found.map(({ nice }) => 20 - nice));
}

/**
 * setpriority(2): gives those meant a nice value, brought into -20 to 19. All that may be changed are, whatever the others answer:
 * -EPERM for another user's, -EACCES for less than RLIMIT_NICE allows, -EINVAL, -ESRCH.
 */
export function setPriority(thread: Thread, which: number, who: number, wanted: number): Outcome {
  const found = meant(thread, which, who);
  if (typeof found === "number") return found;
  const nice = Math.min(MOST, Math.max(LEAST, wanted));
  let answer = found.length === 0 ? -ESRCH : 0;
  for (const process of found) {
    const error = refusal(thread.process, process, nice);
    if (error === 0) process.nice = nice;
    else answer = error;
  }
  return answer;
}

/** set_one_prio() of kernel/sys.c: 0, or why the caller may not. */
function refusal({ userIdentity: { effective } }: Process, process: Process, nice: number): number {
  if (effective === 0) return 0;
  const { userIdentity: target } = process;
  if (effective !== target.real && effective !== target.effective) return -EPERM;
  return nice < process.nice && 20 - nice > resourceLimit(process, RLIMIT_NICE).soft ? -EACCES : 0;
}
