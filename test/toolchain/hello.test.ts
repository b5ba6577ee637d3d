/** A C program from source to output: the library is built, the driver links, the start-up code finds its arguments. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebAssembly } from "../engine/web-assembly.ts";
import { runBare } from "./bare-machine.ts";
import { compileProgram, whyNoCompiler } from "./compiler.ts";
import { importTypes } from "./import-types.ts";

const options = { skip: whyNoCompiler(), timeout: 300_000 };

test("hello: printf, malloc, qsort, setjmp, fopen, getenv", options, () => {
  const bytes = compileProgram("hello.c");
  const { status, output } = runBare(bytes, ["hello", "lime tree"], "A=1\nNAME=linden\n");
  assert.equal(
    output,
    "hello lime tree: 1 3 5 9 3.142\njumped with 7\nno motd: No such file or directory\nNAME=linden, sizes 8 4\n",
  );
  assert.equal(status, 3);
});

test("an environment that ends in NUL may hold newlines; none is none", options, () => {
  const bytes = compileProgram("hello.c");
  assert.match(runBare(bytes, ["hello"], "A=1\0NAME=two\nlines\0").output, /NAME=two\nlines, sizes/);
  assert.match(runBare(bytes, ["hello"], "NAME=last").output, /NAME=last, sizes/);
  assert.match(runBare(bytes, ["hello"], "").output, /NAME=\(none\), sizes/);
});

test("a program imports what it uses, with the call table's types", options, () => {
  const imports = importTypes(compileProgram("hello.c"));
  assert.ok(imports.size <= 24, [...imports.keys()].join(" "));
  for (const [name, { found, expected }] of imports) assert.equal(found, expected, name);
  for (const name of ["__init", "__cl_copy_argv", "SYS_writev", "SYS_exit_group"]) assert.ok(imports.has(name), name);
});

test("syscall(2) with any number imports every call but those that return twice", options, () => {
  const imports = importTypes(compileProgram("any-call.c"));
  assert.ok(imports.size > 350);
  for (const [name, { found, expected }] of imports) assert.equal(found, expected, name);
  for (const name of ["SYS_fork", "SYS_vfork", "SYS_clone"]) assert.equal(imports.has(name), false, name);
});

for (const name of ["main-void.c", "main-three.c"]) {
  test(`a main of another shape: ${name}`, options, () => {
    assert.equal(runBare(compileProgram(name), ["a", "b"], "X=1\n").status, 5);
  });
}

test("a program with threads has a memory that can be shared, one without has none", options, () => {
  const program = compileProgram("thread.c", ["-pthread"]);
  assert.equal(Buffer.from(program).indexOf(Uint8Array.of(0xfe, 0x01, 0x02, 0x00)), -1, "memory.atomic.wait32");
  const threads = WebAssembly.Module.imports(new WebAssembly.Module(program));
  assert.ok(threads.some(({ name, kind }) => name === "memory" && kind === "memory"));
  assert.ok(threads.some(({ name }) => name === "__wasm_thread_spawn"));
  const without = WebAssembly.Module.imports(new WebAssembly.Module(compileProgram("main-void.c", ["-pthread"])));
  assert.ok(!without.some(({ kind }) => kind === "memory"));
});
