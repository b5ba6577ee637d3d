/** The command as people run it: real locked cells. dist/ must be built (./linden test does that). */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compiled } from "../../src/cli/code-cache.ts";
import { longEnough, until } from "../processor-time.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.cjs", import.meta.url));
const NODE = ["--disable-warning=ExperimentalWarning", CLI];
const home = mkdtempSync(join(tmpdir(), "linden-e2e-"));
after(() => rmSync(home, { recursive: true, force: true }));

function linden(args: readonly string[], input = "", env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...NODE, ...args], {
    input,
    encoding: "utf8",
    timeout: 120_000,
    maxBuffer: 100_000_000,
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill("SIGKILL");
});

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [...NODE, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  started.push(child);
  return child;
}

const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));

test("README's first command", () => {
  const { status, stdout, stderr } = linden(["run", "python", "-c", "print(sum(range(10)))"]);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "45\n", stderr: "" });
});

test("is a program by itself, also through a link, and V8 takes its bundles' code caches", () => {
  const link = join(home, "a link");
  symlinkSync(CLI, link);
  const { status, stdout, stderr } = spawnSync(link, ["version"], {
    encoding: "utf8",
    env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^linden \d/);
  for (const bundle of ["cli", "commands"]) {
    assert.equal(compiled(CLI.replace("cli.cjs", `${bundle}.bundle.cjs`)).cachedDataRejected, false, bundle);
  }
});

test("output and error that go to one file keep their order", () => {
  const lines = "import os\nfor i in range(300): os.write(1 + i % 2, b'%d\\n' % i)";
  const script = `"$@" run python -c "${lines}" 2>&1`;
  const { stdout } = spawnSync("sh", ["-c", script, "sh", process.execPath, ...NODE], { encoding: "utf8" });
  assert.equal(stdout, Array.from({ length: 300 }, (_, i) => `${i}\n`).join(""));
});

test("a guest sees whether output and error are one file, as a native program does", () => {
  const code = "import os; a, b = os.fstat(1), os.fstat(2); print((a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))";
  const seen = (program: readonly string[], where: string) =>
    spawnSync("sh", ["-c", `"$@" -c "${code}" ${where}`, "sh", ...program], { encoding: "utf8" }).stdout;
  for (const where of ["2>&1", "2>/dev/null", "2>&1 | cat", "| cat"]) {
    const expected = seen(["python3"], where);
    assert.match(expected, /^(True|False)\n$/);
    assert.equal(seen([process.execPath, ...NODE, "run", "python"], where), expected, where);
  }
});

test("the guest's status, input, arguments and environment", () => {
  const code = "import os,sys; print(sys.argv[1:], input(), os.environ['A'], os.getcwd()); sys.exit(7)";
  const { status, stdout } = linden(["run", "-e", "A=ü", "-w", "/tmp", "python", "-c", code, "-x", "y"], "in\n");
  assert.equal(stdout, "['-x', 'y'] in ü /tmp\n");
  assert.equal(status, 7);
});

test("a timeout is 124 in time, with everything written before it", async () => {
  const code = "print('x'*300000, flush=True)\nwhile True: pass";
  const run = async (ms: number) => {
    const child = start(["run", "--timeout", `${ms}ms`, "python", "-c", code]);
    assert.ok(child.stdout && child.stderr);
    const said = Promise.all([text(child.stdout), text(child.stderr)]);
    await until(() => child.exitCode !== null || child.signalCode !== null, ms + 3000, "an end");
    assert.equal(child.exitCode, 124);
    return said;
  };
  const [stdout, stderr] = await longEnough(run, ([written]) => written.endsWith("\n"), 2000);
  assert.equal(stdout.length, 300_001);
  assert.match(stderr, /its time was over/);
});

test("126 and 127 and 125", () => {
  const text = join(home, "text.wasm");
  writeFileSync(text, "not wasm");
  const broken = join(home, "broken.wasm");
  writeFileSync(broken, Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 99, 1, 1]));
  assert.equal(linden(["run", text]).status, 126);
  assert.equal(linden(["run", broken]).status, 126);
  assert.equal(linden(["run", join(home, "none.wasm")]).status, 127);
  assert.equal(linden(["run", "none"]).status, 127);
  for (const wrong of [
    ["run"],
    ["run", "--frob", "x"],
    ["frob"],
    ["run", "-m", "lots", "python"],
    ["run", "--network", "host", "python"],
    [],
  ]) {
    const { status, stderr, stdout } = linden(wrong);
    assert.equal(status, 125, wrong.join(" "));
    assert.equal(stdout, "");
    assert.notEqual(stderr, "");
  }
});

