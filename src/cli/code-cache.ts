/**
 * Layer: cli. V8's code caches of the command's own bundles: made by the build, used by what stands before a bundle (cached.ts).
 * It must not know what is in a bundle. Locked processes have theirs from lockdown/launch.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";
import { codeCachePath } from "../lockdown/launch/engine-files.ts";

/** A bundle, which has no import() left, as a CommonJS wrapper; from its cache where there is one that fits: the very same text's. */
export function compiled(bundle: string): Script {
  return compile(bundle, cacheOf(bundle));
}

/**
 * Writes the code cache of a bundle, for engines like this one. Every function is compiled, not only those that V8 thinks are called
 * at once. Nothing of the bundle is run.
 */
export function writeCommandCache(bundle: string): void {
  setFlagsFromString("--no-lazy");
  const script = compile(bundle, undefined);
  // A cache holds the flags it was made under.
  setFlagsFromString("--lazy");
  writeFileSync(codeCachePath(bundle), script.createCachedData());
}

function compile(bundle: string, cachedData: Buffer | undefined): Script {
  const text = `(function(exports,require,module,__filename,__dirname){${readFileSync(bundle, "utf8")}\n})`;
  return new Script(text, { filename: bundle, ...(cachedData && { cachedData }) });
}

function cacheOf(bundle: string): Buffer | undefined {
  try {
    return readFileSync(codeCachePath(bundle));
  } catch {
    return undefined;
  }
}
