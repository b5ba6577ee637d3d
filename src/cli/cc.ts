/**
 * Layer: cli. `linden cc`, `c++`, `ar`, `ranlib`, `nm`, `strip`: the words go on as they are, so that makefiles and configure
 * scripts can name them. It must not know what a compiler's words mean.
 */
import { StoreError } from "../store/index.ts";
import { compile, findTools, startTool, ToolchainError } from "../toolchain/index.ts";
import { print } from "./output.ts";
import { progressLine } from "./progress-line.ts";

export function compiler(language: "c" | "c++"): (argv: readonly string[]) => Promise<number> {
  return async (argv) => {
    const line = progressLine();
    try {
      return await compile(argv, language, line.show, (text) => {
        line.end();
        print(2, `linden ${language === "c" ? "cc" : "c++"}: warning: ${text}\n`);
      });
    } catch (error) {
      if (!(error instanceof ToolchainError || error instanceof StoreError)) throw error;
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
