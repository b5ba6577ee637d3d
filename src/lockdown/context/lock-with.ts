/**
 * Layer: lockdown. Locks this Node program with a policy file, or tells whoever listens that the lock goes here. It must not
 * read files itself.
 */
import { resolve } from "node:path";
import { LEARNING, signHere } from "../../host/notifications.unsafe.ts";
import type { WrittenPolicy } from "../formats/format.ts";
import { loadPolicy } from "../formats/index.ts";
import type { Policy } from "../policy.ts";
import { NodeRuntime, refusalsUnderKill } from "../rulesets/node-runtime.ts";
import { applyPlan } from "./apply.ts";
import { LockdownError } from "./errors.ts";
import { LandlockRule } from "./landlock-rule.ts";
import type { RefusalLog } from "./refusal-log.ts";
import type { LockReport } from "./report.ts";
import { demandNoRings } from "./rings.ts";
import { RuleBook } from "./rule-book.ts";
import { warmUp } from "./warm-up.ts";

export type LockWithOptions = {
  /** As in applyToAllThreads: where the policy names files and the kernel cannot bind threads that are there already. */
  readonly restart?: boolean;
  /** Where refused calls are told: true for standard error, or a file. Absent: nowhere. */
  readonly log?: RefusalLog;
};

/**
 * Locks every thread of this program with a policy file, and answers what is in force. Under `linden learn` nothing is
 * locked: what the program does from here on is what the policy is made of, and the file need not be there yet.
 *
 * Throws PolicyError or LockdownError before anything irreversible, or LockIncomplete.
 */
export function lockWith(file: string, { restart = false, log }: LockWithOptions = {}): LockReport {
  if (typeof file !== "string" || file === "") throw new LockdownError("lockWith: expected the path of a policy file");
  // What the engine opens lazily is opened before the lock, and so before what is learned.
  warmUp(false);
  if (signHere() === LEARNING) return listenedTo();
  const written = loadPolicy(file);
  if (written.from === "start") {
    throw new LockdownError(
      `${file} holds a program from its start on, and this one has started: learn it with a lockWith in the program`,
    );
  }
  const { policy, implied } = withRuntime(written);
  const named = written.ruleSets.map(({ use }) => use);
  return applyPlan({
    scope: "all threads",
    restart,
    ruleSets: [...named, ...(implied ? ["NodeRuntime"] : []), ...(named.length === 0 ? [file] : [])],
    nodeRuntime: implied,
    warmUp: true,
    policy,
    landlock: landlockOf(written, file),
    limits: [],
    capabilities: undefined,
    log,
    demandNoRings,
  });
}

/** With what Node needs to live, where the file does not name it: as every new SafetyContext has it. */
function withRuntime({ policy, ruleSets }: WrittenPolicy): { readonly policy: Policy; readonly implied: boolean } {
  if (ruleSets.some(({ use }) => use.startsWith("NodeRuntime"))) return { policy, implied: false };
  const book = new RuleBook();
  book.add(new NodeRuntime());
  const { rules } = book.policy("", policy.fallback, policy.fallback.kind === "kill" ? refusalsUnderKill() : []);
  // The file's own rules come first: of the rules for one call the first that holds decides.
  return { policy: { ...policy, rules: [...policy.rules, ...rules] }, implied: true };
}

function landlockOf({ files, ports }: WrittenPolicy, origin: string) {
  if (files.length === 0 && ports.length === 0) return undefined;
  return {
    // Started anew behind these rules, the program reads its policy again.
    files: [...files, ...ownRule(files, origin)].map((rule) => ({ origin, rule })),
    ports: ports.map((rule) => ({ origin, rule })),
    scopes: new Set<never>(),
    everyFile: false,
    oldest: undefined,
  };
}

function ownRule(files: readonly LandlockRule[], file: string): LandlockRule[] {
  const own = resolve(file);
  return files.length === 0 || files.some(({ path }) => path === own) ? [] : [new LandlockRule(own, ["readFile"])];
}

function listenedTo(): LockReport {
  return {
    scope: "all threads",
    noNewPrivileges: true,
    limits: [],
    capabilities: undefined,
    steps: [],
    ruleSets: [],
    nodeRuntime: false,
    seccomp: undefined,
    landlock: undefined,
    holes: ["everything: linden learn listens to this program, and nothing is locked"],
  };
}
