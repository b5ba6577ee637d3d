/**
 * SQLite's own tests and its speedtest1, built by this machine's compiler and by linden cc, run natively and in a sandbox, and
 * printed side by side: node --conditions=linden-source scripts/suites/sqlite.ts [FILE…]. Without names it runs what
 * SQLite calls "veryquick", 1,109 files in some ten minutes. Wants gcc, make, tcl-dev and zlib1g-dev, and the images busybox,
 * tcl and sqlite3-tests.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRecipe } from "../../src/toolchain/recipe.ts";
import { unpackSource } from "../../src/toolchain/source-archive.ts";

const here = import.meta.dirname;
const linden = fileURLToPath(new URL("../../linden", import.meta.url));
const IMAGE = "busybox,tcl,sqlite3-tests";
/** Of one file of tests. */
const SECONDS = "120";
const SPEED = ["--memdb", "--verify", "--size", "50"];
const SPEED_RUNS = 5;

/** Prints the files of the set "veryquick", as permutations.test puts it together. */
const LIST = `
set argv0 [file join $::env(TESTS) none.test]
set testdir $::env(TESTS)
source [file join $testdir permutations.test]
set list [open $::env(LIST) w]
foreach file [lsort [dict get $::testspec(veryquick) -files]] { puts $list $file }
close $list
exit
`;

type Result = {
  readonly status: string;
  readonly errors: string;
  readonly tests: string;
  readonly failed: Set<string>;
};

function run(file: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): string {
  const { stdout, status, error, stderr } = spawnSync(file, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, ...env },
  });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${file} ${args.slice(0, 4).join(" ")} ended with ${status}: ${stderr.slice(-2000)}`);
  return stdout;
}

/**
 * atof1.test asks nothing on a machine that is not called x86_64, because long doubles may be doubles there. Those of wasm32 have 113
 * bits: both sides are asked alike.
 */
function askAnyMachine(source: string): void {
  const file = join(source, "test/atof1.test");
  const text = readFileSync(file, "utf8");
  const asked = text.replace(
    /^if \{\$::tcl_platform\(machine\)!="x86_64"\} \{\n {2}finish_test\n {2}return\n\}\n/m,
    "",
  );
  if (asked === text) throw new Error(`${file} does not ask for the machine: is it another release?`);
  writeFileSync(file, asked);
}

function buildNative(source: string): void {
  const flags = ["--disable-readline", "--disable-load-extension", "--disable-shared", "--with-tcl=/usr/lib/tcl8.6"];
  run("sh", ["./configure", "CFLAGS=-O2 -w", ...flags], source);
  run("make", ["-j2", "speedtest1", "testfixture"], source);
}

/** Names of files below the source, one a line. */
function veryQuick(source: string, work: string): string[] {
  const list = join(work, "found");
  writeFileSync(join(work, "list.tcl"), LIST);
  run(join(source, "testfixture"), [join(work, "list.tcl")], work, { TESTS: join(source, "test"), LIST: list });
  const names = readFileSync(list, "utf8").trim().split("\n");
  return names.map((name) => (name.includes("/ext/") ? name.slice(name.indexOf("ext/")) : `test/${name}`));
}

function results(output: string): Map<string, Result> {
  const failed = new Map(
    [...output.matchAll(/^FAILED (\S+) (.*)$/gm)].map(([, file = "", names = ""]) => [file, new Set(names.split(" "))]),
  );
  return new Map(
    [...output.matchAll(/^RESULT (\S+) (\d+) (\S+) (\S+)$/gm)].map(
      ([, file = "", status = "", errors = "", tests = ""]) => [
        file,
        { status, errors, tests, failed: failed.get(file) ?? new Set() },
      ],
    ),
  );
}

function print(native: Map<string, Result>, guest: Map<string, Result>): void {
  for (const [name, found] of [
    ["native", native],
    ["Linden", guest],
  ] as const) {
    const sum = (of: "errors" | "tests") => [...found.values()].reduce((so, one) => so + (Number(one[of]) || 0), 0);
    const without = [...found.values()].filter(({ tests }) => tests === "-").length;
    console.log(
      `${name}: ${found.size} files, ${without} without a count, ${sum("tests")} tests, ${sum("errors")} failed`,
    );
  }
  for (const [file, one] of native) {
    const other = guest.get(file);
    const says = (result: Result | undefined) =>
      result === undefined ? "no result" : `status ${result.status}, ${result.errors} of ${result.tests} failed`;
    const only = [...(other?.failed ?? [])].filter((name) => !one.failed.has(name));
    const gone = [...one.failed].filter((name) => other?.failed.has(name) === false);
    if (says(one) === says(other) && only.length + gone.length === 0) continue;
    console.log(`  ${file}: native ${says(one)}; Linden ${says(other)}`);
    if (gone.length > 0) console.log(`    natively alone: ${gone.join(" ")}`);
    if (only.length > 0) console.log(`    in Linden alone: ${only.join(" ")}`);
  }
}

/** The seconds and the hash that speedtest1 tells of itself: the least of several runs. */
function speed(start: () => string): { readonly seconds: number; readonly hash: string } {
  const said = Array.from({ length: SPEED_RUNS }, start);
  const seconds = Math.min(...said.map((text) => Number(/TOTAL\.*\s+([\d.]+)s/.exec(text)?.[1])));
  const hashes = new Set(said.map((text) => /^Verification Hash: (.+)$/m.exec(text)?.[1] ?? "none"));
  return { seconds, hash: [...hashes].join(" and ") };
}

function compareSpeed(source: string, work: string): void {
  const native = speed(() => run(join(source, "speedtest1"), SPEED, work));
  const guest = speed(() => run(linden, ["run", "--image", IMAGE, "speedtest1", ...SPEED], work));
  const ratio = (guest.seconds / native.seconds).toFixed(2);
  console.log(`speedtest1 ${SPEED.join(" ")}: native ${native.seconds} s, Linden ${guest.seconds} s, ${ratio} times`);
  console.log(`  hash: ${native.hash === guest.hash ? "equal" : "NOT EQUAL"}, ${native.hash}, ${guest.hash}`);
}

const work = mkdtempSync(join(tmpdir(), "linden-sqlite-"));
try {
  const source = join(work, "source");
  mkdirSync(source);
  const [archive] = readRecipe("sqlite3-tests").recipe.sources;
  if (archive === undefined) throw new Error("sqlite3-tests has no source");
  await unpackSource(archive, source, (text) => console.error(text));
  askAnyMachine(source);
  buildNative(source);
  compareSpeed(source, work);
  const asked = process.argv.slice(2);
  const files = asked.length > 0 ? asked : veryQuick(source, work);
  writeFileSync(join(work, "list"), files.map((file) => `${file}\n`).join(""));
  cpSync(join(here, "sqlite.sh"), join(work, "sqlite.sh"));
  mkdirSync(join(work, "native"));
  const words = (fixture: string, place: string) => [fixture, join(place, "source"), SECONDS, join(place, "list")];
  const native = run(
    "sh",
    [join(work, "sqlite.sh"), ...words(join(source, "testfixture"), work)],
    join(work, "native"),
  );
  const mounts = ["-v", `${work}:/driver:ro`, "-w", "/tmp/w"];
  const inside = ["sh", "/driver/sqlite.sh", ...words("testfixture", "/driver")];
  print(results(native), results(run(linden, ["run", "--image", IMAGE, ...mounts, ...inside], work)));
} finally {
  rmSync(work, { recursive: true, force: true });
}
