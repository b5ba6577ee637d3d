/**
 * Layer: kernel. What a child has of its parent: fork(2) and execve(2) each say what stays. It must not know programs.
 */
import { SIGCHLD } from "../abi/signal.ts";
import { AddressSpace } from "./address-space.ts";
import { Process, Thread } from "./process.ts";
import { DISPOSITION_DEFAULT, DISPOSITION_HANDLER } from "./signals.ts";

/** A copy of a thread's process, with that thread alone; no program, no descriptors yet. */
export function copyOf(thread: Thread, pid: number): { readonly process: Process; readonly thread: Thread } {
  const { process } = thread;
  const { kernel, image, argv, env, mounts, root, cwd, credentials, umask, descriptors } = process;
  const copy = new Process(kernel, {
    pid,
    parent: process,
    image,
    argv,
    env,
    mounts,
    root,
    cwd,
    credentials,
    umask,
    descriptors: descriptors.limit,
  });
  copy.executable = process.executable;
  copy.userIdentity = process.userIdentity;
  copy.groupIdentity = process.groupIdentity;
  copy.signalAccount = process.signalAccount;
  copy.dispositions.set(process.dispositions);
  process.actions.forEach((action, signal) => {
    copy.actions[signal] = action;
  });
  copy.childFlags = process.childFlags;
  copy.limits = [...process.limits];
  copy.nice = process.nice;
  copy.dumpable = process.dumpable;
  copy.oomAdjustment = process.oomAdjustment;
  copy.leastOomAdjustment = process.leastOomAdjustment;
  copy.space = process.space.copy();
  const copied = new Thread(copy, pid);
  copied.name = thread.name;
  copied.mask.set(thread.mask.low, thread.mask.high);
  copied.alternate = thread.alternate;
  copied.savedMask = thread.savedMask?.copy();
  return { process: copy, thread: copied };
}

/** After execve(2) the effective user and group are the saved ones as well. */
function saveIdentities(process: Process): void {
  const { userIdentity, groupIdentity } = process;
  process.userIdentity = { ...userIdentity, saved: userIdentity.effective };
  process.groupIdentity = { ...groupIdentity, saved: groupIdentity.effective };
}

/** Mappings and handlers do not outlive the program they are in: their signals have the default action again. */
export function forgetProgram(process: Process): void {
  process.dispositions.forEach((disposition, signal) => {
    if (disposition === DISPOSITION_HANDLER) process.dispositions[signal] = DISPOSITION_DEFAULT;
  });
  if (process.actions.length > 0) process.actions.length = 0;
  for (const thread of process.threads) thread.alternate = undefined;
  process.space = new AddressSpace();
  process.offersEnvironment = false;
  process.childFlags = 0;
  process.exitSignal = SIGCHLD;
  for (const child of process.children) child.exitSignal = SIGCHLD;
  saveIdentities(process);
  const { userIdentity: user, groupIdentity: group } = process;
  process.dumpable = user.real === user.effective && group.real === group.effective;
}
