/**
 * Layer: sandbox. From what a caller calls a program to the module on disk: a .wasm file, or a guest that an npm package
 * declares. It must not read more than the first bytes of a module, nor know cells.
 *
 * A package declares guests in its package.json: `"linden": { "guests": { "python": { "module": "dist/python.wasm" } } }`,
 * with `entry`, `args`, `env`, `files`, `script` and `description` where needed. guests.json does it for packages that do
 * not know Linden. `files` are laid under /run/linden/NAME inside the sandbox; an argument "$PWD" is the working directory;
 * a variable whose name ends in PATH goes before the caller's own value of it.
 *
 * WASI has no working directory: a guest that can be told one is (`args`, `files`), and `script` says which argument is
 * a file to be made absolute because the guest looks it up before that.
 */
import { constants, existsSync, readFileSync, realpathSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { didYouMean } from "../lockdown/nearest.ts";
import { ENTRIES, type Entry } from "../wire/frames.ts";
import { LindenError, NotRunnable, OptionError, ProgramNotFound } from "./errors.ts";
import KNOWN_GUESTS from "./guests.json" with { type: "json" };
import type { Image } from "./image.ts";
import { parseEnv, record } from "./options.ts";
import { escapeText } from "./text.ts";

/** A program that can be sent to a cell. */
export interface Program {
  /** argv[0]. */
  readonly name: string;
  /** The module on the host. */
  readonly path: string;
  readonly entry: Entry;
  /** Put before the caller's own arguments. */
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** Name below /run/linden/NAME to content. */
  readonly files: ReadonlyMap<string, string>;
  /** How to find the script among the arguments. */
  readonly script: ScriptRule | undefined;
}

/** A script is the first argument that is no option: `ending` letters come instead of one, `valued` letters take a value. */
export interface ScriptRule {
  readonly ending: string;
  readonly valued: string;
  readonly valuedLong: readonly string[];
}

export interface InstalledGuest extends Program {
  readonly package: string;
  readonly version: string;
  readonly description: string;
}

/** The first bytes of every WebAssembly module: magic and version 1. */
const MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
const ELF = Buffer.from("\x7fELF", "latin1");
const GUEST_NAME = /^[a-z0-9][a-z0-9._+-]{0,63}$/;

/**
 * Find a program. A path is the host's, unless it is absolute and the image has a file there; a name is a guest's before it is one of the
 * image's commands. ProgramNotFound, NotRunnable or OptionError say why not.
 */
export async function findProgram(name: string, cwd: string, image?: Image): Promise<Program> {
  if (typeof name !== "string" || name === "") throw new OptionError("program", "a .wasm file or a guest's name", name);
  const command = image?.programOf(name);
  const inImage = async (file: string) => {
    await checkModule(file, name);
    return plainProgram(name, file);
  };
  if (command !== undefined && name.startsWith("/")) return inImage(command);
  if (name.includes("/") || name.endsWith(".wasm") || name === "." || name === "..") {
    const path = resolve(cwd, name);
    if (image !== undefined && name.startsWith("/") && !existsSync(path)) {
      const meant = escapeText(didYouMean(name, image.alike(name)));
      throw new ProgramNotFound(
        `${escapeText(name)}: no such file of this machine, and no program of the image${meant}`,
      );
    }
    await checkModule(path, name);
    return plainProgram(name, path);
  }
  const guest = findKnownGuest(name, cwd) ?? installedGuests(cwd).find((each) => each.name === name);
  if (guest !== undefined) {
    await checkModule(guest.path, name);
    return guest;
  }
  if (command !== undefined) return inImage(command);
  for (const [packageName, guests] of Object.entries(KNOWN_GUESTS)) {
    if (Object.hasOwn(guests, name)) {
      throw new ProgramNotFound(`${name}: not installed; npm install ${packageName} brings it`);
    }
  }
  const meant = existsSync(resolve(cwd, name))
    ? `; did you mean "./${escapeText(name)}"?`
    : escapeText(didYouMean(name, [...installedGuests(cwd).map((each) => each.name), ...(image?.alike(name) ?? [])]));
  throw new ProgramNotFound(
    `${escapeText(name)}: no guest of this name is installed (linden guests lists them), ${image === undefined ? "" : "the image has no such program, "}and it is no path of a .wasm file${meant}`,
  );
}

function plainProgram(name: string, path: string): Program {
  return { name, path, entry: "wasi-command", args: [], env: new Map(), files: new Map(), script: undefined };
}

/** Every guest that packages here declare, those of `cwd`'s project first. */
export function installedGuests(cwd: string): readonly InstalledGuest[] {
  const found = new Map<string, InstalledGuest>();
  for (const packageName of [...Object.keys(KNOWN_GUESTS), ...dependencies(cwd)]) {
    const directory = findPackage(packageName, cwd);
    if (directory === undefined) continue;
    const manifest = readManifest(directory);
    const own =
      manifest.linden === undefined ? undefined : record(manifest.linden, `${packageName}: linden`).get("guests");
    const declared = own ?? Object.entries(KNOWN_GUESTS).find(([known]) => known === packageName)?.[1];
    if (declared === undefined) continue;
    for (const [name, guest] of record(declared, `${packageName}: linden.guests`)) {
      if (found.has(name)) continue;
      found.set(name, {
        ...parseGuest(name, guest, directory, packageName),
        package: packageName,
        version: typeof manifest.version === "string" ? manifest.version : "",
      });
    }
  }
  return [...found.values()];
}

/** The short way for the guests of guests.json: no manifest is read. */
function findKnownGuest(name: string, cwd: string): Program | undefined {
  for (const [packageName, guests] of Object.entries(KNOWN_GUESTS)) {
    const guest = Object.entries(guests).find(([known]) => known === name)?.[1];
    if (guest === undefined) continue;
    const directory = findPackage(packageName, cwd);
    if (directory !== undefined) return parseGuest(name, guest, directory, packageName);
  }
  return undefined;
}

function parseGuest(name: string, value: unknown, directory: string, packageName: string) {
  const option = `${packageName}: linden.guests.${name}`;
  const it = record(value, option, ["module", "entry", "args", "env", "files", "script", "description"]);
  if (!GUEST_NAME.test(name)) throw new OptionError(option, "a name of small letters, digits and ._+-", name);
  const module = it.get("module");
  if (typeof module !== "string") throw new OptionError(`${option}.module`, "the path of a .wasm file", module);
  const path = resolve(directory, module);
  if (!path.startsWith(directory + sep)) throw new OptionError(`${option}.module`, "a path inside the package", module);
  const entry = ENTRIES.find((each) => each === (it.get("entry") ?? "wasi-command"));
  if (entry === undefined) throw new OptionError(`${option}.entry`, `one of ${ENTRIES.join(", ")}`, it.get("entry"));
  const args = parseStrings(it.get("args") ?? [], `${option}.args`);
  const files = new Map<string, string>();
  for (const [file, content] of record(it.get("files") ?? {}, `${option}.files`)) {
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(file) || typeof content !== "string") {
      throw new OptionError(`${option}.files`, "plain file names with text", file);
    }
    files.set(file, content);
  }
  const description = it.get("description");
  return {
    name,
    path,
    entry,
    args,
    env: parseEnv(it.get("env"), `${option}.env`),
    files,
    script: it.get("script") === undefined ? undefined : parseScriptRule(it.get("script"), `${option}.script`),
    description: typeof description === "string" ? description : "",
  };
}

