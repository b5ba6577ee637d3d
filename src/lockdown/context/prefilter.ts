/** Layer: lockdown. The filter under which a Node process has no rings. It must not know what comes later. */
import data from "../../../policies/boot-prefilter.json" with { type: "json" };
import { hostArchitecture } from "../../host/call-numbers.ts";
import { setNoNewPrivileges } from "../../host/process.unsafe.ts";
import { installFilter } from "../../host/seccomp.unsafe.ts";
import { compile } from "../compiler.ts";
import { demand } from "../failure.ts";
import { readPolicy } from "../policy.ts";

/**
 * Lays the prefilter on the calling thread, for what it executes next. Throws LockFailed naming the step; `took` hears of
 * each that was taken.
 */
export function layPrefilter(took: (step: string) => void = () => {}): void {
  const program = compile(readPolicy(data), hostArchitecture());
  demand("no_new_privs", setNoNewPrivileges());
  took("no_new_privs");
  demand("seccomp prefilter", installFilter(program, false));
  took("seccomp prefilter");
}
