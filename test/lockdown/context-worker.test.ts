/** Functions behind a lock of their own: context.run, and Workers with different contexts and a channel between them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  arg,
  LandlockPortRule,
  LandlockRule,
  LockdownError,
  LockedWorker,
  NodeRuntime,
  SafetyContext,
  SeccompRule,
  SystemIO,
} from "linden/lockdown";
import { says } from "./locked.ts";

/** A module in a file of its own, as a program would have it. */
const MODULE = `
const modules = fs.mkdtempSync(TEMPORARY);
const module = (name: string, text: string) => {
  fs.writeFileSync(modules + "/" + name, text);
  return new URL("file://" + modules + "/" + name);
};
`;

test("a function runs behind its context, its result comes back, and everybody else stays free", async () => {
  const said = await says(`
    const context = new SafetyContext().enable("uname");
    const work = async (a: number, b: { deep: bigint }) => {
      const fs = await import("node:fs");
      const net = await import("node:net");
      const tried: unknown[] = [];
      const attempt = (work: () => unknown) => {
        try { work(); tried.push("done"); } catch (error) { tried.push((error as { code: string }).code); }
      };
      attempt(() => fs.openSync("/etc/passwd"));
      attempt(() => fs.writeSync(1, "x"));
      await new Promise((resolve) => net.connect(1, "127.0.0.1").on("error", (error) => resolve(tried.push((error as { code?: string }).code))));
      return { sum: a + Number(b.deep), tried };
    };
    say(await context.run(work, [2, { deep: 3n }]));
    say(await context.run(work, [3, { deep: 3n }]));
    say(attempt(() => fs.closeSync(fs.openSync("/etc/passwd"))));
    say(await attemptAsync(() => fs.promises.readFile("/etc/passwd", "utf8").then(() => "read")));
    say(/Seccomp_filters:\\t(\\d)/.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1]);
    say(new SafetyContext().enable(stdio()).applyToAllThreads().scope);`);
  const tried = ["EPERM", "EPERM", "EPERM"];
  assert.deepEqual(said, [{ sum: 5, tried }, { sum: 6, tried }, "done", "read", "1", "all threads"]);
});

test("a module is loaded before the lock; its function runs behind it; its errors come back as they were", async () => {
  const said = await says(`${MODULE}
    module("neighbour.mjs", "export const loaded = 'before the lock';");
    const job = module("job.ts", \`
      import * as fs from "node:fs";
      import { loaded } from "./neighbour.mjs";
      export const constant: string = "no function";
      export function size(path: string): number { return fs.readFileSync(path).length; }
      export const told = async (text: string) => text + ", " + loaded;
      export async function late() { return await import("./never.mjs"); }
      export function mine(): never { const error = new RangeError("mine"); throw Object.assign(error, { code: "E_MINE" }); }
      export function strange(): never { throw "a text"; }
    \`);
    const context = new SafetyContext().enable("uname");
    const run = async (name: string, ...args: unknown[]) => {
      try { return await context.run(job, name, args); }
      catch (error) { const { name, message, code } = error as Error & { code?: string }; return [name, message.slice(0, 60), code ?? ""]; }
    };
    say(await run("told", "loaded"));
    for (const name of ["size", "late", "mine", "strange", "constant", "toString"]) say(await run(name, "/etc/passwd"));`);
  assert.equal(said[0], "loaded, before the lock");
  assert.deepEqual(said[1], ["Error", "EPERM: operation not permitted, open '/etc/passwd'", "EPERM"]);
  assert.match(JSON.stringify(said[2]), /EPERM|ERR_MODULE_NOT_FOUND/);
  assert.deepEqual(said[3], ["RangeError", "mine", "E_MINE"]);
  assert.deepEqual(said[4], ["Error", "threw a text", ""]);
  const exported = "late, mine, size, strange, told";
  for (const [index, name] of [
    [5, "constant"],
    [6, "toString"],
  ] as const) {
    const text = `the module has no function "${name}"; it exports ${exported}`;
    assert.deepEqual(said[index], ["LockdownError", text.slice(0, 60), ""]);
  }
});

