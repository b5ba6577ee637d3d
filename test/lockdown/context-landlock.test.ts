/** Landlock as the library offers it: paths, each right by itself, ports, scopes, conflicts, older kernels, all threads. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  DuplicatePath,
  type FileRight,
  InvalidRuleSet,
  LandlockRule,
  LandlockUnavailable,
  PathDoesNotExist,
  type RuleSet,
  SafetyContext,
  SystemIO,
} from "linden/lockdown";
import { landlockVersion } from "../../src/host/landlock.unsafe.ts";
import { type LandlockCalls, LandlockPlan, type LandlockWishes } from "../../src/lockdown/context/landlock-plan.ts";
import { says } from "./locked.ts";

const SCRATCH = `
const scratch = fs.realpathSync(fs.mkdtempSync(TEMPORARY));
const path = (name: string) => scratch + "/" + name;
for (const directory of ["in", "out"]) {
  fs.mkdirSync(path(directory));
  fs.mkdirSync(path(directory + "/empty"));
  fs.writeFileSync(path(directory + "/file"), directory);
}
`;

test("reading, writing, creating, listing, removing: where it is allowed, and nowhere else", async () => {
  const said = await says(
    `${SCRATCH}
    const io = stdio().allowReadPath(path("in")).allowListDir(path("in")).allowCreateInDir(path("in"))
      .allowCreateDir(path("in")).allowRemoveFile(path("in")).allowRemoveDir(path("in"));
    `.replace("stdio()", "SystemIO.nothing()") +
      `
    const report = new SafetyContext().enable(io).enable("write").enable("writev").applyToCurrentThread();
    for (const place of ["in", "out"]) {
      say([
        attempt(() => fs.readFileSync(path(place + "/file"), "utf8")),
        attempt(() => fs.writeFileSync(path(place + "/file"), "changed")),
        attempt(() => fs.writeFileSync(path(place + "/new"), "new")),
        attempt(() => fs.readdirSync(path(place)).length),
        attempt(() => fs.mkdirSync(path(place + "/made"))),
        attempt(() => fs.unlinkSync(path(place + "/file"))),
        attempt(() => fs.rmdirSync(path(place + "/empty"))),
      ]);
    }
    say([report.landlock?.threads, report.landlock?.abi, report.steps, report.landlock?.notEnforced]);`,
  );
  assert.deepEqual(said[0], ["in", "done", "done", 3, "done", "done", "done"]);
  assert.deepEqual(said[1], Array(7).fill("EACCES"));
  assert.deepEqual(said[2], ["this thread", landlockVersion(), ["no_new_privs", "Landlock", "seccomp filter"], []]);
});

test("two rule sets with different directories, one to read and one to write", async () => {
  const said = await says(`${SCRATCH}
    new SafetyContext()
      .enable(SystemIO.nothing().allowReadPath(path("in")).allowListDir(path("in")).allowWrite())
      .enable(SystemIO.nothing().allowWriteFile(path("out")))
      .applyToCurrentThread();
    say([
      attempt(() => fs.readFileSync(path("in/file"), "utf8")),
      attempt(() => fs.writeFileSync(path("in/file"), "x")),
      attempt(() => fs.writeFileSync(path("out/file"), "x")),
      attempt(() => fs.readFileSync(path("out/file"), "utf8")),
      attempt(() => fs.writeFileSync(path("out/new"), "x")),
    ]);`);
  assert.deepEqual(said, [["in", "EACCES", "done", "EACCES", "EACCES"]]);
});

test("only Landlock: calls go on, files are those of the rules, or none", async () => {
  const said = await says(`${SCRATCH}
    const seen = (context: lockdown.SafetyContext) => new Promise((resolve) => {
      const report = context.applyToCurrentThread();
      resolve([
        namedCall("getpgrp") > 0,
        attempt(() => fs.readFileSync(path("in/file"), "utf8")),
        attempt(() => fs.readFileSync(path("out/file"), "utf8")),
        report.seccomp === undefined,
      ]);
    });
    const one = { name: "One", simpleRules: () => [], landlockRules: () => [new LandlockRule(path("in"), access.readPath())] };
    say(attempt(() => new SafetyContext().landlockOnly().applyToCurrentThread()));
    say(await seen(new SafetyContext().landlockOnly().enable(one)));
    say(await seen(new SafetyContext().landlockOnly().enable("read")));`);
  assert.match(String(said[0]), /^NoRulesEnabled/);
  assert.deepEqual(said.slice(1), [
    [true, "in", "EACCES", true],
    [true, "EACCES", "EACCES", true],
  ]);
});

/** What each right is for, as an attempt; "in" is the directory with the rule, "out" beside it has every right. */
const ATTEMPTS: Readonly<Partial<Record<FileRight, string>>> = {
  execute: `const run = spawnSync(path("in/program")); if (run.error) throw run.error;`,
  writeFile: `fs.closeSync(fs.openSync(path("in/file"), "r+"))`,
  readFile: `fs.readFileSync(path("in/file"))`,
  readDir: `fs.readdirSync(path("in"))`,
  removeDir: `fs.rmdirSync(path("in/empty"))`,
  removeFile: `fs.unlinkSync(path("in/file"))`,
  makeChar: `check(namedCall("mknodat", -100, name("in/new"), 0o20600, 0x103))`,
  makeDir: `fs.mkdirSync(path("in/new"))`,
  makeReg: `check(namedCall("mknodat", -100, name("in/new"), 0o100600, 0))`,
  makeSock: `check(namedCall("mknodat", -100, name("in/new"), 0o140600, 0))`,
  makeFifo: `check(namedCall("mknodat", -100, name("in/new"), 0o10600, 0))`,
  makeSym: `fs.symlinkSync("x", path("in/new"))`,
  refer: `fs.linkSync(path("out/file"), path("in/new"))`,
  truncate: `fs.truncateSync(path("in/file"))`,
};

