/**
 * Layer: fs/procfs. Small forms in which the kernel writes numbers: as fs/proc/*.c of Linux print them. It must not know facts.
 */
import type { LockFacts, SignalWords } from "./facts.ts";

/** USER_HZ. */
const NS_PER_TICK = 10_000_000;

export function ticks(ns: number): number {
  return Math.floor(ns / NS_PER_TICK);
}

export function kibibytes(bytes: number): number {
  return Math.floor(bytes / 1024);
}

/** "MemTotal:       12345 kB" */
export function sizeLine(name: string, bytes: number): string {
  return `${`${name}:`.padEnd(16)}${String(kibibytes(bytes)).padStart(8)} kB\n`;
}

export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** A signal set as one word of 64 bits. */
export function signalWord({ low, high }: SignalWords): string {
  return hex(high >>> 0, 8) + hex(low >>> 0, 8);
}

/** A signal set as a decimal of 31 bits: all that /proc/<pid>/stat has room for. */
export function oldSignalWord({ low }: SignalWords): number {
  return low & 0x7fff_ffff;
}

const LOCK_WORDS = { process: "POSIX ", description: "OFDLCK", flock: "FLOCK " } as const;

/** A line of /proc/locks after its number. */
export function lockLine({ kind, exclusive, start, end, pid, dev, ino }: LockFacts): string {
  const last = end === Infinity ? "EOF" : String(end - 1);
  const how = exclusive ? "WRITE" : "READ";
  return `${LOCK_WORDS[kind]} ADVISORY  ${how} ${pid} 00:${hex(dev, 2)}:${ino} ${start} ${last}\n`;
}

/** Seconds with two decimals. */
export function hundredths(ns: number): string {
  const all = Math.floor(ns / NS_PER_TICK);
  return `${Math.floor(all / 100)}.${String(all % 100).padStart(2, "0")}`;
}

/** Blanks, newlines, tabs and backslashes of a path in a table of mounts, as octal escapes. */
export function mangled(path: string): string {
  return path.replace(/[ \t\n\\#]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
