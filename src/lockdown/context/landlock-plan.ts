/** Layer: lockdown. A context's Landlock rules, checked against this machine and made ready to be put in force. */
import { closeSync, fstatSync } from "node:fs";
import { openPath } from "../../host/descriptors.unsafe.ts";
import * as host from "../../host/landlock.unsafe.ts";
import { errnoName } from "../failure.ts";
import { everything, FILE_RIGHT_BITS, fileRights, PORT_RIGHT_BITS, SCOPE_BITS, type Scope } from "../landlock.ts";
import { LandlockUnavailable, PathDoesNotExist } from "./errors.ts";
import type { LandlockPortRule, LandlockRule } from "./landlock-rule.ts";
import type { LandlockReport } from "./report.ts";

const ENOENT = -2;
/** The versions that brought each layer whole: files (ioctl on devices came last), TCP, scopes. */
const COMPLETE = { files: 5, ports: 4, scopes: 6 } as const;
/** The version that can restrict all threads at once. */
export const THREAD_SYNC_VERSION = 8;

export type LandlockWishes = {
  readonly files: readonly { readonly origin: string; readonly rule: LandlockRule }[];
  readonly ports: readonly { readonly origin: string; readonly rule: LandlockPortRule }[];
  readonly scopes: ReadonlySet<Scope>;
  /** Whether files are handled even though no rule names one: then every file is denied. */
  readonly everyFile: boolean;
  /** The oldest ABI version the caller takes; undefined: one that knows everything asked for. */
  readonly oldest: number | undefined;
};

/** The host calls, handed in so that an older kernel can be played. */
export type LandlockCalls = Pick<
  typeof host,
  "landlockVersion" | "createRuleset" | "allowBeneath" | "allowPort" | "restrictSelf"
>;

type PlanReport = Omit<LandlockReport, "threads" | "added">;

/** A ruleset that is complete but binds nobody yet. */
export class LandlockPlan {
  readonly abi: number;
  readonly #ruleset: number;
  readonly #calls: LandlockCalls;
  readonly #report: PlanReport;

  private constructor(abi: number, ruleset: number, calls: LandlockCalls, report: PlanReport) {
    this.abi = abi;
    this.#ruleset = ruleset;
    this.#calls = calls;
    this.#report = report;
  }

  /** Throws LandlockUnavailable or PathDoesNotExist; nothing is restricted yet either way. */
  static prepare(wishes: LandlockWishes, calls: LandlockCalls = host): LandlockPlan {
    const abi = calls.landlockVersion();
    const notEnforced = demandVersion(abi, wishes);
    const whole = everything(abi);
    const files = wishes.files.length > 0 || wishes.everyFile ? whole.files : 0;
    let network = 0;
    for (const { rule } of wishes.ports) for (const right of rule.accessRules) network |= PORT_RIGHT_BITS[right];
    let scopes = 0;
    for (const scope of wishes.scopes) scopes |= SCOPE_BITS[scope];
    const handled = { files, network: network & whole.network, scopes: scopes & whole.scopes };
    const ruleset = calls.createRuleset(abi, handled);
    if (ruleset < 0) throw new LandlockUnavailable(`the kernel refuses a Landlock ruleset: ${errnoName(ruleset)}`);
    try {
      const { rules, leftOut } = addFiles(wishes, abi, ruleset, calls);
      if (handled.network !== 0) rules.push(...addPorts(wishes, ruleset, calls));
      const names: string[] = [...FILE_RIGHT_BITS].filter(([, bit]) => (files & bit) !== 0).map(([name]) => name);
      if (handled.network !== 0) {
        for (const [right, bit] of Object.entries(PORT_RIGHT_BITS)) if ((network & bit) !== 0) names.push(right);
      }
      const scoped = whole.scopes === 0 ? [] : [...wishes.scopes].map((scope) => `${scope} leaving the domain`);
      return new LandlockPlan(abi, ruleset, calls, {
        abi,
        handled: [...names, ...scoped],
        rules,
        notEnforced,
        leftOut,
      });
    } catch (error) {
      closeSync(ruleset);
      throw error;
    }
  }

