/** Layer: lockdown, isolate. What an isolate is asked to be, checked. It must not know how one is made. */
import { lstatSync } from "node:fs";
import { posix, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ISOLATE_BYTES, OUTPUT_BYTES } from "../../limits.ts";
import { CAPABILITY_NAMES, type Capability } from "../capabilities.ts";
import { IsolateFailed, PathDoesNotExist } from "../context/errors.ts";
import type { RuleSet } from "../context/rule-set.ts";
import { SafetyContext } from "../context/safety-context.ts";

/** A file, directory or socket of the host (a string alone is writable), or a file system in memory of its own. */
export type IsolateMount =
  | string
  | { readonly host: string; readonly readOnly?: boolean }
  | { readonly tmpfs: number | string };

export type IsolateOptions = {
  /** Path inside to what is there: `{ "/data": { host: "./data", readOnly: true } }`. */
  readonly mounts?: Readonly<Record<string, IsolateMount>>;
  /** "none" (default): a network of its own without any interface but loopback. "host": the host's. */
  readonly network?: "none" | "host";
  /** Bytes, or "1m", that all files in the isolate's own root may take. Default 10m. */
  readonly tmpfsSize?: number | string;
  /** The whole environment. Nothing of the caller's own is handed in. */
  readonly env?: Readonly<Record<string, string>>;
  /** A context, or rule sets of one, that holds every thread before the function runs. */
  readonly rules?: SafetyContext | readonly (RuleSet | string)[];
  /** User and group inside. Default 0. Outside it is the caller all the same. */
  readonly uid?: number;
  readonly gid?: number;
  /** Capabilities over the isolate's own namespaces. Default: none. */
  readonly capabilities?: readonly Capability[];
  /** What is read from standard input. */
  readonly input?: string | Uint8Array;
  /** Milliseconds after which the isolate is killed. Default: none. */
  readonly timeout?: number;
  /** Bytes of standard output and error, together, after which the isolate is killed. Default 64 MiB. */
  readonly outputBytes?: number;
  /** The program that has the hook. Default: the one that runs. */
  readonly entry?: URL | string;
  /** Options of Node. Default: this process's own, but for preloads, inspectors and --eval. */
  readonly execArgv?: readonly string[];
};

export type CheckedMount =
  | { readonly at: string; readonly host: string; readonly readOnly: boolean }
  | { readonly at: string; readonly bytes: number };

export type CheckedOptions = {
  readonly name: string;
  readonly mounts: readonly CheckedMount[];
  readonly network: "none" | "host";
  readonly bytes: number;
  readonly env: Readonly<Record<string, string>>;
  readonly context: SafetyContext | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly capabilities: readonly Capability[];
  readonly input: string | Uint8Array | undefined;
  readonly timeout: number | undefined;
  readonly outputBytes: number;
  readonly entry: string;
  readonly execArgv: readonly string[];
};

/** Set by the library, for the hook. */
export const MARK = "LINDEN_ISOLATE";

const KEYS: readonly (keyof IsolateOptions)[] = [
  "mounts",
  "network",
  "tmpfsSize",
  "env",
  "rules",
  "uid",
  "gid",
  "capabilities",
  "input",
  "timeout",
  "outputBytes",
  "entry",
  "execArgv",
];
/** The last id a map of one line may have (user_namespaces(7)). */
const LAST_ID = 2 ** 32 - 2;

/** Throws IsolateFailed, or PathDoesNotExist, naming the option. */
export function checkedOptions(name: string, options: IsolateOptions): CheckedOptions {
  const wrong = (option: string, expected: string, got: unknown): never => {
    throw new IsolateFailed(`Isolate.run(${JSON.stringify(name)}): ${option}: expected ${expected}, got ${text(got)}`);
  };
  if (typeof name !== "string" || name === "" || name.includes("\0")) return wrong("name", "a name", name);
  if (typeof options !== "object" || options === null) return wrong("options", "an object", options);
  for (const key of Object.keys(options)) {
    if (!KEYS.includes(key as keyof IsolateOptions)) wrong(key, `one of ${KEYS.join(", ")}`, key);
  }
  const whole = (option: string, value: unknown, least: number, most: number): number =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
      ? value
      : wrong(option, `a whole number from ${least} to ${most}`, value);
  const { network = "none", env = {}, capabilities = [], input, timeout, entry = process.argv[1] } = options;
  if (network !== "none" && network !== "host") wrong("network", '"none" or "host"', network);
  if (!Array.isArray(capabilities)) wrong("capabilities", "a list of names", capabilities);
  for (const each of capabilities) {
    if (!CAPABILITY_NAMES.includes(each)) wrong("capabilities", "names such as CAP_SYS_ADMIN", each);
  }
  if (capabilities.includes("CAP_SYS_ADMIN") && process.geteuid?.() === 0) {
    const danger =
      "another one than CAP_SYS_ADMIN: the isolate is this machine's root to /proc/sys, and could mount it anew";
    wrong("capabilities", `an ordinary user as the caller, or ${danger}`, "CAP_SYS_ADMIN");
  }
  for (const [key, value] of Object.entries(env)) {
    if (key === "" || /[=\0]/.test(key) || key === MARK) wrong("env", `names without "=", and not ${MARK}`, key);
    if (typeof value !== "string" || value.includes("\0")) wrong(`env.${key}`, "a text without NUL", value);
  }
  if (input !== undefined && typeof input !== "string" && !(input instanceof Uint8Array))
    wrong("input", "a text or bytes", input);
  if (typeof entry !== "string" && !(entry instanceof URL && entry.protocol === "file:"))
    wrong("entry", "the file of a program with Isolate.mainHook (node -e has none)", entry);
  return {
    name,
    mounts: checkedMounts(options.mounts ?? {}, wrong),
    network,
    bytes: bytesOf(options.tmpfsSize ?? ISOLATE_BYTES, "tmpfsSize", wrong),
    env: { ...env },
    context: contextOf(options.rules, wrong),
    uid: whole("uid", options.uid ?? 0, 0, LAST_ID),
    gid: whole("gid", options.gid ?? 0, 0, LAST_ID),
    capabilities,
    input,
    timeout: timeout === undefined ? undefined : whole("timeout", timeout, 1, 2 ** 31 - 1),
    outputBytes: whole("outputBytes", options.outputBytes ?? OUTPUT_BYTES, 0, Number.MAX_SAFE_INTEGER),
    entry: entry instanceof URL ? fileURLToPath(entry) : resolve(entry ?? ""),
    execArgv: options.execArgv ?? process.execArgv.filter(isHarmless),
  };
}

