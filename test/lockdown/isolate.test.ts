/** Isolates: what extrasafe's own suite asserts of them, and what an attacker or a mistake would try. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  Isolate,
  IsolateFailed,
  type IsolateOptions,
  IsolateUnavailable,
  PathDoesNotExist,
  SafetyContext,
  SystemIO,
} from "linden/lockdown";
import { longEnough, until } from "../processor-time.ts";
import { library } from "./locked.ts";

const bwrap = spawnSync("bwrap", ["--version"]).status === 0;
assert.ok(bwrap, "bwrap is missing: apt install bubblewrap");

let scratch = "";
async function hooks(): Promise<string> {
  const directory = await library();
  const file = join(directory, "hooks.mjs");
  if (!existsSync(file)) copyFileSync(new URL("isolate-hooks.mjs", import.meta.url), file);
  scratch = mkdtempSync(join(directory, "isolate-"));
  for (const name of ["one", "two", "shut"]) {
    mkdirSync(join(scratch, name));
    writeFileSync(join(scratch, name, "there"), name);
  }
  symlinkSync("/file", join(scratch, "shut/link"));
  writeFileSync(join(scratch, "file"), "a file");
  return file;
}

async function run(name: string, options: IsolateOptions = {}) {
  const entry = await hooks();
  const result = await Isolate.run(name, { entry, execArgv: ["--disable-warning=ExperimentalWarning"], ...options });
  const [stdout, stderr] = [String(result.stdout), String(result.stderr)];
  return { ...result, stdout, stderr };
}

/** What it said line by line; it must end well. */
async function says(name: string, options?: IsolateOptions, expected = 0): Promise<readonly unknown[]> {
  const { status, stdout, stderr } = await run(name, options);
  assert.equal(status, expected, stderr);
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("[") || line.startsWith("{") || line.startsWith('"'))
    .map((line): unknown => JSON.parse(line));
}

test("its output and end come back; nothing is left in the temporary directory", async () => {
  const before = readdirSync("/tmp").sort();
  const hello = await run("hello");
  assert.deepEqual([hello.status, hello.signal, hello.stdout, hello.stderr], [0, null, "hello\n", ""]);
  assert.deepEqual(
    readdirSync("/tmp").filter((name) => !before.includes(name) && name.includes("isolate")),
    [],
  );
  const panic = await run("panic");
  assert.equal(panic.status, 1);
  assert.match(panic.stderr, /RangeError: a wild panic appears\n\s+at /);
  const killed = await run("killed");
  assert.deepEqual([killed.status, killed.timedOut], [137, false]);
});

test("it is root inside, without any capability, in processes of its own; another user where asked", async () => {
  const none = "0000000000000000";
  assert.deepEqual(await says("who"), [[0, 0, true, "/", "isolate"], [none, none, none, none, "1", "2", "1"], [2]]);
  const [who] = await says("who", { uid: 1234, gid: 4321 });
  assert.deepEqual(who, [1234, 4321, true, "/", "isolate"]);
});

test("its environment is what was given, and its exit status the function's", async () => {
  process.env.SECRET_OF_CALLER = "secret";
  assert.deepEqual(await says("env", {}, 7), [{}]);
  assert.deepEqual(await says("env", { env: { A: "b=c\nd", PWD: "/x" } }, 7), [{ A: "b=c\nd", PWD: "/" }]);
});

test("it sees a root of its own, a fresh /proc, and nothing of the host but what is listed", async () => {
  const entry = await hooks();
  const { stdout, inForce } = await run("mounts");
  const [mounts, tried, root] = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const points = new Map<string, string>(mounts);
  assert.equal(points.get("/"), "rw");
  assert.ok(points.has("/proc") && points.get("/dev") === "ro");
  const ours = [...points.keys()].filter((at) => at !== "/" && !/^\/(proc|dev)(\/|$)/.test(at));
  assert.deepEqual(ours.sort(), [...inForce.added].sort());
  for (const at of ours) assert.equal(points.get(at), "ro", at);
  assert.ok(ours.some((at) => entry.startsWith(at)));
  assert.deepEqual(tried[0], ["ld.so.cache"]);
  assert.deepEqual(tried[2], "ENOENT");
  const expected = [
    ...new Set([...inForce.added, "/dev", "/proc", "/lib", "/lib64"].map((path) => path.split("/")[1])),
  ];
  assert.deepEqual(root.sort(), expected.filter((name) => existsSync(`/${name}`)).sort());
});

