/** The table and the specification of the calls: every call once, every import of WALI's, the page that is printed from it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { syscallsPage } from "../../scripts/syscalls-page.ts";
import { callNames, callOf, IMPORT_ALIASES, importName, signatureOf, WALI_FUNCTIONS } from "../../src/abi/calls.ts";
import { ENOSYS } from "../../src/abi/errno.ts";
import { wordsOf } from "../../src/engine/binding.ts";
import { SYSCALLS, waliCalls } from "../../src/syscalls/table.ts";
import { Guest } from "./guest.ts";

test("every call of Linux has exactly one row", () => {
  assert.deepEqual(SYSCALLS.map(({ name }) => name).sort(), callNames().sort());
});

test("every import of the interface is offered with its own type", () => {
  for (const name of callNames()) {
    const offered = waliCalls().filter((call) => call.name === importName(name));
    const types = offered.map(({ parameters, result }) => `${parameters}>${result}`);
    const typed = `${signatureOf(name)}>I`;
    assert.deepEqual(types, callOf(name).published || typed === ">I" ? [typed] : [typed, ">I"], name);
  }
  for (const [alias, name] of Object.entries(IMPORT_ALIASES)) {
    const offered = waliCalls().filter((call) => call.name === alias);
    assert.deepEqual(
      offered.map(({ parameters }) => parameters),
      [signatureOf(name)],
      alias,
    );
  }
  for (const [name, { parameters, result }] of Object.entries(WALI_FUNCTIONS)) {
    const offered = waliCalls().filter((call) => call.name === name);
    assert.deepEqual(
      offered.map((call) => [call.parameters, call.result]),
      [[parameters, result]],
      name,
    );
  }
});

test("no handler takes more words than its call has", () => {
  for (const { name, begin } of SYSCALLS) {
    assert.ok(begin.length <= wordsOf(signatureOf(name)) + 1, `${name} takes ${begin.length - 1} words`);
  }
});

test("every row but a full one says what is different", () => {
  for (const { name, level, note } of SYSCALLS) assert.equal(note !== "", level !== "full", name);
});

test("an absent call answers ENOSYS, and only an absent one does", () => {
  const guest = new Guest();
  for (const { name, level } of SYSCALLS) {
    if (level !== "ENOSYS") continue;
    const args = [...signatureOf(name)].map((type) => (type === "I" ? 0n : 0));
    assert.equal(guest.call(name, ...args), -ENOSYS, name);
  }
});

test("docs/syscalls.md is what scripts/syscalls-page.ts prints", () => {
  const page = fileURLToPath(new URL("../../docs/syscalls.md", import.meta.url));
  assert.equal(readFileSync(page, "utf8"), syscallsPage(), "run: node scripts/syscalls-page.ts > docs/syscalls.md");
});
