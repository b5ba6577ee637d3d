/**
 * Layer: syscalls. WALI's own imports, which are no system calls: how a program starts and ends, finds its arguments and its
 * environment, and what foreign binaries import besides.
 */

import type { ByteString } from "../abi/byte-string.ts";
import { WALI_FUNCTIONS, type WaliFunctionName } from "../abi/calls.ts";
import { EFAULT, EINVAL, ENOSYS } from "../abi/errno.ts";
import { SIGSYS } from "../abi/signal.ts";
import { GONE, type GuestCall, type Outcome } from "../kernel/contracts.ts";
import { exit } from "../kernel/operations/lifecycle.ts";
import { spawnThread } from "../kernel/operations/threads.ts";
import { ENVIRONMENT_PATH, type Thread } from "../kernel/process.ts";
import type { Begin } from "./call.ts";
import { linden_spawn } from "./spawn.ts";

function nothing(): Outcome {
  return 0;
}

function cl_get_argc(thread: Thread): Outcome {
  return thread.process.argv.length;
}

function cl_get_argv_len(thread: Thread, index: number): Outcome {
  const argument = thread.process.argv[index >>> 0];
  return argument === undefined ? -EINVAL : argument.length + 1;
}

function cl_copy_argv(thread: Thread, buffer: number, index: number): Outcome {
  const { argv, memory } = thread.process;
  const argument = argv[index >>> 0];
  if (argument === undefined) return -EINVAL;
  return putString(thread, buffer >>> 0, memory.byteLength, argument) ? argument.length : -EFAULT;
}

/** 1 when a path was written; 0 when there is no environment, or no room for the path. */
function get_init_envfile(thread: Thread, buffer: number, room: number): Outcome {
  const { process } = thread;
  if (process.env.length === 0) return 0;
  if (!putString(thread, buffer >>> 0, room >>> 0, ENVIRONMENT_PATH as ByteString)) return 0;
  process.offersEnvironment = true;
  return 1;
}

/** Write a string and its NUL; false where it does not fit. */
function putString(thread: Thread, address: number, room: number, text: ByteString): boolean {
  const { memory } = thread.process;
  if (text.length + 1 > room || !memory.contains(address, text.length + 1)) return false;
  memory.putByteString(address, text);
  memory.view.setUint8(address + text.length, 0);
  return true;
}

function proc_exit(thread: Thread, status: number): Outcome {
  return exit(thread, status);
}

/** The program cannot go on from here, and nobody could carry it back. */
function longjmp(thread: Thread): Outcome {
  const message = "called wali.longjmp, which Linden does not offer: build the program with linden cc";
  thread.process.kernel.end(thread.process, { code: 0, signal: SIGSYS, message });
  return GONE;
}

/** A thread's instance is entered by one export whatever function it names; that gets the argument. */
function thread_spawn(thread: Thread, _start: number, argument: number): Outcome {
  return spawnThread(thread, argument);
}

function missing(): Outcome {
  return -ENOSYS;
}

/** What there is. Everything else the interface lists answers -ENOSYS. */
const HANDLERS: ReadonlyMap<string, Begin> = new Map<WaliFunctionName, Begin>([
  ["__init", nothing],
  ["__deinit", nothing],
  ["__proc_exit", proc_exit],
  ["__cl_get_argc", cl_get_argc],
  ["__cl_get_argv_len", cl_get_argv_len],
  ["__cl_copy_argv", cl_copy_argv],
  ["__get_init_envfile", get_init_envfile],
  ["__wasm_thread_spawn", thread_spawn],
  // The first return of setjmp is all a program sees that never jumps back.
  ["setjmp", nothing],
  ["sigsetjmp", nothing],
  ["longjmp", longjmp],
  ["__restore", nothing],
  ["__restore_rt", nothing],
  ["__linden_spawn", linden_spawn],
]);

export const STARTUP_CALLS: readonly GuestCall[] = Object.entries(WALI_FUNCTIONS).map(
  ([name, { parameters, result }]) => ({ name, parameters, result, begin: HANDLERS.get(name) ?? missing }),
);
