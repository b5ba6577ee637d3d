/**
 * Runs the test suites of the programs in userland/, with this machine's own build of each program and in a sandbox, and
 * prints what came out side by side: node --conditions=linden-source scripts/suites/main.ts [SUITE[:PATTERN]…].
 * docs/suites.md has the results. It takes from half a minute (sed) to half an hour (coreutils): never part of ./linden test.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildRecipe } from "../../src/toolchain/build.ts";
import { type Recipe, readRecipe } from "../../src/toolchain/recipe.ts";
import { unpackSource } from "../../src/toolchain/source-archive.ts";
import { findTools } from "../../src/toolchain/tools.ts";
import { programNames, SUITES, type Suite } from "./suites.ts";

const here = import.meta.dirname;
const linden = fileURLToPath(new URL("../../linden", import.meta.url));
/** Runs a command without the descriptors that happen to be open here: the tests count theirs. */
const ALONE = 'for fd in $(ls /proc/self/fd); do [ "$fd" -lt 3 ] || eval "exec $fd>&-"; done; exec "$@"';
/** Lines shown of what failed; given on to the scripts. */
const TELL = process.env.TELL ?? "";
/** How many times its usual time a test may take: for a busy machine. */
const PATIENCE = Number(process.env.PATIENCE ?? "1");

function run(file: string, args: readonly string[], cwd: string, env?: Record<string, string>): string {
  const { stdout, error } = spawnSync(file, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "inherit"],
    ...(env && { env }),
  });
  if (error !== undefined) throw error;
  if (TELL !== "") console.error(stdout);
  return stdout;
}

/** What a script printed, by test; tests of one name are numbered. */
function results(output: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", status = ""] of output.matchAll(/^RESULT (.+) (\d+)$/gm)) {
    let key = name;
    for (let again = 2; found.has(key); again++) key = `${name} (${again})`;
    found.set(key, status);
  }
  return found;
}

/** The programs that the tests call: recho and its like; for coreutils a probe that it has in Python, and what it builds beside its programs. */
function helpers(name: string, suite: Suite, source: string, work: string): void {
  writeFileSync(join(work, "config.h"), "#define HAVE_STRING_H 1\n#define HAVE_STDLIB_H 1\n#define HAVE_UNISTD_H 1\n");
  const files = new Map((suite.helpers ?? []).map((file) => [basename(file, ".c"), join(source, file)]));
  if (name === "coreutils") {
    files.set("python3", join(here, "seek-data-capable.c"));
    files.set("getlimits", join(here, "getlimits.c"));
  }
  const inGuest = new Map(files);
  if (name === "coreutils")
    for (const tool of ["getent", "getconf", "locale", "fallocate"]) inGuest.set(tool, join(here, "libc-tools.c"));
  for (const [tool, file] of inGuest) {
    const flags = ["-w", "-I", work, ...(suite.flags?.(source) ?? [])];
    if (files.has(tool)) run("gcc", ["-static", ...flags, "-o", join(work, "native-tools", tool), file], work);
    run(linden, ["cc", ...flags, "-o", join(work, "linden-tools", tool), file], work);
  }
}

/** Builds by this machine's compiler, or by ours. */
async function built(directory: string, recipe: Recipe, by: "gcc" | "linden"): Promise<void> {
  const gcc = ["sh", "-c", 'shift; exec gcc -static "$@" -lm', "sh"];
  const tools = by === "gcc" ? { ...findTools(), ar: "ar", ranlib: "ranlib" } : findTools();
  await buildRecipe(directory, recipe, { linden: by === "gcc" ? gcc : [linden], tools, uses: new Map() }, () => {});
}

/** An image as its recipe says, but with this machine's compiler; its configuration beside its programs. */
async function nativeImage(recipe: Recipe, directory: string): Promise<void> {
  await built(directory, { ...recipe, data: [...(recipe.data ?? []), { from: ".config", to: "suite.config" }] }, "gcc");
}

/** What the source's own makefiles build for its tests alone, for both sides. */
async function testPrograms(recipe: Recipe, { build, programs }: NonNullable<Suite["made"]>, work: string) {
  const kept = programs.map((from) => ({ from, to: basename(from) }));
  for (const [by, place] of [
    ["gcc", "native-tools"],
    ["linden", "linden-tools"],
  ] as const)
    await built(join(work, place), { ...recipe, build, programs: kept, data: [], files: {}, aliases: {} }, by);
}

/** Locales that tests ask for: glibc takes only those that are there, musl any. */
function locales(work: string): string {
  const place = join(work, "locales");
  mkdirSync(place);
  for (const name of ["en_US", "fr_FR", "tr_TR"])
    run("localedef", ["-i", name, "-f", "UTF-8", join(place, `${name}.UTF-8`)], work);
  return place;
}

