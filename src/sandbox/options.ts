/**
 * Layer: sandbox. What a caller may ask of a sandbox and of a run, checked into plain policies. A policy file is the same
 * object as JSON. It must not know cells or frames.
 */
import { resolve } from "node:path";
import hostExecution from "../../policies/host-execution.json" with { type: "json" };
import * as defaults from "../limits.ts";
import { absoluteImage } from "../store/image-names.ts";
import { OptionError } from "./errors.ts";
import { toBytes } from "./text.ts";
import { type Duration, parseDuration, parseSize, type Size } from "./units.ts";

/**
 * A host directory, or a fresh directory in memory. A plain string is a host directory, writable. A single file of the
 * host must be read-only: it is copied in when the sandbox starts.
 */
export type Mount =
  | string
  | {
      readonly host: string;
      readonly readOnly?: boolean;
      /**
       * The guest may change everything, and the host's directory stays as it is: changes are kept in memory, in 256m or in
       * what is given here, and go with the sandbox. Not with `readOnly`.
       */
      readonly overlay?: Size | boolean;
      /**
       * Rules of policies/host-execution.json to switch off for this directory, such as "git-hooks": the guest may then
       * make files that the host executes later.
       */
      readonly allow?: readonly string[];
    }
  | { readonly tmpfs: Size | true; readonly readOnly?: boolean };

export interface LimitOptions {
  /** Linear memory of one guest process. Default 512m. The guest sees ENOMEM. */
  readonly memory?: Size;
  /** Wall time of each run. Default: none. Ends with `timedOut`. */
  readonly timeout?: Duration;
  /** CPU time of the whole sandbox. Default: none. Ends with `timedOut`. */
  readonly cpu?: Duration;
  /** Standard output and error of one run, together. Default 64m; Infinity for none. Ends with SIGXFSZ. */
  readonly output?: Size;
  /** Bytes of all files in the sandbox's own file system. Default 256m. The guest sees ENOSPC. */
  readonly disk?: Size;
  /** Files and directories in it. Default 65536. The guest sees ENOSPC. */
  readonly inodes?: number;
  /** Open descriptors of one process. Default 1024. The guest sees EMFILE. */
  readonly descriptors?: number;
  /** Processes alive at once. Default 256. */
  readonly processes?: number;
  /** Bytes of a program. Default 128m. */
  readonly module?: Size;
}

export interface SandboxOptions {
  /** Guest path to what is mounted there: `{ "/data": { host: "./data", readOnly: true }, "/tmp": { tmpfs: "64m" } }`. */
  readonly mounts?: Readonly<Record<string, Mount>>;
  /** Environment of every run. Nothing of the caller's own is handed in. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where runs start, and what relative paths of `files` are relative to; made where it is missing. Default "/". */
  readonly cwd?: string;
  /** The root file system cannot be written; mounts can. */
  readonly readOnly?: boolean;
  readonly network?: "none";
  /** "required" (default): no start without every layer of the lock. "off": the inner layer alone. */
  readonly lock?: "required" | "off";
  readonly limits?: LimitOptions;
  readonly hostname?: string;
  /**
   * What the sandbox starts with: programs that can be run by name, and executed by other programs. The name of an image that
   * `linden image build` made or `load` took, or several, "busybox,bash"; an archive of `linden image pack`, "./tools.tar"; a
   * directory of the host, "./rootfs". Of several in a list, the last one's files lie on top. A path has a "/" in it.
   */
  readonly image?: string | readonly string[];
}

export type HostMount = {
  readonly kind: "host";
  readonly at: string;
  /** Absolute path on the host. */
  readonly host: string;
  /** An overlay's directory is. */
  readonly readOnly: boolean;
  /** Bytes of changes. */
  readonly overlay?: number;
  readonly allow?: readonly string[];
};
export type MemoryMount = {
  readonly kind: "memory";
  readonly at: string;
  readonly bytes: number;
  readonly readOnly: boolean;
};

/** SandboxOptions with every default in its place and every unit resolved. */
export interface Policy {
  readonly mounts: readonly (HostMount | MemoryMount)[];
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly readOnly: boolean;
  readonly lock: "required" | "off";
  readonly hostname: string;
  /** Names of images and absolute paths on the host, the lowest first. */
  readonly images: readonly string[];
  readonly limits: {
    readonly memoryBytes: number;
    readonly wallMs: number | undefined;
    readonly cpuMs: number | undefined;
    readonly outputBytes: number;
    readonly fsBytes: number;
    readonly fsInodes: number;
    readonly descriptors: number;
    readonly processes: number;
    readonly moduleBytes: number;
  };
}

const SANDBOX_KEYS = ["mounts", "env", "cwd", "readOnly", "network", "lock", "limits", "hostname", "image"];
const LIMIT_KEYS = [
  "memory",
  "timeout",
  "cpu",
  "output",
  "disk",
  "inodes",
  "descriptors",
  "processes",
  "module",
] as const;

