/**
 * Layer: sandbox. `Sandbox`: one cell with its file server, its watchdog and the runs inside it. It must not know how
 * cells are launched and locked, nor parse a guest's bytes.
 */
import { dirname, join } from "node:path";
import { CELL_BYTES } from "../limits.ts";
import { bootRequest, sendBoot } from "./boot.ts";
import { CallbackSink } from "./callback-sink.ts";
import type { CellLink } from "./cell-link.ts";
import { CellPrograms, type ReadyProgram } from "./cell-programs.ts";
import { startCell } from "./cell-start.ts";
import { Environments } from "./environment.ts";
import { FileError, LimitExceeded, type LindenError, OptionError, SandboxClosed, SandboxDied } from "./errors.ts";
import { Files } from "./files.ts";
import { type CallerLimit, type ExitResult, endedBefore, GuestProcess, LIMIT_WORDS } from "./guest-process.ts";
import { checkHostMounts, contentsOf, hostMounts } from "./host-mounts.ts";
import { type Image, openImage } from "./image.ts";
import { feed, isEmpty } from "./input.ts";
import type { LockedProcess } from "./launcher.ts";
import type { LoadedProgram } from "./modules.ts";
import { type Policy, parseSandboxOptions, type SandboxOptions } from "./options.ts";
import { OutputReadable, type OutputSink } from "./output.ts";
import { argumentsOf } from "./programs.ts";
import {
  parseRunOptions,
  parseSpawnOptions,
  type RunOptions,
  type RunPolicy,
  type SpawnOptions,
} from "./run-options.ts";
import { SandboxProcess } from "./sandbox-process.ts";
import { defaultServices, type Services } from "./services.ts";
import { toBytes } from "./text.ts";
import { hardCpuSeconds, Watchdog } from "./watchdog.ts";

export interface RunResult<Output = string> extends ExitResult {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** A locked process with a small operating system of its own. Programs in it see its files and nothing of the host's. */
export class Sandbox implements AsyncDisposable {
  readonly files: Files;
  readonly #policy: Policy;
  readonly #link: CellLink;
  readonly #server: LockedProcess | undefined;
  readonly #watchdog: Watchdog;
  readonly #programs: CellPrograms;
  readonly #environments = new Environments();
  readonly #processes = new Set<GuestProcess>();
  #mostProcesses = 1;
  /** Runs whose programs are on the way into the cell. */
  #preparing = 0;
  /** The limit that the whole sandbox was ended for. */
  #exceeded: CallerLimit | undefined;

  /** Made by Sandbox.create and by a pool; the cell has booted. Others are told so (OptionError). */
  constructor(
    services: Services,
    policy: Policy,
    link: CellLink,
    server: LockedProcess | undefined,
    modules: ReadonlyMap<string, number>,
    image: Image | undefined,
  ) {
    // Types keep TypeScript from it; `new Sandbox(options)` is what programs in JavaScript try.
    if (!(modules instanceof Map)) throw new OptionError("new Sandbox", "await Sandbox.create(options) instead");
    this.#policy = policy;
    this.#link = link;
    this.#server = server;
    this.files = new Files(link, policy.cwd, policy.limits.fsBytes);
    const inMemory = policy.mounts.map((mount) => (mount.kind === "memory" ? mount.bytes : (mount.overlay ?? 0)));
    const memory = inMemory.reduce((sum, bytes) => sum + bytes, 0);
    const { cpuMs, memoryBytes, fsBytes } = policy.limits;
    const residentBytes = () => CELL_BYTES + fsBytes + memory + memoryBytes * this.#mostProcesses;
    this.#watchdog = new Watchdog(link.cell, { cpuMs, residentBytes }, (limit) => this.#exceed(limit));
    const second = {
      cpuSeconds: hardCpuSeconds(policy.limits),
      started: (cell: LockedProcess) => this.#watchdog.join(cell),
    };
    this.#programs = new CellPrograms({ services, policy, link, files: this.files, image, modules, second });
    if (server !== undefined) this.#watchdog.join(server);
    server?.exited.then(() => link.fail(new SandboxDied("the file server of the sandbox ended")));
    link.ended.then(() => server?.kill());
  }

