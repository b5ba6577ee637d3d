import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { home, locked, says } from "./locked.ts";

const RINGS = `fs.readdirSync("/proc/self/fd").filter((fd) => {
  try { return fs.readlinkSync("/proc/self/fd/" + fd) === "anon_inode:[io_uring]"; } catch { return false; }
}).length`;

test("without the hook apply refuses with a sentence that names the flag, and changes nothing", async () => {
  const [rings, all, one, status] = await says(
    `const before = ${RINGS};
    say(before);
    say(attempt(() => new SafetyContext().enable(stdio()).applyToAllThreads()));
    say(attempt(() => SafetyContext.bare().enable("write").applyToCurrentThread()));
    say(/NoNewPrivs:\\t(\\d)/.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1]);`,
    { plain: true },
  );
  assert.ok(typeof rings === "number" && rings > 0, "this Node has no rings: the test shows nothing");
  assert.match(String(all), /^RingsExist: .*node --import linden\/lockdown\/boot app\.ts/);
  assert.match(String(one), /^RingsExist/);
  assert.equal(status, "0");
});

test("behind the hook there are no rings, and nobody can make one", async () => {
  assert.deepEqual(await says(`say(${RINGS}); say(namedCall("io_uring_setup", 8, new Uint8Array(120)));`), [0, -38]);
});

test("the program starts once, with its arguments, options, environment, input and process number", async () => {
  const script = `
    say([process.argv.slice(2), process.env.GREETING, Object.keys(process.env).filter((name) => name.startsWith("LINDEN_LOCKDOWN_"))]);
    say(process.execArgv.includes("--stack-trace-limit=3"));
    say(fs.readFileSync(0, "utf8"));`;
  const options = ["--stack-trace-limit=3"];
  const said = await says(script, { env: { GREETING: "hé\nllo" }, options, input: "from the pipe" });
  assert.deepEqual(said, [[[], "hé\nllo", []], true, "from the pipe"]);
});

test("a forked child behind the hook keeps its channel, and a Worker starts as ever", async () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-boot-"));
  try {
    const program = join(directory, "child.mjs");
    writeFileSync(
      program,
      `import { Worker } from "node:worker_threads";
      process.on("message", (text) => {
        const worker = new Worker("require('node:worker_threads').parentPort.postMessage('" + text + " worker')", { eval: true });
        worker.on("message", (answer) => { process.send(answer); process.disconnect(); });
      });`,
    );
    const execArgv = ["--conditions=linden-source", "--import", "linden/lockdown/boot"];
    const child = fork(program, { cwd: home, execArgv });
    const exited = once(child, "exit");
    child.send("hello");
    assert.deepEqual(await once(child, "message"), ["hello worker", undefined]);
    assert.deepEqual(await exited, [0, null]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("the five lines: a timer, a file refused, output, a request, and a clean end", async () => {
  const said = await says(`
    const server = (await import("node:http")).createServer((_, response) => response.end("hello"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as net.AddressInfo;
    const report = new SafetyContext()
      .enable(SystemIO.nothing().allowStdout().allowStderr())
      .enable(Networking.nothing().allowRunningTcpServers().allowStartTcpClients())
      .applyToAllThreads();
    await new Promise((resolve) => setTimeout(resolve, 5));
    say(attempt(() => fs.readFileSync("/etc/passwd")));
    say(await attemptAsync(() => fs.promises.readFile("/etc/passwd")));
    console.log(JSON.stringify("through console.log"));
    say(await (await fetch("http://127.0.0.1:" + port)).text());
    say([report.nodeRuntime, report.scope, report.seccomp?.tried, report.holes]);
    server.close();
    server.closeAllConnections();`);
  assert.deepEqual(said, [
    "EPERM",
    "EPERM",
    "through console.log",
    "hello",
    [true, "all threads", "getpgrp answered EPERM (1)", []],
  ]);
});

test("a context that may restart needs no hook, and what stands before it runs twice", async () => {
  const said = await says(
    `say("before");
    const report = new SafetyContext().enable(stdio()).applyToAllThreads({ restart: true });
    say([report.steps, attempt(() => fs.readFileSync("/etc/passwd")), process.env.LINDEN_LOCKDOWN_STAGE]);`,
    { plain: true },
  );
  assert.deepEqual(said, ["before", "before", [["no_new_privs", "seccomp filter"], "EPERM", null]]);
});

test("kill, another errno, and log", async () => {
  const killed = await locked(`
    new SafetyContext().enable(stdio()).withKill().applyToAllThreads();
    say("locked");
    await new Promise((resolve) => setTimeout(resolve, 5));
    say(attempt(() => fs.readFileSync("/etc/passwd")));
    namedCall("getpgrp");
    say("alive");`);
  assert.deepEqual([killed.said, killed.signal], [["locked", "EACCES"], "SIGSYS"]);
  const other = `new SafetyContext().enable(stdio()).withErrno("ENOSYS").applyToAllThreads(); say(namedCall("getpgrp"));`;
  assert.deepEqual(await says(other), [-38]);
  const log = `new SafetyContext().enable(stdio()).withLog().applyToAllThreads(); say(namedCall("getpgrp") > 0);`;
  assert.deepEqual(await says(log), [true]);
});

test("a context is applied once", async () => {
  const said = await says(`
    const context = new SafetyContext().enable(stdio());
    context.applyToAllThreads();
    say(attempt(() => context.applyToAllThreads()));`);
  assert.match(String(said[0]), /applied already/);
});
