/**
 * Layer: lockdown, learn. Hears a program's calls and keeps what was seen: from its start on, or, once it has said where its lock
 * goes, from there on and in that process and its children alone. It must not write policies.
 */
import { readFileSync } from "node:fs";
import { ENOSYS } from "../../abi/errno.ts";
import { LEARNING } from "../../host/notifications.unsafe.ts";
import type { HeardCall, Listener, Word } from "./hearing.ts";
import { Recording } from "./recording.ts";

export class Learner implements Listener {
  readonly recording = new Recording();
  /** From when on what was seen counts. */
  from: "start" | "lock" = "start";
  /** Calls that this architecture has no name for: no policy can speak of them. */
  readonly unnamed = new Set<string>();
  readonly #locked = new Locked();

  signed(process: number): number {
    if (this.from === "start") this.recording.clear();
    this.from = "lock";
    this.#locked.add(process);
    return LEARNING;
  }

  heard(call: HeardCall): Word {
    const { syscall, args } = call;
    if (syscall.startsWith("io_uring_")) {
      this.recording.refuse(syscall);
      return { errno: ENOSYS };
    }
    if (this.from === "lock" && !this.#locked.has(call.process)) return "go on";
    if (syscall.startsWith("call ")) this.unnamed.add(syscall);
    else this.recording.add(syscall, args);
    return "go on";
  }
}

/** Processes that said where their lock goes, and what they start from then on. */
export class Locked {
  readonly #inside = new Set<number>();
  readonly #outside = new Set<number>();

  add(process: number): void {
    this.#inside.add(process);
    this.#outside.delete(process);
  }

  /** Whether a process is one of them or descends from one. Who cannot be asked any more counts: nothing seen is lost. */
  has(process: number): boolean {
    if (this.#inside.has(process)) return true;
    if (this.#outside.has(process)) return false;
    for (let each = process; each > 1; ) {
      const parent = parentOf(each);
      if (parent === undefined || this.#inside.has(parent)) {
        this.#inside.add(process);
        return true;
      }
      each = parent;
    }
    this.#outside.add(process);
    return false;
  }
}

function parentOf(process: number): number | undefined {
  try {
    return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${process}/status`, "latin1"))?.[1] ?? 0);
  } catch {
    return undefined;
  }
}
