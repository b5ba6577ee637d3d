/**
 * Layer: store. Directories laid over each other, as paths in memory: what images are made of. It must not know where they
 * are kept, nor what is done with the files.
 */
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { StoreError } from "./errors.ts";

/** A file of the host, or a symbolic link as it was read. */
export type Entry =
  | { readonly kind: "file"; readonly host: string }
  | { readonly kind: "link"; readonly target: string };

/** By path, without a slash before it. */
type Entries = ReadonlyMap<string, Entry>;

/** Files and links of all directories at most. */
const ENTRIES = 65_536;
/** As a shell says it of what is there and cannot be executed, and of what is not there. */
const EXIT_BROKEN = 126;
const EXIT_MISSING = 127;
/** Where a shell looks for programs: what one image has in one of these, another may have in the next. */
const PROGRAMS = ["bin", "sbin", "usr/bin", "usr/sbin"];

/**
 * The files and links below these directories. Where several have a path the last one's stands, and its programs stand in
 * the place of those of their name wherever they lie. Throws StoreError for what no image holds: devices and the like, too many.
 */
export function layered(directories: readonly string[]): Entries {
  const all = new Map<string, Entry>();
  for (const directory of directories) {
    const own = entriesOf(directory);
    makeRoom(all, own);
    for (const [path, entry] of own) all.set(path, entry);
    supersede(all, own);
    if (all.size > ENTRIES) throw tooMany(directory);
  }
  return all;
}

function tooMany(directory: string): StoreError {
  return new StoreError(`${directory}: more than ${ENTRIES} files and links make no image`, EXIT_BROKEN);
}

function entriesOf(directory: string): Entries {
  if (!(statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new StoreError(`${directory}: no directory of an image, as linden image build prints it`, EXIT_MISSING);
  }
  const found = new Map<string, Entry>();
  const left = [""];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    for (const entry of readdirSync(join(directory, at), { withFileTypes: true })) {
      const path = posix.join(at, entry.name);
      const host = join(directory, path);
      if (found.size >= ENTRIES) throw tooMany(directory);
      if (entry.isDirectory()) left.push(path);
      else if (entry.isSymbolicLink()) found.set(path, { kind: "link", target: readlinkSync(host) });
      else if (entry.isFile()) found.set(path, { kind: "file", host });
      else throw new StoreError(`${host}: an image has files, directories and symbolic links alone`, EXIT_BROKEN);
    }
  }
  return found;
}

/** Takes away what cannot stay below `over`: a file where a directory comes, and all in a directory where a file comes. */
function makeRoom(entries: Map<string, Entry>, over: Entries): void {
  for (const path of over.keys()) for (const outer of above(path)) entries.delete(outer);
  for (const inner of [...entries.keys()]) {
    if (above(inner).some((outer) => over.has(outer))) entries.delete(inner);
  }
}

/** Every directory above a path. */
function above(path: string): string[] {
  const found: string[] = [];
  for (let at = posix.dirname(path); at !== "."; at = posix.dirname(at)) found.push(at);
  return found;
}

/** Makes an older program in another directory a link to the newer one of its name. */
function supersede(entries: Map<string, Entry>, over: Entries): void {
  for (const path of over.keys()) {
    const at = posix.dirname(path);
    if (!PROGRAMS.includes(at)) continue;
    for (const directory of PROGRAMS) {
      const older = posix.join(directory, posix.basename(path));
      if (!entries.has(older) || over.has(older)) continue;
      entries.set(older, { kind: "link", target: posix.relative(directory, path) });
    }
  }
}
