import assert from "node:assert/strict";
import { test } from "node:test";
import { ARCHITECTURES, AUDIT_ARCH, callNumbers } from "../../src/host/call-numbers.ts";
import { SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, simulate } from "../../src/lockdown/bpf.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { hostPolicy } from "../../src/lockdown/policies.ts";

const POLICIES = ["cell", "fileServer", "prefilter", "jailDefault", "programStart"] as const;
const x64 = callNumbers("x64");
const verdict = (program: Uint8Array<ArrayBuffer>, name: string, ...args: (number | bigint)[]) =>
  simulate(program, { number: x64.get(name) ?? assert.fail(name), audit: AUDIT_ARCH.x64, args: args.map(BigInt) });

test("a cell has at most 30 calls, and every rule of every policy a reason of its own call", () => {
  assert.ok(new Set(hostPolicy("cell").rules.map(({ syscall }) => syscall)).size <= 30);
  for (const name of POLICIES) {
    for (const { syscall, why } of hostPolicy(name).rules) assert.ok(why.length > 10, `${name}: ${syscall}`);
  }
});

test("the policies compile for every architecture", () => {
  for (const architecture of ARCHITECTURES) {
    for (const name of POLICIES)
      assert.ok(compile(hostPolicy(name), architecture).length > 40, `${name} ${architecture}`);
  }
});

test("no call of the kernel is allowed to a cell but those its policy names", () => {
  const policy = hostPolicy("cell");
  const program = compile(policy, "x64");
  const named = new Set(policy.rules.map(({ syscall }) => syscall));
  for (const name of x64.keys()) {
    if (!named.has(name)) assert.equal(verdict(program, name, 0, 0, 0, 0, 0, 0), SECCOMP_RET_KILL_PROCESS, name);
  }
});

test("argument rules of a cell: what they allow and its neighbours", () => {
  const program = compile(hostPolicy("cell"), "x64");
  const allowed = (name: string, ...args: number[]) => verdict(program, name, ...args) === SECCOMP_RET_ALLOW;
  assert.ok(allowed("mmap", 0, 4096, 3, 0x22, -1, 0));
  for (const descriptor of [0, 3, -2, 0x7fffffff]) assert.ok(!allowed("mmap", 0, 4096, 3, 2, descriptor, 0));
  for (const [command, expected] of [
    [3, true],
    [4, true],
    [0, false],
    [1, false],
    [2, false],
    [5, false],
    [1030, false],
  ] as const) {
    assert.equal(allowed("fcntl", 0, command, 0), expected, `fcntl ${command}`);
  }
  for (const advice of [4, 8, 10, 14, 15]) assert.ok(allowed("madvise", 0, 4096, advice), `madvise ${advice}`);
  for (const advice of [9, 11, 12, 16, 100, 101]) assert.ok(!allowed("madvise", 0, 4096, advice), `madvise ${advice}`);
});

test("argument rules of a file server: what they allow and its neighbours", () => {
  const program = compile(hostPolicy("fileServer"), "x64");
  const allowed = (name: string, ...args: number[]) => verdict(program, name, ...args) === SECCOMP_RET_ALLOW;
  for (const mode of [0, 0o644, 0o777]) assert.ok(allowed("fchmod", 5, mode), mode.toString(8));
  for (const mode of [0o4755, 0o2755, 0o1777]) assert.ok(!allowed("fchmod", 5, mode), mode.toString(8));
  assert.ok(!allowed("mkdirat", 5, 0, 0o1777));
  assert.ok(allowed("unlinkat", 5, 0, 0x200));
  assert.ok(!allowed("unlinkat", 5, 0, 0x400));
  assert.ok(allowed("renameat2", 5, 0, 5, 0, 1));
  assert.ok(!allowed("renameat2", 5, 0, 5, 0, 4));
  assert.ok(!allowed("mmap", 0, 4096, 1, 2, 5, 0));
  for (const name of ["chmod", "fchmodat", "fchown", "fchownat", "mknodat", "fsetxattr", "open"]) {
    assert.ok(!allowed(name, 5, 0, 0, 0, 0), name);
  }
});
