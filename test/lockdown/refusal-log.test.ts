/** The log of refused calls: what it tells, that it never opens the lock, and what happens when its watcher is gone. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { until } from "../processor-time.ts";
import { locked, says } from "./locked.ts";

const scratch = mkdtempSync(join(tmpdir(), "linden-log-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const LOG = join(scratch, "log");

/** What the watcher wrote once nothing was left to watch. */
async function told(): Promise<string> {
  const text = () => (existsSync(LOG) ? readFileSync(LOG, "utf8") : "");
  await until(() => text().includes("refused in all"), 5000, "its last line");
  const found = text();
  rmSync(LOG, { force: true });
  return found;
}

test("refused calls are told with arguments and rule sets; no control character of the program's reaches the log", async () => {
  const said = await says(
    `const report = new SafetyContext().enable(stdio()).applyToAllThreads({ log: process.env.LOG });
    say(report.seccomp.tried.replace(/\\d+/, "N"));
    say(attempt(() => fs.readFileSync("/etc/\\x1b[31mpasswd\\u202e")));
    say(await attemptAsync(() => fs.promises.unlink("/tmp/nothing")));
    say(attempt(() => { process.kill(1, "SIGTERM"); }));
    for (let i = 0; i < 100; i++) attempt(() => fs.statSync("/etc/passwd"));`,
    { env: { LOG } },
  );
  assert.deepEqual(said, ["the watcher, process N, answered", "EPERM", "EPERM", "EPERM"]);
  const log = await told();
  const because = "errno EPERM \\(1\\); no rule set in force \\(SystemIO, NodeRuntime\\) allows it";
  assert.match(
    log,
    new RegExp(
      `refused: openat\\(AT_FDCWD, "/etc/\\\\u001b\\[31mpasswd\\\\u\\{202e\\}", O_RDONLY\\|O_CLOEXEC, 0\\) in process \\d+: ${because}, SystemIO.allowOpenReadonly`,
    ),
  );
  assert.match(
    log,
    new RegExp(`unlink\\("/tmp/nothing"\\) in process \\d+, thread \\d+: ${because}, SystemIO.allowUnlink`),
  );
  assert.match(log, /kill\(1, 15\)/);
  assert.equal(log.match(/statx\(AT_FDCWD, "\/etc\/passwd"/g)?.length, 1, "the same call is told once");
  assert.match(log, /10\d calls were refused in all/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested.
  assert.doesNotMatch(log, /[\x00-\x09\x0b-\x1f\u202e]/);
});

test("the program does not hold the listener, through which it could allow calls to itself", async () => {
  const [descriptors] = await says(
    `new SafetyContext().enable(SystemIO.nothing().allowStdout().allowStderr().allowOpenReadonly().allowMetadata())
      .enable("readlink").applyToAllThreads({ log: process.env.LOG });
    say(fs.readdirSync("/proc/self/fd").map((fd) => { try { return fs.readlinkSync("/proc/self/fd/" + fd); } catch { return ""; } }));`,
    { env: { LOG } },
  );
  assert.ok(Array.isArray(descriptors) && descriptors.length > 3);
  assert.ok(!descriptors.some((target) => String(target).includes("seccomp")), String(descriptors));
});

test("without its watcher the lock holds: what was refused is refused as before, with another errno", async () => {
  const said = await says(
    `const children = fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name));
    const report = new SafetyContext().enable(stdio()).enable("kill").applyToAllThreads({ log: process.env.LOG });
    say(attempt(() => fs.readFileSync("/etc/passwd")));
    process.kill(Number(/\\d+/.exec(report.seccomp.tried)[0]), "SIGKILL");
    const again = () => attempt(() => fs.readFileSync("/etc/passwd"));
    const end = Date.now() + 60_000;
    while (again() === "EPERM" && Date.now() < end);
    say(again());
    setTimeout(() => say("alive"), 20);`,
    { env: { LOG } },
  );
  assert.deepEqual(said, ["EPERM", "ENOSYS", "alive"]);
  rmSync(LOG, { force: true });
});

test("what cannot be told is an error before anything is locked", async () => {
  const said = await says(
    `const refuse = (context, log) => say(attempt(() => { context.applyToAllThreads({ log }); }));
    refuse(new SafetyContext().enable(stdio()).withKill(), true);
    refuse(new SafetyContext().enable(stdio()).enable("prctl"), true);
    refuse(new SafetyContext().enable(stdio()), "/nonexistent/log");
    say(/NoNewPrivs:\\t(\\d)/.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1]);
    say(/Seccomp_filters:\\t(\\d)/.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1]);`,
  );
  assert.match(String(said[0]), /^LockdownError: log: only a context that answers an errno .* not "kill"/);
  assert.match(String(said[1]), /ConditionalNoEffect|a rule allows "prctl" always/);
  assert.match(String(said[2]), /log: \/nonexistent\/log cannot be written: ENOENT/);
  assert.deepEqual(said.slice(3), ["1", "1"], "the boot hook's own filter alone");
});

const policy = (more: object): string => {
  const file = join(scratch, "policy.json");
  writeFileSync(file, JSON.stringify({ about: "a test", default: { errno: "EACCES" }, ...more }));
  return file;
};
const STDOUT = { use: "SystemIO.allowStdout", why: "it prints" };

test("lockWith locks by a file, with what Node needs where the file does not name it", async () => {
  const file = policy({ ruleSets: [STDOUT], syscalls: [{ syscall: "uname", why: "x" }] });
  const said = await says(
    `const report = lockdown.lockWith(${JSON.stringify(file)});
    say([report.steps, report.ruleSets, report.nodeRuntime]);
    say(attempt(() => fs.readFileSync("/etc/passwd")));
    await new Promise((resolve) => setTimeout(resolve, 5));
    say(await attemptAsync(() => fs.promises.readFile("/etc/passwd")));`,
  );
  assert.deepEqual(said, [
    [["no_new_privs", "seccomp filter"], ["SystemIO.allowStdout", "NodeRuntime"], true],
    "EACCES",
    "EACCES",
  ]);
});

test("a watcher is not taken for somebody who learns: a second lock behind a log is a lock, or an error", async () => {
  const file = policy({ ruleSets: [STDOUT] });
  const said = await says(
    `new SafetyContext().enable(stdio()).enable("seccomp").enable(new RuleSetOf("prctl", 38)).enable(SystemIO.nothing().allowOpenReadonly())
      .enable(SystemIO.nothing().allowRead()).enable("newfstatat").applyToAllThreads({ log: process.env.LOG });
    say(attempt(() => typeof fs.readFileSync("/etc/hostname", "utf8")));
    say(attempt(() => lockdown.lockWith(${JSON.stringify(file)}).steps));
    say(attempt(() => typeof fs.readFileSync("/etc/hostname", "utf8")));`.replace(
      'new RuleSetOf("prctl", 38)',
      '{ name: "Later", simpleRules: () => [], conditionalRules: () => [new SeccompRule("prctl", [arg32(0).in(38, 39)])] }',
    ),
    { env: { LOG } },
  );
  assert.deepEqual(said, ["string", ["no_new_privs", "seccomp filter"], "EACCES"]);
});

test("lockWith under a policy with files binds all threads, when it may start the program anew", async () => {
  const file = policy({
    ruleSets: [STDOUT, { use: "SystemIO.allowOpenReadonly", why: "x" }, { use: "SystemIO.allowRead", why: "x" }],
    files: [{ path: "/etc/hosts", rights: ["readFile"], why: "x" }],
  });
  const code = `const report = lockdown.lockWith(${JSON.stringify(file)}, { restart: true });
    say(report.landlock.threads);
    say(typeof fs.readFileSync("/etc/hosts", "utf8"));
    say(await attemptAsync(() => fs.promises.readFile("/etc/passwd")));`;
  assert.deepEqual(await says(code), ["all threads", "string", "EACCES"]);
  const [refused] = await says(
    code
      .replace("{ restart: true }", "{}")
      .replace(/^const report = (.*);$/m, "say(attempt(() => $1)); process.exit(0);"),
  );
  assert.match(String(refused), /^LandlockNoThreadSync|"steps"/);
});

test("a log behind file rules: the watcher is started by the engine, for no shell may be executed there", async () => {
  const file = policy({
    ruleSets: [STDOUT, { use: "SystemIO.allowOpenReadonly", why: "x" }, { use: "SystemIO.allowRead", why: "x" }],
    files: [
      { path: "/etc/hosts", rights: ["readFile"], why: "x" },
      { path: scratch, rights: ["makeReg", "writeFile"], why: "x" },
    ],
  });
  const said = await says(
    `const report = lockdown.lockWith(${JSON.stringify(file)}, { restart: true, log: process.env.LOG });
    say([report.landlock.threads, /the watcher, process \\d+, answered/.test(report.seccomp.tried)]);
    say(attempt(() => execFileSync("/bin/sh")));
    say(attempt(() => fs.unlinkSync("/etc/hosts")));`,
    { env: { LOG } },
  );
  assert.deepEqual(said, [["all threads", true], "EACCES", "EACCES"]);
  assert.match(
    await told(),
    /refused: unlink\("\/etc\/hosts"\) in process \d+: errno EACCES.*SystemIO.allowUnlink would allow it/,
  );
});

test("lockWith refuses what holds from the start, what is not there, and tells it before anything is locked", async () => {
  const early = policy({ from: "start", ruleSets: [STDOUT] });
  const { said } = await locked(
    `for (const file of [${JSON.stringify(early)}, "/nonexistent.json"]) say(attempt(() => { lockdown.lockWith(file); }));
    say(fs.existsSync("/etc/passwd"));`,
  );
  assert.match(String(said[0]), /holds a program from its start on, and this one has started/);
  assert.match(String(said[1]), /nonexistent\.json: the policy cannot be read: ENOENT/);
  assert.equal(said[2], true);
});
