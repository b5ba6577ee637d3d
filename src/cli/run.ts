/**
 * Layer: cli. `linden run`: one program, its streams joined to this process's, its end becoming ours.
 */
import { statSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { isatty, ReadStream, WriteStream } from "node:tty";
import { ProgramNotFound } from "../sandbox/errors.ts";
import type { ExitResult } from "../sandbox/guest-process.ts";
import { loadProgram } from "../sandbox/load-program.ts";
import { findProgram } from "../sandbox/programs.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import type { SandboxProcess } from "../sandbox/sandbox-process.ts";
import { defaultServices, type LaunchedAhead } from "../sandbox/services.ts";
import { imageNames, isImageName } from "../store/image-names.ts";
import { OutputLost, print, say } from "./output.ts";
import { OwnTerminal } from "./own-terminal.ts";
import { parseRun, RUN_USAGE, type RunRequest } from "./run-arguments.ts";
import { onSignal } from "./signals.ts";
import { outputsAreOne, standardStreams } from "./standard-streams.ts";

/** As timeout(1). */
const EXIT_TIMEOUT = 124;
const EXIT_KILLED = 137;
const NOTHING = new Uint8Array(0);

/** The exit status. `launched`: what was launched ahead. Throws LindenError and UsageError. */
export async function run(argv: readonly string[], launched: LaunchedAhead | undefined): Promise<number> {
  const parsed = parseRun(argv, process.env);
  if (parsed === "help") {
    print(1, RUN_USAGE);
    return 0;
  }
  const { request, names } = await withImage(parsed);
  if (request.options.lock === "off") {
    say("warning: the lock is off: only the inner layer stands between the program and this machine");
  }
  defaultServices(launched);
  const creating = Sandbox.create(request.options);
  creating.catch(() => {});
  // While the cell starts, the module is read and our own streams are opened.
  if (names.length > 0) await warnOfStale(names);
  const program = await loadProgram(request.program, defaultServices(), request.options.image);
  const { stdin, stdout, stderr } = standardStreams();
  const tty = { stdin: stdin instanceof ReadStream, stdout: stdout instanceof WriteStream, stderr: isatty(2) };
  const box = await creating;
  const terminal =
    request.tty && stdin instanceof ReadStream && stdout instanceof WriteStream
      ? new OwnTerminal(stdin, stdout)
      : undefined;
  const child = await box.spawn(program, request.args, {
    tty,
    stderr: outputsAreOne() ? "stdout" : "apart",
    ...(terminal && { window: terminal.window }),
  });
  const forwarding = forwardSignals(child);
  stdin.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EISDIR") say("standard input is a directory: the program finds it empty");
    child.stdin.end();
  });
  terminal?.lend(child, () => forwarding.kill());
  let exit: ExitResult | undefined;
  let lost: NodeJS.ErrnoException | undefined;
  try {
    stdin.pipe(child.stdin);
    const copies = await Promise.all([copy(child.stdout, stdout, child), copy(child.stderr, stderr, child)]);
    lost = copies.find((error) => error !== undefined && error.code !== "EPIPE");
    exit = await child.exited.catch((error: unknown) => {
      // A guest that did not yield took the sandbox with it: asked for.
      if (forwarding.status === undefined) throw error;
      return undefined;
    });
  } finally {
    terminal?.takeBack();
  }
  if (exit !== undefined) report(request, exit);
  if (lost !== undefined) throw new OutputLost(lost.code ?? lost.message);
  return exit?.timedOut ? EXIT_TIMEOUT : (forwarding.status ?? exit?.exitCode ?? EXIT_KILLED);
}

/** With the default image where none was named and nobody else has the program; and the names of images that it will use. */
async function withImage(request: RunRequest): Promise<{ request: RunRequest; names: readonly string[] }> {
  const { program, options } = request;
  if (options.image !== undefined)
    return { request, names: [options.image].flat().filter(isImageName).flatMap(imageNames) };
  const asked = { request, names: [] };
  if (program.includes("/") || program.endsWith(".wasm")) return asked;
  const missing = await findProgram(program, process.cwd()).then(
    () => undefined,
    (error: unknown) => (error instanceof ProgramNotFound ? error : undefined),
  );
  if (missing === undefined) return asked;
  const { builtImage } = await import("../store/index.ts");
  const { DEFAULT_IMAGE } = await import("../toolchain/index.ts");
  if ((await builtImage(DEFAULT_IMAGE)) === undefined) {
    const end = missing.message.endsWith("?") ? "" : ".";
    throw new ProgramNotFound(
      `${missing.message}${end} The image of a shell and its tools is not built: linden image build`,
    );
  }
  return { request: { ...request, options: { ...options, image: DEFAULT_IMAGE } }, names: [DEFAULT_IMAGE] };
}

async function warnOfStale(names: readonly string[]): Promise<void> {
  const image = await import("./image.ts");
  for (const name of names) await image.warnOfStale(name);
}

interface Forwarding {
  /** The exit status the first signal stands for. */
  readonly status: number | undefined;
  /** End the guest as a second Ctrl-C does. */
  kill(): void;
}

/** Ctrl-C and its siblings go to the guest; the second one kills it. */
function forwardSignals(child: SandboxProcess): Forwarding {
  let first: number | undefined;
  const forward = (name: "SIGINT" | "SIGTERM" | "SIGHUP", number: number) => {
    onSignal(name, () => {
      if (first !== undefined) {
        child.kill("SIGKILL");
        return;
      }
      first = 128 + number;
      child.kill(name);
    });
  };
  forward("SIGINT", 2);
  forward("SIGTERM", 15);
  forward("SIGHUP", 1);
  return {
    get status() {
      return first;
    },
    kill() {
      first ??= 128 + 2;
      child.kill("SIGKILL");
    },
  };
}

/** Everything the guest writes, at the speed of our own reader, until the end or an error. A reader that left is SIGPIPE. */
function copy(from: Readable, to: Writable, child: SandboxProcess): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    to.on("error", (error) => {
      child.kill("SIGPIPE");
      from.destroy();
      resolve(error);
    });
    from.on("data", (chunk: Uint8Array) => {
      if (to.write(chunk)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    // Writes are carried out in their order: this one after all of the guest's. An error has been, or will be, told above.
    from.once("end", () => to.write(NOTHING, (error) => error ?? resolve(undefined)));
  });
}

/** A file that somebody thought the program would see: named in its words, and no directory is mounted. */
function unseenFile({ args, options }: RunRequest): string | undefined {
  const hosted = Object.values(options.mounts ?? {}).some((mount) => typeof mount === "string" || "host" in mount);
  if (hosted) return undefined;
  return args.find((arg) => !/^[-/]/.test(arg) && isFile(arg));
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function report(request: RunRequest, exit: ExitResult): void {
  if (exit.message !== "") say(`${request.program}: ${exit.signal === null ? "" : `${exit.signal}: `}${exit.message}`);
  const unseen = exit.signal === null && exit.exitCode !== 0 ? unseenFile(request) : undefined;
  if (unseen !== undefined)
    say(`${unseen} is a file here; the program sees only what is mounted: -v .:/work:ro -w /work`);
  if (!request.stats) return;
  const { wallMs, cpuMs, calls, peakMemory } = exit.stats;
  const megabytes = (peakMemory / 1024 ** 2).toFixed(1);
  say(`wall ${wallMs.toFixed(1)} ms, cpu ${cpuMs.toFixed(1)} ms, ${calls} calls, peak memory ${megabytes} MiB`);
}
