/**
 * Layer: sandbox. What a caller may ask of one run, checked. It must not know cells or frames.
 */
import { SIGNAL_NAMES } from "../abi/signal.ts";
import { OptionError } from "./errors.ts";
import { type Policy, parseEnv, parseGuestPath, record } from "./options.ts";
import { type Duration, parseDuration, parseSize, type Size } from "./units.ts";

export interface SpawnOptions {
  /** Added to the sandbox's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /**
   * Wall time from the call on, with what it takes to read, rewrite and compile the program; the guest is killed after it,
   * alone. One that cannot be interrupted takes the whole sandbox with it.
   */
  readonly timeout?: Duration;
  /** Standard output and error together. */
  readonly maxOutput?: Size;
  /** Aborting kills the guest, or ends the wait for its program to be compiled. */
  readonly signal?: AbortSignal;
  /** Which streams the guest takes for a terminal; true: all three. */
  readonly tty?: boolean | { readonly stdin?: boolean; readonly stdout?: boolean; readonly stderr?: boolean };
  /**
   * These streams are one terminal of this size, with a line discipline: it echoes, edits lines, makes signals of Ctrl-C
   * and Ctrl-Z. Input and output must be among them; without `tty` all three are. Output of all comes as stdout.
   */
  readonly window?: WindowSize;
  /** "stdout": what goes to standard error comes as stdout too, in the order in which all of it was written, as after 2>&1. */
  readonly stderr?: "apart" | "stdout";
}

/** Rows and columns of characters, 0 to 65,535 each. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

export type Input = string | Uint8Array | AsyncIterable<string | Uint8Array>;

export interface RunOptions extends SpawnOptions {
  /** Standard input; without it the guest reads the end at once. */
  readonly stdin?: Input;
  /** Called with each piece of output as it comes; a promise it gives holds the guest back until it settles. */
  readonly onStdout?: (piece: string) => unknown;
  readonly onStderr?: (piece: string) => unknown;
  /** "bytes": the result's stdout and stderr are Uint8Array. */
  readonly format?: "text" | "bytes";
}

export interface RunPolicy {
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly wallMs: number | undefined;
  readonly outputBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly terminals: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  readonly window: WindowSize | undefined;
  readonly joined: boolean;
}

const SPAWN_KEYS = ["env", "cwd", "timeout", "maxOutput", "signal", "tty", "window", "stderr"];
const RUN_KEYS = [...SPAWN_KEYS, "stdin", "onStdout", "onStderr", "format"];

export function parseSpawnOptions(options: SpawnOptions, policy: Policy): RunPolicy {
  return parse(record(options, "options", SPAWN_KEYS), policy);
}

export function parseRunOptions(options: RunOptions, policy: Policy): RunPolicy {
  const it = record(options, "options", RUN_KEYS);
  for (const key of ["onStdout", "onStderr"]) {
    const value = it.get(key);
    if (value !== undefined && typeof value !== "function") throw new OptionError(key, "a function", value);
  }
  const format = it.get("format") ?? "text";
  if (format !== "text" && format !== "bytes") throw new OptionError("format", '"text" or "bytes"', format);
  const stdin = it.get("stdin");
  const isIterable = typeof stdin === "object" && stdin !== null && Symbol.asyncIterator in stdin;
  if (stdin !== undefined && typeof stdin !== "string" && !(stdin instanceof Uint8Array) && !isIterable) {
    throw new OptionError("stdin", "a string, a Uint8Array, a stream or an async iterable", stdin);
  }
  return parse(it, policy);
}

function parse(it: ReadonlyMap<string, unknown>, policy: Policy): RunPolicy {
  const signal = it.get("signal");
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new OptionError("signal", "an AbortSignal", signal);
  }
  const { wallMs, outputBytes } = policy.limits;
  const timeout = it.get("timeout");
  const output = it.get("maxOutput");
  const window = it.get("window") === undefined ? undefined : parseWindow(it.get("window"));
  const env = it.get("env");
  const terminals = parseTerminals(it.get("tty") ?? window !== undefined);
  if (window !== undefined && !(terminals.stdin && terminals.stdout)) {
    throw new OptionError("window", "a tty of which stdin and stdout are part", window);
  }
  const stderr = it.get("stderr") ?? "apart";
  if (stderr !== "apart" && stderr !== "stdout") throw new OptionError("stderr", '"apart" or "stdout"', stderr);
  return {
    env: env === undefined ? policy.env : new Map([...policy.env, ...parseEnv(env, "env")]),
    cwd: it.get("cwd") === undefined ? policy.cwd : parseGuestPath(it.get("cwd"), "cwd"),
    wallMs: timeout === undefined ? wallMs : parseDuration(timeout, "timeout"),
    outputBytes: output === undefined || output === Infinity ? outputBytes : parseSize(output, "maxOutput"),
    signal,
    terminals,
    window,
    joined: stderr === "stdout",
  };
}

function parseTerminals(value: unknown): RunPolicy["terminals"] {
  if (value === undefined || typeof value === "boolean") {
    return { stdin: value === true, stdout: value === true, stderr: value === true };
  }
  const it = record(value, "tty", ["stdin", "stdout", "stderr"], "true, false or { stdin, stdout, stderr }");
  const each = (key: string) => {
    const flag = it.get(key) ?? false;
    if (typeof flag !== "boolean") throw new OptionError(`tty.${key}`, "true or false", flag);
    return flag;
  };
  return { stdin: each("stdin"), stdout: each("stdout"), stderr: each("stderr") };
}

export function parseWindow(value: unknown): WindowSize {
  const it = record(value, "window", ["rows", "columns"], "{ rows, columns }");
  const each = (key: string) => {
    const count = it.get(key);
    if (typeof count === "number" && Number.isInteger(count) && count >= 0 && count <= 0xffff) return count;
    throw new OptionError(`window.${key}`, "a whole number from 0 to 65535", count);
  };
  return { rows: each("rows"), columns: each("columns") };
}

/** A signal by number or by name, "SIGTERM" or "TERM". */
export function parseSignal(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 64) return value;
  for (const [number, name] of SIGNAL_NAMES) if (value === name || value === name.slice(3)) return number;
  throw new OptionError("signal", 'a signal, such as "SIGTERM" or 15', value);
}
