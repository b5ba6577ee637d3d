/**
 * Layer: cli. Runs the toolchain's tools that are WebAssembly in a sandbox: directories of the host for reading, at their own
 * paths; what they make stays inside until its end, and then only the files a job names are taken out. It must not know what
 * the tools do.
 */
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable, Writable } from "node:stream";
import { FileError } from "../sandbox/errors.ts";
import { loadProgram } from "../sandbox/load-program.ts";
import type { LoadedProgram } from "../sandbox/modules.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import type { SandboxProcess } from "../sandbox/sandbox-process.ts";
import { type Job, publish, type Session, type ToolResult } from "../toolchain/index.ts";
import { standardStreams } from "./standard-streams.ts";

/** LLVM's memory: a large file takes more than a guest usually has. */
const MEMORY = "2g";
/** What it makes. */
const DISK = "512m";
/** Where it makes it. */
const PLACE = "/made";

/** How much of a name it keeps there: what tools look at is the end. */
const NAME_END = 50;

/** Read once for all sandboxes of this process. */
const loaded = new Map<string, Promise<LoadedProgram>>();
let streams: ReturnType<typeof standardStreams> | undefined;

/** A session in a sandbox of its own. Throws LindenError where it does not start. */
export async function lockUp(module: string, directories: readonly string[]): Promise<Session> {
  const reading = loaded.get(module) ?? loadProgram(module);
  loaded.set(module, reading);
  const mounts = Object.fromEntries(directories.map((host) => [host, { host, readOnly: true }]));
  const [program, box] = await Promise.all([
    reading,
    Sandbox.create({ mounts, limits: { memory: MEMORY, disk: DISK, output: Infinity } }),
  ]);
  let count = 0;
  const run = async (job: Job): Promise<ToolResult> => {
    const moved = new Map<string, string>();
    const place = `${PLACE}/${count}`;
    count += 1;
    await box.files.mkdir(place, { recursive: true });
    const { writes = [], changes = [], answer, cwd, tool } = job;
    for (const path of [...writes, ...changes])
      moved.set(path, `${place}/${moved.size}-${basename(path).slice(-NAME_END)}`);
    for (const path of changes) {
      const bytes = await readFile(path).catch(() => undefined);
      if (bytes !== undefined) await box.files.write(moved.get(path) ?? "", bytes);
    }
    const own = tool.startsWith("clang") && cwd !== undefined ? [`-working-directory=${cwd}`] : [];
    const args = [tool, ...own, ...job.args.map((word) => moved.get(word) ?? word)];
    // What is kept here must end somewhere; what goes on to the caller need not.
    const child = await box.spawn(program, args, job.inherit && answer === undefined ? {} : { maxOutput: DISK });
    const { result, answered } = await carryOut(child, job);
    if (result.status === 0) {
      if (answer !== undefined) await publish(answered, answer, await modeOf(answer));
      for (const [path, inside] of moved) await takeOut(box, inside, path);
    }
    await box.files.remove(place, { recursive: true });
    return result;
  };
  return { run, close: () => box.close() };
}

async function carryOut(
  child: SandboxProcess,
  { args, inherit, answer }: Job,
): Promise<{ result: ToolResult; answered: Uint8Array }> {
  const answered: Uint8Array[] = [];
  const said: Uint8Array[] = [];
  if (inherit) streams ??= standardStreams();
  const own = inherit ? streams : undefined;
  // Nobody's input is taken who was not asked for it.
  if (own !== undefined && args.some((word, at) => word === "-" && !["-o", "-MF"].includes(args[at - 1] ?? ""))) {
    own.stdin.pipe(child.stdin);
  } else child.stdin.end();
  const stdout = () => (own === undefined ? keep(child.stdout, said) : copy(child.stdout, own.stdout));
  const stderr = own === undefined ? keep(child.stderr, said) : copy(child.stderr, own.stderr);
  await Promise.all([answer === undefined ? stdout() : keep(child.stdout, answered), stderr]);
  const { exitCode } = await child.exited;
  const result = { status: exitCode, output: Buffer.concat(said).toString("utf8") };
  return { result, answered: Buffer.concat(answered) };
}

function keep(from: Readable, pieces: Uint8Array[]): Promise<void> {
  return new Promise((resolve) => {
    from.on("data", (piece: Uint8Array) => pieces.push(piece));
    from.once("end", resolve);
  });
}

/** Resolves when all is written; what a reader that left does not take is dropped. */
function copy(from: Readable, to: Writable): Promise<void> {
  return new Promise((resolve) => {
    to.once("error", () => {
      from.resume();
      resolve();
    });
    from.on("data", (piece: Uint8Array) => {
      if (to.write(piece)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    from.once("end", () => to.write(new Uint8Array(0), () => resolve()));
  });
}

async function takeOut(box: Sandbox, inside: string, path: string): Promise<void> {
  const bytes = await box.files.read(inside, { format: "bytes" }).catch((error: unknown) => {
    // A tool that made nothing: it said what it had to.
    if (error instanceof FileError && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (bytes !== undefined) await publish(bytes, path, await modeOf(path));
}

/** A file that is replaced keeps its mode. */
async function modeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? 0o666 : found.mode & 0o777;
}
