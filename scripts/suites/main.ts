/**
 * Runs the test suites of the programs in userland/, with this machine's own build of each program and in a sandbox, and
 * prints what came out side by side: node --conditions=linden-source scripts/suites/main.ts [SUITE…]. docs/suites.md has the
 * results. It takes from half a minute (sed) to ten (coreutils): never part of ./linden test.
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRecipe } from "../../src/toolchain/recipe.ts";
import { unpackSource } from "../../src/toolchain/source-archive.ts";

type Suite = { readonly tests: (source: string) => string[]; readonly seconds: number };

/** What needs a superuser's machine, a compiler, perl or a tracer, or takes long by its own word. */
const BEYOND = /require_root_|expensive_|mkfs|require_gcc_|strace|gdb|require_controlling|perl|valgrind|smack|selinux/;

const within = (source: string, names: string[]) =>
  names.filter((name) => !BEYOND.test(readFileSync(join(source, name), "latin1"))).sort();

const COREUTILS =
  /^tests\/((cp|mv|rm|ls|ln|touch|mkdir|rmdir)\/|misc\/(cut|head|sort|seq|test|wc|tee|stat|sum|tac|nl|paste|join|fold|expr|env|date|comm|basename|dirname|uniq|tr|printf|od|base|shuf|timeout|truncate|tsort|yes|xattr|nohup|nice|mktemp|mknod|csplit|echo|false|cat|pwd|printenv|readlink|runcon))/;

const SUITES: ReadonlyMap<string, Suite> = new Map([
  [
    "sed",
    {
      seconds: 15,
      tests: (source: string) =>
        within(source, globSync("testsuite/*.sh", { cwd: source })).filter(
          (name) => !/init\.sh|panic-tests|help-ver|bsd-wrapper/.test(name),
        ),
    },
  ],
  [
    "grep",
    {
      seconds: 15,
      tests: (source: string) =>
        within(source, globSync("tests/*", { cwd: source })).filter(
          (name) =>
            readFileSync(join(source, name), "latin1").startsWith("#!") &&
            /init\.sh/.test(readFileSync(join(source, name), "latin1")),
        ),
    },
  ],
  // Every second one: the whole takes twice as long and shows nothing else.
  [
    "coreutils",
    {
      seconds: 15,
      tests: (source: string) =>
        within(
          source,
          globSync("tests/**/*.sh", { cwd: source }).filter((name) => COREUTILS.test(name)),
        ).filter((_, at) => at % 2 === 0),
    },
  ],
  [
    "bash",
    {
      seconds: 30,
      tests: (source: string) =>
        globSync("run-*", { cwd: join(source, "tests") })
          .filter((name) => !/run-(all|minimal|gprof|jobs|history)$/.test(name))
          .sort(),
    },
  ],
]);

const IMAGE = "busybox,findutils,diffutils,gawk,coreutils,grep,sed,bash";
const home = fileURLToPath(new URL("../..", import.meta.url));
const linden = join(home, "linden");

function run(file: string, args: readonly string[], cwd: string, env?: Record<string, string>): string {
  const { stdout, error } = spawnSync(file, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 28, ...(env && { env }) });
  if (error !== undefined) throw error;
  return stdout;
}

function results(output: string): Map<string, string> {
  return new Map([...output.matchAll(/^RESULT (\S+) (\d+)$/gm)].map(([, name = "", status = ""]) => [name, status]));
}

/** recho, zecho and their like: bash's tests call them. */
function helpers(source: string, work: string): void {
  writeFileSync(join(work, "config.h"), "#define HAVE_STRING_H 1\n#define HAVE_STDLIB_H 1\n#define HAVE_UNISTD_H 1\n");
  for (const name of ["recho", "zecho", "printenv", "xcase"]) {
    const file = join(source, "support", `${name}.c`);
    const flags = [
      "-w",
      "-I",
      work,
      "-I",
      source,
      "-I",
      join(source, "include"),
      "-include",
      "string.h",
      "-include",
      "unistd.h",
    ];
    run("gcc", [...flags, "-o", join(work, "native-tools", name), file], work);
    run(linden, ["cc", ...flags, "-o", join(work, "linden-tools", name), file], work);
  }
}

async function compare(name: string, { tests, seconds }: Suite): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "linden-suite-"));
  try {
    const source = join(work, "source");
    for (const made of [source, "native", "native-tools", "linden-tools"]) mkdirSync(join(work, basename(made)));
    const { recipe } = readRecipe(name);
    const [archive] = recipe.sources;
    if (archive === undefined) throw new Error(`${name} has no source`);
    await unpackSource(archive, source, (text) => console.error(text));
    const built = Object.values(recipe.aliases ?? {})
      .flat()
      .map((path) => basename(path));
    writeFileSync(join(source, "built"), built.join(" "));
    if (name === "bash") helpers(source, work);
    cpSync(join(home, "scripts/suites/run.sh"), join(work, "run.sh"));
    const list = tests(source);
    const words = (place: string) => [name, place, String(seconds), ...list];
    const env = { HOME: "/tmp", PATH: `${join(work, "native-tools")}:/usr/bin:/bin` };
    const native = results(run("bash", [join(work, "run.sh"), ...words(source)], join(work, "native"), env));
    const mounts = ["-v", `${source}:/suite:ro`, "-v", `${work}:/driver:ro`, "-w", "/tmp/w"];
    const variables = ["-e", "HOME=/tmp", "-e", "TOOLS=/driver/linden-tools"];
    const inside = ["run", "--image", IMAGE, ...mounts, ...variables, "bash", "/driver/run.sh", ...words("/suite")];
    const guest = results(run(linden, inside, work));
    print(name, list, native, guest);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function print(name: string, list: readonly string[], native: Map<string, string>, guest: Map<string, string>): void {
  const count = (found: Map<string, string>) => {
    const passed = [...found.values()].filter((status) => status === "0").length;
    const left = [...found.values()].filter((status) => status === "77").length;
    return `${passed} passed, ${left} left out, ${list.length - passed - left} failed`;
  };
  console.log(`${name}: native ${count(native)}; Linden ${count(guest)}`);
  for (const test of list) {
    const [here, there] = [native.get(test) ?? "no result", guest.get(test) ?? "no result"];
    if (here !== there) console.log(`  ${test}: native ${here}, Linden ${there}`);
  }
}

const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : SUITES.keys()) {
  const suite = SUITES.get(name);
  if (suite === undefined) throw new Error(`there is no suite ${name}: there are ${[...SUITES.keys()].join(", ")}`);
  await compare(name, suite);
}
