/**
 * Layer: lockdown. Executes this Node process anew, with the same arguments, environment and descriptors, behind
 * restrictions that must be there before the engine starts. It must not know which ones.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { setInherited } from "../../host/inheritance.unsafe.ts";
import { LockdownError, UnsupportedPlatform } from "./errors.ts";

/** Tells the second life of a process what its first one did. Bound to the process number, so children do not believe it. */
const MARK = "LINDEN_LOCKDOWN_STAGE";
/** What Node takes out of its environment when it starts, and needs again. */
const CHANNEL = ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE"];

/** Whether the first life left this mark. Answers once: a mark that was found is taken out of the environment. */
export function takeMark(mark: string): boolean {
  if (process.env[MARK] !== `${process.pid}:${mark}`) return false;
  delete process.env[MARK];
  return true;
}

/** Descriptors a fresh start would have had: not Node's own event queues, rings and signal pipes. */
function inheritedDescriptors(): number[] {
  const pipes = new Map<string, number[]>();
  const kept: number[] = [];
  for (const name of readdirSync("/proc/self/fd")) {
    const descriptor = Number(name);
    let target: string;
    try {
      target = readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      continue; // the listing's own descriptor
    }
    if (descriptor <= 2) kept.push(descriptor);
    else if (target.startsWith("pipe:")) pipes.set(target, [...(pipes.get(target) ?? []), descriptor]);
    else if (!target.startsWith("anon_inode:") && target !== "/dev/null") kept.push(descriptor);
  }
  for (const ends of pipes.values()) if (ends.length === 1) kept.push(...ends);
  return kept;
}

/**
 * Runs `restrict` and starts the engine anew; never returns. Throws UnsupportedPlatform before `restrict` where it cannot
 * be done. When the execution itself fails the process is restricted and must end: the error says so.
 */
export function restartBehind(restrict: () => void, mark: string, extraOptions: readonly string[] = []): never {
  if (!isMainThread) throw new UnsupportedPlatform("a Worker cannot restart its process; do it on the main thread");
  const execve = process.execve;
  if (typeof execve !== "function") throw new UnsupportedPlatform("this Node has no process.execve (22.15 or newer)");
  const [program = process.execPath, ...rest] = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  const env: Record<string, string> = { [MARK]: `${process.pid}:${mark}` };
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined && name !== MARK) env[name] = value;
  for (const entry of readFileSync("/proc/self/environ", "utf8").split("\0")) {
    const equals = entry.indexOf("=");
    const name = entry.slice(0, equals);
    if (CHANNEL.includes(name)) env[name] = entry.slice(equals + 1);
  }
  const extra = extraOptions.filter((option) => !rest.includes(option));
  for (const descriptor of inheritedDescriptors()) setInherited(descriptor, true);
  restrict();
  // What was started with a bare name ("node") is found by path, whatever stands on PATH now.
  quietly(() => execve(process.execPath, [program, ...extra, ...rest], env));
  throw new LockdownError("the engine could not be started anew behind its restrictions");
}

/** process.execve is experimental and warns on the terminal; who runs the program can do nothing about it. */
function quietly(work: () => void): void {
  const emit = process.emitWarning;
  process.emitWarning = () => {};
  try {
    work();
  } finally {
    process.emitWarning = emit;
  }
}
