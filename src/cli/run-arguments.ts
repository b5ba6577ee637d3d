/**
 * Layer: cli. `linden run`'s words to the options of a sandbox: docker's spelling, wasmtime's too. It must not start
 * anything.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { OptionError } from "../sandbox/errors.ts";
import { type LimitOptions, type Mount, parseSandboxOptions, type SandboxOptions } from "../sandbox/options.ts";
import { absoluteImage } from "../store/image-names.ts";
import { HELP, parseMessage, UsageError } from "./usage.ts";

export interface RunRequest {
  readonly program: string;
  readonly args: readonly string[];
  readonly options: SandboxOptions;
  readonly stats: boolean;
  /** Where our streams are a terminal, the program gets one of its own. */
  readonly tty: boolean;
}

const OPTIONS = {
  volume: { type: "string", short: "v", multiple: true },
  image: { type: "string", multiple: true },
  dir: { type: "string", multiple: true },
  tmpfs: { type: "string", multiple: true },
  "read-only": { type: "boolean" },
  workdir: { type: "string", short: "w" },
  env: { type: "string", short: "e", multiple: true },
  "env-file": { type: "string", multiple: true },
  memory: { type: "string", short: "m" },
  timeout: { type: "string" },
  "cpu-time": { type: "string" },
  "max-output": { type: "string" },
  disk: { type: "string" },
  policy: { type: "string" },
  network: { type: "string" },
  "unsafe-no-lock": { type: "boolean" },
  stats: { type: "boolean" },
  rm: { type: "boolean" },
  interactive: { type: "boolean", short: "i" },
  tty: { type: "boolean", short: "t" },
  help: { type: "boolean", short: "h" },
} as const;

/** The request, or "help". UsageError for what cannot be understood; the values are checked by the sandbox room. */
export function parseRun(argv: readonly string[], env: NodeJS.ProcessEnv): RunRequest | "help" {
  const first = programAt(argv);
  const { values } = strictly(() =>
    parseArgs({ args: argv.slice(0, first), options: OPTIONS, allowPositionals: false }),
  );
  if (values.help) return "help";
  const program = argv[first] === "--" ? argv[first + 1] : argv[first];
  if (program === undefined) throw new UsageError("run", "which PROGRAM? A .wasm file or an installed guest");
  const args = argv.slice(first + (argv[first] === "--" ? 2 : 1));

  const policy = values.policy === undefined ? {} : readPolicy(values.policy);
  const mounts: Record<string, Mount> = { ...policy.mounts };
  const named = new Set<string>();
  const add = (at: string, mount: Mount) => {
    if (named.has(at)) throw new UsageError("run", `${at}: two mounts here, by -v, --dir or --tmpfs`);
    named.add(at);
    Object.defineProperty(mounts, at, { value: mount, enumerable: true, configurable: true });
  };
  for (const volume of values.volume ?? []) add(...parseVolume(volume));
  for (const directory of values.dir ?? []) add(...parseDirectory(directory));
  for (const tmpfs of values.tmpfs ?? []) add(...parseTmpfs(tmpfs));
  const variables: [string, string][] = [...Object.entries(policy.env ?? {})];
  for (const file of values["env-file"] ?? []) variables.push(...readEnvFile(file, env));
  for (const variable of values.env ?? []) variables.push(...parseVariable(variable, env));

  const limits: LimitOptions = {
    output: Number.POSITIVE_INFINITY,
    ...policy.limits,
    ...given("memory", values.memory),
    ...given("timeout", milliseconds(values.timeout)),
    ...given("cpu", milliseconds(values["cpu-time"])),
    ...given("output", values["max-output"]),
    ...given("disk", values.disk),
  };
  const options = {
    ...policy,
    mounts,
    env: Object.fromEntries(variables),
    limits,
    ...given("cwd", values.workdir),
    ...given("network", values.network),
    ...given("image", values.image),
    ...(values["read-only"] ? { readOnly: true } : {}),
    ...(values["unsafe-no-lock"] ? { lock: "off" as const } : {}),
  };
  // "network" is any word here; the sandbox room says which there are.
  return { program, args, options: options as SandboxOptions, stats: values.stats ?? false, tty: values.tty ?? false };
}

/** Where the program stands: the first word that is neither an option nor an option's value. */
export function programAt(argv: readonly string[]): number {
  const { tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const stop = tokens.find(({ kind }) => kind !== "option");
  return stop?.index ?? argv.length;
}

function strictly<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError("run", parseMessage(error, Object.keys(OPTIONS)));
  }
}

