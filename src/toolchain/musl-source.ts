/**
 * Layer: toolchain. Makes musl's source tree one for WebAssembly: our overlay, the files taken from other architectures,
 * the edits that libc/musl.json describes, the headers musl's makefile would write. It must not know how it is compiled.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ToolchainError } from "./errors.ts";
import type { SourceArchive } from "./source-archive.ts";
import { waliHeader } from "./wali-header.ts";

export type MuslRecipe = {
  readonly source: SourceArchive;
  readonly take: readonly { readonly from: string; readonly to: string }[];
  readonly edits: readonly {
    readonly file: string;
    readonly sha256: string;
    readonly why: string;
    readonly find: string;
    readonly replace: string;
  }[];
};

/** Where libc/ lies: beside src/ in a checkout, beside dist/ in the package. */
export function libcDirectory(): string {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    const directory = join(at, "libc");
    if (existsSync(join(directory, "musl.json"))) return directory;
    if (dirname(at) === at) throw new ToolchainError("Linden's directory libc/ is missing: reinstall the package");
  }
}

export function muslRecipe(): MuslRecipe {
  return JSON.parse(readFileSync(join(libcDirectory(), "musl.json"), "utf8"));
}

/** Hash of everything of ours that the library is made from. */
export function overlayHash(): string {
  const home = libcDirectory();
  const hash = createHash("sha256").update(waliHeader());
  for (const name of globSync(["musl.json", "overlay/**/*.{c,h,s,in}"], { cwd: home }).sort()) {
    hash.update(`\0${name}\0`).update(readFileSync(join(home, name)));
  }
  return hash.digest("hex");
}

/** Changes a freshly unpacked tree. Throws ToolchainError where the tree is not the one the edits were written for. */
export function applyOverlay(tree: string, recipe: MuslRecipe): void {
  for (const { from, to } of recipe.take) {
    mkdirSync(dirname(join(tree, to)), { recursive: true });
    cpSync(join(tree, from), join(tree, to));
  }
  cpSync(join(libcDirectory(), "overlay"), tree, { recursive: true });

  const originals = new Map<string, string>();
  for (const { file, sha256, find, replace } of recipe.edits) {
    const path = join(tree, file);
    const text = readFileSync(path, "utf8");
    const original = originals.get(file) ?? createHash("sha256").update(text).digest("hex");
    originals.set(file, original);
    const parts = text.split(find);
    if (original !== sha256 || parts.length !== 2) {
      throw new ToolchainError(`${file} of ${recipe.source.name} is not the file its edit was written for`);
    }
    writeFileSync(path, parts.join(replace));
  }
}

/** Writes the headers that are made from others: types, call numbers, our calls, the version. */
export function writeHeaders(tree: string, recipe: MuslRecipe): void {
  const bits = join(tree, "obj/include/bits");
  mkdirSync(bits, { recursive: true });
  mkdirSync(join(tree, "obj/src/internal"), { recursive: true });
  const types = ["arch/wasm32/bits/alltypes.h.in", "include/alltypes.h.in"].map((name) =>
    readFileSync(join(tree, name), "utf8"),
  );
  writeFileSync(join(bits, "alltypes.h"), guardTypes(types.join("")));
  const numbers = readFileSync(join(tree, "arch/wasm32/bits/syscall.h.in"), "utf8");
  writeFileSync(join(bits, "syscall.h"), numbers + numbers.replaceAll("__NR_", "SYS_"));
  writeFileSync(join(tree, "obj/src/internal/wali_calls.h"), waliHeader());
  writeFileSync(join(tree, "obj/src/internal/version.h"), `#define VERSION "${recipe.source.version}"\n`);
}

/** musl writes each type once, as TYPEDEF, STRUCT or UNION; headers ask for one by __NEED_name. */
export function guardTypes(text: string): string {
  const guarded = (name: string, declaration: string) =>
    `#if defined(__NEED_${name}) && !defined(__DEFINED_${name})\n${declaration}\n#define __DEFINED_${name}\n#endif\n`;
  return text
    .replace(/^TYPEDEF (.*) ([^ ;]*);$/gm, (_, type, name) => guarded(name, `typedef ${type} ${name};`))
    .replace(/^STRUCT +([^ ]*) (.*);$/gm, (_, name, body) => guarded(`struct_${name}`, `struct ${name} ${body};`))
    .replace(/^UNION +([^ ]*) (.*);$/gm, (_, name, body) => guarded(`union_${name}`, `union ${name} ${body};`));
}
