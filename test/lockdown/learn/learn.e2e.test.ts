/** `linden learn` on real programs, with strace beside it as the oracle of the same run. dist/ must be built. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadPolicy } from "linden/lockdown";
import { allowed, conditionsOf } from "../../../src/lockdown/learn/uses.ts";
import { recordingOf } from "./strace.ts";

const CLI = fileURLToPath(new URL("../../../dist/cli.cjs", import.meta.url));
const LINDEN = [process.execPath, "--disable-warning=ExperimentalWarning", CLI];
const scratch = mkdtempSync(join(tmpdir(), "linden-learn-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
/** What the policy always holds, seen or not. */
const ALWAYS = ["rt_sigreturn", "restart_syscall", "exit", "exit_group", "execve"];
const NO_PYTHON = !existsSync("/usr/bin/python3") && "python3 is missing: apt-get install python3";
const NO_STRACE = spawnSync("strace", ["-V"]).status !== 0 && "strace is missing: apt-get install strace";

function learn(options: readonly string[], program: readonly string[], input = "") {
  const [node = "", ...rest] = LINDEN;
  return spawnSync(node, [...rest, "learn", ...options, "--", ...program], {
    encoding: "utf8",
    timeout: 60_000,
    input,
    env: { ...process.env, PYENV_VERSION: undefined },
  });
}

const SERVER = `
const server = require("node:http").createServer((request, response) => response.end("hello"));
server.listen(0, "127.0.0.1", async () => {
  const text = await (await fetch("http://127.0.0.1:" + server.address().port)).text();
  require("node:fs").promises.readFile("/etc/hostname").finally(() => { console.log(text); process.exit(0); });
});`;
const THREADS = `
import os, subprocess, threading
threads = [threading.Thread(target=lambda: os.getppid()) for _ in range(8)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
pid = os.fork()
if pid == 0: os.execv("/bin/sh", ["sh", "-c", "exit 3"])
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), subprocess.run(["true"]).returncode)`;

const PROGRAMS: readonly (readonly [string, readonly string[], string])[] = [
  ["ls", ["ls", "-l", "/"], ""],
  ["a shell's pipeline", ["sh", "-c", "seq 1 100 | sort -rn | head -3; echo hi > /dev/null"], "100\n99\n98\n"],
  ["python3 with threads, fork and exec", ["/usr/bin/python3", "-c", THREADS], "3 0\n"],
  ["a Node server", [process.execPath, "-e", SERVER], "hello\n"],
];

for (const [what, program, output] of PROGRAMS) {
  test(`${what}: the policy is what strace sees`, {
    skip: NO_STRACE || (program[0]?.includes("python") && NO_PYTHON),
  }, () => {
    const log = join(scratch, "log");
    const file = join(scratch, "exact.json");
    const argv = [
      "-f",
      "-qq",
      "-e",
      "raw=all",
      "-o",
      log,
      "--",
      ...LINDEN,
      "learn",
      "--exact",
      "-o",
      file,
      "--",
      ...program,
    ];
    const { status, stdout, stderr } = spawnSync("strace", argv, { encoding: "utf8", timeout: 120_000 });
    assert.equal(status, 0, stderr);
    if (output !== "") assert.equal(stdout, output);
    const { policy } = loadPolicy(file);
    const seen = recordingOf(readFileSync(log, "latin1")).calls();
    assert.ok(seen.length > 15);
    const rings = seen.filter(({ syscall }) => syscall.startsWith("io_uring")).map(({ syscall }) => syscall);
    const byCall = Map.groupBy(policy.rules, ({ syscall }) => syscall);
    for (const { syscall, uses } of seen) {
      if (rings.includes(syscall)) {
        assert.equal(byCall.get(syscall)?.[0]?.action.kind, "errno");
        continue;
      }
      // Nothing is missing, and nothing is wider: the very same conditions.
      for (const use of uses) assert.ok(allowed(byCall.get(syscall) ?? [], syscall, use), `${syscall} is missing`);
      const wanted = conditionsOf(syscall, uses).map(asText).sort();
      assert.deepEqual((byCall.get(syscall) ?? []).map(({ conditions }) => asText(conditions)).sort(), wanted, syscall);
    }
    const more = [...byCall.keys()].filter((name) => !seen.some(({ syscall }) => syscall === name));
    assert.deepEqual(
      more.filter((name) => !ALWAYS.includes(name)),
      [],
    );
  });
}

