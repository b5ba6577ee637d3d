/**
 * musl's libc-test, where there is a copy of it: each program is built against the same musl twice, natively and with
 * `linden cc`, and must end as natively. Left out: programs about dynamic linking, which there is none of, and raise-race,
 * which natively leaves processes behind that take all time there is.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { builtImage } from "../../src/store/index.ts";
import { DEFAULT_IMAGE } from "../../src/toolchain/index.ts";

const given = process.env.LINDEN_LIBC_TEST;
const LINDEN = fileURLToPath(new URL("../../linden", import.meta.url));
const LEFT_OUT = /dso|dlopen|new-dtv|tls_align|raise-race/;
const SHARED = ["fdfill", "memfill", "mtest", "path", "print", "rand", "setrlim", "utf8", "vmfill"];
const FLAGS = ["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-fno-builtin", "-frounding-math", "-w"];
const RUN_MS = 60_000;

/** Programs that end otherwise than natively, and why. One that does no longer makes its test fail. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ["crypt", "Debian's musl has no crypt.h; Linden's has it, and the program passes"],
  ["socket", "a sandbox has no network yet"],
  ["daemon-failure", "takes a parent of the number 1 for init; the first program of a sandbox has it"],
]);

function run(file: string, args: readonly string[], cwd: string): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(file, args, { cwd, encoding: "utf8", timeout: RUN_MS });
  return { status, text: `${stdout}${stderr}`.slice(0, 1000) };
}

interface Side {
  readonly compiler: readonly [string, ...string[]];
  readonly directory: string;
  readonly start: (program: string) => { status: number | null; text: string };
}

function compile({ compiler: [file, ...words] }: Side, args: readonly string[], root: string): string | undefined {
  const include = `-I${join(root, "src/common")}`;
  const { status, text } = run(file, [...words, ...FLAGS, include, ...args], root);
  return status === 0 ? undefined : `cannot be built: ${text}`;
}

/** What every program is linked with. */
function buildShared(side: Side, root: string): readonly string[] {
  return SHARED.map((name) => {
    const object = join(side.directory, `${name}.o`);
    const problem = compile(side, ["-c", join(root, `src/common/${name}.c`), "-o", object], root);
    if (problem !== undefined) throw new Error(problem);
    return object;
  });
}

if (given === undefined) {
  test("musl's libc-test ends as natively", { skip: "set LINDEN_LIBC_TEST=DIR, a copy of musl's libc-test" });
} else {
  const root = resolve(given);
  const scratch = mkdtempSync(join(tmpdir(), "linden-libc-test-"));
  const image = await builtImage(DEFAULT_IMAGE);
  const inside = ["run", ...(image === undefined ? [] : ["--image", image])];
  const native: Side = {
    compiler: ["musl-gcc", "-static"],
    directory: join(scratch, "native"),
    start: (program) => run(program, [], scratch),
  };
  const linden: Side = {
    compiler: [LINDEN, "cc"],
    directory: join(scratch, "linden"),
    start: (program) => run(LINDEN, [...inside, program], scratch),
  };
  const sides = [native, linden].map((side) => {
    mkdirSync(side.directory);
    return { side, shared: buildShared(side, root) };
  });
  const sources = globSync(join(root, "src/{functional,regression}/*.c")).filter((path) => !LEFT_OUT.test(path));
  test("the copy of libc-test has programs, and the image of a shell is built", () => {
    assert.ok(sources.length > 100);
    assert.notEqual(image, undefined, "linden image build");
  });
  for (const source of sources.sort()) {
    const name = basename(source, ".c");
    test(name, () => {
      const [expected, found] = sides.map(({ side, shared }) => {
        const program = join(side.directory, name);
        const problem = compile(side, [source, ...shared, "-o", program, "-pthread", "-lm"], root);
        return problem === undefined ? side.start(program) : { status: -1, text: problem };
      });
      const said = `natively ${expected?.status}: ${expected?.text}\nin Linden ${found?.status}: ${found?.text}`;
      if (DIFFERENT.has(name)) assert.notEqual(found?.status, expected?.status, `no longer different: ${said}`);
      else assert.equal(found?.status, expected?.status, said);
    });
  }
}
