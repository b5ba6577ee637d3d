/**
 * Layer: toolchain. Builds the C library for WebAssembly once and keeps it: headers, libc.a, crt1.o, the kernel's headers.
 * It must not know the driver's arguments.
 */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { cached, cacheRoot } from "../store/index.ts";
import { compileEach } from "./compile-each.ts";
import { applyOverlay, type MuslRecipe, muslRecipe, overlayHash, writeHeaders } from "./musl-source.ts";
import { runTool } from "./run-tool.ts";
import { unpackSource } from "./source-archive.ts";
import { findTools, type Tools } from "./tools.ts";

/** WALI's C ABI: pointers of 32 bits, a long of 64. */
export const TARGET = "wasm32-unknown-linux-muslwali";

/** Raised when this file builds another result from the same inputs. */
const RECIPE = "2";

/** Instructions every engine of ours has; what the library is compiled with, a program may be linked with. */
export const TARGET_FLAGS = [`--target=${TARGET}`, "-matomics", "-mbulk-memory"];

export type Sysroot = {
  readonly directory: string;
  readonly tools: Tools;
  /** Names what it was built from. */
  readonly key: string;
};

/** One of 0 to 1, and what is being done. */
export type Progress = (text: string, done?: number) => void;

/**
 * The library, from the cache or built now (20 to 60 s on two cores). Throws ToolchainError when tools or source are
 * missing.
 */
export async function sysroot(progress: Progress = () => {}, root: string = cacheRoot()): Promise<Sysroot> {
  const tools = findTools();
  const recipe = muslRecipe();
  const key = sysrootKey(tools, recipe);
  const directory = await cached("sysroot", key, (fresh) => build(fresh, tools, recipe, progress), root);
  return { directory, tools, key };
}

/** Names the library that these tools build: another one when any of its inputs changes. */
export function sysrootKey(tools: Tools, recipe: MuslRecipe = muslRecipe()): string {
  return createHash("sha256")
    .update([RECIPE, recipe.source.sha256, overlayHash(), tools.identity, COMPILE_FLAGS.join(" ")].join("\0"))
    .digest("hex")
    .slice(0, 32);
}

const COMPILE_FLAGS = [
  ...TARGET_FLAGS,
  "-std=c99",
  "-ffreestanding",
  "-nostdinc",
  "-D_XOPEN_SOURCE=700",
  "-O2",
  "-fno-strict-aliasing",
  "-fomit-frame-pointer",
  "-ffunction-sections",
  "-fdata-sections",
  "-mexception-handling",
  "-w",
];

/** For the one file of the library that calls setjmp; the files that implement it must not have it. */
const SETJMP_FILES = new Map([["src/time/timer_create.c", ["-mllvm", "-wasm-enable-sjlj"]]]);

const INCLUDE_ORDER = [
  "arch/wasm32",
  "arch/generic",
  "obj/src/internal",
  "src/include",
  "src/internal",
  "obj/include",
  "include",
];

/** Libraries whose functions stand in libc.a: a program may still name them. */
const EMPTY_LIBRARIES = ["m", "rt", "pthread", "crypt", "util", "xnet", "resolv", "dl"];

async function build(fresh: string, tools: Tools, recipe: MuslRecipe, progress: Progress): Promise<void> {
  const tree = join(fresh, ".musl");
  mkdirSync(tree);
  await unpackSource(recipe.source, tree, progress);
  applyOverlay(tree, recipe);
  writeHeaders(tree, recipe);
  await compileLibrary(tree, tools, progress);

  const library = join(fresh, "lib");
  mkdirSync(library);
  const objects = globSync("obj/src/**/*.o", { cwd: tree }).sort();
  writeFileSync(join(tree, "objects"), objects.join("\n"));
  await runTool(tools.ar, ["rcs", join(library, "libc.a"), "@objects"], tree);
  for (const name of EMPTY_LIBRARIES) await runTool(tools.ar, ["rcs", join(library, `lib${name}.a`)]);
  for (const name of ["crt1.o", "single.o"]) copyFileSync(join(tree, "obj/crt", name), join(library, name));

  installHeaders(tree, join(fresh, "include"));
  kernelHeaders(join(fresh, "kernel"));
  copyFileSync(join(tree, "COPYRIGHT"), join(fresh, "COPYRIGHT"));
  rmSync(tree, { recursive: true });
}

async function compileLibrary(tree: string, tools: Tools, progress: Progress): Promise<void> {
  const sources = globSync(["src/*/*.{c,s}", "src/malloc/mallocng/*.c", "crt/{crt1.c,single.s}"], { cwd: tree }).sort();
  const flags = [...COMPILE_FLAGS, ...INCLUDE_ORDER.flatMap((directory) => ["-I", directory])];
  await compileEach(
    tree,
    sources.map((source) => ({ source, command: [tools.clang, ...flags, ...(SETJMP_FILES.get(source) ?? [])] })),
    (done) => progress("building the C library", done),
  );
}

function installHeaders(tree: string, include: string): void {
  cpSync(join(tree, "include"), include, { recursive: true });
  for (const place of ["arch/generic/bits", "arch/wasm32/bits", "obj/include/bits"]) {
    cpSync(join(tree, place), join(include, "bits"), { recursive: true });
  }
  for (const name of globSync("**/*.in", { cwd: include })) rmSync(join(include, name));
}

/**
 * Linux's own headers, for programs that talk to the kernel: links into linux-libc-dev's, with the generic asm/ that fits
 * a machine without registers.
 */
function kernelHeaders(directory: string): void {
  mkdirSync(join(directory, "asm"), { recursive: true });
  for (const name of ["linux", "asm-generic", "mtd", "rdma", "scsi", "sound", "video"]) {
    if (existsSync(join("/usr/include", name))) symlinkSync(join("/usr/include", name), join(directory, name));
  }
  for (const name of readdirSync("/usr/include/asm-generic")) {
    writeFileSync(join(directory, "asm", basename(name)), `#include <asm-generic/${name}>\n`);
  }
  writeFileSync(
    join(directory, "asm/bitsperlong.h"),
    "#define __BITS_PER_LONG 64\n#include <asm-generic/bitsperlong.h>\n",
  );
  for (const name of ["byteorder", "unistd", "sigcontext", "ptrace", "hwcap"]) {
    const target = { byteorder: "#include <linux/byteorder/little_endian.h>\n", unistd: "#include <bits/syscall.h>\n" }[
      name
    ];
    writeFileSync(join(directory, `asm/${name}.h`), target ?? "");
  }
}
