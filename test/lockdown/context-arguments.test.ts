/** Comparisons of arguments, 32 and 64 bit, as the real kernel makes them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { says } from "./locked.ts";

/** getpgrp looks at no argument: whatever is refused, the filter refused. */
const PROBE = (rules: string) => `
  const rules = { name: "Probe", simpleRules: () => [], conditionalRules: () => [${rules}] };
  SafetyContext.bare().enable(stdio()).enable(rules).applyToCurrentThread();
  const call = (...args: (number | bigint)[]) => namedCall("getpgrp", ...args) > 0;
  const rule = (): lockdown.SeccompRule => new SeccompRule("getpgrp");
`;
const END = 'namedCall("exit_group", 0);';

const VALUES = ["0", "4", "5", "6", "0xffffffffn", "0x100000005n", "-1"];

const EXPECTED: Record<string, readonly boolean[]> = {
  "arg(0).eq(5)": [false, false, true, false, false, false, false],
  "arg(0).ne(5)": [true, true, false, true, true, true, true],
  "arg(0).lt(5)": [true, true, false, false, false, false, false],
  "arg(0).le(5)": [true, true, true, false, false, false, false],
  "arg(0).gt(5)": [false, false, false, true, true, true, true],
  "arg(0).ge(5)": [false, false, true, true, true, true, true],
  "arg(0).gt(0xffffffffn)": [false, false, false, false, false, true, true],
  "arg(0).le(0xffffffffn)": [true, true, true, true, true, false, false],
  "arg(0).masked(4).eq(4)": [false, true, true, true, true, true, true],
  "arg(0).masked(0x100000000n).eq(0)": [true, true, true, true, true, false, false],
  "arg(0).in(5, 6, 0x100000005n)": [false, false, true, true, false, true, false],
  // The kernel passes 64 bits; a caller may have sign-extended its int or not. 32-bit conditions do not care.
  "arg32(0).eq(5)": [false, false, true, false, false, true, false],
  "arg32(0).eq(-1)": [false, false, false, false, true, false, true],
  "arg(0).eq(-1)": [false, false, false, false, false, false, true],
  "arg32(0).lt(6)": [true, true, true, false, false, true, false],
  "arg32(0).ge(0x80000000)": [false, false, false, false, true, false, true],
};

/** Calls that look at none of their arguments and never fail. */
const HARMLESS = ["getpgrp", "getuid", "geteuid", "getgid", "getegid", "getppid"];

test("every comparison, in both widths", async () => {
  const pending = Object.entries(EXPECTED);
  while (pending.length > 0) {
    const batch = pending.splice(0, HARMLESS.length);
    const rules = batch.map(
      ([expression], index) => `new SeccompRule("${HARMLESS[index]}").andCondition(${expression})`,
    );
    const asked = batch.map((_, index) => `[${VALUES}].map((value) => namedCall("${HARMLESS[index]}", value) >= 0)`);
    const said = await says(`
      const rules = { name: "Probe", simpleRules: () => [], conditionalRules: () => [${rules}] };
      SafetyContext.bare().enable(stdio()).enable(rules).applyToCurrentThread();
      for (const answers of [${asked}]) say(answers);
      ${END}`);
    batch.forEach(([expression, expected], index) => {
      assert.deepEqual(said[index], expected, expression);
    });
  }
});

test("conditions of one rule AND together, rules OR together", async () => {
  const rules = `
    new SeccompRule("getpgrp").andCondition(arg(0).eq(1)).andCondition(arg(5).eq(2)),
    new SeccompRule("getpgrp").andCondition(arg(1).gt(7))`;
  const said = await says(`${PROBE(rules)}
    say([call(1, 0, 0, 0, 0, 2), call(1, 0, 0, 0, 0, 3), call(0, 0, 0, 0, 0, 2), call(0, 8), call(0, 7), call(1, 8, 0, 0, 0, 3)]);
    ${END}`);
  assert.deepEqual(said, [[true, false, false, true, false, true]]);
});

test("a condition on an argument the call does not have still decides", async () => {
  const said = await says(`
    const rules = { name: "Unused", simpleRules: () => [], conditionalRules: () => [new SeccompRule("getuid").andCondition(arg(3).eq(9))] };
    SafetyContext.bare().enable(stdio()).enable(rules).withErrno(77).applyToCurrentThread();
    say([namedCall("getuid", 0, 0, 0, 9) >= 0, namedCall("getuid", 0, 0, 0, 8)]);
    ${END}`);
  assert.deepEqual(said, [[true, -77]]);
});
