/** Who is bound: one thread, all threads, new threads, new processes; and sleeping. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { says } from "./locked.ts";

/** A Worker that answers orders: apply a context, open a file. Data URLs need no file to be loaded. */
const WORKER = `
const worker = (code: string) => new Worker(${JSON.stringify(`
const { parentPort, workerData } = require("node:worker_threads");
const fs = require("node:fs");
`)} + code, { eval: true, execArgv: [], workerData: LIBRARY });
const answer = async (thread: Worker, order: unknown) => { thread.postMessage(order); return (await once(thread, "message"))[0]; };
const OPENS = \`
  parentPort.on("message", (path) => {
    try { fs.closeSync(fs.openSync(path)); parentPort.postMessage("opened"); } catch (error) { parentPort.postMessage(error.code); }
  });\`;
`;

test("one thread: a Worker locks itself, another one and the main thread stay free", async () => {
  const said = await says(`${WORKER}
    const LOCKS = \`
      const locked = import(workerData).then(({ SafetyContext }) =>
        new SafetyContext().enable("uname").applyToCurrentThread());
      parentPort.on("message", async (path) => {
        const report = await locked;
        let result;
        try { fs.closeSync(fs.openSync(path)); result = "opened"; } catch (error) { result = error.code; }
        parentPort.postMessage([result, report.scope, report.holes.length]);
      });\`;
    const [bound, free] = [worker(LOCKS), worker(OPENS)];
    say(await answer(bound, "/etc/passwd"));
    say(await answer(free, "/etc/passwd"));
    say(attempt(() => fs.closeSync(fs.openSync("/etc/passwd"))));
    say(attempt(() => new SafetyContext().enable(stdio()).applyToAllThreads()));
    namedCall("exit_group", 0);`);
  assert.deepEqual(said.slice(0, 3), [["EPERM", "this thread", 1], "opened", "done"]);
  assert.match(String(said[3]), /^ThreadsDiverged: thread \d+ has a filter of its own/);
});

test("all threads: Workers that run already, the pool's threads and the engine's are bound too", async () => {
  const said = await says(`${WORKER}
    const running = worker(OPENS);
    say(await answer(running, "/etc/passwd"));
    const status = fs.readdirSync("/proc/self/task").map((task) => fs.openSync("/proc/self/task/" + task + "/status"));
    new SafetyContext().enable(stdio().allowRead()).applyToAllThreads();
    say(await answer(running, "/etc/passwd"));
    say(await attemptAsync(() => fs.promises.readFile("/etc/passwd")));
    const buffer = Buffer.alloc(4096);
    const threads = status.map((file) => buffer.toString("latin1", 0, fs.readSync(file, buffer)));
    say(threads.length > 5);
    say(threads.every((text) => /Seccomp:\\t2\\n/.test(text) && /Seccomp_filters:\\t2\\n/.test(text) && /NoNewPrivs:\\t1/.test(text)));
    namedCall("exit_group", 0);`);
  assert.deepEqual(said, ["opened", "EPERM", "EPERM", true, true]);
});

test("a new thread inherits, where new threads are allowed", async () => {
  const said = await says(`${WORKER}
    new SafetyContext()
      .enable(stdio())
      .enable(Threads.nothing().allowCreate())
      .enable(new NodeRuntime().allowWorkers().yesReally())
      .applyToAllThreads();
    const fresh = worker(OPENS);
    say(await answer(fresh, "/etc/passwd"));
    await fresh.terminate();`);
  assert.deepEqual(said, ["EPERM"]);
});

test("without leave no thread starts", async () => {
  const said = await says(`${WORKER}
    new SafetyContext().enable(stdio()).applyToAllThreads();
    say(await attemptAsync(() => once(worker(OPENS), "online")));`);
  assert.ok(String(said[0]).startsWith("ERR_WORKER"), String(said[0]));
});

test("a new process inherits: what its parent may not, it may not", async () => {
  const said = await says(`
    const scratch = fs.mkdtempSync(TEMPORARY);
    new SafetyContext()
      .enable(new ForkAndExec())
      .enable(SystemIO.nothing().allowOpenReadonly().allowRead().allowWrite().allowMetadata().allowClose().allowIoctl())
      .enable(Networking.nothing().allowRunningUnixClients())
      .enable(new BasicCapabilities())
      .enable({ name: "LoadingPrograms", simpleRules: () => ["arch_prctl", "prlimit64", "set_tid_address", "mmap", "readlink", "getuid", "geteuid", "getgid", "getegid", "getppid", "setsid", "prctl", "uname"] })
      .applyToAllThreads();
    const touch = spawnSync("/usr/bin/touch", [scratch + "/new"], { encoding: "utf8" });
    say([touch.status, /not permitted/.test(touch.stderr)]);
    const cat = spawnSync("/bin/cat", ["/etc/hostname"], { encoding: "utf8" });
    say([cat.status, cat.stdout.length > 0]);
    say(fs.existsSync(scratch + "/new"));`);
  assert.deepEqual(said, [[1, true], [0, true], false]);
});

test("no process starts without ForkAndExec", async () => {
  const said = await says(`
    new SafetyContext().enable(stdio()).applyToAllThreads();
    say(attempt(() => execFileSync("/bin/true")));
    say(namedCall("execve", null, null, null));`);
  assert.deepEqual(said, ["EPERM", -1]);
});

test("sleep is refused in a bare context, and allowed when said so", async () => {
  const SLEEP = `
    const nap = new Uint8Array(16);
    nap[8] = 1;
    say([namedCall("nanosleep", nap, null), namedCall("clock_nanosleep", 1, 0, nap, null)]);
    namedCall("exit_group", 0);`;
  assert.deepEqual(await says(`SafetyContext.bare().enable(stdio()).applyToCurrentThread(); ${SLEEP}`), [[-1, -1]]);
  const awake = `SafetyContext.bare().enable(stdio()).enable(Threads.nothing().allowSleep().yesReally()).applyToCurrentThread();`;
  assert.deepEqual(await says(`${awake} ${SLEEP}`), [[0, 0]]);
});

test("clocks are read where they may be, pipes made where they may be", async () => {
  const TRY = `
    say([namedCall("clock_gettime", 0, new Uint8Array(16)), namedCall("pipe2", new Uint8Array(8), 0)]);
    namedCall("exit_group", 0);`;
  assert.deepEqual(await says(`SafetyContext.bare().enable(stdio()).applyToCurrentThread(); ${TRY}`), [[-1, -1]]);
  const allowed = `SafetyContext.bare().enable(stdio()).enable(Time.nothing().allowGettime()).enable(new Pipes()).applyToCurrentThread();`;
  assert.deepEqual(await says(`${allowed} ${TRY}`), [[0, 0]]);
});
