/**
 * Layer: lockdown. Executes this Node process anew, with the same arguments, environment and descriptors, behind
 * restrictions that must be there before the engine starts. It must not know which ones.
 */
import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { setInherited } from "../../host/inheritance.unsafe.ts";
import { ENGINE } from "../launch/engine-files.ts";
import { LockdownError, UnsupportedPlatform } from "./errors.ts";
import { innerPipes, type OwnDescriptor, ownDescriptors } from "./own-descriptors.ts";

/** Tells the second life of a process what its first one did. Bound to the process number, so children do not believe it. */
const MARK = "LINDEN_LOCKDOWN_STAGE";
/** What Node takes out of its environment when it starts, and needs again. */
const CHANNEL = ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE"];

/**
 * What the first life left behind a mark; undefined when there was none. Answers once: a mark that was found is taken out
 * of the environment.
 */
export function takeMark(mark: string): string | undefined {
  const text = process.env[MARK];
  const prefix = `${process.pid}:${mark}:`;
  if (text?.startsWith(prefix) !== true) return undefined;
  delete process.env[MARK];
  return text.slice(prefix.length);
}

/** Descriptors a fresh start would have had: not Node's own event queues, rings and signal pipes. */
function inheritedDescriptors(): readonly number[] {
  const open = ownDescriptors();
  if (open === undefined)
    throw new UnsupportedPlatform("/proc/self/fd cannot be read, so nobody can tell what to keep open");
  const inner = innerPipes(open);
  const isNodes = ({ number, target }: OwnDescriptor) =>
    number > 2 && (target.startsWith("anon_inode:") || target === "/dev/null" || inner.includes(number));
  return open.filter((descriptor) => !isNodes(descriptor)).map(({ number }) => number);
}

/**
 * Runs `restrict` and starts the engine anew; never returns. Throws UnsupportedPlatform before `restrict` where it cannot
 * be done. When the execution itself fails the process is restricted and must end: the error says so.
 */
export function restartBehind(
  restrict: () => void,
  {
    mark,
    message = "",
    options = [],
  }: { readonly mark: string; readonly message?: string; readonly options?: readonly string[] },
): never {
  if (!isMainThread) throw new UnsupportedPlatform("a Worker cannot restart its process; do it on the main thread");
  const execve = process.execve;
  if (typeof execve !== "function") throw new UnsupportedPlatform("this Node has no process.execve (22.15 or newer)");
  const [program = process.execPath, ...rest] = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  const env: Record<string, string> = { [MARK]: `${process.pid}:${mark}:${message}` };
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined && name !== MARK) env[name] = value;
  for (const entry of readFileSync("/proc/self/environ", "utf8").split("\0")) {
    const equals = entry.indexOf("=");
    const name = entry.slice(0, equals);
    if (CHANNEL.includes(name)) env[name] = entry.slice(equals + 1);
  }
  const extra = options.filter((option) => !rest.includes(option));
  const kept = inheritedDescriptors();
  restrict();
  for (const descriptor of kept) setInherited(descriptor, true);
  // The running engine itself, whatever has become of its path since it started.
  quietly(() => execve(ENGINE, [program, ...extra, ...rest], env));
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
