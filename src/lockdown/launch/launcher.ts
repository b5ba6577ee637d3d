/**
 * Layer: lockdown, launch. Starts cells and file servers that are locked before their first instruction. It lives in the
 * caller's process and must not know what they do.
 */
import { closeSync, existsSync, fstatSync, openSync, realpathSync, statSync } from "node:fs";
import { openPath, type Pair, pipe, resizePipe, socketPair } from "../../host/descriptors.unsafe.ts";
import { CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_PTRACE } from "../../host/process.unsafe.ts";
import { errnoName } from "../failure.ts";
import { resourceLimits } from "../lock.ts";
import type { Role } from "../policies.ts";
import { ENVIRONMENT, engineArguments } from "./engine-arguments.ts";
import { codeCachePath, ENGINE, engineFiles } from "./engine-files.ts";
import { type AssignedDirectory, FIRST_DIRECTORY_DESCRIPTOR, type LaunchArguments } from "./launch-arguments.ts";
import { LaunchedProcess } from "./launched-process.ts";
import type { LandlockRule } from "./plan.ts";
import { LauncherThread, LaunchFailed } from "./thread.ts";
import type { BootingThread } from "./thread-boot.ts";
import { cellUser } from "./users.ts";
import { verifyLock } from "./verification.ts";

export type LauncherOptions = {
  /** "off": processes start without any layer but their own inner one. Whoever asks for it prints a warning. */
  readonly lock?: "required" | "off";
  /** Path of the cell's CommonJS bundle. */
  readonly cellBundle: string;
  /** Path of the file server's CommonJS bundle. */
  readonly fileServerBundle: string;
  /** A thread that bootThread already started, for this launcher. */
  readonly thread?: BootingThread;
};

export type ServedDirectory = {
  /** A path of the caller, or a descriptor the caller keeps (O_PATH is enough). */
  readonly source: string | number;
  readonly readOnly: boolean;
  /** Rules of policies/host-execution.json that are switched off, by name. */
  readonly allow?: readonly string[];
};

export type LaunchedCell = {
  readonly process: LaunchedProcess;
  /** The other end of the cell's line to a file server. Goes to launchFileServer, or is closed by the caller. */
  readonly line: number;
};

/**
 * Frames, crash text, the line, and what the engine makes for itself: event queues, the pipe that wakes it for signals. No
 * file, no directory, no other socket, no io_uring.
 */
const CELL_DESCRIPTORS = {
  listed: [/^pipe:/, /^pipe:/, /^pipe:/, /^socket:/],
  others: /^(pipe:.*|anon_inode:\[(eventpoll|eventfd)\])$/,
};

/** Descriptors of a program's bundle and of its code cache. */
type Bundle = { readonly text: number; readonly cache: number };
type Bundles = Readonly<Record<Role, Bundle>>;

/** Bytes of the pipes that frames travel on; where an unprivileged user has used up his, the default stays. */
const UP_BYTES = 256 * 1024;
/** Down travel whole programs. */
const DOWN_BYTES = 1024 * 1024;
/** Reads as empty: what a process without a code cache gets in its place. */
const NO_CACHE = "/dev/null";
const NAMES = { cell: "linden-cell", fileServer: "linden-file-server" } as const;

export class Launcher {
  readonly #lock: "required" | "off";
  readonly #engine: number;
  readonly #bundles: Bundles;
  readonly #rules: readonly LandlockRule[];
  readonly #cells: LauncherThread;
  /** Launcher threads of living file servers: each has directories of its own, so each needs a Landlock domain of its own. */
  readonly #others = new Set<LauncherThread>();
  #closing: Promise<void> | undefined;

  private constructor(
    lock: "required" | "off",
    engine: number,
    bundles: Bundles,
    rules: readonly LandlockRule[],
    cells: LauncherThread,
  ) {
    this.#lock = lock;
    this.#engine = engine;
    this.#bundles = bundles;
    this.#rules = rules;
    this.#cells = cells;
  }