test("one Worker with files, one with the network, a channel between them, and neither has the other's power", async () => {
  const said = await says(`${MODULE}
    const ATTEMPTS = \`
      import * as fs from "node:fs";
      import * as net from "node:net";
      import { once } from "node:events";
      export const tryFile = (path) => {
        try { return fs.readFileSync(path, "utf8"); } catch (error) { return error.code; }
      };
      export const tryNet = async (port) => {
        try { const socket = net.connect(port, "127.0.0.1"); await once(socket, "connect"); socket.destroy(); return "connected"; }
        catch (error) { return error.code; }
      };
    \`;
    const filesModule = module("files.mjs", ATTEMPTS + \`
      export function serve(port) {
        port.on("message", (path) => port.postMessage(tryFile(path)));
        return "serving";
      }\`);
    const networkModule = module("network.mjs", ATTEMPTS + \`
      export async function forward(channel, port, path) {
        channel.postMessage(path);
        const [content] = await once(channel, "message");
        const socket = net.connect(port, "127.0.0.1");
        socket.end(content);
        const [answer] = await once(socket, "data");
        channel.close();
        return String(answer);
      }\`);
    const scratch = fs.realpathSync(modules);
    fs.writeFileSync(scratch + "/data", "from the file");
    fs.writeFileSync("/tmp/" + process.pid + ".other", "x");
    const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.once("data", (text) => socket.end("got " + text)));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as net.AddressInfo;
    const [files, network] = await lockdown.LockedWorker.start([
      { context: new SafetyContext().enable(SystemIO.nothing().allowReadPath(scratch)), module: filesModule, name: "files" },
      { context: new SafetyContext().enable(Networking.nothing().allowStartTcpClients()), module: networkModule, name: "network" },
    ]);
    if (files === undefined || network === undefined) throw new Error("no Workers");
    const { port1, port2 } = new MessageChannel();
    say(await files.call("serve", port1));
    say(await network.call("forward", port2, port, scratch + "/data"));
    say([await files.call("tryFile", scratch + "/data"), await files.call("tryFile", "/etc/passwd"), await files.call("tryNet", port)]);
    say([await network.call("tryFile", scratch + "/data"), await network.call("tryNet", port)]);
    say([files.report.ruleSets, files.report.landlock?.threads, network.report.ruleSets, network.report.landlock ?? null]);
    say(await attemptAsync(() => network.call("tryFile", { unclonable() {} })));
    await Promise.all([files.close(), network.close()]);
    say(await attemptAsync(() => files.call("tryFile", "/etc/passwd")));
    fs.unlinkSync("/tmp/" + process.pid + ".other");
    server.close();`);
  assert.deepEqual(said, [
    "serving",
    "got from the file",
    ["from the file", "EACCES", "EPERM"],
    ["EPERM", "connected"],
    [["SystemIO", "NodeRuntime"], "this thread", ["Networking", "NodeRuntime"], null],
    25,
    "WorkerFailed: files was closed",
  ]);
});

test("a Worker's lock says what it does not cover, and the hole is where it says", async () => {
  const said = await says(`${MODULE}
    const job = module("job.mjs", \`import * as fs from "node:fs";
      export const now = () => { try { fs.readFileSync("/etc/hostname"); return "read"; } catch (error) { return error.code; } };
      export const later = () => fs.promises.readFile("/etc/hostname").then(() => "read", (error) => error.code);\`);
    const [worker] = await lockdown.LockedWorker.start([{ context: new SafetyContext().enable("uname"), module: job }]);
    say([await worker?.call("now"), await worker?.call("later"), worker?.report.holes.length]);
    say(/libuv's pool/.test(worker?.report.holes[0] ?? ""));
    await worker?.close();`);
  assert.deepEqual(said, [["EPERM", "read", 1], true]);
});

test("a Worker that cannot load, lock or live says why; nothing of it goes on", async () => {
  const said = await says(`${MODULE}
    const { WorkerFailed } = lockdown;
    const text = async (work: Promise<unknown>) => { try { return await work; } catch (error) { return String(error).slice(0, 150) + ((error as lockdown.WorkerFailed).inForce ? " " + (error as lockdown.WorkerFailed).inForce?.steps : ""); } };
    const uname = () => new SafetyContext().enable("uname");
    say(await text(uname().run(new URL("file:///nowhere/job.ts"), "work")));
    say(await text(uname().run(module("broken.mjs", "throw new TypeError('at load')"), "work")));
    const missing = new SafetyContext().enable(SystemIO.nothing().allowReadPath("/nowhere/at/all"));
    say(await text(missing.run(() => 1)));
    say(await text(uname().run(() => process.exit(3))));
    say(await text(uname().run(() => { throw new Error("plain"); })));
    say(await text(uname().run(() => { queueMicrotask(() => { throw new Error("beside"); }); return new Promise(() => {}); })));
    const outer = 1;
    say(await text(uname().run(() => outer)));
    const [spinning] = await lockdown.LockedWorker.start([{ context: uname(), module: module("spin.mjs", "export const spin = () => { for (;;); }") }]);
    const spin = spinning?.call("spin");
    await spinning?.close();
    say(await text(Promise.resolve(spin)));
    say(fs.readdirSync("/proc/self/task").length < 12);`);
  assert.match(String(said[0]), /^WorkerFailed: locked Worker failed at loading its module: Error: Cannot find module/);
  assert.match(String(said[1]), /failed at loading its module: TypeError: at load/);
  assert.match(String(said[2]), /failed at locking itself: PathDoesNotExist: SystemIO: the path "\/nowhere\/at\/all"/);
  assert.match(String(said[3]), /^WorkerFailed: locked Worker of data:.* has ended/);
  assert.equal(said[4], "Error: plain");
  assert.match(String(said[5]), /^WorkerFailed: locked Worker failed: Error: beside/);
  assert.match(String(said[6]), /^ReferenceError: outer is not defined/);
  assert.match(String(said[7]), /^WorkerFailed: locked Worker was closed/);
  assert.equal(said[8], true);
});

