/**
 * GNU make's own tests, by Debian's make of the same release and by ours in a sandbox, printed side by side:
 * node --conditions=linden-source scripts/suites/make.ts [FILE…], as features/archives. Their driver is Perl and stays outside: each make it starts is
 * one sandbox, with the tests' directory mounted at the same place. Wants perl and the images busybox, dash and
 * make; the shell is dash on both sides.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtImage } from "../../src/store/index.ts";
import { readRecipe } from "../../src/toolchain/recipe.ts";
import { unpackSource } from "../../src/toolchain/source-archive.ts";

const here = import.meta.dirname;
const linden = fileURLToPath(new URL("../../linden", import.meta.url));
const NATIVE = "/usr/bin/make";
/** The driver gives a make five seconds; starting a sandbox on a busy machine may take some of them. */
const SECONDS = 60;

async function image(name: string): Promise<string> {
  const found = await builtImage(name);
  if (found === undefined) throw new Error(`linden image build ${name}`);
  return realpathSync(found);
}

function put(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

/** What starts make in a sandbox: a program of the same path in there is the real one. */
function wrapper(place: string, images: readonly string[], work: string): string {
  const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(", ");
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const words = [linden, "run", ...images.flatMap((one) => ["--image", one]), "-v", `${work}:${work}`];
  return `#!/usr/bin/perl
use Cwd;
my @given = map { ("-e", "$_=$ENV{$_}") } sort keys %ENV;
%ENV = (PATH => '/usr/local/bin:/usr/bin:/bin', HOME => '/', XDG_CACHE_HOME => '${cache}');
exec ${quoted(words)}, "-w", getcwd(), @given, 'sh', '-c', 'exec "$0" "$@"', '${place}', @ARGV;
`;
}

/** Each file's result as the driver prints it, after what went wrong: "ok     (3 passed)", "FAILED (2/3 passed)", "N/A". */
function results(make: string, tests: string, files: readonly string[]): Map<string, string> {
  const { stdout, stderr, error } = spawnSync("perl", ["./run_make_tests.pl", "-make", make, ...files], {
    cwd: tests,
    encoding: "latin1",
    maxBuffer: 2 ** 28,
    env: { PATH: process.env.PATH ?? "", HOME: "/tmp", TZ: "UTC0" },
  });
  if (error !== undefined) throw error;
  if (process.env.TELL !== undefined) console.error(stdout, stderr);
  const found = new Map<string, string>();
  let file = "";
  for (const line of stdout.split("\n")) {
    file = /^(\w+\/[\w.-]+) \./.exec(line)?.[1] ?? file;
    const [, status = "", counts = ""] = /^(?:\S+ \.+ )?(ok|FAILED|N\/A)\b\s*(.*)$/.exec(line) ?? [];
    if (status !== "") found.set(file, `${status} ${counts}`.trim());
  }
  return found;
}

function count(found: Map<string, string>): string {
  const all = [...found.values()];
  const sum = (pattern: RegExp) => all.reduce((so, one) => so + Number(pattern.exec(one)?.[1] ?? 0), 0);
  const passed = sum(/\((\d+)/);
  const failed = all.reduce((so, one) => {
    const [, good, run] = /\((\d+)\/(\d+)/.exec(one) ?? [];
    return so + (Number(run ?? 0) - Number(good ?? 0));
  }, 0);
  const left = all.filter((one) => one === "N/A").length;
  return `${found.size} files, ${left} left out, ${passed} tests passed, ${failed} failed`;
}

const work = mkdtempSync(join(realpathSync(tmpdir()), "linden-make-"));
try {
  const [archive] = readRecipe("make").recipe.sources;
  if (archive === undefined) throw new Error("make has no source");
  const sides = ["native", "guest"] as const;
  for (const side of sides) {
    const source = join(work, side);
    mkdirSync(source);
    await unpackSource(archive, source, () => {});
    writeFileSync(join(source, "tests/config-flags.pm"), "%CONFIG_FLAGS = (USE_SYSTEM_GLOB => 'no');\n1;\n");
    const driver = join(source, "tests/test_driver.pl");
    const text = readFileSync(driver, "latin1");
    writeFileSync(driver, text.replace("$test_timeout = 5;", `$test_timeout = ${SECONDS};`), "latin1");
  }
  const tools = join(work, "tools");
  const inside = join(work, "image");
  const make = join(tools, "make");
  const dash = await image("dash");
  mkdirSync(join(inside, tools), { recursive: true });
  mkdirSync(join(inside, "bin"));
  cpSync(join(await image("make"), "usr/bin/make"), join(inside, make));
  cpSync(join(dash, "bin/dash"), join(inside, "bin/sh"));
  put(join(inside, "usr/bin/perl"), readFileSync(join(here, "thelp.sh"), "latin1"));
  put(make, wrapper(make, ["busybox", inside], join(work, "guest")));
  const files = process.argv.slice(2);
  const native = results(NATIVE, join(work, "native/tests"), files);
  const guest = results(make, join(work, "guest/tests"), files);
  console.log(`native: ${count(native)}\nLinden: ${count(guest)}`);
  for (const file of new Set([...native.keys(), ...guest.keys()])) {
    const [one, other] = [native.get(file) ?? "no result", guest.get(file) ?? "no result"];
    if (one !== other) console.log(`  ${file}: native ${one}; Linden ${other}`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