  /**
   * Opens engine and bundles and starts a launcher thread, which locks itself before it launches anything: a layer that
   * cannot be had shows in `locked` and in every launch, as LockFailed naming it.
   */
  static async start(options: LauncherOptions): Promise<Launcher> {
    const lock = options.lock ?? "required";
    const opened: number[] = [];
    const open = (path: string): number => {
      const descriptor = openSync(path, "r");
      opened.push(descriptor);
      return descriptor;
    };
    const parts: { engine: number; bundles: Bundles; rules: LandlockRule[] } = {
      engine: -1,
      bundles: { cell: { text: -1, cache: -1 }, fileServer: { text: -1, cache: -1 } },
      rules: [],
    };
    try {
      const thread = await LauncherThread.start(() => {
        const engine = open(ENGINE);
        parts.engine = engine;
        const bundle = (path: string): Bundle => {
          const cache = codeCachePath(path);
          return { text: open(path), cache: open(existsSync(cache) ? cache : NO_CACHE) };
        };
        parts.bundles = { cell: bundle(options.cellBundle), fileServer: bundle(options.fileServerBundle) };
        parts.rules.push({ descriptor: engine, grant: "execute" });
        for (const { path, grant } of engineFiles(engine)) {
          const descriptor = openPath(path);
          if (descriptor < 0) continue; // no loader cache on this system, say: what is absent needs no rule
          opened.push(descriptor);
          parts.rules.push({ descriptor, grant });
        }
        // What a root needs to make processes of another user, to end them and to look at them.
        const keep = cellUser() === undefined ? [] : [CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_SYS_PTRACE];
        return { lock: lock === "required", rules: parts.rules, canary: "/", keep };
      }, options.thread);
      thread.locked.catch(() => {
        for (const descriptor of opened) closeSync(descriptor);
      });
      return new Launcher(lock, parts.engine, parts.bundles, parts.rules, thread);
    } catch (error) {
      for (const descriptor of opened) closeSync(descriptor);
      throw error;
    }
  }

  /** What the launcher thread measured of its own lock, once it stands. Rejects with LockFailed. */
  get locked(): LauncherThread["locked"] {
    return this.#cells.locked;
  }

  /** Starts a cell. It is locked once it says so and `process.verify()` agrees. */
  async launchCell(options: { readonly cpuSeconds?: number } = {}): Promise<LaunchedCell> {
    const line = demandPair("socketpair", socketPair());
    try {
      const user = this.#lock === "required" ? cellUser() : undefined;
      const launched = await this.#launch(this.#cells, "cell", line.second, [], user, options);
      return { process: launched, line: line.first };
    } catch (error) {
      closeSync(line.first);
      throw error;
    } finally {
      closeSync(line.second);
    }
  }

