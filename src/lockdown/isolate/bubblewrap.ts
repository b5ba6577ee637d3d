/**
 * Layer: lockdown, isolate. Runs a program in namespaces of its own by bwrap(1): Node's threads keep Node itself from
 * making them. Holds it until the namespaces were looked at from outside. It must not know which program.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import prefilter from "../../../policies/isolate-prefilter.json" with { type: "json" };
import { hostArchitecture } from "../../host/call-numbers.ts";
import { closeOnExecFrom } from "../../host/descriptors.unsafe.ts";
import { compile } from "../compiler.ts";
import { IsolateFailed, IsolateUnavailable } from "../context/errors.ts";
import { errnoName } from "../failure.ts";
import { findProgram, namespaceRemedy } from "../namespaces.ts";
import { readPolicy } from "../policy.ts";
import type { CheckedMount, CheckedOptions } from "./options.ts";
import type { Visible } from "./visible.ts";

/** Descriptors of bwrap: the filter it lays, what it tells of the isolate, and what it waits for. */
const FILTER = 3;
const STATUS = 4;
const GO = 5;

/** Every namespace an isolate has of its own; "net" unless it has the host's network. */
export type NamespaceName = "user" | "mnt" | "pid" | "ipc" | "uts" | "net";

export function namespacesOf({ network }: Pick<CheckedOptions, "network">): readonly NamespaceName[] {
  return ["user", "mnt", "pid", "ipc", "uts", ...(network === "none" ? (["net"] as const) : [])];
}

/** The command line. What comes later stands over what came earlier. */
export function bubblewrapArguments(options: CheckedOptions, visible: Visible): string[] {
  const wholeHost = options.mounts.some(({ at }) => at === "/");
  const argv = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"];
  // No user namespaces inside; but that puts the program into a further one, where capabilities over the others are void.
  if (options.capabilities.length === 0) argv.push("--disable-userns");
  if (options.network === "none") argv.push("--unshare-net");
  argv.push("--uid", String(options.uid), "--gid", String(options.gid), "--hostname", "isolate");
  argv.push("--die-with-parent", "--new-session", "--cap-drop", "ALL");
  for (const capability of options.capabilities) argv.push("--cap-add", capability);
  argv.push("--size", String(options.bytes), "--tmpfs", "/");
  if (!wholeHost) {
    for (const [at, target] of visible.links) argv.push("--symlink", target, at);
    for (const [at, host] of visible.binds) argv.push("--ro-bind", host, at);
  }
  for (const mount of options.mounts) if (mount.at === "/") argv.push(...mountArguments(mount));
  // A memory file system of its own without a limit: nobody writes there.
  argv.push("--dev", "/dev", "--remount-ro", "/dev");
  for (const mount of options.mounts) if (mount.at !== "/") argv.push(...mountArguments(mount));
  // Read-only: an isolate of the machine's root is root to the kernel's switches in /proc/sys, whatever it has given up.
  argv.push("--proc", "/proc", "--remount-ro", "/proc", "--chdir", "/");
  argv.push("--seccomp", String(FILTER), "--json-status-fd", String(STATUS), "--block-fd", String(GO));
  return [...argv, "--", visible.engine, ...options.execArgv, visible.entry];
}

function mountArguments(mount: CheckedMount): string[] {
  if ("bytes" in mount) return ["--size", String(mount.bytes), "--tmpfs", mount.at];
  return [mount.readOnly ? "--ro-bind" : "--bind", mount.host, mount.at];
}

export type Ended = {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly outputExceeded: boolean;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
};

/** Throws IsolateUnavailable where bwrap is missing. */
export function findBubblewrap(): string {
  const bwrap = findProgram("bwrap");
  if (bwrap !== undefined) return bwrap;
  throw new IsolateUnavailable(
    "isolates are made by bwrap, which is not in PATH: install bubblewrap (apt install bubblewrap)",
  );
}

