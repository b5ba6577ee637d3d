/** What a run leaves running in its sandbox: nobody hears it any more, and its limits hold as before. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Sandbox, SandboxClosed } from "../../src/sandbox/index.ts";
import { builtImage } from "../../src/store/index.ts";
import { DEFAULT_IMAGE } from "../../src/toolchain/index.ts";
import { longEnough } from "../processor-time.ts";

const image = await builtImage(DEFAULT_IMAGE);
const skip = image === undefined && "the image is not built: ./linden image build";

/** Whatever machine this is, and however busy. */
const PATIENCE_MS = 60_000;

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const began = performance.now();
  while (!(await done())) {
    assert.ok(performance.now() - began < PATIENCE_MS, "it never came");
    await sleep(20);
  }
}

/** Waits for the caller, so that it is after the end of the run what comes then. */
const GO = "while [ ! -e /tmp/go ]; do sleep 0.05; done";

describe("what a run leaves running", { skip, timeout: 2 * PATIENCE_MS }, () => {
  const cases = {
    "writes to a pipe that nobody reads": `(trap '' PIPE; ${GO}; echo late || echo refused > /tmp/said) & echo now`,
    "is ended by that": `(${GO}; echo late; echo alive > /tmp/said) & (wait_for=$!; while kill -0 $wait_for; do sleep 0.05; done; echo refused > /tmp/said) > /dev/null 2>&1 & echo now`,
    "finds the end of what was sent to it": `exec 3<&0; (${GO}; wc -c <&3 > /tmp/said) & echo now`,
  };
  for (const [name, script] of Object.entries(cases)) {
    test(name, async () => {
      await using box = await Sandbox.create(image === undefined ? {} : { image });
      assert.equal((await box.run("sh", ["-c", script], { stdin: "x".repeat(100_000) })).stdout, "now\n");
      await box.files.write("/tmp/go", "");
      await until(() => box.files.exists("/tmp/said"));
      await until(async () => /^(refused|\d+)\n$/.test(await box.files.read("/tmp/said")));
      assert.equal((await box.run("echo", ["still here"])).stdout, "still here\n");
    });
  }

  test("has a terminal no more", async () => {
    await using box = await Sandbox.create(image === undefined ? {} : { image });
    const script = `(trap '' HUP; ${GO}; echo late || echo refused > /tmp/said) & echo now`;
    const shell = await box.spawn("sh", ["-c", script], { window: { rows: 24, columns: 80 } });
    shell.stdout.resume();
    assert.equal((await shell.exited).exitCode, 0);
    await box.files.write("/tmp/go", "");
    await until(() => box.files.exists("/tmp/said"));
    assert.equal((await box.run("echo", ["still here"])).stdout, "still here\n");
  });

  test("is nothing after a timeout or an abort, but what made a session of its own", async () => {
    await using box = await Sandbox.create(image === undefined ? {} : { image });
    const beat = (file: string) => `while :; do date +%s%N > /tmp/${file}; sleep 0.02; done`;
    const script = `(${beat("child")}) & setsid sh -c '${beat("apart")}' & yes | cat > /dev/null`;
    const run = async (timeout: number) => {
      assert.equal((await box.run("sh", ["-c", script], { timeout })).timedOut, true);
      return (await box.files.exists("/tmp/child")) && (await box.files.exists("/tmp/apart"));
    };
    assert.ok(await longEnough(run, (began) => began, 500));
    const abort = new AbortController();
    const aborted = box.run("sh", ["-c", `${beat("another")} | cat`], { signal: abort.signal });
    await until(() => box.files.exists("/tmp/another"));
    abort.abort();
    await assert.rejects(aborted, { name: "AbortError" });
    const names = ["child", "another", "apart"];
    const read = () => Promise.all(names.map((name) => box.files.read(`/tmp/${name}`)));
    const before = await read();
    await until(async () => (await read())[2] !== before[2]);
    assert.deepEqual((await read()).slice(0, 2), before.slice(0, 2));
    assert.equal((await box.run("sh", ["-c", "ps | grep -c '[y]es'"])).stdout, "0\n");
  });

  test("may take no more memory than the sandbox has", async () => {
    const limits = { memory: "80m", disk: "16m" };
    await using box = await Sandbox.create(image === undefined ? { limits } : { image, limits });
    const hoard = `awk 'BEGIN { s = "x"; while (length(s) < 20000000) s = s s; while (1) n++ }'`;
    const script = `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do (${GO}; ${hoard}) > /dev/null 2>&1 & done; echo now`;
    assert.equal((await box.run("sh", ["-c", script])).stdout, "now\n");
    await box.files.write("/tmp/go", "");
    await until(() => box.closed);
    await assert.rejects(box.run("echo"), (error) => {
      assert.ok(error instanceof SandboxClosed);
      assert.match(error.message, /more memory than its limits allow/);
      return true;
    });
  });
});
