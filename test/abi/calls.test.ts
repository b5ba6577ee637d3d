/** The call table: every line reads, and agrees with the host's own list of call numbers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { callNames, callOf, importName, signatureOf } from "../../src/abi/calls.ts";
import { callNumbers } from "../../src/host/call-numbers.ts";

test("numbers and names are those of Linux on x86-64", () => {
  const host = callNumbers("x64");
  assert.ok(callNames().length > 350);
  for (const name of callNames()) assert.equal(callOf(name).number, host.get(name), name);
});

test("the types of published calls", () => {
  assert.equal(signatureOf("read"), "iii");
  assert.equal(signatureOf("lseek"), "iIi");
  assert.equal(signatureOf("mmap"), "iiiiiI");
  assert.equal(signatureOf("poll"), "iIi");
  assert.equal(signatureOf("fcntl"), "iiI");
  assert.equal(signatureOf("prctl"), "iIIII");
  assert.equal(signatureOf("getpid"), "");
  assert.equal(importName("fadvise64"), "SYS_fadvise");
  assert.equal(importName("newfstatat"), "SYS_newfstatat");
});

test("a parameter says its length, its structure and whether it may be missing", () => {
  const [, iov, count] = callOf("readv").parameters;
  assert.deepEqual(iov, { name: "iov", role: "in", type: "i", structure: "iovec", length: 2, optional: false });
  assert.equal(count?.role, "int");
  assert.equal(callOf("rt_sigaction").parameters[2]?.optional, true);
});

test("a length is always a number of bytes or items, never a pointer", () => {
  for (const name of callNames()) {
    const { parameters } = callOf(name);
    for (const parameter of parameters) {
      if (parameter.length === undefined) continue;
      const role = parameters[parameter.length]?.role ?? "";
      assert.ok(["size", "count", "count64", "int"].includes(role), `${name}: ${parameter.name}`);
    }
  }
});

test("224 calls are typed by this table alone, the others by WALI", () => {
  assert.equal(callNames().filter((name) => !callOf(name).published).length, 224);
  assert.equal(callOf("preadv").published, false);
  assert.equal(callOf("statx").published, true);
});
