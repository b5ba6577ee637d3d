/**
 * Layer: sandbox. What this room needs of whoever starts the locked processes: a small face, so that tests can put a
 * scripted, hostile cell behind it. It must not know how a process is locked.
 */
import type { Readable, Writable } from "node:stream";

/** A started process that must be ended. `kill` is SIGKILL, by a handle that cannot hit a reused pid. */
export interface LockedProcess {
  readonly pid: number;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  kill(): void;
}

/** One cell, not yet believed: what comes out of `stdout` are frames, and hostile input. */
export interface CellProcess extends LockedProcess {
  /** Frames down. */
  readonly stdin: Writable;
  /** Frames up. */
  readonly stdout: Readable;
  /** The last bytes of what the host process said when it crashed, as latin1: never to be printed raw. */
  crashText(): string;
  /** Whether this process keeps the caller's alive: not while it waits in a pool. */
  ref(): void;
  unref(): void;
  /** Set its RLIMIT_CPU now: seconds, with all that it has used. False where this process may not. */
  limitCpu(seconds: number): boolean;
  /** After READY, from outside: every layer of the lock stands on every thread. Rejects with what is missing. */
  verify(): Promise<void>;
  /** Start the file server at the other end of the cell's line and verify its lock. At most once. */
  serve(directories: readonly ServedDirectory[]): Promise<LockedProcess>;
}

export interface ServedDirectory {
  /** Absolute path on the host. */
  readonly host: string;
  readonly readOnly: boolean;
  /** Rules of policies/host-execution.json that are switched off. */
  readonly allow?: readonly string[];
}

export interface CellLauncher {
  /** Names the cell's build exactly: part of every key of the module cache. */
  readonly build: string;
  /**
   * Start a cell. `cpuSeconds` is its RLIMIT_CPU, for the case that nobody watches any more.
   * Rejects with LockUnavailable when a wanted layer cannot be had.
   */
  launch(lock: "required" | "off", cpuSeconds?: number): Promise<CellProcess>;
}
