/** A machine without the compiler gets one message with the command that installs it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { INSTALL_COMMAND, missingTools, ToolchainError } from "../../src/toolchain/index.ts";
import { unpackSource } from "../../src/toolchain/source-archive.ts";
import { findTools } from "../../src/toolchain/tools.ts";

test("nothing on the path: all packages are named, and the command", () => {
  assert.throws(
    () => findTools("/nonexistent"),
    (error) => error instanceof ToolchainError && error.message.includes(INSTALL_COMMAND) && error.exitCode === 1,
  );
  const missing = new Set(missingTools("/nonexistent"));
  for (const name of ["clang-22", "lld-22", "llvm-22", "libclang-rt-22-dev-wasm32"]) assert.ok(missing.has(name), name);
});

test("a source that is not the one expected is refused", async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-source-"));
  const before = process.env.LINDEN_SOURCES;
  try {
    process.env.LINDEN_SOURCES = directory;
    writeFileSync(join(directory, "thing.tar.gz"), "something else");
    const source = {
      name: "thing",
      version: "1",
      archive: "thing.tar.gz",
      sha256: "0".repeat(64),
      package: "linden-no-such-package",
    };
    await assert.rejects(
      unpackSource(source, directory, () => {}),
      /is not thing.tar.gz: SHA-256 [0-9a-f]{64}, expected 0000/,
    );
    const absent = { ...source, archive: "absent.tar.gz" };
    await assert.rejects(
      unpackSource(absent, directory, () => {}),
      /put absent.tar.gz into a directory and name that in LINDEN_SOURCES/,
    );
  } finally {
    if (before === undefined) delete process.env.LINDEN_SOURCES;
    else process.env.LINDEN_SOURCES = before;
    rmSync(directory, { recursive: true });
  }
});