/** Runs it to its end. Rejects with IsolateUnavailable or IsolateFailed when none of the program has run. */
export async function runBubblewrap(
  bwrap: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  options: CheckedOptions,
): Promise<Ended> {
  // What is inherited is named below, whatever the caller's other code left open.
  const marked = closeOnExecFrom(3);
  if (marked !== 0) throw new IsolateUnavailable(`stray descriptors cannot be held back: ${errnoName(marked)}`);
  const input = options.input === undefined ? "ignore" : "pipe";
  const child = spawn(bwrap, argv, { env, cwd: "/", stdio: [input, "pipe", "pipe", "pipe", "pipe", "pipe"] });
  const output = new Output(child, options.outputBytes);
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", (error) => reject(new IsolateUnavailable(`${bwrap} could not be started: ${error.message}`)));
    child.once("close", (code, signal) => resolve([code, signal]));
  });
  const [filter, status, go] = [FILTER, STATUS, GO].map((number) => child.stdio[number]) as [
    Writable,
    Readable,
    Writable,
  ];
  // A bwrap that ends early breaks these pipes; its end is told by its status.
  for (const stream of [filter, go, ...(child.stdin === null ? [] : [child.stdin])]) stream.on("error", () => {});
  child.stdin?.end(options.input);
  filter.end(compile(readPolicy(prefilter), hostArchitecture()));
  const told = new StatusReader(status);
  let timedOut = false;
  const timer =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          child.kill("SIGKILL");
        }, options.timeout);
  try {
    const shared = await Promise.race([
      told.started.then((pid) => sharedNamespaces(pid, options)),
      ended.then(() => []),
    ]);
    if (shared.length > 0) {
      child.kill("SIGKILL");
      await ended;
      throw new IsolateFailed(`the isolate shares namespaces with its caller: ${shared.join(", ")}`);
    }
    go.end("\n");
    const [code, signal] = await ended;
    const killed = timedOut || output.exceeded || signal !== null;
    if (!killed && !told.ranProgram) throw refusal(told.pid, output.stderr());
    return {
      status: code,
      signal,
      timedOut,
      outputExceeded: output.exceeded,
      stdout: output.stdout(),
      stderr: output.stderr(),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Which namespaces a process is not alone in: the kernel's word, not bwrap's. */
function sharedNamespaces(pid: number, options: CheckedOptions): string[] {
  return namespacesOf(options).filter((name) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/${name}`) === readlinkSync(`/proc/self/ns/${name}`);
    } catch (error) {
      // It ended meanwhile, and its status tells why; anything else proves nothing.
      return (error as NodeJS.ErrnoException).code !== "ENOENT";
    }
  });
}

/** bwrap's own refusal in its own words, and what would help. */
function refusal(pid: number | undefined, stderr: Buffer): Error {
  const words = stderr.toString("utf8").trim().slice(0, 2000) || "bwrap said nothing";
  if (/Unknown option/.test(words)) return new IsolateUnavailable(`bwrap is older than 0.8: ${words}`);
  if (pid === undefined || /namespace|uid map|gid map|setgroups|loopback/i.test(words)) {
    return new IsolateUnavailable(
      `this machine makes no user namespaces (${words}); what would help: ${namespaceRemedy()}`,
    );
  }
  return new IsolateFailed(`the isolate could not be put together: ${words}`);
}

/** Both streams, kept up to a number of bytes together; beyond it the isolate is killed. */
class Output {
  readonly #parts: readonly [Buffer[], Buffer[]] = [[], []];
  #left: number;
  exceeded = false;

  constructor(child: ChildProcess, bytes: number) {
    this.#left = bytes;
    [child.stdout, child.stderr].forEach((stream, index) => {
      stream?.on("data", (chunk: Buffer) => {
        const taken = chunk.subarray(0, this.#left);
        this.#parts[index]?.push(taken);
        this.#left -= taken.length;
        if (taken.length === chunk.length || this.exceeded) return;
        this.exceeded = true;
        child.kill("SIGKILL");
      });
    });
  }

  stdout(): Buffer {
    return Buffer.concat(this.#parts[0]);
  }

  stderr(): Buffer {
    return Buffer.concat(this.#parts[1]);
  }
}

/** Bytes of status kept: bwrap's are a few hundred. */
const STATUS_BYTES = 64 * 1024;

/** bwrap's documents: one with the isolate's first process, and one with the program's status when it was executed. */
class StatusReader {
  readonly #started = Promise.withResolvers<number>();
  #text = "";
  pid: number | undefined;

  constructor(stream: Readable) {
    stream.setEncoding("latin1").on("data", (chunk: string) => {
      if (this.#text.length < STATUS_BYTES) this.#text += chunk;
      const pid = Number(/"child-pid"\s*:\s*(\d{1,10})/.exec(this.#text)?.[1]);
      if (this.pid !== undefined || !Number.isInteger(pid)) return;
      this.pid = pid;
      this.#started.resolve(pid);
    });
    stream.on("error", () => {});
  }

  /** Never settles where none was started. */
  get started(): Promise<number> {
    return this.#started.promise;
  }

  get ranProgram(): boolean {
    return /"exit-code"\s*:/.test(this.#text);
  }
}
