import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRNO_FAULT } from "../../src/abi/wasi-errno.ts";
import { Guest } from "./guest.ts";

function strings(
  guest: Guest,
  get: "args_get" | "environ_get",
  sizes: "args_sizes_get" | "environ_sizes_get",
): string[] {
  const count = guest.room(8);
  guest.must(sizes, count, count + 4);
  const table = guest.room(guest.u32(count) * 4);
  const bytes = guest.room(guest.u32(count + 4));
  guest.must(get, table, bytes);
  const found: string[] = [];
  for (let i = 0; i < guest.u32(count); i++) {
    const start = guest.u32(table + i * 4);
    const end = guest.memory.bytes.indexOf(0, start);
    found.push(guest.textAt(start, end - start));
  }
  return found;
}

test("arguments and environment arrive byte for byte, in order, each with its NUL", () => {
  const argv = ["prog", "", "-x", "\xff\xfe", "__proto__"];
  const env = ["A=1", "EMPTY=", "__proto__=x", "caf\xc3\xa9=\x80"];
  const guest = new Guest({ argv, env });
  assert.deepEqual(strings(guest, "args_get", "args_sizes_get"), argv);
  assert.deepEqual(strings(guest, "environ_get", "environ_sizes_get"), env);
});

test("no environment needs no room", () => {
  const guest = new Guest();
  const sizes = guest.room(8);
  guest.must("environ_sizes_get", sizes, sizes + 4);
  assert.deepEqual([guest.u32(sizes), guest.u32(sizes + 4)], [0, 0]);
  assert.equal(guest.call("environ_get", guest.memory.byteLength, guest.memory.byteLength), 0);
});

test("a bad address writes nothing", () => {
  const guest = new Guest({ argv: ["prog", "argument"] });
  const end = guest.memory.byteLength;
  const good = guest.room(16);
  assert.equal(guest.call("args_sizes_get", good, end - 3), ERRNO_FAULT);
  assert.equal(guest.call("args_sizes_get", end - 3, good), ERRNO_FAULT);
  assert.equal(guest.u32(good), 0);
  assert.equal(guest.call("args_get", end - 7, good), ERRNO_FAULT);
  assert.equal(guest.call("args_get", good, end - 13), ERRNO_FAULT);
  assert.equal(guest.call("args_get", -1, good), ERRNO_FAULT);
  assert.equal(guest.u32(good), 0);
  assert.equal(guest.call("args_get", end - 8, good), 0, "the last eight bytes are there");
});
