/**
 * Layer: toolchain. LLVM's ar, ranlib, nm and strip under Linden's name. The host's get their words as they are; of locked ones
 * it is said which files they change. It must not know where they run.
 */
import { resolve } from "node:path";
import { reach } from "./driver/confined.ts";
import { ToolchainError } from "./errors.ts";
import { findLlvm } from "./find-llvm.ts";
import type { Job } from "./llvm.ts";
import type { Progress } from "./sysroot.ts";
import type { LockUp } from "./wasm-llvm.ts";

export type BinaryTool = "ar" | "ranlib" | "nm" | "strip";

/** Runs a tool with the caller's streams; the exit status. Throws ToolchainError for what a locked one cannot do. */
export async function binaryTool(
  tool: BinaryTool,
  argv: readonly string[],
  { progress, lockUp }: { readonly progress: Progress; readonly lockUp: LockUp },
): Promise<number> {
  const llvm = await findLlvm(lockUp, progress);
  const cwd = process.cwd();
  const job: Job = llvm.confined ? confinedJob(tool, argv, cwd) : { tool, args: argv, inherit: true };
  const session = await llvm.open(llvm.confined ? reach(argv, cwd) : []);
  try {
    return (await session.run(job)).status;
  } finally {
    await session.close();
  }
}

/** Options whose value is the next word. */
const WITH_VALUE: ReadonlySet<string> = new Set(["-K", "-N", "-R", "-j", "--keep-symbol", "--remove-section"]);

/** The words with every file absolute, and which of these are changed or made. */
export function confinedJob(tool: BinaryTool, argv: readonly string[], cwd: string): Job {
  if (argv.some((word) => /^--?(version|help|h|V)$/.test(word))) return { tool, args: argv, inherit: true };
  if (tool === "ar") return archiver(argv, cwd);
  const args: string[] = [];
  const files: string[] = [];
  let output: string | undefined;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (word === "-o" && tool === "strip") {
      at += 1;
      output = resolve(cwd, argv[at] ?? "");
      args.push(word, output);
    } else if (WITH_VALUE.has(word)) {
      at += 1;
      args.push(word, argv[at] ?? "");
    } else if (word.startsWith("-")) args.push(word);
    else {
      const file = resolve(cwd, word);
      files.push(file);
      args.push(file);
    }
  }
  if (tool === "nm") return { tool, args, inherit: true };
  if (output !== undefined) return { tool, args, inherit: true, writes: [output] };
  return { tool, args, inherit: true, changes: files };
}

/** Operations that change an archive. */
const CHANGING = /[rqdms]/;

function archiver(argv: readonly string[], cwd: string): Job {
  const options = argv.filter((word) => word.startsWith("--"));
  const [operation = "", archive, ...members] = argv.filter((word) => !word.startsWith("--"));
  const letters = operation.replace(/^-/, "");
  if (/[xM]/.test(letters) || /[abi]/.test(letters)) {
    throw new ToolchainError(
      `linden ar: ${operation}: ar is locked up here and changes nothing but one archive; with Debian's llvm-22 it can do this too`,
    );
  }
  if (archive === undefined) return { tool: "ar", args: argv, inherit: true };
  const file = resolve(cwd, archive);
  // Members are files where they are put in; otherwise they are names.
  const named = /[rq]/.test(letters) ? members.map((member) => resolve(cwd, member)) : members;
  const args = [...options, operation, file, ...named];
  return { tool: "ar", args, inherit: true, ...(CHANGING.test(letters.replace(/^t|^p/, "")) && { changes: [file] }) };
}