  /**
   * Start a sandbox. OptionError: an option is wrong. LockUnavailable: a layer of the lock cannot be had here, and the
   * sandbox did not start. SandboxDied: the cell did not come up.
   */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const policy = parseSandboxOptions(options, process.cwd());
    const services = defaultServices();
    return startSandbox(services, policy);
  }

  /** Whether it can be used no more, because it was closed or died. */
  get closed(): boolean {
    return this.#link.error !== undefined;
  }

  /**
   * Run a program to its end. Resolves whatever its exit code; rejects with ProgramNotFound, NotRunnable, OptionError,
   * LimitExceeded, SandboxClosed or SandboxDied, or with the signal's reason when aborted.
   */
  run(program: string | LoadedProgram, options?: RunOptions & { readonly format?: "text" }): Promise<RunResult>;
  run(
    program: string | LoadedProgram,
    args: readonly string[],
    options?: RunOptions & { readonly format?: "text" },
  ): Promise<RunResult>;
  run(
    program: string | LoadedProgram,
    args: readonly string[],
    options: RunOptions & { readonly format: "bytes" },
  ): Promise<RunResult<Uint8Array>>;
  async run(
    program: string | LoadedProgram,
    argsOrOptions: readonly string[] | RunOptions = [],
    given: RunOptions = {},
  ): Promise<RunResult | RunResult<Uint8Array>> {
    if (typeof argsOrOptions !== "object") throw new OptionError("args", "a list of strings", argsOrOptions);
    const [args, options] = isList(argsOrOptions) ? [argsOrOptions, given] : [[], argsOrOptions];
    const policy = parseRunOptions(options, this.#policy);
    policy.signal?.throwIfAborted();
    const failure = Promise.withResolvers<never>();
    failure.promise.catch(() => {});
    const stdout = new CallbackSink(options.onStdout, failure.reject);
    const stderr = new CallbackSink(options.onStderr, failure.reject);
    const begun = performance.now();
    const input = options.stdin ?? "";
    const noInput = isEmpty(input);
    const starting = this.#start(program, args, { ...policy, noInput }, { stdout, stderr });
    const started =
      starting instanceof GuestProcess
        ? starting
        : await starting.catch((error: unknown) => {
            if (!(error instanceof LimitExceeded) || error.limit === undefined) throw error;
            return endedBefore(error.limit, error.message, performance.now() - begun);
          });
    if (!(started instanceof GuestProcess)) {
      return options.format === "bytes"
        ? { ...started, stdout: new Uint8Array(0), stderr: new Uint8Array(0) }
        : { ...started, stdout: "", stderr: "" };
    }
    const guest = started;
    let stopFeeding = () => {};
    const onAbort = () => failure.reject(policy.signal?.reason);
    policy.signal?.addEventListener("abort", onAbort);
    if (policy.signal?.aborted) onAbort();
    try {
      // The caller's own stream may throw at once, as one does that another reads already: the guest must not live on.
      if (!noInput) stopFeeding = feed(guest.stdin, input, failure.reject);
      const exit = await Promise.race([guest.exited, failure.promise]);
      if (stdout.busy || stderr.busy) {
        await Promise.race([Promise.all([stdout.idle(), stderr.idle()]), failure.promise]);
      }
      return options.format === "bytes"
        ? { ...exit, stdout: stdout.collected.bytes(), stderr: stderr.collected.bytes() }
        : { ...exit, stdout: stdout.collected.text(), stderr: stderr.collected.text() };
    } catch (error) {
      if (!guest.over) {
        guest.end();
        await guest.exited.catch(() => {});
      }
      throw error;
    } finally {
      policy.signal?.removeEventListener("abort", onAbort);
      stopFeeding();
    }
  }

  /**
   * Start a program and talk to it through streams. Resolves when it runs; rejects with LimitExceeded when its time, or the
   * sandbox's CPU time, is over before that.
   */
  async spawn(
    program: string | LoadedProgram,
    args: readonly string[] = [],
    options: SpawnOptions = {},
  ): Promise<SandboxProcess> {
    const policy = parseSpawnOptions(options, this.#policy);
    policy.signal?.throwIfAborted();
    const stdout = new OutputReadable();
    const stderr = new OutputReadable();
    const guest = await this.#start(program, args, { ...policy, noInput: false }, { stdout, stderr });
    const spawned = new SandboxProcess(guest, stdout, stderr);
    const { signal } = policy;
    if (signal !== undefined) {
      const onAbort = () => guest.end();
      signal.addEventListener("abort", onAbort, { once: true });
      guest.exited.finally(() => signal.removeEventListener("abort", onAbort)).catch(() => {});
      if (signal.aborted) onAbort();
    }
    await guest.started;
    return spawned;
  }

  /** End everything inside, at once. Runs that still go on reject with SandboxClosed. */
  async close(): Promise<void> {
    await this.#link.close("the sandbox was closed");
    this.#server?.kill();
    await this.#server?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** At once where nothing of the program has to be waited for. */
  #start(
    given: string | LoadedProgram,
    args: readonly string[],
    run: RunPolicy & { readonly noInput: boolean },
    sinks: { readonly stdout: OutputSink; readonly stderr: OutputSink },
  ): GuestProcess | Promise<GuestProcess> {
    if (!isList(args)) throw new OptionError("args", "a list of strings", args);
    for (const [at, arg] of args.entries()) {
      if (typeof arg !== "string") throw new OptionError(`args[${at}]`, "a string", arg);
    }
    if (this.#link.error !== undefined) throw closedBecause(this.#link.error);
    const begun = performance.now();
    const ready = this.#programs.ready(given);
    const launch = (made: ReadyProgram) => this.#launch(made, args, run, sinks, begun);
    return ready === undefined ? this.#inTime(run, this.#programs.prepare(given)).then(launch) : launch(ready);
  }

  #launch(
    { program, module }: ReadyProgram,
    args: readonly string[],
    run: RunPolicy & { readonly noInput: boolean },
    sinks: { readonly stdout: OutputSink; readonly stderr: OutputSink },
    begun: number,
  ): GuestProcess {
    if (this.#link.error !== undefined) throw closedBecause(this.#link.error);
    const argv = [program.name, ...argumentsOf(program, args, run.cwd)];
    const request = {
      module,
      argv: argv.map((arg, at) => toBytes(arg, at === 0 ? "program" : `args[${at - 1}]`)),
      env: this.#environments.of(program, run),
      cwd: toBytes(run.cwd, "cwd"),
      terminals: run.terminals,
      memoryBytes: this.#policy.limits.memoryBytes,
      joined: run.joined,
      noInput: run.noInput,
      ...(run.window === undefined ? {} : { window: run.window }),
    };
    const bytes = [...request.argv, ...request.env].reduce((sum, each) => sum + each.length + 1, 0);
    if (bytes > ARGUMENT_ROOM) throw new OptionError("args and env", `at most ${ARGUMENT_ROOM} bytes together`, bytes);
    const { wallMs, outputBytes } = run;
    // What is left of it; a timer of none would never fire.
    const left = wallMs === undefined ? undefined : Math.max(wallMs - (performance.now() - begun), 1);
    const guest = new GuestProcess(this.#link, request, { wallMs: left, outputBytes }, sinks);
    this.#processes.add(guest);
    this.#mostProcesses = Math.max(this.#mostProcesses, this.#processes.size);
    this.#watchdog.watch();
    const forget = () => {
      this.#processes.delete(guest);
      this.#restIfIdle();
    };
    guest.exited.then(forget, forget);
    return guest;
  }

  #restIfIdle(): void {
    if (this.#processes.size === 0 && this.#preparing === 0) this.#watchdog.rest();
  }

  /**
   * What the preparation of a run gives, unless the run's time is over or its signal aborts before that. The preparation goes
   * on then: other runs may wait for it, and the next one of the program finds it done.
   */
  async #inTime<T>({ wallMs, signal }: RunPolicy, preparation: Promise<T>): Promise<T> {
    const over = Promise.withResolvers<never>();
    const timer = wallMs === undefined ? undefined : setTimeout(() => over.reject(usedUp("time")), wallMs);
    const onAbort = () => over.reject(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    this.#preparing += 1;
    this.#watchdog.watch();
    const settled = () => {
      this.#preparing -= 1;
      this.#restIfIdle();
    };
    preparation.then(settled, settled);
    try {
      return await Promise.race([preparation, over.promise]);
    } catch (error) {
      throw error instanceof SandboxClosed && this.#exceeded !== undefined ? usedUp(this.#exceeded) : error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** @internal See CellPrograms. */
  layImage(): Promise<void> {
    return this.#programs.layImage();
  }

  #exceed(limit: CallerLimit): void {
    this.#exceeded = limit;
    for (const guest of this.#processes) guest.blame(limit);
    const what = limit === "cpu" ? "its CPU time was over" : "the cell took more memory than its limits allow";
    this.#link.fail(new SandboxClosed(`the sandbox was ended: ${what}`));
  }
}

/** Half of what the kernel takes, as the wire frame holds both lists. */
const ARGUMENT_ROOM = 1024 * 1024;

/** Boot a cell under a policy. `opening`: its image; `booting`: BOOT was sent ahead. */
export async function bootSandbox(
  services: Services,
  policy: Policy,
  link: CellLink,
  modules: ReadonlyMap<string, number>,
  opening: Promise<Image | undefined> = openImage(policy.images),
  booting?: Promise<void>,
): Promise<Sandbox> {
  let server: LockedProcess | undefined;
  try {
    const image = await opening;
    const hosted = hostMounts(policy);
    const { files, directories } = await checkHostMounts(hosted, caches(services, image));
    const served = [...directories.keys()];
    if (served.length > 0) {
      const real = [...directories].map(([{ kind, at, overlay, ...how }, host]) => ({ ...how, host }));
      server = await link.cell.serve(real);
    }
    await (booting ?? sendBoot(link, bootRequest(policy, served)));
    const sandbox = new Sandbox(services, policy, link, server, modules, image);
    for (const mount of files) await sandbox.files.write(mount.at, await contentsOf(mount), { mode: 0o444 });
    await sandbox.layImage();
    if (policy.cwd !== "/") await makeWorkingDirectory(sandbox.files, policy.cwd);
    if (policy.readOnly && image !== undefined) await sandbox.files.seal("/");
    return sandbox;
  } catch (error) {
    server?.kill();
    await link.close("it did not boot");
    throw error;
  }
}

/** As docker's -w: a working directory that is not there is made. */
async function makeWorkingDirectory(files: Files, cwd: string): Promise<void> {
  try {
    await files.mkdir(cwd);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new OptionError("cwd", `a directory, or a place where one can be made (${error.message})`, cwd);
  }
}

export async function startSandbox(services: Services, policy: Policy): Promise<Sandbox> {
  let booting: Promise<void> | undefined;
  // Listed while the cell starts.
  const opening = openImage(policy.images);
  opening.catch(() => {});
  const link = await startCell(services.launcher, {
    lock: policy.lock,
    cpuSeconds: hardCpuSeconds(policy.limits),
    ahead: (fresh) => {
      // Mounts of the host wait for a file server, and that for a cell which is known to be locked.
      if (hostMounts(policy).length === 0) booting = sendBoot(fresh, bootRequest(policy, []));
      booting?.catch(() => {});
    },
  });
  return bootSandbox(services, policy, link, new Map(), opening, booting);
}

/** What every sandbox's programs come from: no guest may write there. */
function caches({ cache }: Services, image: Image | undefined): readonly string[] {
  const root = dirname(cache.directory);
  const all = [cache.directory, join(root, "userland"), join(root, "sysroot")];
  return image === undefined ? all : [...all, ...image.directories];
}

/** What it lists is looked at where it is used. */
function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}

function usedUp(limit: CallerLimit): LimitExceeded {
  return new LimitExceeded(`${LIMIT_WORDS[limit]} before its program was compiled`, limit);
}

function closedBecause(error: LindenError): LindenError {
  return error instanceof SandboxClosed ? error : new SandboxClosed(`the sandbox is gone: ${error.message}`);
}
