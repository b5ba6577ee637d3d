/**
 * Layer: toolchain. Builds the C++ library over a sysroot once and keeps it: libc++, libc++abi and the few lines of
 * libunwind that WebAssembly's exceptions need, in one archive. It must not know the driver's arguments.
 */
import { createHash } from "node:crypto";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached, cacheRoot } from "../store/index.ts";
import { missingPrograms } from "./build.ts";
import { compileEach, type Unit } from "./compile-each.ts";
import { ToolchainError } from "./errors.ts";
import { runJob } from "./llvm.ts";
import { libcDirectory } from "./musl-source.ts";
import { type SourceArchive, unpackSource } from "./source-archive.ts";
import { type Progress, type Sysroot, TARGET_FLAGS } from "./sysroot.ts";
import { lacking } from "./tools.ts";

type CxxRecipe = {
  readonly source: SourceArchive;
  /** Patterns; a name is relative to the archive, or a file of ours. */
  readonly sources: readonly string[];
  /** Sources that a pattern matches and the library does without, each with the reason. */
  readonly leftOut: Readonly<Record<string, string>>;
  /** Changes to its headers: `find` is a regular expression that must match. */
  readonly edits: readonly {
    readonly file: string;
    readonly why: string;
    readonly find: string;
    readonly replace: string;
  }[];
  readonly headers: readonly string[];
  readonly flags: readonly string[];
};

/** Programs of the host that unpacking its source takes. */
export const CXX_NEEDS = ["xz"];

/** Raised when this file builds another result from the same inputs. */
const RECIPE = "1";

/** Exceptions and setjmp become WebAssembly's own exceptions, in the encoding that binaryen can rewrite for fork. */
export const EXCEPTION_FLAGS = ["-fwasm-exceptions", "-mllvm", "-wasm-enable-sjlj"];

/** Names under which programs ask for parts of it: all are in libc++.a. */
const OTHER_NAMES = ["stdc++", "c++abi", "supc++", "unwind"];

/** What of ours stands among its headers. */
const OWN_HEADERS = ["__config_site", "__assertion_handler"];

/**
 * The directory of the library (`include/c++/v1`, `lib`), from the cache or built now: 157 MB of source to fetch, of which
 * 14 are unpacked, then 20 to 60 s on two cores. Throws ToolchainError when the source is missing or does not compile.
 */
export async function cxxLibrary(root: Sysroot, progress: Progress = () => {}, cache?: string): Promise<string> {
  const home = join(libcDirectory(), "cxx");
  const texts = globSync("*", { cwd: home })
    .sort()
    .map((name) => `${name}\0${readFileSync(join(home, name), "utf8")}`);
  const key = createHash("sha256")
    .update([RECIPE, root.key, EXCEPTION_FLAGS.join(" "), ...texts].join("\0"))
    .digest("hex")
    .slice(0, 32);
  const recipe: CxxRecipe = JSON.parse(readFileSync(join(home, "libcxx.json"), "utf8"));
  return cached("cxx", key, (fresh) => build(fresh, home, root, recipe, progress), cache ?? cacheRoot());
}

async function build(fresh: string, home: string, root: Sysroot, recipe: CxxRecipe, progress: Progress): Promise<void> {
  const missing = missingPrograms(CXX_NEEDS);
  if (missing.length > 0) throw lacking("the C++ library", missing);
  const tree = join(fresh, ".llvm");
  mkdirSync(tree);
  await unpackSource(recipe.source, tree, progress);
  const include = join(fresh, "include/c++/v1");
  for (const place of recipe.headers) cpSync(join(tree, place), include, { recursive: true });
  for (const name of OWN_HEADERS) cpSync(join(home, name), join(include, name));
  for (const name of globSync("**/{*.in,CMakeLists.txt,module.modulemap}", { cwd: include }))
    rmSync(join(include, name));
  for (const edit of recipe.edits) change(join(include, edit.file), edit);
  cpSync(join(home, "guard.cpp"), join(tree, "guard.cpp"));

  const sources = globSync([...recipe.sources], { cwd: tree }).sort();
  const units = sources.filter((name) => !(name in recipe.leftOut)).map((name) => unit(name, include, root, recipe));
  const { llvm } = root;
  const readable = [fresh, root.directory];
  const objects = await compileEach(llvm, tree, units, readable, (done) => progress("building the C++ library", done));
  const library = join(fresh, "lib");
  mkdirSync(library);
  const archive = join(library, "libc++.a");
  const session = await llvm.open([tree]);
  try {
    const members = objects.map((object) => join(tree, object));
    await runJob(session, { tool: "ar", args: ["rcs", archive, ...members], writes: [archive] });
  } finally {
    await session.close();
  }
  for (const name of OTHER_NAMES) symlinkSync("libc++.a", join(library, `lib${name}.a`));
  cpSync(join(tree, "libcxx/LICENSE.TXT"), join(fresh, "COPYRIGHT"));
  rmSync(tree, { recursive: true });
}

function change(path: string, { file, find, replace }: CxxRecipe["edits"][number]): void {
  const text = readFileSync(path, "utf8");
  const changed = text.replaceAll(new RegExp(find, "g"), replace);
  if (changed === text) throw new ToolchainError(`${file} of libc++ is not the file its edit was written for`);
  writeFileSync(path, changed);
}

/** The headers: the library's own before C's, as `#include_next` wants it. */
export function cxxIncludes(library: string): string[] {
  return ["-isystem", join(library, "include/c++/v1")];
}

function unit(source: string, include: string, { directory, llvm }: Sysroot, recipe: CxxRecipe): Unit {
  const isC = source.endsWith(".c");
  return {
    source,
    tool: isC ? "clang" : "clang++",
    words: [
      ...TARGET_FLAGS,
      ...EXCEPTION_FLAGS,
      ...recipe.flags,
      isC ? "-std=c11" : "-std=c++23",
      "-O2",
      "-ffunction-sections",
      "-fdata-sections",
      "-w",
      "-nostdinc",
      ...(isC ? [] : ["-nostdinc++", "-isystem", include]),
      ...["libcxx/src", "libcxxabi/include", "libunwind/include"].flatMap((place) => ["-I", place]),
      "-isystem",
      join(directory, "include"),
      "-isystem",
      llvm.headers,
      "-idirafter",
      join(directory, "kernel"),
    ],
  };
}