/** docker's HOST:GUEST[:ro|rw], and podman's HOST:GUEST:O for an overlay. */
function parseVolume(text: string): [string, Mount] {
  const match = /^(.+?):(\/.*?)(?::([^/:]*))?$/.exec(text);
  const [, host, guest, mode] = match ?? [];
  const known = mode === undefined || mode === "ro" || mode === "rw" || mode === "O";
  if (host === undefined || guest === undefined || !known) {
    throw new UsageError("run", `-v ${text}: expected HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:O, with GUEST from /`);
  }
  if (mode === "O") return [guest, { host, overlay: true }];
  return [guest, { host, readOnly: mode === "ro" }];
}

/** wasmtime's HOST[::GUEST]. */
function parseDirectory(text: string): [string, Mount] {
  const [host = "", guest = host] = text.split("::");
  const at = guest === "." ? "/" : guest.replace(/^(\.\/)?(?!\/)/, "/");
  if (host === "" || text.split("::").length > 2) throw new UsageError("run", `--dir ${text}: expected HOST::GUEST`);
  if (at === "/") throw new UsageError("run", `--dir ${text}: the root is the sandbox's own; say --dir ${host}::/work`);
  return [at, { host }];
}

/** DIR[:SIZE], and docker's DIR:size=SIZE. */
function parseTmpfs(text: string): [string, Mount] {
  const [, at, size] = /^(\/[^:]*)(?::(?:size=)?([^,:]+))?$/.exec(text) ?? [];
  if (at === undefined) throw new UsageError("run", `--tmpfs ${text}: expected DIR or DIR:SIZE, with DIR from /`);
  return [at, { tmpfs: size ?? true }];
}

/** NAME=VALUE, or NAME for the caller's own value; a name that is not set there is left out, as docker does. */
function parseVariable(text: string, env: NodeJS.ProcessEnv, where = `-e ${text}`): [string, string][] {
  const equals = text.indexOf("=");
  if (equals === 0 || text === "") throw new UsageError("run", `${where}: expected NAME=VALUE or NAME`);
  if (equals > 0) return [[text.slice(0, equals), text.slice(equals + 1)]];
  const value = env[text];
  return value === undefined ? [] : [[text, value]];
}

function readEnvFile(path: string, env: NodeJS.ProcessEnv): [string, string][] {
  return readText("--env-file", path)
    .split("\n")
    .map((line) => line.replace(/\r$/, "").trimStart())
    .flatMap((line, index) =>
      line === "" || line.startsWith("#") ? [] : parseVariable(line, env, `--env-file ${path}, line ${index + 1}`),
    );
}

/** A policy's host paths are relative to its own place, so that it means the same wherever it is used. */
function readPolicy(path: string): SandboxOptions {
  let policy: unknown;
  try {
    policy = JSON.parse(readText("--policy", path));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError("run", `--policy ${path}: is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof policy !== "object" || policy === null || Array.isArray(policy)) {
    throw new UsageError("run", `--policy ${path}: expected an object with the options of Sandbox.create`);
  }
  const base = dirname(resolve(path));
  try {
    parseSandboxOptions(policy, base);
  } catch (error) {
    if (error instanceof OptionError) throw new UsageError("run", `--policy ${path}: ${error.message}`);
    throw error;
  }
  const given = policy as SandboxOptions;
  const { image } = given;
  const place = (each: unknown) => (typeof each === "string" ? absoluteImage(each, base) : each);
  const options = image === undefined ? given : { ...given, image: [image].flat().map(place) as string[] };
  if (typeof options.mounts !== "object" || options.mounts === null) return options;
  const mounts = Object.entries(options.mounts).map(([at, mount]) => {
    if (typeof mount === "string") return [at, resolve(base, mount)];
    const host = typeof mount === "object" && mount !== null && "host" in mount ? mount.host : undefined;
    return [at, typeof host === "string" ? { ...mount, host: resolve(base, host) } : mount];
  });
  return { ...options, mounts: Object.fromEntries(mounts) };
}

function readText(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : error;
    throw new UsageError("run", `${option} ${path}: cannot be read (${code})`);
  }
}

/** A plain number is milliseconds, as everywhere. */
function milliseconds(text: string | undefined): string | number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function given<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
}

export const RUN_USAGE: string = HELP.get("run") ?? "";
