/**
 * Layer: lockdown, launch. Starts cells and file servers that are locked before their first instruction. It lives in the
 * caller's process and must not know what they do.
 */
import { closeSync, fstatSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { MessagePort } from "node:worker_threads";
import { openDirectory, type Pair, socketPair } from "../../host/descriptors.unsafe.ts";
import { errnoName } from "../failure.ts";
import { resourceLimits } from "../lock.ts";
import type { Ahead, CellAhead } from "./ahead.ts";
import type { AssignedDirectory } from "./launch-arguments.ts";
import { LaunchedProcess } from "./launched-process.ts";
import { outfit, outOfDescriptors, type Wanted } from "./outfit.ts";
import type { LandlockRule, News, ThreadPlan } from "./plan.ts";
import { type BundlePaths, closeStock, openStock, planForCells, type Stock } from "./stock.ts";
import { LauncherThread, LaunchFailed } from "./thread.ts";
import { cellUser } from "./users.ts";
import { verifyLock } from "./verification.ts";

export type LauncherOptions = BundlePaths & {
  /** "off": processes start without any layer but their own inner one. Whoever asks for it prints a warning. */
  readonly lock?: "required" | "off";
};

export type ServedDirectory = {
  /** A path of the caller without symbolic links, so that nobody puts one there meanwhile; or a descriptor the caller keeps (O_PATH is enough). */
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

export class Launcher {
  readonly #lock: "required" | "off";
  readonly #stock: Stock;
  readonly #cells: LauncherThread;
  /** Launcher threads of living file servers: each has directories of its own, so each needs a Landlock domain of its own. */
  readonly #others = new Set<LauncherThread>();
  readonly #alive = new Set<LaunchedProcess>();
  #ahead: CellAhead | undefined;
  #closing: Promise<void> | undefined;

  private constructor(lock: "required" | "off", stock: Stock, cells: LauncherThread, ahead?: CellAhead) {
    this.#lock = lock;
    this.#stock = stock;
    this.#cells = cells;
    this.#ahead = ahead;
  }

  /**
   * Opens engine and bundles and starts a launcher thread, which locks itself before it launches anything: a layer that
   * cannot be had shows in `locked` and in every launch, as LockFailed naming it.
   */
  static async start(options: LauncherOptions): Promise<Launcher> {
    const lock = options.lock ?? "required";
    const opened: { stock?: Stock } = {};
    const thread = await LauncherThread.start((): ThreadPlan => {
      opened.stock = openStock(options);
      return planForCells(opened.stock, lock);
    });
    const stock = opened.stock as Stock;
    thread.locked.catch(() => closeStock(stock));
    return new Launcher(lock, stock, thread);
  }

  /** Takes over from `launchAhead`, which another thread of this process has called; `port` leads to that thread. */
  static adopt({ stock, report, cell }: Ahead, port: MessagePort): Launcher {
    const peer = {
      postMessage: (message: unknown) => port.postMessage(message),
      ref: () => port.ref(),
      unref: () => port.unref(),
      terminate: () => port.close(),
    };
    const thread = new LauncherThread(peer);
    port.on("message", (news: News) => thread.hear(news));
    port.on("close", () => thread.end("the thread that launches has ended"));
    thread.hear({ kind: "locked", report });
    return new Launcher("required", stock, thread, cell);
  }

  /** What the launcher thread measured of its own lock, once it stands. Rejects with LockFailed. */
  get locked(): LauncherThread["locked"] {
    return this.#cells.locked;
  }

  /** Starts a cell. It is locked once it says so and `process.verify()` agrees. */
  async launchCell(options: { readonly cpuSeconds?: number } = {}): Promise<LaunchedCell> {
    const ahead = this.#takeAhead(options.cpuSeconds);
    if (ahead !== undefined) return ahead;
    const line = demandPair(socketPair());
    try {
      const user = this.#lock === "required" ? cellUser() : undefined;
      const wanted: Wanted = { role: "cell", lock: this.#lock, line: line.second, user, ...options };
      return { process: await this.#launch(this.#cells, wanted), line: line.first };
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
        const descriptor = openDirectory(source);
        if (descriptor < 0) throw new LaunchFailed(`cannot open the directory ${source}: ${errnoName(descriptor)}`);
        opened.push(descriptor);
        // Names are bytes to the file server.
        const path = Buffer.from(resolve(source)).toString("latin1");
        return { descriptor, readOnly, allow, path };
      });
      const served = directories.map(({ descriptor, readOnly }): LandlockRule => {
        return { descriptor, grant: readOnly ? "serveReadOnly" : "serve" };
      });
      const thread = await LauncherThread.start(() => ({
        lock: this.#lock === "required",
        rules: [...this.#stock.rules, ...served],
        canary: servesRoot(directories) ? null : "/",
        keep: [],
      }));
      this.#others.add(thread);
      try {
        const wanted: Wanted = { role: "fileServer", lock: this.#lock, line: options.line, directories };
        const launched = await this.#launch(thread, wanted);
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
    this.#dropAhead();
    const alive = [...this.#alive];
    for (const each of alive) {
      each.ref();
      each.kill();
    }
    await Promise.all(alive.map(({ exited }) => exited));
    await Promise.all([this.#cells, ...this.#others].map((thread) => thread.close()));
    if (stood) closeStock(this.#stock); // else it is closed already
  }

  async #drop(thread: LauncherThread): Promise<void> {
    await thread.close();
    this.#others.delete(thread);
  }

  async #launch(thread: LauncherThread, wanted: Wanted): Promise<LaunchedProcess> {
    const { plan, ours, theirs } = outfit(this.#stock, wanted);
    try {
      const pid = await thread.spawn(plan);
      return this.#watch(thread, wanted, pid, ours);
    } catch (error) {
      for (const descriptor of ours) closeSync(descriptor);
      throw error;
    } finally {
      for (const descriptor of theirs) closeSync(descriptor);
    }
  }

  #watch(
    thread: LauncherThread,
    { role, user, cpuSeconds }: Pick<Wanted, "role" | "user" | "cpuSeconds">,
    pid: number,
    descriptors: CellAhead["ours"],
  ): LaunchedProcess {
    const verify = async () => {
      if (this.#lock === "off") return undefined;
      const report = await thread.locked;
      return verifyLock(pid, {
        filters: report.filters + 1,
        user: user ?? process.geteuid?.() ?? -1,
        group: user ?? process.getegid?.() ?? -1,
        boundingDropped: report.boundingDropped,
        limits: resourceLimits({ role, cpuSeconds }),
        landlockWitness: (process, tasks) => thread.witness(process, tasks, user),
        ...(role === "cell" ? { descriptors: CELL_DESCRIPTORS } : {}),
      });
    };
    const launched = new LaunchedProcess({ pid, descriptors, verify });
    this.#alive.add(launched);
    void launched.exited.then(() => this.#alive.delete(launched));
    return launched;
  }

  /** The cell that was launched ahead, once, unless another one is wanted. */
  #takeAhead(cpuSeconds: number | undefined): LaunchedCell | undefined {
    if (cpuSeconds !== undefined) this.#dropAhead();
    const ahead = this.#ahead;
    if (ahead === undefined) return undefined;
    this.#ahead = undefined;
    const { pid, user, ours, line } = ahead;
    return { process: this.#watch(this.#cells, { role: "cell", user }, pid, ours), line };
  }

  #dropAhead(): void {
    const dropped = this.#takeAhead(undefined);
    if (dropped === undefined) return;
    dropped.process.kill();
    closeSync(dropped.line);
  }
}

function demandPair(result: Pair | number): Pair {
  if (typeof result !== "number") return result;
  throw new LaunchFailed(outOfDescriptors("socketpair", result));
}

/** Whether one of the directories is the root directory itself: then nothing on the host is outside. */
function servesRoot(directories: readonly { readonly descriptor: number }[]): boolean {
  const root = statSync("/");
  return directories.some(({ descriptor }) => {
    const found = fstatSync(descriptor);
    return found.ino === root.ino && found.dev === root.dev;
  });
}
