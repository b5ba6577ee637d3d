/**
 * Python tries to leave its mounts, through the command line and through Sandbox, while the host holds traps and changes
 * names under it: nothing outside is ever read or changed.
 */
import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Sandbox } from "../../src/sandbox/index.ts";
import { fingerprint, HOME, scratch } from "./world.ts";

const SECRET = "the secret of the host";
const root = scratch();
let world = "";
let inside = "";
let outside = "";
let unchanged = "";

/** A mounted directory beside a secret one, fresh for each test. */
function freshWorld(): void {
  world = mkdtempSync(join(root, "world-"));
  inside = join(world, "inside");
  outside = join(world, "outside");
  for (const path of [inside, join(inside, "sub"), outside, join(outside, "sub")]) mkdirSync(path);
  writeFileSync(join(outside, "secret"), SECRET);
  writeFileSync(join(outside, "sub", "secret"), SECRET);
  writeFileSync(join(inside, "plain"), "plain");
  // What runs as root is served by another user's process: let it write here, and there.
  for (const path of [world, inside, join(inside, "sub"), outside, join(outside, "sub")]) chmodSync(path, 0o777);
  for (const path of [join(outside, "secret"), join(inside, "plain")]) chmodSync(path, 0o666);
  unchanged = fingerprint(outside);
}

function untouched(output: string): void {
  assert.ok(!output.includes(SECRET), output);
  assert.equal(fingerprint(outside), unchanged);
}

const LINDEN = join(HOME, "dist/cli.cjs");
const run = promisify(execFile);

/** `linden run -v inside:/data[:ro] python -c script`, as a process of its own. */
async function cli(script: string, ...options: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  const argv = ["--disable-warning=ExperimentalWarning", LINDEN, "run", "-v", `${inside}:/data`, ...options];
  try {
    return { ...(await run(process.execPath, [...argv, "--timeout", "20s", "python", "-c", script])), code: 0 };
  } catch (error) {
    if (error instanceof Error && "stdout" in error && "stderr" in error && "code" in error) {
      return { stdout: String(error.stdout), stderr: String(error.stderr), code: Number(error.code) };
    }
    throw error;
  }
}

/** Python that calls `attempt` with a name and a function, and prints what each came to. */
const ATTEMPTS = `
import os, sys, errno
def attempt(what, action):
    try:
        got = action()
        print(what, "=", got if not hasattr(got, "read") else got.read())
    except OSError as error:
        print(what, "!", errno.errorcode.get(error.errno, error.errno))
def put(path, text="owned"):
    with open(path, "w") as file: return file.write(text)
`;

