/** What each recipe of userland/ builds, at work in a locked cell. They take minutes to build: never by a test. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Sandbox } from "../../src/sandbox/index.ts";
import { builtImage } from "../../src/store/index.ts";
import { writeTar } from "../../src/store/tar.ts";
import { recipeNames } from "../../src/toolchain/recipe.ts";

type Work = {
  readonly program: string;
  readonly args: readonly string[];
  readonly stdin?: string | Uint8Array;
  readonly says: string;
  readonly ends?: number;
  /** Where the program needs what others built. */
  readonly image?: string;
};

const script = (program: string, text: string, says: string): Work => ({ program, args: ["-c", text], says });

const TAR = writeTar(
  [..."ab"].map((path) => ({ kind: "file", path, mode: 0o644, bytes: Buffer.from(path === "a" ? "one" : "two") })),
);

/** One program of each recipe, and what real work it prints. Libraries are seen in what is built with them. */
const WORK: ReadonlyMap<string, Work | "library"> = new Map<string, Work | "library">([
  ["dash", script("dash", 'f() { echo $(($1*2)); }; echo abc | { read x; echo "$x $(f 21)"; }', "abc 42\n")],
  [
    "bash",
    script(
      "bash",
      "f() { local x=(a b c); echo $" +
        "{x[@]:1}; }; f; declare -A m=([k]=v); [[ x=1 =~ ^x=(.)$ ]]; " +
        'read y < <(echo "$BASH_REMATCH"); echo $y; source /dev/stdin <<< "echo sourced"; trap "echo bye" EXIT; (exit 3); echo $?',
      "b c\nx=1\nsourced\n3\nbye\n",
    ),
  ],
  [
    "lua",
    {
      program: "lua",
      args: ["-e", "print(2^53 // 1 | 0, ('x'):rep(3), #table.pack(1, nil, 3))"],
      says: "9007199254740992\txxx\t3\n",
    },
  ],
  [
    "bzip2",
    {
      program: "bzip2",
      args: ["-cd"],
      stdin: Buffer.from("QlpoOTFBWSZTWcHAgOIAAAFBAAAQAkSgADDNAMNGKZcXckU4UJDBwIDi", "base64"),
      says: "hello\n",
    },
  ],
  ["gzip", { program: "gzip", args: ["-cd"], stdin: gzipSync("hello\n"), says: "hello\n" }],
  ["xz", { program: "xz", args: ["--robot", "--version"], says: "XZ_VERSION=50040012\nLIBLZMA_VERSION=50040012\n" }],
  ["zstd", { program: "zstd", args: ["-dc"], stdin: zstdCompressSync("hello\n"), says: "hello\n" }],
  [
    "lz4",
    {
      program: "lz4",
      args: ["-dc"],
      stdin: Buffer.from("BCJNGGRApwYAAIBoZWxsbwoAAAAA+VtrlA==", "base64"),
      says: "hello\n",
    },
  ],
  [
    "ninja",
    {
      program: "ninja",
      args: ["-f", "/dev/stdin", "-t", "targets", "all"],
      stdin: "rule r\n command = x $in\nbuild a: r b | c\nbuild d: phony a\n",
      says: "a: r\nd: phony\n",
    },
  ],
  ["figlet", { program: "figlet", args: ["-f", "mini", "ok"], says: "      \n _ |  \n(_)|< \n      \n" }],
  ["zlib", "library"],
  ["ncurses", "library"],
  ["libonig", "library"],
  ["sed", { program: "sed", args: ["-E", "s/(.)(.)/\\2\\1/;y/abc/xyz/"], stdin: "abc\n", says: "yxz\n" }],
  ["pcre2", { program: "pcre2grep", args: ["-o2", "(?<!x)(\\d)(?=(b+))"], stdin: "x1bb\n2bbb\n", says: "bbb\n" }],
  ["grep", { program: "grep", args: ["-noP", "([a-z])\\1(?!x)"], stdin: "aaxbcc\nx\nzz\n", says: "1:cc\n3:zz\n" }],
  [
    "mawk",
    {
      program: "mawk",
      args: ['{ s += $1 } END { printf "%d %.2f\\n", s, s / NR }'],
      stdin: "1\n2\n6\n",
      says: "9 3.00\n",
    },
  ],
  [
    "gawk",
    {
      program: "gawk",
      args: ['{ a[$1]++ } END { n = asorti(a, b); print n, b[1], gensub(/x/, "y", 1, "xx") }'],
      stdin: "q\np\nq\n",
      says: "2 p yx\n",
    },
  ],
  [
    "diffutils",
    {
      program: "diff",
      args: ["-q", "/usr/bin/cmp", "/usr/bin/diff"],
      says: "Files /usr/bin/cmp and /usr/bin/diff differ\n",
      ends: 1,
    },
  ],
  ["findutils", { program: "find", args: ["/usr/bin", "-name", "x*gs", "-printf", "%f %y\\n"], says: "xargs f\n" }],
  ["tar", { program: "tar", args: ["-xOf", "-", "b"], stdin: TAR, says: "two" }],
  ["coreutils", { program: "factor", args: ["1234567890123"], says: "1234567890123: 3 3541 116216501\n" }],
  [
    "sqlite3",
    {
      program: "sqlite3",
      args: [":memory:", "create table t(a); insert into t values (1), (2.5); select sum(a), typeof(max(a)) from t"],
      says: "3.5|real\n",
    },
  ],
  [
    "jq",
    {
      program: "jq",
      args: ["-c", '(.a | map(. * 2)), (.b | test("^x"))'],
      stdin: '{"a":[1,2],"b":"xy"}',
      says: "[2,4]\ntrue\n",
    },
  ],
  [
    "tcl",
    {
      program: "tclsh",
      args: [],
      stdin:
        "puts [expr {9223372036854775807 + 1}]; after 1 {set done 1}; vwait done; puts [string compare -nocase \u00c4B \u00e4c]",
      says: "9223372036854775808\n-1\n",
    },
  ],
  [
    "sqlite3-tests",
    {
      program: "testfixture",
      image: "tcl,sqlite3-tests",
      args: [],
      stdin:
        "sqlite3 db :memory:; puts [db eval {with c(x) as (values (1) union all select x + 1 from c limit 9) select sum(x) from c}]\n",
      says: "% 45\n% ",
    },
  ],
  ["less", { program: "less", args: [], stdin: "a line\n", says: "a line\n" }],
  [
    "make",
    {
      program: "make",
      args: ["-f", "-", "--no-print-directory"],
      stdin: "all: b\n\t@make -f /dev/null --eval=c:\nb:\n",
      says: "make[1]: Nothing to be done for 'c'.\n",
    },
  ],
]);

