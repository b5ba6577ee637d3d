import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOCKID_MONOTONIC, CLOCKID_PROCESS_CPUTIME_ID, CLOCKID_REALTIME } from "../../src/abi/wasi.ts";
import { ERRNO_FAULT, ERRNO_INVAL } from "../../src/abi/wasi-errno.ts";
import { Guest } from "./guest.ts";

test("each clock is told to the nanosecond", () => {
  const guest = new Guest();
  guest.host.now = 1_234_567_891;
  const time = guest.room(8);
  guest.must("clock_time_get", CLOCKID_REALTIME, 0n, time);
  assert.equal(guest.u64(time), 1_700_000_001_234_567_891n);
  guest.must("clock_time_get", CLOCKID_MONOTONIC, (1n << 64n) - 1n, time);
  assert.equal(guest.u64(time), 1_234_567_891n);
  guest.must("clock_time_get", CLOCKID_PROCESS_CPUTIME_ID, 0n, time);
  assert.equal(guest.u64(time), 234_567_891n);
});

test("clocks have a resolution of a nanosecond", () => {
  const guest = new Guest();
  const time = guest.room(8);
  for (const id of [0, 1, 2, 3]) {
    guest.must("clock_res_get", id, time);
    assert.equal(guest.u64(time), 1n);
  }
});

test("a clock that is none is INVAL, a bad address FAULT", () => {
  const guest = new Guest();
  const time = guest.room(8);
  for (const id of [4, -1, 0x7fff_ffff]) {
    assert.equal(guest.call("clock_time_get", id, 0n, time), ERRNO_INVAL);
    assert.equal(guest.call("clock_res_get", id, time), ERRNO_INVAL);
  }
  for (const address of [guest.memory.byteLength - 7, -1, -8, 0x8000_0000]) {
    assert.equal(guest.call("clock_time_get", 0, 0n, address), ERRNO_FAULT);
    assert.equal(guest.call("clock_res_get", 0, address), ERRNO_FAULT);
  }
  guest.must("clock_time_get", 0, 0n, guest.memory.byteLength - 8);
});
