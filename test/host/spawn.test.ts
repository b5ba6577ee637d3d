import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { pipe } from "../../src/host/descriptors.unsafe.ts";
import { withRealUser } from "../../src/host/process.unsafe.ts";
import { type Program, reap, signalProcess, spawnProcess } from "../../src/host/spawn.unsafe.ts";

const SHELL = { file: "/bin/sh", env: ["A=b c"], directory: "/", realUser: false };
const isRoot = process.geteuid?.() === 0;

async function ended(pid: number): Promise<unknown> {
  let end = reap(pid);
  while (end === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    end = reap(pid);
  }
  return end;
}

/** What a script prints, its standard input being empty. */
async function output(script: string, options: Partial<Program> = {}, user?: number): Promise<string> {
  const ends = pipe();
  assert.ok(typeof ends === "object");
  const input = openSync("/dev/null", "r");
  const program = { ...SHELL, argv: ["sh", "-c", script], descriptors: [input, ends.second, ends.second], ...options };
  const pid = user === undefined ? spawnProcess(program) : withRealUser(user, () => spawnProcess(program));
  closeSync(ends.second);
  closeSync(input);
  assert.ok(pid > 0, `${pid}`);
  const text = readFileSync(ends.first, "utf8");
  closeSync(ends.first);
  assert.deepEqual(await ended(pid), { code: 0 });
  return text;
}

test("a program gets its arguments, its environment and its directory, and nothing else", async () => {
  assert.equal(
    await output('echo "$0 $A $(pwd) $#"; exec /usr/bin/env', { directory: "/usr" }),
    "sh b c /usr 0\nA=b c\nPWD=/usr\n",
  );
});

test("descriptors land where they are wanted, even those that are each other's targets", async () => {
  const [first, second] = [pipe(), pipe()];
  assert.ok(typeof first === "object" && typeof second === "object");
  // Each of these is a number that some other one is to get.
  const sources = [first.first, first.second, second.first, second.second].sort((a, b) => b - a);
  const script = 'for fd in 0 2 3; do readlink /proc/self/fd/$fd; done >&"$OUT"';
  const out = pipe();
  assert.ok(typeof out === "object");
  const argv = ["sh", "-c", script.replace('"$OUT"', String(sources.length))];
  const names = sources.map((fd) => readFileSync(`/proc/self/fdinfo/${fd}`, "latin1").match(/ino:\t(\d+)/)?.[1]);
  const pid = spawnProcess({ ...SHELL, argv, descriptors: [...sources, out.second] });
  closeSync(out.second);
  // 1 is where the loop itself writes.
  names.splice(1, 1);
  assert.equal(readFileSync(out.first, "utf8"), names.map((ino) => `pipe:[${ino}]\n`).join(""));
  for (const { first: a, second: b } of [first, second]) for (const fd of [a, b]) closeSync(fd);
  closeSync(out.first);
  assert.deepEqual(await ended(pid), { code: 0 });
});

test("no signal is ignored or blocked there, and the session is its own", async () => {
  // The engine ignores SIGPIPE.
  const own = /SigIgn:\t(\w+)/.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0";
  assert.notEqual(Number.parseInt(own, 16) & 0x1000, 0);
  const status = await output("exec /bin/cat /proc/self/status");
  assert.match(status, /SigIgn:\t0+\n/);
  assert.match(status, /SigBlk:\t0+\n/);
  const [pid, , group, session] = (await output("cut -d' ' -f1,4,5,6 /proc/$$/stat")).trim().split(" ");
  assert.equal(group, pid);
  assert.equal(session, pid);
});

test("its end is told once: a status, or the signal", async () => {
  const one = (script: string) => spawnProcess({ ...SHELL, argv: ["sh", "-c", script], descriptors: [0, 1, 2] });
  const seven = one("exit 7");
  assert.deepEqual(await ended(seven), { code: 7 });
  assert.equal(reap(seven), -10, "ECHILD");
  const sleeper = one("exec sleep 60");
  assert.equal(reap(sleeper), undefined);
  assert.equal(signalProcess(sleeper, 9), 0);
  assert.deepEqual(await ended(sleeper), { signal: 9 });
});

test("what is no process is refused, by its error", () => {
  const program = { ...SHELL, argv: ["x"], descriptors: [0] };
  assert.equal(spawnProcess({ ...program, file: "/nonexistent/program" }), -2);
  assert.equal(spawnProcess({ ...program, file: "/proc/self/status" }), -13);
  assert.equal(spawnProcess({ ...program, directory: "/nonexistent" }), -2);
  assert.equal(spawnProcess({ ...program, descriptors: [99_999] }), -9);
  assert.throws(() => spawnProcess({ ...program, argv: ["a\0b"] }), RangeError);
  for (const pid of [0, -1, Number.NaN]) {
    assert.equal(reap(pid), -22, "no group is reaped");
    assert.equal(signalProcess(pid, 9), -22, "and none is killed");
  }
});

test("under another user all ids are his, and this thread's are what they were", {
  skip: !isRoot && "root only",
}, async () => {
  const own = () => readFileSync("/proc/thread-self/status", "latin1").match(/[UG]id:.*/g);
  const before = own();
  const status = await output("exec /bin/cat /proc/self/status", { realUser: true }, 12_345);
  assert.match(status, /Uid:\t12345\t12345\t12345\t12345\n/);
  assert.match(status, /Gid:\t12345\t12345\t12345\t12345\n/);
  assert.match(status, /Groups:\t *\n/);
  assert.match(status, /CapPrm:\t0+\n/);
  assert.match(status, /CapEff:\t0+\n/);
  assert.deepEqual(own(), before);
});
