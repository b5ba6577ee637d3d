/**
 * Layer: kernel. What clone(2) asks for beside a copy of the process. It must not know how the copy is made.
 */
import { O_RDWR } from "../abi/fcntl.ts";
import { SIGCHLD } from "../abi/signal.ts";
import { OpenDescription } from "./descriptors.ts";
import { ProcessFile } from "./events/process-file.ts";
import type { Process, Thread } from "./process.ts";
import { DISPOSITION_DEFAULT, DISPOSITION_HANDLER } from "./signals.ts";

/** Addresses are 0 where nothing is asked for. */
export interface CloneWish {
  /** Sent to the parent at the child's end; 0, or what is no signal: nothing. */
  readonly exitSignal: number;
  /** CLONE_PIDFD: where the parent finds a descriptor of the child. It must be writable. */
  readonly descriptorAt: number;
  /** CLONE_PARENT_SETTID, CLONE_CHILD_SETTID: where each finds the child's number. */
  readonly parentAt: number;
  readonly childAt: number;
  /** CLONE_CHILD_CLEARTID, as set_tid_address(2). */
  readonly clearAt: number;
  /** CLONE_CLEAR_SIGHAND: signals with handlers have the default action. */
  readonly clearsHandlers: boolean;
}

export const FORK: CloneWish = {
  exitSignal: SIGCHLD,
  descriptorAt: 0,
  parentAt: 0,
  childAt: 0,
  clearAt: 0,
  clearsHandlers: false,
};

/** Give parent and child what was asked for. There must be room for a descriptor. */
export function fulfil(wish: CloneWish, process: Process, { process: child, tid }: Thread): void {
  const { kernel, descriptors, memory } = process;
  child.exitSignal = wish.exitSignal;
  if (wish.descriptorAt !== 0) {
    const description = new OpenDescription(new ProcessFile(kernel, child.pid, false), undefined, O_RDWR);
    memory.view.setInt32(wish.descriptorAt, descriptors.install(description, true), true);
  }
  // As on Linux nobody is told where these cannot be written.
  putNumber(process, wish.parentAt, tid);
  putNumber(child, wish.childAt, tid);
  for (const thread of child.threads) thread.clearAddress = wish.clearAt;
  if (!wish.clearsHandlers) return;
  child.dispositions.forEach((disposition, signal) => {
    if (disposition === DISPOSITION_HANDLER) child.dispositions[signal] = DISPOSITION_DEFAULT;
  });
  child.actions.length = 0;
}

function putNumber({ memory }: Process, at: number, number: number): void {
  if (at !== 0 && memory.contains(at, 4)) memory.view.setInt32(at, number, true);
}
