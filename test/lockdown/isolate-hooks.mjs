/** The program of the isolates that isolate.test.ts starts: a hook for each thing that is attempted inside. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import { namedCall } from "./calls.js";
import { Isolate, LandlockRule, SafetyContext, SystemIO, Threads } from "./lockdown.js";

const say = (value) => console.log(JSON.stringify(value));
const attempt = (work) => {
  try {
    return work() ?? "done";
  } catch (error) {
    return error.code ?? String(error);
  }
};
const status = (names) =>
  names.map((name) => new RegExp(`^${name}:\t(.*)$`, "m").exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1]);
const stdio = () => SystemIO.nothing().allowStdout().allowStderr();
const bytes = (text) => Buffer.from(`${text}\0`);

await Isolate.mainHook("hello", () => console.log("hello"));
await Isolate.mainHook("panic", () => {
  throw new RangeError("a wild panic appears");
});
await Isolate.mainHook("who", () => {
  say([process.getuid(), process.getgid(), process.pid < 10, process.cwd(), os.hostname()]);
  say(status(["CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters"]));
  say([fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length]);
});
await Isolate.mainHook("env", () => {
  process.exitCode = 7;
  say(process.env);
});
await Isolate.mainHook("mounts", () => {
  say(
    fs
      .readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => [line.split(" ")[4], line.split(" ")[5].split(",")[0]]),
  );
  say([
    attempt(() => fs.readdirSync("/etc")),
    attempt(() => fs.readdirSync("/tmp")),
    attempt(() => fs.readFileSync("/etc/passwd")),
  ]);
  say(fs.readdirSync("/"));
});
await Isolate.mainHook("binds", () => {
  for (const path of ["/one/new", "/deep/er/two/new", "/shut/new", "/memory/new", "/file", "/shut/link"]) {
    say([path, attempt(() => fs.writeFileSync(path, `written to ${path}`))]);
  }
  say([fs.readFileSync("/one/there", "utf8"), fs.readFileSync("/shut/there", "utf8")]);
});
await Isolate.mainHook("fill", () => {
  for (const path of ["/test", "/tmp-of-its-own/test", "/dev/test", "/dev/shm/test"]) {
    say([path, attempt(() => fs.writeFileSync(path, Buffer.alloc(1_500_000, 1)))]);
  }
  throw new Error("large file failed");
});
await Isolate.mainHook("unix", async () => {
  const socket = net.connect("/isolate.sock");
  socket.end("hello from isolate");
  await once(socket, "close");
});
await Isolate.mainHook("connect", async () => {
  const socket = net.connect(Number(process.env.PORT), "127.0.0.1");
  try {
    await once(socket, "connect");
    say("connected");
  } catch (error) {
    say(error.code);
  }
  say(Object.keys(os.networkInterfaces()));
  socket.destroy();
});
await Isolate.mainHook("context inside", () => {
  const report = new SafetyContext().enable(stdio()).applyToAllThreads();
  console.log("we can print to stdout");
  console.error("we can print to stderr");
  say([report.scope, attempt(() => fs.writeFileSync("/test", "x")), attempt(() => execFileSync("/bin/true"))]);
});
await Isolate.mainHook("rules", async () => {
  say([attempt(() => fs.readFileSync("/one/there", "utf8")), attempt(() => fs.writeFileSync("/test", "x"))]);
  say(await fs.promises.readFile("/one/there", "utf8").catch((error) => error.code));
  say([namedCall("getpgrp"), process.env.LINDEN_ISOLATE ?? null, process.env.LINDEN_LOCKDOWN_STAGE ?? null]);
});
await Isolate.mainHook("power", () => {
  const mount = (type, at) => namedCall("mount", bytes(type), bytes(at), bytes(type), 0, null);
  fs.mkdirSync("/mine");
  say([mount("tmpfs", "/mine"), namedCall("sethostname", bytes("other"), 5)]);
});
await Isolate.mainHook("whole host", () => {
  const unshare = spawnSync("/usr/bin/unshare", ["--user", "/bin/true"], { encoding: "utf8" });
  say([unshare.status, /unshare failed/.test(unshare.stderr), spawnSync("/bin/true").status]);
  say([fs.existsSync("/etc/passwd"), attempt(() => fs.writeFileSync("/linden-isolate", "x"))]);
  say(fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length < 5);
});
await Isolate.mainHook("echo", () => console.log(fs.readFileSync(0, "utf8").toUpperCase()));
await Isolate.mainHook("flood", () => {
  const line = Buffer.alloc(65536, "x");
  for (;;) fs.writeSync(1, line);
});
await Isolate.mainHook("spin", async () => {
  // A child of its own, which must not outlive it.
  spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
  console.log("spinning");
  for (;;);
});
await Isolate.mainHook("killed", () => process.kill(process.pid, "SIGKILL"));
await Isolate.mainHook("nested", async () => {
  try {
    await Isolate.run("hello");
  } catch (error) {
    say(String(error));
  }
});
await Isolate.mainHook("escape", () => {
  // What of the caller could be reached from here: its processes, descriptors, memory segments, root.
  const outer = Number(process.env.OUTER);
  const switches = ["kernel/core_pattern", "vm/overcommit_memory", "net/ipv4/ip_forward"].map(
    (name) => `/proc/sys/${name}`,
  );
  for (const path of [...switches, "/proc/self/oom_score_adj", "/dev/shm/new"]) {
    say([path, attempt(() => fs.closeSync(fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT)))]);
  }
  const KEYCTL_GET_KEYRING_ID = 0;
  say([namedCall("keyctl", KEYCTL_GET_KEYRING_ID, -3, 0), namedCall("io_uring_setup", 8, Buffer.alloc(120))]);
  say([
    attempt(() => process.kill(outer, 0)),
    attempt(() => fs.readdirSync(`/proc/${outer}`).length),
    attempt(() => fs.readdirSync("/proc/1/root").includes("root")),
    attempt(() => fs.readdirSync("/../../..").includes("root")),
    fs.readdirSync("/proc/self/fd").filter((fd) => /^(0|1|2)$/.test(fd)).length,
    fs
      .readdirSync("/proc/self/fd")
      .map((fd) => attempt(() => fs.readlinkSync(`/proc/self/fd/${fd}`)))
      .filter(
        (target) => String(target).startsWith("/") && target !== "/dev/null" && !String(target).startsWith("/proc/"),
      ),
    attempt(() => fs.readdirSync("/proc/sysvipc").length > 0),
    fs.readFileSync("/proc/sysvipc/shm", "utf8").trim().split("\n").length,
  ]);
});
void LandlockRule;
void Threads;
