/**
 * Programs that misuse fork, exec, handlers and arguments, in one locked sandbox with a program that minds its own business:
 * that one, and the sandbox, must not notice. dist/ must be built (./linden test does that).
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Sandbox } from "../../src/sandbox/index.ts";
import { within } from "../processor-time.ts";
import { linden, whyNoCompiler } from "../toolchain/compiler.ts";

const skip = whyNoCompiler();
const home = mkdtempSync(join(tmpdir(), "linden-hostile-"));
const hostile = join(home, "hostile.wasm");
const peaceful = join(home, "peaceful.wasm");
let box: Sandbox;

const PEACEFUL = `
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  int sum = 0, status;
  for (int i = 1; i <= 4; i++) {
    if (fork() == 0) _exit(i);
    usleep(3000);
    wait(&status);
    sum += WEXITSTATUS(status);
  }
  printf("%d\\n", sum);
}`;

async function isPeaceful(): Promise<void> {
  const run = await box.run(peaceful, [], { timeout: "20s" });
  assert.deepEqual([run.exitCode, run.stdout, run.stderr], [0, "10\n", ""], run.message);
}

function build(source: string, output: string, ...words: string[]): void {
  const { status, stderr } = linden(["cc", "-O2", ...words, source, "-o", output], home);
  assert.equal(status, 0, stderr);
}

describe("a program that misuses processes", { skip, timeout: 300_000 }, () => {
  before(async () => {
    build(fileURLToPath(new URL("hostile-processes.c", import.meta.url)), hostile, "-pthread");
    writeFileSync(join(home, "peaceful.c"), PEACEFUL);
    build(join(home, "peaceful.c"), peaceful);
    box = await Sandbox.create({ limits: { processes: 64 } });
  });
  after(async () => {
    await box?.close();
    rmSync(home, { recursive: true });
  });

  /** Run it with the peaceful one beside it and one after it; what it printed. */
  async function beside(...words: string[]): Promise<string> {
    const [run] = await Promise.all([box.run(hostile, words, { timeout: "20s" }), isPeaceful()]);
    assert.deepEqual([run.exitCode, run.stderr], [0, ""], `${words} ${run.message}`);
    assert.equal(box.closed, false);
    await isPeaceful();
    return run.stdout;
  }

  it("and scribbles over what its stack goes to when it forks, word by word and all at once", async () => {
    for (let word = -1; word < 24; word++) {
      const run = await box.run(hostile, ["scribble", `${word}`], { timeout: "20s" });
      assert.deepEqual([run.exitCode, run.stdout], [0, "1\n"], `${word} ${run.message}`);
    }
    await isPeaceful();
  });

  it("and forks in its handlers, wherever they came", async () => {
    assert.equal(await beside("handlers"), "1\n");
  });

  it("and leaves its handlers by jumps, out of waits and out of work", async () => {
    assert.equal(await beside("jumps"), "30\n");
  });

  it("and executes while its other threads fork", async () => {
    assert.equal(await beside("exec during fork"), "1\n");
  });

  it("and executes what is no program", async () => {
    const answers = new Map(
      (await beside("no programs"))
        .trim()
        .split("\n")
        .map((line) => line.split(": ") as [string, string]),
    );
    const twice = (name: string) => `${name}, ${name}`;
    for (const name of ["empty", "text", "elf", "header", "component", "behind", "cut", "importing", "nothing"]) {
      assert.equal(answers.get(name), twice("ENOEXEC"), name);
    }
    for (const name of ["plain", "a directory", "a device"]) assert.equal(answers.get(name), twice("EACCES"), name);
    for (const name of ["nobody", "absent"]) assert.equal(answers.get(name), twice("ENOENT"), name);
    assert.equal(answers.get("circle"), twice("ELOOP"));
    assert.equal(answers.size, 15);
  });

  it("and passes arguments without end, in number, length or sum", async () => {
    const lines = (await within(beside("arguments"), 10_000, "an end")).trim().split("\n");
    assert.deepEqual(
      lines.map((line) => line.split(": ")[1]),
      ["E2BIG", "E2BIG", "E2BIG", "EFAULT", "EFAULT", "EFAULT", "EFAULT", "ENOENT"].map((name) => `${name}, ${name}`),
    );
  });

  it("and starts children that fill memory within their limit, and waits for none until all have ended", async () => {
    // In a sandbox of their own, whose limit is well below what they fill together.
    const small = await Sandbox.create({ limits: { memory: "96m", disk: "16m" } });
    try {
      const run = await small.run(hostile, ["heavy children"], { timeout: "20s" });
      assert.deepEqual([run.exitCode, run.stdout], [0, "30\n"], run.message);
    } finally {
      await small.close();
    }
  });

  it("and forks for ever: it is ended in its time, and the caller is well", async () => {
    const run = await within(box.run(hostile, ["fork bomb"], { timeout: "1s" }), 5000, "an end");
    assert.equal(run.timedOut, true);
    await box.close();
    box = await Sandbox.create();
    await isPeaceful();
  });
});
