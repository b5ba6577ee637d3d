import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIT_ARCH, callNumbers } from "../../src/host/call-numbers.ts";
import { type Call, disassemble, simulate } from "../../src/lockdown/bpf.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { PolicyError, readPolicy } from "../../src/lockdown/policy.ts";

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const errno = (number: number) => 0x00050000 | number;
const numbers = callNumbers("x64");
const number = (name: string) => numbers.get(name) ?? assert.fail(name);
const filter = (...syscalls: object[]) => compile(readPolicy({ about: "test", default: "kill", syscalls }), "x64");
const call = (name: string, ...args: (number | bigint)[]): Call => ({
  number: number(name),
  audit: AUDIT_ARCH.x64,
  args: args.map(BigInt),
});

test("allows what a rule names and kills the rest", () => {
  const program = filter({ syscall: "read", why: "frames" }, { syscall: "write", why: "frames" });
  assert.equal(simulate(program, call("read")), ALLOW);
  assert.equal(simulate(program, call("write")), ALLOW);
  assert.equal(simulate(program, call("open")), KILL);
  assert.equal(simulate(program, { number: -1, audit: AUDIT_ARCH.x64, args: [] }), KILL);
});

test("kills foreign architectures and x32 even under a policy that allows everything", () => {
  const program = compile(
    readPolicy({ about: "t", default: "allow", syscalls: [{ syscall: "read", why: "w" }] }),
    "x64",
  );
  assert.equal(simulate(program, call("open")), ALLOW);
  assert.equal(simulate(program, { ...call("read"), audit: AUDIT_ARCH.arm64 }), KILL);
  assert.equal(simulate(program, { ...call("read"), audit: 0x40000003 }), KILL);
  assert.equal(simulate(program, { ...call("read"), number: 0x40000000 }), KILL);
  assert.equal(simulate(program, { ...call("read"), number: 0x3fffffff }), ALLOW);
});

test("compares both halves of a 64-bit argument", () => {
  const program = filter({ syscall: "lseek", why: "w", args: [{ arg: 1, eq: "0x1_0000_0002".replaceAll("_", "") }] });
  assert.equal(simulate(program, call("lseek", 0, 0x100000002n)), ALLOW);
  assert.equal(simulate(program, call("lseek", 0, 2)), KILL);
  assert.equal(simulate(program, call("lseek", 0, 0x100000003n)), KILL);
  assert.equal(simulate(program, call("lseek", 0x100000002n, 0)), KILL);
});

test("32-bit comparisons ignore the upper half, as the kernel does with an int", () => {
  const program = filter({ syscall: "mmap", why: "w", args: [{ arg: 4, bits: 32, eq: -1 }] });
  assert.equal(simulate(program, call("mmap", 0, 0, 0, 0, -1, 0)), ALLOW);
  assert.equal(simulate(program, call("mmap", 0, 0, 0, 0, 0xffffffffn, 0)), ALLOW);
  assert.equal(simulate(program, call("mmap", 0, 0, 0, 0, 0x7_ffff_ffffn, 0)), ALLOW);
  assert.equal(simulate(program, call("mmap", 0, 0, 0, 0, 3, 0)), KILL);
});

test("masks, lists, several conditions and several rules of one call", () => {
  const program = filter(
    {
      syscall: "fcntl",
      why: "w",
      args: [
        { arg: 1, in: [3, 4] },
        { arg: 0, mask: "0xf0", eq: "0x10" },
      ],
    },
    { syscall: "fcntl", why: "w", args: [{ arg: 1, eq: 9 }], action: { errno: "EACCES" } },
    { syscall: "fcntl", why: "w", action: { errno: "EPERM" } },
  );
  assert.equal(simulate(program, call("fcntl", 0x1f, 3)), ALLOW);
  assert.equal(simulate(program, call("fcntl", 0x1f, 4)), ALLOW);
  assert.equal(simulate(program, call("fcntl", 0x2f, 4)), errno(1));
  assert.equal(simulate(program, call("fcntl", 0x1f, 5)), errno(1));
  assert.equal(simulate(program, call("fcntl", 0x1f, 9)), errno(13));
});

