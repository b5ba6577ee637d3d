/**
 * Layer: host. Who the calling thread is, and the program it becomes: ids, capability sets, securebits, session, keyring,
 * execve. All of it binds the calling thread alone until it executes. It must not know who is wanted.
 */
import { addressOf, fixedBytes, namedCall, pathBytes } from "./calls.unsafe.ts";

/** From include/uapi/linux/{prctl,capability,keyctl}.h, include/uapi/asm-generic/signal.h, include/uapi/linux/fcntl.h. */
const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const SIG_SETMASK = 2;
const LAST_SIGNAL = 64;
const SIGKILL = 9;
const SIGSTOP = 19;
const AT_FDCWD = -100;
const AT_EACCESS = 0x200;
const X_OK = 1;

/** setgroups(2). 0 or -errno. */
export function setGroups(groups: readonly number[]): number {
  const list = fixedBytes(Math.max(4, groups.length * 4));
  const words = new DataView(list.buffer);
  groups.forEach((group, index) => {
    words.setUint32(index * 4, group, true);
  });
  // SAFETY: reads length * 4 bytes of `list`, live here. Calling thread only (the raw call). -errno: unchanged.
  // Audited 2026-11-22.
  return namedCall("setgroups", groups.length, list);
}

/** setresgid(2), all three ids. 0 or -errno. */
export function setGroupIds(group: number): number {
  // SAFETY: words by value, calling thread only. -errno: unchanged. Audited 2026-11-22.
  return namedCall("setresgid", group, group, group);
}

/** setresuid(2), all three ids. 0 or -errno. */
export function setUserIds(user: number): number {
  // SAFETY: words by value, calling thread only; capabilities follow as capabilities(7) says. -errno: unchanged.
  // Audited 2026-11-22.
  return namedCall("setresuid", user, user, user);
}

export function secureBits(): number {
  // SAFETY: words by value, calling thread, changes nothing. Audited 2026-11-22.
  return namedCall("prctl", PR_GET_SECUREBITS, 0, 0, 0, 0);
}

/** Needs CAP_SETPCAP. 0 or -errno. */
export function setSecureBits(bits: number): number {
  // SAFETY: words by value, calling thread only. -EPERM: locked, or no CAP_SETPCAP. Audited 2026-11-22.
  return namedCall("prctl", PR_SET_SECUREBITS, bits, 0, 0, 0);
}

/** Gives the calling thread these sets. 0 or -errno. */
export function setCapabilitySets(effective: bigint, permitted: bigint, inheritable: bigint): number {
  const header = fixedBytes(8);
  const data = fixedBytes(24);
  new DataView(header.buffer).setUint32(0, LINUX_CAPABILITY_VERSION_3, true);
  const words = new DataView(data.buffer);
  [effective, permitted, inheritable].forEach((set, index) => {
    words.setUint32(4 * index, Number(set & 0xffffffffn), true);
    words.setUint32(12 + 4 * index, Number(set >> 32n), true);
  });
  // SAFETY: as setCapabilities of process.unsafe.ts: an 8-byte header and two 12-byte words, all live here; calling thread
  // only. -EPERM: asked for more than it had. Audited 2026-11-22.
  return namedCall("capset", header, data);
}

/** Raises a capability that is permitted and inheritable into the ambient set. 0 or -errno. */
export function raiseAmbient(capability: number): number {
  // SAFETY: words by value, calling thread only. -EPERM: not permitted, not inheritable, or forbidden. Audited 2026-11-22.
  return namedCall("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

/** A new anonymous session keyring (keyctl(2)). Its number, or -errno. */
export function joinSessionKeyring(): number {
  // SAFETY: words by value; a null name is an anonymous keyring. Calling thread. -errno: the old one stays.
  // Audited 2026-11-22.
  return namedCall("keyctl", KEYCTL_JOIN_SESSION_KEYRING, null);
}

/** setsid(2): the session's number, or -EPERM for a process group's leader. */
export function newSession(): number {
  // SAFETY: no arguments. Binds the process. Audited 2026-11-22.
  return namedCall("setsid");
}

/** Every signal's action as a fresh program finds it, none blocked: the engine ignores SIGPIPE, and that is inherited. */
export function resetSignals(): void {
  const action = fixedBytes(32);
  const mask = fixedBytes(8);
  for (let signal = 1; signal <= LAST_SIGNAL; signal++) {
    if (signal === SIGKILL || signal === SIGSTOP) continue;
    // SAFETY: reads a kernel struct sigaction (32 bytes of 0 on both architectures: SIG_DFL), live here, writes none; 8 is
    // the size of its mask. The engine's own handlers are gone from here on: the thread goes on to execve.
    // Audited 2026-11-22.
    namedCall("rt_sigaction", signal, action, null, 8);
  }
  // SAFETY: reads 8 bytes of mask, live here; calling thread. Audited 2026-11-22.
  namedCall("rt_sigprocmask", SIG_SETMASK, mask, null, 8);
}

/** Whether the calling thread, as it is now, may execute a file: 0 or -errno. */
export function mayExecute(path: string): number {
  // SAFETY: reads the NUL-terminated path, live for the call; looks with the effective ids. Audited 2026-11-22.
  return namedCall("faccessat2", AT_FDCWD, pathBytes(path), X_OK, AT_EACCESS);
}

/** A program made ready to be executed: texts and pointers of execve(2), which do not move. */
export type ReadyProgram = {
  readonly path: Uint8Array<ArrayBuffer>;
  readonly argv: Uint8Array<ArrayBuffer>;
  readonly env: Uint8Array<ArrayBuffer>;
  /** What the pointers point to. */
  readonly kept: readonly Uint8Array<ArrayBuffer>[];
};

export function readyProgram(path: string, argv: readonly string[], env: readonly string[]): ReadyProgram {
  const kept: Uint8Array<ArrayBuffer>[] = [];
  const list = (texts: readonly string[]): Uint8Array<ArrayBuffer> => {
    const pointers = fixedBytes((texts.length + 1) * 8);
    const words = new DataView(pointers.buffer);
    texts.forEach((text, index) => {
      const bytes = pathBytes(text);
      kept.push(bytes);
      words.setBigUint64(index * 8, addressOf(bytes), true);
    });
    return pointers;
  };
  return { path: pathBytes(path), argv: list(argv), env: list(env), kept };
}

/** Three words in registers the call does not read: what a filter knows the last calls of the stage by. */
export type Pass = readonly [bigint, bigint, bigint];

/** execve(2); does not return, or answers -errno. */
export function executeProgram(program: ReadyProgram, pass: Pass): number {
  // SAFETY: reads a NUL-terminated path and two null-terminated lists of NUL-terminated texts; all of them are held by
  // `program`, whose buffers do not move. Registers four to six are ignored by the kernel. On success nothing of this
  // process is left. -errno: nothing happened. Audited 2026-11-22.
  return namedCall("execve", program.path, program.argv, program.env, ...pass);
}

/** write(2) of bytes that do not move. Bytes written, or -errno. */
export function writeWithPass(descriptor: number, bytes: Uint8Array<ArrayBuffer>, pass: Pass): number {
  // SAFETY: reads bytes.length bytes, live here; registers four to six are ignored. Audited 2026-11-22.
  return namedCall("write", descriptor, bytes, bytes.length, ...pass);
}

/** exit_group(2). */
export function exitWithPass(status: number, pass: Pass): never {
  // SAFETY: a word by value; registers two and three are unused, four to six ignored. Does not return. Audited 2026-11-22.
  namedCall("exit_group", status, 0, 0, ...pass);
  throw new Error("exit_group(2) returned");
}
