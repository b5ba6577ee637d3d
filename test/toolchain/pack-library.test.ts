/** The C library as one file: made where clang is, taken where it is not, by its own name alone. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { packImage, unpackArchive } from "../../src/store/index.ts";
import type { Llvm } from "../../src/toolchain/llvm.ts";
import { muslRecipe } from "../../src/toolchain/musl-source.ts";
import { packSysroot, sysroot } from "../../src/toolchain/sysroot.ts";
import { linden, whyNoCompiler } from "./compiler.ts";

const home = mkdtempSync(join(tmpdir(), "linden-pack-"));
after(() => rmSync(home, { recursive: true }));

/** A compiler that must not be asked for anything. */
const idle: Llvm = {
  confined: true,
  headers: "/nonexistent",
  builtins: "/nonexistent",
  kernel: undefined,
  identity: "a compiler that was never seen before",
  open: () => assert.fail("it was to compile"),
};

async function withSources<T>(directory: string, act: () => Promise<T>): Promise<T> {
  const before = process.env.LINDEN_SOURCES;
  process.env.LINDEN_SOURCES = directory;
  try {
    return await act();
  } finally {
    if (before === undefined) delete process.env.LINDEN_SOURCES;
    else process.env.LINDEN_SOURCES = before;
  }
}

test("a library that was packed needs no compiler", { skip: whyNoCompiler(), timeout: 300_000 }, async () => {
  const { status, stdout, stderr } = linden(["image", "pack", "libc"], home);
  assert.equal(status, 0, stderr);
  const file = stdout.trim();
  assert.match(file, /^linden-libc-[0-9a-f]{16}\.tar\.gz$/);
  const root = await withSources(home, () => sysroot(idle, () => {}, join(home, "cache")));
  for (const name of [
    "lib/libc.a",
    "lib/crt1.o",
    "include/stdio.h",
    "include/bits/alltypes.h",
    "kernel/linux/futex.h",
  ]) {
    assert.ok(existsSync(join(root.directory, name)), name);
  }
  // Packed again it is the same file: what was taken is what was given.
  const again = await packSysroot(root);
  assert.equal(Buffer.compare(again.bytes, readFileSync(join(home, file))), 0);

  const damaged = mkdtempSync(join(home, "damaged-"));
  const bytes = readFileSync(join(home, file));
  writeFileSync(join(damaged, file), bytes.subarray(0, bytes.length / 2));
  const other = () => sysroot({ ...idle, identity: "another" }, () => {}, join(home, "cache"));
  await assert.rejects(withSources(damaged, other), /cut short or damaged/);
  renameSync(join(damaged, file), join(damaged, "linden-libc-0000000000000000.tar.gz"));
  // Under another name it is not seen: the library is to be built from its source.
  writeFileSync(join(damaged, muslRecipe().source.archive), "something else");
  await assert.rejects(withSources(damaged, other), /is not the musl_\S+ that is wanted/);
});

test("an archive is taken for what it says it is, not for its file's name", async () => {
  const directory = mkdtempSync(join(home, "one-"));
  writeFileSync(join(directory, "x"), "x");
  const file = join(home, "libc.tar");
  writeFileSync(file, packImage("libc-other", directory, file).bytes);
  await assert.rejects(unpackArchive(file, "libc-this", join(home, "out")), /it holds libc-other, not libc-this/);
  assert.equal(existsSync(join(home, "out")), false);
});
