/**
 * What extrasafe 0.5.1's suite and examples assert and no other file here does, each attempted in a child process. Which of
 * our tests stands for which of its tests is told in docs/lockdown-table.md.
 */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  ConditionalNoEffectError,
  InvalidCondition,
  InvalidRuleSet,
  LandlockPortRule,
  type RuleSet,
  SafetyContext,
  SystemIO,
  UnsupportedPlatform,
} from "linden/lockdown";
import { freePort, locked, says } from "./locked.ts";

const END = 'namedCall("exit_group", 0);';

test("an int argument that a caller extended with its sign, or not: 64 bits care, 32 bits do not", async () => {
  for (const [condition, plain, extended] of [
    ["arg(1).eq(0x80000000)", -9, -999],
    ["arg32(1).eq(0x80000000)", -9, -9],
  ]) {
    const said = await says(`
      const rules = { name: "Ioctl", simpleRules: () => [], conditionalRules: () => [new SeccompRule("ioctl").andCondition(${condition})] };
      SafetyContext.bare().enable(stdio()).enable(rules).withErrno(999).applyToCurrentThread();
      // EBADF is the kernel's: the filter let the call pass.
      say([namedCall("ioctl", 4321, 0x80000000, 0), namedCall("ioctl", 4321, -0x80000000, 0)]);
      ${END}`);
    assert.deepEqual(said, [[plain, extended]], String(condition));
  }
});

test("equal rules twice, in one rule set or two, with conditions or without: applied, and in force", async () => {
  const TWICE = [
    "context.enable(SystemIO.nothing().allowRead().allowRead())",
    "context.enable(SystemIO.nothing().allowRead()).enable(SystemIO.nothing().allowRead())",
    "context.enable(SystemIO.nothing().allowStdin().allowStdin())",
    "context.enable(SystemIO.nothing().allowStdin()).enable(SystemIO.nothing().allowStdin())",
  ];
  for (const enable of TWICE) {
    const said = await says(
      `const context = SafetyContext.bare().enable(stdio());
      const open = fs.openSync("/etc/passwd", "r");
      ${enable};
      say(context.applyToCurrentThread().scope);
      const byte = Buffer.alloc(1);
      say([fs.readSync(0, byte), attempt(() => fs.readSync(open, byte))]);
      ${END}`,
      { input: "input" },
    );
    assert.deepEqual(said, ["this thread", [1, enable.includes("Stdin") ? "EPERM" : 1]], enable);
  }
});

test("what a locked thread starts is locked, threads and processes, though no other thread is", async () => {
  const said = await says(`
    const scratch = fs.mkdtempSync(TEMPORARY);
    const other = new Worker("require('node:worker_threads').parentPort.on('message', (path) => { let said = 'created'; try { require('node:fs').writeFileSync(path, ''); } catch (error) { said = error.code; } require('node:worker_threads').parentPort.postMessage(said); })", { eval: true, execArgv: [] });
    await once(other, "online");
    new SafetyContext()
      .enable(stdio())
      .enable(Threads.nothing().allowCreate())
      .enable(new ForkAndExec())
      .enable(new NodeRuntime().allowWorkers().yesReally())
      .applyToCurrentThread();
    const thread = new Worker("let said = 'created'; try { require('node:fs').writeFileSync(require('node:worker_threads').workerData, ''); } catch (error) { said = error.code; } require('node:worker_threads').parentPort.postMessage(said);", { eval: true, execArgv: [], workerData: scratch + "/thread" });
    say((await once(thread, "message"))[0]);
    const cat = spawnSync("/bin/cat", ["/proc/cpuinfo"]);
    say([cat.error?.message ?? "started", cat.status !== 0, cat.stdout.length]);
    other.postMessage(scratch + "/other");
    say((await once(other, "message"))[0]);
    ${END}`);
  // The new process is not even allowed to load its libraries.
  assert.deepEqual(said, ["EPERM", ["started", true, 0], "created"]);
});