describe("recipes", { timeout: 300_000 }, () => {
  for (const name of recipeNames()) {
    if (name === "busybox") continue; // It has a file of its own.
    test(name, async (context) => {
      const work = WORK.get(name);
      assert.ok(work !== undefined, "say here what it does");
      if (work === "library") return context.skip("a library: programs of other recipes contain it");
      const wanted = work.image ?? name;
      const image = await builtImage(wanted);
      if (image === undefined)
        return context.skip(`the image is not built: ./linden image build ${wanted.replaceAll(",", " ")}`);
      await using box = await Sandbox.create({ image });
      const result = await box.run(work.program, work.args, { stdin: work.stdin ?? "" });
      const { stdout, stderr, exitCode } = result;
      assert.deepEqual({ stdout, exitCode }, { stdout: work.says, exitCode: work.ends ?? 0 }, stderr);
    });
  }

  test("archives written by one are read by another", async (context) => {
    const image = await builtImage("busybox,tar,gzip,bzip2,xz,coreutils,diffutils,findutils");
    if (image === undefined)
      return context.skip("not all of tar, gzip, bzip2, xz, coreutils, diffutils, findutils are built");
    await using box = await Sandbox.create({ image });
    const text =
      "cd /tmp; mkdir a; seq 1 20000 > a/n; ln -s n a/l; for z in gzip bzip2 xz; do tar -cf a.tar.$z --$z a; mkdir $z; " +
      "tar -xf a.tar.$z -C $z && diff -r a $z/a && cmp a/n $z/a/n && find $z -type l; done; xargs -n 2 echo < /dev/null";
    const { stdout, stderr } = await box.run("sh", ["-c", text]);
    assert.deepEqual({ stdout, stderr }, { stdout: "gzip/a/l\nbzip2/a/l\nxz/a/l\n\n", stderr: "" });
  });
});
