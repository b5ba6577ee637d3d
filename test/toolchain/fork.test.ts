/** Only a program that calls fork is rewritten for it, and it stays a program. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { functionsReaching } from "../../src/toolchain/wasm/call-graph.ts";
import { functionNames } from "../../src/toolchain/wasm/names.ts";
import { runGuest } from "../conformance/in-process.ts";
import { WebAssembly } from "../engine/web-assembly.ts";
import { runBare } from "./bare-machine.ts";
import { compileProgram, linden, programs, whyNoCompiler } from "./compiler.ts";
import { importTypes } from "./import-types.ts";

const options = { skip: whyNoCompiler(), timeout: 300_000 };

function exportsOf(bytes: Uint8Array<ArrayBuffer>): string[] {
  return WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(({ name }) => name);
}

test("a program that calls fork can be unwound", options, () => {
  const bytes = compileProgram("fork.c");
  for (const name of ["start_unwind", "stop_unwind", "start_rewind", "stop_rewind", "get_state"]) {
    assert.ok(exportsOf(bytes).includes(`asyncify_${name}`), name);
  }
  for (const [name, { found, expected }] of importTypes(bytes)) assert.equal(found, expected, name);
  // The bare machine has no fork: the program says so by its status.
  assert.equal(runBare(bytes, ["fork"], "").status, 1);
});

test("with -mfork-in-handlers a program forks in its handlers, as on Linux; without, it is told", options, async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-handlers-"));
  try {
    const run = async (flags: readonly string[]) => {
      const module = join(directory, "program.wasm");
      writeFileSync(module, compileProgram("fork-in-handlers.c", ["-O1", "-D_GNU_SOURCE", ...flags]));
      return runGuest({ module, args: ["program"], root: "", milliseconds: 20_000 });
    };
    const native = join(directory, "native");
    const built = spawnSync("gcc", ["-O1", "-D_GNU_SOURCE", "-o", native, join(programs, "fork-in-handlers.c")]);
    assert.equal(built.status, 0, `gcc libc6-dev is needed: ${built.stderr}`);
    const { stdout, status } = spawnSync(native, { encoding: "utf8" });
    const through = await run(["-mfork-in-handlers"]);
    assert.deepEqual([through.stdout, through.code, through.signal], [stdout, status, 0]);
    const without = await run([]);
    assert.deepEqual([without.stdout, without.code], ["fork: ENOSYS\n", 3]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("posix_spawn does for the child what it does on Linux", options, async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-spawn-"));
  try {
    const [linux, root] = [join(directory, "linux"), join(directory, "root")];
    for (const made of [directory, linux, root]) {
      mkdirSync(made, { recursive: true });
      chmodSync(made, 0o755);
    }
    const native = spawnSync("gcc", ["-O1", "-D_GNU_SOURCE", "-o", join(linux, "child"), join(programs, "spawn-as.c")]);
    assert.equal(native.status, 0, `gcc libc6-dev is needed: ${native.stderr}`);
    const { stdout, status } = spawnSync("./child", { cwd: linux, argv0: "parent", encoding: "utf8" });
    const module = join(root, "child");
    writeFileSync(module, compileProgram("spawn-as.c", ["-O1", "-D_GNU_SOURCE"]), { mode: 0o755 });
    const here = await runGuest({ module, args: ["parent"], root, milliseconds: 20_000 });
    assert.deepEqual([here.stdout, here.code], [stdout, status]);
    assert.equal(stdout.split("\n").length, 10);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("system, popen and posix_spawn need no fork", options, () => {
  const bytes = compileProgram("spawn.c");
  assert.ok(!exportsOf(bytes).some((name) => name.startsWith("asyncify")));
  const imports = importTypes(bytes);
  assert.ok(imports.has("__linden_spawn"));
  assert.ok(!imports.has("SYS_fork"));
});

test("only what can reach fork is rewritten, and names stay", options, () => {
  const bytes = compileProgram("fork.c");
  const names = new Set(functionNames(bytes).values());
  for (const name of ["fork", "_Fork", "printf_core", "_start"]) assert.ok(names.has(name), name);
  const reaching = functionsReaching(bytes, new Set(["wali.SYS_fork"]));
  assert.ok(reaching.size < 12, `${reaching.size} functions`);
  // A stripped program is rewritten alike.
  const stripped = compileProgram("fork.c", ["-O2", "-s"]);
  assert.equal(functionNames(stripped).size, 0);
  assert.equal(functionsReaching(stripped, new Set(["wali.SYS_fork"])).size, reaching.size);
});

test("a call through a table reaches what has its type and stands in it", options, () => {
  const bytes = compileProgram("fork-indirect.c");
  const names = functionNames(bytes);
  const reaching = new Set([...functionsReaching(bytes, new Set(["wali.SYS_fork"]))].map((index) => names.get(index)));
  assert.ok(reaching.has("through_table"));
  assert.ok(!reaching.has("through_other_type"));
});

test("a comparison is held not to fork", options, () => {
  const bytes = compileProgram("fork-compare.c");
  const names = functionNames(bytes);
  const barrier = new Set([...names].flatMap(([index, name]) => (name === "__callback_compare" ? [index] : [])));
  assert.equal(barrier.size, 1);
  const reaching = (barriers?: Set<number>) => functionsReaching(bytes, new Set(["wali.SYS_fork"]), barriers).size;
  assert.ok(reaching(barrier) < reaching() / 2);
});

test("the driver warns of a fork in a catch that could not be moved out of it, and of no other", options, () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-catching-"));
  try {
    const warnings = (source: string): string[] => {
      const command = source.endsWith("cpp") ? "c++" : "cc";
      const words = [command, "-O1", "-D_GNU_SOURCE", join(programs, source), "-o", "program.wasm"];
      const { status, stderr } = linden(words, directory);
      assert.equal(status, 0, stderr);
      return stderr.split("\n").filter((line) => line !== "");
    };
    assert.match(
      warnings("fork-in-foreign-catch.c").join("\n"),
      /^linden cc: warning: forks_in_foreign_catch can fork .*$/,
    );
    assert.deepEqual(warnings("../../../guests/linux/cxx-fork-in-catch.cpp"), []);
    assert.deepEqual(warnings("fork-and-setjmp.c"), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
