/** Whatever a policy file holds, reading it answers a policy or one of our errors, in time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LockdownError, type Machine, PolicyError, ProgramTooLong, parsePolicy } from "linden/lockdown";
import { compile } from "../../src/lockdown/compiler.ts";
import { processorMs } from "../processor-time.ts";

const machine: Machine = { architecture: "x64", capabilities: new Set(), kernel: [6, 1] };
let seed = 20261123;
function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}
function pick<T>(list: readonly T[]): T {
  return list[random(list.length)] ?? assert.fail("an empty list");
}

const SEEDS = [
  "read: 1\nwrite: arg0 == 1 && arg2 in ~(O_RDONLY|0x7) || arg1 & 3; return EPERM\nmmap: arg2 in ~PROT_EXEC \\\n || arg3 < 010\n",
  "@default kill\n{ read, write[arch=x86_64] }: { arg0 == 0; log, arg1 != -1; return 5, trap }\n@frequency ./x\nclose: allow\n",
  "@denylist\nbpf: return EPERM\nsocket: arg0 >= 3; return EACCES\n",
  JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
    syscalls: [
      {
        names: ["read", "write"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 3, valueTwo: 1, op: "SCMP_CMP_MASKED_EQ" }],
        comment: "x",
      },
      {
        names: ["close"],
        action: "SCMP_ACT_KILL",
        includes: { caps: ["CAP_X"], minKernel: "4.8" },
        excludes: { arches: ["arm64"] },
      },
    ],
  }),
  JSON.stringify({
    about: "x",
    default: { errno: "EPERM" },
    newer: { above: "close", action: "kill" },
    syscalls: [{ syscall: "read", why: "x", args: [{ arg: 0, bits: 32, in: [1, 2] }] }],
  }),
];
const PIECES = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  ";",
  "\\\n",
  "\n",
  "#",
  "@include /",
  "arg0",
  "||",
  "&&",
  "~",
  "((((",
  "-",
  "0x",
  "18446744073709551616",
  '"',
  "null",
  "1e9",
  "\u0000",
  "é",
  "__proto__",
  "constructor",
  "return",
  "kill",
  "in",
];

function mutated(text: string): string {
  let result = text;
  for (let count = 1 + random(2); count > 0; count--) {
    const at = random(result.length + 1);
    const kind = random(4);
    if (kind === 0) result = result.slice(0, at) + pick(PIECES) + result.slice(at);
    else if (kind === 1) result = result.slice(0, at) + result.slice(at + 1 + random(6));
    else if (kind === 2) result = result.slice(0, at) + result.slice(random(result.length + 1));
    else result = result.slice(0, at) + String.fromCharCode(32 + random(95)) + result.slice(at + 1);
  }
  return result.slice(0, 20_000);
}

test("mutated policies of every format are read, or refused by an error of ours", () => {
  let read = 0;
  for (let round = 0; round < 6000; round++) {
    const text = mutated(pick(SEEDS));
    try {
      const { policy } = parsePolicy(text, "/nowhere/fuzz.policy", machine);
      compile(policy, "x64");
      read++;
    } catch (error) {
      const ours = error instanceof PolicyError || error instanceof LockdownError || error instanceof ProgramTooLong;
      if (!ours) throw new Error(`${String(error)} for ${JSON.stringify(text)}`, { cause: error });
    }
  }
  assert.ok(read > 60 && read < 5700, `${read} of 6000 read: that shows nothing`);
});

test("deep and long texts are refused quickly", () => {
  const texts = [
    `read: arg0 == ${"(".repeat(100_000)}1`,
    `read: arg0 == ${"~".repeat(100_000)}1`,
    `read: ${Array.from({ length: 30_000 }, (_, at) => `arg0 == ${at}`).join(" || ")}`,
    `{"defaultAction":${"[".repeat(100_000)}`,
    `${"{".repeat(100_000)}`,
    JSON.stringify({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: Array.from({ length: 10_000 }, (_, value) => ({
        names: ["read"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value, op: "SCMP_CMP_NE" }],
      })),
    }),
  ];
  for (const text of texts) {
    const start = processorMs();
    assert.throws(
      () => compile(parsePolicy(text, "/nowhere/deep", machine).policy, "x64"),
      (error) => error instanceof PolicyError || error instanceof LockdownError || error instanceof ProgramTooLong,
      text.slice(0, 40),
    );
    assert.ok(processorMs() - start < 5000, text.slice(0, 40));
  }
});
