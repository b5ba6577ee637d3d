/**
 * Layer: kernel, operations. execve(2), fork(2), posix_spawn(3). It must not know encodings.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EACCES, EBADF, ENOENT, ENOSYS, ENOTDIR, ENXIO } from "../../abi/errno.ts";
import { AT_FDCWD, O_CLOEXEC } from "../../abi/fcntl.ts";
import { SIGSEGV } from "../../abi/signal.ts";
import { S_IFDIR } from "../../abi/stat.ts";
import { FOLLOW, walk } from "../../vfs/walk.ts";
import { type CloneWish, FORK } from "../cloning.ts";
import { GONE, type Outcome, type ProgramImage, UNWIND } from "../contracts.ts";
import { setMask, settleAll } from "../delivery.ts";
import { copyOf, forgetProgram } from "../inheritance.ts";
import { parked } from "../pending.ts";
import { commandName, type Process, Thread } from "../process.ts";
import type { Executable, NamedProgram } from "../programs.ts";
import { argumentRoom, mayBegin, mayFork } from "../resource-limits.ts";
import type { SignalSet } from "../signal-set.ts";
import { DISPOSITION_DEFAULT, SIGNALS } from "../signals.ts";
import { openAt } from "./files.ts";
import { setRealAndEffective, UNCHANGED } from "./identity.ts";
import { setGroup, startSession } from "./processes.ts";

export interface ExecuteRequest {
  readonly path: ByteString;
  readonly argv: readonly ByteString[];
  readonly env: readonly ByteString[];
  readonly named?: NamedProgram | undefined;
}

/**
 * execveat(2): what a descriptor and a path name together; `itself` is AT_EMPTY_PATH. -EBADF, -ENOENT (no path), -EACCES (a
 * descriptor of no file on a file system).
 */
export function programAt(
  { process }: Thread,
  fd: number,
  path: ByteString,
  itself: boolean,
  follow: boolean,
): NamedProgram | number {
  const walkFlags = follow ? FOLLOW : 0;
  const entry = process.descriptors.get(fd);
  if (path !== "") {
    const relative = fd !== AT_FDCWD && !path.startsWith("/");
    const told = (relative ? `/dev/fd/${fd}/${path}` : path) as ByteString;
    return { location: undefined, told, closes: relative && entry?.closeOnExec === true, walkFlags };
  }
  if (!itself) return -ENOENT;
  if (fd === AT_FDCWD) return { location: process.cwd, told: path, closes: false, walkFlags };
  if (entry === undefined) return -EBADF;
  const { location } = entry.description;
  const told = `/dev/fd/${fd}` as ByteString;
  return location === undefined ? -EACCES : { location, told, closes: entry.closeOnExec, walkFlags };
}

/**
 * execve(2): the process goes on as another program. GONE, because the caller's stack ends; or -E2BIG, -EACCES, -ENOEXEC,
 * -ENOENT, -ELOOP, -ENOMEM, with everything as it was. As on Linux, a program that does not fit into RLIMIT_AS or RLIMIT_DATA ends the
 * process by SIGSEGV. `from` is where a relative path begins (execveat).
 */
export function execute(thread: Thread, request: ExecuteRequest, from = thread.process.cwd): Outcome {
  const { process } = thread;
  const { kernel } = process;
  const found = find(process, request, from);
  if (typeof found === "number") return found;
  if (!mayBegin(process, found.image)) return endUnbegun(process);
  const old = process.program;
  const { image, argv, env } = process;
  setProgram(process, found.image, found.argv, request.env);
  const program = kernel.loader.load(process, found.image);
  if (typeof program === "number") {
    setProgram(process, image, argv, env);
    return program;
  }
  const others = process.threads.length > 1;
  kernel.endThreads(process);
  kernel.partFromShared(process);
  process.peakMemory = Math.max(process.peakMemory, old?.peakMemory ?? 0);
  process.executable = found.location;
  process.executed = true;
  process.attach(program);
  process.descriptors.closeForExec();
  process.timers.forgetCreated();
  forgetProgram(process);
  for (const one of process.threads) if (one !== thread) one.signals.clear();
  process.threads = [];
  if (process.held.length > 0) process.held.length = 0;
  const fresh = new Thread(process, process.pid);
  fresh.name = commandName(request.named?.told ?? request.path);
  fresh.mask.set(thread.mask.low, thread.mask.high);
  fresh.signals.inherit(thread.signals);
  process.entered = false;
  settleAll(process);
  kernel.scheduler.start(process);
  // The caller's own stack ends with this call; those of other threads are suspended and have to be unwound.
  if (others) old?.kill();
  return GONE;
}

/** Linux learns too late to go back that a program does not fit. No handler, and nobody's ignoring, keeps that signal off. */
function endUnbegun(process: Process): Outcome {
  const message = "execve: the program needs more memory than its limits allow (RLIMIT_AS, RLIMIT_DATA)";
  process.kernel.end(process, { code: 0, signal: SIGSEGV, message });
  return GONE;
}

function setProgram(
  process: Process,
  image: ProgramImage,
  argv: readonly ByteString[],
  env: readonly ByteString[],
): void {
  process.image = image;
  process.argv = argv;
  process.env = env;
}

/** fork(2), clone(2): UNWIND, after which the outcome is the child's number, and 0 in the child. -EAGAIN, -ENOSYS, -EMFILE. */
export function fork(thread: Thread, wish: CloneWish = FORK): Outcome {
  const { process } = thread;
  if (process.program?.forkable !== true) return -ENOSYS;
  const crowded = mayFork(process);
  if (crowded < 0) return crowded;
  thread.pending = { ...parked(thread), kind: "fork", wish, unwound: false };
  return UNWIND;
}