describe("out of a mount", () => {
  it("lead no links: absolute, relative, chained, in the midst of a path, or made by the guest", async () => {
    freshWorld();
    symlinkSync(join(outside, "secret"), join(inside, "absolute"));
    symlinkSync("../outside/secret", join(inside, "relative"));
    symlinkSync("../outside", join(inside, "directory"));
    symlinkSync("chain2", join(inside, "chain1"));
    symlinkSync("sub/../directory/secret", join(inside, "chain2"));
    symlinkSync("/proc/self/root", join(inside, "magic"));
    symlinkSync("loop", join(inside, "loop"));
    const { stdout, stderr } = await cli(`${ATTEMPTS}
for path in ("absolute", "relative", "directory/secret", "chain1", "chain2", "magic/etc/passwd", "loop", "sub/../../outside/secret", "../outside/secret", "directory/../outside/secret"):
    path = "/data/" + path
    attempt("read " + path, lambda: open(path))
    attempt("write " + path, lambda: put(path))
    attempt("list " + path, lambda: os.listdir(os.path.dirname(path) if path.endswith("secret") else path))
    attempt("utime " + path, lambda: os.utime(path, (1, 1)))
    attempt("truncate " + path, lambda: os.truncate(path, 0))
for target in ("../outside/secret", ${JSON.stringify(join(outside, "secret"))}, "../outside", "/proc/self/root", "/proc/1/root", "."):
    attempt("symlink", lambda: os.symlink(target, "/data/made"))
    attempt("read", lambda: open("/data/made"))
    attempt("read below", lambda: open("/data/made/secret"))
    attempt("write below", lambda: put("/data/made/new"))
    attempt("link", lambda: os.link("/data/made", "/data/hard"))
    attempt("rename below", lambda: os.rename("/data/plain", "/data/made/plain"))
    attempt("rename back", lambda: os.rename("/data/made/plain", "/data/plain"))
    attempt("unlink", lambda: os.unlink("/data/made"))
    attempt("unlink hard", lambda: os.unlink("/data/hard"))
`);
    untouched(stdout);
    assert.equal(stderr, "");
    assert.match(stdout, /read \/data\/loop ! ELOOP/);
    assert.equal(readFileSync(join(inside, "plain"), "utf8"), "plain");
  });

  it("leads no race: a racer swaps directories, files and links as fast as it can", async () => {
    freshWorld();
    const racer = spawn(
      process.execPath,
      [
        "--eval",
        `const fs = require("node:fs"); process.chdir(${JSON.stringify(inside)});
       fs.mkdirSync("real"); fs.chmodSync("real", 0o777); fs.writeFileSync("real/secret", "harmless"); fs.chmodSync("real/secret", 0o666);
       fs.symlinkSync(${JSON.stringify(outside)}, "evil");
       fs.writeFileSync("file", "harmless"); fs.chmodSync("file", 0o666); fs.symlinkSync("../outside/secret", "evilfile");
       for (;;) for (const [a, b] of [["real", "swap"], ["file", "swapfile"]]) {
         try { fs.renameSync(a, "t"); fs.renameSync("evil" + (a === "real" ? "" : "file"), a); } catch {}
         try { fs.renameSync(a, "evil" + (a === "real" ? "" : "file")); fs.renameSync("t", a); } catch {}
       }`,
      ],
      { stdio: "ignore" },
    );
    try {
      const { stdout, stderr } = await cli(`${ATTEMPTS}
import time
end = time.monotonic() + 2.5
seen, rounds = set(), 0
while time.monotonic() < end:
    rounds += 1
    for action in (lambda: open("/data/real/secret").read(), lambda: open("/data/file").read(),
                   lambda: put("/data/real/secret", "harmless"), lambda: put("/data/file", "harmless"),
                   lambda: put("/data/real/new", "owned"), lambda: os.unlink("/data/real/new"),
                   lambda: os.rename("/data/real/secret", "/data/real/moved"), lambda: os.rename("/data/real/moved", "/data/real/secret"),
                   lambda: os.utime("/data/real/secret", (1, 1)), lambda: os.mkdir("/data/real/d"), lambda: os.rmdir("/data/real/d"),
                   lambda: os.link("/data/real/secret", "/data/hard"), lambda: open("/data/hard").read(), lambda: os.unlink("/data/hard"),
                   lambda: sorted(os.listdir("/data/real")), lambda: os.stat("/data/real/sub").st_mode):
        try: seen.add(str(action()))
        except OSError as error: seen.add(errno.errorcode.get(error.errno))
print(rounds, seen)
`);
      untouched(stdout);
      assert.equal(stderr, "");
      assert.ok(Number.parseInt(stdout, 10) > 20, stdout);
      assert.match(stdout, /harmless/);
      assert.doesNotMatch(stdout, /'\['?sub/);
    } finally {
      racer.kill("SIGKILL");
    }
  });

  it("leads no directory that the host moves away under the guest", async () => {
    freshWorld();
    mkdirSync(join(inside, "sub/deep"));
    chmodSync(join(inside, "sub/deep"), 0o777);
    await using box = await Sandbox.create({ mounts: { "/data": inside } });
    const guest = await box.spawn("python", [
      "-u",
      "-c",
      `${ATTEMPTS}
os.chdir("/data/sub/deep")
held = os.open("/data/sub/deep", os.O_RDONLY)
print("ready"); sys.stdin.readline()
for path in ("../secret", "../../outside/secret", "../../secret", "../../../outside/secret"):
    attempt("read", lambda: open(path))
    attempt("read at", lambda: open(os.open(path, os.O_RDONLY, dir_fd=held)))
    attempt("write", lambda: put(path))
`,
    ]);
    let output = "";
    guest.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (text.includes("ready")) {
        spawnSync("mv", [join(inside, "sub/deep"), join(outside, "deep")]);
        unchanged = fingerprint(outside);
        guest.stdin.end("\n");
      }
    });
    await guest.exited;
    assert.match(output, /read !/);
    untouched(output);
  });
});

