/** Linden's policy files: what they mean, and that each mistake is named with its place. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LockdownError, loadPolicy, PolicyError, parsePolicy, simulateCall } from "linden/lockdown";
import { namedRuleSet, RULE_SET_NAMES } from "../../src/lockdown/formats/rule-set-names.ts";

const base = { about: "a test", default: { errno: "EPERM" } };
const parse = (more: object) => parsePolicy(JSON.stringify({ ...base, ...more }), "p.json");

test("rule sets, rules written out, files and ports make one policy", () => {
  const written = parse({
    from: "lock",
    ruleSets: [
      { use: "BasicCapabilities", why: "it is native" },
      { use: "SystemIO.allowStdout", why: "it prints" },
      { use: "pledge(rpath)", why: "it reads" },
      { use: "@sync", why: "it flushes" },
    ],
    syscalls: [
      { syscall: "uname", why: "refused, though BasicCapabilities allows it", action: { errno: "ENOSYS" } },
      { syscall: "socket", why: "Unix", args: [{ arg: 0, bits: 32, eq: 1 }], seen: "untrusted run" },
    ],
    files: [{ path: "/etc", rights: ["readFile"], why: "settings", ifPresent: true }],
    ports: [{ port: 443, rights: ["connectTcp"], why: "the service" }],
  });
  const verdict = (call: string) => simulateCall(written.policy, call).verdict;
  assert.equal(verdict("uname()"), "errno 38");
  assert.equal(verdict("socket(1)"), "allow");
  assert.equal(verdict("socket(2)"), "errno 1");
  assert.equal(verdict("write(1)"), "allow");
  assert.equal(verdict("write(2)"), "errno 1");
  assert.equal(verdict("fsync(3)"), "allow");
  assert.equal(verdict("futex()"), "allow");
  assert.deepEqual([written.from, written.format, written.lost], ["lock", "linden", []]);
  assert.deepEqual(
    written.ruleSets.map(({ use }) => use),
    ["BasicCapabilities", "SystemIO.allowStdout", "pledge(rpath)", "@sync"],
  );
  assert.equal(written.files[0]?.path, "/etc");
  assert.equal(written.ports[0]?.port, 443);
  const origins = new Set(written.policy.rules.map(({ origin }) => origin));
  assert.ok(origins.has("SystemIO.allowStdout") && origins.has(undefined));
  assert.equal(written.policy.rules.find(({ syscall }) => syscall === "socket")?.seen, "untrusted run");
});

const MISTAKES: readonly (readonly [string, object, RegExp])[] = [
  ["an unknown word", { sycalls: [] }, /p\.json: unknown word "sycalls"/],
  ["nothing at all", {}, /p\.json: it allows nothing/],
  [
    "an unknown rule set",
    { ruleSets: [{ use: "SystemIo", why: "x" }] },
    /ruleSets\[0\]: there is no rule set "SystemIo"/,
  ],
  ["an unknown promise", { ruleSets: [{ use: "pledge(all)", why: "x" }] }, /no promise "all"/],
  ["an unknown group", { ruleSets: [{ use: "@all", why: "x" }] }, /no group "@all"/],
  ["no reason for a set", { ruleSets: [{ use: "Pipes" }] }, /ruleSets\[0\] \(Pipes\)\.why/],
  [
    "a set twice",
    { ruleSets: [1, 2].map(() => ({ use: "Pipes", why: "x" })) },
    /ruleSets\[1\]: "Pipes" stands there twice/,
  ],
  [
    "a dangerous set without a word",
    { ruleSets: [{ use: "SystemIO.allowOpen", why: "x" }] },
    /allowOpen\(\) is dangerous.*add "yesReally": true/,
  ],
  ["no reason for a rule", { syscalls: [{ syscall: "read" }] }, /syscalls\[0\] \(read\)\.why/],
  ["an unknown call", { syscalls: [{ syscall: "raed", why: "x" }] }, /syscalls\[0\]: there is no system call "raed"/],
  [
    "an impossible comparison",
    { syscalls: [{ syscall: "read", why: "x", args: [{ arg: 0, lt: 0 }] }] },
    /syscalls\[0\] \(read\)\.args\[0\]: nothing is below 0/,
  ],
  [
    "conditions without effect",
    { ruleSets: [{ use: "Pipes", why: "x" }], syscalls: [{ syscall: "pipe2", why: "x", args: [{ arg: 1, eq: 0 }] }] },
    /syscalls allows "pipe2" under conditions, but Pipes allows it always/,
  ],
  [
    "two sets in conflict",
    { ruleSets: ["SystemIO.allowStdout", "SystemIO.allowWrite"].map((use) => ({ use, why: "x" })) },
    /SystemIO\.allowStdout allows "write" under conditions, but SystemIO\.allowWrite allows it always/,
  ],
  [
    "a relative path",
    { files: [{ path: "etc", rights: ["readFile"], why: "x" }] },
    /files\[0\]\.path: expected an absolute/,
  ],
  [
    "an unknown right",
    { files: [{ path: "/etc", rights: ["read"], why: "x" }] },
    /\/etc: there is no Landlock right "read"/,
  ],
  ["no right", { files: [{ path: "/etc", rights: [], why: "x" }] }, /at least one right/],
  ["a port out of range", { ports: [{ port: 65536, rights: ["bindTcp"], why: "x" }] }, /65536/],
  ["a wrong phase", { from: "later" }, /from: expected "start" or "lock"/],
  ["a wrong mark", { syscalls: [{ syscall: "read", why: "x", seen: "once" }] }, /seen: expected "untrusted run"/],
];

for (const [what, more, complaint] of MISTAKES) {
  test(`a policy file with ${what} is refused by name`, () => {
    assert.throws(
      () => parse(more),
      (error) => (error instanceof PolicyError || error instanceof LockdownError) && complaint.test(error.message),
    );
  });
}

test("what is no policy, or not there, is told with the file's name", () => {
  assert.throws(() => parsePolicy("{", "p.json"), /^PolicyError: p\.json: no policy format known here \(.*linden.*\)/);
  assert.throws(() => loadPolicy("/nonexistent/p.json"), /\/nonexistent\/p\.json: the policy cannot be read: ENOENT/);
  const directory = mkdtempSync(join(tmpdir(), "linden-policy-"));
  try {
    assert.throws(() => loadPolicy(directory), /EISDIR/);
    writeFileSync(join(directory, "p"), " ".repeat(5 * 1024 * 1024));
    assert.throws(() => loadPolicy(join(directory, "p")), /larger than/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("every name of a rule set is one", () => {
  for (const name of RULE_SET_NAMES) assert.equal(namedRuleSet(name, "test", true).name, name);
});
