/** Whatever a policy says, it says the same in every format it can be written in: the simulator is the judge. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  NotExpressible,
  parsePolicy,
  writeContainerPolicy,
  writeLindenPolicy,
  writeMinijailPolicy,
} from "linden/lockdown";
import { type Architecture, AUDIT_ARCH, callNumbers } from "../../src/host/call-numbers.ts";
import { simulate, verdictText } from "../../src/lockdown/bpf.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { type Action, type Condition, emptyMeaning, type Policy, type Rule } from "../../src/lockdown/policy.ts";

let seed = 20261122;
function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}
function pick<T>(list: readonly T[]): T {
  return list[random(list.length)] ?? assert.fail("an empty list");
}

const WORD = (1n << 64n) - 1n;
const WORDS = [0n, 1n, 2n, 3n, 7n, 0xffffffffn, 0x100000000n, 0x100000001n, 0x8000000000000000n, WORD - 1n, WORD];
const MASKS = [WORD, WORD, WORD, 0xffffffffn, 3n, 0x100000001n, 0x8000000000000003n];
const NAMES = ["read", "write", "close", "mmap", "kill", "openat", "socket", "getpid"];
const ACTIONS: readonly Action[] = [
  { kind: "allow" },
  { kind: "allow" },
  { kind: "errno", errno: 1 },
  { kind: "errno", errno: 9 },
  { kind: "kill" },
  { kind: "log" },
  { kind: "trap" },
  { kind: "killThread" },
];

function condition(): Condition {
  for (;;) {
    const mask = pick(MASKS);
    const comparison = pick(["==", "==", "!=", "<", "<=", ">", ">="] as const);
    const many = (comparison === "==" || comparison === "!=") && random(3) === 0;
    const values = [pick(WORDS) & mask, ...(many ? [pick(WORDS) & mask] : [])];
    const made: Condition = { argument: random(3), mask, values, comparison };
    if (emptyMeaning(made) === undefined) return made;
  }
}

function policy(fallbacks: readonly Action[], actions: readonly Action[]): Policy {
  const rules: Rule[] = Array.from({ length: 1 + random(8) }, () => ({
    syscall: pick(NAMES),
    why: pick(["", "it needs it", 'a "quoted" reason # with marks \\']),
    conditions: Array.from({ length: random(3) }, condition),
    action: pick(actions),
  }));
  return { about: "a random policy", fallback: pick(fallbacks), rules };
}

function demandSame(first: Policy, second: Policy, architecture: Architecture, what: string): void {
  const numbers = callNumbers(architecture);
  const [a, b] = [first, second].map((each) => compile(each, architecture));
  assert.ok(a !== undefined && b !== undefined);
  const used = new Set(first.rules.map(({ syscall }) => syscall));
  for (let round = 0; round < 250; round++) {
    const name = random(8) === 0 ? pick([...numbers.keys()]) : pick([...used]);
    const near = first.rules.flatMap(({ conditions }) => conditions.flatMap(({ values }) => values));
    const args = Array.from({ length: 6 }, () => {
      const base = near.length > 0 && random(2) === 0 ? pick(near) : pick(WORDS);
      return (base + BigInt(random(3) - 1)) & WORD;
    });
    const call = { number: numbers.get(name) ?? assert.fail(name), audit: AUDIT_ARCH[architecture], args };
    assert.equal(verdictText(simulate(b, call)), verdictText(simulate(a, call)), `${what}: ${name}(${args})`);
  }
}

const ROUNDS = 150;

for (const architecture of ["x64", "arm64"] as const) {
  const machine = { architecture, capabilities: new Set<string>(), kernel: [6, 1] as const };

  test(`Linden's own format keeps every policy (${architecture})`, () => {
    for (let round = 0; round < ROUNDS; round++) {
      const before = policy(ACTIONS, ACTIONS);
      const { text, lost } = writeLindenPolicy(before);
      assert.deepEqual(lost, []);
      demandSame(before, parsePolicy(text, "p.json", machine).policy, architecture, text);
    }
  });

  for (const form of ["docker", "oci"] as const) {
    test(`a container profile (${form}) says what the policy said (${architecture})`, () => {
      let kept = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const before = policy(ACTIONS, ACTIONS);
        let text: string;
        try {
          text = writeContainerPolicy(before, architecture, form).text;
        } catch (error) {
          assert.ok(error instanceof NotExpressible, String(error));
          continue;
        }
        kept++;
        const read = parsePolicy(text, "p.json", machine);
        assert.equal(read.format, "container");
        demandSame(before, read.policy, architecture, text);
      }
      assert.ok(kept > ROUNDS * 0.6, `only ${kept} of ${ROUNDS} policies could be written`);
    });
  }

  test(`a Minijail policy says what the policy said (${architecture})`, () => {
    let kept = 0;
    let plain = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const simple = round % 2 === 0;
      const before = simple ? policy([{ kind: "kill" }], ACTIONS.slice(0, 3)) : policy(ACTIONS, ACTIONS);
      let written: ReturnType<typeof writeMinijailPolicy>;
      try {
        written = writeMinijailPolicy(before, architecture);
      } catch (error) {
        assert.ok(error instanceof NotExpressible, String(error));
        continue;
      }
      kept++;
      if (!written.text.includes("{")) plain++;
      const read = parsePolicy(written.text, "p.policy", machine);
      assert.equal(read.format, "minijail");
      demandSame(before, read.policy, architecture, written.text);
    }
    assert.ok(kept > ROUNDS * 0.6, `only ${kept} of ${ROUNDS} policies could be written`);
    assert.ok(plain > ROUNDS * 0.2, `only ${plain} of ${ROUNDS} are such that minijail0 reads them`);
  });
}