test("jumps reach their targets however long the program is", () => {
  const names = [...numbers.keys()].slice(0, 300);
  const values = Array.from({ length: 400 }, (_, index) => index * 3);
  const syscalls = names.map((syscall, index) =>
    index === 150 ? { syscall, why: "w", args: [{ arg: 0, in: values }] } : { syscall, why: "w" },
  );
  const program = filter(...syscalls);
  const chosen = names[150] ?? assert.fail();
  for (const name of names) {
    const expected = name === chosen ? KILL : ALLOW;
    assert.equal(simulate(program, call(name, 1)), expected, name);
  }
  assert.equal(simulate(program, call(chosen, 1197)), ALLOW);
  assert.equal(simulate(program, { number: 5000, audit: AUDIT_ARCH.x64, args: [] }), KILL);
  const huge = Array.from({ length: 4200 }, (_, index) => index);
  assert.throws(() => filter({ syscall: "read", why: "w", args: [{ arg: 0, in: huge }] }), /4096/);
});

test("a policy with a mistake is refused by name", () => {
  const refused = (rule: object, pattern: RegExp) =>
    assert.throws(
      () => filter(rule),
      (error: unknown) => error instanceof PolicyError && pattern.test(error.message),
    );
  refused({ syscall: "raed", why: "w" }, /raed/);
  refused({ syscall: "read" }, /why/);
  refused({ syscall: "read", why: " " }, /why/);
  refused({ syscall: "read", why: "w", arguments: [] }, /unknown word "arguments"/);
  refused({ syscall: "read", why: "w", args: [] }, /at least one/);
  refused({ syscall: "read", why: "w", args: [{ arg: 6, eq: 0 }] }, /0 to 5/);
  refused({ syscall: "read", why: "w", args: [{ arg: 0 }] }, /exactly one of in, eq/);
  refused({ syscall: "read", why: "w", args: [{ arg: 0, eq: 1, lt: 2 }] }, /exactly one of/);
  refused({ syscall: "read", why: "w", args: [{ arg: 0, lt: 0 }] }, /unsigned.*never holds/);
  refused({ syscall: "read", why: "w", args: [{ arg: 0, ge: 0 }] }, /unsigned.*always holds/);
  refused({ syscall: "read", why: "w", args: [{ arg: 0, bits: 32, gt: "0xffffffff" }] }, /never holds/);
  refused({ syscall: "read", why: "w", args: [{ arg: 0, le: -1 }] }, /always holds/);
  refused({ syscall: "read", why: "w", args: [{ arg: 0, mask: 1, eq: 2 }] }, /never holds/);
  refused({ syscall: "read", why: "w", args: [{ arg: 0, mask: 0, eq: 0 }] }, /mask of 0/);
  refused({ syscall: "read", why: "w", action: "ignore" }, /expected "allow"/);
  refused({ syscall: "read", why: "w", action: { errno: "constructor" } }, /expected "allow"/);
  const twice = { syscall: "read", why: "w" };
  assert.throws(() => filter(twice, twice), /never be reached/);
});

test("comparisons at the edges of both halves, in 32 and 64 bits", () => {
  const edges = [0n, 1n, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn, 0x100000000n, 0x100000001n, 0x1ffffffffn];
  const words = [...edges, 0xffffffff00000000n, 0xfffffffffffffffen, 0xffffffffffffffffn];
  const holds: Record<string, (a: bigint, b: bigint) => boolean> = {
    eq: (a, b) => a === b,
    ne: (a, b) => a !== b,
    lt: (a, b) => a < b,
    le: (a, b) => a <= b,
    gt: (a, b) => a > b,
    ge: (a, b) => a >= b,
  };
  for (const bits of [32, 64] as const) {
    for (const [word, truth] of Object.entries(holds)) {
      for (const bound of words.map((each) => BigInt.asUintN(bits, each))) {
        const last = bits === 32 ? 0xffffffffn : 0xffffffffffffffffn;
        if (
          (bound === 0n && (word === "lt" || word === "ge")) ||
          (bound === last && (word === "gt" || word === "le"))
        ) {
          continue;
        }
        const program = filter({ syscall: "read", why: "w", args: [{ arg: 2, bits, [word]: `${bound}` }] });
        for (const value of words) {
          const expected = truth(BigInt.asUintN(bits, value), bound) ? ALLOW : KILL;
          assert.equal(simulate(program, call("read", 0, 0, value)), expected, `${value} ${word} ${bound} (${bits})`);
        }
      }
    }
  }
});