type Wrong = (option: string, expected: string, got: unknown) => never;

function checkedMounts(mounts: Readonly<Record<string, unknown>>, wrong: Wrong): CheckedMount[] {
  if (typeof mounts !== "object" || mounts === null) return wrong("mounts", "an object of paths", mounts);
  const found = Object.entries(mounts).map(([path, mount]): CheckedMount => {
    const option = `mounts[${JSON.stringify(path)}]`;
    if (!path.startsWith("/") || path.includes("\0") || path.split("/").some((part) => part === ".." || part === ".")) {
      return wrong(option, "an absolute path without . and ..", path);
    }
    const at = posix.join(path, ".").replace(/(.)\/$/, "$1");
    if (at === "/proc" || at.startsWith("/proc/")) return wrong(option, "a path outside /proc, which is its own", path);
    const it = (typeof mount === "string" ? { host: mount } : mount) as {
      host?: unknown;
      tmpfs?: unknown;
      readOnly?: unknown;
    } | null;
    if (typeof it !== "object" || it === null) return wrong(option, "a path of the host, { host } or { tmpfs }", mount);
    const strange = Object.keys(it).find((key) => !["host", "readOnly", "tmpfs"].includes(key));
    if (strange !== undefined) return wrong(option, "host, readOnly or tmpfs", strange);
    const { host, tmpfs, readOnly = false } = it;
    if (tmpfs !== undefined && host === undefined) {
      if (at === "/") return wrong(option, "tmpfsSize for the root", mount);
      return { at, bytes: bytesOf(tmpfs, `${option}.tmpfs`, wrong) };
    }
    if (typeof host !== "string" || host === "" || host.includes("\0") || tmpfs !== undefined)
      return wrong(option, "a path of the host, { host } or { tmpfs }", mount);
    if (typeof readOnly !== "boolean") return wrong(`${option}.readOnly`, "true or false", readOnly);
    const source = resolve(host);
    if (at === "/" && source !== "/")
      return wrong(option, 'a path below /; only the host\'s "/" itself can be there', host);
    demandThere(source, option);
    return { at, host: source, readOnly };
  });
  // A mount below another one needs the outer one first.
  return found.sort((a, b) => a.at.length - b.at.length);
}

function demandThere(path: string, option: string): void {
  try {
    lstatSync(path);
  } catch (error) {
    throw new PathDoesNotExist(path, `Isolate.run: ${option}`, (error as NodeJS.ErrnoException).code ?? String(error));
  }
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function bytesOf(size: unknown, option: string, wrong: Wrong): number {
  const parsed = typeof size === "string" ? /^(\d{1,12})([kmg]?)$/.exec(size.toLowerCase()) : undefined;
  const bytes = typeof size === "number" ? size : Number(parsed?.[1]) * (UNITS[parsed?.[2] ?? ""] ?? Number.NaN);
  if (Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  return wrong(option, 'bytes of at least 1, or a text such as "10m"', size);
}

function contextOf(rules: unknown, wrong: Wrong): SafetyContext | undefined {
  if (rules === undefined) return undefined;
  if (rules instanceof SafetyContext) return rules;
  if (!Array.isArray(rules)) return wrong("rules", "a SafetyContext, or a list of rule sets", rules);
  const context = new SafetyContext();
  for (const rule of rules) context.enable(rule);
  return context;
}

/** What another process may have too: nothing that names a file of the host, opens a port or replaces the program. */
function isHarmless(option: string, index: number, all: readonly string[]): boolean {
  const takesValue = /^(--import|--require|-r|--loader|--experimental-loader|--eval|-e|--print|-p|-pe|--env-file)$/;
  if (index > 0 && takesValue.test(all[index - 1] ?? "")) return false;
  return (
    !takesValue.test(option) &&
    !/^--(import|require|loader|experimental-loader|eval|print|env-file|input-type|inspect|watch|test)/.test(option)
  );
}

function text(got: unknown): string {
  try {
    return typeof got === "string" || typeof got === "object" ? JSON.stringify(got) : String(got);
  } catch {
    return String(got);
  }
}