test("a trap is what a native program would die of, and named", () => {
  // (module (memory (export "memory") 1) (func (export "_start") unreachable))
  const wasm = "AGFzbQEAAAABBAFgAAADAgEABQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAAKBQEDAAAL";
  const trap = join(home, "trap.wasm");
  writeFileSync(trap, Buffer.from(wasm, "base64"));
  const { status, stderr } = linden(["run", trap]);
  assert.equal(status, 134);
  assert.match(stderr, /SIGABRT.*unreachable/);
});

test("Linden's own words hold nothing raw from outside", () => {
  const { stderr } = linden(["run", "evil\x1b[2Jname"]);
  assert.ok(!stderr.includes("\x1b"));
  assert.match(stderr, /evil\\x1b\[2Jname/);
});

test("help is everywhere, on standard output", () => {
  for (const args of [
    ["--help"],
    ["help"],
    ["run", "--help"],
    ["help", "run"],
    ["guests", "--help"],
    ["doctor", "-h"],
    ["explain", "--help"],
  ]) {
    const { status, stdout, stderr } = linden(args);
    assert.equal(status, 0, args.join(" "));
    assert.match(stdout, /Usage: linden/);
    assert.equal(stderr, "");
  }
  assert.match(linden(["--version"]).stdout, /^linden \d+\.\d+\.\d+/);
});

test("guests, explain and doctor speak JSON", () => {
  const guests = JSON.parse(linden(["guests", "--json"]).stdout).guests.map(({ name }: { name: string }) => name);
  assert.ok(guests.includes("python") && guests.includes("ruby"));
  const { syscalls } = JSON.parse(linden(["explain", "--json"]).stdout);
  assert.ok(syscalls.length > 10);
  for (const { syscall, why } of syscalls) assert.ok(/^[a-z0-9_]+$/.test(syscall) && why.length > 5);
  assert.ok(JSON.parse(linden(["explain", "--json", "file-server"]).stdout).syscalls.length > 10);
  const { status, stdout } = linden(["doctor", "--json"]);
  assert.equal(status, 0);
  assert.equal(JSON.parse(stdout).good, true);
});

test("--stats says where the time went, on standard error", () => {
  const { stdout, stderr } = linden(["run", "--stats", "python", "-c", "print(1)"]);
  assert.equal(stdout, "1\n");
  assert.match(stderr, /wall [\d.]+ ms, cpu [\d.]+ ms, \d+ calls, peak memory [\d.]+ MiB/);
});

test("without the lock only by name, and with a warning", () => {
  const { status, stdout, stderr } = linden(["run", "--unsafe-no-lock", "python", "-c", "print(1)"]);
  assert.equal(status, 0);
  assert.equal(stdout, "1\n");
  assert.match(stderr, /warning: the lock is off/);
});

test("a policy file", () => {
  const data = join(home, "data");
  mkdirSync(data);
  writeFileSync(join(data, "in.txt"), "policy");
  const policy = join(home, "policy.json");
  writeFileSync(
    policy,
    JSON.stringify({ mounts: { "/d": { host: "data", readOnly: true } }, cwd: "/d", env: { A: "1" } }),
  );
  const { stdout, stderr } = linden(["run", "--policy", policy, "python", "-c", "print(open('in.txt').read())"]);
  assert.equal(stdout, "policy\n", stderr);
  writeFileSync(policy, JSON.stringify({ limit: {} }));
  assert.match(linden(["run", "--policy", policy, "python"]).stderr, /limit: expected one of mounts/);
});

test("output that nobody reads ends the guest as SIGPIPE does", { timeout: 120_000 }, async () => {
  const child = start(["run", "python", "-c", "while True: print('y'*100)"]);
  child.stdout?.once("data", () => child.stdout?.destroy());
  assert.equal(await ended(child), 141);
});

test("a slow reader holds the guest back instead of filling memory", { timeout: 120_000 }, async () => {
  const child = start(["run", "python", "-c", "import sys\nfor i in range(300): sys.stdout.write('z'*100000)"]);
  await new Promise((resolve) => child.stdout?.once("readable", resolve));
  await sleep(1500);
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);
  assert.ok(peak < 200_000, `${peak} kB`);
  let length = 0;
  child.stdout?.on("data", (chunk: Buffer) => {
    length += chunk.length;
  });
  // Not when it has ended: what it wrote last is read behind that.
  await new Promise((resolve) => child.once("close", resolve));
  assert.equal(child.exitCode, 0);
  assert.equal(length, 30_000_000);
});

