/**
 * Layer: toolchain. Third-party source: fetched by name and version, believed by its hash alone. It must not know what is
 * done with it.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ToolchainError } from "./errors.ts";
import { runTool } from "./run-tool.ts";

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

/** How long an archive may take to answer, or to send its next piece. */
const SILENCE_MS = 60_000;

/** What is done, and how much of it: 0 to 1. */
type Progress = (text: string, done?: number) => void;

/**
 * Unpacks the archive into `directory`, without its top directory. It is read from `LINDEN_SOURCES` (a directory) when it
 * lies there, so that a machine without a network can build. Throws ToolchainError when no place has it, or another file
 * under its name.
 */
export async function unpackSource(source: SourceArchive, directory: string, progress: Progress): Promise<void> {
  const bytes = await fetchSource(source, progress);
  const file = join(directory, ".archive");
  await writeFile(file, bytes);
  const members = source.members === undefined ? [] : ["--wildcards", ...source.members];
  await runTool("tar", ["-xf", file, "-C", directory, "--strip-components=1", "--no-same-owner", ...members]);
  await rm(file);
}

async function fetchSource(source: SourceArchive, progress: Progress): Promise<Uint8Array> {
  const local = process.env.LINDEN_SOURCES;
  if (local !== undefined) {
    const bytes = await readFile(join(local, source.archive)).catch(() => undefined);
    if (bytes !== undefined) return verified(source, bytes, join(local, source.archive));
  }
  const title = `fetching ${source.name} ${source.version}`;
  progress(title);
  let url = "";
  try {
    for (url of await addressesOf(source)) {
      const bytes = await download(url, (done) => progress(title, done));
      if (bytes !== undefined) return verified(source, bytes, url);
    }
    throw new Error("HTTP 404");
  } catch (error) {
    if (error instanceof ToolchainError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new ToolchainError(
      `the source of ${source.name} ${source.version} could not be fetched: ` +
        `${url} ${error instanceof Error ? error.message : String(error)}${cause}\n` +
        `run "apt-get update" once, or put ${source.archive} into a directory and name that in LINDEN_SOURCES`,
    );
  }
}

/** The bytes behind an address, however many, or undefined where there are none; who sends nothing for a minute is given up. */
async function download(url: string, progress: (done: number) => void): Promise<Uint8Array | undefined> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error("no answer")), SILENCE_MS);
  try {
    const answer = await fetch(url, { signal: silence.signal });
    // A security update's directory may lack the release it patches; the release's own has it.
    if (answer.status === 404) return undefined;
    if (!answer.ok || answer.body === null) throw new Error(`HTTP ${answer.status}`);
    const total = Number(answer.headers.get("content-length"));
    const chunks: Uint8Array[] = [];
    let got = 0;
    for await (const chunk of answer.body) {
      timer.refresh();
      chunks.push(chunk);
      got += chunk.length;
      if (total > 0) progress(Math.min(got / total, 1));
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(timer);
  }
}

/** Where this machine's own package archive may have it: apt says where the binary packages lie, the source lies beside one. */
async function addressesOf(source: SourceArchive): Promise<readonly string[]> {
  const run = promisify(execFile);
  const { stdout } = await run("apt-cache", ["madison", source.package]);
  const versions = new Set([...stdout.matchAll(/^ *\S+ \| +(\S+) \| .* Packages$/gm)].map(([, version]) => version));
  const found = new Set<string>();
  for (const version of versions) {
    const { stdout: uris } = await run("apt-get", ["download", "--print-uris", `${source.package}=${version}`]);
    const [, directory] = /^'(https?:\/\/\S+\/)[^/']+'/m.exec(uris) ?? [];
    if (directory !== undefined) found.add(directory + source.archive);
  }
  if (found.size === 0) throw new Error(`apt knows no package ${source.package}`);
  return [...found];
}

function verified(source: SourceArchive, bytes: Uint8Array, from: string): Uint8Array {
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found === source.sha256) return bytes;
  throw new ToolchainError(`${from} is not ${source.archive}: SHA-256 ${found}, expected ${source.sha256}`);
}
