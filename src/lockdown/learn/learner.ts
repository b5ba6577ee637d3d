/**
 * Layer: lockdown, learn. Hears a program's calls and keeps what was seen: from its start on, or, once it has said where its lock
 * goes, from there on and in that process and its children alone. It must not write policies.
 */
import { readFileSync } from "node:fs";
import { ENOSYS } from "../../abi/errno.ts";
import { LEARNING } from "../../host/notifications.unsafe.ts";
import { fileNeeds } from "./files.ts";
import { BELIEVED_MS, type HeardCall, type Listener, type Word } from "./hearing.ts";
import { Recording } from "./recording.ts";
import { SeenFiles } from "./seen-files.ts";

/** So many processes are remembered; then all are asked again. */
const MOST_KNOWN = 10_000;

/** So many calls without a name are told of. */
const MOST_UNNAMED = 100;

export class Learner implements Listener {
  readonly recording = new Recording();
  /** Files, from the start on whatever else counts: Landlock has to be there before a program has threads. */
  readonly files = new SeenFiles();
  /** From when on what was seen counts. */
  from: "start" | "lock" = "start";
  /** Calls that this architecture has no name for: no policy can speak of them. */
  readonly unnamed = new Set<string>();
  readonly #locked = new Locked();
  readonly #withFiles: boolean;

  constructor({ files = false }: { readonly files?: boolean } = {}) {
    this.#withFiles = files;
  }

  started(call: HeardCall): void {
    if (this.#withFiles) for (const need of fileNeeds(call)) this.files.add(need);
  }

  signed(process: number): number {
    if (this.from === "start") this.recording.clear();
    this.from = "lock";
    this.#locked.add(process);
    return LEARNING;
  }

  heard(call: HeardCall): Word {
    const { syscall, args } = call;
    if (this.#withFiles) for (const need of fileNeeds(call)) this.files.add(need);
    if (syscall.startsWith("io_uring_")) {
      this.recording.refuse(syscall);
      return { errno: ENOSYS };
    }
    if (this.from === "lock" && !this.#locked.has(call.process)) return "go on";
    if (!syscall.startsWith("call ")) this.recording.add(syscall, args);
    else if (this.unnamed.size < MOST_UNNAMED) this.unnamed.add(syscall);
    return "go on";
  }
}

/** Processes that said where their lock goes, and what they start from then on. */
export class Locked {
  readonly #signed = new Set<number>();
  /** What was found out of others, and until when it is believed. */
  readonly #known = new Map<number, { readonly inside: boolean; readonly until: number }>();

  add(process: number): void {
    this.#signed.add(process);
    this.#known.clear();
  }

  /** Whether a process is one of them or descends from one. Who cannot be asked any more counts: nothing seen is lost. */
  has(process: number): boolean {
    if (this.#signed.has(process)) return true;
    const now = performance.now();
    const known = this.#known.get(process);
    if (known !== undefined && now < known.until) return known.inside;
    // An orphan's parent is not its parent any more: once inside, a process stays so.
    const inside = known?.inside === true || this.#descends(process);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(process, { inside, until: now + BELIEVED_MS });
    return inside;
  }

  #descends(process: number): boolean {
    for (let each = process; each > 1; ) {
      const parent = parentOf(each);
      if (parent === undefined || this.#signed.has(parent)) return true;
      each = parent;
    }
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
