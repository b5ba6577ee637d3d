/** Layer: lockdown. What Node itself needs to live, from policies/node-runtime.json. It must not know a program's needs. */
import data from "../../../policies/node-runtime.json" with { type: "json" };
import { arg32, SeccompRule } from "../context/condition.ts";
import { UnsupportedPlatform } from "../context/errors.ts";
import { innerPipes, ownDescriptors } from "../context/own-descriptors.ts";
import type { Refusal } from "../context/rule-book.ts";
import { type RuleSet, YesReally } from "../context/rule-set.ts";
import { readPolicy } from "../policy.ts";

/** A later context cannot look any more where an earlier one took /proc away; the event loop keeps its descriptors. */
let seen: readonly number[] | undefined;

/** Numbers of the two kinds of descriptors through which Node's threads wake each other. */
function wakeupDescriptors(): readonly number[] {
  const open = ownDescriptors();
  if (open === undefined) {
    if (seen !== undefined) return seen;
    throw new UnsupportedPlatform("/proc/self/fd cannot be read, so the event loop's own descriptors are not known");
  }
  const events = open.filter(({ number, target }) => number > 2 && target === "anon_inode:[eventfd]");
  seen = [...events.map(({ number }) => number), ...innerPipes(open)];
  return seen;
}

/** V8, libuv and the C library, each call with its reason. `new SafetyContext()` starts from it. */
export class NodeRuntime implements RuleSet {
  readonly name = "NodeRuntime";
  #workers = false;

  /**
   * Also what Workers started after the lock read and write: event descriptors with numbers not known yet, so every
   * descriptor but the standard streams. Starting them takes `Threads.nothing().allowCreate()` as well.
   */
  allowWorkers(): YesReally<this> {
    return new YesReally(
      "NodeRuntime.allowWorkers()",
      "it allows read and write on every descriptor but the standard streams, open files and sockets among them",
      () => {
        this.#workers = true;
        return this;
      },
    );
  }

  /** Whether allowWorkers() was confirmed. */
  get withWorkers(): boolean {
    return this.#workers;
  }

  simpleRules(): readonly string[] {
    return Object.keys(data.allowed);
  }

  reasons(): ReadonlyMap<string, string> {
    return new Map(Object.entries(data.allowed));
  }

  conditionalRules(): readonly SeccompRule[] {
    const { rules } = readPolicy({ about: data.about, default: "kill", syscalls: data.conditional });
    const fixed = rules.map(
      ({ syscall, conditions, why }) => new SeccompRule(syscall, conditions, { why, yields: true }),
    );
    const own = new SeccompRule("tgkill", [arg32(0).eq(process.pid)], { why: data.ownSignals, yields: true });
    return [...fixed, own, ...this.#wakeups()];
  }

  #wakeups(): SeccompRule[] {
    const { read, write } = data.wakeups;
    if (this.#workers) {
      const calls = ["epoll_create1", "eventfd2", "pipe2", "getcwd", "set_robust_list", "rseq"].map(
        (call) => new SeccompRule(call, [], { why: "a new Worker's event loop and thread" }),
      );
      const wide = arg32(0).gt(2);
      return [
        new SeccompRule("read", [wide], { why: read, yields: true }),
        new SeccompRule("write", [wide], { why: write, yields: true }),
        ...calls,
      ];
    }
    const own = wakeupDescriptors();
    if (own.length === 0) return [];
    const condition = arg32(0).in(...own);
    return [
      new SeccompRule("read", [condition], { why: read, yields: true }),
      new SeccompRule("write", [condition], { why: write, yields: true }),
    ];
  }
}

/** Answers that keep Node alive under a context that kills what no rule allows. */
export function refusalsUnderKill(): readonly Refusal[] {
  const policy = readPolicy({
    about: data.about,
    default: "kill",
    syscalls: data.refused.map(({ syscall, errno, why }) => ({ syscall, why, action: { errno } })),
  });
  return policy.rules.map(({ syscall, why, action }) => ({
    syscall,
    why,
    errno: action.kind === "errno" ? action.errno : 0,
  }));
}
