/**
 * Layer: store. A built image as one file: a tar archive that begins with a manifest of what is in it, each file with its
 * SHA-256. Such a file is read as hostile: nothing of it is laid down before all of it was checked. It must not know recipes.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { sha256 } from "./digest.ts";
import { StoreError } from "./errors.ts";
import { isNameOfImages, keepLoaded } from "./images.ts";
import { readTar, type TarEntry, writeTar } from "./tar.ts";

const MANIFEST = "linden-image.json";
const FILES = "files/";
const FORMAT = 1;

/** Bytes of an archive, unpacked; files and links in it; bytes of a path or of a link's target. */
const ARCHIVE_BYTES = 1024 ** 3;
const ENTRIES = 65_536;
const PATH_BYTES = 4095;
/** Directories of a path, and bytes of the manifest: what is looked at before anything is believed must stay small. */
const DEPTH = 64;
const MANIFEST_BYTES = 16 * 1024 ** 2;

/** As a shell says it of a file that is there and cannot be executed, and of one that is not there. */
const EXIT_BROKEN = 126;
const EXIT_MISSING = 127;

type Item =
  | { readonly path: string; readonly mode: number; readonly sha256: string }
  | { readonly path: string; readonly link: string };

type Manifest = { readonly format: number; readonly name: string; readonly entries: readonly Item[] };

/** The archive of an image's directory, gzipped where `file` is called so, and the digest that names it. */
export function packImage(
  name: string,
  directory: string,
  file: string,
): { readonly bytes: Uint8Array; readonly digest: string } {
  const entries: TarEntry[] = [];
  const found = readdirSync(directory, { withFileTypes: true, recursive: true });
  const paths = found.map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1)).sort();
  for (const path of paths) {
    const host = join(directory, path);
    const found = lstatSync(host);
    if (found.isSymbolicLink()) entries.push({ kind: "link", path, target: readlinkSync(host) });
    else if (found.isFile()) {
      entries.push({ kind: "file", path, mode: (found.mode & 0o111) === 0 ? 0o644 : 0o755, bytes: readFileSync(host) });
    }
  }
  const manifest: Manifest = {
    format: FORMAT,
    name,
    entries: entries.map((entry) =>
      entry.kind === "link"
        ? { path: entry.path, link: entry.target }
        : { path: entry.path, mode: entry.mode, sha256: sha256(entry.bytes) },
    ),
  };
  const text = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  const archive = writeTar([
    { kind: "file", path: MANIFEST, mode: 0o644, bytes: text },
    ...entries.map((entry) => ({ ...entry, path: FILES + entry.path })),
  ]);
  return { bytes: /\.t?gz$/.test(file) ? gzipSync(archive) : archive, digest: sha256(text) };
}

/**
 * The directory of an archive's image, unpacked into the cache unless it is there, and its digest. `expected`: the only
 * digest to be taken. `named`: the image is to be known by its own name from now on. Throws StoreError, with the exit
 * status of a program that is broken or not there.
 */
export async function loadImage(
  file: string,
  { expected, named = false, root }: { expected?: string; named?: boolean; root?: string } = {},
): Promise<{ directory: string; digest: string; name: string }> {
  const { manifest, digest, entries } = check(file, await readArchive(file));
  if (expected !== undefined && expected !== digest) {
    throw broken(file, `its digest is ${digest}, not the one expected`);
  }
  const fill = async (directory: string) => {
    for (const entry of entries) lay(directory, entry);
  };
  const name = named ? manifest.name : undefined;
  const directory = await keepLoaded(digest, fill, name, root);
  return { directory, digest, name: manifest.name };
}

/** Lays what an archive holds into a directory. StoreError where it is broken, or its own name is another. */
export async function unpackArchive(file: string, name: string, directory: string): Promise<void> {
  const { manifest, entries } = check(file, await readArchive(file));
  if (manifest.name !== name) throw broken(file, `it holds ${manifest.name}, not ${name}`);
  for (const entry of entries) lay(directory, entry);
}

function broken(file: string, why: string): StoreError {
  return new StoreError(`${file}: no image that can be used: ${why}`, EXIT_BROKEN);
}

