/**
 * The suites that main.ts runs: whose source, over which images, by which script, and which of the tests. Left out from the
 * start is what needs a superuser's machine, a compiler, perl or a tracer, or takes long by its own word.
 */
import { globSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Recipe, readRecipe } from "../../src/toolchain/recipe.ts";

export type Suite = {
  /** The recipe whose source has the tests. */
  readonly recipe: string;
  readonly images: string;
  /** What runs the tests, beside this file. */
  readonly script: "run.sh" | "busybox.sh";
  /** What each test may take. */
  readonly seconds: number;
  /** What the files of a sandbox may take in memory, where the usual is too little. */
  readonly disk?: string;
  readonly tests: (source: string) => readonly string[];
  /** C files of the source that the tests call, with the flags they want. */
  readonly helpers?: readonly string[];
  readonly flags?: (source: string) => readonly string[];
  /** What the source builds for its tests: how, and the programs they call. */
  readonly made?: { readonly build: Recipe["build"]; readonly programs: readonly string[] };
  /** Natively in a root of its own that holds busybox and nothing else. */
  readonly ownRoot?: boolean;
};

const TOOLS = "busybox,findutils,diffutils,gawk,coreutils,grep,sed,bash";
const BEYOND = /require_root_|expensive_|mkfs|require_gcc_|strace|gdb|require_controlling|perl|valgrind|smack|selinux/;

/** What zlib's makefile builds to test itself: with offsets of the machine's size, and of 64 bits. */
const ZLIB_TESTS = ["example", "minigzip", "example64", "minigzip64"];

/** The scripts among `names` that source gnulib's init.sh and ask for nothing beyond. */
const scripts = (source: string, pattern: string) =>
  globSync(pattern, { cwd: source })
    .filter((name) => statSync(join(source, name)).isFile())
    .filter((name) => {
      const text = readFileSync(join(source, name), "latin1");
      return text.startsWith("#!") && (/init\.sh/.test(text) || name.endsWith(".sh")) && !BEYOND.test(text);
    })
    .filter((name) => !/init\.(sh|cfg)$|sample-test|panic-tests|help-ver|bsd-wrapper/.test(name))
    .sort();

const gnulib = (recipe: string, pattern: string, seconds = 20): Suite => ({
  recipe,
  images: TOOLS.includes(recipe) ? TOOLS : `${TOOLS},${recipe}`,
  script: "run.sh",
  seconds,
  tests: (source) => scripts(source, pattern),
});

/** A list that a makefile gives a name, over lines that end in a backslash. */
function listed(makefile: string, name: string): string[] {
  const [, text = ""] = new RegExp(`^${name} = ((?:.*\\\\\\n)*.*)$`, "m").exec(makefile) ?? [];
  return text.split(/[\s\\]+/).filter((word) => word !== "");
}

const shellSuite = (images: string): Suite => ({
  recipe: "busybox",
  images,
  script: "busybox.sh",
  seconds: 120,
  ownRoot: true,
  helpers: ["recho", "zecho", "printenv"].map((name) => `shell/ash_test/${name}.c`),
  tests: (source) =>
    globSync("ash-*/*.tests", { cwd: join(source, "shell/ash_test") })
      .filter((name) => {
        const file = join(source, "shell/ash_test", name);
        return (statSync(file).mode & 0o100) !== 0 && globSync(file.replace(/tests$/, "right")).length > 0;
      })
      .sort(),
});