test("directories, files and memory are mounted where asked: to be written, or only read", async () => {
  await hooks();
  const at = scratch;
  const said = await says("binds", {
    mounts: {
      "/one": join(at, "one"),
      "/deep/er/two": { host: join(at, "two") },
      "/shut": { host: join(at, "shut"), readOnly: true },
      "/file": join(at, "file"),
      "/memory": { tmpfs: "1m" },
    },
  });
  assert.deepEqual(said, [
    ["/one/new", "done"],
    ["/deep/er/two/new", "done"],
    ["/shut/new", "EROFS"],
    ["/memory/new", "done"],
    ["/file", "done"],
    ["/shut/link", "done"],
    ["one", "shut"],
  ]);
  assert.equal(readFileSync(join(at, "one/new"), "utf8"), "written to /one/new");
  assert.equal(readFileSync(join(at, "two/new"), "utf8"), "written to /deep/er/two/new");
  // The link led to /file inside, not to the host's.
  assert.equal(readFileSync(join(at, "file"), "utf8"), "written to /shut/link");
  assert.ok(!existsSync("/file") && !existsSync("/memory"));
});

test("its own root holds as much as it may", async () => {
  const options = { tmpfsSize: "1m", mounts: { "/tmp-of-its-own": { tmpfs: 2_000_000 } } };
  const { status, stdout, stderr } = await run("fill", options);
  assert.equal(status, 1);
  assert.match(stderr, /large file failed/);
  assert.deepEqual(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
    [
      ["/test", "ENOSPC"],
      ["/tmp-of-its-own/test", "done"],
      ["/dev/test", "EROFS"],
      ["/dev/shm/test", "EROFS"],
    ],
  );
  const roomy = await run("fill", { tmpfsSize: 3 * 1024 * 1024 });
  assert.match(roomy.stdout, /\["\/test","done"\]/);
});

test("a Unix socket of the caller's reaches in", async () => {
  await hooks();
  const path = join(scratch, "parent.sock");
  const server = createServer();
  await once(server.listen(path), "listening");
  const heard = once(server, "connection").then(async ([socket]) => String((await once(socket, "data"))[0]));
  const { status, stderr } = await run("unix", { mounts: { "/isolate.sock": path } });
  assert.equal(status, 0, stderr);
  assert.equal(await heard, "hello from isolate");
  server.close();
});

test("no network, or the host's", async () => {
  const server = createServer((socket) => socket.end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const env = { PORT: String((server.address() as AddressInfo).port) };
  const [alone] = await says("connect", { env });
  assert.ok(alone === "ECONNREFUSED" || alone === "ENETUNREACH", String(alone));
  const shared = await run("connect", { env, network: "host" });
  assert.match(shared.stdout, /"connected"/);
  assert.deepEqual(shared.inForce.namespaces, ["user", "mnt", "pid", "ipc", "uts"]);
  server.close();
});

test("a SafetyContext locks all threads inside it", async () => {
  const { status, stdout, stderr } = await run("context inside");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^we can print to stdout\n\["all threads","EPERM","EPERM"\]\n$/);
  assert.match(stderr, /we can print to stderr/);
});

test("rules hold before the function runs, on all threads, by file too", async () => {
  await hooks();
  const mounts = { "/one": { host: join(scratch, "one"), readOnly: true } };
  const calls = [SystemIO.nothing().allowStdout().allowStderr()];
  assert.deepEqual(await says("rules", { mounts, rules: calls }), [["EPERM", "EPERM"], "EPERM", [-1, null, null]]);
  const files = new SafetyContext().enable(SystemIO.nothing().allowReadPath("/one").allowWrite()).withErrno("ENOSYS");
  const { status, stdout, stderr, inForce } = await run("rules", { mounts, rules: files });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '["one","EACCES"]\n"one"\n[-38,null,null]\n');
  assert.deepEqual(inForce.ruleSets, ["SystemIO"]);
});

test("rules that cannot be put in force keep the function from running", async () => {
  const { status, stdout, stderr } = await run("hello", {
    rules: [SystemIO.nothing().allowStdout().allowStderr().allowReadPath("/nowhere/inside")],
  });
  assert.deepEqual([status, stdout], [125, ""]);
  assert.match(stderr, /PathDoesNotExist.*\/nowhere\/inside/);
});

test("capabilities over its own namespaces, where asked", async () => {
  assert.deepEqual(await says("power"), [[-1, -1]]);
  if (process.getuid?.() !== 0) {
    assert.deepEqual(await says("power", { capabilities: ["CAP_SYS_ADMIN"] }), [[0, 0]]);
    return;
  }
  // The machine's root inside could open /proc/sys again.
  await assert.rejects(run("power", { capabilities: ["CAP_SYS_ADMIN"] }), /an ordinary user as the caller/);
  const { stdout, stderr } = await asNobody("power", { capabilities: ["CAP_SYS_ADMIN"] });
  assert.equal(stdout, "[0,0]\n", stderr);
});