test("each right to files: refused without it, allowed with it", async () => {
  const said = await says(`
    const WORK = \`
      import * as fs from "node:fs";
      import { spawnSync } from "node:child_process";
      import { parentPort, workerData } from "node:worker_threads";
      const { temporary, library, calls, right, rights, code } = workerData;
      const { SafetyContext, LandlockRule } = await import(library);
      const { namedCall } = await import(calls);
      const scratch = fs.realpathSync(fs.mkdtempSync(temporary));
      const path = (name) => scratch + "/" + name;
      const name = (text) => Buffer.from(path(text) + "\\\\0");
      const check = (answer) => { if (answer < 0) throw { code: answer === -13 ? "EACCES" : answer }; };
      for (const place of ["in", "out"]) {
        fs.mkdirSync(path(place));
        fs.mkdirSync(path(place + "/empty"));
        fs.writeFileSync(path(place + "/file"), "x");
        fs.copyFileSync("/bin/true", path(place + "/program"));
        fs.chmodSync(path(place + "/program"), 0o755);
      }
      const all = rights;
      const some = right.with ? rights : rights.filter((each) => each !== right.name);
      new SafetyContext().landlockOnly().enable({
        name: "Rights",
        simpleRules: () => [],
        landlockRules: () => [
          new LandlockRule(path("in"), some),
          new LandlockRule(path("out"), all),
          ...["/lib", "/lib64", "/usr", "/etc"].map((at) => new LandlockRule(at, ["execute", "readFile", "readDir"]).ifPresent()),
        ],
      }).applyToCurrentThread();
      let result = "done";
      try { new Function("fs", "spawnSync", "path", "name", "check", "namedCall", code)(fs, spawnSync, path, name, check, namedCall); }
      catch (error) { result = error.code ?? String(error); }
      parentPort.postMessage(result);\`;
    const attempts = ${JSON.stringify(ATTEMPTS)};
    const rights = Object.keys(attempts);
    for (const name of rights) {
      const results = [false, true].map(async (present) => {
        const workerData = { temporary: TEMPORARY, library: LIBRARY, calls: CALLS, right: { name, with: present }, rights, code: attempts[name as "execute"] };
        const thread = new Worker(new URL("data:text/javascript," + encodeURIComponent(WORK)), { workerData, execArgv: [] });
        return (await once(thread, "message"))[0];
      });
      say([name, ...(await Promise.all(results))]);
    }`);
  const expected = Object.keys(ATTEMPTS).map((name) => {
    if (name === "refer") return [name, "EXDEV", "done"];
    // A device node takes a privilege that has nothing to do with Landlock.
    const allowed = name === "makeChar" && process.getuid?.() !== 0 ? -1 : "done";
    return [name, "EACCES", allowed];
  });
  assert.deepEqual(said, expected);
});