/** Check a caller's options; relative host paths are relative to `base`. OptionError says what is wrong. */
export function parseSandboxOptions(options: unknown, base: string): Policy {
  const it = record(options ?? {}, "options", SANDBOX_KEYS);
  const network = it.get("network") ?? "none";
  if (network !== "none") throw new OptionError("network", '"none" (no other network is available yet)', network);
  const lock = it.get("lock") ?? "required";
  if (lock !== "required" && lock !== "off") throw new OptionError("lock", '"required" or "off"', lock);
  return {
    mounts: parseMounts(it.get("mounts"), base),
    env: parseEnv(it.get("env"), "env"),
    cwd: parseGuestPath(it.get("cwd") ?? "/", "cwd"),
    readOnly: parseBoolean(it.get("readOnly") ?? false, "readOnly"),
    lock,
    hostname: parseHostname(it.get("hostname") ?? "linden"),
    images: parseImages(it.get("image") ?? [], base),
    limits: parseLimits(it.get("limits")),
  };
}

/** Images over each other at most. */
const IMAGES = 16;

function parseImages(value: unknown, base: string): readonly string[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (all.length > IMAGES) throw new OptionError("image", `at most ${IMAGES} over each other`, all.length);
  return all.map((each) => {
    if (typeof each !== "string" || each === "") {
      throw new OptionError("image", "a name, the path of an archive or of a directory, or a list of these", each);
    }
    toBytes(each, "image");
    return absoluteImage(each, base);
  });
}

function parseLimits(value: unknown): Policy["limits"] {
  const it = record(value ?? {}, "limits", LIMIT_KEYS);
  const size = (key: (typeof LIMIT_KEYS)[number], otherwise: number) =>
    it.get(key) === undefined ? otherwise : parseSize(it.get(key), `limits.${key}`);
  const time = (key: (typeof LIMIT_KEYS)[number], otherwise: number | undefined) =>
    it.get(key) === undefined ? otherwise : parseDuration(it.get(key), `limits.${key}`);
  const count = (key: (typeof LIMIT_KEYS)[number], otherwise: number, from: number, to: number) => {
    const number = it.get(key) ?? otherwise;
    if (typeof number !== "number" || !Number.isInteger(number) || number < from || number > to) {
      throw new OptionError(`limits.${key}`, `a whole number from ${from} to ${to}`, number);
    }
    return number;
  };
  const memoryBytes = size("memory", defaults.MEMORY_BYTES);
  if (memoryBytes < PAGE_BYTES || memoryBytes > 2 ** 32) {
    throw new OptionError("limits.memory", 'from "64k" to "4g", what WebAssembly can address', it.get("memory"));
  }
  return {
    memoryBytes: Math.floor(memoryBytes / PAGE_BYTES) * PAGE_BYTES,
    wallMs: time("timeout", defaults.WALL_MS),
    cpuMs: time("cpu", defaults.CPU_SECONDS === undefined ? undefined : defaults.CPU_SECONDS * 1000),
    outputBytes: it.get("output") === Infinity ? Infinity : size("output", defaults.OUTPUT_BYTES),
    fsBytes: size("disk", defaults.FS_BYTES),
    fsInodes: count("inodes", defaults.FS_INODES, 16, 2 ** 24),
    descriptors: count("descriptors", defaults.DESCRIPTORS, 16, 65_536),
    processes: count("processes", defaults.PROCESSES, 1, 4096),
    moduleBytes: Math.min(size("module", defaults.MODULE_BYTES), defaults.MODULE_BYTES),
  };
}

/** Bytes of a page of WebAssembly. */
const PAGE_BYTES = 65_536;

function parseMounts(value: unknown, base: string): Policy["mounts"] {
  const mounts: (HostMount | MemoryMount)[] = [];
  const seen = new Set<string>();
  for (const [key, mount] of record(value ?? {}, "mounts")) {
    const option = `mounts[${JSON.stringify(key)}]`;
    const at = parseGuestPath(key, option);
    if (at === "/") throw new OptionError(option, "a path below /: the root is the sandbox's own file system");
    if (RESERVED.some((path) => at === path || at.startsWith(`${path}/`))) {
      throw new OptionError(option, `a path outside ${RESERVED.join(", ")}, which the sandbox provides itself`);
    }
    if (seen.has(at)) throw new OptionError(option, "one mount for each path", key);
    seen.add(at);
    mounts.push(parseMount(mount, at, option, base));
  }
  if (mounts.length > MOUNTS) throw new OptionError("mounts", `at most ${MOUNTS}`, mounts.length);
  // A mount below another one needs the outer one first.
  return mounts.sort((a, b) => a.at.length - b.at.length);
}

