import assert from "node:assert/strict";
import { test } from "node:test";
import {
  explainDifference,
  explainPolicy,
  LockdownError,
  SafetyContext,
  SystemIO,
  simulateCall,
} from "linden/lockdown";
import { hostPolicy } from "../../src/lockdown/policies.ts";

const readonly = () => SafetyContext.bare().enable(SystemIO.nothing().allowStdout().allowOpenReadonly()).policy();

test("a policy in words: what is allowed, when, why, and by which rule set", () => {
  const text = explainPolicy(readonly());
  assert.match(text, /^any other call: errno EPERM \(1\)$/m);
  assert.match(text, /^SystemIO$/m);
  assert.match(text, /^ {2}write when arg0 == 1 — writes to standard output$/m);
  assert.match(text, /^ {2}openat when arg2 & 0x[0-9a-f]+ == 0 — opens files, with no flag that could change one$/m);
  assert.match(text, /^BasicCapabilities$/m);
  assert.match(explainPolicy(hostPolicy("cell")), /openat → errno EACCES \(13\) — the engine/);
});

test("a call as in C: verdict, rule and path, for both architectures", () => {
  const policy = readonly();
  for (const architecture of ["x64", "arm64"] as const) {
    const allowed = simulateCall(policy, 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)', architecture);
    assert.equal(allowed.verdict, "allow");
    assert.equal(allowed.rule?.origin, "SystemIO");
    assert.match(allowed.path.at(-1) ?? "", /return allow/);
    const refused = simulateCall(policy, 'openat(AT_FDCWD, "a, \\"b\\"", O_WRONLY | O_CREAT, 0644)', architecture);
    assert.deepEqual([refused.verdict, refused.rule], ["errno 1", undefined]);
  }
  assert.equal(simulateCall(policy, "write(1)").verdict, "allow");
  assert.equal(simulateCall(policy, "write(0x2)").verdict, "errno 1");
  assert.equal(simulateCall(policy, "getpid").verdict, "allow");
});

test("what cannot be read is refused by name", () => {
  const policy = readonly();
  assert.throws(() => simulateCall(policy, "opne(1)"), /no system call "opne".*"open"/);
  assert.throws(() => simulateCall(policy, "open(O_SOMETHING)"), /"O_SOMETHING"/);
  assert.throws(() => simulateCall(policy, "read(1,2,3,4,5,6,7)"), /more than 6/);
  assert.throws(() => simulateCall(policy, "rm -rf"), LockdownError);
  assert.throws(() => simulateCall(policy, "open", "arm64"), /arm64 has no system call "open"/);
});

test("the difference of two policies", () => {
  assert.equal(explainDifference(readonly(), readonly()), "");
  const wider = SafetyContext.bare().enable(SystemIO.nothing().allowStdout().allowMetadata()).withKill().policy();
  const lines = explainDifference(readonly(), wider).split("\n");
  assert.ok(lines.includes("- any other call: errno EPERM (1)") && lines.includes("+ any other call: kill"));
  assert.ok(lines.includes("+ statx") && lines.some((line) => line.startsWith("- openat when")));
  assert.ok(!lines.some((line) => line.includes("write")));
});