test("TCP ports: those named, and no other", async () => {
  const said = await says(`
    const servers = await Promise.all([0, 0].map(async () => {
      const server = net.createServer((socket) => socket.end("hi"));
      await once(server.listen(0, "127.0.0.1"), "listening");
      return server;
    }));
    const [open, shut] = servers.map((server) => (server.address() as net.AddressInfo).port);
    const report = new SafetyContext()
      .enable(stdio())
      .enable(Networking.nothing().allowRunningTcpServers().allowStartTcpClients().allowConnectPort(open))
      .applyToCurrentThread();
    const connect = (port: number) => attemptAsync(async () => {
      const socket = net.connect(port, "127.0.0.1");
      return String((await once(socket, "data"))[0]);
    });
    say([await connect(open), await connect(shut), report.landlock?.handled, attempt(() => fs.statSync("/etc").isDirectory())]);
    for (const server of servers) server.close();`);
  assert.deepEqual(said, [["hi", "EACCES", ["connectTcp"], "EPERM"]]);
});

test("scopes: signals to other processes stay inside", async () => {
  const said = await says(`
    const report = new SafetyContext().landlockOnly().landlockScope("signal", "abstractUnixSocket").applyToCurrentThread();
    say([attempt(() => process.kill(process.ppid, 0)), attempt(() => process.kill(process.pid, 0)), report.landlock?.handled.length]);`);
  assert.deepEqual(said, [["EPERM", true, 2]]);
});

test("a program without a file may read where it runs, and not what is beside that", async () => {
  const scratch = scratchDirectory();
  const said = await says(
    `
    process.chdir(process.env.SCRATCH + "/in");
    const io = SystemIO.nothing().allowReadPath(process.env.SCRATCH + "/in/file").allowWrite();
    new SafetyContext().enable(io).applyToAllThreads({ restart: true });
    say(await attemptAsync(() => fs.promises.readFile("file", "utf8")));
    say(await attemptAsync(() => fs.promises.readFile("../out/file", "utf8")));`,
    { plain: true, env: { SCRATCH: scratch } },
  );
  assert.deepEqual(said, ["in", "EACCES"]);
});

test("Landlock for all threads: refused with the two ways out, and done by a restart", async () => {
  const refused = await says(`${SCRATCH}
    say(attempt(() => new SafetyContext().enable(SystemIO.nothing().allowReadPath(path("in")).allowWrite()).applyToAllThreads()));
    say(/NoNewPrivs:\\t1\\nSeccomp:\\t2\\nSeccomp_filters:\\t(\\d)/.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1]);
    say(fs.readFileSync(path("out/file"), "utf8"));`);
  assert.match(String(refused[0]), /^LandlockNoThreadSync: .*restart: true.*applyToCurrentThread/);
  assert.deepEqual(refused.slice(1), ["1", "out"]);
  const said = await says(
    `
    const scratch = process.env.SCRATCH + "";
    const report = new SafetyContext()
      .enable(SystemIO.nothing().allowReadPath(scratch + "/in").allowWrite())
      .applyToAllThreads({ restart: true });
    say(await attemptAsync(() => fs.promises.readFile(scratch + "/in/file", "utf8")));
    say(await attemptAsync(() => fs.promises.readFile(scratch + "/out/file", "utf8")));
    say(attempt(() => fs.readdirSync("/")));
    say([report.landlock?.threads, report.steps, (report.landlock?.added.length ?? 0) > 3]);
    say(Object.keys(process.env).filter((name) => name.startsWith("LINDEN_LOCKDOWN_")));`,
    { plain: true, env: { SCRATCH: scratchDirectory() } },
  );
  assert.deepEqual(said, [
    "in",
    "EACCES",
    "EACCES",
    ["all threads", ["Landlock (before the restart)", "no_new_privs", "seccomp filter"], true],
    [],
  ]);
});

