/**
 * Layer: host. Starting a program in a process of its own, and taking note of its end: posix_spawn(3), wait4(2), kill(2).
 * It must not know what is started.
 *
 * node:child_process would do, but loading it takes five milliseconds of every start, and it forks: posix_spawn shares the
 * caller's memory until the exec, so its cost does not grow with the caller.
 */
import { addressOf, fixedBytes, namedCall } from "./calls.unsafe.ts";

/** posix_spawnattr_t and posix_spawn_file_actions_t of spawn.h, glibc's; musl's structures are as large. */
const ATTRIBUTES_BYTES = 336;
const FILE_ACTIONS_BYTES = 80;
/** Offsets in posix_spawnattr_t, of both libcs: flags, and the signals that are given back their meaning; the blocked ones follow. */
const ATTRIBUTES = { flags: 0, defaults: 8 } as const;
const SIGNAL_SET_BYTES = 128;
const POSIX_SPAWN_RESETIDS = 0x01;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
/** From include/uapi/linux/fcntl.h and include/uapi/linux/wait.h. */
const F_DUPFD_CLOEXEC = 1030;
const WNOHANG = 1;
const EINVAL = 22;

const POINTER = "pointer";
const INT = "i32";
const FUNCTIONS = {
  posix_spawn: { arguments: [POINTER, POINTER, POINTER, POINTER, POINTER, POINTER], return: INT },
  posix_spawn_file_actions_init: { arguments: [POINTER], return: INT },
  posix_spawn_file_actions_adddup2: { arguments: [POINTER, INT, INT], return: INT },
  posix_spawn_file_actions_addchdir_np: { arguments: [POINTER, POINTER], return: INT },
  posix_spawn_file_actions_destroy: { arguments: [POINTER], return: INT },
} as const;

type Functions = Record<keyof typeof FUNCTIONS, (...values: (Uint8Array | number)[]) => number>;

export type Program = {
  /** Its path; not looked up in PATH. */
  readonly file: string;
  /** With the name it goes by first. */
  readonly argv: readonly string[];
  /** NAME=value. */
  readonly env: readonly string[];
  readonly directory: string;
  /** Descriptors of this process that become 0, 1, 2 … there. Others stay behind only if they are closed on exec. */
  readonly descriptors: readonly number[];
  /** Whether it gets this thread's real user and group as effective ones too (see withRealUser). */
  readonly realUser: boolean;
};

let library: Functions | undefined;

function open(): Functions {
  library ??= process.getBuiltinModule("node:ffi").dlopen(null, FUNCTIONS).functions as unknown as Functions;
  return library;
}

/**
 * Starts a program in a session of its own, with no signal ignored or blocked: its process id, or -errno when it could
 * not be started. Returns when the program has replaced the caller's image. Its parent for prctl(PR_SET_PDEATHSIG) is the
 * calling thread.
 */
export function spawnProcess(program: Program): number {
  // Above all targets, so that no target is put over a source that is still to come.
  const sources: number[] = [];
  try {
    for (const descriptor of program.descriptors) {
      // SAFETY: words by value; a new descriptor of this process, closed below. -errno: none was made. Audited 2026-11-22.
      const source = namedCall("fcntl", descriptor, F_DUPFD_CLOEXEC, program.descriptors.length);
      if (source < 0) return source;
      sources.push(source);
    }
    return spawnFrom(program, sources);
  } finally {
    // SAFETY: descriptors made above, which nobody else knows. Audited 2026-11-22.
    for (const source of sources) namedCall("close", source);
  }
}

function spawnFrom(program: Program, sources: readonly number[]): number {
  const c = open();
  const actions = fixedBytes(FILE_ACTIONS_BYTES);
  const attributes = spawnAttributes(program.realUser);
  const pid = fixedBytes(4);
  const argv = stringList(program.argv);
  const env = stringList(program.env);
  // SAFETY: the structures are as large as libc's, zeroed before they are filled, live here, and used by this thread only. libc
  // copies the path of the chdir. The lists and strings that posix_spawn reads are held by `argv` and `env`; it
  // writes one int to `pid`. The child runs libc's code only, in this memory but on a stack of its own, while this thread
  // waits. Failure is an error number, and no child. Audited 2026-11-22.
  let error = c.posix_spawn_file_actions_init(actions);
  if (error !== 0) return -error;
  try {
    sources.forEach((source, target) => {
      error ||= c.posix_spawn_file_actions_adddup2(actions, source, target);
    });
    error ||= c.posix_spawn_file_actions_addchdir_np(actions, text(program.directory));
    error ||= c.posix_spawn(pid, text(program.file), actions, attributes, argv.list, env.list);
  } finally {
    c.posix_spawn_file_actions_destroy(actions);
  }
  return error === 0 ? new DataView(pid.buffer).getInt32(0, true) : -error;
}

/** Written by hand: each of libc's setters costs a start a fifth of a millisecond. */
function spawnAttributes(realUser: boolean): Uint8Array<ArrayBuffer> {
  const attributes = fixedBytes(ATTRIBUTES_BYTES);
  const flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  new DataView(attributes.buffer).setInt16(ATTRIBUTES.flags, realUser ? flags | POSIX_SPAWN_RESETIDS : flags, true);
  // Every signal means what it means by default, and none is blocked (the mask is zeroed).
  attributes.fill(0xff, ATTRIBUTES.defaults, ATTRIBUTES.defaults + SIGNAL_SET_BYTES);
  return attributes;
}

/** A NULL-terminated list of pointers, and the strings it points to: to be kept as long as the list is in use. */
function stringList(strings: readonly string[]): { list: Uint8Array<ArrayBuffer>; held: Uint8Array<ArrayBuffer>[] } {
  const held = strings.map(text);
  const list = fixedBytes((held.length + 1) * 8);
  const words = new DataView(list.buffer);
  held.forEach((bytes, at) => {
    words.setBigUint64(at * 8, addressOf(bytes), true);
  });
  return { list, held };
}

/** NUL-terminated. Throws when the text itself holds a NUL. */
function text(value: string): Uint8Array<ArrayBuffer> {
  const encoded = Buffer.from(value);
  if (encoded.includes(0)) throw new RangeError("a program's arguments cannot hold a NUL byte");
  const bytes = fixedBytes(encoded.length + 1);
  bytes.set(encoded);
  return bytes;
}

/** How a process ended: what it answered, or the number of the signal that ended it. */
export type ProcessEnd = { readonly code: number } | { readonly signal: number };

/** Takes note of the end of a child: undefined while it runs, -errno when it is no child of this process (any more). */
export function reap(pid: number): ProcessEnd | number | undefined {
  // 0 and below stand for groups, and would take the end of somebody else's child.
  if (!(pid > 0)) return -EINVAL;
  const status = fixedBytes(4);
  // SAFETY: wait4 writes one int to `status` (live here), the usage is null; it does not wait. Any thread of the process
  // may ask. -errno: nothing was reaped. Audited 2026-11-22.
  const found = namedCall("wait4", pid, status, WNOHANG, null);
  if (found <= 0) return found === 0 ? undefined : found;
  const word = new DataView(status.buffer).getInt32(0, true);
  return (word & 0x7f) === 0 ? { code: (word >> 8) & 0xff } : { signal: word & 0x7f };
}

/** Sends a signal to a child that was not reaped yet: until then nobody else can have its number. 0 or -errno. */
export function signalProcess(pid: number, signal: number): number {
  if (!(pid > 0)) return -EINVAL;
  // SAFETY: words by value, no memory. -errno: nothing was sent. Audited 2026-11-22.
  return namedCall("kill", pid, signal);
}
