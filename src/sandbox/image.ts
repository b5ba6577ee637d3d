/**
 * Layer: sandbox. An image: what directories of the host hold, laid over each other, whose files, links and programs a
 * sandbox starts with. It must not know how images are built, nor cells.
 */
import { closeSync, lstatSync, openSync, readSync, realpathSync } from "node:fs";
import { posix } from "node:path";
import { ImageNotFound, ImageRefused } from "./errors.ts";

export interface ImageFile {
  readonly kind: "file";
  /** Absolute path in the sandbox. */
  readonly at: string;
  readonly host: string;
  readonly mode: number;
  /** It begins as a WebAssembly module does, and may be executed. */
  readonly program: boolean;
}

export interface ImageLink {
  readonly kind: "link";
  readonly at: string;
  /** Absolute path in the sandbox. */
  readonly target: string;
}

const MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);
/** The usual directories of PATH. */
const PATH = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/** Links on the way to a program, as Linux counts them. */
const LINKS = 40;

/** Where a sandbox's files, links and programs come from. */
export class Image {
  /** On the host, the lowest first. */
  readonly directories: readonly string[];
  readonly #entries: ReadonlyMap<string, ImageFile | ImageLink>;

  constructor(directories: readonly string[], entries: ReadonlyMap<string, ImageFile | ImageLink>) {
    this.directories = directories;
    this.#entries = entries;
  }

  get files(): readonly ImageFile[] {
    return [...this.#entries.values()].filter((entry) => entry.kind === "file");
  }

  /** Where a link leads to where such links are. */
  get links(): ReadonlyMap<string, readonly string[]> {
    const links = new Map<string, string[]>();
    for (const entry of this.#entries.values()) {
      if (entry.kind !== "link") continue;
      const known = links.get(entry.target);
      if (known === undefined) links.set(entry.target, [entry.at]);
      else known.push(entry.at);
    }
    return links;
  }

  /** The file on the host that a command's name, or its absolute path in the image, means, through links; undefined when there is none. */
  programOf(name: string): string | undefined {
    const paths = name.startsWith("/") ? [name] : PATH.map((place) => `${place}/${name}`);
    for (const path of paths) {
      const file = this.#fileAt(path);
      if (file !== undefined) return file.host;
    }
    return undefined;
  }

  /** What could be meant by `name` where the image has no such program: paths for a path, else the commands that PATH finds. */
  alike(name: string): readonly string[] {
    const paths = [...this.#entries.keys()].filter((path) => this.#fileAt(path)?.program === true);
    if (name.startsWith("/")) return paths;
    return paths.filter((path) => PATH.includes(posix.dirname(path))).map((path) => posix.basename(path));
  }

  #fileAt(path: string): ImageFile | undefined {
    let left = path.split("/").slice(1);
    let at = "";
    for (let links = 0; links <= LINKS; ) {
      const [part, ...rest] = left;
      if (part === undefined) return undefined;
      const entry = this.#entries.get(`${at}/${part}`);
      if (entry?.kind === "file") return rest.length === 0 ? entry : undefined;
      left = rest;
      if (entry === undefined) at = `${at}/${part}`;
      else {
        links += 1;
        left = [...entry.target.split("/").slice(1), ...rest];
        at = "";
      }
    }
    return undefined;
  }
}

/**
 * The image that names of built ones, archives and directories make together, the lowest first; undefined for none.
 * ImageNotFound: there is no such thing here. ImageRefused: it is broken or no image, or the cache is not ours to write.
 */
export async function openImage(images: readonly string[]): Promise<Image | undefined> {
  if (images.length === 0) return undefined;
  // Most sandboxes have none.
  const { imageDirectories, layered, StoreError } = await import("../store/index.ts");
  try {
    const directories: string[] = [];
    for (const image of images) {
      for (const directory of await imageDirectories(image)) directories.push(realpathSync(directory));
    }
    const entries = new Map<string, ImageFile | ImageLink>();
    for (const [path, entry] of layered(directories)) {
      const at = posix.join("/", path);
      const target = entry.kind === "link" ? posix.resolve(posix.dirname(at), entry.target) : "";
      entries.set(at, entry.kind === "link" ? { kind: "link", at, target } : fileAt(entry.host, at));
    }
    return new Image(directories, entries);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw error.exitCode === EXIT_MISSING ? new ImageNotFound(error.message) : new ImageRefused(error.message);
  }
}

/** A StoreError's, when something is not there. */
const EXIT_MISSING = 127;

function fileAt(host: string, at: string): ImageFile {
  const mode = lstatSync(host).mode & 0o777;
  return { kind: "file", at, host, mode, program: (mode & 0o111) !== 0 && isModule(host) };
}

function isModule(host: string): boolean {
  const file = openSync(host, "r");
  try {
    const head = Buffer.alloc(MAGIC.length);
    return readSync(file, head) === MAGIC.length && head.equals(MAGIC);
  } finally {
    closeSync(file);
  }
}
