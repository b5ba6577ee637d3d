import assert from "node:assert/strict";
import { test } from "node:test";
import { PLEDGE_PROMISES, pledge, SafetyContext, SYSTEMD_GROUPS, SystemIO, systemdGroup } from "linden/lockdown";
import { AUDIT_ARCH, callNumbers } from "../../src/host/call-numbers.ts";
import { SECCOMP_RET_ALLOW, simulate } from "../../src/lockdown/bpf.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { says } from "./locked.ts";

function allows(promises: string, name: string, ...args: number[]): boolean {
  const program = compile(SafetyContext.bare().enable(pledge(promises)).policy(), "x64");
  const number = callNumbers("x64").get(name) ?? assert.fail(name);
  return simulate(program, { number, audit: AUDIT_ARCH.x64, args: args.map(BigInt) }) === SECCOMP_RET_ALLOW;
}

test("every promise and every group compiles for both architectures, alone and together", () => {
  for (const architecture of ["x64", "arm64"] as const) {
    for (const name of PLEDGE_PROMISES) compile(SafetyContext.bare().enable(pledge(name)).policy(), architecture);
    for (const name of SYSTEMD_GROUPS) compile(SafetyContext.bare().enable(systemdGroup(name)).policy(), architecture);
    const all = new SafetyContext().enable(pledge(PLEDGE_PROMISES.join(" "))).enable(systemdGroup("@system-service"));
    assert.ok(compile(all.policy(), architecture).length / 8 < 700);
  }
});

test("promises name intents: what each opens, and its neighbours", () => {
  const [RDONLY, WRONLY, RDWR, CREAT, TRUNC] = [0, 1, 2, 0o100, 0o1000];
  const open = (promises: string, flags: number) => allows(promises, "openat", -100, 0, flags);
  assert.ok(!open("stdio", RDONLY));
  assert.deepEqual(
    [RDONLY, WRONLY, RDWR, CREAT | WRONLY, TRUNC].map((flags) => open("rpath", flags)),
    [true, false, false, false, false],
  );
  assert.deepEqual(
    [WRONLY, RDWR | TRUNC, CREAT | WRONLY].map((flags) => open("wpath", flags)),
    [true, true, false],
  );
  assert.ok(open("cpath", CREAT | WRONLY));
  assert.ok(allows("inet", "socket", 2, 1) && allows("inet", "socket", 10, 2) && !allows("inet", "socket", 1, 1));
  assert.ok(allows("unix", "socket", 1, 1) && !allows("unix", "socket", 2, 1));
  assert.ok(!allows("stdio", "socket", 2, 1) && !allows("stdio", "execve") && !allows("stdio", "fork"));
  assert.ok(allows("exec", "execve") && !allows("exec", "fork") && allows("proc", "fork"));
});

test("a name nobody made known is refused with those that are", () => {
  assert.throws(() => pledge("stdio rpaht"), /no promise "rpaht"; there are stdio rpath/);
  assert.throws(() => pledge(" "), /expected promises/);
  assert.throws(() => systemdGroup("@basicio"), /no group "@basicio".*@basic-io/);
});

test("in the kernel: pledge(stdio rpath) reads and does not write; @basic-io opens nothing", async () => {
  const said = await says(`
    const { pledge } = lockdown;
    new SafetyContext().enable(pledge("stdio rpath")).applyToAllThreads();
    say([attempt(() => fs.readFileSync("/etc/passwd").length > 0), attempt(() => fs.writeFileSync("/tmp/linden-pledge", "x")),
      attempt(() => execFileSync("/bin/true")), namedCall("socket", 2, 1, 0)]);`);
  assert.deepEqual(said, [[true, "EPERM", "EPERM", -1]]);
  const group = await says(`
    new SafetyContext().enable(lockdown.systemdGroup("@basic-io")).applyToAllThreads();
    say([attempt(() => fs.readFileSync("/etc/passwd")), namedCall("getpgrp")]);`);
  assert.deepEqual(group, [["EPERM", -1]]);
});

test("a promise beside a narrower grant names the conflict", () => {
  assert.throws(
    () => new SafetyContext().enable(SystemIO.nothing().allowStdout()).enable(pledge("stdio")),
    /SystemIO allows "write" under conditions, but pledge\(stdio\) allows it always/,
  );
});