function asText(value: unknown): string {
  return JSON.stringify(value, (_, each) => (typeof each === "bigint" ? String(each) : each));
}

test("a program runs as ever: streams, status, signals, arguments", () => {
  const run = (...program: string[]) => learn(["-o", join(scratch, "p.json")], program, "in\n");
  assert.deepEqual([run("cat").stdout, run("sh", "-c", "exit 7").status], ["in\n", 7]);
  assert.equal(run("sh", "-c", "kill -9 $$").status, 137);
  assert.equal(run("sh", "-c", "yes | head -1").stdout, "y\n");
  assert.equal(run("printf", "%s|", "-o", "--merge", "").stdout, "-o|--merge||");
  assert.equal(run("nonexistent-program").status, 127);
  assert.equal(run("/etc/passwd").status, 126);
  assert.equal(run("/").status, 126);
});

test("without -o the policy is printed when the program has ended", () => {
  const { stdout, stderr } = learn([], ["true"]);
  assert.equal(JSON.parse(stdout).about, "learned from true");
  assert.match(stderr, /learned \d+ calls; from the start on; rule sets: [A-Z]/);
});

test("a static program is listened to as well", (t) => {
  const source = join(scratch, "s.c");
  writeFileSync(
    source,
    '#include <unistd.h>\nint main(void) { return write(1, "x", 1) == 1 && getppid() > 0 ? 5 : 1; }\n',
  );
  const { status, error } = spawnSync("cc", ["-static", "-o", join(scratch, "s"), source]);
  if (status !== 0) return t.skip(`no static C library here: ${error?.message ?? "cc -static fails"}`);
  const learned = learn(["--exact", "-o", join(scratch, "s.json")], [join(scratch, "s")]);
  assert.equal(learned.status, 5);
  const calls = loadPolicy(join(scratch, "s.json")).policy.rules.map(({ syscall }) => syscall);
  assert.ok(calls.includes("getppid") && !calls.includes("openat"));
});

test("runs merge, an untrusted run is marked, and a trusted one takes the mark away", () => {
  const file = join(scratch, "merged.json");
  const rules = () => loadPolicy(file).policy.rules;
  assert.equal(learn(["--exact", "-o", file], ["true"]).status, 0);
  const before = rules().map(({ syscall }) => syscall);
  assert.equal(learn(["--exact", "-o", file, "--merge", "--untrusted"], ["sh", "-c", "umask 22; sync"]).status, 0);
  const marked = rules()
    .filter(({ seen }) => seen === "untrusted run")
    .map(({ syscall }) => syscall);
  assert.ok(marked.includes("sync") && marked.includes("umask") && !marked.includes("brk"));
  for (const syscall of before)
    assert.ok(
      rules().some((rule) => rule.syscall === syscall),
      syscall,
    );
  assert.equal(learn(["--exact", "-o", file, "--merge"], ["sync"]).status, 0);
  const left = rules()
    .filter(({ seen }) => seen !== undefined)
    .map(({ syscall }) => syscall);
  assert.ok(!left.includes("sync") && left.includes("umask"));
});

test("an audit tells what a policy would refuse, with call, argument and rule set; --refuse does refuse", {
  skip: NO_PYTHON,
}, () => {
  const file = join(scratch, "audit.json");
  assert.equal(learn(["-o", file], ["sh", "-c", "echo hi; cat < /etc/hostname > /dev/null; exit 0"]).status, 0);
  const clean = learn(["--audit", file], ["sh", "-c", "echo hi; exit 0"]);
  assert.deepEqual([clean.status, clean.stdout], [0, "hi\n"]);
  assert.match(clean.stderr, /allows all of it/);
  const script = `import os, socket
try: open(${JSON.stringify(join(scratch, "made"))}, "a").close()
except OSError as error: print(error.errno)
try: socket.create_connection(("127.0.0.1", 9))
except OSError as error: print(error.errno)`;
  const policy = join(scratch, "python.json");
  assert.equal(learn(["-o", policy], ["/usr/bin/python3", "-c", "import socket; print(0)"]).status, 0);
  const told = learn(["--audit", policy], ["/usr/bin/python3", "-c", script]);
  assert.equal(told.stdout, "111\n");
  assert.match(
    told.stderr,
    /would refuse: openat\(AT_FDCWD, ".*\/made", O_WRONLY\|.*O_APPEND.*\) in process \d+: errno EPERM \(1\); no rule set in force \(.*\) allows it, SystemIO\.allowOpen would allow it/,
  );
  assert.match(
    told.stderr,
    /would refuse: socket\(AF_INET, SOCK_STREAM\|SOCK_CLOEXEC, \d+\).*Networking\.allowStartTcp\w+ would/,
  );
  assert.match(told.stderr, /would refuse: connect\(\d+, 127\.0\.0\.1:9, 16\)/);
  assert.match(told.stderr, /\d+ calls would have been refused/);
  const refused = learn(["--audit", policy, "--refuse"], ["/usr/bin/python3", "-c", script]);
  assert.equal(refused.stdout, "1\n1\n");
});

