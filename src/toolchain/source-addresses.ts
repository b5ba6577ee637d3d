/**
 * Layer: toolchain. Where the source of a Debian package may be fetched from, and fetching. It must not know whether what
 * comes is what was wanted.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** How long an address may take to answer, or to send its next piece. */
const SILENCE_MS = 60_000;

/** The largest archive of any recipe has 157 MB. */
const MOST_BYTES = 512 * 2 ** 20;

/**
 * Debian's archive as it was on a day, kept for good. On this one, Debian 12.15's, it held every archive that a recipe, musl.json
 * or libcxx.json names: a recipe that takes a later one moves it.
 */
const SNAPSHOT = "https://snapshot.debian.org/archive/debian/20260711T220000Z/";

/**
 * Where this machine's own package archive may have it: apt says where a binary package of it lies, and the source lies beside
 * that. More than one place, since a security update's may lack the release that it patches.
 */
export async function fromArchive(binary: string, archive: string): Promise<readonly string[]> {
  const stdout = await apt("apt-cache", ["madison", binary]);
  const versions = new Set([...stdout.matchAll(/^ *\S+ \| +(\S+) \| .* Packages$/gm)].map(([, version]) => version));
  const found = new Set<string>();
  for (const version of versions) {
    const uris = await apt("apt-get", ["download", "--print-uris", `${binary}=${version}`]);
    const [, directory] = /^'(https?:\/\/\S+\/)[^/']+'/m.exec(uris) ?? [];
    if (directory !== undefined) found.add(directory + archive);
  }
  if (found.size === 0) throw new Error(`apt: it knows no package ${binary}`);
  return [...found];
}

async function apt(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args)).stdout;
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new Error(missing ? `apt: this machine has no ${program}` : `apt: ${String(error).split("\n")[0]}`);
  }
}

/** Where the past of Debian's archive has it. `LINDEN_SNAPSHOT` names another place that is laid out so; empty, none is asked. */
export async function fromSnapshot(archive: string): Promise<readonly string[]> {
  const root = process.env.LINDEN_SNAPSHOT ?? SNAPSHOT;
  return root === "" ? [] : [new URL(poolPath(archive), root.replace(/\/*$/, "/")).href];
}

/** The place of a source's archive in the pool: by the source's name, which the archive's begins with. */
function poolPath(archive: string): string {
  const name = archive.slice(0, archive.indexOf("_"));
  const drawer = name.slice(0, name.startsWith("lib") ? 4 : 1);
  return `pool/main/${drawer}/${name}/${encodeURIComponent(archive)}`;
}

/** The bytes behind an address. Who sends nothing for a minute is given up. Throws an Error in one line. */
export async function download(url: string, progress: (done: number) => void): Promise<Uint8Array> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error("no answer")), SILENCE_MS);
  try {
    const answer = await fetch(url, { signal: silence.signal });
    if (!answer.ok || answer.body === null) throw new Error(`HTTP ${answer.status}`);
    const total = Number(answer.headers.get("content-length"));
    const chunks: Uint8Array[] = [];
    let got = 0;
    for await (const chunk of answer.body) {
      timer.refresh();
      chunks.push(chunk);
      got += chunk.length;
      if (got > MOST_BYTES) throw new Error(`more than ${MOST_BYTES} bytes`);
      if (total > 0) progress(Math.min(got / total, 1));
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // What Node calls "fetch failed" has its reason beneath; where several addresses failed, as a code alone.
    const cause = error.cause instanceof Error ? error.cause : undefined;
    const why = cause?.message || (cause !== undefined && "code" in cause ? String(cause.code) : "");
    throw new Error(why === "" ? error.message : `${error.message}: ${why}`);
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
