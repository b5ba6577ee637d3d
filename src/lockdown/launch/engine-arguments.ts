/** Layer: lockdown, launch. The engine's command line for a locked process, built from nothing. */
import { RLIM_INFINITY, RLIMIT, resourceLimit } from "../../host/process.unsafe.ts";
import { BUNDLE_DESCRIPTOR, type LaunchArguments } from "./launch-arguments.ts";

/**
 * Reads the bundle from its descriptor and runs it as CommonJS. A path would not do: the process may have no right to
 * walk to it (a checkout in a 0700 home, another user), and Landlock lets it open nothing. Reads at positions, because
 * all processes share the descriptor's offset.
 */
const LOADER = `const f=require("node:fs"),n=f.fstatSync(${BUNDLE_DESCRIPTOR}).size,b=Buffer.allocUnsafeSlow(n);
let o=0;while(o<n){const r=f.readSync(${BUNDLE_DESCRIPTOR},b,o,n-o,o);if(r===0)throw new Error("the bundle was cut short");o+=r}
f.closeSync(${BUNDLE_DESCRIPTOR});
const m={exports:{}};
require("node:vm").compileFunction(b.toString(),["exports","require","module"],{filename:"linden.cjs"})(m.exports,require,m);`;

/** KiB of stack the engine may use at most, on the main stack and on each JSPI stack (reserved, resident when touched). */
const STACK_KIB = 7168;
/** KiB of the host's stack limit left for the engine's own frames beyond JavaScript's limit. */
const STACK_HEADROOM_KIB = 768;

function stackKiB(): number {
  const limit = resourceLimit(RLIMIT.STACK);
  if (typeof limit === "number" || limit.soft === RLIM_INFINITY) return STACK_KIB;
  return Math.max(Math.min(STACK_KIB, Number(limit.soft / 1024n) - STACK_HEADROOM_KIB), 256);
}

export function engineArguments(launch: LaunchArguments): string[] {
  const stack = stackKiB();
  return [
    // SIGUSR1 would start the inspector, and a locked process dies of that.
    "--disable-sigusr1",
    "--disable-proto=delete",
    "--disallow-code-generation-from-strings",
    // Both, or the smaller one rules; before the first suspension.
    `--stack-size=${stack}`,
    `--wasm-stack-switching-stack-size=${stack}`,
    "--no-warnings",
    "--eval",
    LOADER,
    "--",
    JSON.stringify(launch),
  ];
}

/** Everything a locked process finds in its environment. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  // The engine looks for a zone file otherwise; a guest's time zone is the library OS's matter.
  TZ: "UTC",
  // OpenSSL reads the host's configuration when the engine starts, and the engine exits if it exists but Landlock keeps it
  // shut. A name that cannot exist is fine.
  OPENSSL_CONF: "/proc/self/no-openssl-configuration",
};