function native(name: string, suite: Suite, source: string, work: string, words: readonly string[]): string {
  const path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
  if (suite.ownRoot !== true) {
    const env = { HOME: "/tmp", TELL, TOOLS: join(work, "native-tools"), PATH: path, LOCPATH: locales(work) };
    return run("bash", [join(work, suite.script), name, source, ...words], join(work, "native"), env);
  }
  const bind = (from: string, to: string) => ["--ro-bind", from, to];
  const libraries = ["/lib", "/lib64", "/usr/lib"].flatMap((at) => ["--ro-bind-try", at, at]);
  const shell = name === "dash" ? [...bind("/bin/dash", "/bin/dash"), ...libraries] : [];
  const places = ["--bind", join(work, "root"), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
  const rest = [...bind(source, "/suite"), ...bind(work, "/driver"), "--dir", "/tmp/w", "--chdir", "/tmp/w"];
  const variables = { HOME: "/tmp", PATH: path, TELL, TOOLS: "/driver/native-tools", CONFIG: "/suite.config" };
  const given = Object.entries(variables).flatMap(([key, value]) => ["--setenv", key, value]);
  const command = ["sh", `/driver/${suite.script}`, name, "/suite", ...words];
  const limits = ["--unshare-pid", "--unshare-ipc", "--die-with-parent", "--clearenv"];
  const whole = ["bwrap", ...places, ...shell, ...rest, ...limits, ...given, "--", ...command];
  return run("bash", ["-c", ALONE, "bash", ...whole], work);
}

function guest(name: string, suite: Suite, source: string, work: string, words: readonly string[]): string {
  const zones = "/usr/share/zoneinfo";
  const mounts = [`${source}:/suite:ro`, `${work}:/driver:ro`, `${zones}:${zones}:ro`].flatMap((word) => ["-v", word]);
  const config = "CONFIG=/driver/root/suite.config";
  const variables = ["HOME=/tmp", `TELL=${TELL}`, "TOOLS=/driver/linden-tools", config].flatMap((word) => ["-e", word]);
  const shell = suite.script === "run.sh" ? "bash" : "sh";
  const command = [shell, `/driver/${suite.script}`, name, "/suite", ...words];
  const disk = suite.disk === undefined ? [] : ["--disk", suite.disk];
  return run(
    linden,
    ["run", ...disk, "--image", suite.images, ...mounts, "-w", "/tmp/w", ...variables, ...command],
    work,
  );
}

async function compare(name: string, suite: Suite): Promise<void> {
  // Before the native half, which may take minutes.
  const { status } = spawnSync(linden, ["run", "--image", suite.images, "true"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error(`${name} wants the images ${suite.images}: ./linden image build`);
  const work = mkdtempSync(join(tmpdir(), "linden-suite-"));
  try {
    const source = join(work, "source");
    for (const made of ["source", "native", "native-tools", "linden-tools", "root"]) mkdirSync(join(work, made));
    const { recipe } = readRecipe(suite.recipe);
    const [archive] = recipe.sources;
    if (archive === undefined) throw new Error(`${suite.recipe} has no source`);
    await unpackSource(archive, source, () => {});
    writeFileSync(join(source, "built"), programNames(suite.recipe));
    if (suite.made !== undefined) await testPrograms(recipe, suite.made, work);
    helpers(name, suite, source, work);
    if (suite.ownRoot === true) await nativeImage(recipe, join(work, "root"));
    for (const file of [suite.script, "dejagnu.tcl"]) cpSync(join(here, file), join(work, file));
    const words = [String(Math.ceil(suite.seconds * PATIENCE)), ...suite.tests(source)];
    const machine = results(native(name, suite, source, work, words));
    print(name, machine, results(guest(name, suite, source, work, words)));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function print(name: string, native: Map<string, string>, guest: Map<string, string>): void {
  const tests = [...new Set([...native.keys(), ...guest.keys()])];
  const count = (found: Map<string, string>) => {
    const passed = [...found.values()].filter((status) => status === "0").length;
    const left = [...found.values()].filter((status) => status === "77").length;
    return `${passed} passed, ${left} left out, ${tests.length - passed - left} failed`;
  };
  console.log(`${name}: native ${count(native)}; Linden ${count(guest)}`);
  for (const test of tests) {
    const [here, there] = [native.get(test) ?? "no result", guest.get(test) ?? "no result"];
    if (here !== there) console.log(`  ${test}: native ${here}, Linden ${there}`);
  }
}

const asked = process.argv.slice(2);
for (const word of asked.length > 0 ? asked : SUITES.keys()) {
  const [name = "", pattern = ""] = word.split(":");
  const suite = SUITES.get(name);
  if (suite === undefined) throw new Error(`there is no suite ${name}: there are ${[...SUITES.keys()].join(", ")}`);
  const some = (source: string) => suite.tests(source).filter((test) => new RegExp(pattern).test(test));
  await compare(name, { ...suite, tests: some });
}