test("without the boot hook no Worker is started", async () => {
  const said = await says(
    `const before = fs.readdirSync("/proc/self/task").length;
    say(await attemptAsync(() => new SafetyContext().enable("uname").run(() => 1)));
    say(fs.readdirSync("/proc/self/task").length - before);`,
    { plain: true },
  );
  assert.match(String(said[0]), /^RingsExist/);
  assert.equal(said[1], 0);
});

test("a context that travels as data is the same context: no option of it is lost", () => {
  const mine = {
    name: "Mine",
    simpleRules: () => ["uname"],
    reasons: () => new Map([["uname", "says the machine's name"]]),
    conditionalRules: () => [
      new SeccompRule("read").andCondition(arg(2).masked(0xf0n).ne(16)).because("some reads").orMore(),
    ],
    landlockRules: () => [
      new LandlockRule("/nowhere", ["readFile", "execute"]).ifPresent(),
      new LandlockPortRule(80, ["bindTcp"]),
    ],
  };
  const all = (context: SafetyContext) =>
    context
      .enable(mine)
      .enable(SystemIO.nothing().allowStdout())
      .withErrno("ENOSYS")
      .allowOlderLandlock(2)
      .landlockScope("signal")
      .withLimits({ core: 0, nofile: { soft: 5, hard: "unlimited" } })
      .dropCapabilities({ keep: ["CAP_CHOWN"] });
  for (const context of [
    all(new SafetyContext()),
    all(SafetyContext.bare()).withKill(),
    all(new SafetyContext().enable(new NodeRuntime().allowWorkers().yesReally())).withLog(),
    all(new SafetyContext().enable(new NodeRuntime())).landlockOnly(),
  ]) {
    const data = context.toData();
    const there = SafetyContext.fromData(structuredClone(data));
    assert.deepEqual(there.toData(), data);
    assert.deepEqual(
      there
        .policy()
        .rules.map((rule) => JSON.stringify(rule, words))
        .sort(),
      context
        .policy()
        .rules.map((rule) => JSON.stringify(rule, words))
        .sort(),
    );
    assert.deepEqual(there.policy().fallback, context.policy().fallback);
  }
});

const words = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);

test("wrong input of run is a typed error", async () => {
  const context = new SafetyContext().enable(SystemIO.nothing().allowStdout());
  const wrong: readonly [Promise<unknown>, RegExp][] = [
    [context.run(Math.max), /no text of its own/],
    [context.run((() => 1).bind(null)), /no text of its own/],
    [context.run({ method() {} }.method), /not a method or a class/],
    [context.run(class {} as unknown as () => 1), /not a method or a class/],
    [context.run("./job.ts", "work"), /the URL of a module.*got "\.\/job\.ts"/],
    [context.run(5 as unknown as string, "work"), /the URL of a module/],
    [context.run("/job.ts", 5 as unknown as string), /the name of what the module exports, got 5/],
    [context.run(5 as unknown as () => 1), /expected a function, or the URL of a module, got 5/],
    [context.run(() => 1, 5 as unknown as []), /arguments as an array/],
    [new SafetyContext().run(() => 1), /no rule set was enabled/],
  ];
  for (const [work, message] of wrong) await assert.rejects(work, message);
});

test("wrong plans of LockedWorker.start are typed errors", async () => {
  const wrong: readonly [plans: unknown, message: RegExp][] = [
    [undefined, /expected a list of plans/],
    [{ context: new SafetyContext(), module: "/job.ts" }, /expected a list of plans/],
    [[undefined], /plans\[0\]\.context: expected a SafetyContext/],
    [[{ module: "/job.ts" }], /plans\[0\]\.context: expected a SafetyContext/],
    [[{ context: new SafetyContext(), module: "./job.ts" }], /the URL of a module.*got "\.\/job\.ts"/],
  ];
  for (const [plans, message] of wrong) {
    await assert.rejects(
      LockedWorker.start(plans as never),
      (error) => error instanceof LockdownError && message.test(error.message),
    );
  }
});
