/** Container profiles: what each word means, and that each mistake is named with file and line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Machine, PolicyError, parsePolicy, simulateCall } from "linden/lockdown";
import { readJson } from "../../src/lockdown/formats/json-text.ts";

const machine: Machine = { architecture: "x64", capabilities: new Set(), kernel: [6, 1] };
const allow = (names: readonly string[], more: object = {}) => ({ names, action: "SCMP_ACT_ALLOW", ...more });
function read(profile: object, on: Machine = machine) {
  return parsePolicy(JSON.stringify(profile, null, 2), "p.json", on);
}
function verdicts(profile: object, calls: readonly string[], on: Machine = machine): string[] {
  const { policy } = read(profile, on);
  return calls.map((call) => simulateCall(policy, call, on.architecture).verdict);
}
const errno = (syscalls: readonly object[], more: object = {}) => ({
  defaultAction: "SCMP_ACT_ERRNO",
  ...more,
  syscalls,
});

test("the default answers EPERM, or the errno it names", () => {
  const calls = ["read()", "write()"];
  assert.deepEqual(verdicts(errno([allow(["read", "file_setattr"])]), calls), ["allow", "errno 1"]);
  assert.deepEqual(verdicts(errno([allow(["read", "file_setattr"])], { defaultErrnoRet: 38 }), calls), [
    "allow",
    "errno 38",
  ]);
});

test("every action but a supervisor's is known", () => {
  const actions: [string, string][] = [
    ["SCMP_ACT_KILL", "kill thread"],
    ["SCMP_ACT_KILL_THREAD", "kill thread"],
    ["SCMP_ACT_KILL_PROCESS", "kill process"],
    ["SCMP_ACT_TRAP", "trap (SIGSYS)"],
    ["SCMP_ACT_LOG", "allow and log"],
    ["SCMP_ACT_TRACE", "trace 7"],
    ["SCMP_ACT_ERRNO", "errno 7"],
  ];
  for (const [action, verdict] of actions) {
    const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["read"], action, errnoRet: 7 }] };
    assert.deepEqual(verdicts(profile, ["read()", "write()"]), [verdict, "allow"], action);
  }
});

test("calls numbered above every one named answer ENOSYS, as runc has it", () => {
  assert.deepEqual(verdicts(errno([allow(["read", "close"])]), ["read()", "open()", "stat()"]), [
    "allow",
    "errno 1",
    "errno 38",
  ]);
  // A rule that says what the default says names its call all the same.
  const named = errno([allow(["read"]), { names: ["openat2"], action: "SCMP_ACT_ERRNO" }]);
  assert.deepEqual(verdicts(named, ["stat()", "openat2()", "landlock_add_rule()"]), ["errno 1", "errno 1", "errno 38"]);
});

const OPS: readonly (readonly [object, Readonly<Record<string, string>>])[] = [
  [
    { value: 5, op: "SCMP_CMP_EQ" },
    { "close(5)": "allow", "close(4)": "errno 1", "close(0x100000005)": "errno 1" },
  ],
  [
    { value: 5, op: "SCMP_CMP_NE" },
    { "close(5)": "errno 1", "close(4)": "allow" },
  ],
  [
    { value: 5, op: "SCMP_CMP_LT" },
    { "close(5)": "errno 1", "close(4)": "allow" },
  ],
  [
    { value: 5, op: "SCMP_CMP_LE" },
    { "close(5)": "allow", "close(6)": "errno 1" },
  ],
  [
    { value: 5, op: "SCMP_CMP_GE" },
    { "close(5)": "allow", "close(4)": "errno 1", "close(-1)": "allow" },
  ],
  [
    { value: 5, op: "SCMP_CMP_GT" },
    { "close(5)": "errno 1", "close(6)": "allow" },
  ],
  [
    { value: 6, valueTwo: 2, op: "SCMP_CMP_MASKED_EQ" },
    { "close(3)": "allow", "close(2)": "allow", "close(6)": "errno 1" },
  ],
];
for (const [arg, expected] of OPS) {
  test(`${JSON.stringify(arg)} compares 64 bits`, () => {
    const profile = errno([allow(["close"], { args: [{ index: 0, ...arg }] })]);
    assert.deepEqual(verdicts(profile, Object.keys(expected)), Object.values(expected));
  });
}

test("values beyond 2^53 stay exact", () => {
  const text = `{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{ "names": ["close"], "action": "SCMP_ACT_ALLOW",
    "args": [{ "index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ" }] }] }`;
  const { policy } = parsePolicy(text, "p.json", machine);
  assert.equal(simulateCall(policy, "close(-1)", "x64").verdict, "allow");
  assert.equal(simulateCall(policy, "close(-2)", "x64").verdict, "errno 1");
});

test("conditions on different arguments must all hold; several on one are alternatives, as in runc", () => {
  const eq = (index: number, value: number) => ({ index, value, op: "SCMP_CMP_EQ" });
  assert.deepEqual(verdicts(errno([allow(["read"], { args: [eq(0, 1), eq(1, 2)] })]), ["read(1,2)", "read(1,3)"]), [
    "allow",
    "errno 1",
  ]);
  assert.deepEqual(
    verdicts(errno([allow(["read"], { args: [eq(0, 1), eq(0, 2)] })]), ["read(1)", "read(2)", "read(3)"]),
    ["allow", "allow", "errno 1"],
  );
});

test("a rule without conditions counts alone, whatever the order", () => {
  const some = {
    names: ["close"],
    action: "SCMP_ACT_ERRNO",
    errnoRet: 9,
    args: [{ index: 0, value: 3, op: "SCMP_CMP_EQ" }],
  };
  const profile = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [some, { names: ["close"], action: "SCMP_ACT_ERRNO", errnoRet: 7 }],
  };
  assert.deepEqual(verdicts(profile, ["close(3)", "close(4)"]), ["errno 7", "errno 7"]);
  assert.match(read(profile).lost.join(), /line 4: close: the rule of line \d+ has no conditions/);
});

test("rules that can both hold and say different things are refused", () => {
  const eq = (index: number, value: number, errnoRet: number) => ({
    names: ["close"],
    action: "SCMP_ACT_ERRNO",
    errnoRet,
    args: [{ index, value, op: "SCMP_CMP_EQ" }],
  });
  const profile = (second: object) => ({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [eq(0, 3, 5), second] });
  assert.throws(() => read(profile(eq(1, 4, 7))), /p\.json:\d+: close: this rule and the one of line 4 can both hold/);
  assert.deepEqual(verdicts(profile(eq(0, 4, 7)), ["close(3)", "close(4)", "close(5)"]), [
    "errno 5",
    "errno 7",
    "allow",
  ]);
});

test("includes and excludes ask for architecture, capabilities and kernel, as Docker does", () => {
  const rule = (more: object) =>
    verdicts(errno([allow(["read"], more), allow(["file_setattr"])]), ["read()"], machine)[0];
  const as = (capabilities: string[], more: object) =>
    verdicts(errno([allow(["read"], more)]), ["read()"], { ...machine, capabilities: new Set(capabilities) })[0];
  assert.equal(rule({ includes: { arches: ["amd64"] } }), "allow");
  assert.equal(rule({ includes: { arches: ["arm64", "s390x"] } }), "errno 1");
  assert.equal(rule({ excludes: { arches: ["amd64"] } }), "errno 1");
  assert.equal(rule({ includes: { minKernel: "4.8" } }), "allow");
  assert.equal(rule({ includes: { minKernel: "6.1" } }), "allow");
  assert.equal(rule({ includes: { minKernel: "6.2" } }), "errno 1");
  assert.equal(rule({ excludes: { minKernel: "5.9" } }), "errno 1");
  assert.equal(as(["CAP_SYS_ADMIN"], { includes: { caps: ["CAP_SYS_ADMIN"] } }), "allow");
  assert.notEqual(as([], { includes: { caps: ["CAP_SYS_ADMIN"] } }), "allow");
  assert.notEqual(as(["CAP_BPF"], { includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } }), "allow");
  assert.notEqual(as(["CAP_BPF"], { excludes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } }), "allow");
});

test("the old form with name, an OCI configuration, and both ways to name architectures are read", () => {
  const old = {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    syscalls: [{ name: "read", action: "SCMP_ACT_ALLOW", args: null }],
  };
  assert.deepEqual(verdicts(old, ["read()"]), ["allow"]);
  assert.match(read(old).lost.join(), /SCMP_ARCH_X86: calls of other architectures kill/);
  assert.deepEqual(verdicts({ ociVersion: "1.0.2", process: {}, linux: { seccomp: old } }, ["read()"]), ["allow"]);
  const mapped = errno([allow(["read"])], {
    archMap: [
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X32"] },
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
    ],
  });
  assert.deepEqual(read(mapped).lost, ["SCMP_ARCH_X32: calls of other architectures kill the process"]);
});

test("calls nobody knows are left out and told where they would be allowed, and refused where they would slip through", () => {
  const profile = errno([allow(["read", "raed", "stat64", "arm_fadvise64_64"])]);
  assert.deepEqual(read(profile).lost, ["raed: no system call known here"]);
  const open = (name: string) => ({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: [name], action: "SCMP_ACT_ERRNO" }],
  });
  assert.throws(
    () => read(open("raed")),
    /p\.json:4: .*there is no system call "raed" here, so it would not be refused/,
  );
  assert.doesNotThrow(() => read(open("vm86")));
});

const MISTAKES: readonly (readonly [string, string, RegExp])[] = [
  ["no JSON", '{ "defaultAction": "SCMP_ACT_ALLOW", }', /p\.json: .*JSON/],
  ["an unknown word", '{ "defaultAction": "SCMP_ACT_ALLOW",\n"sycalls": [] }', /p\.json:2: .*unknown word "sycalls"/],
  ["an unknown action", '{\n"defaultAction": "SCMP_ACT_YES" }', /p\.json:1: defaultAction: unknown action/],
  ["a supervisor's action", '{ "defaultAction": "SCMP_ACT_NOTIFY" }', /p\.json:1: .*needs a supervisor/],
  [
    "an unknown op",
    `{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [\n{ "names": ["read"], "action": "SCMP_ACT_ERRNO",\n"args": [{ "index": 0, "value": 1, "op": "EQ" }] }] }`,
    /p\.json:3: args: unknown op "EQ"/,
  ],
  [
    "an argument there is not",
    `{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ERRNO",\n"args": [{ "index": 6, "value": 1, "op": "SCMP_CMP_EQ" }] }] }`,
    /p\.json:2: index: 6 is not from 0 to 5/,
  ],
  [
    "a fraction",
    `{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ERRNO",\n"errnoRet": 1.5 }] }`,
    /p\.json:2: errnoRet: expected a whole number/,
  ],
  [
    "an errno that cannot be",
    '{ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000 }',
    /p\.json:1: defaultErrnoRet: 5000/,
  ],
  [
    "a key twice",
    '{ "defaultAction": "SCMP_ACT_ERRNO",\n"defaultAction": "SCMP_ACT_ALLOW" }',
    /p\.json:2: the key "defaultAction" stands there twice/,
  ],
  [
    "name and names",
    '{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{ "name": "read", "names": ["write"], "action": "SCMP_ACT_ALLOW" }] }',
    /name and names/,
  ],
  [
    "architectures and archMap",
    '{ "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"], "archMap": [{ "architecture": "SCMP_ARCH_X86_64" }] }',
    /architectures and archMap/,
  ],
  [
    "a kernel version that is none",
    '{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": { "minKernel": "4" } }] }',
    /minKernel: expected/,
  ],
  ["an unknown flag", '{ "defaultAction": "SCMP_ACT_ERRNO", "flags": ["X"] }', /flags: unknown X/],
];
for (const [name, text, message] of MISTAKES) {
  test(`${name} is refused with file and line`, () => {
    assert.throws(
      () => parsePolicy(text, "p.json", machine),
      (thrown) => thrown instanceof PolicyError && message.test(thrown.message),
    );
  });
}

test("the reader of JSON takes and refuses what JSON.parse does", () => {
  const texts = ["{}", "[]", '{"a":[1,2,{"b":null}],"c":"\\u0041\\n"}', " [ true , false ] ", '"x"', "-1.5e3"];
  const wrong = [
    "",
    "{",
    "[1,]",
    '{"a" 1}',
    "[1 2]",
    "{}x",
    "01",
    "1.",
    "tru",
    "'a'",
    '"\n"',
    "[1}",
    '{"a":1,}',
    "nul",
    "\u00a01",
  ];
  const plain = (text: string): unknown =>
    JSON.parse(
      JSON.stringify(readJson(text, "t"), (_, value) => {
        if (typeof value !== "object" || value === null || !("kind" in value)) return value;
        if (value.kind === "object") return Object.fromEntries(value.entries);
        if (value.kind === "list") return value.items;
        if (value.kind === "number") return Number(value.digits);
        return value.kind === "text" ? value.text : value.kind === "null" ? null : value.value;
      }),
    );
  for (const text of texts) assert.deepEqual(plain(text), JSON.parse(text), text);
  for (const text of wrong) {
    assert.throws(() => JSON.parse(text), SyntaxError, text);
    assert.throws(() => readJson(text, "t"), /^PolicyError: t:\d+: /, text);
  }
  assert.throws(() => readJson("[".repeat(100_000), "t"), /nested deeper/);
});
