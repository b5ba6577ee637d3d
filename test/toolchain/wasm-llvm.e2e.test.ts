/**
 * A machine with Node and npm, and no compiler: C programs are compiled by LLVM in a sandbox, and are the same programs.
 *
 * LINDEN_WASM_LLVM=1 runs this: the compiler's package is fetched (27 MB, once). Where clang is at hand, the C library is packed
 * with it and handed over as on a machine without; otherwise, and in any case with LINDEN_WASM_LLVM=build, it is built by the
 * locked compiler, which takes minutes.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { cacheRoot } from "../../src/store/index.ts";
import { missingTools, onPath } from "../../src/toolchain/tools.ts";

const linden = fileURLToPath(new URL("../../linden", import.meta.url));
const programs = fileURLToPath(new URL("programs", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "linden-wasm-llvm-"));
after(() => rmSync(home, { recursive: true }));

const wish = process.env.LINDEN_WASM_LLVM;
const options = {
  skip:
    process.env.LINDEN_WASM_LLVM !== "1" && "fetches 27 MB and may build a C library for minutes: LINDEN_WASM_LLVM=1",
  timeout: 900_000,
};

/** What `./linden` and an unpacking take, and nothing that compiles. */
const bin = join(home, "bin");
mkdirSync(bin);
for (const name of ["sh", "node", "npm", "tar", "gzip", "find", "cmp", "readlink", "env", "uname"]) {
  const file = onPath(name, process.env.PATH ?? "");
  if (file !== undefined) symlinkSync(file, join(bin, name));
}

const work = join(home, "work");
mkdirSync(work);

/** What the machine was given: the sources of whoever runs this, and the library. */
const sources = join(home, "sources");
mkdirSync(sources);
const given = process.env.LINDEN_SOURCES ?? "";
if (given !== "") for (const name of readdirSync(given)) symlinkSync(join(given, name), join(sources, name));
const cache = wish === "build" ? join(home, "cache") : join(cacheRoot(), "..");

function run(words: readonly string[], input = "") {
  const env = { PATH: bin, HOME: join(home, "nobody"), XDG_CACHE_HOME: cache, LINDEN_SOURCES: sources };
  const { status, stdout, stderr } = spawnSync(linden, words, { cwd: work, env, input, encoding: "utf8" });
  return { status, stdout, stderr };
}

