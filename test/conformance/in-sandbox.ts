/**
 * Runs one WASI program in a real sandbox: locked cell, frames, and where asked for the file server. dist/ must be built.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { SIGNAL_NAMES } from "../../src/abi/signal.ts";
import { Sandbox } from "../../src/sandbox/index.ts";
import type { GuestResult, GuestRun } from "./in-process.ts";

const SIGNALS = new Map([...SIGNAL_NAMES].map(([number, name]) => [name, number]));

/** As runGuest, with the sandbox's own root beneath the copy. There always is a root, and it is always opened. */
export async function runInSandbox(run: GuestRun): Promise<GuestResult> {
  await using box = await Sandbox.create();
  if (run.root) await copyIn(box, run.root, "/");
  return await runIn(box, run, "/");
}

/** As runGuest, but the guest starts in a mounted host directory, which is `root` itself and not a copy. */
export async function runOnMount(run: GuestRun): Promise<GuestResult> {
  if (!run.root) throw new Error("nothing to mount");
  await using box = await Sandbox.create({ mounts: { "/host": run.root } });
  return await runIn(box, run, "/host");
}

async function runIn(box: Sandbox, run: GuestRun, cwd: string): Promise<GuestResult> {
  const result = await box.run(run.module, run.args.slice(1), {
    env: { ...run.env },
    cwd,
    stdin: run.stdin ?? "",
    timeout: run.milliseconds,
  });
  const signal = result.signal === null ? 0 : (SIGNALS.get(result.signal) ?? Number.NaN);
  return { code: signal === 0 ? result.exitCode : 0, signal, stdout: result.stdout, stderr: result.stderr };
}

async function copyIn(box: Sandbox, from: string, to: string): Promise<void> {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = join(to, entry.name);
    if (entry.isDirectory()) {
      await box.files.mkdir(path);
      await copyIn(box, join(from, entry.name), path);
    } else if (entry.isFile()) {
      const source = join(from, entry.name);
      await box.files.write(path, readFileSync(source), { mode: statSync(source).mode & 0o777 });
    }
  }
}
