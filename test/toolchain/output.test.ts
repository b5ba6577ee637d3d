/** Where a program goes: a file is replaced whole, a pipe or device is written to and stays what it is. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { publish } from "../../src/toolchain/publish.ts";
import { linden, programs, whyNoCompiler } from "./compiler.ts";

test("an output that is no regular file stays what it is", { skip: whyNoCompiler(), timeout: 300_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-output-"));
  try {
    const pipe = join(directory, "pipe");
    const copy = join(directory, "copy");
    assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
    const reader = spawn("sh", ["-c", 'cat "$0" > "$1"', pipe, copy]);
    const read = new Promise((resolve) => reader.once("exit", resolve));
    const { status, stderr } = linden(["cc", join(programs, "hello.c"), "-o", pipe], directory);
    assert.equal(status, 0, stderr);
    assert.equal(await read, 0);
    assert.ok(lstatSync(pipe).isFIFO());
    assert.deepEqual([...readFileSync(copy).subarray(0, 4)], [0, 0x61, 0x73, 0x6d]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a link in a tree of sources is replaced: it does not say which file is written", async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-output-"));
  try {
    const [link, target] = [join(directory, "program.o"), join(directory, "profile")];
    symlinkSync("profile", link);
    for (const mode of [0o777, 0o700]) {
      writeFileSync(target, "the user's own");
      await publish(Buffer.from("made"), link, mode);
      assert.equal(readFileSync(target, "utf8"), "the user's own");
      assert.deepEqual([lstatSync(link).isFile(), readFileSync(link, "utf8")], [true, "made"]);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a link of the system's stays one, and what it leads to is written to", async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-output-"));
  try {
    const target = join(directory, "target");
    writeFileSync(target, "what was there, and longer");
    const descriptor = openSync(target, "r+");
    const link = `/proc/self/fd/${descriptor}`;
    await publish(Buffer.from("new"), link, 0o777);
    assert.equal(readlinkSync(link), realpathSync(target));
    assert.equal(readFileSync(target, "utf8"), "new");
    closeSync(descriptor);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
