import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { SIGKILL } from "../../src/abi/signal.ts";
import type { GuestImage } from "../../src/engine/image.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import { PYTHON } from "./programs.ts";
import { type RunOptions, type RunResult, WasiMachine } from "./wasi-machine.ts";

describe("CPython 3.12", () => {
  const made = new WasiMachine(256 * 1024 * 1024);
  let image: GuestImage;

  before(() => {
    image = made.engine.image("python", rewrite(new Uint8Array(readFileSync(PYTHON))));
  });

  async function python(code: string, options: RunOptions = {}): Promise<RunResult> {
    const result = await made.run(image, ["python", "-c", code], options);
    assert.deepEqual(made.faults, []);
    assert.equal(made.engine.programs, 0);
    return result;
  }

  it("prints", async () => {
    const { stdout, stderr, status } = await python("print(sum(range(10)))");
    assert.deepEqual([stdout, stderr, status], ["45\n", "", { code: 0, signal: 0 }]);
  });

  it("exits with the code asked for", async () => {
    assert.equal((await python("import sys; sys.exit(7)")).status.code, 7);
    const failed = await python("raise ValueError('no')");
    assert.equal(failed.status.code, 1);
    assert.match(failed.stderr, /ValueError: no/);
  });

  it("reads standard input, arguments and environment", async () => {
    const code = "import sys, os; print(sys.stdin.read().upper(), sys.argv, os.environ['LIND'])";
    const { stdout } = await python(code, { stdin: "hello", env: ["LIND=tree"] });
    assert.equal(stdout, "HELLO ['-c'] tree\n");
  });

  it("reads and writes files, and walks them", async () => {
    const code = `
import os
open('/w/out.txt', 'w').write(open('/w/in.txt').read() * 1000)
print(sorted(os.listdir('/w')), os.path.getsize('/w/out.txt'))
try: open('/etc/passwd')
except FileNotFoundError as e: print(e.errno)`;
    const { stdout, stderr } = await python(code, { files: { "/w/in.txt": "lind" } });
    assert.equal(stdout + stderr, "['in.txt', 'out.txt'] 4000\n44\n");
  });

  it("sleeps without holding the kernel", async () => {
    const slow = python("import time; time.sleep(10**6)");
    // The second at the latest begins when the one that sleeps has come so far.
    for (let i = 0; i < 2; i++) {
      const quick = await made.run(image, ["python", "-c", "print('quick')"]);
      assert.equal(quick.stdout, "quick\n");
    }
    const [sleeper, ...others] = made.kernel.processes;
    assert.ok(sleeper !== undefined && sleeper.status === undefined && others.length === 0);
    made.kernel.kill(sleeper, SIGKILL);
    assert.equal((await slow).status.signal, SIGKILL);
  });

  it("gets a MemoryError at its limit, and goes on", async () => {
    const code = "try:\n  bytearray(10**9)\nexcept MemoryError:\n  print('full')\nprint(len(bytearray(10**7)))";
    const { stdout, process } = await python(code);
    assert.equal(stdout, "full\n10000000\n");
    const peak = process.peakMemory;
    assert.ok(peak > 10_000_000 && peak <= 256 * 1024 * 1024, `${peak}`);
  });
});
