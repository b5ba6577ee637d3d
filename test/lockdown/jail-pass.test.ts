/** The pass before a jail's filter: only the three calls, only with every one of its 192 bits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ARCHITECTURES, AUDIT_ARCH, callNumbers } from "../../src/host/call-numbers.ts";
import { ProgramTooLong, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, simulate } from "../../src/lockdown/bpf.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { newPass, withPass } from "../../src/lockdown/jail/pass.ts";
import type { Policy } from "../../src/lockdown/policy.ts";

/** Allows getpid, and read of descriptor 3; kills for everything else. */
const policy: Policy = {
  about: "a test",
  fallback: { kind: "kill" },
  rules: [
    { syscall: "getpid", why: "", conditions: [], action: { kind: "allow" } },
    {
      syscall: "read",
      why: "",
      conditions: [{ argument: 0, mask: 0xffffffffn, values: [3n] }],
      action: { kind: "allow" },
    },
  ],
};

for (const architecture of ARCHITECTURES) {
  const numbers = callNumbers(architecture);
  const audit = AUDIT_ARCH[architecture];

  test(`execve, write and exit_group pass with the word, and nothing else does (${architecture})`, () => {
    const pass = newPass();
    const program = withPass(compile(policy, architecture), pass, architecture);
    for (const [name, number] of numbers) {
      const passes = ["execve", "write", "exit_group", "getpid"].includes(name);
      const verdict = simulate(program, { number, audit, args: [0n, 0n, 0n, ...pass] });
      assert.equal(verdict, passes ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS, name);
    }
  });

  test(`one wrong bit, or another architecture, goes on to the filter (${architecture})`, () => {
    const pass = newPass();
    const program = withPass(compile(policy, architecture), pass, architecture);
    const number = numbers.get("execve") ?? assert.fail("execve");
    for (let bit = 0; bit < 192; bit++) {
      const words = pass.map((word, index) => (index === bit >> 6 ? word ^ (1n << BigInt(bit & 63)) : word));
      assert.equal(simulate(program, { number, audit, args: [0n, 0n, 0n, ...words] }), SECCOMP_RET_KILL_PROCESS);
    }
    const foreign = { number, audit: 0x40000003, args: [0n, 0n, 0n, ...pass] };
    assert.equal(simulate(program, foreign), SECCOMP_RET_KILL_PROCESS);
  });

  test(`what does not carry the word has the filter's own verdict (${architecture})`, () => {
    const filter = compile(policy, architecture);
    const program = withPass(filter, newPass(), architecture);
    for (const number of numbers.values()) {
      for (const first of [3n, 4n, 0x100000003n]) {
        const call = { number, audit, args: [first, 0n, 0n, 1n, 2n, 3n] };
        assert.equal(simulate(program, call), simulate(filter, call));
      }
    }
  });
}

test("each start draws its own word, and a filter that leaves no room is refused", () => {
  assert.notDeepEqual(newPass(), newPass());
  const [longest, room] = [new Uint8Array(4096 * 8), new Uint8Array(4000 * 8)];
  assert.throws(() => withPass(longest, newPass(), "x64"), ProgramTooLong);
  assert.ok(withPass(room, newPass(), "x64").length > room.length);
});
