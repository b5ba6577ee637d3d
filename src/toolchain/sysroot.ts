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
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { FUTEX_PRIVATE_FLAG, FUTEX_WAIT, FUTEX_WAKE } from "../abi/futex.ts";
import { cached, cacheRoot, packImage, unpackArchive } from "../store/index.ts";
import { compileEach } from "./compile-each.ts";
import { type Llvm, runJob } from "./llvm.ts";
import { applyOverlay, libcDirectory, type MuslRecipe, muslRecipe, overlayHash, writeHeaders } from "./musl-source.ts";
import { unpackSource } from "./source-archive.ts";

/** WALI's C ABI: pointers of 32 bits, a long of 64. */
export const TARGET = "wasm32-unknown-linux-muslwali";

/** Raised when this file builds another result from the same inputs. */
const RECIPE = "2";

/** Instructions every engine of ours has; what the library is compiled with, a program may be linked with. */
export const TARGET_FLAGS = [`--target=${TARGET}`, "-matomics", "-mbulk-memory"];

export type Sysroot = {
  readonly directory: string;
  readonly llvm: Llvm;
  /** Names what it was built from. */
  readonly key: string;
};

/** One of 0 to 1, and what is being done. */
export type Progress = (text: string, done?: number) => void;

/**
 * The library, from the cache or built now (20 to 60 s on two cores; locked tools take some three minutes). Throws
 * ToolchainError when the source is missing.
 */
export async function sysroot(llvm: Llvm, progress: Progress = () => {}, root: string = cacheRoot()): Promise<Sysroot> {
  const recipe = muslRecipe();
  const key = sysrootKey(llvm, recipe);
  const directory = await cached("sysroot", key, (fresh) => build(fresh, llvm, recipe, progress), root);
  return { directory, llvm, key };
}

/**
 * The library as one file, for machines that would have to build it with locked tools: its name, and its bytes. Those
 * machines know it by the name of the file as well.
 */
export async function packSysroot(root: Sysroot): Promise<{ file: string; bytes: Uint8Array }> {
  const name = libraryName(muslRecipe());
  const whole = await mkdtemp(join(tmpdir(), "linden-libc-"));
  try {
    // The kernel's headers are links to where Debian has them.
    cpSync(root.directory, whole, { recursive: true, dereference: true });
    const file = archiveOf(name);
    return { file, bytes: packImage(name, whole, file).bytes };
  } finally {
    rmSync(whole, { recursive: true });
  }
}

/** Names the library by all but the compiler: another compiler of the same release makes one that fits as well. */
function libraryName(recipe: MuslRecipe): string {
  const hash = createHash("sha256").update([RECIPE, recipe.source.sha256, overlayHash(), COMPILE_FLAGS].join("\0"));
  return `libc-${hash.digest("hex").slice(0, 16)}`;
}

function archiveOf(name: string): string {
  return `linden-${name}.tar.gz`;
}

/** Whether somebody laid the library beside the other sources, or among our own files. */
function packedLibrary(name: string): string | undefined {
  const places = [process.env.LINDEN_SOURCES ?? "", libcDirectory()].filter((place) => place !== "");
  return places.map((place) => join(place, archiveOf(name))).find((file) => existsSync(file));
}

/** Names the library that these tools build: another one when any of its inputs changes. */
export function sysrootKey({ identity }: { readonly identity: string }, recipe: MuslRecipe = muslRecipe()): string {
  return createHash("sha256")
    .update([RECIPE, recipe.source.sha256, overlayHash(), identity, COMPILE_FLAGS.join(" ")].join("\0"))
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

async function build(fresh: string, llvm: Llvm, recipe: MuslRecipe, progress: Progress): Promise<void> {
  const name = libraryName(recipe);
  const packed = llvm.confined ? packedLibrary(name) : undefined;
  if (packed !== undefined) return unpackArchive(packed, name, fresh);
  const tree = join(fresh, ".musl");
  mkdirSync(tree);
  await unpackSource(recipe.source, tree, progress);
  applyOverlay(tree, recipe);
  writeHeaders(tree, recipe);
  await compileLibrary(tree, llvm, progress);

  const library = join(fresh, "lib");
  mkdirSync(library);
  const objects = globSync("obj/src/**/*.o", { cwd: tree }).sort();
  const list = join(tree, "objects");
  writeFileSync(list, objects.map((object) => join(tree, object)).join("\n"));
  const session = await llvm.open([tree]);
  try {
    const archive = (name: string, ...members: string[]) => {
      const file = join(library, `lib${name}.a`);
      return runJob(session, { tool: "ar", args: ["rcs", file, ...members], writes: [file] });
    };
    await archive("c", `@${list}`);
    for (const name of EMPTY_LIBRARIES) await archive(name);
  } finally {
    await session.close();
  }
  for (const name of ["crt1.o", "single.o"]) copyFileSync(join(tree, "obj/crt", name), join(library, name));

  installHeaders(tree, join(fresh, "include"));
  const kernel = join(fresh, "kernel");
  mkdirSync(join(kernel, "asm"), { recursive: true });
  if (llvm.kernel !== undefined) kernelHeaders(llvm.kernel, kernel);
  else futexHeader(kernel);
  copyFileSync(join(tree, "COPYRIGHT"), join(fresh, "COPYRIGHT"));
  rmSync(tree, { recursive: true });
}

async function compileLibrary(tree: string, llvm: Llvm, progress: Progress): Promise<void> {
  const sources = globSync(["src/*/*.{c,s}", "src/malloc/mallocng/*.c", "crt/{crt1.c,single.s}"], { cwd: tree }).sort();
  const flags = [...COMPILE_FLAGS, ...INCLUDE_ORDER.flatMap((directory) => ["-I", directory])];
  const units = sources.map((source) => {
    return { source, tool: "clang" as const, words: [...flags, ...(SETJMP_FILES.get(source) ?? [])] };
  });
  const title = `building the C library${llvm.confined ? " (once; some minutes)" : ""}`;
  await compileEach(llvm, tree, units, [], (done) => progress(title, done));
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
function kernelHeaders(from: string, directory: string): void {
  for (const name of ["linux", "asm-generic", "mtd", "rdma", "scsi", "sound", "video"]) {
    if (existsSync(join(from, name))) symlinkSync(join(from, name), join(directory, name));
  }
  for (const name of readdirSync(join(from, "asm-generic"))) {
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

/** Where linux-libc-dev is not at hand, the one header of it that the C++ library asks for. */
function futexHeader(directory: string): void {
  mkdirSync(join(directory, "linux"));
  const words = { FUTEX_WAIT, FUTEX_WAKE, FUTEX_PRIVATE_FLAG };
  const lines = Object.entries(words).map(([name, value]) => `#define ${name} ${value}\n`);
  for (const name of ["FUTEX_WAIT", "FUTEX_WAKE"])
    lines.push(`#define ${name}_PRIVATE (${name} | FUTEX_PRIVATE_FLAG)\n`);
  writeFileSync(join(directory, "linux/futex.h"), lines.join(""));
}