function parseScriptRule(value: unknown, option: string): ScriptRule {
  const it = record(value, option, ["ending", "valued", "valuedLong"]);
  const letters = (key: string) => {
    const text = it.get(key) ?? "";
    if (typeof text !== "string") throw new OptionError(`${option}.${key}`, "option letters", text);
    return text;
  };
  return {
    ending: letters("ending"),
    valued: letters("valued"),
    valuedLong: parseStrings(it.get("valuedLong") ?? [], `${option}.valuedLong`),
  };
}

function parseStrings(value: unknown, option: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
    throw new OptionError(option, "a list of strings", value);
  }
  return value;
}

/** The whole argument list of a program that starts in `cwd`, a guest path. */
export function argumentsOf(program: Program, args: readonly string[], cwd: string): readonly string[] {
  const own = [...args];
  const at = program.script === undefined ? -1 : scriptAt(program.script, own);
  const script = own[at];
  if (script !== undefined && !script.startsWith("/")) own[at] = cwd === "/" ? `/${script}` : `${cwd}/${script}`;
  return [...program.args.map((each) => (each === "$PWD" ? cwd : each)), ...own];
}

function scriptAt(rule: ScriptRule, args: readonly string[]): number {
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? "";
    if (arg === "-") return -1;
    if (arg === "--") return at + 1;
    if (!arg.startsWith("-")) return at;
    if (arg.startsWith("--")) {
      if (rule.valuedLong.includes(arg)) at += 1;
      continue;
    }
    const letters = [...arg.slice(1)];
    const special = letters.findIndex((each) => rule.ending.includes(each) || rule.valued.includes(each));
    const letter = letters[special];
    if (letter === undefined) continue;
    if (rule.ending.includes(letter)) return -1;
    if (special === letters.length - 1) at += 1;
  }
  return -1;
}

