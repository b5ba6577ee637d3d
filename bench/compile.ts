/** Builds the benchmark's guests from one source: for WASI, for Linux in the sandbox (linden cc), and for this machine. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Built {
  readonly wasm: string;
  readonly native: string;
}

const LINDEN = fileURLToPath(new URL("../linden", import.meta.url));
const SOURCES = fileURLToPath(new URL("./guests/", import.meta.url));

function run(command: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined || status !== 0) {
    const hint =
      "apt-get install --no-install-recommends clang-14 lld-14 wasi-libc libclang-rt-14-dev-wasm32 gcc libc6-dev";
    throw new Error(`${command} failed: ${error?.message ?? stderr}\nThe benchmark needs: ${hint}`);
  }
}

export function compile(name: string, into: string): Built {
  const source = `${SOURCES}${name}.c`;
  const built = { wasm: `${into}/${name}.wasm`, native: `${into}/${name}` };
  run("clang-14", ["--target=wasm32-wasi", "-O2", "-o", built.wasm, source]);
  run("gcc", ["-O2", "-o", built.native, source]);
  return built;
}

/** The same guest as a Linux program; undefined where there is no compiler for it. */
export function compileForLinux(name: string, into: string): string | undefined {
  const wasm = `${into}/${name}-linux.wasm`;
  const { status } = spawnSync(LINDEN, ["cc", "-O2", "-o", wasm, `${SOURCES}${name}.c`], { encoding: "utf8" });
  return status === 0 ? wasm : undefined;
}
