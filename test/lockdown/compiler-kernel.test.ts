import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { AUDIT_ARCH, callNumbers, hostArchitecture } from "../../src/host/call-numbers.ts";
import { SECCOMP_RET_ALLOW, simulate } from "../../src/lockdown/bpf.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { readPolicy } from "../../src/lockdown/policy.ts";
import { pick, randomRules, WORDS } from "./random-policies.ts";
import { bundle } from "./toy.ts";

/** Calls that look at none of their arguments, change nothing and never fail: what they answer tells what the filter said. */
const HARMLESS = ["getppid", "getuid", "geteuid", "getgid", "getegid", "getpgrp", "sched_yield"];
const ROUNDS = 14;
const CALLS = 7200;

test("the kernel and the simulator agree on random policies and calls", async () => {
  const architecture = hostArchitecture();
  const numbers = callNumbers(architecture);
  const names = HARMLESS.filter((name) => numbers.has(name));
  const toy = await bundle("./toy-filtered.ts");
  for (let round = 0; round < ROUNDS; round++) {
    // getppid and its like never answer an error by themselves, so any errno is the filter's.
    const syscalls = randomRules(names);
    const program = compile(readPolicy({ about: "random", default: "allow", syscalls }), architecture);
    const calls = Array.from({ length: CALLS }, () => ({
      number: numbers.get(pick(names)) ?? assert.fail("no such call"),
      args: Array.from({ length: 6 }, () => pick(WORDS)),
    }));
    const said = execFileSync(process.execPath, ["--no-warnings", toy, Buffer.from(program).toString("hex")], {
      input: JSON.stringify(calls.map(({ number, args }) => [number, ...args])),
      maxBuffer: 2 ** 26,
    });
    const answers = JSON.parse(said.toString()) as number[];
    assert.equal(answers.length, CALLS);
    let refused = 0;
    calls.forEach(({ number, args }, index) => {
      const verdict = simulate(program, { number, audit: AUDIT_ARCH[architecture], args: args.map(BigInt) });
      const answer = answers[index] ?? 0;
      if (verdict === SECCOMP_RET_ALLOW) assert.ok(answer >= 0, `call ${number}(${args}) was refused: ${answer}`);
      else assert.equal(answer, -(verdict & 0xffff), `call ${number}(${args})`);
      if (answer < 0) refused++;
    });
    assert.ok(refused > 0 && refused < CALLS, `${refused} of ${CALLS} refused: the round shows nothing`);
  }
});
