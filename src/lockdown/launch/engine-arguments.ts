/** Layer: lockdown, launch. The engine's command line for a locked process, built from nothing. */
import { availableParallelism } from "node:os";
import { BUNDLE_DESCRIPTOR, CACHE_DESCRIPTOR, type LaunchArguments } from "./launch-arguments.ts";

/** What stands around a bundle when it is compiled. A code cache fits the very same text only. */
const BEFORE = "(function(exports,require,module){";
const AFTER = "\n})";
const compileText = (source: string, options: string) =>
  `new(require("node:vm").Script)(${JSON.stringify(BEFORE)}+${source}+${JSON.stringify(AFTER)},{filename:"linden.cjs"${options}})`;

/**
 * Reads the bundle from its descriptor and runs it as CommonJS. A path would not do: the process may have no right to
 * walk to it (a checkout in a 0700 home, another user), and Landlock lets it open nothing. Reads at positions, because
 * all processes share the descriptor's offset.
 */
const LOADER = `const f=require("node:fs"),take=d=>{const n=f.fstatSync(d).size,b=Buffer.allocUnsafeSlow(n);
for(let o=0;o<n;){const r=f.readSync(d,b,o,n-o,o);if(r===0)throw new Error("the bundle was cut short");o+=r}
f.closeSync(d);return b};
const s=take(${BUNDLE_DESCRIPTOR}).toString(),c=take(${CACHE_DESCRIPTOR}),m={exports:{}};
${compileText("s", ",cachedData:c.length>0?c:undefined")}.runInThisContext()(m.exports,require,m);`;

/**
 * Writes a bundle's code cache to descriptor 1, by an engine with the same flags as a locked one: V8 refuses another's. Every
 * function is compiled, not only those that V8 thinks are called at once: a locked process is short of time, not of memory.
 */
const CACHE_MAKER = `const f=require("node:fs"),v=require("node:v8"),s=f.readFileSync(process.argv[1],"utf8");
v.setFlagsFromString("--no-lazy");const c=${compileText("s", "")};v.setFlagsFromString("--lazy");
f.writeFileSync(1,c.createCachedData());`;

/** Of V8's flags only those that count when the engine starts: the others cost its code caches (engine-flags.ts). */
const ENGINE_FLAGS = [
  // SIGUSR1 would start the inspector, and a locked process dies of that.
  "--disable-sigusr1",
  "--disable-proto=delete",
  "--disallow-code-generation-from-strings",
  "--no-warnings",
];

/** Node takes four, and waits for each of them when it starts: a thread for every processor but the main thread's. */
const HELPERS = Math.max(Math.min(availableParallelism() - 1, 4), 1);

export function engineArguments(launch: LaunchArguments): string[] {
  return [...ENGINE_FLAGS, `--v8-pool-size=${HELPERS}`, "--eval", LOADER, "--", JSON.stringify(launch)];
}

/** The command line that writes the code cache of the bundle at a path to descriptor 1. */
export function cacheMakerArguments(bundle: string): string[] {
  return [...ENGINE_FLAGS, "--eval", CACHE_MAKER, "--", bundle];
}

/** Everything a locked process finds in its environment. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  // The engine looks for a zone file otherwise; a guest's time zone is the library OS's matter.
  TZ: "UTC",
  // OpenSSL reads the host's configuration when the engine starts, and the engine exits if it exists but Landlock keeps it
  // shut. A name that cannot exist is fine.
  OPENSSL_CONF: "/proc/self/no-openssl-configuration",
};
