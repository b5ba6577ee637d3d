/**
 * Layer: wasi. args_get, args_sizes_get, environ_get, environ_sizes_get: the strings a process was given. Each lies in
 * guest memory with a NUL at its end, one after the other, and a table of their addresses beside them.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { ERRNO_FAULT, ERRNO_SUCCESS } from "../abi/wasi-errno.ts";
import type { GuestCall } from "../kernel/contracts.ts";
import type { Thread } from "../kernel/process.ts";
import { wasiCall } from "./call.ts";

function sizes(thread: Thread, strings: readonly ByteString[], countAt: number, bytesAt: number): number {
  const { memory } = thread.process;
  if (!memory.contains(countAt, 4) || !memory.contains(bytesAt, 4)) return ERRNO_FAULT;
  const { view } = memory;
  view.setUint32(countAt, strings.length, true);
  view.setUint32(bytesAt, byteLength(strings), true);
  return ERRNO_SUCCESS;
}

function get(thread: Thread, strings: readonly ByteString[], tableAt: number, bytesAt: number): number {
  const { memory } = thread.process;
  if (!memory.contains(tableAt, strings.length * 4) || !memory.contains(bytesAt, byteLength(strings))) {
    return ERRNO_FAULT;
  }
  const { view } = memory;
  let address = bytesAt;
  for (let i = 0; i < strings.length; i++) {
    const text = strings[i] as ByteString;
    view.setUint32(tableAt + i * 4, address, true);
    memory.putByteString(address, text);
    view.setUint8(address + text.length, 0);
    address += text.length + 1;
  }
  return ERRNO_SUCCESS;
}

/** Bytes of all strings with their NULs; the kernel holds the sum below ARGUMENT_BYTES. */
function byteLength(strings: readonly ByteString[]): number {
  let total = 0;
  for (const text of strings) total += text.length + 1;
  return total;
}

function args_get(thread: Thread, argv: number, bytes: number): number {
  return get(thread, thread.process.argv, argv >>> 0, bytes >>> 0);
}

function args_sizes_get(thread: Thread, count: number, bytes: number): number {
  return sizes(thread, thread.process.argv, count >>> 0, bytes >>> 0);
}

function environ_get(thread: Thread, environ: number, bytes: number): number {
  return get(thread, thread.process.env, environ >>> 0, bytes >>> 0);
}

function environ_sizes_get(thread: Thread, count: number, bytes: number): number {
  return sizes(thread, thread.process.env, count >>> 0, bytes >>> 0);
}

export const ARGS_ENVIRON_CALLS: readonly GuestCall[] = [
  wasiCall("args_get", args_get),
  wasiCall("args_sizes_get", args_sizes_get),
  wasiCall("environ_get", environ_get),
  wasiCall("environ_sizes_get", environ_sizes_get),
];
