/**
 * Layer: lockdown, jail. The caller's side: starts the stage behind unshare(1) and nsenter(1), writes the maps of its user
 * namespace, hears how it went, hands signals on and waits. It must not know options, and it prints nothing.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../failure.ts";
import { findProgram, namespaceRemedy } from "../namespaces.ts";
import { type JailPlan, type Namespace, STATUS, type StageNews } from "./plan.ts";

/** The program could not be started; `status` is what the command should end with. */
export class JailFailed extends Error {
  override readonly name = "JailFailed";
  readonly step: string;
  readonly status: number;

  constructor(step: string, reason: string, status: number = STATUS.FAILED) {
    super(`the jail could not be closed at the step "${step}": ${reason}`);
    this.step = step;
    this.status = status;
  }
}

export type Jail = {
  /** The program's process, as this process counts. */
  readonly pid: number;
  /** The program's status, or 128 + n for a signal, or 253 for a forbidden call. Rejects with JailFailed. */
  readonly ended: Promise<number>;
  /** Resolves once the program itself runs. Rejects with JailFailed. */
  readonly running: Promise<void>;
  /** Lets this process end before the program does. */
  release(): void;
};

const FLAGS: Readonly<Record<Namespace, readonly string[]>> = {
  // The stage needs the namespace's capabilities over its own execve.
  user: ["--user", "--keep-caps"],
  mount: ["--mount", "--propagation", "unchanged"],
  pid: ["--pid", "--fork", "--kill-child"],
  net: ["--net"],
  ipc: ["--ipc"],
  uts: ["--uts"],
  cgroup: ["--cgroup"],
};
/** The first process of a pid namespace: waits for the program, and for whatever is left to it. */
const INIT = (spare: number) => `exec ${spare}>&2 2>/dev/null; "$@" 2>&${spare} ${spare}>&-; exit $?`;
/** A shell knows descriptors of one digit. */
const LAST_DIGIT = 9;
const SIGSYS = 31;
const SIGNALS = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGCONT",
  "SIGWINCH",
] as const;

/** Starts a program in a jail. Throws JailFailed where a step cannot be done; nothing of the program runs then. */
export async function startJail(
  plan: JailPlan,
  { forwardSignals = true, detached = false }: { readonly forwardSignals?: boolean; readonly detached?: boolean } = {},
): Promise<Jail> {
  const top = Math.max(2, ...plan.descriptors);
  const plans = Math.max(top, LAST_DIGIT) + 1;
  const [command = "", ...argv] = commandLine(plan, plans);
  const stdio: (number | "ignore" | "pipe")[] = Array.from({ length: plans + 2 }, () => "ignore");
  for (const descriptor of [0, 1, 2, ...plan.descriptors]) stdio[descriptor] = descriptor;
  stdio[plans] = "pipe";
  stdio[plans + 1] = "pipe";
  const child = spawn(command, argv, { stdio, env: STAGE_ENVIRONMENT, detached });
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(new JailFailed("namespaces", `${command}: ${errorCode(error)}`)));
  });
  failed.catch(() => {});
  const line = child.stdio[plans] as Writable | undefined;
  const report = child.stdio[plans + 1] as Readable | undefined;
  if (line === undefined || report === undefined) throw await failed;
  line.on("error", () => {}); // the stage ended early: its news or its status tell
  const news = new News(report);
  const exit = exitOf(child);
  const here = await Promise.race([failed, news.next(), exit.then(() => undefined)]);
  if (here?.kind !== "here") throw failureOf(here, await exit, plan);
  try {
    writeMaps(plan, here.pid);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  line.end(JSON.stringify(plan));
  const ready = await news.next();
  if (ready?.kind !== "ready") throw failureOf(ready, await exit, plan);
  const stop = forwardSignals ? handOn(here.pid) : () => {};
  const ended = exit.then(async (status) => {
    stop();
    const last = await news.next();
    if (last?.kind === "failed") throw failureOf(last, status, plan);
    return status;
  });
  ended.catch(() => {});
  return {
    pid: here.pid,
    ended,
    running: Promise.race([ended.then(() => {}), executed(here.pid)]),
    release: () => {
      stop();
      child.unref();
      (report as Readable & { unref?: () => void }).unref?.();
    },
  };
}

function commandLine(plan: JailPlan, plans: number): string[] {
  const { enter, namespaces, asInit } = plan;
  const words: string[] = [];
  const entering = [
    ...(enter.mount === undefined ? [] : [`--mount=${enter.mount}`]),
    ...(enter.net === undefined ? [] : [`--net=${enter.net}`]),
  ];
  if (entering.length > 0) words.push(tool("nsenter"), ...entering, "--");
  if (namespaces.length > 0) words.push(tool("unshare"), ...namespaces.flatMap((each) => FLAGS[each]), "--");
  if (namespaces.includes("pid") && !asInit) words.push("/bin/sh", "-c", INIT(spareDigit(plan)), "init");
  return [...words, process.execPath, ...STAGE_FLAGS, stageFile(), String(plans), String(plans + 1)];
}

/** Where the first process keeps standard error, so that it says nothing of its own on it. */
function spareDigit({ descriptors }: JailPlan): number {
  for (let digit = LAST_DIGIT; digit > 2; digit--) if (!descriptors.includes(digit)) return digit;
  throw new JailFailed(
    "descriptors",
    "--preserve-fd: one of 3 to 9 must be left for the pid namespace's first process",
  );
}

