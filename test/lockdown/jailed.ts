/** Runs `linden jail` from a bundle, as it is shipped: a start then takes a tenth of a second. */
import assert from "node:assert/strict";
import { execFileSync, type StdioOptions, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const home = fileURLToPath(new URL("../..", import.meta.url));
export const scratch = mkdtempSync(join(tmpdir(), "linden-jail-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

let built: Promise<string> | undefined;
async function bundles(): Promise<string> {
  const outdir = join(scratch, "dist");
  const shared = { outdir, bundle: true, platform: "node", logLevel: "error" } as const;
  const contents = `import { main } from "./src/cli/commands.ts"; process.exit(await main(["jail", ...process.argv.slice(2)], undefined));`;
  await build({
    ...shared,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    stdin: { contents, resolveDir: home, loader: "ts" },
  });
  const entryPoints = { "jail-stage": join(home, "src/lockdown/jail/stage.ts") };
  await build({ ...shared, format: "cjs", outExtension: { ".js": ".cjs" }, entryPoints });
  return join(outdir, "stdin.mjs");
}

export type Outcome = {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
};
export type JailedOptions = {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly user?: number;
  readonly stdio?: StdioOptions;
  /** What to do with the running command. */
  readonly during?: (pid: number, stdout: () => string) => Promise<void>;
};

/** Ends what hangs, and nothing else on a machine that is busy. */
const LIMIT_MS = 120_000;

export async function jailed(
  argv: readonly string[],
  { env, cwd, user, stdio, during }: JailedOptions = {},
): Promise<Outcome> {
  built ??= bundles();
  const file = await built;
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file, ...argv], {
    cwd: cwd ?? "/",
    env: { PATH: process.env.PATH, LC_ALL: "C", ...env },
    stdio: stdio ?? ["ignore", "pipe", "pipe"],
    timeout: LIMIT_MS,
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  let ended = false;
  const closed = new Promise<[number | null, string | null]>((resolve) =>
    child.once("close", (code, signal) => {
      ended = true;
      resolve([code, signal]);
    }),
  );
  await during?.(child.pid ?? 0, () => {
    // Whoever waits for its words would wait for ever.
    assert.ok(!ended, `the command ended: ${stderr}`);
    return stdout;
  });
  const [status, signal] = await closed;
  return { status, signal, stdout, stderr };
}

/** What the jailed program printed; it must end well. */
export async function prints(argv: readonly string[], options?: JailedOptions): Promise<string> {
  const { status, stdout, stderr } = await jailed(argv, options);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Why tests that need root and new namespaces are left out here; false: they are not. */
export function rootSkip(): string | false {
  if (process.getuid?.() !== 0) return "needs root, as minijail0 does for most of this";
  const { status, stderr } = spawnSync("unshare", ["--mount", "--pid", "--net", "--fork", "true"], {
    encoding: "utf8",
  });
  return status === 0 ? false : `needs a root that may make namespaces: ${stderr.trim()}`;
}

/** A small static C program in the scratch directory, which everybody may enter. */
export function program(name: string, source: string): string {
  const file = join(scratch, name);
  writeFileSync(`${file}.c`, source);
  execFileSync("gcc", ["-static", "-O1", "-o", file, `${file}.c`]);
  return file;
}
