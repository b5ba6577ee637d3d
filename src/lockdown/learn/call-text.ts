/** Layer: lockdown, learn. A waiting call in words: its paths, addresses and flags as far as they can be read. Changes nothing. */
import { type CallName, callNames, callOf, type Role } from "../../abi/calls.ts";
import * as fcntl from "../../abi/fcntl.ts";
import { readMemory } from "../../host/notifications.unsafe.ts";
import { ADDRESS_ARGUMENTS } from "./arguments.ts";
import type { HeardCall } from "./hearing.ts";

const NAMES: ReadonlySet<string> = new Set(callNames());
/** The longest path, with its NUL: PATH_MAX, include/uapi/linux/limits.h. */
const LONGEST = 4096;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const FAMILIES: ReadonlyMap<number, string> = new Map([
  [AF_UNIX, "AF_UNIX"],
  [AF_INET, "AF_INET"],
  [AF_INET6, "AF_INET6"],
  [16, "AF_NETLINK"],
  [17, "AF_PACKET"],
]);
const TYPES: ReadonlyMap<number, string> = new Map([
  [1, "SOCK_STREAM"],
  [2, "SOCK_DGRAM"],
  [3, "SOCK_RAW"],
]);

/** `openat(AT_FDCWD, "/etc/shadow", O_RDONLY|O_CLOEXEC)`. Text is JSON's, cut where it is long. */
export function callText(call: HeardCall): string {
  const { syscall, args } = call;
  const parameters = NAMES.has(syscall) ? callOf(syscall as CallName).parameters : [];
  const words = parameters.map(({ role }, index) => word(call, role, index, args[index] ?? 0n));
  return `${syscall}(${words.join(", ")})`;
}

function word(call: HeardCall, role: Role, index: number, value: bigint): string {
  const { syscall } = call;
  const int = Number(BigInt.asIntN(32, value));
  const address = ADDRESS_ARGUMENTS.get(syscall);
  if (address?.[0] === index) return socketAddress(call.task, value, Number(call.args[address[1]] ?? 0n));
  switch (role) {
    case "path":
    case "string":
      return textAt(call.task, value);
    case "fd":
    case "int":
    case "pid":
    case "signal":
      return String(int);
    case "dirfd":
      return int === fcntl.AT_FDCWD ? "AT_FDCWD" : String(int);
    case "mode":
      return int === 0 ? "0" : `0${(int >>> 0).toString(8)}`;
    case "size":
    case "count":
    case "count64":
    case "offset":
    case "long":
    case "ulong":
      return String(value);
    case "choice":
    case "flags":
    case "uint":
      return constant(syscall, index, int >>> 0);
    default:
      return value === 0n ? "NULL" : `0x${value.toString(16)}`;
  }
}

function constant(syscall: string, index: number, value: number): string {
  if ((syscall === "open" && index === 1) || (syscall === "openat" && index === 2)) return openFlags(value);
  if (syscall === "socket" || syscall === "socketpair") {
    if (index === 0) return FAMILIES.get(value) ?? String(value);
    if (index === 1) {
      const extra = [value & fcntl.O_CLOEXEC ? "SOCK_CLOEXEC" : "", value & fcntl.O_NONBLOCK ? "SOCK_NONBLOCK" : ""];
      return [TYPES.get(value & 0xf) ?? String(value & 0xf), ...extra].filter((each) => each !== "").join("|");
    }
  }
  return value < 4096 ? String(value) : `0x${value.toString(16)}`;
}

/** The widest first: O_SYNC holds the bit of O_DSYNC. */
const OPEN_FLAGS = Object.entries<number>(fcntl)
  .filter(([name, bits]) => name.startsWith("O_") && bits > fcntl.O_ACCMODE)
  .sort(([, a], [, b]) => b - a);

function openFlags(value: number): string {
  const words = [["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"][value & fcntl.O_ACCMODE] ?? ""];
  let rest = value & ~fcntl.O_ACCMODE;
  for (const [name, bits] of OPEN_FLAGS) {
    if ((rest & bits) !== bits) continue;
    words.push(name);
    rest &= ~bits;
  }
  if (rest !== 0) words.push(`0x${(rest >>> 0).toString(16)}`);
  return words.join("|");
}

/** A NUL-terminated text of another process; undefined where it cannot be read, or is longer than a path may be. */
export function pathAt(task: number, address: bigint): string | undefined {
  if (address === 0n) return undefined;
  const bytes = readMemory(task, address, LONGEST);
  const end = bytes?.indexOf(0) ?? -1;
  return end === -1 ? undefined : Buffer.from(bytes?.subarray(0, end) ?? []).toString("utf8");
}

/** The same, quoted and cut where it is long; its address where it cannot be read. */
function textAt(task: number, address: bigint): string {
  if (address === 0n) return "NULL";
  const text = pathAt(task, address);
  if (text === undefined) return `0x${address.toString(16)}`;
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

function socketAddress(task: number, address: bigint, length: number): string {
  if (address === 0n) return "NULL";
  const bytes = readMemory(task, address, Math.min(Math.max(length, 2), 128));
  if (bytes === undefined || bytes.length < 8) return `0x${address.toString(16)}`;
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const family = words.getUint16(0, true);
  if (family === AF_INET) return `${bytes.subarray(4, 8).join(".")}:${words.getUint16(2)}`;
  if (family === AF_INET6 && bytes.length >= 24) {
    const groups = Array.from({ length: 8 }, (_, index) => words.getUint16(8 + 2 * index).toString(16));
    return `[${groups.join(":")}]:${words.getUint16(2)}`;
  }
  if (family === AF_UNIX) {
    const name = Buffer.from(bytes.subarray(2)).toString("utf8");
    return name.startsWith("\0")
      ? JSON.stringify(`@${name.slice(1).replace(/\0+$/, "")}`)
      : JSON.stringify(name.split("\0")[0]);
  }
  return FAMILIES.get(family) ?? `family ${family}`;
}
