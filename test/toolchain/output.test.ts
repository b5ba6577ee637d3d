/** Where a program goes: a file is replaced whole, a pipe or device is written to and stays what it is. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

test("a link stays one, and what it leads to is written to", async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-output-"));
  try {
    const [link, target] = [join(directory, "link"), join(directory, "target")];
    symlinkSync("target", link);
    writeFileSync(target, "what was there, and longer");
    await publish(Buffer.from("new"), link, 0o777);
    assert.equal(readlinkSync(link), "target");
    assert.equal(readFileSync(target, "utf8"), "new");
    rmSync(target);
    await publish(Buffer.from("made"), link, 0o700);
    assert.equal(readlinkSync(link), "target");
    assert.deepEqual([readFileSync(target, "utf8"), lstatSync(target).mode & 0o777], ["made", 0o700]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
