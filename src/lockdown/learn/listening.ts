/** Layer: lockdown, learn. The filter under which a program is listened to. It must not know who listens. */
import { hostArchitecture } from "../../host/call-numbers.ts";
import { compile } from "../compiler.ts";
import type { Action, Policy } from "../policy.ts";

/** Where a listener would only be in the way: the way back from a signal handler, and the ends. */
const NOT_TOLD = ["rt_sigreturn", "exit", "exit_group", "restart_syscall"];

/** Every call waits for the listener's word, but those that say nothing. */
export function listeningFilter(): Uint8Array<ArrayBuffer> {
  const allow: Action = { kind: "allow" };
  const rules = NOT_TOLD.map((syscall) => ({ syscall, why: "", conditions: [], action: allow }));
  const policy: Policy = { about: "listening", fallback: { kind: "kill" }, rules };
  return compile(policy, hostArchitecture(), { listened: true });
}