const STAGE_FLAGS = ["--no-warnings", "--disable-sigusr1"];
const STAGE_ENVIRONMENT = { OPENSSL_CONF: "/proc/self/no-openssl-configuration", PATH: process.env.PATH ?? "" };

function stageFile(): string {
  return join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "stage.ts" : "jail-stage.cjs");
}

/** A tool of util-linux. */
function tool(name: string): string {
  const found = findProgram(name);
  if (found !== undefined) return found;
  throw new JailFailed("namespaces", `it takes ${name}(1), which is not in PATH (Debian: apt-get install util-linux)`);
}

/** The stage's messages are short. */
const LONGEST_NEWS = 64 * 1024;

function newsOf(line: string): StageNews | undefined {
  try {
    const news: unknown = JSON.parse(line);
    if (typeof news !== "object" || news === null || !("kind" in news)) return undefined;
    if (news.kind === "ready") return { kind: "ready" };
    if (news.kind === "here" && "pid" in news && typeof news.pid === "number") return { kind: "here", pid: news.pid };
    if (news.kind !== "failed" || !("step" in news && "reason" in news && "status" in news)) return undefined;
    return { kind: "failed", step: String(news.step), reason: String(news.reason), status: Number(news.status) & 0xff };
  } catch {
    return undefined;
  }
}

/** The lines the stage writes, one by one; undefined once there is no more. */
class News {
  readonly #lines: StageNews[] = [];
  readonly #waiting: ((news: StageNews | undefined) => void)[] = [];
  #ended = false;

  constructor(stream: Readable) {
    let text = "";
    stream.setEncoding("utf8");
    stream.on("data", (piece: string) => {
      const lines = (text + piece).split("\n");
      text = lines.pop() ?? "";
      const news = lines.map(newsOf);
      for (const each of news) if (each !== undefined) this.#add(each);
      // Whoever writes anything else is no stage: a first process that its own jail took over, say.
      if (news.includes(undefined) || text.length > LONGEST_NEWS) stream.destroy();
    });
    const end = () => {
      this.#ended = true;
      for (const resolve of this.#waiting.splice(0)) resolve(undefined);
    };
    stream.once("close", end);
    stream.once("error", end);
  }

  #add(news: StageNews): void {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) this.#lines.push(news);
    else resolve(news);
  }

  next(): Promise<StageNews | undefined> {
    const first = this.#lines.shift();
    if (first !== undefined || this.#ended) return Promise.resolve(first);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      const number = signal === null ? undefined : signalNumber(signal);
      const status = number === undefined ? (code ?? STATUS.FAILED) : STATUS.SIGNAL + number;
      resolve(status === STATUS.SIGNAL + SIGSYS ? STATUS.FORBIDDEN_CALL : status);
    });
  });
}

function signalNumber(signal: NodeJS.Signals): number {
  return process.getBuiltinModule("node:os").constants.signals[signal];
}

function failureOf(news: StageNews | undefined, status: number, plan: JailPlan): JailFailed {
  if (news?.kind === "failed") {
    return news.status === STATUS.FAILED
      ? new JailFailed(news.step, news.reason)
      : Object.assign(new JailFailed(news.step, news.reason, news.status), { message: news.reason });
  }
  const wanted = [...plan.namespaces, ...Object.keys(plan.enter).map((each) => `entering ${each}`)].join(", ");
  return new JailFailed(
    "namespaces",
    wanted === ""
      ? `the stage ended with status ${status}`
      : `${wanted}: not given, for the reason that stands above; it takes root, or a user namespace (-m -M) and ${namespaceRemedy()}`,
  );
}

/** As minijail0 writes them: from outside, where the stage waits. */
function writeMaps({ maps, namespaces }: JailPlan, pid: number): void {
  if (!namespaces.includes("user")) return;
  const groupsDenied = process.geteuid?.() !== 0;
  if (maps.gid !== undefined && groupsDenied) writeMap(`/proc/${pid}/setgroups`, "deny");
  if (maps.uid !== undefined) writeMap(`/proc/${pid}/uid_map`, maps.uid, ["newuidmap", String(pid)]);
  if (maps.gid !== undefined) writeMap(`/proc/${pid}/gid_map`, maps.gid, ["newgidmap", String(pid)]);
}

function writeMap(file: string, text: string, helper?: readonly [string, string]): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    // An ordinary user may map himself alone; shadow's helpers map what /etc/subuid gives him.
    const [command, ...argv] =
      helper === undefined ? [] : [...helper, ...text.split(/\s+/).filter((each) => each !== "")];
    if (command !== undefined && spawnSync(command, argv, { stdio: "ignore" }).status === 0) return;
    throw new JailFailed("user namespace", `${file}: ${errorCode(error)} for "${text.trim()}"`);
  }
}

function handOn(pid: number): () => void {
  const handlers = SIGNALS.map((signal) => {
    const handler = () => {
      try {
        process.kill(pid, signal);
      } catch {} // it has just ended
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
  };
}

/** Until the process is no engine any more. */
async function executed(pid: number): Promise<void> {
  const before = engineOf(pid);
  for (let round = 0; round < 1000 && before !== "" && engineOf(pid) === before; round++) await sleep(2);
}

function engineOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "";
  }
}