function scratchDirectory(): string {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "linden-landlock-")));
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  for (const place of ["in", "out"]) {
    mkdirSync(join(scratch, place));
    writeFileSync(join(scratch, place, "file"), place);
  }
  return scratch;
}

const rights = (name: string, path: string, accessRules: readonly FileRight[]): RuleSet => ({
  name,
  simpleRules: () => [],
  landlockRules: () => [new LandlockRule(path, accessRules)],
});

test("conflicts: the same path with other rights names both sides; with the same rights it is fine", () => {
  assert.throws(
    () =>
      new SafetyContext()
        .enable(rights("First", "/tmp", ["readFile"]))
        .enable(rights("Second", "/tmp/.", ["writeFile"])),
    (error: unknown) =>
      error instanceof DuplicatePath && ["/tmp", "First", "Second"].every((word) => error.message.includes(word)),
  );
  new SafetyContext().enable(rights("First", "/tmp", ["readFile"])).enable(rights("Second", "/tmp", ["readFile"]));
  assert.throws(
    () =>
      new SafetyContext()
        .enable(SystemIO.nothing().allowOpenReadonly())
        .enable(SystemIO.nothing().allowReadPath("/tmp")),
    /"open" under conditions.*allows it always/,
  );
  assert.throws(() => new LandlockRule("/tmp", ["fly" as FileRight]), /no Landlock right "fly"/);
  assert.throws(() => new LandlockRule("", ["readFile"]), InvalidRuleSet);
});

const wishes = (...files: readonly LandlockRule[]): LandlockWishes => ({
  files: files.map((rule) => ({ origin: "Test", rule })),
  ports: [],
  scopes: new Set(),
  everyFile: false,
  oldest: undefined,
});

test("a path that is not there is an error that names it, unless it is optional", () => {
  const missing = new LandlockRule("/nowhere/at/all", ["readFile"]);
  assert.throws(
    () => LandlockPlan.prepare(wishes(missing)),
    (error: unknown) => error instanceof PathDoesNotExist && /Test.*\/nowhere\/at\/all.*ENOENT/.test(error.message),
  );
  assert.throws(
    () => LandlockPlan.prepare(wishes(new LandlockRule("/etc/passwd", ["makeDir"]))),
    /rights of directories/,
  );
  const plan = LandlockPlan.prepare(wishes(missing.ifPresent()));
  assert.deepEqual(plan.report("this thread").leftOut, ["/nowhere/at/all"]);
  plan.close();
});

test("an older kernel: refused unless the caller takes it, and then the report says what is missing", () => {
  const handled: number[] = [];
  const old = (version: number): LandlockCalls => ({
    landlockVersion: () => version,
    createRuleset: (_, { files }) => handled.push(files) && 0x7fffff,
    allowBeneath: () => 0,
    allowPort: () => 0,
    restrictSelf: () => 0,
  });
  const rule = new LandlockRule("/tmp", ["readFile", "truncate"]);
  for (const version of [1, 2, 3, 4]) {
    assert.throws(
      () => LandlockPlan.prepare(wishes(rule), old(version)),
      (error: unknown) =>
        error instanceof LandlockUnavailable &&
        error.message.includes(`ABI ${version};`) &&
        /allowOlderLandlock/.test(error.message),
    );
  }
  assert.throws(() => LandlockPlan.prepare(wishes(rule), old(-38)), /ENOSYS.*lsm=/);
  const plan = LandlockPlan.prepare({ ...wishes(rule), oldest: 2 }, old(2));
  assert.deepEqual(handled, [2 ** 14 - 1]);
  const report = plan.report("this thread");
  assert.deepEqual(report.notEnforced, ["truncate (needs a newer kernel)", "ioctlDev (needs a newer kernel)"]);
  assert.deepEqual(report.rules, ["/tmp: readFile (Test)"]);
  assert.throws(() => LandlockPlan.prepare({ ...wishes(rule), oldest: 3 }, old(2)), LandlockUnavailable);
});
