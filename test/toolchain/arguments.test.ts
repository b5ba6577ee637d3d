/** The driver reads a compiler's command line as clang does, and drops what a static WebAssembly program cannot have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isCxx, parseArguments, splitResponse } from "../../src/toolchain/driver/arguments.ts";

const parse = (line: string) => parseArguments(line.split(" ").filter((word) => word !== ""));
const linkWords = (line: string) =>
  parse(line).link.flatMap((item) => (item.kind === "option" ? item.words : [`<${item.file}>`]));

test("sources are compiled, objects and libraries linked, in their order", () => {
  const plan = parse("-O2 -Iinc a.c x.o -lm b.c -o prog -DX=1");
  assert.equal(plan.mode, "link");
  assert.equal(plan.output, "prog");
  assert.deepEqual(plan.compile, ["-O2", "-Iinc", "-DX=1"]);
  assert.deepEqual(linkWords("-O2 -Iinc a.c x.o -lm b.c -o prog"), ["<a.c>", "x.o", "-lm", "<b.c>"]);
});

test("one word decides the mode", () => {
  assert.equal(parse("-c a.c").mode, "compile");
  assert.equal(parse("-E -").mode, "compile");
  assert.equal(parse("-MM a.c").mode, "compile");
  assert.equal(parse("-S a.c -oa.s").output, "a.s");
  assert.equal(parse("-r a.o b.o -o c.o").mode, "relocatable");
  assert.equal(parse("--version").mode, "ask");
  assert.equal(parse("-v").mode, "ask");
  assert.equal(parse("-dumpmachine").mode, "ask");
  assert.equal(parse("a.o").mode, "link");
});

test("a value in the next word is not taken for an input", () => {
  const plan = parse("-include config.h -MF .deps/a.d -isystem /usr/x -c a.c");
  assert.deepEqual(plan.compile, ["-include", "config.h", "-MF", ".deps/a.d", "-isystem", "/usr/x", "-c"]);
  assert.deepEqual(plan.link, [{ kind: "source", file: "a.c", language: undefined }]);
});

test("-x holds for the inputs after it", () => {
  assert.deepEqual(
    parse("-x c - -x none b.c").link.map((item) => (item.kind === "source" ? item.language : "option")),
    ["c", undefined],
  );
});

test("what wasm-ld lacks is left out, with its value", () => {
  assert.deepEqual(
    linkWords(
      "a.o -Wl,--start-group b.a c.a -Wl,--end-group -Wl,-Map,out.map -Wl,--sort-common -Wl,--sort-section,alignment",
    ),
    ["a.o", "b.a", "c.a"],
  );
  assert.deepEqual(linkWords("a.o -Wl,--version-script=x.map -Wl,-rpath,/usr/lib -Wl,-soname -Wl,x.so.1"), ["a.o"]);
  assert.deepEqual(linkWords("a.o -Wl,-z,relro -Wl,-z,now -z noexecstack -Wl,--as-needed"), ["a.o"]);
  assert.deepEqual(linkWords("a.o -Wl,-z,stack-size=65536 -Wl,--gc-sections -s"), [
    "a.o",
    "-z",
    "stack-size=65536",
    "--gc-sections",
    "--strip-all",
  ]);
});

test("position-independent and static are what every program is", () => {
  assert.deepEqual(parse("-fPIC -fPIE -pie -static -pipe -fcf-protection=full -c a.c").compile, ["-c"]);
});

test("-shared and a missing value are refused with a reason", () => {
  assert.throws(() => parse("-shared a.o -o libx.so"), /no shared libraries.*--disable-shared/);
  assert.throws(() => parse("a.c -o"), /argument to '-o' is missing/);
});

test("no start files, no libraries", () => {
  const { startFiles, libraries } = parse("-nostdlib a.o");
  assert.deepEqual({ startFiles, libraries }, { startFiles: false, libraries: false });
  assert.equal(parse("-nostartfiles a.o").libraries, true);
});

test("what is C++ and what links its library", () => {
  for (const file of ["a.cc", "a.cpp", "a.cxx", "a.C", "a.ii"]) assert.ok(isCxx({ file }, "c"), file);
  for (const file of ["a.c", "a.s", "a.i"]) assert.ok(!isCxx({ file }, "c"), file);
  assert.ok(isCxx({ file: "a.c" }, "c++"));
  assert.ok(isCxx({ file: "-", language: "c++-cpp-output" }, "c"));
  assert.ok(!isCxx({ file: "a.cc", language: "c" }, "c++"));
  assert.equal(parse("a.o").cxxLibrary, true);
  assert.equal(parse("-nostdlib++ a.o").cxxLibrary, false);
  assert.deepEqual(parse("-c -stdlib=libstdc++ -static-libstdc++ a.cc").compile, ["-c"]);
});

test("a response file is split as a shell splits", () => {
  assert.deepEqual(splitResponse('-DA="x y" \'b c.c\'\n  d\\ e.o -DQ=\\"q\\"\n'), [
    "-DA=x y",
    "b c.c",
    "d e.o",
    '-DQ="q"',
  ]);
});