  /** Starts the file server of one sandbox. `line` is a cell's; it is handed over and closed here. */
  async launchFileServer(options: {
    readonly directories: readonly ServedDirectory[];
    readonly line: number;
  }): Promise<LaunchedProcess> {
    const opened: number[] = [];
    try {
      const directories = options.directories.map(({ source, readOnly, allow = [] }): AssignedDirectory => {
        if (typeof source === "number") return { descriptor: source, readOnly, allow };
        const descriptor = openPath(source);
        if (descriptor < 0) throw new LaunchFailed(`cannot open the directory ${source}: ${errnoName(descriptor)}`);
        opened.push(descriptor);
        // Names are bytes to the file server.
        const path = realpathSync(source, "buffer").toString("latin1");
        return { descriptor, readOnly, allow, path };
      });
      const served = directories.map(({ descriptor, readOnly }): LandlockRule => {
        return { descriptor, grant: readOnly ? "serveReadOnly" : "serve" };
      });
      const thread = await LauncherThread.start(() => ({
        lock: this.#lock === "required",
        rules: [...this.#rules, ...served],
        canary: servesRoot(directories) ? null : "/",
        keep: [],
      }));
      this.#others.add(thread);
      try {
        const launched = await this.#launch(thread, "fileServer", options.line, directories, undefined, {});
        void launched.exited.then(() => this.#drop(thread));
        return launched;
      } catch (error) {
        await this.#drop(thread);
        throw error;
      }
    } finally {
      for (const descriptor of [...opened, options.line]) closeSync(descriptor);
    }
  }

  /** Kills everything launched, waits for it, ends the launcher threads. Calling it again waits for the same. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const stood = await this.locked.then(
      () => true,
      () => false,
    );
    await Promise.all([this.#cells, ...this.#others].map((thread) => thread.close()));
    if (!stood) return; // then they are closed already
    const bundles = Object.values(this.#bundles).flatMap(({ text, cache }) => [text, cache]);
    const descriptors = [...bundles, ...this.#rules.map(({ descriptor }) => descriptor)];
    for (const descriptor of descriptors) closeSync(descriptor);
  }

  async #drop(thread: LauncherThread): Promise<void> {
    await thread.close();
    this.#others.delete(thread);
  }

  async #launch(
    thread: LauncherThread,
    role: Role,
    line: number,
    directories: readonly AssignedDirectory[],
    user: number | undefined,
    options: { readonly cpuSeconds?: number },
  ): Promise<LaunchedProcess> {
    const pipes: Pair[] = [];
    try {
      for (let index = 0; index < 3; index++) pipes.push(demandPair("pipe", pipe()));
      const [down, up, crash] = pipes as [Pair, Pair, Pair];
      if (resizePipe(down.second, DOWN_BYTES) < 0) resizePipe(down.second, UP_BYTES);
      resizePipe(up.first, UP_BYTES);
      const launch: LaunchArguments = {
        role,
        parent: process.pid,
        lock: this.#lock,
        ...options,
        ...(role === "cell"
          ? {}
          : {
              directories: directories.map((each, index) => {
                return { ...each, descriptor: FIRST_DIRECTORY_DESCRIPTOR + index };
              }),
            }),
      };
      const bundle = this.#bundles[role];
      const served = directories.map(({ descriptor }) => descriptor);
      const child = await thread.spawn({
        // Not its path: under another user there may be no way to it. The descriptor is the caller's, closed by the exec.
        file: `/proc/self/fd/${this.#engine}`,
        name: NAMES[role],
        argv: engineArguments(launch),
        env: ENVIRONMENT,
        stdio: [down.first, up.second, crash.second, line, bundle.text, bundle.cache, ...served],
        ...(user === undefined ? {} : { user }),
      });
      for (const end of [down.first, up.second, crash.second]) closeSync(end);
      const verify = async () => {
        if (this.#lock === "off") return undefined;
        const report = await thread.locked;
        return verifyLock(child.pid, {
          filters: report.filters + 1,
          user: user ?? process.geteuid?.() ?? -1,
          group: user ?? process.getegid?.() ?? -1,
          boundingDropped: report.boundingDropped,
          limits: resourceLimits({ role, cpuSeconds: options.cpuSeconds }),
          landlockWitness: (pid, tasks) => thread.witness(pid, tasks, user),
          ...(role === "cell" ? { descriptors: CELL_DESCRIPTORS } : {}),
        });
      };
      return new LaunchedProcess({ child, thread, descriptors: [down.second, up.first, crash.first], verify });
    } catch (error) {
      for (const { first, second } of pipes) {
        closeSync(first);
        closeSync(second);
      }
      throw error;
    }
  }
}

function demandPair(what: string, result: Pair | number): Pair {
  if (typeof result !== "number") return result;
  throw new LaunchFailed(`the caller's process has no descriptors left: ${what} answered ${errnoName(result)}`);
}

/** Whether one of the directories is the root directory itself: then nothing on the host is outside. */
function servesRoot(directories: readonly { readonly descriptor: number }[]): boolean {
  const root = statSync("/");
  return directories.some(({ descriptor }) => {
    const found = fstatSync(descriptor);
    return found.ino === root.ino && found.dev === root.dev;
  });
}