test("the whole host may be mounted; its processes are not there, and nobody makes a user namespace inside", async () => {
  const { status, stdout, stderr } = await run("whole host", { mounts: { "/": { host: "/", readOnly: true } } });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '[1,true,0]\n[true,"EROFS"]\ntrue\n');
});

test("nothing of its caller is in reach: processes, descriptors, memory, root", async () => {
  const said = await says("escape", { env: { OUTER: String(process.pid) } });
  assert.deepEqual(new Set(said.slice(0, 5).map((tried) => (tried as string[])[1])), new Set(["EROFS"]));
  assert.deepEqual(said[5], [-1, -38]);
  assert.deepEqual(said[6], ["ESRCH", "ENOENT", false, false, 3, [], true, 1]);
});

test("input, a time limit, and an end to its output", async () => {
  const echo = await run("echo", { input: "to be read" });
  assert.equal(echo.stdout, "TO BE READ\n");
  const spin = await longEnough(
    (timeout) => run("spin", { timeout }),
    ({ stdout }) => stdout !== "",
    2000,
  );
  assert.deepEqual([spin.status, spin.timedOut, spin.stdout], [null, true, "spinning\n"]);
  const isLeft = (pid: string): boolean => {
    try {
      return (
        /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("setInterval(() => {}, 1000)")
      );
    } catch {
      return false;
    }
  };
  await until(() => !readdirSync("/proc").some(isLeft), 1000, "an end of what was in it");
  const flood = await run("flood", { outputBytes: 100_000 });
  assert.deepEqual([flood.status, flood.outputExceeded, flood.stdout.length], [null, true, 100_000]);
});

