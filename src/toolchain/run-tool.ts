/** Layer: toolchain. Runs a program of the host to its end. It must not know which. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { basename } from "node:path";
import { ToolchainError } from "./errors.ts";

export type ToolResult = { readonly status: number; readonly output: string };

/**
 * Runs a program. `inherit`: its three streams are the caller's and `output` is empty; otherwise its standard output and
 * error together are `output`, and `onOutput` hears of each piece of it (as latin1). The status is 128 + n when signal n ended it.
 */
export function startTool(
  file: string,
  args: readonly string[],
  inherit: boolean,
  cwd?: string,
  onOutput?: (text: string) => void,
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: inherit ? "inherit" : ["ignore", "pipe", "pipe"], ...(cwd && { cwd }) });
    const chunks: Buffer[] = [];
    const keep = (chunk: Buffer) => {
      chunks.push(chunk);
      onOutput?.(chunk.toString("latin1"));
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.on("error", (error) => reject(new ToolchainError(`${file} does not start: ${error.message}`)));
    child.on("close", (code, signal) => {
      const status = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
      resolve({ status, output: Buffer.concat(chunks).toString("utf8") });
    });
  });
}

/** The same, where anything but success is a ToolchainError with what the tool said. */
export async function runTool(
  file: string,
  args: readonly string[],
  cwd?: string,
  onOutput?: (text: string) => void,
): Promise<string> {
  const { status, output } = await startTool(file, args, false, cwd, onOutput);
  if (status !== 0) throw new ToolchainError(`${basename(file)} failed (exit ${status}):\n${output.slice(-4000)}`);
  return output;
}
