/** Guests as Linux programs, built by linden cc, over engine, kernel and memory file system in this process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { importName } from "../../src/abi/calls.ts";
import { FAMILIES } from "../../src/syscalls/table.ts";
import { LINUX_GUESTS, testGuests } from "./guests.ts";
import { callsMade, runGuest } from "./in-process.ts";
import { LINDEN_CC } from "./linden-cc.ts";

const place = { where: "as a Linux program", run: runGuest, compiler: LINDEN_CC };
testGuests(place);
testGuests({ ...place, names: LINUX_GUESTS });

/** Families of calls whose answers cannot be Linux's, and why. */
const APART: ReadonlyMap<string, string> = new Map([
  ["Sockets", "a sandbox has no network yet"],
  ["Refused", "what a superuser may do to a machine nobody may do to a sandbox"],
]);

/** Calls that no guest makes, and why. */
const UNASKED: ReadonlyMap<string, string> = new Map([
  ["settimeofday", "it would set this machine's clock"],
  ["adjtimex", "it would set this machine's clock"],
  ["clock_adjtime", "it would set this machine's clock"],
  ["capset", "capabilities go with user 0, and are his to give up on Linux alone"],
]);

test("every call that is answered is made by a guest", { skip: LINDEN_CC.missing ?? false }, () => {
  const answered = [...FAMILIES]
    .filter(([family]) => !APART.has(family))
    .flatMap(([, rows]) => rows.filter(({ level }) => level !== "ENOSYS"));
  const unasked = answered.filter(({ name }) => !callsMade.has(importName(name))).map(({ name }) => name);
  assert.deepEqual(unasked.toSorted(), [...UNASKED.keys()].toSorted());
});
