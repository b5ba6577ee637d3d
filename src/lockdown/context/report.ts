/** Layer: lockdown. What is in force after a lock, as data and in words. It must not lock anything. */

export type LandlockReport = {
  /** The kernel's Landlock ABI version. */
  readonly abi: number;
  readonly threads: "all threads" | "this thread";
  /** What is denied unless a rule allows it. */
  readonly handled: readonly string[];
  readonly rules: readonly string[];
  /** Rights and layers this kernel's version does not know: not enforced, as the caller allowed. */
  readonly notEnforced: readonly string[];
  /** Optional paths that are not there. */
  readonly leftOut: readonly string[];
  /** Rules the library added so that the engine can start again (restart only). */
  readonly added: readonly string[];
};

export type SeccompReport = {
  /** What happens to a call that no rule allows: "errno EPERM", "kill", "log". */
  readonly otherwise: string;
  /** Calls with at least one rule. */
  readonly calls: number;
  readonly instructions: number;
  /** Calls of the rule sets that this architecture does not have; nobody can make them. */
  readonly notOnThisArchitecture: readonly string[];
  /** The call that was tried after the lock, to see it refused. */
  readonly tried: string | undefined;
};

export type LimitReport = {
  /** As prlimit(1) calls it. */
  readonly name: string;
  readonly soft: string;
  readonly hard: string;
};

export type CapabilityReport = {
  /** What is left: of the capabilities to keep, those that were held. */
  readonly kept: readonly string[];
  readonly threads: "all threads" | "this thread";
};

/** Exactly what is in force. */
export type LockReport = {
  readonly scope: "all threads" | "this thread";
  /** Whether the kernel says, of the calling thread, that no program it executes gains privileges. */
  readonly noNewPrivileges: boolean;
  /** Resource limits that were set. They bind the whole process, whatever the scope. */
  readonly limits: readonly LimitReport[];
  /** Undefined: they were left as they are. */
  readonly capabilities: CapabilityReport | undefined;
  /** What was done, in order: each is irreversible. */
  readonly steps: readonly string[];
  readonly ruleSets: readonly string[];
  /** Whether NodeRuntime was included without being asked for. */
  readonly nodeRuntime: boolean;
  readonly seccomp: SeccompReport | undefined;
  readonly landlock: LandlockReport | undefined;
  /** What this lock does not cover. */
  readonly holes: readonly string[];
};

/** The report as text, a fact a line. */
export function reportText(report: LockReport): string {
  const lines = [`scope: ${report.scope}`, `in force: ${report.steps.join(", ")}`];
  lines.push(`rule sets: ${report.ruleSets.join(", ")}${report.nodeRuntime ? " (NodeRuntime is implied)" : ""}`);
  const { seccomp, landlock, capabilities } = report;
  for (const { name, soft, hard } of report.limits) {
    lines.push(`limit: ${name} ${soft === hard ? soft : `${soft} (hard ${hard})`}, the whole process`);
  }
  if (capabilities !== undefined) {
    lines.push(`capabilities: ${capabilities.kept.join(", ") || "none"}, ${capabilities.threads}`);
  }
  if (seccomp !== undefined) {
    lines.push(
      `seccomp: ${seccomp.calls} calls, ${seccomp.instructions} instructions, any other: ${seccomp.otherwise}`,
    );
    if (seccomp.tried !== undefined) lines.push(`tried: ${seccomp.tried}`);
  }
  if (landlock !== undefined) {
    lines.push(
      `Landlock: ABI ${landlock.abi}, ${landlock.threads}; denied unless allowed: ${landlock.handled.join(", ")}`,
    );
    for (const rule of landlock.rules) lines.push(`  ${rule}`);
    for (const rule of landlock.added) lines.push(`  ${rule} (added for the engine)`);
    for (const missing of landlock.notEnforced) lines.push(`  NOT enforced: ${missing}`);
    for (const path of landlock.leftOut) lines.push(`  left out, not there: ${path}`);
  }
  for (const hole of report.holes) lines.push(`not covered: ${hole}`);
  return lines.join("\n");
}