test("a program without the hook, an isolate in an isolate, a forged mark", async () => {
  const missing = await run("no such hook");
  assert.equal(missing.status, 125);
  assert.match(missing.stderr, /has not met its Isolate\.mainHook\("no such hook", …\)/);
  await assert.rejects(
    Isolate.mainHook("no function", undefined as never),
    /mainHook\("no function"\): expected a function/,
  );
  const [nested] = await says("nested");
  assert.equal(nested, "IsolateFailed: an isolate cannot start isolates of its own");
  const { serialize } = await import("node:v8");
  for (const outside of [
    [],
    [
      ["user", "user:[1]"],
      ["net", await import("node:fs").then((fs) => fs.readlinkSync("/proc/self/ns/net"))],
    ],
  ]) {
    const mark = serialize({ name: "hello", outside, context: undefined, variables: [] }).toString("base64url");
    const forged = spawnSync(process.execPath, [await hooks()], { env: { LINDEN_ISOLATE: mark }, encoding: "utf8" });
    assert.deepEqual([forged.status, forged.stdout], [125, ""]);
    assert.match(forged.stderr, /this process is no isolate: it shares (everything|net) with its caller/);
  }
  const garbage = spawnSync(process.execPath, [await hooks()], {
    env: { LINDEN_ISOLATE: "garbage" },
    encoding: "utf8",
  });
  assert.match(garbage.stderr, /LINDEN_ISOLATE is in the environment and is not Linden's/);
});

test("wrong options are typed errors that name them, and nothing is started", async () => {
  const entry = await hooks();
  const wrong: readonly [object, RegExp][] = [
    [{ mount: {} }, /mount: expected one of mounts, network/],
    [{ mounts: { data: "/tmp" } }, /mounts\["data"\]: expected an absolute path/],
    [{ mounts: { "/a/../b": "/tmp" } }, /mounts\["\/a\/\.\.\/b"\]: .*without \. and \.\./],
    [{ mounts: { "/proc/self": "/tmp" } }, /outside \/proc/],
    [{ mounts: { "/": "/tmp" } }, /a path below \//],
    [{ mounts: { "/": { tmpfs: "1m" } } }, /tmpfsSize for the root/],
    [{ mounts: { "/a": 5 } }, /mounts\["\/a"\]: expected a path of the host/],
    [{ mounts: { "/a": { host: "/tmp", tmpfs: 5 } } }, /\{ host \} or \{ tmpfs \}/],
    [{ mounts: { "/a": { host: "/tmp", readonly: true } } }, /expected host, readOnly or tmpfs, got "readonly"/],
    [{ mounts: { "/a": { host: "/tmp", readOnly: 1 } } }, /readOnly: expected true or false/],
    [{ network: "bridge" }, /network: expected "none" or "host", got "bridge"/],
    [{ tmpfsSize: "much" }, /tmpfsSize: expected bytes of at least 1.*got "much"/],
    [{ tmpfsSize: 0 }, /tmpfsSize/],
    [{ env: { "A=B": "c" } }, /env: expected names without "="/],
    [{ env: { A: 5 } }, /env\.A: expected a text/],
    [{ env: { LINDEN_ISOLATE: "x" } }, /not LINDEN_ISOLATE/],
    [{ uid: -1 }, /uid: expected a whole number/],
    [{ gid: 1.5 }, /gid: expected a whole number/],
    [{ capabilities: ["CAP_FLY"] }, /names such as CAP_SYS_ADMIN, got "CAP_FLY"/],
    [{ timeout: 0 }, /timeout: expected a whole number from 1/],
    [{ outputBytes: "1m" }, /outputBytes/],
    [{ rules: 5 }, /rules: expected a SafetyContext/],
    [{ input: 5 }, /input: expected a text or bytes/],
    [{ entry: 5 }, /entry: expected the file/],
    [{ entry: "/nowhere/app.ts" }, /the program \/nowhere\/app\.ts is not there/],
  ];
  for (const [options, message] of wrong) {
    await assert.rejects(Isolate.run("hello", { entry, ...options } as IsolateOptions), (error: unknown) => {
      assert.ok(error instanceof IsolateFailed, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  await assert.rejects(Isolate.run("", { entry }), IsolateFailed);
  const missing = Isolate.run("hello", { entry, mounts: { "/a": "/nowhere/at/all" } });
  await assert.rejects(
    missing,
    (error: unknown) => error instanceof PathDoesNotExist && error.path === "/nowhere/at/all",
  );
  await assert.rejects(Isolate.run("hello", { entry, rules: ["raed"] }), /did you mean "read"/);
});

test("a program whose package is the user's home is refused: all of it would be visible", async () => {
  const entry = await hooks();
  const before = process.env.HOME;
  for (const home of [await library(), scratch]) {
    process.env.HOME = home;
    try {
      await assert.rejects(
        Isolate.run("hello", { entry }),
        /the isolate would see all of it\. Give the program a directory/,
      );
    } finally {
      process.env.HOME = before;
    }
  }
});

test("where the machine makes no isolates the error says why, and what would help", async () => {
  const entry = await hooks();
  const path = process.env.PATH;
  process.env.PATH = "/nowhere";
  try {
    await assert.rejects(
      Isolate.run("hello", { entry }),
      (error: unknown) => error instanceof IsolateUnavailable && /bwrap.*apt install bubblewrap/.test(error.message),
    );
  } finally {
    process.env.PATH = path;
  }
  // A user namespace in which nobody may make another one.
  const code = `import { Isolate } from ${JSON.stringify(pathToFileURL(join(await library(), "lockdown.js")).href)};
    await Isolate.run("hello", { entry: ${JSON.stringify(entry)} }).catch((error) => console.log(error.name + ": " + error.message));`;
  const inner = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"';
  const shut = spawnSync(
    "unshare",
    ["--user", "--map-root-user", "sh", "-c", inner, "sh", process.execPath, "--input-type=module", "-e", code],
    { encoding: "utf8" },
  );
  assert.match(
    shut.stdout,
    /^IsolateUnavailable: this machine makes no user namespaces \(.*\); what would help: sysctl/,
    shut.stderr,
  );
});

/** A program of its own that runs an isolate. */
async function caller(name: string, options: IsolateOptions): Promise<string[]> {
  const program = `import { Isolate } from ${JSON.stringify(pathToFileURL(join(await library(), "lockdown.js")).href)};
    const options = ${JSON.stringify({ entry: await hooks(), ...options })};
    const result = await Isolate.run(${JSON.stringify(name)}, options);
    process.stdout.write(result.stdout);
    process.stderr.write(result.stderr);`;
  return ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program];
}

async function asNobody(name: string, options: IsolateOptions) {
  const argv = await caller(name, options);
  spawnSync("chmod", ["-R", "a+rX", await library()]);
  return spawnSync(process.execPath, argv, { uid: 65534, gid: 65534, encoding: "utf8", cwd: "/" });
}

test("an ordinary user can", {
  skip: process.getuid?.() === 0 ? false : "every other test here shows it",
}, async () => {
  const { stdout, stderr } = await asNobody("who", {});
  assert.match(stdout, /^\[0,0,true,"\/","isolate"\]\n/, stderr);
});

test("an isolate dies with its caller", async () => {
  const parent = spawn(process.execPath, await caller("spin", {}), { stdio: "ignore" });
  const children = () =>
    readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  await until(() => children().length > 0, 10_000, "an isolate");
  const [child = ""] = children();
  await new Promise((resolve) => setTimeout(resolve, 300));
  parent.kill("SIGKILL");
  await once(parent, "exit");
  await until(() => !existsSync(`/proc/${child}`), 10_000, "an end of the isolate");
});
