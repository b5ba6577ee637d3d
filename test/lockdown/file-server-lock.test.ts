import assert from "node:assert/strict";
import { closeSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { callNumbers, hostArchitecture } from "../../src/host/call-numbers.ts";
import { socketPair } from "../../src/host/descriptors.unsafe.ts";
import type { Launcher } from "../../src/lockdown/launch/index.ts";
import { FIRST_DIRECTORY_DESCRIPTOR, LINE_DESCRIPTOR } from "../../src/lockdown/launch/launch-arguments.ts";
import { startLauncher, Toy } from "./toy.ts";

const numbers = callNumbers(hostArchitecture());
const number = (name: string) => numbers.get(name) ?? assert.fail(`no call ${name}`);
const EACCES = -13;
const AT_FDCWD = -100;
const HOW_BYTES = 24;
/** struct open_how (openat2(2)) as text: flags and mode must have low bytes below 128. */
const how = (flags: number, mode = 0) =>
  String.fromCharCode(flags).padEnd(8, "\0") + String.fromCharCode(mode).padEnd(8, "\0") + "\0".repeat(8);
const O_WRONLY = 1;
const O_CREAT = 0o100;

let home: string;
let launcher: Launcher;
before(async () => {
  home = mkdtempSync(join(tmpdir(), "linden-served-"));
  for (const name of ["open", "closed", "other"]) {
    mkdirSync(join(home, name));
    writeFileSync(join(home, name, "file"), "text");
  }
  launcher = await startLauncher();
});
after(async () => {
  await launcher.close();
  rmSync(home, { recursive: true, force: true });
});

async function withServer(work: (toy: Toy) => Promise<void>): Promise<void> {
  const { process: cell, line } = await launcher.launchCell();
  const directories = [
    { source: join(home, "open"), readOnly: false },
    { source: join(home, "closed"), readOnly: true },
  ];
  const server = await launcher.launchFileServer({ directories, line });
  try {
    await work(await Toy.from(server));
  } finally {
    cell.kill();
    server.kill();
    await Promise.all([cell.exited, server.exited]);
  }
}

test("a file server opens beneath its directories, as each allows, and nothing else", () =>
  withServer(async (toy) => {
    const open = (at: number, path: string, flags: number, mode = 0) =>
      toy.ask({ call: [number("openat2"), at, path, how(flags, mode), HOW_BYTES] });
    const writable = FIRST_DIRECTORY_DESCRIPTOR;
    const readable = FIRST_DIRECTORY_DESCRIPTOR + 1;
    assert.ok(Number(await open(writable, "file", 0)) > 0);
    assert.ok(Number(await open(writable, "file", O_WRONLY)) > 0);
    assert.ok(Number(await open(writable, "made", O_WRONLY | O_CREAT, 0o100)) > 0);
    assert.ok(existsSync(join(home, "open/made")));
    assert.ok(Number(await open(readable, "file", 0)) > 0);
    assert.equal(await open(readable, "file", O_WRONLY), EACCES);
    assert.equal(await open(readable, "made", O_WRONLY | O_CREAT, 0o100), EACCES);
    assert.equal(await open(writable, "../other/file", 0), EACCES);
    assert.equal(await open(AT_FDCWD, "/etc/passwd", 0), EACCES);
    assert.equal(await toy.ask({ call: [number("unlinkat"), readable, "file", 0] }), EACCES);
    assert.equal(await toy.ask({ call: [number("unlinkat"), writable, "made", 0] }), 0);
  }));

test("a file server is verified: the caller's user, no capability, its own Landlock domain", () =>
  withServer(async (toy) => {
    const report = await toy.process.verify();
    assert.equal(report?.user, process.geteuid?.());
  }));

for (const [name, ...registers] of [
  ["socket", 1, 1, 0],
  ["execve", "/bin/true", 0, 0],
  ["clone", 17, 0, 0, 0, 0],
  ["kill", process.pid, 0],
  ["fchmodat", AT_FDCWD, "/tmp", 0o777],
  ["fchownat", AT_FDCWD, "/tmp", 0, 0, 0],
  ["mknodat", FIRST_DIRECTORY_DESCRIPTOR, "fifo", 0o10600, 0],
  ["setxattr", "/tmp", "user.x", "", 0, 0],
  ["newfstatat", AT_FDCWD, "/etc/passwd", "0123456789".repeat(15), 0],
  ["inotify_init1", 0],
  ["fchmod", FIRST_DIRECTORY_DESCRIPTOR, 0o4755],
  ["fchmodat2", FIRST_DIRECTORY_DESCRIPTOR, "", 0o2755, 0x1000],
  ["fchmodat2", FIRST_DIRECTORY_DESCRIPTOR, "file", 0o755, 0],
  ["mkdirat", FIRST_DIRECTORY_DESCRIPTOR, "sticky", 0o1777],
  ["pwritev2", 0, 0, 0, 0, 0, 0],
  ["sendmsg", 1, 0, 0],
  ["recvmsg", LINE_DESCRIPTOR, 0, 0],
] as const) {
  test(`${name}(${registers.join(", ").slice(0, 30)}) kills the file server`, () =>
    withServer(async (toy) => {
      assert.deepEqual(await toy.ask({ call: [number(name), ...registers] }), { code: null, signal: "SIGSYS" });
    }));
}

test("cell and file server are the two ends of one line", async () => {
  const { process: launched, line } = await launcher.launchCell();
  const cell = await Toy.from(launched);
  const server = await launcher.launchFileServer({ directories: [], line });
  const other = await Toy.from(server);
  assert.equal(await cell.ask({ call: [number("write"), LINE_DESCRIPTOR, "ping", 4] }), 4);
  assert.equal(await other.ask({ call: [number("read"), LINE_DESCRIPTOR, "    ", 4] }), 4);
  server.kill();
  await server.exited;
  assert.equal(await cell.ask({ call: [number("read"), LINE_DESCRIPTOR, "    ", 4] }), 0);
  launched.kill();
  await launched.exited;
});

test("a path with a link in it is refused: what was checked could be elsewhere by now", async () => {
  symlinkSync(home, join(home, "link"));
  for (const source of [join(home, "link"), join(home, "link/open")]) {
    const pair = socketPair();
    if (typeof pair === "number") assert.fail(`socketpair: ${pair}`);
    const directories = [{ source, readOnly: true }];
    await assert.rejects(launcher.launchFileServer({ directories, line: pair.second }), /link.*: ELOOP/);
    closeSync(pair.first);
  }
});

test("a directory that is not there is refused by name, and the line is closed", async () => {
  const pair = socketPair();
  if (typeof pair === "number") assert.fail(`socketpair: ${pair}`);
  const directories = [{ source: join(home, "absent"), readOnly: true }];
  await assert.rejects(launcher.launchFileServer({ directories, line: pair.second }), /absent: ENOENT/);
  const ended = new Promise((resolve) => new Socket({ fd: pair.first }).once("end", resolve).resume());
  await ended;
  assert.throws(() => closeSync(pair.second), /EBADF/);
});
