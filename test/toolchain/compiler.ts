/** Compiles C for the tests, or says why it cannot. The library is built into the user's cache once. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { INSTALL_COMMAND, missingTools } from "../../src/toolchain/index.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

/** A reason to skip, or false. */
export function whyNoCompiler(): string | false {
  const missing = [...new Set(missingTools())];
  return missing.length > 0 && `missing ${missing.join(", ")}: ${INSTALL_COMMAND}`;
}

/** Runs `linden WORDS…` from source. */
export function linden(words: readonly string[], cwd: string, input = "") {
  const flags = ["--disable-warning=ExperimentalWarning", "--conditions=linden-source", join(home, "src/cli/main.ts")];
  return spawnSync(process.execPath, [...flags, ...words], { cwd, input, encoding: "utf8" });
}

export const programs = fileURLToPath(new URL("programs", import.meta.url));

/** A program of test/toolchain/programs as bytes. Throws with the compiler's words. */
export function compileProgram(name: string, flags: readonly string[] = ["-O2"]): Uint8Array<ArrayBuffer> {
  const directory = mkdtempSync(join(tmpdir(), "linden-test-"));
  try {
    const output = join(directory, "program.wasm");
    const { status, stderr } = linden(["cc", ...flags, join(programs, name), "-o", output], directory);
    if (status !== 0) throw new Error(stderr);
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
