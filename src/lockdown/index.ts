/**
 * Layer: lockdown. The library: `import { SafetyContext, SystemIO } from "linden/lockdown"`. What stands here is public;
 * everything else of this room is for Linden's own processes.
 */
export type { Architecture } from "../host/call-numbers.ts";
export {
  type Call,
  disassemble,
  MAXIMUM_INSTRUCTIONS,
  ProgramTooLong,
  type Step,
  simulate,
  verdictText,
} from "./bpf.ts";
export { CAPABILITY_NAMES, type Capability } from "./capabilities.ts";
export { compile } from "./compiler.ts";
export { Argument, arg, arg32, type SeccompArgumentFilter, SeccompRule } from "./context/condition.ts";
export {
  CapabilitiesNoThreadSync,
  ConditionalNoEffectError,
  DuplicatePath,
  InvalidCondition,
  InvalidLimit,
  InvalidRuleSet,
  IsolateFailed,
  IsolateUnavailable,
  LandlockNoThreadSync,
  LandlockUnavailable,
  LockdownError,
  LockIncomplete,
  NoRulesEnabled,
  NotConfirmed,
  PathDoesNotExist,
  RingsExist,
  ThreadsDiverged,
  UnknownSystemCall,
  UnsupportedPlatform,
  WorkerFailed,
} from "./context/errors.ts";
export { access, type FileRight, LandlockPortRule, LandlockRule, type PortRight } from "./context/landlock-rule.ts";
export { type LockWithOptions, lockWith } from "./context/lock-with.ts";
export { LockedWorker, type WorkerPlan } from "./context/locked-worker.ts";
export type { RefusalLog } from "./context/refusal-log.ts";
export {
  type CapabilityReport,
  type LandlockReport,
  type LimitReport,
  type LockReport,
  reportText,
  type SeccompReport,
} from "./context/report.ts";
export { type RuleSet, YesReally } from "./context/rule-set.ts";
export { type ApplyOptions, SafetyContext } from "./context/safety-context.ts";
export { explainDifference, explainPolicy, explainTree, type SimulatedCall, simulateCall } from "./explain.ts";
export {
  loadPolicy,
  type Machine,
  NotExpressible,
  parsePolicy,
  type RuleSetUse,
  thisMachine,
  type WrittenPolicy,
  type WrittenText,
  writeContainerPolicy,
  writeLindenPolicy,
  writeMinijailPolicy,
} from "./formats/index.ts";
export { Isolate, type IsolateReport, type IsolateResult } from "./isolate/isolate.ts";
export type { IsolateMount, IsolateOptions } from "./isolate/options.ts";
export { type Policy, PolicyError, readPolicy } from "./policy.ts";
export type { LimitValue, Resource, ResourceLimits } from "./resource-limits.ts";
export { BasicCapabilities } from "./rulesets/basic.ts";
export { ForkAndExec } from "./rulesets/fork-and-exec.ts";
export { PLEDGE_PROMISES, pledge, SYSTEMD_GROUPS, systemdGroup } from "./rulesets/groups.ts";
export { Networking } from "./rulesets/networking.ts";
export { NodeRuntime } from "./rulesets/node-runtime.ts";
export { Pipes } from "./rulesets/pipes.ts";
export { type Descriptor, SystemIO } from "./rulesets/system-io.ts";
export { Threads } from "./rulesets/threads.ts";
export { Time } from "./rulesets/time.ts";