async function readArchive(file: string): Promise<Uint8Array> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new StoreError(`${file}: no such file`, EXIT_MISSING);
  if (!found.isFile()) throw broken(file, "it is no regular file");
  if (found.size > ARCHIVE_BYTES) throw broken(file, `it has more than ${ARCHIVE_BYTES} bytes`);
  const bytes = await readFile(file).catch((error: Error) => {
    throw broken(file, error.message);
  });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: ARCHIVE_BYTES });
  } catch (error) {
    throw broken(
      file,
      error instanceof RangeError ? `it unpacks to more than ${ARCHIVE_BYTES} bytes` : "it is cut short or damaged",
    );
  }
}

function check(file: string, archive: Uint8Array): { manifest: Manifest; digest: string; entries: TarEntry[] } {
  try {
    const [first, ...entries] = readTar(archive, ENTRIES + 1);
    if (first?.kind !== "file" || first.path !== MANIFEST) throw new Error(`it does not begin with ${MANIFEST}`);
    if (first.bytes.byteLength > MANIFEST_BYTES) throw new Error(`its manifest has more than ${MANIFEST_BYTES} bytes`);
    const manifest = parseManifest(Buffer.from(first.bytes).toString());
    if (manifest.entries.length !== entries.length) throw new Error("it does not hold what its manifest lists");
    const bare = entries.map((entry, at) => matching(entry, manifest.entries[at]));
    checkPaths(bare.map(({ path }) => path));
    return { manifest, digest: sha256(first.bytes), entries: bare };
  } catch (error) {
    throw broken(file, error instanceof Error ? error.message : String(error));
  }
}

/** The entry under its path in the image. Throws where it is another than the manifest's. */
function matching(entry: TarEntry, item: Item | undefined): TarEntry {
  if (item === undefined || entry.path !== FILES + item.path)
    throw new Error("it does not hold what its manifest lists");
  if (entry.kind === "link") {
    if (!("link" in item) || item.link !== entry.target) throw new Error(`${item.path} is not what its manifest lists`);
  } else if (!("sha256" in item) || item.mode !== entry.mode || sha256(entry.bytes) !== item.sha256) {
    throw new Error(`${item.path} is not what its manifest lists`);
  }
  return { ...entry, path: item.path };
}

function parseManifest(text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("its manifest is no JSON");
  }
  if (!isRecord(value) || value.format !== FORMAT) throw new Error(`its manifest is none of format ${FORMAT}`);
  const { name, entries } = value;
  if (typeof name !== "string" || !isNameOfImages(name) || !Array.isArray(entries)) {
    throw new Error("its manifest is broken");
  }
  if (entries.length > ENTRIES) throw new Error(`it lists more than ${ENTRIES} files and links`);
  if (!entries.every(isItem)) throw new Error("its manifest is broken");
  return { format: FORMAT, name, entries };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isItem(value: unknown): value is Item {
  if (!isRecord(value) || typeof value.path !== "string") return false;
  if (typeof value.link === "string") {
    return value.link !== "" && !value.link.includes("\0") && Buffer.byteLength(value.link) <= PATH_BYTES;
  }
  return (value.mode === 0o644 || value.mode === 0o755) && typeof value.sha256 === "string";
}

/** Each path stays below the image, is there once, and passes through no link and no file of the image. */
function checkPaths(paths: readonly string[]): void {
  const all = new Set(paths);
  if (all.size !== paths.length) throw new Error("it holds a path twice");
  for (const path of paths) {
    const parts = path.split("/");
    const plain = parts.every((part) => part !== "" && part !== "." && part !== ".." && Buffer.byteLength(part) <= 255);
    if (parts.length > DEPTH) throw new Error(`it holds a path of more than ${DEPTH} names`);
    if (!plain || path.includes("\0") || Buffer.byteLength(path) > PATH_BYTES)
      throw new Error("it holds a path that leads out of it");
    for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
      if (all.has(path.slice(0, at))) throw new Error(`${path} lies below what is no directory`);
    }
  }
}

function lay(directory: string, entry: TarEntry): void {
  const host = join(directory, entry.path);
  mkdirSync(dirname(host), { recursive: true });
  if (entry.kind === "link") symlinkSync(entry.target, host);
  else {
    writeFileSync(host, entry.bytes, { flag: "wx" });
    chmodSync(host, entry.mode);
  }
}
