/**
 * Layer: toolchain. Third-party source: found by name and version, believed by its hash alone, unpacked. It must not know
 * which addresses it may come from, nor what is done with it.
 */
import { createHash } from "node:crypto";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ToolchainError } from "./errors.ts";
import { runTool } from "./run-tool.ts";
import { download, fromArchive, fromSnapshot } from "./source-addresses.ts";

export type SourceArchive = {
  readonly name: string;
  readonly version: string;
  readonly archive: string;
  readonly sha256: string;
  /** A binary package built from this source: it lies beside it in the archive that apt is set up for. */
  readonly package: string;
  /** What of it is unpacked, as patterns of tar; everything without. */
  readonly members?: readonly string[];
};

/** What is done, and how much of it: 0 to 1. */
type Progress = (text: string, done?: number) => void;

/**
 * Unpacks the archive into `directory`, without its top directory. It is read from `LINDEN_SOURCES` (a directory) when it
 * lies there, so that a machine without a network can build; else it is fetched, and kept there when that is set. Throws
 * ToolchainError when no place has it, or another file lies there under its name.
 */
export async function unpackSource(source: SourceArchive, directory: string, progress: Progress): Promise<void> {
  const bytes = await findSource(source, progress);
  const file = join(directory, ".archive");
  await writeFile(file, bytes);
  const members = source.members === undefined ? [] : ["--wildcards", ...source.members];
  await runTool("tar", ["-xf", file, "-C", directory, "--strip-components=1", "--no-same-owner", ...members]);
  await rm(file);
}

async function findSource(source: SourceArchive, progress: Progress): Promise<Uint8Array> {
  const kept = process.env.LINDEN_SOURCES;
  if (kept === undefined || kept === "") return fetchSource(source, progress);
  const file = join(kept, source.archive);
  const there = await stat(kept).catch(() => undefined);
  if (there?.isDirectory() !== true) throw new ToolchainError(`LINDEN_SOURCES names ${kept}: that is no directory`);
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new ToolchainError(`${file} cannot be read: ${error.message}`);
  });
  if (bytes !== undefined) {
    const wrong = mismatch(source, bytes);
    if (wrong === undefined) return bytes;
    throw new ToolchainError(`${file} is not the ${source.archive} that is wanted: ${wrong}`);
  }
  const fetched = await fetchSource(source, progress);
  await keep(file, fetched);
  return fetched;
}

/** From Debian's archive as this machine knows it; what has left that, from the archive's past. */
async function fetchSource(source: SourceArchive, progress: Progress): Promise<Uint8Array> {
  const title = `fetching ${source.name} ${source.version}`;
  progress(title);
  const tried: string[] = [];
  const places = [() => fromArchive(source.package, source.archive), () => fromSnapshot(source.archive)];
  for (const addresses of places) {
    const urls = await addresses().catch((error: Error) => {
      tried.push(error.message);
      return [];
    });
    for (const url of urls) {
      try {
        const bytes = await download(url, (done) => progress(title, done));
        const wrong = mismatch(source, bytes);
        if (wrong === undefined) return bytes;
        tried.push(`${url}: ${wrong}`);
      } catch (error) {
        tried.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  throw new ToolchainError(
    [
      `the source of ${source.name} ${source.version} could not be fetched:`,
      ...tried.map((line) => `  ${line}`),
      `"apt-get update" helps where apt's lists are old or missing. Or get ${source.archive} elsewhere (SHA-256`,
      `${source.sha256}), put it into a directory and name that: LINDEN_SOURCES=DIRECTORY`,
    ].join("\n"),
  );
}

/** How these bytes are not the archive; undefined when they are. */
function mismatch(source: SourceArchive, bytes: Uint8Array): string | undefined {
  const found = createHash("sha256").update(bytes).digest("hex");
  return found === source.sha256 ? undefined : `SHA-256 ${found}, expected ${source.sha256}`;
}

/** A directory that cannot be written is still good to read from: the build goes on. */
async function keep(file: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${file}.${process.pid}`;
  try {
    await writeFile(fresh, bytes);
    await rename(fresh, file);
  } catch {
    await rm(fresh, { force: true }).catch(() => {});
  }
}
