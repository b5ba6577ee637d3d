/** A machine without the compiler gets one message with the command that installs it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DEFAULT_IMAGE, INSTALL_COMMAND, missingTools, ToolchainError } from "../../src/toolchain/index.ts";
import { findTools, lacking } from "../../src/toolchain/tools.ts";
import { missingFor } from "../../src/toolchain/userland.ts";

test("nothing on the path: all packages are named, and the command", () => {
  const missing = new Set(missingTools("/nonexistent"));
  for (const name of ["clang-22", "lld-22", "llvm-22", "libclang-rt-22-dev-wasm32"]) assert.ok(missing.has(name), name);
  const command = `apt-get update && apt-get install --no-install-recommends ${[...missing].join(" ")}`;
  assert.throws(
    () => findTools("/nonexistent"),
    (error) => error instanceof ToolchainError && error.message.includes(command) && error.exitCode === 1,
  );
});

test("what an image's recipe and those it uses lack is named at once, by packages", () => {
  assert.deepEqual(missingFor(DEFAULT_IMAGE, "/nonexistent"), ["make", "gcc", "patch", "bzip2", "xz-utils"]);
  const jq = missingFor("jq", "/nonexistent");
  for (const name of ["autoconf", "automake", "libtool", "autopoint"]) assert.ok(jq.includes(name), name);
  assert.ok(!jq.includes("libtoolize"), "that is a program, of libtool");
  assert.ok(missingFor("ninja", "/nonexistent").includes("xz-utils"), "the C++ library's");
  assert.match(lacking("it", ["a", "b", "a"]).message, /^it needs packages that are not installed: a, b\n.* a b$/);
});

test("./linden names the same packages where it cannot ask", () => {
  const script = readFileSync(new URL("../../linden", import.meta.url), "utf8");
  const [, packages = ""] = /packages="\$packages (.*)"/.exec(script) ?? [];
  const compiler = INSTALL_COMMAND.slice(INSTALL_COMMAND.lastIndexOf("recommends ") + "recommends ".length);
  assert.deepEqual(
    packages.split(" ").sort(),
    [...compiler.split(" "), ...missingFor(DEFAULT_IMAGE, "/nonexistent")].sort(),
  );
});
