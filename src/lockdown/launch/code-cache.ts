/**
 * Layer: lockdown, launch. V8's code caches of the locked processes' bundles: compiled once, at build, by a process that
 * runs nothing of them. It must not know what is in a bundle.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cacheMakerArguments, ENVIRONMENT } from "./engine-arguments.ts";
import { codeCachePath } from "./engine-files.ts";
import { LaunchFailed } from "./thread.ts";

const MAXIMUM_BYTES = 64 * 1024 * 1024;

/**
 * Writes the code cache beside a bundle. V8 takes it for a text of the same length, so whoever writes a bundle anew must
 * write its cache anew, or remove it. An engine that differs in version or flags ignores it.
 */
export function writeCodeCache(bundle: string): void {
  const options = { env: ENVIRONMENT, maxBuffer: MAXIMUM_BYTES };
  const { status, stdout, stderr } = spawnSync(process.execPath, cacheMakerArguments(bundle), options);
  if (status !== 0) throw new LaunchFailed(`no code cache could be made of ${bundle}: ${stderr}`);
  writeFileSync(codeCachePath(bundle), stdout);
}
