import assert from "node:assert/strict";
import { test } from "node:test";
import { EACCES, EBADF, EEXIST, EFAULT, EINVAL, ENODEV, ENOMEM } from "../../src/abi/errno.ts";
import { O_CREAT, O_RDONLY, O_RDWR } from "../../src/abi/fcntl.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED } from "../../src/abi/mman.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { Guest, MOST_PAGES, WASM_PAGE } from "./guest.ts";

const PAGE = 4096;
const ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS;

function map(guest: Guest, length: number, flags = ANONYMOUS, address = 0): number {
  return guest.call("mmap", address, length, 3, flags, -1, 0n);
}

test("anonymous memory is zero, also where something was before", () => {
  const guest = new Guest();
  const first = map(guest, 3 * PAGE);
  guest.memory.bytes.fill(7, first, first + 3 * PAGE);
  guest.must("munmap", first, 3 * PAGE);
  const again = map(guest, 2 * PAGE + 1);
  assert.equal(again, first);
  assert.ok(guest.memory.bytes.subarray(again, again + 3 * PAGE).every((byte) => byte === 0));
});

test("a large file is copied in parts, and nobody sees the guest before it is whole", () => {
  const guest = new Guest();
  const fd = guest.open("big", O_RDWR | O_CREAT);
  const size = 3 * 1024 * 1024 + 10;
  guest.must("ftruncate", fd, BigInt(size));
  guest.must("pwrite64", fd, guest.text("end"), 3, BigInt(size - 3));
  assert.equal(guest.call("mmap", 0, size, 1, MAP_PRIVATE, fd, 0n), BLOCKED);
  // The number means something else by then.
  guest.process.descriptors.close(fd);
  assert.equal(takeSnapshot(guest.kernel).processes[0]?.threads[0]?.pending?.kind, "fill");
  guest.host.run(guest.kernel);
  const [at = 0] = guest.answers;
  assert.equal(guest.textAt(at + size - 3, 3), "end");
  assert.equal(guest.memory.bytes[at + size], 0);
});

test("moving a mapping carries its bytes, in parts where they are many", () => {
  const guest = new Guest();
  const from = map(guest, 2 * 1024 * 1024);
  map(guest, PAGE);
  guest.memory.bytes.fill(5, from, from + 2 * 1024 * 1024);
  assert.equal(guest.call("mremap", from, 2 * 1024 * 1024, 4 * 1024 * 1024, 1, 0), BLOCKED);
  guest.host.run(guest.kernel);
  const [to = 0] = guest.answers;
  const bytes = guest.memory.bytes.subarray(to, to + 4 * 1024 * 1024);
  assert.ok(bytes.subarray(0, 2 * 1024 * 1024).every((byte) => byte === 5));
  assert.ok(bytes.subarray(2 * 1024 * 1024).every((byte) => byte === 0));
});

test("a private mapping of a file cannot grow, and stays as it is", () => {
  const guest = new Guest();
  guest.file("f", "content");
  const fd = guest.open("f", O_RDONLY);
  const at = guest.call("mmap", 0, PAGE, 3, MAP_PRIVATE, fd, 0n);
  assert.equal(guest.call("mremap", at, PAGE, 2 * PAGE, 1, 0), -ENOMEM);
  assert.equal(guest.textAt(at, 7), "content");
  assert.equal(guest.call("mremap", at, PAGE, PAGE, 1, 0), at);
});

test("what mmap refuses", () => {
  const guest = new Guest();
  const readable = guest.file("f", "content");
  const only = guest.open("f", O_RDONLY);
  const call = (length: number, flags: number, fd: number, offset = 0n, address = 0): number =>
    guest.call("mmap", address, length, 3, flags, fd, offset);
  assert.equal(call(0, ANONYMOUS, -1), -EINVAL);
  assert.equal(call(PAGE, MAP_ANONYMOUS, -1), -EINVAL);
  assert.equal(call(PAGE, MAP_PRIVATE, 99), -EBADF);
  assert.equal(call(PAGE, MAP_PRIVATE, 0), -ENODEV);
  assert.equal(call(PAGE, MAP_PRIVATE, readable, 100n), -EINVAL);
  assert.equal(call(PAGE, MAP_PRIVATE, readable, -4096n), -EINVAL);
  assert.equal(call(PAGE, MAP_SHARED, only), -EACCES);
  assert.equal(call(0xffff_ffff, ANONYMOUS, -1), -ENOMEM);
  assert.equal(call(MOST_PAGES * WASM_PAGE, ANONYMOUS, -1), -ENOMEM);
  assert.equal(call(PAGE, ANONYMOUS | MAP_FIXED, -1, 0n, 0), -ENOMEM, "the program's own data");
  assert.equal(call(PAGE, ANONYMOUS | MAP_FIXED, -1, 0n, 100), -EINVAL);
  assert.equal(call(PAGE, ANONYMOUS | MAP_FIXED, -1, 0n, 0xffff_f000), -ENOMEM);
  const there = map(guest, PAGE);
  assert.equal(call(PAGE, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0n, there), -EEXIST);
});

test("mremap, mprotect and madvise want what is mapped", () => {
  const guest = new Guest();
  const at = map(guest, PAGE);
  assert.equal(guest.call("mremap", at + 8 * PAGE, PAGE, 2 * PAGE, 1, 0), -EFAULT);
  assert.equal(guest.call("mremap", at + 1, PAGE, 2 * PAGE, 1, 0), -EINVAL);
  assert.equal(guest.call("mremap", at, PAGE, 2 * PAGE, 8, 0), -EINVAL);
  assert.equal(guest.call("mprotect", at, 2 * PAGE, 1), -ENOMEM);
  assert.equal(guest.call("mprotect", at, PAGE, 99), -EINVAL);
  assert.equal(guest.call("madvise", at, 2 * PAGE, 4), -ENOMEM);
  assert.equal(guest.call("munmap", at, 0), -EINVAL);
});

test("brk answers the break it has, and moves it when it can", () => {
  const guest = new Guest();
  const start = guest.must("brk", 0);
  assert.equal(guest.call("brk", start + 10_000), start + 10_000);
  guest.memory.bytes.fill(9, start, start + 10_000);
  assert.equal(guest.call("brk", start), start);
  assert.equal(guest.call("brk", start + 10_000), start + 10_000);
  assert.equal(guest.memory.bytes[start + 5000], 0);
  assert.equal(guest.call("brk", 0xffff_ffff), start + 10_000);
});
