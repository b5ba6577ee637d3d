/**
 * Layer: toolchain. A recipe of userland/: which source, what is changed in it, the commands that build it, what of the
 * result belongs into an image. It must not run anything.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ToolchainError } from "./errors.ts";
import type { SourceArchive } from "./source-archive.ts";

export type Recipe = {
  readonly name: string;
  /** Debian's version of the source package. */
  readonly version: string;
  readonly description: string;
  /** Programs of the host that the commands call. */
  readonly needs: readonly string[];
  /** Recipes whose headers and libraries the build finds: {zlib} in a word stands for the directory of zlib's image. */
  readonly uses?: readonly string[];
  /** Unpacked into this directory of the tree, in order. */
  readonly sources: readonly (SourceArchive & { readonly into: string })[];
  /** Files of the tree, each applied with patch -p1. */
  readonly patches?: readonly string[];
  readonly edits?: readonly {
    readonly file: string;
    readonly why: string;
    readonly find: string;
    readonly replace: string;
  }[];
  /** Commands without a shell; build.ts lists the words in braces that are replaced. */
  readonly configure?: readonly (readonly string[])[];
  /**
   * A tree that is configured as Linux is: the command that writes `file`, CONFIG_ names in it that are switched off or given
   * a value, and the command that settles what hangs on them. After `configure`.
   */
  readonly config?: {
    readonly default: readonly string[];
    readonly file: string;
    readonly why: string;
    readonly off: readonly string[];
    readonly set: Readonly<Record<string, string>>;
    readonly settle: readonly string[];
  };
  readonly build: readonly (readonly string[])[];
  /** Lines that `configure` and `build` print, near enough for a progress bar; more where the last line is not most of the work. */
  readonly steps: number;
  /** `to` is a path in the image, without the slash before it. */
  readonly programs: readonly { readonly from: string; readonly to: string }[];
  /** The same for what is not executed: headers, libraries, whole directories. */
  readonly data?: readonly { readonly from: string; readonly to: string }[];
  /** Texts of the image, by their paths in it; what begins with #! is executable. */
  readonly files?: Readonly<Record<string, string>>;
  /** A file with one absolute path a line: each becomes a symbolic link to the program `to`. */
  readonly links?: { readonly list: string; readonly to: string };
  /** Symbolic links of the image: a program's path to the paths that lead to it. */
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
};

/** Where userland/ lies: beside src/ in a checkout, beside dist/ in the package. */
function userlandDirectory(): string {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    const directory = join(at, "userland");
    if (existsSync(join(directory, "busybox.json"))) return directory;
    if (dirname(at) === at) throw new ToolchainError("Linden's directory userland/ is missing: reinstall the package");
  }
}

export function recipeNames(): string[] {
  return readdirSync(userlandDirectory())
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .sort();
}

/** Answers of configure scripts about our C library, as their own cache files hold them. */
export function configureCache(): string {
  return readFileSync(join(userlandDirectory(), "config.cache"), "utf8");
}

/** The recipe, and its text for a hash. ToolchainError when there is none of this name. */
export function readRecipe(name: string): { readonly recipe: Recipe; readonly text: string } {
  const names = recipeNames();
  if (!names.includes(name)) throw new ToolchainError(`there is no recipe ${name}: there are ${names.join(", ")}`);
  const text = readFileSync(join(userlandDirectory(), `${name}.json`), "utf8");
  return { recipe: JSON.parse(text), text };
}