async function checkModule(path: string, name: string): Promise<void> {
  const shown = escapeText(name);
  try {
    // A named pipe that nobody writes to must not hold the caller for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) {
        throw new NotRunnable(`${shown}: is ${found.isDirectory() ? "a directory" : "no regular file"}, not a program`);
      }
      const head = Buffer.alloc(MAGIC.length);
      const { bytesRead } = await file.read(head, 0, MAGIC.length, 0);
      if (bytesRead < MAGIC.length || !head.equals(MAGIC)) {
        throw new NotRunnable(`${shown}: is no WebAssembly module (version 1)${otherKind(path, head)}`);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof LindenError) throw error;
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") throw new ProgramNotFound(`${shown}: no such file`);
    throw new NotRunnable(`${shown}: cannot be read (${code})`);
  }
}

/** What is often taken for a program that runs here, and the way it does. */
function otherKind(path: string, head: Buffer): string {
  if (head.subarray(0, ELF.length).equals(ELF)) {
    return `, but a native program: "linden cc" compiles its source for the sandbox, "linden jail" holds it as it is`;
  }
  if (head.subarray(0, 2).toString() !== "#!" && !/\.(js|lua|pl|py|rb|sh|tcl)$/.test(path)) return "";
  return `, but a script: run its interpreter, with the script mounted, such as linden run -v .:/work:ro -w /work python script.py`;
}

/** The directory of an installed package: node_modules of `cwd` and above, then of Linden's own place and above. */
function findPackage(name: string, cwd: string): string | undefined {
  for (const start of [cwd, import.meta.dirname]) {
    for (let at = resolve(start); ; at = dirname(at)) {
      const directory = join(at, "node_modules", name);
      if (existsSync(join(directory, "package.json"))) return realpathSync(directory);
      if (dirname(at) === at) break;
    }
  }
  return undefined;
}

/** Names in the dependencies of the project `cwd` is in. */
function dependencies(cwd: string): readonly string[] {
  for (let at = resolve(cwd); ; at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) {
      const manifest = readManifest(at);
      return ["dependencies", "devDependencies", "optionalDependencies"].flatMap((key) => {
        const value = manifest[key];
        return typeof value === "object" && value !== null ? Object.keys(value).filter(isPackageName) : [];
      });
    }
    if (dirname(at) === at) return [];
  }
}

function isPackageName(name: string): boolean {
  return /^(@[a-z0-9~._-]+\/)?[a-z0-9~_-][a-z0-9~._-]*$/i.test(name);
}

function readManifest(directory: string): Record<string, unknown> {
  const path = join(directory, "package.json");
  try {
    const manifest: unknown = JSON.parse(readFileSync(path, "utf8"));
    return Object.fromEntries(record(manifest, path));
  } catch (error) {
    if (error instanceof LindenError) throw error;
    throw new OptionError(path, "a readable package.json in JSON");
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}