test("Landlock, right by right: one file, writing, creating, listing, removing, several at once", async () => {
  const said = await says(`
    const root = fs.realpathSync(fs.mkdtempSync(TEMPORARY));
    const fresh = () => {
      const place = fs.mkdtempSync(root + "/");
      for (const at of ["allowed", "denied"]) {
        fs.mkdirSync(place + "/" + at);
        fs.mkdirSync(place + "/" + at + "/sub");
        fs.writeFileSync(place + "/" + at + "/file", at);
      }
      return place;
    };
    const work = async (place: string) => {
      const { readFileSync, appendFileSync, writeFileSync, readdirSync, mkdirSync, unlinkSync, rmdirSync } = process.getBuiltinModule("node:fs");
      const attempt = (work: () => unknown) => { try { work(); return "done"; } catch (error) { return (error as { code: string }).code; } };
      return ["allowed", "denied"].map((at) => [
        attempt(() => readFileSync(place + "/" + at + "/file")),
        attempt(() => appendFileSync(place + "/" + at + "/file", "more")),
        attempt(() => writeFileSync(place + "/" + at + "/new", "new")),
        attempt(() => readdirSync(place + "/" + at)),
        attempt(() => mkdirSync(place + "/" + at + "/made")),
        attempt(() => unlinkSync(place + "/" + at + "/file")),
        attempt(() => rmdirSync(place + "/" + at + "/sub")),
      ].join(" "));
    };
    const io = () => SystemIO.nothing();
    const kinds: Record<string, (place: string) => lockdown.SafetyContext> = {
      file: (place) => new SafetyContext().enable(io().allowReadPath(place + "/allowed/file")),
      read: (place) => new SafetyContext().enable(io().allowReadPath(place + "/allowed")),
      write: (place) => new SafetyContext().enable(io().allowWriteFile(place + "/allowed").allowReadPath(place + "/allowed")),
      create: (place) => new SafetyContext().enable(io().allowCreateInDir(place + "/allowed").allowWrite()),
      list: (place) => new SafetyContext().enable(io().allowListDir(place + "/allowed")),
      mkdir: (place) => new SafetyContext().enable(io().allowCreateDir(place + "/allowed")),
      unlink: (place) => new SafetyContext().enable(io().allowRemoveFile(place + "/allowed").allowListDir(place + "/allowed")),
      rmdir: (place) => new SafetyContext().enable(io().allowRemoveDir(place + "/allowed").allowListDir(place + "/allowed")),
      several: (place) => new SafetyContext()
        .enable(io().allowListDir(place + "/allowed").allowReadPath(place + "/allowed").allowRemoveDir(place + "/allowed"))
        .enable(io().allowWriteFile(place + "/denied").allowReadPath(place + "/denied")),
    };
    for (const [kind, context] of Object.entries(kinds)) {
      const place = fresh();
      say([kind, ...(await context(place).landlockOnly().run(work, [place]))]);
    }`);
  const no = "EACCES";
  const none = Array(7).fill(no).join(" ");
  // Columns: read, append, create, list, mkdir, unlink, rmdir.
  assert.deepEqual(said, [
    ["file", `done ${no} ${no} ${no} ${no} ${no} ${no}`, none],
    ["read", `done ${no} ${no} ${no} ${no} ${no} ${no}`, none],
    ["write", `done done ${no} ${no} ${no} ${no} ${no}`, none],
    ["create", `${no} done done ${no} ${no} ${no} ${no}`, none],
    ["list", `${no} ${no} ${no} done ${no} ${no} ${no}`, none],
    ["mkdir", `${no} ${no} ${no} ${no} done ${no} ${no}`, none],
    ["unlink", `${no} ${no} ${no} done ${no} done ${no}`, none],
    ["rmdir", `${no} ${no} ${no} done ${no} ${no} done`, none],
    ["several", `done ${no} ${no} done ${no} ${no} done`, `done done ${no} ${no} ${no} ${no} ${no}`],
  ]);
});

test("conditions on open beside Landlock rules conflict, in one rule set or in two, in either order", () => {
  const list = () => SystemIO.nothing().allowListDir("/tmp");
  const condition = () => SystemIO.nothing().allowOpenReadonly();
  const conflict = (work: () => unknown) => assert.throws(work, ConditionalNoEffectError);
  conflict(() => new SafetyContext().enable(condition().allowListDir("/tmp")));
  conflict(() => new SafetyContext().enable(condition()).enable(list()));
  conflict(() => new SafetyContext().enable(list()).enable(condition()));
});

test("two filters on one thread: what the second allows and the first does not, is not", async () => {
  const said = await says(`
    new SafetyContext()
      .enable(stdio().allowMetadata().allowOpen().yesReally())
      .enable({ name: "Seccomp", simpleRules: () => ["prctl", "seccomp"] })
      .applyToCurrentThread();
    say(attempt(() => fs.closeSync(fs.openSync("/etc/passwd"))));
    new SafetyContext().enable(stdio()).enable(Threads.nothing().allowCreate()).applyToCurrentThread();
    say(attempt(() => fs.openSync("/etc/passwd")));
    say(await attemptAsync(() => once(new Worker("1", { eval: true, execArgv: [] }), "online")));
    ${END}`);
  assert.deepEqual(said.slice(0, 2), ["done", "EPERM"]);
  assert.match(String(said[2]), /ERR_WORKER/);
});