  /** Binds the calling thread, or all. 0 or -errno. */
  restrict(everyThread: boolean): number {
    return this.#calls.restrictSelf(this.#ruleset, everyThread);
  }

  report(threads: LandlockReport["threads"], added: readonly string[] = []): LandlockReport {
    return { ...this.#report, threads, added };
  }

  close(): void {
    closeSync(this.#ruleset);
  }
}

/** What an older kernel leaves unenforced, where the caller takes it; throws where not. */
function demandVersion(abi: number, wishes: LandlockWishes): string[] {
  if (abi < 1) {
    throw new LandlockUnavailable(
      `the kernel has no Landlock (${errnoName(abi)}); it needs Linux 5.13 or newer with "landlock" in lsm=`,
    );
  }
  const files = wishes.files.length > 0 || wishes.everyFile;
  const wanted = Math.max(
    1,
    files ? COMPLETE.files : 0,
    wishes.ports.length > 0 ? COMPLETE.ports : 0,
    wishes.scopes.size > 0 ? COMPLETE.scopes : 0,
  );
  const oldest = wishes.oldest ?? wanted;
  if (abi < oldest) {
    const way = `allowOlderLandlock(${abi})`;
    throw new LandlockUnavailable(
      `the kernel's Landlock is ABI ${abi}; what this context asks for needs ABI ${oldest}. ${way} would take less`,
    );
  }
  const missing: string[] = [];
  if (files) {
    const known = everything(abi).files;
    for (const [name, bit] of FILE_RIGHT_BITS) if ((known & bit) === 0) missing.push(`${name} (needs a newer kernel)`);
  }
  if (wishes.ports.length > 0 && abi < COMPLETE.ports) missing.push(`TCP ports (need ABI ${COMPLETE.ports})`);
  if (wishes.scopes.size > 0 && abi < COMPLETE.scopes) missing.push(`scopes (need ABI ${COMPLETE.scopes})`);
  return missing;
}

function addFiles(wishes: LandlockWishes, abi: number, ruleset: number, calls: LandlockCalls) {
  const rules: string[] = [];
  const leftOut: string[] = [];
  for (const { origin, rule } of wishes.files) {
    const descriptor = openPath(rule.path);
    if (descriptor === ENOENT && rule.optional) {
      leftOut.push(rule.path);
      continue;
    }
    if (descriptor < 0) throw new PathDoesNotExist(rule.path, origin, errnoName(descriptor));
    try {
      const directory = fstatSync(descriptor).isDirectory();
      const rights = fileRights(rule.accessRules, abi, directory);
      if (fileRights(rule.accessRules, COMPLETE.files, directory) === 0) {
        throw new PathDoesNotExist(
          rule.path,
          origin,
          `${rule.accessRules.join(", ")}: rights of directories, on a file`,
        );
      }
      // Everything the rule names is unknown to this kernel: it denies none of it.
      if (rights === 0) continue;
      const result = calls.allowBeneath(ruleset, rights, descriptor);
      if (result !== 0) throw new PathDoesNotExist(rule.path, origin, errnoName(result));
      const names = [...FILE_RIGHT_BITS].filter(([, bit]) => (rights & bit) !== 0).map(([name]) => name);
      rules.push(`${rule.path}: ${names.join(", ")} (${origin})`);
    } finally {
      closeSync(descriptor);
    }
  }
  return { rules, leftOut };
}

function addPorts(wishes: LandlockWishes, ruleset: number, calls: LandlockCalls): string[] {
  return wishes.ports.map(({ origin, rule }) => {
    let bits = 0;
    for (const right of rule.accessRules) bits |= PORT_RIGHT_BITS[right];
    const result = calls.allowPort(ruleset, bits, rule.port);
    if (result !== 0) throw new LandlockUnavailable(`${origin}: TCP port ${rule.port}: ${errnoName(result)}`);
    return `TCP port ${rule.port}: ${rule.accessRules.join(", ")} (${origin})`;
  });
}