test("Ctrl-C reaches the guest, waiting or spinning", { timeout: 120_000 }, async () => {
  for (const code of ["print('up', flush=True); input()", "print('up', flush=True)\nwhile True: pass"]) {
    const child = start(["run", "python", "-c", code]);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    await until(() => child.exitCode !== null || child.signalCode !== null, 2000, "an end");
    assert.equal(child.exitCode, 130);
  }
});

test("killed outright, it leaves no process behind after a second", { timeout: 120_000 }, async () => {
  const child = start(["run", "python", "-c", "print('up', flush=True)\nwhile True: pass"]);
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  const cells = descendants(child.pid ?? 0);
  assert.ok(cells.length > 0);
  child.kill("SIGKILL");
  await ended(child);
  await until(() => !cells.some(isAlive), 1000, "an end of its cells");
});

function descendants(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("-w makes the directory where it is missing, and says where it cannot", () => {
  const there = linden(["run", "-w", "/work/sub", "python", "-c", "import os; print(os.getcwd())"]);
  assert.equal(there.stdout, "/work/sub\n");
  const readOnly = linden(["run", "--read-only", "-w", "/work/sub", "python", "-c", "print(1)"]);
  assert.equal(readOnly.status, 125);
  assert.match(readOnly.stderr, /cwd: .*Read-only file system/);
});

/** The tasks of a process by name, and whether a filter is on them. */
function tasks(pid: number): { readonly name: string; readonly filtered: boolean }[] {
  return readdirSync(`/proc/${pid}/task`).map((task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, "latin1");
    return { name: /Name:\t(.*)/.exec(status)?.[1] ?? "", filtered: status.includes("Seccomp:\t2") };
  });
}

test("the thread that launches is locked, and no other one of the command", async () => {
  const before = tasks(process.pid).some(({ filtered }) => filtered);
  const child = start(["run", "python", "-c", "print('up', flush=True); input()"]);
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  const found = tasks(child.pid ?? 0);
  const locked = found.filter(({ filtered }) => filtered).map(({ name }) => name);
  if (!before) assert.deepEqual(locked, ["node-MainThread"]);
  assert.ok(found.length > 6, `${found.map(({ name }) => name)}`);
  child.stdin?.end("\n");
  assert.equal(await ended(child), 0);
});

test("a pipe of the caller is left as it is", () => {
  const script = `"$0" --disable-warning=ExperimentalWarning "$1" run python -c 'print("a" * 200000)'; cat /proc/self/fdinfo/1`;
  const { stdout } = spawnSync("sh", ["-c", script, process.execPath, CLI], { encoding: "utf8", timeout: 120_000 });
  const flags = Number.parseInt(/flags:\t(\d+)/.exec(stdout.slice(200_000))?.[1] ?? "0", 8);
  assert.equal(stdout.lastIndexOf("a"), 199_999 + stdout.slice(200_000).lastIndexOf("a") + 1);
  assert.equal(flags & 0o4000, 0, "O_NONBLOCK");
});
