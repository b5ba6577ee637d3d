/** What a locked compiler is shown and what it may make, for command lines as makefiles and configure scripts write them. */
import assert from "node:assert/strict";
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { confinedJob } from "../../src/toolchain/binary-tool.ts";
import { parseArguments } from "../../src/toolchain/driver/arguments.ts";
import { absoluteLink, confinedJobs, dependencies, reach } from "../../src/toolchain/driver/confined.ts";
import { ToolchainError } from "../../src/toolchain/index.ts";
import { outermost } from "../../src/toolchain/wasm-llvm.ts";

const home = mkdtempSync(join(tmpdir(), "linden-confined-"));
after(() => rmSync(home, { recursive: true }));

function put(path: string, text = ""): string {
  const file = join(home, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const jobs = (...argv: string[]) =>
  confinedJobs(parseArguments(argv), "/work", () => ({ before: ["<"], after: [">"] }));

test("each source is a job that names what it makes, as clang would", () => {
  assert.deepEqual(jobs("-c", "-O2", "a.c", "../b/b.c"), [
    { words: ["<", "-c", "-O2", ">", "-o", "/work/a.o", "a.c"], writes: ["/work/a.o"] },
    { words: ["<", "-c", "-O2", ">", "-o", "/work/b.o", "../b/b.c"], writes: ["/work/b.o"] },
  ]);
  const made = (...argv: string[]) => jobs(...argv).flatMap(({ writes }) => writes);
  assert.deepEqual(made("-c", "a.c", "-o", "sub/x.o"), ["/work/sub/x.o"]);
  assert.deepEqual(made("-S", "a.b.c"), ["/work/a.b.s"]);
  assert.deepEqual(made("-c", "-emit-llvm", "a.c"), ["/work/a.bc"]);
  assert.deepEqual(made("-S", "-emit-llvm", "a.c"), ["/work/a.ll"]);
  assert.deepEqual(made("-E", "a.c"), []);
  assert.deepEqual(made("-fsyntax-only", "a.c"), []);
  assert.deepEqual(made("-E", "a.c", "-o", "a.i"), ["/work/a.i"]);
  assert.deepEqual(jobs("-S", "a.c", "-o", "-"), [{ words: ["<", "-S", ">", "-o", "-", "a.c"], writes: [] }]);
  assert.deepEqual(jobs("-c", "-x", "c", "-")[0]?.words.slice(-5), ["-o", "/work/-.o", "-x", "c", "-"]);
  assert.throws(() => jobs("-c", "a.c", "b.c", "-o", "x.o"), ToolchainError);
});

test("lists of dependencies are files by name, with the target the caller sees", () => {
  const list = (words: string[], output?: string) => dependencies(words, { file: "src/a.c" }, output, "/work");
  assert.deepEqual(list(["-MD"], "obj/a.o"), {
    words: ["-MD", "-MQ", "obj/a.o", "-MF", "/work/obj/a.d"],
    writes: ["/work/obj/a.d"],
  });
  assert.deepEqual(list(["-MMD", "-MP"]), {
    words: ["-MMD", "-MP", "-MQ", "a.o", "-MF", "/work/a.d"],
    writes: ["/work/a.d"],
  });
  assert.deepEqual(list(["-MD", "-MF", "deps/a", "-MT", "it"], "obj/a.o").words, [
    ...["-MD", "-MT", "it", "-MF", "/work/deps/a"],
  ]);
  assert.deepEqual(list(["-Wp,-MMD,.deps/a.d"], "a.o"), {
    words: ["-MMD", "-MQ", "a.o", "-MF", "/work/.deps/a.d"],
    writes: ["/work/.deps/a.d"],
  });
  assert.deepEqual(list(["-M", "-MF", "a.d"]), { words: ["-M", "-MF", "/work/a.d"], writes: ["/work/a.d"] });
  assert.deepEqual(list(["-MD", "-MF", "-"], "a.o"), { words: ["-MD", "-MF", "-"], writes: [] });
  assert.deepEqual(list(["-O2"], "a.o"), { words: ["-O2"], writes: [] });
});

test("the linker has no working directory: its files are absolute, its other words as they were", () => {
  const words = [
    "a.o",
    "-Lsub",
    "-L",
    "other",
    "-lm",
    "-l",
    "pthread",
    "--export",
    "name",
    "../b.a",
    "--whole-archive",
  ];
  assert.deepEqual(absoluteLink(words, "/work/in"), [
    ...["/work/in/a.o", "-L/work/in/sub", "-L", "/work/in/other", "-lm", "-l", "pthread", "--export", "name"],
    ...["/work/b.a", "--whole-archive"],
  ]);
});

test("shown are the work's directory, those of its files, and whatever options name", () => {
  const work = join(home, "project/sub");
  put("project/sub/a.c", '#include "../b.h"\n  #  include "../../elsewhere/c.h"\n#include "d.h"\n');
  put("project/include/x.h");
  put("libraries/libx.a");
  put("outside/y.c");
  put("secret/key");
  const shown = (...words: string[]) => reach(words, work).sort();
  assert.deepEqual(shown(), [work]);
  // A source has no say in what is shown: who is asked for more is told.
  const told: string[] = [];
  assert.deepEqual(reach(["a.c"], work, { warn: (text) => told.push(text) }), [work]);
  assert.deepEqual(
    told.map((text) => text.split(",")[0]),
    [`a.c includes from ${join(home, "project")}`, `a.c includes from ${home}`],
  );
  assert.deepEqual(shown("a.c", "-I../include", "-I..", "-I../.."), [
    ...[home, join(home, "project"), join(home, "project/include"), work].sort(),
  ]);
  assert.deepEqual(shown("-I../include", "-L", "../../libraries", "-Wl,-L../../outside"), [
    ...[join(home, "libraries"), join(home, "outside"), join(home, "project/include"), work].sort(),
  ]);
  assert.deepEqual(shown("-isystem", "../include", "-I../nothing"), [join(home, "project/include"), work]);
  assert.deepEqual(shown("../../outside/y.c", "-include", "../include/x.h"), [
    ...[join(home, "outside"), join(home, "project/include"), work].sort(),
  ]);
  // Where an output goes is not shown, nor what a -D says.
  assert.deepEqual(shown("-o", "../../secret/key", `-DKEY=${join(home, "secret/key")}`), [work]);
  assert.ok(!reach([join(work, "a.c")], "/").includes("/"), "the root is no directory of work");
  mkdirSync(join(home, "project/.git"));
  assert.deepEqual(shown(), [join(home, "project")]);
  assert.deepEqual(reach([], work, { home: join(home, "project") }), [work], "never the whole home");
});

/** A file can be given away by no other user. */
const ROOT = { skip: process.geteuid?.() !== 0 && "only the superuser can make another user's files" };

test("a repository of another user above the work shows nothing of what lies there", ROOT, () => {
  const work = join(home, "everybody/work");
  put("everybody/work/a.c");
  put("everybody/.git/config");
  const repository = join(home, "everybody/.git");
  const above = join(home, "everybody");
  const [own, other, third] = [0, 65_534, 65_533];
  for (const [ofAbove, ofRepository, ofWork, shown] of [
    [own, own, own, above],
    [own, other, own, work],
    [own, other, other, work],
    [other, own, other, above],
    [other, other, other, above],
    [other, third, other, work],
  ] as const) {
    chownSync(above, ofAbove, ofAbove);
    chownSync(repository, ofRepository, ofRepository);
    chownSync(work, ofWork, ofWork);
    assert.deepEqual(reach([], work), [shown]);
  }
});

test("a link in the work shows nothing that lies elsewhere", () => {
  const work = join(home, "hostile/work");
  put("hostile/work/own/x.h");
  put("private/key");
  const secret = join(home, "private");
  for (const link of ["hostile/work/include", "hostile/above"]) symlinkSync(secret, join(home, link));
  symlinkSync("own", join(work, "alias"));
  symlinkSync(join(secret, "key"), join(work, "key.c"));
  for (const words of [
    ["-Iinclude"],
    ["-I", "../above"],
    ["include/key"],
    ["-Linclude"],
    ["-include", "include/key"],
  ]) {
    assert.throws(() => reach(words, work), { name: "ToolchainError", message: /leads through a link to .*private/ });
  }
  assert.deepEqual(reach(["-Ialias"], work), [work, join(work, "alias")]);
  assert.deepEqual(reach(["key.c"], work), [work], "the file server follows no link out of what is shown");
  assert.deepEqual(reach([`-I${secret}`], work), [work, secret], "who names it means it");
});

test("a directory inside another is not shown twice, the whole machine not at all", () => {
  put("tree/deep/x");
  put("other/x");
  symlinkSync(join(home, "other"), join(home, "tree/link"));
  symlinkSync(join(home, "other"), join(home, "alone"));
  const [tree, deep, other] = [join(home, "tree"), join(home, "tree/deep"), join(home, "other")];
  assert.deepEqual(outermost([tree, deep, tree]), [tree]);
  assert.deepEqual(outermost([tree, join(tree, "link")]), [tree, other], "the link is seen in the tree");
  assert.deepEqual(outermost([tree, join(home, "alone")]), [tree, join(home, "alone")], "nobody else shows this link");
  assert.throws(() => outermost([tree, "/"]), /whole machine/);
});

test("ar and its kin say which files they change", () => {
  const job = (tool: "ar" | "ranlib" | "nm" | "strip", ...argv: string[]) => {
    const { args, changes, writes } = confinedJob(tool, argv, "/work");
    return { args, changes, writes };
  };
  assert.deepEqual(job("ar", "rcs", "libx.a", "a.o", "sub/b.o"), {
    args: ["rcs", "/work/libx.a", "/work/a.o", "/work/sub/b.o"],
    changes: ["/work/libx.a"],
    writes: undefined,
  });
  assert.deepEqual(job("ar", "-d", "libx.a", "a.o").args, ["-d", "/work/libx.a", "a.o"]);
  for (const reading of ["t", "tv", "p"]) assert.equal(job("ar", reading, "libx.a").changes, undefined, reading);
  assert.throws(() => job("ar", "x", "libx.a"), /ar is locked up here.*llvm-22/);
  assert.deepEqual(job("ranlib", "a.a", "/b.a").changes, ["/work/a.a", "/b.a"]);
  assert.deepEqual(job("strip", "-g", "a"), { args: ["-g", "/work/a"], changes: ["/work/a"], writes: undefined });
  assert.deepEqual(job("strip", "-o", "b", "a"), {
    args: ["-o", "/work/b", "/work/a"],
    changes: undefined,
    writes: ["/work/b"],
  });
  assert.deepEqual(job("nm", "-g", "a.o"), { args: ["-g", "/work/a.o"], changes: undefined, writes: undefined });
  assert.deepEqual(job("strip", "--version").args, ["--version"]);
});
