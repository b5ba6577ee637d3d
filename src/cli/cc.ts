/**
 * Layer: cli. `linden cc`, `c++`, `ar`, `ranlib`, `nm`, `strip`: the words go on as they are, so that makefiles and configure
 * scripts can name them. It must not know what a compiler's words mean.
 */
import { escapeText } from "../sandbox/text.ts";
import { StoreError } from "../store/index.ts";
import { type BinaryTool, binaryTool, compile, type LockUp, ToolchainError } from "../toolchain/index.ts";
import { print } from "./output.ts";
import { progressLine } from "./progress-line.ts";

type Command = (argv: readonly string[]) => Promise<number>;

/** The sandbox is loaded only where the machine has no compiler of its own. */
export const lockUp: LockUp = async (module, directories) => (await import("./lock-up.ts")).lockUp(module, directories);

export function compiler(language: "c" | "c++"): Command {
  return (argv) =>
    withProgress((line) => {
      const warn = (text: string) => {
        line.end();
        print(2, `linden ${language === "c" ? "cc" : "c++"}: warning: ${escaped(text)}\n`);
      };
      return compile(argv, language, { progress: line.show, warn, lockUp });
    });
}

export function binary(tool: BinaryTool): Command {
  return (argv) => withProgress((line) => binaryTool(tool, argv, { progress: line.show, lockUp }));
}

async function withProgress(carryOut: (line: ReturnType<typeof progressLine>) => Promise<number>): Promise<number> {
  const line = progressLine();
  try {
    return await carryOut(line);
  } catch (error) {
    if (!(error instanceof ToolchainError || error instanceof StoreError)) throw error;
    line.end();
    if (error.message !== "") print(2, `${escaped(error.message)}\n`);
    return error.exitCode;
  } finally {
    line.end();
  }
}

/** Sources nobody trusts name functions, files and links as they like. */
function escaped(text: string): string {
  const lines = text.split("\n").map((line) => escapeText(line, Number.MAX_SAFE_INTEGER));
  return lines.join("\n");
}
