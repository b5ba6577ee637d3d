/** Builds the benchmark's guests from one source: for WASI, for Linux in the sandbox (linden cc), and for this machine. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LINDEN, say } from "./sides.ts";

const SOURCES = fileURLToPath(new URL("./guests/", import.meta.url));

function run(command: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined || status !== 0) {
    const hint =
      "apt-get install --no-install-recommends clang-14 lld-14 wasi-libc libclang-rt-14-dev-wasm32 gcc libc6-dev";
    throw new Error(`${command} failed: ${error?.message ?? stderr}\nThe benchmark needs: ${hint}`);
  }
}

/** For this machine, by gcc. */
export function compileNative(name: string, into: string): string {
  const program = `${into}/${name}`;
  if (!existsSync(program)) run("gcc", ["-O2", "-pthread", "-o", program, `${SOURCES}${name}.c`]);
  return program;
}

/** For WASI. */
export function compileForWasi(name: string, into: string): string {
  const wasm = `${into}/${name}.wasm`;
  if (!existsSync(wasm)) run("clang-14", ["--target=wasm32-wasi", "-O2", "-o", wasm, `${SOURCES}${name}.c`]);
  return wasm;
}

/** As a Linux program; undefined where there is no compiler for it. */
export function compileForLinux(name: string, into: string, flags: readonly string[] = []): string | undefined {
  const wasm = `${into}/${name}-linux.wasm`;
  if (existsSync(wasm)) return wasm;
  const words = ["cc", "-O2", ...flags, "-o", wasm, `${SOURCES}${name}.c`];
  const { status, stderr } = spawnSync(LINDEN, words, { encoding: "utf8" });
  if (status !== 0) say(`linden cc: ${stderr.trim()}`);
  return status === 0 ? wasm : undefined;
}

export const NO_COMPILER = "linden cc cannot compile here (it says why)";
