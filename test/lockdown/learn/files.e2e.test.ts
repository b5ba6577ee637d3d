/** `linden learn --files`: what Landlock holds a program to afterwards, in the jail and behind lockWith. dist/ must be built. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type FileRight, loadPolicy } from "linden/lockdown";
import { isCovered, mergedRules, SeenFiles } from "../../../src/lockdown/learn/seen-files.ts";
import { home } from "../locked.ts";

const QUIET = "--disable-warning=ExperimentalWarning";
const CLI = join(home, "dist/cli.cjs");
const scratch = realpathSync(mkdtempSync(join(tmpdir(), "linden-files-")));
after(() => rmSync(scratch, { recursive: true, force: true }));
mkdirSync(join(scratch, "data"));
const NO_PYTHON = !existsSync("/usr/bin/python3") && "python3 is missing: apt-get install python3";

function run(...argv: string[]) {
  return spawnSync(process.execPath, [QUIET, ...argv], { cwd: scratch, encoding: "utf8", timeout: 60_000 });
}

const WORK = `
import os, sys
d = "data/"
open(d + "a", "w").write("x"); os.rename(d + "a", d + "b"); os.link(d + "b", d + "l"); os.symlink("b", d + "s")
print(open(d + "b").read(), os.listdir(d) != [])
for name in "bls": os.unlink(d + name)
os.mkdir(d + "c"); open(d + "c/x", "w").write("y"); print(open(d + "c/x").read()); os.unlink(d + "c/x"); os.rmdir(d + "c"); os.mkfifo(d + "f"); os.unlink(d + "f")
print(os.system("exit 3") >> 8, file=sys.stderr)`;

test("a program in the jail finds the files it was seen to use, can do with them what it did, and no others", {
  skip: NO_PYTHON,
}, () => {
  const policy = join(scratch, "work.json");
  const learned = run(CLI, "learn", "--files", "-o", policy, "--", "/usr/bin/python3", "-c", WORK);
  assert.deepEqual([learned.status, learned.stdout], [0, "x True\ny\n"], learned.stderr);
  const jail = (script: string) => run(CLI, "jail", "--policy", policy, "--", "/usr/bin/python3", "-c", script);
  const again = jail(WORK);
  assert.deepEqual([again.status, again.stdout, again.stderr], [0, "x True\ny\n", "3\n"]);
  for (const script of ['open("/etc/passwd")', 'open("work.json", "a")', 'os.execv("/bin/ls", ["ls"])']) {
    assert.match(jail(`import os; ${script}`).stderr, /PermissionError: \[Errno (1|13)\]/, script);
  }
  const audit = run(CLI, "learn", "--audit", policy, "--", "/usr/bin/python3", "-c", 'open("/etc/passwd")');
  assert.match(
    audit.stderr,
    /would refuse: openat\(AT_FDCWD, "\/etc\/passwd", .*\) in process \d+: errno EACCES \(13\); no file rule in force allows readFile on "\/etc\/passwd"/,
  );
  const merged = run(CLI, "learn", "--merge", "-o", policy, "--", "/usr/bin/python3", "-c", 'open("/etc/passwd")');
  assert.equal(merged.status, 0, merged.stderr);
  assert.equal(jail('open("/etc/passwd")').status, 0);
  assert.equal(jail(WORK).status, 0);
});

test("files are not added to a policy that says nothing of them, for that would refuse all others", () => {
  const policy = join(scratch, "plain.json");
  assert.equal(run(CLI, "learn", "-o", policy, "--", "/bin/true").status, 0);
  const { status, stderr } = run(CLI, "learn", "--files", "--merge", "-o", policy, "--", "/bin/true");
  assert.equal(status, 125);
  assert.match(stderr, /the policy says nothing of files.*Learn it anew with --files/);
});

const SERVICE = `
import { readFileSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { lockWith } from "linden/lockdown";
const { landlock } = lockWith("service.json", { restart: true });
const db = new DatabaseSync("data/notes.db");
db.exec("create table if not exists notes (text)");
db.prepare("insert into notes values (?)").run("a note");
writeSync(1, db.prepare("select count(*) as n from notes").get().n + " " + landlock?.threads + "\\n");
if (process.argv[2] === "intrude") {
  try { readFileSync("/etc/shadow"); } catch (error) { writeSync(1, error.code + "\\n"); }
  await readFile("/etc/shadow").catch((error) => writeSync(1, error.code + "\\n"));
}
`;

test("a program that opens files after its lock opens those it was seen to open, on all of its threads", () => {
  mkdirSync(join(scratch, "node_modules"));
  symlinkSync(home, join(scratch, "node_modules/linden"));
  writeFileSync(join(scratch, "package.json"), '{"type":"module"}');
  writeFileSync(join(scratch, "service.js"), SERVICE);
  const service = ["--import", "linden/lockdown/boot", "service.js"];
  const learned = run(CLI, "learn", "--files", "-o", "service.json", "--", process.execPath, QUIET, ...service);
  assert.deepEqual([learned.status, learned.stdout], [0, "1 undefined\n"], learned.stderr);
  const { from, files } = loadPolicy(join(scratch, "service.json"));
  assert.equal(from, "lock");
  assert.ok(files.some(({ path, accessRules }) => path === join(scratch, "data") && accessRules.includes("makeReg")));
  const locked = run(...service, "intrude");
  assert.deepEqual([locked.status, locked.stdout], [0, "2 all threads\nEACCES\nEACCES\n"], locked.stderr);
});

test("many files that were only read in one deep directory are named by it; strangers to each other never are", () => {
  const seen = new SeenFiles();
  const read = (path: string, ...rights: FileRight[]) => seen.add({ path, rights });
  for (let i = 0; i < 20; i++) {
    read(`/opt/app/lib/part${i}.js`, "readFile");
    read(`/etc/ssl/certs/${i}.pem`, "readFile");
    read(`/home/file${i}`, "readFile");
  }
  read("/opt/app/lib/log", "readFile", "writeFile");
  read("/", "readDir");
  const rules = seen.rules("app");
  const paths = rules.map(({ path }) => path);
  assert.deepEqual(
    paths.filter((path) => path.startsWith("/opt")),
    ["/opt/app/lib", "/opt/app/lib/log"],
  );
  assert.equal(paths.filter((path) => path.startsWith("/etc/ssl/certs/")).length, 20);
  assert.equal(paths.filter((path) => path.startsWith("/home/file")).length, 20);
  assert.ok(paths.includes("/"));
  assert.ok(isCovered({ path: "/opt/app/lib/part3.js", rights: ["readFile"] }, rules));
  assert.ok(!isCovered({ path: "/opt/app/lib/part3.js", rights: ["writeFile"] }, rules));
  assert.ok(!isCovered({ path: "/opt/app/library", rights: ["readFile"] }, rules));
  const more = mergedRules(rules, [{ path: "/opt/app/lib", rights: ["readDir"], why: "x" }]);
  assert.deepEqual(more.find(({ path }) => path === "/opt/app/lib")?.rights, ["readDir", "readFile"]);
});
