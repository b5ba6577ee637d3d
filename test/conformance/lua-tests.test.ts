/**
 * Lua's own test suite, where there is a copy of Lua's repository (testes/ and the sources beside it, of one version): the
 * interpreter is built with its internal tests twice, natively and with `linden cc`, and each file must end as natively.
 * Left out: heavy.lua, which wants all memory there is.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { builtImage } from "../../src/store/index.ts";
import { DEFAULT_IMAGE } from "../../src/toolchain/index.ts";

const given = process.env.LINDEN_LUA_TESTS;
const LINDEN = fileURLToPath(new URL("../../linden", import.meta.url));
/** all.lua runs the others; tracegc.lua is a part of them. */
const LEFT_OUT = /^(all|heavy|tracegc)\.lua$/;
const FLAGS = ["-O2", "-w", "-DMAKE_LUA", "-DLUA_USE_POSIX", '-DLUA_USER_H="ltests.h"', "-I."];
const RUN_MS = 120_000;

/** Files that end otherwise than natively, and why. One that does no longer makes its test fail. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ["literals.lua", "musl takes any name for a locale, and its decimal point stays a point"],
  ["strings.lua", "the same; its order of letters stays that of their numbers"],
  [
    "files.lua",
    "ash starts the last command of sh -c in its own place: a signal ends the shell where dash answers 129",
  ],
]);

/** big.lua yields, and is meant for a coroutine. */
const IN_COROUTINE = 'local f = coroutine.wrap(assert(loadfile("big.lua"))); assert(f() == "b"); assert(f() == "a")';

type End = { readonly status: number | null; readonly text: string };

function run(file: string, args: readonly string[], cwd: string): End {
  const { status, stdout, stderr } = spawnSync(file, args, { cwd, input: "", encoding: "latin1", timeout: RUN_MS });
  return { status, text: `${stdout}${stderr}`.slice(-600) };
}

function build(compiler: readonly string[], sources: string, program: string): void {
  const [file = "", ...words] = compiler;
  const { status, text } = run(file, [...words, ...FLAGS, "-o", program, "onelua.c", "-lm"], sources);
  assert.equal(status, 0, text);
}

if (given === undefined) {
  test("Lua's tests end as natively", { skip: "set LINDEN_LUA_TESTS=DIR, a copy of Lua's repository" });
} else {
  const root = resolve(given);
  const scratch = mkdtempSync(join(tmpdir(), "linden-lua-tests-"));
  after(() => rmSync(scratch, { recursive: true, force: true }));
  const [native, guest] = ["native", "guest"].map((name) => join(scratch, name));
  assert.ok(native !== undefined && guest !== undefined);
  for (const directory of [native, guest]) mkdirSync(directory);
  build(["gcc"], root, join(native, "lua"));
  build([LINDEN, "cc"], root, join(guest, "lua"));
  const image = await builtImage(DEFAULT_IMAGE);
  const files = globSync("*.lua", { cwd: join(root, "testes") }).filter((name) => !LEFT_OUT.test(name));
  /** A copy of the tests, which write beside themselves, and one of them in it. */
  const script = (name: string, tests: string, place: string, lua: string): string => {
    const words = name === "big.lua" ? `-e '${IN_COROUTINE}'` : name;
    return `mkdir ${place} && cp -R ${tests}/. ${place} && cd ${place} && exec ${lua} ${words}`;
  };
  test("the copy has tests, and the image of a shell is built", () => {
    assert.ok(files.length > 20);
    assert.ok(image !== undefined, "linden image build busybox");
  });
  for (const name of files.sort()) {
    test(`Lua's ${name} ends as natively`, () => {
      const tests = join(root, "testes");
      const place = join(scratch, `at-${basename(name, ".lua")}`);
      const expected = run("sh", ["-c", script(name, tests, place, join(native, "lua"))], scratch);
      const mounts = ["-v", `${tests}:/suite:ro`, "-v", `${guest}:/lua:ro`];
      const inside = ["sh", "-c", script(name, "/suite", "/tmp/at", "/lua/lua")];
      const found = run(LINDEN, ["run", "--image", image ?? DEFAULT_IMAGE, ...mounts, ...inside], scratch);
      const reason = DIFFERENT.get(name);
      if (reason === undefined) assert.equal(found.status, expected.status, found.text);
      else assert.notEqual(found.status, expected.status, `it ends as natively now: ${reason}`);
    });
  }
}