test("no redundant instruction: one load for many values, and for many rules about one argument", () => {
  const loads = (program: Uint8Array<ArrayBuffer>) => disassemble(program).filter((line) => / = arg/.test(line)).length;
  const separate = [1, 2, 3].map((eq) => ({ syscall: "write", why: "w", args: [{ arg: 0, bits: 32, eq }] }));
  assert.equal(loads(filter(...separate)), 1);
  assert.equal(loads(filter({ syscall: "write", why: "w", args: [{ arg: 0, in: [1, 2, 3] }] })), 2);
  assert.equal(loads(filter({ syscall: "write", why: "w", args: [{ arg: 0, ge: "0x500000000" }] })), 1);
});

test("agrees with a direct reading of the policy on random policies and calls", () => {
  let seed = 12345;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const interesting = [
    0n,
    1n,
    2n,
    3n,
    0xffffffffn,
    0x100000000n,
    0x100000001n,
    0xffffffffffffffffn,
    0x8000000000000000n,
  ];
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] ?? assert.fail();
  const names = [...numbers.keys()];
  for (let round = 0; round < 200; round++) {
    const syscalls = Array.from({ length: 1 + random(60) }, () => {
      const args = Array.from({ length: 1 + random(3) }, () => {
        const bits = pick([32, 64] as const);
        const narrow = (value: bigint) => `0x${BigInt.asUintN(bits, value).toString(16)}`;
        const mask = BigInt.asUintN(bits, pick(interesting)) | 1n;
        const shape = random(6);
        const bound = 1n + BigInt(random(3)) * BigInt.asUintN(bits - 3, pick(interesting));
        if (shape === 3) return { arg: random(6), bits, ne: narrow(pick(interesting)) };
        if (shape > 3) return { arg: random(6), bits, [pick(["lt", "le", "gt", "ge"])]: `${bound}` };
        if (shape === 0) return { arg: random(6), bits, eq: narrow(pick(interesting)) };
        if (shape === 1) return { arg: random(6), bits, in: [narrow(pick(interesting)), narrow(pick(interesting))] };
        return { arg: random(6), bits, mask: `0x${mask.toString(16)}`, eq: narrow(pick(interesting) & mask) };
      });
      return { syscall: pick(names), why: "w", args, action: pick(["allow", "kill", { errno: "EPERM" }]) };
    });
    const policy = readPolicy({ about: "random", default: { errno: "ENOSYS" }, syscalls });
    const program = compile(policy, "x64");
    for (let trial = 0; trial < 100; trial++) {
      const name = random(3) === 0 ? pick(names) : pick(syscalls).syscall;
      const args = Array.from({ length: 6 }, () => pick(interesting));
      const first = policy.rules.find(
        (rule) =>
          rule.syscall === name &&
          rule.conditions.every(({ argument, mask, values, comparison = "==" }) => {
            const asked = (args[argument] ?? 0n) & mask;
            const [value = 0n] = values;
            if (comparison === "==") return values.includes(asked);
            if (comparison === "!=") return !values.includes(asked);
            if (comparison === "<") return asked < value;
            if (comparison === "<=") return asked <= value;
            return comparison === ">" ? asked > value : asked >= value;
          }),
      );
      const action = first?.action ?? policy.fallback;
      const expected = action.kind === "errno" ? errno(action.errno) : action.kind === "kill" ? KILL : ALLOW;
      assert.equal(simulate(program, call(name, ...args)), expected);
    }
  }
});
