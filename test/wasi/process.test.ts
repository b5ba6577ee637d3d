import assert from "node:assert/strict";
import { test } from "node:test";
import * as errno from "../../src/abi/wasi-errno.ts";
import { BLOCKED, GONE } from "../../src/kernel/contracts.ts";
import { Guest, ROOT } from "./guest.ts";

test("an exit code is any u32, its status the low eight bits", () => {
  for (const [code, status] of [
    [0, 0],
    [7, 7],
    [255, 255],
    [256, 0],
    [-1, 255],
    [0x8000_0001, 1],
  ] as const) {
    const guest = new Guest();
    assert.equal(guest.call("proc_exit", code), GONE);
    guest.host.run(guest.kernel);
    assert.deepEqual(guest.ended, { code: status, signal: 0 });
  }
});

test("WASI's signals are Linux's by name", () => {
  for (const [signal, linux] of [
    [6, 6],
    [9, 9],
    [15, 15],
    [23, 24],
    [24, 25],
    [30, 31],
  ] as const) {
    const guest = new Guest();
    assert.equal(guest.call("proc_raise", signal), GONE);
    guest.host.run(guest.kernel);
    assert.equal(guest.ended?.signal, linux);
  }
  const guest = new Guest();
  for (const harmless of [0, 16, 17]) guest.must("proc_raise", harmless);
  assert.equal(guest.call("proc_raise", 31), errno.ERRNO_INVAL);
  assert.equal(guest.call("proc_raise", -1), errno.ERRNO_INVAL);
  assert.equal(guest.ended, undefined);
});

test("yielding comes back", () => {
  const guest = new Guest();
  guest.must("sched_yield");
  guest.host.now += 1e9;
  assert.equal(guest.call("sched_yield"), BLOCKED);
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [0]);
});

test("random bytes fill exactly what was asked for, however much", () => {
  const guest = new Guest();
  const at = guest.room(8);
  guest.must("random_get", at + 1, 6);
  assert.deepEqual([...guest.memory.bytes.subarray(at, at + 8)], [0, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0]);
  guest.must("random_get", guest.memory.byteLength, 0);
  guest.wasmMemory.grow(60);
  const start = 2 * 65_536;
  assert.equal(guest.call("random_get", start, 3_000_000), BLOCKED);
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [0]);
  assert.equal(guest.memory.bytes[start + 2_999_999], 0xa5);
  assert.equal(guest.memory.bytes[start + 3_000_000], 0);
  for (const [address, length] of [
    [guest.memory.byteLength - 1, 2],
    [-1, 2],
    [-1, -1],
    [0, 0x8000_0000],
  ] as const) {
    assert.equal(guest.call("random_get", address, length), errno.ERRNO_FAULT);
  }
});

test("nothing here is a socket", () => {
  const guest = new Guest();
  const at = guest.room(16);
  for (const [fd, expected] of [
    [0, errno.ERRNO_NOTSOCK],
    [ROOT, errno.ERRNO_NOTSOCK],
    [guest.file("f"), errno.ERRNO_NOTSOCK],
    [99, errno.ERRNO_BADF],
    [-1, errno.ERRNO_BADF],
  ] as const) {
    assert.equal(guest.call("sock_accept", fd, 0, at), expected);
    assert.equal(guest.call("sock_recv", fd, at, 1, 0, at, at), expected);
    assert.equal(guest.call("sock_send", fd, at, 1, 0, at), expected);
    assert.equal(guest.call("sock_shutdown", fd, 1), expected);
  }
});
