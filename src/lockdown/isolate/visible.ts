/**
 * Layer: lockdown, isolate. What of the host an isolate sees because Node could not start otherwise: the engine, its
 * libraries, the program's package and this library. All of it read-only. It must not know how it gets there.
 */
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { IsolateFailed } from "../context/errors.ts";
import { ENGINE, engineFiles } from "../launch/engine-files.ts";

export type Visible = {
  /** Path inside to path of the host. */
  readonly binds: ReadonlyMap<string, string>;
  /** Path inside to what the link says. */
  readonly links: ReadonlyMap<string, string>;
  readonly engine: string;
  readonly entry: string;
};

/** Throws IsolateFailed where the program or the engine has no path any more. */
export function visibleFiles(entry: string): Visible {
  const binds = new Map<string, string>();
  const links = new Map<string, string>();
  const show = (path: string): void => {
    const place = followed(path, links);
    binds.set(place, realpathSync(path));
  };
  const engine = readlinkSync(ENGINE);
  if (!existsSync(engine)) throw new IsolateFailed(`the engine ${engine} is not there any more`);
  show(engine);
  const file = openSync(engine, "r");
  try {
    for (const { path } of engineFiles(file)) {
      if (!existsSync(path)) continue;
      for (const name of namesOf(path)) show(name);
    }
  } finally {
    closeSync(file);
  }
  // The loader's cache has paths through these, where the machine has them as links.
  for (const root of ["/lib", "/lib64"]) if (existsSync(root)) followed(join(root, "x"), links);
  let main: string;
  try {
    main = realpathSync(entry);
  } catch {
    throw new IsolateFailed(`the program ${entry} is not there; name another one by the option "entry"`);
  }
  for (const path of [...packageDirectories(main), ...packageDirectories(import.meta.filename)]) show(path);
  return { binds: withoutNested(binds), links, engine, entry: main };
}

/** A library is mapped by its real name and looked for by the links beside it. */
function namesOf(path: string): string[] {
  const [stem = ""] = basename(path).split(".so");
  const beside =
    stem === basename(path) ? [] : readdirSync(dirname(path)).filter((name) => name.startsWith(`${stem}.so`));
  const same = beside.map((name) => join(dirname(path), name)).filter((name) => isSame(name, path));
  return [path, ...same];
}

function isSame(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

/** Where a path is once links among its directories are followed; notes those links. */
function followed(path: string, links: Map<string, string>): string {
  let place = "/";
  const parts = path.split("/").filter(Boolean);
  for (const part of parts.slice(0, -1)) {
    const next = join(place, part);
    if (!lstatSync(next).isSymbolicLink()) {
      place = next;
      continue;
    }
    links.set(next, readlinkSync(next));
    place = realpathSync(next);
  }
  return join(place, parts.at(-1) ?? "");
}

/**
 * The directory of the package a file belongs to, and every node_modules it may import from; only the file itself where it
 * belongs to no package.
 */
function packageDirectories(file: string): string[] {
  let own: string | undefined;
  const modules: string[] = [];
  for (let directory = dirname(file); ; directory = dirname(directory)) {
    if (own === undefined && existsSync(join(directory, "package.json"))) own = directory;
    if (existsSync(join(directory, "node_modules"))) modules.push(join(directory, "node_modules"));
    if (directory === dirname(directory)) break;
  }
  if (own !== undefined && isWide(own)) {
    throw new IsolateFailed(
      `the package of ${file} is ${own}: the isolate would see all of it. Give the program a directory with a package.json of its own`,
    );
  }
  return [own ?? file, ...modules];
}

/** Whether a directory holds somebody's home: a package.json there is an accident, and what is beside it is private. */
function isWide(directory: string): boolean {
  const home = existsSync(homedir()) ? realpathSync(homedir()) : homedir();
  return directory === "/" || home === directory || home.startsWith(`${directory}/`);
}

/** What is beneath a directory that is there anyway needs no mount of its own. */
function withoutNested(binds: ReadonlyMap<string, string>): Map<string, string> {
  const isBeneath = (path: string, source: string) =>
    [...binds].some(
      ([other, from]) =>
        other !== path && path.startsWith(`${other}/`) && source === join(from, path.slice(other.length)),
    );
  return new Map([...binds].filter(([path, source]) => !isBeneath(path, source)));
}
