/** Layer: lockdown. The files a restarted Node needs to come up again and load the program. It must not know the kernel. */
import { closeSync, existsSync, openSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ENGINE, engineFiles } from "../launch/engine-files.ts";
import type { LandlockWishes } from "./landlock-plan.ts";
import { type FileRight, LandlockRule } from "./landlock-rule.ts";

const ORIGIN = "NodeRuntime";
/** What every start looks at, where it is there. */
const LOOKED_AT = ["/dev/null", "/dev/urandom", "/etc/ssl/openssl.cnf", "/usr/lib/ssl/openssl.cnf", "/etc/localtime"];

/** The engine, its libraries, and the directories of the program and of this library; less what the caller grants anyway. */
export function engineRules(wishes: LandlockWishes): LandlockWishes["files"] {
  const engine = openSync(ENGINE, "r");
  const found = new Map<string, Set<FileRight>>();
  const grant = (path: string, ...rights: readonly FileRight[]): void => {
    const real = realpath(path);
    if (real === undefined) return;
    found.set(real, new Set([...(found.get(real) ?? []), ...rights]));
  };
  try {
    grant(readlinkSync(ENGINE), "execute", "readFile");
    for (const { path, grant: kind } of engineFiles(engine)) {
      grant(path, "readFile", ...(kind === "execute" ? (["execute"] as const) : []));
    }
  } finally {
    closeSync(engine);
  }
  for (const path of LOOKED_AT) grant(path, "readFile");
  grant("/dev/null", "writeFile");
  // Its own descriptors: what the event loop holds, and that there are no rings.
  grant("/proc/self/fd", "readDir");
  // Without a program (-e, standard input) the current directory counts.
  grant(packageOf(process.argv[1] ?? join(process.cwd(), "-")), "readFile", "readDir");
  grant(packageOf(import.meta.filename), "readFile", "readDir");
  const granted = new Map(wishes.files.map(({ rule }) => [rule.path, rule] as const));
  const rules: { origin: string; rule: LandlockRule }[] = [];
  for (const [path, rights] of found) {
    const missing = [...rights].filter((right) => granted.get(path)?.accessRules.includes(right) !== true);
    if (missing.length > 0) rules.push({ origin: ORIGIN, rule: new LandlockRule(path, missing, { optional: true }) });
  }
  return rules;
}

function realpath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** The directory of the package a file belongs to; of the file itself where it belongs to none. */
function packageOf(file: string): string {
  for (let directory = dirname(resolve(file)); ; directory = dirname(directory)) {
    if (existsSync(join(directory, "package.json"))) return directory;
    if (directory === dirname(directory)) return dirname(resolve(file));
  }
}
