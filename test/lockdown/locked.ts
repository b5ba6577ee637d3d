/** Runs a snippet in a Node of its own that locks itself and then really attempts what it should not be able to do. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

export const home = fileURLToPath(new URL("../..", import.meta.url));

/** The library, its boot hook and the raw calls as the build makes them: a snippet then starts in a fraction of the time. */
async function bundles(): Promise<string> {
  const outdir = mkdtempSync(join(tmpdir(), "linden-lockdown-"));
  process.once("exit", () => rmSync(outdir, { recursive: true, force: true }));
  const entryPoints = {
    lockdown: join(home, "src/lockdown/index.ts"),
    "lockdown-worker": join(home, "src/lockdown/context/worker-main.ts"),
    boot: join(home, "src/lockdown/boot.ts"),
    calls: join(home, "src/host/calls.unsafe.ts"),
  };
  writeFileSync(join(outdir, "package.json"), '{"type":"module"}');
  await build({
    entryPoints,
    outdir,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
  await build({
    entryPoints: { "lockdown-watcher": join(home, "src/lockdown/learn/watcher.ts") },
    outdir,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "error",
  });
  return outdir;
}
let built: Promise<string> | undefined;

/** The directory of a package with the built library: lockdown.js, boot.js, calls.js. */
export function library(): Promise<string> {
  built ??= bundles();
  return built;
}

/** What every snippet finds: the library, fs, raw calls, and `say`, which writes a line of JSON to standard output. */
const prologue = (directory: string) => `
import * as fs from "node:fs";
import * as net from "node:net";
import * as dgram from "node:dgram";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { execFileSync, spawnSync } from "node:child_process";
import * as lockdown from "${pathToFileURL(join(directory, "lockdown.js"))}";
import { namedCall } from "${pathToFileURL(join(directory, "calls.js"))}";
const LIBRARY = "${pathToFileURL(join(directory, "lockdown.js"))}";
const TEMPORARY = "${join(directory, "scratch-")}";
const CALLS = "${pathToFileURL(join(directory, "calls.js"))}";
const { SafetyContext, SystemIO, Networking, Threads, Time, Pipes, ForkAndExec, BasicCapabilities, NodeRuntime } = lockdown;
const { SeccompRule, LandlockRule, LandlockPortRule, access, arg, arg32 } = lockdown;
const say = (value: unknown) => fs.writeSync(1, JSON.stringify(value) + "\\n");
const attempt = (work: () => unknown): unknown => {
  try { return work() ?? "done"; } catch (error) { return (error as { code?: string }).code ?? String(error); }
};
const attemptAsync = async (work: () => Promise<unknown>): Promise<unknown> => {
  try { return (await work()) ?? "done"; } catch (error) { return (error as { code?: string }).code ?? String(error); }
};
const stdio = () => SystemIO.nothing().allowStdout().allowStderr();
namedCall("getpid"); // opens the door to the kernel while it can be opened
`;

export type Outcome = {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it said, line by line. */
  readonly said: readonly unknown[];
  readonly stderr: string;
};

export type LockedOptions = {
  /** Without the boot hook. */
  readonly plain?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  readonly options?: readonly string[];
  readonly input?: string;
};

/** Ends what hangs, and nothing else on a machine that is busy. */
const LIMIT_MS = 120_000;

export async function locked(
  code: string,
  { plain = false, env, options = [], input }: LockedOptions = {},
): Promise<Outcome> {
  const directory = await library();
  const argv = [
    "--disable-warning=ExperimentalWarning",
    ...(plain ? [] : ["--import", join(directory, "boot.js")]),
    ...options,
    "--input-type=module-typescript",
    "-e",
    prologue(directory) + code,
  ];
  const child = spawn(process.execPath, argv, { cwd: home, env: { ...process.env, ...env }, timeout: LIMIT_MS });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  child.stdin.on("error", () => {}); // a child that ended early reads nothing
  child.stdin.end(input ?? "");
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once("close", (code, killed) => resolve([code, killed]));
  });
  const said = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));
  return { status, signal, said, stderr };
}

/** What the snippet said; it must end well. */
export async function says(code: string, options?: LockedOptions): Promise<readonly unknown[]> {
  const outcome = await locked(code, options);
  assert.equal(outcome.status, 0, `${outcome.signal ?? ""} ${outcome.stderr}`);
  return outcome.said;
}

/** A port of this machine's own that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : assert.fail("no port");
}
