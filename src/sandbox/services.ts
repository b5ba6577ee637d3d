/**
 * Layer: sandbox. What every sandbox of this process shares: who launches cells, and the cache on disk. It must not know
 * policies.
 */
import { closeSync, readFileSync } from "node:fs";
import type { MessagePort } from "node:worker_threads";
import { LockFailed } from "../lockdown/failure.ts";
import { type Ahead, Launcher } from "../lockdown/launch/index.ts";
import { bundlePaths } from "./bundles.ts";
import { LindenError, LockUnavailable, SandboxDied } from "./errors.ts";
import type { CellLauncher, CellProcess, LockedProcess, ServedDirectory } from "./launcher.ts";
import { ModuleCache } from "./module-cache.ts";
import { sha256 } from "./sha256.ts";

/** What a sandbox is made with; tests put their own here. */
export interface Services {
  readonly launcher: CellLauncher;
  readonly cache: ModuleCache;
}

/** package.json's "engines": node:ffi and JSPI as the cell needs them. */
const NODE_MAJOR = 26;
const NODE_MINOR = 10;

let shared: Services | undefined;

/**
 * One launcher and one cache for all sandboxes of the caller's process: they hold no sandbox's state. Whoever calls first
 * may hand in what another thread has launched ahead.
 */
export function defaultServices(launched?: LaunchedAhead): Services {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < NODE_MAJOR || (major === NODE_MAJOR && minor < NODE_MINOR)) {
    throw new LindenError(
      "ERR_NODE_VERSION",
      `Linden needs Node ${NODE_MAJOR}.${NODE_MINOR} or newer, this is ${process.version}; npx node FILE uses the one Linden brings along`,
    );
  }
  shared ??= { launcher: new HostLauncher(launched), cache: new ModuleCache() };
  return shared;
}

/** What `launchAhead` made on another thread of this process, and the way to that thread. */
export interface LaunchedAhead {
  readonly ahead: Ahead;
  readonly port: MessagePort;
}

/** Launches cells through src/lockdown/launch, which locks them. Its threads start with the first cell. */
class HostLauncher implements CellLauncher {
  readonly #bundles = bundlePaths();
  readonly #launchers = new Map<"required" | "off", Promise<Launcher>>();
  #build: string | undefined;
  constructor(launched?: LaunchedAhead) {
    if (launched !== undefined) {
      this.#launchers.set("required", Promise.resolve(Launcher.adopt(launched.ahead, launched.port)));
    }
  }

  get build(): string {
    this.#build ??= sha256(readFileSync(this.#bundles.cellBundle));
    return this.#build;
  }

  async launch(lock: "required" | "off", cpuSeconds?: number): Promise<CellProcess> {
    try {
      const launcher = await this.#launcher(lock);
      const { process: launched, line } = await launcher.launchCell(cpuSeconds === undefined ? {} : { cpuSeconds });
      let open = true;
      const take = () => {
        open = false;
        return line;
      };
      launched.exited.then(() => {
        if (open) closeSync(take());
      });
      return {
        pid: launched.pid,
        stdin: launched.stdin,
        stdout: launched.stdout,
        exited: launched.exited,
        crashText: () => launched.crashText().toString("latin1"),
        kill: () => launched.kill(),
        ref: () => launched.ref(),
        unref: () => launched.unref(),
        limitCpu: (seconds) => launched.limitCpu(seconds),
        verify: () => locked(async () => void (await launched.verify())),
        serve: (directories) => locked(() => serve(launcher, directories, take())),
      };
    } catch (error) {
      throw typed(error);
    }
  }

  #launcher(lock: "required" | "off"): Promise<Launcher> {
    const known = this.#launchers.get(lock);
    if (known !== undefined) return known;
    const started = Launcher.start({ lock, ...this.#bundles });
    this.#launchers.set(lock, started);
    started.then(({ locked }) => locked).catch(() => this.#launchers.delete(lock));
    return started;
  }
}

async function serve(
  launcher: Launcher,
  directories: readonly ServedDirectory[],
  line: number,
): Promise<LockedProcess> {
  const served = directories.map(({ host, ...how }) => ({ source: host, ...how }));
  const server = await launcher.launchFileServer({ directories: served, line });
  try {
    const [word] = await server.stdout.take(1).toArray();
    if (String(word) !== SERVER_READY) throw new Error("the file server ended before it was locked");
    await server.verify();
    return server;
  } catch (error) {
    server.kill();
    throw error;
  }
}

/** What a file server says, once, when it is locked. */
const SERVER_READY = '"READY"\n';

async function locked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw typed(error);
  }
}

function typed(error: unknown): unknown {
  if (error instanceof LockFailed) {
    return new LockUnavailable(`${error.message}. "linden doctor" tells what this machine can give`, { cause: error });
  }
  return error instanceof Error ? new SandboxDied(`the cell could not be launched: ${error.message}`) : error;
}