/** One of posix_spawn_file_actions_t, done in order in the child. */
export type FileAction =
  | {
      readonly kind: "open";
      readonly fd: number;
      readonly path: ByteString;
      readonly flags: number;
      readonly mode: number;
    }
  | { readonly kind: "close"; readonly fd: number }
  | { readonly kind: "dup2"; readonly from: number; readonly to: number }
  | { readonly kind: "chdir"; readonly path: ByteString }
  | { readonly kind: "fchdir"; readonly fd: number };

export interface SpawnRequest extends ExecuteRequest {
  readonly actions?: readonly FileAction[];
  /** POSIX_SPAWN_RESETIDS, _SETSID, _SETPGROUP (0: its own), _SETSIGMASK, _SETSIGDEF. */
  readonly realIds?: boolean;
  readonly session?: boolean;
  readonly group?: number;
  readonly mask?: SignalSet;
  readonly defaults?: SignalSet;
}

/**
 * posix_spawn(3): fork and execve in one, nothing copied. The child's number, or -errno with no child made. Deviation: an action
 * that opens a FIFO whose other end nobody has open is -ENXIO.
 */
export function spawnProgram(thread: Thread, request: SpawnRequest): Outcome {
  const { process } = thread;
  const { kernel } = process;
  const crowded = mayFork(process);
  if (crowded < 0) return crowded;
  const { process: child, thread: childThread } = copyOf(thread, kernel.nextPid);
  child.descriptors.inherit(process.descriptors, true);
  const error = prepare(child, childThread, request) || begin(child, request);
  childThread.name = commandName(request.path);
  if (error < 0) {
    child.descriptors.closeAll();
    return error;
  }
  settleAll(child);
  kernel.enlist(child);
  if (!mayBegin(child, child.image)) endUnbegun(child);
  return child.pid;
}

/** What posix_spawn does in the child before it executes: 0 or -errno. */
function prepare(child: Process, thread: Thread, request: SpawnRequest): number {
  if (request.session === true) startSession(thread);
  if (request.group !== undefined) {
    const wrong = setGroup(thread, 0, request.group);
    if (wrong < 0) return wrong;
  }
  if (request.realIds === true) {
    setRealAndEffective(thread, "user", UNCHANGED, child.userIdentity.real);
    setRealAndEffective(thread, "group", UNCHANGED, child.groupIdentity.real);
  }
  for (const action of request.actions ?? []) {
    const wrong = act(child, thread, action);
    if (wrong < 0) return wrong;
  }
  if (request.mask !== undefined) setMask(thread, request.mask.low, request.mask.high);
  for (let signal = 1; signal <= SIGNALS; signal++) {
    if (request.defaults?.has(signal) === true) child.dispositions[signal] = DISPOSITION_DEFAULT;
  }
  return 0;
}

function begin(child: Process, request: SpawnRequest): number {
  const found = find(child, request, child.cwd);
  if (typeof found === "number") return found;
  setProgram(child, found.image, found.argv, request.env);
  child.executable = found.location;
  child.executed = true;
  child.descriptors.closeForExec();
  forgetProgram(child);
  return child.kernel.load(child);
}

function act(child: Process, thread: Thread, action: FileAction): number {
  const { descriptors } = child;
  switch (action.kind) {
    case "close":
      descriptors.close(action.fd);
      return 0;
    case "dup2": {
      const entry = descriptors.get(action.from);
      if (entry === undefined) return -EBADF;
      // To itself it only survives the execve.
      if (action.from === action.to) entry.closeOnExec = false;
      else return Math.min(0, descriptors.place(action.to, entry.description));
      return 0;
    }
    case "open": {
      const fd = openAt(thread, AT_FDCWD, action.path, action.flags, action.mode, FOLLOW);
      if (thread.pending !== undefined) {
        // Nobody runs yet who could wait for a FIFO's other end.
        child.kernel.scheduler.unpark(thread.pending);
        thread.pending = undefined;
        return -ENXIO;
      }
      if (fd < 0 || fd === action.fd) return Math.min(0, fd);
      const entry = descriptors.get(fd);
      if (entry === undefined) return -EBADF;
      const placed = descriptors.place(action.fd, entry.description, (action.flags & O_CLOEXEC) !== 0);
      descriptors.close(fd);
      return Math.min(0, placed);
    }
    case "chdir": {
      const to = walk(child, child.cwd, action.path, FOLLOW);
      if (typeof to === "number") return to;
      if (to.inode.type !== S_IFDIR) return -ENOTDIR;
      child.cwd = to;
      return 0;
    }
    case "fchdir": {
      const to = descriptors.get(action.fd)?.description.location;
      if (to === undefined) return descriptors.get(action.fd) === undefined ? -EBADF : -ENOTDIR;
      if (to.inode.type !== S_IFDIR) return -ENOTDIR;
      child.cwd = to;
      return 0;
    }
  }
}

function find(process: Process, request: ExecuteRequest, from: Process["cwd"]): Executable | number {
  const { kernel } = process;
  const room = argumentRoom(process);
  const wrong = kernel.checkArguments(request, room);
  if (wrong < 0) return wrong;
  const found = kernel.programs.find(process, from, request.path, request.argv, request.named);
  // Interpreters put their own words before the script's.
  if (typeof found === "number" || found.argv === request.argv) return found;
  const tooMuch = kernel.checkArguments({ argv: found.argv, env: request.env }, room);
  return tooMuch < 0 ? tooMuch : found;
}