before(() => {
  if (wish === undefined || wish === "build" || missingTools().length > 0) return;
  const { status, stderr } = spawnSync(linden, ["image", "pack", "libc"], { cwd: sources, encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

const done = { status: 0, stdout: "", stderr: "" };

test("from source to output, with no compiler on the path", options, () => {
  copyFileSync(join(programs, "hello.c"), join(work, "hello.c"));
  const { status, stderr } = run(["cc", "-O2", "hello.c", "-o", "hello"]);
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /error|warning/);
  const { stdout, ...end } = run(["run", "-e", "NAME=linden", "./hello", "lime tree"]);
  assert.equal(
    stdout,
    "hello lime tree: 1 3 5 9 3.142\njumped with 7\nno motd: No such file or directory\nNAME=linden, sizes 8 4\n",
  );
  assert.deepEqual(end, { status: 3, stderr: "" });
});

test("several files, include directories, macros, libraries, debug information", options, () => {
  mkdirSync(join(work, "project/include"), { recursive: true });
  const put = (name: string, text: string) => writeFileSync(join(work, "project", name), text);
  put("include/twice.h", "int twice(int);\n");
  put("twice.c", '#include "twice.h"\nint twice(int x) { return 2 * x; }\n');
  put(
    "main.c",
    '#include <stdio.h>\n#include <math.h>\n#include "include/twice.h"\nint main(void) { printf("%d %g\\n", twice(V), sqrt(V)); return 0; }\n',
  );
  assert.deepEqual(
    run(["cc", "-Iproject/include", "-g", "-MD", "-c", "project/twice.c", "-o", "project/twice.o"]),
    done,
  );
  assert.equal(
    readFileSync(join(work, "project/twice.d"), "utf8"),
    "project/twice.o: project/twice.c project/include/twice.h\n",
  );
  assert.deepEqual(run(["ar", "rcs", "project/libtwice.a", "project/twice.o"]), done);
  assert.equal(run(["ar", "t", "project/libtwice.a"]).stdout, "twice.o\n");
  assert.match(run(["nm", "project/libtwice.a"]).stdout, /T twice\n/);
  assert.deepEqual(run(["cc", "-DV=21", "project/main.c", "-Lproject", "-ltwice", "-lm", "-o", "program"]), done);
  assert.equal(run(["run", "./program"]).stdout, "42 4.58258\n");
  const before = statSync(join(work, "program")).size;
  assert.deepEqual(run(["strip", "program"]), done);
  const { size, mode } = statSync(join(work, "program"));
  assert.ok(size < before && (mode & 0o111) !== 0);
  assert.equal(run(["run", "./program"]).stdout, "42 4.58258\n");
});

test("mistakes are told as clang tells them, and leave nothing behind", options, () => {
  writeFileSync(join(work, "wrong.c"), "int main(void) { return nothing; }\n");
  const names = readdirSync(work);
  const { status, stderr } = run(["cc", "wrong.c", "-o", "wrong"]);
  assert.equal(status, 1);
  assert.match(stderr, /^wrong\.c:1:25: error: use of undeclared identifier 'nothing'\n/);
  assert.match(run(["cc", "absent.c"]).stderr, /no such file or directory: 'absent\.c'/);
  writeFileSync(join(work, "unresolved.c"), "int other(void); int main(void) { return other(); }\n");
  assert.match(run(["cc", "unresolved.c", "-o", "wrong"]).stderr, /undefined symbol: other/);
  assert.deepEqual(readdirSync(work).sort(), [...names, "unresolved.c"].sort());
});

test("source from standard input, text to standard output", options, () => {
  const text = run(["cc", "-E", "-DA=b", "-x", "c", "-"], "int A;\n").stdout;
  assert.match(text, /\nint b;\n$/);
  assert.match(
    run(["cc", "-S", "-O1", "-x", "c", "-", "-o", "-"], "int f(void) { return 7; }\n").stdout,
    /i32\.const\s+7/,
  );
});

test("programs that fork and programs with threads are what clang makes of them", options, () => {
  writeFileSync(
    join(work, "fork.c"),
    '#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\nint main(void) { int s; if (fork() == 0) _exit(5); wait(&s); printf("%d\\n", WEXITSTATUS(s)); return 0; }\n',
  );
  assert.deepEqual(run(["cc", "fork.c", "-o", "fork"]), done);
  assert.deepEqual(run(["run", "./fork"]), { ...done, stdout: "5\n" });
  writeFileSync(
    join(work, "thread.c"),
    '#include <pthread.h>\n#include <stdio.h>\nstatic _Thread_local int own = 3;\nstatic void *other(void *x) { own += *(int *)x; *(int *)x = own; return 0; }\nint main(void) { pthread_t t; int x = 4; pthread_create(&t, 0, other, &x); pthread_join(t, 0); printf("%d %d\\n", x, own); return 0; }\n',
  );
  assert.deepEqual(run(["cc", "-pthread", "thread.c", "-o", "thread"]), done);
  assert.deepEqual(run(["run", "./thread"]), { ...done, stdout: "7 3\n" });
});

test("the compiler sees the work and what the command names, and no more", options, () => {
  mkdirSync(join(home, "secret"));
  writeFileSync(join(home, "secret/key.h"), "int key;\n");
  writeFileSync(join(work, "peek.c"), `#include "${join(home, "secret/key.h")}"\n`);
  assert.match(run(["cc", "-c", "peek.c"]).stderr, /key\.h' file not found/);
  assert.deepEqual(run(["cc", "-c", "peek.c", `-I${join(home, "secret")}`]), done);
  assert.ok(existsSync(join(work, "peek.o")));
});
