/**
 * Layer: sandbox. Cells that wait locked and verified, with programs already compiled, booted as the last sandbox was, so that one
 * like it is there at once, and another in the time of one round trip. It must not know what sandboxes do.
 */
import { bootRequest, sendBoot } from "./boot.ts";
import type { CellLink } from "./cell-link.ts";
import { sendProgram, startCell } from "./cell-start.ts";
import { OptionError, SandboxClosed } from "./errors.ts";
import { hostMounts } from "./host-mounts.ts";
import { loadProgram } from "./load-program.ts";
import type { LoadedProgram } from "./modules.ts";
import { type Policy, parseSandboxOptions, record, type SandboxOptions } from "./options.ts";
import { bootSandbox, type Sandbox } from "./sandbox.ts";
import { defaultServices, type Services } from "./services.ts";
import { cpuTime, hardCpuSeconds } from "./watchdog.ts";

export interface PoolOptions {
  /** Cells kept ready, 1 to 64. Default 1. Each takes some 50 MB until it is used. */
  readonly size?: number;
  /** Programs each of them compiles beforehand. */
  readonly programs?: readonly string[];
  readonly lock?: "required" | "off";
}

interface WarmCell {
  readonly link: CellLink;
  /** Module names as a sandbox keys them, to their channels. */
  readonly modules: ReadonlyMap<string, number>;
  /** What it has booted as, in JSON; undefined: it has not. */
  readonly booted: string | undefined;
}

/** Ready cells. A cell serves one sandbox and is never used again; the pool replaces it. */
export class SandboxPool implements AsyncDisposable {
  readonly #services: Services;
  readonly #lock: "required" | "off";
  readonly #size: number;
  readonly #programs: readonly LoadedProgram[];
  readonly #warm: WarmCell[] = [];
  readonly #warming = new Set<Promise<void>>();
  /** What the next sandbox will be like, as far as anybody can tell: the last one that came up. */
  #likely: Policy;
  #closed = false;
  #failure: unknown;

  private constructor(
    services: Services,
    options: { size: number; lock: "required" | "off"; programs: readonly LoadedProgram[] },
  ) {
    this.#services = services;
    this.#size = options.size;
    this.#lock = options.lock;
    this.#programs = options.programs;
    this.#likely = parseSandboxOptions({ lock: options.lock }, "/");
  }

  /** Resolves when every cell is ready. OptionError, LockUnavailable, ProgramNotFound, ModuleRefused as of a sandbox. */
  static async create(options: PoolOptions = {}, services: Services = defaultServices()): Promise<SandboxPool> {
    const it = record(options, "options", ["size", "programs", "lock"]);
    const size = it.get("size") ?? 1;
    if (typeof size !== "number" || !Number.isInteger(size) || size < 1 || size > MAX_SIZE) {
      throw new OptionError("size", `a whole number from 1 to ${MAX_SIZE}`, size);
    }
    const names = it.get("programs") ?? [];
    if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) {
      throw new OptionError("programs", "a list of programs", names);
    }
    const { lock } = parseSandboxOptions(it.has("lock") ? { lock: it.get("lock") } : {}, "/");
    const programs: LoadedProgram[] = [];
    for (const name of names) programs.push(await loadProgram(name, services));
    const pool = new SandboxPool(services, { size, lock, programs });
    pool.#refill();
    await Promise.all(pool.#warming);
    if (pool.#failure !== undefined) {
      await pool.close();
      throw pool.#failure;
    }
    return pool;
  }

  /** Cells ready now. */
  get ready(): number {
    return this.#warm.filter(({ link }) => link.error === undefined).length;
  }

  /** A sandbox in a ready cell, or in a new one when none is ready. `options.lock` must be the pool's. */
  async take(options: SandboxOptions = {}): Promise<Sandbox> {
    if (this.#closed) throw new SandboxClosed("the pool was closed");
    const policy = parseSandboxOptions({ lock: this.#lock, ...options }, process.cwd());
    if (policy.lock !== this.#lock) throw new OptionError("lock", `"${this.#lock}", as the pool's`, policy.lock);
    try {
      return await this.#boot(policy);
    } finally {
      // Not before the answer: starting a process takes the caller's thread a moment.
      setImmediate(() => this.#refill());
    }
  }

  async #boot(policy: Policy): Promise<Sandbox> {
    let warm = this.#warm.shift();
    while (warm !== undefined && warm.link.error !== undefined) warm = this.#warm.shift();
    warm?.link.cell.ref();
    warm ??= await this.#start(policy);
    if (!limitCpu(warm.link, policy)) {
      await warm.link.close("it could not be given its limit of CPU time");
      warm = await this.#start(policy, hardCpuSeconds(policy.limits));
    }
    const booted = warm.booted !== undefined && warm.booted === bootedAs(policy);
    const sandbox = await bootSandbox(
      this.#services,
      policy,
      warm.link,
      warm.modules,
      undefined,
      booted ? Promise.resolve() : undefined,
    );
    // What does not boot would take the cells with it that wait for others.
    this.#likely = policy;
    return sandbox;
  }

  /** End the cells that wait. Sandboxes already taken live on. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#warming);
    const idle = this.#warm.splice(0);
    // Held again, so that the caller's process lives to see them end.
    for (const { link } of idle) link.cell.ref();
    await Promise.all(idle.map(({ link }) => link.close("the pool was closed")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #refill(): void {
    for (let missing = this.#size - this.ready - this.#warming.size; missing > 0 && !this.#closed; missing -= 1) {
      const warming = this.#warmOne().finally(() => this.#warming.delete(warming));
      this.#warming.add(warming);
    }
  }

  async #warmOne(): Promise<void> {
    try {
      const warm = await this.#start(this.#likely);
      if (this.#closed) return await warm.link.close("the pool was closed");
      warm.link.cell.unref();
      this.#warm.push(warm);
      this.#failure = undefined;
    } catch (error) {
      // The next take tries again itself and rejects with what is wrong then.
      this.#failure = error;
    }
  }

  /** A cell with the programs in it, booted as a sandbox of this policy. */
  async #start(policy: Policy, cpuSeconds?: number): Promise<WarmCell> {
    const link = await startCell(this.#services.launcher, { lock: this.#lock, cpuSeconds });
    try {
      const modules = new Map<string, number>();
      for (const loaded of this.#programs) {
        modules.set(loaded.fingerprint, await sendProgram(this.#services, this.#lock, link, loaded));
      }
      const booted = bootedAs(policy);
      if (booted !== undefined) await sendBoot(link, bootRequest(policy, []));
      return { link, modules, booted };
    } catch (error) {
      await link.close("a program could not be compiled");
      throw error;
    }
  }
}

const MAX_SIZE = 64;

/** What a cell of a policy boots as, in JSON; undefined where that takes a file server. */
function bootedAs(policy: Policy): string | undefined {
  return hostMounts(policy).length > 0 ? undefined : JSON.stringify(bootRequest(policy, []));
}

/** What stands behind the watchdog of a sandbox with a limit of CPU time, in a cell that started without. */
function limitCpu({ cell }: CellLink, policy: Policy): boolean {
  const seconds = hardCpuSeconds(policy.limits, cpuTime(cell.pid));
  return seconds === undefined || cell.limitCpu(seconds);
}
