/** Layer: lockdown, learn. The door for the command line. */
export { Audit, type Finding, findingText } from "./audit.ts";
export { Learner } from "./learner.ts";
export { type Learned, mergePolicy, policyText, writePolicy } from "./policy-data.ts";
export { listen } from "./supervisor.ts";