describe("inside a mount", () => {
  before(() => {
    freshWorld();
    process.env.LINDEN_TEST_SECRET = "1";
  });

  it("FIFOs, devices and sockets neither open nor hang", async () => {
    assert.equal(spawnSync("mkfifo", ["-m", "666", join(inside, "fifo")]).status, 0);
    const device =
      process.geteuid?.() === 0 && spawnSync("mknod", ["-m", "666", join(inside, "null"), "c", "1", "3"]).status === 0;
    const { stdout, code } = await cli(`${ATTEMPTS}
for name in ("fifo"${device ? ', "null"' : ""}):
    attempt("read " + name, lambda: open("/data/" + name))
    attempt("write " + name, lambda: put("/data/" + name))
`);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /=/);
  });

  it("no set-user-id bit, no device, no owner is made", async () => {
    const { stdout } = await cli(`${ATTEMPTS}
put("/data/tool", "#!/bin/sh")
for mode in (0o4777, 0o2777, 0o1777, 0o7777):
    if hasattr(os, "chmod"): attempt("chmod", lambda: os.chmod("/data/tool", mode))
    attempt("mkdir", lambda: os.mkdir("/data/d%o" % mode, mode))
    attempt("open", lambda: os.close(os.open("/data/f%o" % mode, os.O_CREAT | os.O_WRONLY, mode)))
print(sorted(os.listdir("/data")))
`);
    assert.match(stdout, /tool/);
    for (const name of ["tool", "d4777", "d2777", "d1777", "f4777", "f7777"]) {
      assert.equal(statSync(join(inside, name)).mode & 0o7000, 0, name);
    }
  });

  it("what the host would execute later is neither made nor replaced, whatever its spelling and way in", async () => {
    mkdirSync(join(inside, ".git/hooks"), { recursive: true });
    for (const path of [".git", ".git/hooks"]) chmodSync(join(inside, path), 0o777);
    writeFileSync(join(inside, ".git/config"), "[core]\n");
    chmodSync(join(inside, ".git/config"), 0o666);
    const names = [
      ".git/hooks/pre-commit",
      ".git/config",
      ".GIT/hooks/x",
      ".Git/config",
      ".g\u0131t",
      ".gi\u200ct/config",
      ".bashrc",
      ".vscode/tasks.json",
      "sub/.git",
      ".envrc",
      "sub/.git/hooks/x",
      ".git/modules/a/hooks/b",
      ".gitconfig",
      ".config/git/config",
    ];
    const { stdout } = await cli(`${ATTEMPTS}
os.makedirs("/data/own/hooks", exist_ok=True); put("/data/own/hooks/pre-commit"); put("/data/own/config"); put("/data/innocent")
for path in ${JSON.stringify(names)}:
    path = "/data/" + path
    attempt("make " + path, lambda: (os.makedirs(os.path.dirname(path), exist_ok=True), put(path)) and None)
attempt("rename directory", lambda: os.rename("/data/own", "/data/sub/.git"))
attempt("rename hooks", lambda: os.rename("/data/own/hooks", "/data/.git/hooks/.."))
attempt("rename over hooks", lambda: os.rename("/data/own/hooks", "/data/.git/hooks"))
attempt("rename file", lambda: os.rename("/data/innocent", "/data/.git/config"))
attempt("hard link in", lambda: os.link("/data/innocent", "/data/.git/hooks/post-merge"))
attempt("hard link out", lambda: (os.link("/data/.git/config", "/data/alias"), put("/data/alias")))
attempt("symbolic link", lambda: os.symlink("own", "/data/sub/.git"))
attempt("symbolic link in", lambda: os.symlink("../../innocent", "/data/.git/hooks/pre-push"))
attempt("through a link", lambda: (os.symlink(".git", "/data/alias2"), put("/data/alias2/config")))
attempt("move .git away", lambda: os.rename("/data/.git", "/data/was"))
attempt("truncate", lambda: os.truncate("/data/.git/config", 0))
`);
    assert.equal(readFileSync(join(inside, ".git/config"), "utf8"), "[core]\n", stdout);
    for (const name of [
      ".git/hooks/pre-commit",
      ".git/hooks/post-merge",
      ".git/hooks/pre-push",
      "sub/.git",
      ".bashrc",
      ".vscode/tasks.json",
      ".envrc",
      ".gitconfig",
      ".config/git/config",
      ".GIT/hooks/x",
    ]) {
      assert.ok(!existsSync(join(inside, name)), `${name}\n${stdout}`);
    }
    assert.ok(existsSync(join(inside, ".git/hooks")), stdout);
  });

  it("a hard link of the host to a file outside is a file inside, and a guest makes none", async () => {
    freshWorld();
    linkSync(join(outside, "sub/secret"), join(inside, "shared"));
    chmodSync(join(outside, "sub/secret"), 0o600);
    const { stdout } = await cli(`${ATTEMPTS}
attempt("link", lambda: os.link("../outside/secret", "/data/stolen"))
attempt("link", lambda: os.link("/data/../outside/secret", "/data/stolen"))
print(os.listdir("/data"))
`);
    assert.doesNotMatch(stdout, /stolen/);
  });

  it(":ro is EROFS for every change, and the host sees none", async () => {
    freshWorld();
    const was = fingerprint(inside);
    const { stdout } = await cli(
      `${ATTEMPTS}
print(open("/ro/plain").read())
for what, action in {
    "write": lambda: put("/ro/plain"), "create": lambda: put("/ro/new"), "append": lambda: open("/ro/plain", "a"),
    "mkdir": lambda: os.mkdir("/ro/d"), "rmdir": lambda: os.rmdir("/ro/sub"), "unlink": lambda: os.unlink("/ro/plain"),
    "rename": lambda: os.rename("/ro/plain", "/ro/other"), "out": lambda: os.rename("/ro/plain", "/data/other"), "symlink": lambda: os.symlink("a", "/ro/l"),
    "link": lambda: os.link("/ro/plain", "/ro/l"), "utime": lambda: os.utime("/ro/plain", (1, 1)), "truncate": lambda: os.truncate("/ro/plain", 0),
}.items(): attempt(what, action)
`,
      "-v",
      `${inside}:/ro:ro`,
    );
    assert.match(stdout, /^plain\n/);
    assert.doesNotMatch(stdout, / = /);
    const errors = [...stdout.matchAll(/ ! (\w+)/g)].map(([, name]) => name);
    assert.equal(errors.length, 12, stdout);
    assert.deepEqual([...new Set(errors)].sort(), ["EROFS", "EXDEV"]);
    assert.equal(fingerprint(inside), was);
  });

  it("nothing of the host's /proc, /etc or /dev is there", async () => {
    const { stdout } = await cli(`${ATTEMPTS}
for path in ("/etc/passwd", "/proc/self/environ", "/proc/self/maps", "/proc/self/fd/0", "/proc/1/root", "/dev/mem", "/dev/sda", "/dev/tty", "/dev/shm", "/sys", "/dev/fd/3", ${JSON.stringify(HOME)}):
    attempt(path, lambda: open(path))
    attempt("list " + path, lambda: os.listdir(path))
print(sorted(os.environ))
`);
    assert.doesNotMatch(stdout, / = /);
    assert.ok(!stdout.includes("LINDEN_TEST_SECRET"));
  });
});

after(() => {
  // The racer's links and the guest's names go with the directory.
  spawnSync("rm", ["-rf", root]);
});
