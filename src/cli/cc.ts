/**
 * Layer: cli. `linden cc`, `c++`, `ar`, `ranlib`, `nm`, `strip`: the words go on as they are, so that makefiles and configure
 * scripts can name them. It must not know what a compiler's words mean.
 */
import { compile, findTools, type Progress, startTool, ToolchainError } from "../toolchain/index.ts";
import { print } from "./output.ts";

/** A line that overwrites itself on a terminal; elsewhere one line a step. Standard error: output may be a program's. */
function progressLine(): { show: Progress; end: () => void } {
  let last = "";
  let open = false;
  const show: Progress = (text, done) => {
    const percent = done === undefined ? "" : ` ${Math.round(done * 100)} %`;
    if (process.stderr.isTTY) {
      print(2, `\r\x1b[Klinden: ${text}${percent} …`);
      open = true;
    } else if (text !== last) print(2, `linden: ${text} …\n`);
    last = text;
  };
  return { show, end: () => open && print(2, "\r\x1b[K") };
}

export function compiler(language: "c" | "c++"): (argv: readonly string[]) => Promise<number> {
  return async (argv) => {
    const line = progressLine();
    try {
      return await compile(argv, language, line.show);
    } catch (error) {
      if (!(error instanceof ToolchainError)) throw error;
      line.end();
      if (error.message !== "") print(2, `${error.message}\n`);
      return error.exitCode;
    } finally {
      line.end();
    }
  };
}

export function binaryTool(name: "ar" | "ranlib" | "nm" | "strip"): (argv: readonly string[]) => Promise<number> {
  return async (argv) => {
    try {
      return (await startTool(findTools()[name], argv, true)).status;
    } catch (error) {
      if (!(error instanceof ToolchainError)) throw error;
      print(2, `${error.message}\n`);
      return error.exitCode;
    }
  };
}
