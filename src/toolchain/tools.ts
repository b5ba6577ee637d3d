/**
 * Layer: toolchain. Finds LLVM's tools, and says the one command that installs what is missing. It must not know what
 * they are used for.
 */
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { ToolchainError } from "./errors.ts";

/** The release whose clang knows the target triple; older ones reject it. */
export const LLVM_VERSION = 22;

const PACKAGES = [
  `clang-${LLVM_VERSION}`,
  `lld-${LLVM_VERSION}`,
  `llvm-${LLVM_VERSION}`,
  `libclang-rt-${LLVM_VERSION}-dev-wasm32`,
  "linux-libc-dev",
];

/** Debian 12 has the compiler in its security archive, which every installation lists. */
function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install --no-install-recommends ${packages.join(" ")}`;
}

/** Installs whatever compiling takes. */
export const INSTALL_COMMAND = installCommand(PACKAGES);

/** That packages of Debian's are missing, and the one command that installs them. `what`: who needs them. */
export function lacking(what: string, missing: readonly string[]): ToolchainError {
  const packages = [...new Set(missing)];
  return new ToolchainError(
    `${what} needs packages that are not installed: ${packages.join(", ")}\n` +
      `install them, on Debian 12 or newer as root, with: ${installCommand(packages)}`,
  );
}

export type Tools = {
  /** Paths of the programs. */
  readonly clang: string;
  readonly clangxx: string;
  readonly linker: string;
  readonly ar: string;
  readonly ranlib: string;
  readonly nm: string;
  readonly strip: string;
  /** clang's own headers (stddef.h and the like). */
  readonly headers: string;
  /** The arithmetic that WebAssembly lacks: 128-bit integers, long double. */
  readonly builtins: string;
  /** Changes when another build of the compiler is installed. */
  readonly identity: string;
};

/** The file of a program, or undefined. */
export function onPath(name: string, path: string): string | undefined {
  for (const directory of path.split(delimiter)) {
    const file = join(directory || ".", name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  return undefined;
}

/** What is missing, as package names; empty when all is there. */
export function missingTools(path: string = process.env.PATH ?? ""): string[] {
  const found = locate(path);
  return Object.entries(found).flatMap(([name, file]) => (file === undefined ? [packageOf(name)] : []));
}

function packageOf(tool: string): string {
  if (tool === "linker") return PACKAGES[1] ?? "";
  if (["ar", "ranlib", "nm", "strip"].includes(tool)) return PACKAGES[2] ?? "";
  if (tool === "builtins") return PACKAGES[3] ?? "";
  if (tool === "kernel") return PACKAGES[4] ?? "";
  return PACKAGES[0] ?? "";
}

function locate(path: string) {
  const clang = onPath(`clang-${LLVM_VERSION}`, path);
  const library = clang && join(dirname(dirname(realpathSync(clang))), "lib", "clang", String(LLVM_VERSION));
  const inside = (...parts: string[]) => {
    const file = library && join(library, ...parts);
    return file !== undefined && existsSync(file) ? file : undefined;
  };
  return {
    clang,
    clangxx: onPath(`clang++-${LLVM_VERSION}`, path),
    linker: onPath(`wasm-ld-${LLVM_VERSION}`, path),
    ar: onPath(`llvm-ar-${LLVM_VERSION}`, path),
    ranlib: onPath(`llvm-ranlib-${LLVM_VERSION}`, path),
    nm: onPath(`llvm-nm-${LLVM_VERSION}`, path),
    strip: onPath(`llvm-strip-${LLVM_VERSION}`, path),
    headers: inside("include"),
    builtins: inside("lib", "wasi", "libclang_rt.builtins-wasm32.a"),
    kernel: existsSync("/usr/include/linux/fs.h") ? "/usr/include" : undefined,
  };
}

/** Every tool, or a ToolchainError that names what is missing and the command that installs it. */
export function findTools(path: string = process.env.PATH ?? ""): Tools {
  const found = locate(path);
  const { clang, clangxx, linker, ar, ranlib, nm, strip, headers, builtins } = found;
  if (
    clang === undefined ||
    clangxx === undefined ||
    linker === undefined ||
    ar === undefined ||
    ranlib === undefined ||
    nm === undefined ||
    strip === undefined ||
    headers === undefined ||
    builtins === undefined ||
    found.kernel === undefined
  ) {
    throw lacking("the compiler", missingTools(path));
  }
  const identity = [clang, linker, builtins]
    .map((file) => {
      const { size, mtimeMs } = statSync(file);
      return `${realpathSync(file)} ${size} ${Math.trunc(mtimeMs)}`;
    })
    .join("\n");
  return { clang, clangxx, linker, ar, ranlib, nm, strip, headers, builtins, identity };
}