export const SUITES: ReadonlyMap<string, Suite> = new Map<string, Suite>([
  ["sed", gnulib("sed", "testsuite/*.sh")],
  [
    "grep",
    {
      ...gnulib("grep", "tests/*"),
      images: `${TOOLS},gzip`,
      helpers: ["tests/get-mb-cur-max.c"],
      flags: (source) => ["-I", join(source, "lib")],
    },
  ],
  ["diffutils", gnulib("diffutils", "tests/*")],
  ["gzip", gnulib("gzip", "tests/*", 60)],
  [
    "findutils",
    {
      ...gnulib("findutils", "tests/*/*.sh", 300),
      images: `${TOOLS},tcl`,
      tests: (source) => [
        ...scripts(source, "tests/*/*.sh"),
        ...globSync("{find,xargs}/testsuite/*.*/*.exp", { cwd: source })
          .map((file) => file.replace(/^\w+\/testsuite\//, ""))
          .sort(),
      ],
    },
  ],
  ["coreutils", { ...gnulib("coreutils", "tests/**/*.sh", 120), images: `${TOOLS},xz` }],
  [
    "bash",
    {
      recipe: "bash",
      images: TOOLS,
      script: "run.sh",
      seconds: 60,
      helpers: ["recho", "zecho", "printenv", "xcase"].map((name) => `support/${name}.c`),
      flags: (source) => ["-I", source, "-I", join(source, "include"), "-include", "string.h", "-include", "unistd.h"],
      tests: (source) =>
        readdirSync(join(source, "tests"))
          .filter((name) => name.startsWith("run-") && !/run-(all|minimal|gprof|jobs|history)$/.test(name))
          .sort(),
    },
  ],
  [
    "gawk",
    {
      recipe: "gawk",
      images: `${TOOLS},make`,
      script: "run.sh",
      seconds: 30,
      tests: (source) => {
        const makefile = readFileSync(join(source, "test/Makefile.in"), "latin1");
        writeFileSync(
          join(source, "test/Makefile"),
          makefile
            .replaceAll("@srcdir@", ".")
            .replace(/^SHELL = .*$/m, "SHELL = /bin/sh")
            .replace(/@\w*@/g, ""),
        );
        const words = ["BASIC_TESTS", "UNIX_TESTS", "GAWK_EXT_TESTS"].flatMap((name) => listed(makefile, name));
        return [...new Set(words)].sort();
      },
    },
  ],
  [
    "tar",
    {
      recipe: "tar",
      images: `${TOOLS},tar,gzip,bzip2,xz,zstd`,
      script: "run.sh",
      seconds: 1200,
      disk: "1g",
      made: {
        build: [
          ["make", "-j{jobs}", "-C", "gnu"],
          ["make", "-C", "tests", "genfile", "checkseekhole", "ckmtime"],
        ],
        programs: ["tests/genfile", "tests/checkseekhole", "tests/ckmtime"],
      },
      tests: (source) => {
        const text = readFileSync(join(source, "tests/testsuite"), "latin1");
        return [...text.matchAll(/^(?:at_help_all=")?(\d+);[\w./-]+:\d+;([^;]*);/gm)].map(
          ([, number = "", title = ""]) => `${number}:${title.replace(/[^\w-]+/g, "-")}`,
        );
      },
    },
  ],
  [
    "jq",
    { recipe: "jq", images: `${TOOLS},jq`, script: "run.sh", seconds: 300, tests: () => ["jq", "base64", "onig"] },
  ],
  ["xz", { ...gnulib("xz", ""), tests: (source) => readdirSync(join(source, "tests/files")).filter(isXz).sort() }],
  ["mawk", { ...gnulib("mawk", ""), tests: () => ["mawktest"], seconds: 60 }],
  [
    "bzip2",
    {
      ...gnulib("bzip2", ""),
      tests: () => ["compress", "decompress"].flatMap((how) => [1, 2, 3].map((number) => `${how}-sample${number}`)),
    },
  ],
  [
    "zlib",
    {
      ...gnulib("zlib", ""),
      made: { build: [["make", "-j{jobs}", "libz.a", ...ZLIB_TESTS]], programs: ZLIB_TESTS },
      tests: () => ZLIB_TESTS,
    },
  ],
  ["figlet", { ...gnulib("figlet", "", 300), tests: () => ["001-026"] }],
  [
    "pcre2",
    {
      ...gnulib("pcre2", "", 120),
      tests: (source) =>
        [...readFileSync(join(source, "RunTest"), "latin1").matchAll(/^title(\d+)A?=/gm)].map(
          ([, number = ""]) => number,
        ),
    },
  ],
  [
    "busybox",
    {
      recipe: "busybox",
      images: "busybox",
      script: "busybox.sh",
      seconds: 120,
      ownRoot: true,
      tests: (source) => {
        const names = readdirSync(join(source, "testsuite"), { withFileTypes: true });
        const found = names.filter((entry) => entry.isDirectory() || entry.name.endsWith(".tests"));
        const applets = found.map((entry) => basename(entry.name, ".tests"));
        return [...new Set(applets)].filter((name) => !/^all_|^mount\./.test(name)).sort();
      },
    },
  ],
  ["ash", shellSuite("busybox")],
  ["dash", shellSuite("busybox,dash")],
]);

function isXz(name: string): boolean {
  return /\.(xz|lzma|lz)$/.test(name);
}

/** What a built image's programs are called, for tests that ask. */
export function programNames(recipe: string): string {
  const aliases = Object.values(readRecipe(recipe).recipe.aliases ?? {}).flat();
  return aliases.map((path) => basename(path)).join(" ");
}
