/** The two sides of a row: a native process, and a guest in a sandbox; and how both are run in turn. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Sandbox } from "linden";
import { median } from "./table.ts";

export const ROUNDS = 5;
export const LINDEN = fileURLToPath(new URL("../linden", import.meta.url));

export function say(what: string): void {
  process.stderr.write(`bench: ${what}\n`);
}

/** What a native program printed. Throws unless it exits with 0. */
export function native(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}

/** What a guest printed. Throws unless it exits with 0. */
export async function guest(box: Sandbox, program: string, args: readonly string[]): Promise<string> {
  const run = await box.run(program, args);
  if (run.exitCode !== 0) throw new Error(`${program}: exit ${run.exitCode} ${run.message}\n${run.stderr}`);
  return run.stdout;
}

/** Lay a module of the host's where programs of the sandbox can execute it. */
export async function lay(box: Sandbox, module: string, at: string): Promise<void> {
  await box.files.write(at, new Uint8Array(readFileSync(module)), { mode: 0o755 });
}

/** Lines of a name and a number, as the guests print them. */
export function figures(output: string): Map<string, number> {
  return new Map(
    output
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([name = "", value]) => [name, Number(value)]),
  );
}

export type Figures = ReadonlyMap<string, number>;

export function figure(map: Figures | undefined, name: string): number {
  return map?.get(name) ?? Number.NaN;
}

/** Medians over runs in turn: each round runs every side once, so that what disturbs the machine disturbs all. */
export async function inTurn(runs: readonly (() => Promise<Figures>)[], rounds = ROUNDS): Promise<Figures[]> {
  const seen: Figures[][] = runs.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, run] of runs.entries()) seen[at]?.push(await run());
  }
  return seen.map((maps) => {
    const names = [...(maps[0]?.keys() ?? [])];
    return new Map(names.map((name) => [name, median(maps.map((map) => figure(map, name)))]));
  });
}

/** Milliseconds something took. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
