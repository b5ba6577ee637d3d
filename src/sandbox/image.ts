/**
 * Layer: sandbox. An image: a directory of the host whose files, links and programs a sandbox starts with. It must not know
 * how images are built, nor cells.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { join, posix, sep } from "node:path";
import { OptionError } from "./errors.ts";

export interface ImageFile {
  /** Absolute path in the sandbox. */
  readonly at: string;
  readonly host: string;
  readonly mode: number;
  /** It begins as a WebAssembly module does, and may be executed. */
  readonly program: boolean;
}

export interface Image {
  readonly directory: string;
  readonly files: readonly ImageFile[];
  /** Where a link leads, as an absolute path in the sandbox, to where such links are. */
  readonly links: ReadonlyMap<string, readonly string[]>;
}

const MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);
/** Files and links of one image at most. */
const ENTRIES = 65_536;
/** Directories, the usual ones of PATH. */
const PATH = ["usr/local/bin", "usr/bin", "bin", "usr/sbin", "sbin"];

/** What lies below a directory. OptionError for what is no image: too many entries, devices, links out of it. */
export function readImage(given: string): Image {
  const directory = directoryOf(given);
  const files: ImageFile[] = [];
  const links = new Map<string, string[]>();
  const left = ["/"];
  let entries = 0;
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    for (const entry of readdirSync(join(directory, at), { withFileTypes: true })) {
      entries += 1;
      const path = posix.join(at, entry.name);
      if (entries > ENTRIES) throw new OptionError("image", `at most ${ENTRIES} files and links`, directory);
      if (entry.isDirectory()) left.push(path);
      else if (entry.isSymbolicLink()) {
        const target = posix.resolve(at, readlinkSync(join(directory, path)));
        links.set(target, [...(links.get(target) ?? []), path]);
      } else if (entry.isFile()) files.push(fileAt(directory, path));
      else throw new OptionError("image", "files, directories and symbolic links alone", path);
    }
  }
  return { directory, files, links };
}

function directoryOf(given: string): string {
  try {
    if (statSync(given).isDirectory()) return realpathSync(given);
  } catch {
    // Told below.
  }
  throw new OptionError("image", "a directory that exists, as linden image build prints it", given);
}

function fileAt(directory: string, at: string): ImageFile {
  const host = join(directory, at);
  const mode = lstatSync(host).mode & 0o777;
  const program = (mode & 0o111) !== 0 && readFileSync(host).subarray(0, MAGIC.length).equals(MAGIC);
  return { at, host, mode, program };
}

/** The module on the host that a command's name means in an image; undefined when it has none. */
export function programOf(directory: string, name: string): string | undefined {
  for (const place of PATH) {
    try {
      const host = realpathSync(join(directory, place, name));
      if (host.startsWith(realpathSync(directory) + sep) && statSync(host).isFile()) return host;
    } catch {
      // The next place may have it.
    }
  }
  return undefined;
}
