/** Builds the toy cell and talks to it: what the lockdown tests share. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type LaunchedProcess, Launcher, type LauncherOptions } from "../../src/lockdown/launch/index.ts";

/** Bundles a test program as the build bundles the real ones. Answers the bundle's path; removed when this process ends. */
export async function bundle(source: string, define: Record<string, string> = {}): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "linden-toy-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const outfile = join(directory, "toy.cjs");
  const entryPoints = [fileURLToPath(new URL(source, import.meta.url))];
  await build({ define, entryPoints, outfile, bundle: true, platform: "node", format: "cjs", logLevel: "error" });
  return outfile;
}

export async function startLauncher(options: Partial<LauncherOptions> = {}): Promise<Launcher> {
  const toy = options.cellBundle ?? (await bundle("./toy-cell.ts"));
  return Launcher.start({ cellBundle: toy, fileServerBundle: toy, ...options });
}

export type Order = { readonly call: readonly [number, ...(number | string)[]] } | { readonly run: string };

/** A toy process that has said READY. */
export class Toy {
  readonly process: LaunchedProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(launched: LaunchedProcess) {
    this.process = launched;
    this.#lines = createInterface({ input: launched.stdout })[Symbol.asyncIterator]();
  }

  static async from(launched: LaunchedProcess): Promise<Toy> {
    const toy = new Toy(launched);
    const first = await toy.#read();
    if (first !== "READY") throw new Error(`the toy said ${JSON.stringify(first)}: ${launched.crashText()}`);
    return toy;
  }

  async #read(): Promise<unknown> {
    const line = await this.#lines.next();
    return line.done === true ? await this.process.exited : JSON.parse(line.value);
  }

  /** What the toy answers, or how it died of the order. */
  ask(order: Order): Promise<unknown> {
    this.process.stdin.write(`${JSON.stringify(order)}\n`);
    return this.#read();
  }
}
