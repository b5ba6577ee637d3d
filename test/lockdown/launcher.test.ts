import assert from "node:assert/strict";
import { closeSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { writeCodeCache } from "../../src/lockdown/launch/code-cache.ts";
import { codeCachePath } from "../../src/lockdown/launch/engine-files.ts";
import { Launcher, LaunchFailed } from "../../src/lockdown/launch/index.ts";
import { bundle, startLauncher, Toy } from "./toy.ts";

const descriptors = () => readdirSync("/proc/self/fd").length;

test("the caller's own asynchronous file access stays free", async () => {
  const launcher = await startLauncher();
  try {
    const texts = await Promise.all(Array.from({ length: 16 }, () => readFile("/etc/passwd", "utf8")));
    for (const text of texts) assert.match(text, /root\b/);
  } finally {
    await launcher.close();
  }
});

test("launching and closing leaves no descriptor and no child behind", async () => {
  const toy = await bundle("./toy-cell.ts");
  const once = async () => {
    const launcher = await startLauncher({ cellBundle: toy });
    const { process: first, line } = await launcher.launchCell();
    const { process: second, line: other } = await launcher.launchCell();
    const server = await launcher.launchFileServer({ directories: [{ source: "/tmp", readOnly: true }], line });
    closeSync(other);
    await Promise.all([first, second, server].map((each) => Toy.from(each)));
    await launcher.close();
    const ends = await Promise.all([first, second, server].map(({ exited }) => exited));
    for (const end of ends) assert.deepEqual(end, { code: null, signal: "SIGKILL" });
  };
  await once();
  const before = descriptors();
  for (let round = 0; round < 3; round++) await once();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(descriptors() <= before, `${descriptors()} descriptors, ${before} before`);
});

test('with lock "off" processes start without the layers, and still end with their launcher', async () => {
  const launcher = await startLauncher({ lock: "off" });
  const { process: launched, line } = await launcher.launchCell();
  const toy = await Toy.from(launched);
  assert.equal(await launched.verify(), undefined);
  const fd = await toy.ask({ call: [process.arch === "x64" ? 257 : 56, -100, "/etc/passwd", 0, 0] });
  assert.ok(Number(fd) > 0, "an unlocked process opens files");
  closeSync(line);
  await launcher.close();
  assert.deepEqual(await launched.exited, { code: null, signal: "SIGKILL" });
});

test("a bundle that is not there is the caller's mistake, told by name", async () => {
  await assert.rejects(
    Launcher.start({ cellBundle: "/nonexistent/cell.cjs", fileServerBundle: "/nonexistent/cell.cjs" }),
    /ENOENT.*\/nonexistent\/cell\.cjs/,
  );
});

test("a closed launcher launches nothing", async () => {
  const launcher = await startLauncher();
  await Promise.all([launcher.close(), launcher.close()]);
  await launcher.close();
  await assert.rejects(launcher.launchCell(), LaunchFailed);
});

test("a cell that dies at once leaves its crash text, cut to its end", async () => {
  const launcher = await startLauncher({ cellBundle: await bundle("./toy-crash.ts") });
  try {
    const { process: launched, line } = await launcher.launchCell();
    closeSync(line);
    assert.deepEqual(await launched.exited, { code: 3, signal: null });
    const text = launched.crashText().toString();
    assert.equal(text.length, 64 * 1024);
    assert.ok(text.endsWith("the end"));
  } finally {
    await launcher.close();
  }
});

test("a code cache beside the bundle is used, and one that does not fit is ignored", async () => {
  const cellBundle = await bundle("./toy-cell.ts");
  const toyAnswers = async () => {
    const launcher = await startLauncher({ cellBundle });
    try {
      const { process: launched, line } = await launcher.launchCell();
      closeSync(line);
      const toy = await Toy.from(launched);
      assert.ok(await launched.verify());
      return await toy.ask({ run: "evaluate" });
    } finally {
      await launcher.close();
    }
  };
  writeCodeCache(cellBundle);
  const cache = codeCachePath(cellBundle);
  assert.ok(statSync(cache).size > 10_000);
  assert.equal(await toyAnswers(), "EvalError");
  writeFileSync(cache, "not what V8 wrote");
  assert.equal(await toyAnswers(), "EvalError");
  assert.throws(() => writeCodeCache("/nonexistent.cjs"), LaunchFailed);
});