test("a failure behind a lock is still seen, and a bare write says hello", async () => {
  const failed = await locked(`
    new SafetyContext().enable(stdio()).applyToAllThreads();
    throw new RangeError("should fail");`);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /RangeError: should fail/);
  const hello = await locked(`
    SafetyContext.bare().enable("write").applyToCurrentThread();
    fs.writeSync(1, '"Hello, World!"\\n');
    ${END}`);
  assert.deepEqual([hello.status, hello.said], [0, ["Hello, World!"]]);
});

test("four processes, four contexts: a database, a web server, a writer, a reader", async () => {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "linden-four-")));
  const env = { SCRATCH: scratch, PORT: String(await freePort()) };
  const places = `const socket = process.env.SCRATCH + "/db.sock"; const port = Number(process.env.PORT);
    const there = async (test: () => boolean) => { while (!test()) await new Promise((resolve) => setTimeout(resolve, 10)); };`;
  const shut = `[attempt(() => fs.openSync("/etc/passwd")), namedCall("socket", 17, 3, 0), attempt(() => execFileSync("/bin/true"))]`;
  try {
    const database = says(
      `${places}
      const { DatabaseSync } = await import("node:sqlite");
      const db = new DatabaseSync(process.env.SCRATCH + "/db");
      db.exec("pragma locking_mode = exclusive; pragma journal_mode = wal; create table messages (text)");
      const [insert, list] = [db.prepare("insert into messages values (?)"), db.prepare("select text from messages")];
      const server = net.createServer((client) => client.on("data", (data) => {
        const [word, text] = String(data).split(" ");
        if (word === "write") { insert.run(text + ""); client.write("ok"); }
        else if (word === "end") { client.end(); server.close(); }
        else client.write(list.all().map((row) => row.text).join(","));
      }));
      await once(server.listen(socket), "listening");
      new SafetyContext()
        .enable(Networking.nothing().allowRunningUnixServers())
        .enable(SystemIO.nothing().allowRead().allowWrite().allowMetadata().allowIoctl().allowClose().allowUnlink())
        .applyToAllThreads();
      say(${shut});
      say(namedCall("socket", 1, 1, 0));
      await once(server, "close");`,
      { env },
    );
    const web = says(
      `${places}
      await there(() => fs.existsSync(socket));
      const db = net.connect(socket);
      await once(db, "connect");
      const ask = async (text: string) => { db.write(text); return String((await once(db, "data"))[0]); };
      const http = await import("node:http");
      const server = http.createServer(async (request, response) => {
        const url = request.url + "";
        if (url === "/end") { db.write("end"); response.end("ended"); server.close(); return; }
        response.end(await ask(url === "/read" ? "list" : "write " + url.slice(1)));
      });
      await once(server.listen(port, "127.0.0.1"), "listening");
      new SafetyContext().enable(stdio()).enable(Networking.nothing().allowRunningTcpServers()).applyToAllThreads();
      say(${shut});
      say([namedCall("socket", 2, 1, 0), namedCall("bind", 0, null, 0)]);
      await once(server, "close");
      db.destroy();`,
      { env },
    );
    const client = (paths: readonly string[]) =>
      says(
        `${places}
        new SafetyContext().enable(stdio()).enable(Networking.nothing().allowStartTcpClients()).applyToAllThreads();
        say(${shut});
        const get = async (path: string): Promise<string> => {
          for (;;) {
            try { return await (await fetch("http://127.0.0.1:" + port + path, { headers: { connection: "close" } })).text(); }
            catch { await new Promise((resolve) => setTimeout(resolve, 20)); }
          }
        };
        for (const path of ${JSON.stringify(paths)}) say(await get(path));
        say([await attemptAsync(() => once(net.createServer().listen(0, "127.0.0.1"), "listening"))]);`,
        { env },
      );
    const refused = ["EPERM", -1, "EPERM"];
    assert.deepEqual(await client(["/hello"]), [refused, "ok", ["EPERM"]]);
    assert.deepEqual(await client(["/linden"]), [refused, "ok", ["EPERM"]]);
    assert.deepEqual(await client(["/read", "/end"]), [refused, "hello,linden", "ended", ["EPERM"]]);
    assert.deepEqual(await web, [refused, [-1, -1]]);
    assert.deepEqual(await database, [refused, -1]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

test("another operating system is refused by a type, before anything is looked at", () => {
  const platform = Object.getOwnPropertyDescriptor(process, "platform");
  assert.ok(platform !== undefined);
  Object.defineProperty(process, "platform", { ...platform, value: "darwin" });
  try {
    const context = () => new SafetyContext().enable("read");
    assert.throws(() => context().applyToAllThreads(), UnsupportedPlatform);
    assert.throws(() => context().applyToCurrentThread(), /seccomp and Landlock are Linux's; this is darwin/);
  } finally {
    Object.defineProperty(process, "platform", platform);
  }
});

test("what a user's rule set answers is checked, and the error names the rule set", () => {
  const wrong = (answers: object, type: new (...args: never[]) => Error, message: RegExp) => {
    const ruleSet = { name: "Mine", simpleRules: () => [], ...answers } as unknown as RuleSet;
    assert.throws(
      () => new SafetyContext().enable(ruleSet),
      (error: unknown) => {
        assert.ok(error instanceof type, String(error));
        assert.match(error.message, message);
        return true;
      },
    );
  };
  const rule = (condition: unknown) => ({ conditionalRules: () => [{ syscall: "read", conditions: [condition] }] });
  wrong({ simpleRules: () => "read" }, InvalidRuleSet, /Mine\.simpleRules\(\): expected an array, got "read"/);
  wrong({ simpleRules: () => [5] }, InvalidRuleSet, /Mine\.simpleRules\(\): expected names of system calls, got 5/);
  wrong({ conditionalRules: () => new Map() }, InvalidRuleSet, /conditionalRules\(\): expected an array, got a Map/);
  wrong({ conditionalRules: 5 }, InvalidRuleSet, /conditionalRules: expected a method/);
  wrong({ conditionalRules: () => [null] }, InvalidRuleSet, /expected SeccompRule objects, got null/);
  wrong(
    { conditionalRules: () => [{ syscall: "read", conditions: 1 }] },
    InvalidRuleSet,
    /conditions on read are not an array/,
  );
  wrong(
    rule("arg0 == 1"),
    InvalidCondition,
    /Mine: read: expected a condition such as arg\(0\)\.eq\(1\), got "arg0 == 1"/,
  );
  wrong(rule({ argument: 6, mask: 1n, values: [1n] }), InvalidCondition, /Mine: read: expected a condition/);
  wrong(rule({ argument: 0, mask: 1n, values: [1n], comparison: "~" }), InvalidCondition, /Mine: read/);
  wrong(rule({ argument: 0, mask: 1n, values: [2n] }), InvalidCondition, /bits outside the mask, it never holds/);
  wrong({ landlockRules: () => ["/tmp"] }, InvalidRuleSet, /Mine\.landlockRules\(\): expected LandlockRule/);
  wrong({ landlockRules: () => [undefined] }, InvalidRuleSet, /Mine\.landlockRules\(\): expected LandlockRule/);
  wrong({ reasons: () => ({}) }, InvalidRuleSet, /Mine\.reasons\(\): expected a Map/);
  assert.throws(() => new LandlockPortRule(80, ["fly" as "bindTcp"]), /port 80: there is no Landlock right "fly"/);
  assert.throws(() => new LandlockPortRule(80, []), /at least one right/);
});

test("a restart that breaks off says which steps were taken", async () => {
  const said = await says(
    `
    const fail = (context: lockdown.SafetyContext) => {
      try { context.applyToAllThreads({ restart: true }); return "applied"; }
      catch (error) { const { name, message, inForce } = error as lockdown.LockIncomplete; return [name, message.slice(0, 30), inForce?.steps ?? null, inForce?.scope ?? null]; }
    };
    const status = () => /NoNewPrivs:\\t(\\d)/.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1];
    // As where the engine cannot be executed any more.
    process.execve = (() => {}) as never;
    say(fail(new SafetyContext().enable(SystemIO.nothing().allowReadPath("/nowhere/at/all"))));
    say(status());
    say(fail(new SafetyContext().enable(SystemIO.nothing().allowReadPath("/proc").allowWrite())));
    say(status());
    // The event loop of this life has rings, which it may not use any more.
    ${END}`,
    { plain: true },
  );
  const steps = ["no_new_privs", "seccomp prefilter", "Landlock"];
  assert.deepEqual(said, [
    ["PathDoesNotExist", 'SystemIO: the path "/nowhere/a', null, null],
    "0",
    ["LockIncomplete", "the restart failed (the engine", steps, "this thread"],
    "1",
  ]);
});
