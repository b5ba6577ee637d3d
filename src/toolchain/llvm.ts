/**
 * Layer: toolchain. LLVM's tools as this room uses them, wherever they run: as programs of the host, or locked up. It must
 * not know what is compiled.
 */
import { ToolchainError } from "./errors.ts";
import { startTool, type ToolResult } from "./run-tool.ts";
import type { Tools } from "./tools.ts";

export type ToolName = "clang" | "clang++" | "wasm-ld" | "ar" | "ranlib" | "nm" | "strip";

export type Job = {
  readonly tool: ToolName;
  readonly args: readonly string[];
  /** What relative paths are relative to, absolute; the process's own without. */
  readonly cwd?: string;
  /** The streams are the caller's; otherwise standard output and error together are the result's `output`. */
  readonly inherit: boolean;
  /** Those of the words that are files it makes, absolute. A confined tool can make no others. */
  readonly writes?: readonly string[];
  /** The same for files it reads first. */
  readonly changes?: readonly string[];
  /** The file that standard output becomes, where the tools are confined. */
  readonly answer?: string;
};

/** Tools that can be started, many times, until it is closed. */
export type Session = {
  run(job: Job): Promise<ToolResult>;
  close(): Promise<void>;
};

export type Llvm = {
  /**
   * It reads only the directories a session is opened with and writes only what a job names; it has no working directory but
   * clang's, and carries out one source a job.
   */
  readonly confined: boolean;
  /** clang's own headers (stddef.h and the like). */
  readonly headers: string;
  /** The arithmetic that WebAssembly lacks: 128-bit integers, long double. */
  readonly builtins: string;
  /** Where Linux's headers for programs are, if anywhere. */
  readonly kernel: string | undefined;
  /** Changes with another build of the compiler. */
  readonly identity: string;
  /** `directories`: absolute, what a confined tool may read. */
  open(directories: readonly string[]): Promise<Session>;
};

/** The tools of the host, which see what the caller sees. */
export function nativeLlvm(tools: Tools): Llvm {
  const { headers, builtins, identity } = tools;
  const files: Record<ToolName, string> = {
    clang: tools.clang,
    "clang++": tools.clangxx,
    "wasm-ld": tools.linker,
    ar: tools.ar,
    ranlib: tools.ranlib,
    nm: tools.nm,
    strip: tools.strip,
  };
  const session: Session = {
    run: ({ tool, args, cwd, inherit }) => startTool(files[tool], args, inherit, cwd),
    close: async () => {},
  };
  return { confined: false, headers, builtins, kernel: "/usr/include", identity, open: async () => session };
}

/** Runs a job whose streams are not the caller's. Anything but success is a ToolchainError with what the tool said. */
export async function runJob(session: Session, job: Omit<Job, "inherit">): Promise<string> {
  const { status, output } = await session.run({ ...job, inherit: false });
  if (status !== 0) throw new ToolchainError(`${job.tool} failed (exit ${status}):\n${output.slice(-4000)}`);
  return output;
}
