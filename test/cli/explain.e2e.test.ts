/** `linden explain` at a shell. dist/ must be built (./linden test does that). */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import cell from "../../policies/cell.json" with { type: "json" };

const CLI = fileURLToPath(new URL("../../dist/cli.cjs", import.meta.url));
const NODE = ["--disable-warning=ExperimentalWarning", CLI];
const scratch = mkdtempSync(join(tmpdir(), "linden-explain-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function explain(...args: string[]) {
  return spawnSync(process.execPath, [...NODE, "explain", ...args], { encoding: "utf8", timeout: 30_000 });
}

function policyFile(name: string, more: object): string {
  const file = join(scratch, name);
  writeFileSync(file, JSON.stringify({ about: "of a test", default: { errno: "EACCES" }, ...more }));
  return file;
}

const small = policyFile("small.json", {
  from: "start",
  ruleSets: [{ use: "SystemIO.allowOpenReadonly", why: "it reads its settings" }],
  syscalls: [{ syscall: "getppid", why: "\u001b[31mred", seen: "untrusted run" }],
  files: [{ path: "/etc", rights: ["readFile"], why: "settings" }],
});
const wide = policyFile("wide.json", {
  syscalls: [
    { syscall: "getppid", why: "x" },
    { syscall: "kill", why: "y" },
  ],
});

test("Linden's own cell: every call with its reason, and with --used how often it was seen", () => {
  const { status, stdout } = explain();
  assert.equal(status, 0);
  for (const { syscall, why } of cell.syscalls) assert.ok(stdout.includes(why), syscall);
  assert.match(stdout, /any other call: kill/);
  const used = explain("--used").stdout;
  assert.match(used, /^ {2}futex +[1-9]\d*$/m);
  assert.match(used, /^ {2}[a-z_0-9]+ +(never|\d+)$/m);
  assert.match(explain("--used", small).stderr, /--used is known for/);
});

test("a policy file in words, as a tree, as a filter; nothing raw of it reaches the terminal", () => {
  const { status, stdout, stderr } = explain(small);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /holds from the start on/);
  assert.match(stdout, /rule set SystemIO\.allowOpenReadonly: it reads its settings/);
  assert.match(stdout, /getppid \[untrusted run\] — \\x1b\[31mred/);
  assert.match(stdout, /file \/etc: readFile/);
  assert.match(stdout, /any other call: errno EACCES \(13\)/);
  assert.match(explain("--tree", small).stdout, /├─ SystemIO\.allowOpenReadonly: 2 calls\n│ {2}├─ open when arg1/);
  assert.match(explain("--disasm", small).stdout, /0: A = architecture\n[\s\S]*return errno 13/);
  assert.equal(JSON.parse(explain("--json", small).stdout).rules.length, 3);
});

test("a call is simulated, with the rule that decides and the way there", () => {
  const simulate = (call: string, ...more: string[]) => explain("--simulate", call, ...more).stdout;
  assert.match(simulate('openat(AT_FDCWD,"/etc/passwd")'), /^errno 13: /);
  assert.match(
    simulate('openat(AT_FDCWD,"/etc/passwd")', small),
    /^allow: .*\(SystemIO\.allowOpenReadonly\)\n +0: A = arch/,
  );
  assert.match(simulate('openat(AT_FDCWD,"/etc/passwd",O_RDWR)', small), /^errno 13: no rule/);
  assert.match(simulate("getppid()", "--arch", "arm64", small), /^allow/);
});

test("the difference of two policies, and none of one with itself", () => {
  const { status, stdout } = explain("--diff", small, wide);
  assert.equal(status, 1);
  assert.match(stdout, /^- openat when/m);
  assert.match(stdout, /^\+ kill$/m);
  assert.doesNotMatch(stdout, /getppid$/m);
  assert.deepEqual([explain("--diff", small, small).status, explain("--diff", small, small).stdout], [0, ""]);
});

test("mistakes are named, with the status of Linden's own failures", () => {
  for (const [args, complaint] of [
    [[join(scratch, "none.json")], /none\.json: the policy cannot be read: ENOENT/],
    [["--simulate", "opne()", small], /no system call "opne"; did you mean "open"/],
    [["--simulate", "open(O_WHAT)", small], /"O_WHAT"/],
    [["--arch", "mips", small], /--arch mips: expected x64 or arm64/],
    [["--diff", small], /--diff takes two policies/],
    [[small, wide], /one policy at a time/],
    [["none.wasm"], /none\.wasm: there is no such file/],
  ] as const) {
    const { status, stderr } = explain(...args);
    assert.equal(status, 125, args.join(" "));
    assert.match(stderr, complaint);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

test("a program is told what holds it", () => {
  writeFileSync(join(scratch, "p.wasm"), "");
  assert.match(explain(join(scratch, "p.wasm")).stdout, /is a program.*in a cell under the policy here/);
  assert.match(
    explain("python").stdout,
    /^python is a guest: .*in a cell under the policy here.*\n.*linden learn -- python/,
  );
});

test("what is neither policy, file nor guest is no answer about another policy", () => {
  for (const [word, says] of [
    ["nobody-has-this", /no such file, installed guest or policy of Linden's \(cell, file-server, prefilter\)\n/],
    ["cel", /did you mean "cell"\?\n/],
    ["nothing.wasm", /nothing\.wasm: there is no such file/],
  ] as const) {
    const { status, stdout, stderr } = explain(word);
    assert.match(stderr, says);
    assert.deepEqual([status, stdout], [125, ""], word);
  }
});