const MOUNTS = 100;
/** Where the sandbox's own file systems are mounted. */
const RESERVED = ["/dev", "/proc", "/run/linden"];

function parseMount(value: unknown, at: string, option: string, base: string): HostMount | MemoryMount {
  if (typeof value === "string") return { kind: "host", at, host: hostPath(value, option, base), readOnly: false };
  const it = record(
    value,
    option,
    ["host", "tmpfs", "readOnly", "allow", "overlay"],
    "a host directory, or { host, readOnly, overlay, allow } or { tmpfs }",
  );
  const readOnly = parseBoolean(it.get("readOnly") ?? false, `${option}.readOnly`);
  const host = it.get("host");
  const tmpfs = it.get("tmpfs");
  if ((host === undefined) === (tmpfs === undefined)) throw new OptionError(option, 'either "host" or "tmpfs"');
  const allow = parseRuleNames(it.get("allow"), `${option}.allow`);
  const overlay = parseOverlay(it.get("overlay"), `${option}.overlay`);
  if (overlay !== undefined) {
    if (host === undefined) throw new OptionError(`${option}.overlay`, "a host directory below it");
    if (readOnly) throw new OptionError(`${option}.overlay`, "no readOnly: what is changed stays in memory");
    if (allow !== undefined) throw new OptionError(`${option}.allow`, "no overlay: nothing of it reaches the host");
    return { kind: "host", at, host: hostPath(host, `${option}.host`, base), readOnly: true, overlay };
  }
  if (host !== undefined) {
    return { kind: "host", at, host: hostPath(host, `${option}.host`, base), readOnly, ...(allow && { allow }) };
  }
  if (allow !== undefined) throw new OptionError(`${option}.allow`, "a host directory: nothing in memory is executed");
  const bytes = tmpfs === true ? defaults.FS_BYTES : parseSize(tmpfs, `${option}.tmpfs`);
  return { kind: "memory", at, bytes, readOnly };
}

/** Bytes of an overlay's changes; undefined for none. */
function parseOverlay(value: unknown, option: string): number | undefined {
  if (value === undefined || value === false) return undefined;
  return value === true ? defaults.FS_BYTES : parseSize(value, option);
}

const EXECUTION_RULES = hostExecution.rules.map((rule) => rule.name);

function parseRuleNames(value: unknown, option: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new OptionError(option, "a list of rules", value);
  return value.map((name: unknown) => {
    if (typeof name === "string" && EXECUTION_RULES.includes(name)) return name;
    throw new OptionError(option, `rules out of ${EXECUTION_RULES.join(", ")}`, name);
  });
}

function hostPath(value: unknown, option: string, base: string): string {
  if (typeof value !== "string" || value === "") throw new OptionError(option, "the path of a host directory", value);
  toBytes(value, option);
  return resolve(base, value);
}

/** An absolute guest path without "." and "..", made plain. */
export function parseGuestPath(value: unknown, option: string): string {
  if (typeof value !== "string" || !value.startsWith("/")) {
    throw new OptionError(option, 'an absolute path inside the sandbox, such as "/data"', value);
  }
  toBytes(value, option);
  const parts = value.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new OptionError(option, 'a path without ".."', value);
  const path = `/${parts.join("/")}`;
  if (Buffer.byteLength(path) > PATH_BYTES) throw new OptionError(option, `a path up to ${PATH_BYTES} bytes`);
  return path;
}

/** PATH_MAX without its NUL. */
const PATH_BYTES = 4095;

export function parseEnv(value: unknown, option: string): ReadonlyMap<string, string> {
  const env = new Map<string, string>();
  for (const [name, text] of record(value ?? {}, option)) {
    if (name === "" || name.includes("=")) throw new OptionError(option, 'names without "="', name);
    if (typeof text !== "string") throw new OptionError(`${option}.${name}`, "a string", text);
    toBytes(name, option);
    toBytes(text, `${option}.${name}`);
    env.set(name, text);
  }
  return env;
}

function parseHostname(value: unknown): string {
  if (typeof value !== "string" || !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(value)) {
    throw new OptionError("hostname", "letters, digits, dots and hyphens, up to 64", value);
  }
  return value;
}

export function parseBoolean(value: unknown, option: string): boolean {
  if (typeof value !== "boolean") throw new OptionError(option, "true or false", value);
  return value;
}

/** Own enumerable properties of a plain object; with `known`, no others. Undefined values count as absent. */
export function record(
  value: unknown,
  option: string,
  known?: readonly string[],
  expected = "an object",
): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new OptionError(option, expected, value);
  const entries = new Map<string, unknown>();
  for (const [key, each] of Object.entries(value)) {
    if (each === undefined) continue;
    entries.set(key, each);
    if (known !== undefined && !known.includes(key)) {
      throw new OptionError(option === "options" ? key : `${option}.${key}`, `one of ${known.join(", ")}`, key);
    }
  }
  return entries;
}
