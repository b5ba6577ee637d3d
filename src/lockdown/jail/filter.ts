/** Layer: lockdown, jail. The seccomp filter of a jail, from whichever option names one. It must not know who installs it. */
import { readFileSync } from "node:fs";
import { hostArchitecture } from "../../host/call-numbers.ts";
import { MAXIMUM_INSTRUCTIONS } from "../bpf.ts";
import { compile } from "../compiler.ts";
import { errorCode } from "../failure.ts";
import { loadPolicy, type Machine, type WrittenPolicy } from "../formats/index.ts";
import { minijailFormat } from "../formats/minijail.ts";
import { hostPolicy } from "../policies.ts";
import { type Policy, PolicyError } from "../policy.ts";
import { JailOptionError } from "./options.ts";

export type FilterWish = { readonly how: "strict" | "minijail" | "policy" | "binary"; readonly file: string };
export type JailFilter = {
  readonly program: Uint8Array;
  /** The policy, where one was read that says more than calls. */
  readonly written: WrittenPolicy | undefined;
};

/** prctl(PR_SET_SECCOMP, 1) has these calls; a filter with the same ones lets the program start. */
const STRICT: Policy = {
  about: "seccomp's strict mode",
  fallback: { kind: "kill" },
  rules: ["read", "write", "exit", "rt_sigreturn"].map((syscall) => ({
    syscall,
    why: "strict mode has it",
    conditions: [],
    action: { kind: "allow" },
  })),
};

/** Throws PolicyError or JailOptionError naming the file. Without a wish: what Minijail refuses by default. */
export function filterOf(wish: FilterWish | undefined, machine: Machine, loaderCalls: boolean): JailFilter {
  const architecture = hostArchitecture();
  if (wish === undefined) return { program: compile(hostPolicy("jailDefault"), architecture), written: undefined };
  if (wish.how === "binary") return { program: binary(wish.file), written: undefined };
  if (wish.how === "strict")
    return { program: compile(startable(STRICT, loaderCalls), architecture), written: undefined };
  const written = wish.how === "minijail" ? minijailPolicy(wish.file, machine) : loadPolicy(wish.file, machine);
  if (written.from === "lock") {
    throw new JailOptionError(`${wish.file} holds from a program's own lock on ("from": "lock"), not from its start`);
  }
  return { program: compile(startable(written.policy, loaderCalls), architecture), written };
}

function minijailPolicy(file: string, machine: Machine): WrittenPolicy {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new PolicyError(`${file}: the policy cannot be read: ${errorCode(error)}`);
  }
  return minijailFormat.read(text, undefined, file, machine);
}

function startable(policy: Policy, loaderCalls: boolean): Policy {
  return loaderCalls ? { ...policy, rules: [...policy.rules, ...hostPolicy("programStart").rules] } : policy;
}

/** The kernel checks the instructions; an empty or torn file is told by name. */
function binary(file: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new JailOptionError(`${file}: the filter cannot be read: ${errorCode(error)}`);
  }
  if (bytes.length === 0 || bytes.length % 8 !== 0 || bytes.length > MAXIMUM_INSTRUCTIONS * 8) {
    throw new JailOptionError(
      `${file}: ${bytes.length} bytes are no filter: 8 for each of 1 to ${MAXIMUM_INSTRUCTIONS} instructions`,
    );
  }
  return bytes;
}