test("a learned policy is enough for the jail, and no more than that", { skip: NO_PYTHON }, () => {
  const jail = (...argv: string[]) => {
    const [node = "", ...rest] = LINDEN;
    return spawnSync(node, [...rest, "jail", "--policy", file, "--", ...argv], { encoding: "utf8", timeout: 60_000 });
  };
  const file = join(scratch, "jailed.json");
  for (const [program, output] of [
    [["/bin/sh", "-c", "seq 1 100 | sort -rn | head -3"], "100\n99\n98\n"],
    [["/usr/bin/python3", "-c", THREADS], "3 0\n"],
    [[process.execPath, "-e", SERVER], "hello\n"],
  ] as const) {
    assert.equal(learn(["-o", file], program).stdout, output);
    const { status, stdout, stderr } = jail(...program);
    assert.deepEqual([status, stdout], [0, output], stderr);
  }
  const script = "import socket, sys; print(0, file=sys.stderr)";
  assert.equal(learn(["-o", file], ["/usr/bin/python3", "-c", script]).status, 0);
  const { status, stderr } = jail("/usr/bin/python3", "-c", "import socket; socket.socket()");
  assert.equal(status, 1);
  assert.match(stderr, /PermissionError: \[Errno 1\]/);
});

test("a newer kernel's calls, which have no name, are told by the policy's word for them", { skip: NO_PYTHON }, () => {
  const file = join(scratch, "newer.json");
  const script =
    "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall(9999), ctypes.get_errno())";
  const learned = learn(["-o", file], ["/usr/bin/python3", "-c", script]);
  assert.equal(learned.stdout, "-1 38\n");
  assert.match(learned.stderr, /call 9999: this architecture has no such call/);
  const data = JSON.parse(readFileSync(file, "utf8"));
  const audit = (policy: object) => {
    writeFileSync(file, JSON.stringify(policy));
    return learn(["--audit", file, "--refuse"], ["/usr/bin/python3", "-c", script]);
  };
  assert.match(audit(data).stderr, /refused: call 9999\(\) in process \d+: errno EPERM/);
  const newer = { above: "futex_requeue", action: { errno: "ENOSYS" } };
  assert.match(audit({ ...data, newer }).stderr, /refused: call 9999\(\) in process \d+: errno ENOSYS/);
});

test("what cannot be listened to is told, and writes no policy", () => {
  const file = join(scratch, "inner.json");
  const { status, stderr } = learn(["-o", join(scratch, "outer.json")], [...LINDEN, "learn", "-o", file, "--", "true"]);
  assert.equal(status, 125);
  assert.match(stderr, /linden: learn: seccomp notifications: EBUSY \(16\)\nlinden: the program was not started/);
  assert.equal(existsSync(file), false);
});

test("wrong words are refused with a sentence", () => {
  for (const [options, program, complaint] of [
    [[], [], /which program\?/],
    [["--merge"], ["true"], /--merge wants the policy/],
    [["--refuse"], ["true"], /--refuse goes with --audit/],
    [["--audit", "x.json", "-o", "y.json"], ["true"], /--output writes a policy, --audit tries one out/],
    [["--audit", "/nonexistent.json"], ["true"], /nonexistent\.json: the policy cannot be read: ENOENT/],
    [["-o", "/nonexistent/p.json"], ["true"], /ENOENT/],
  ] as const) {
    const { status, stderr } = learn(options, program);
    assert.equal(status, 125, stderr);
    assert.match(stderr, complaint);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});
