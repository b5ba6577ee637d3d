import assert from "node:assert/strict";
import { test } from "node:test";
import * as wasi from "../../src/abi/wasi.ts";
import * as errno from "../../src/abi/wasi-errno.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { Guest, ROOT } from "./guest.ts";

type Wanted =
  | { readonly clock: number; readonly timeout: bigint; readonly absolute?: boolean }
  | { readonly reads: number }
  | { readonly writes: number };

/** A list of subscriptions; the userdata of each is its index under a high bit. */
class List {
  readonly guest: Guest;
  readonly from: number;
  readonly to: number;
  readonly countAt: number;
  readonly length: number;

  constructor(guest: Guest, wanted: readonly Wanted[]) {
    this.guest = guest;
    this.length = wanted.length;
    this.from = guest.room(wanted.length * wasi.SUBSCRIPTION_SIZE);
    this.to = guest.room(wanted.length * wasi.EVENT_SIZE);
    this.countAt = guest.room(4);
    const { view } = guest.memory;
    wanted.forEach((one, i) => {
      const at = this.from + i * wasi.SUBSCRIPTION_SIZE;
      view.setBigUint64(at, (1n << 63n) | BigInt(i), true);
      if ("clock" in one) {
        view.setUint32(at + 16, one.clock, true);
        view.setBigUint64(at + 24, one.timeout, true);
        view.setUint16(at + 40, one.absolute === true ? 1 : 0, true);
      } else {
        view.setUint8(at + 8, "reads" in one ? wasi.EVENTTYPE_FD_READ : wasi.EVENTTYPE_FD_WRITE);
        view.setUint32(at + 16, "reads" in one ? one.reads : one.writes, true);
      }
    });
  }

  poll(): number {
    return this.guest.call("poll_oneoff", this.from, this.to, this.length, this.countAt);
  }

  /** [index of the subscription, error, type, bytes, flags] of each event. */
  get events(): number[][] {
    const events: number[][] = [];
    for (let i = 0; i < this.guest.u32(this.countAt); i++) {
      const at = this.to + i * wasi.EVENT_SIZE;
      const { view } = this.guest.memory;
      events.push([
        Number(BigInt.asUintN(63, this.guest.u64(at))),
        view.getUint16(at + 8, true),
        view.getUint8(at + 10),
        Number(this.guest.u64(at + 16)),
        view.getUint16(at + 24, true),
      ]);
    }
    return events;
  }
}

const { CLOCKID_MONOTONIC, CLOCKID_REALTIME } = wasi;

test("a clock rings after its time, relative or absolute", () => {
  const cases: [Wanted, number][] = [
    [{ clock: CLOCKID_MONOTONIC, timeout: 5_000n }, 5_000],
    [{ clock: CLOCKID_REALTIME, timeout: 5_000n }, 5_000],
    [{ clock: CLOCKID_MONOTONIC, timeout: 1_000_007_000n, absolute: true }, 7_000],
    [{ clock: CLOCKID_REALTIME, timeout: 1_700_000_001_000_000_123n, absolute: true }, 123],
  ];
  for (const [wanted, ns] of cases) {
    const guest = new Guest();
    const list = new List(guest, [wanted]);
    assert.equal(list.poll(), BLOCKED);
    guest.host.advance(guest.kernel, ns - 1);
    assert.deepEqual(guest.answers, []);
    guest.host.advance(guest.kernel, 1);
    assert.deepEqual(guest.answers, [0]);
    assert.deepEqual(list.events, [[0, 0, wasi.EVENTTYPE_CLOCK, 0, 0]]);
  }
});

test("a time that has come is told at once, one that never comes waits", () => {
  const guest = new Guest();
  const past = new List(guest, [
    { clock: CLOCKID_MONOTONIC, timeout: 0n },
    { clock: CLOCKID_REALTIME, timeout: 1n, absolute: true },
    { clock: CLOCKID_MONOTONIC, timeout: 1n, absolute: true },
    { clock: CLOCKID_MONOTONIC, timeout: (1n << 64n) - 1n },
    { clock: CLOCKID_REALTIME, timeout: (1n << 64n) - 1n, absolute: true },
  ]);
  assert.equal(past.poll(), 0);
  assert.deepEqual(
    past.events.map(([index]) => index),
    [0, 1, 2],
  );
  const never = new List(guest, [{ clock: CLOCKID_MONOTONIC, timeout: (1n << 64n) - 1n }]);
  assert.equal(never.poll(), BLOCKED);
});

test("of several clocks the first rings alone, and equal ones together", () => {
  const guest = new Guest();
  const list = new List(guest, [
    { clock: CLOCKID_MONOTONIC, timeout: 900n },
    { clock: CLOCKID_MONOTONIC, timeout: 300n },
    { clock: CLOCKID_REALTIME, timeout: 300n },
  ]);
  assert.equal(list.poll(), BLOCKED);
  guest.host.advance(guest.kernel, 300);
  assert.deepEqual(
    list.events.map(([index]) => index),
    [1, 2],
  );
});

test("files are ready, streams when they are", () => {
  const guest = new Guest();
  const file = guest.file("f", "12345");
  const list = new List(guest, [{ reads: 0 }, { reads: file }, { writes: 1 }, { writes: file }]);
  assert.equal(list.poll(), 0);
  assert.deepEqual(
    list.events.map(([index, error, type]) => [index, error, type]),
    [
      [1, 0, wasi.EVENTTYPE_FD_READ],
      [2, 0, wasi.EVENTTYPE_FD_WRITE],
      [3, 0, wasi.EVENTTYPE_FD_WRITE],
    ],
  );
  const waiting = new List(guest, [{ reads: 0 }, { clock: CLOCKID_MONOTONIC, timeout: 1_000_000n }]);
  assert.equal(waiting.poll(), BLOCKED);
  guest.stdin.feed(new Uint8Array(3));
  guest.host.run(guest.kernel);
  assert.deepEqual(waiting.events, [[0, 0, wasi.EVENTTYPE_FD_READ, 3, 0]]);
  guest.stdin.end();
  const ended = new List(guest, [{ reads: 0 }]);
  assert.equal(ended.poll(), 0);
  assert.deepEqual(ended.events, [[0, 0, wasi.EVENTTYPE_FD_READ, 3, wasi.EVENTRWFLAGS_FD_READWRITE_HANGUP]]);
});

test("a parked poll needs nothing of its subscriptions any more, even in memory that grew", () => {
  const guest = new Guest();
  const list = new List(guest, [{ reads: 0 }, { reads: 0 }]);
  assert.equal(list.poll(), BLOCKED);
  guest.memory.bytes.fill(0xff, list.from, list.from + 2 * wasi.SUBSCRIPTION_SIZE);
  guest.wasmMemory.grow(1);
  guest.stdin.feed(new Uint8Array(1));
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [0]);
  assert.deepEqual(
    list.events.map(([index]) => index),
    [0, 1],
    "duplicates each have their event",
  );
});

test("what is wrong with one subscription is told in its event, at once", () => {
  const guest = new Guest();
  const blind = guest.open("f", { oflags: wasi.OFLAGS_CREAT, base: wasi.RIGHTS_FD_READ });
  const list = new List(guest, [
    { reads: 99 },
    { writes: 0xffff_ffff },
    { reads: 0 },
    { writes: 0 },
    { reads: blind },
    { clock: 2, timeout: 0n },
    { clock: 9, timeout: 0n },
    { clock: CLOCKID_MONOTONIC, timeout: 1_000_000n },
  ]);
  guest.must("fd_fdstat_set_rights", 0, BigInt(wasi.RIGHTS_FD_READ | wasi.RIGHTS_POLL_FD_READWRITE), 0n);
  assert.equal(list.poll(), 0);
  assert.deepEqual(
    list.events.map(([index, error]) => [index, error]),
    [
      [0, errno.ERRNO_BADF],
      [1, errno.ERRNO_BADF],
      [3, errno.ERRNO_BADF],
      [4, errno.ERRNO_NOTCAPABLE],
      [5, errno.ERRNO_NOTSUP],
      [6, errno.ERRNO_INVAL],
    ],
  );
});

test("a malformed list fails as a whole", () => {
  const guest = new Guest();
  const list = new List(guest, [{ reads: ROOT }]);
  const { from, to, countAt } = list;
  const end = guest.memory.byteLength;
  assert.equal(guest.call("poll_oneoff", from, to, 0, countAt), errno.ERRNO_INVAL);
  assert.equal(guest.call("poll_oneoff", from, to, 1025, countAt), errno.ERRNO_INVAL);
  assert.equal(guest.call("poll_oneoff", from, to, -1, countAt), errno.ERRNO_INVAL);
  assert.equal(guest.call("poll_oneoff", end - 47, to, 1, countAt), errno.ERRNO_FAULT);
  assert.equal(guest.call("poll_oneoff", from, end - 31, 1, countAt), errno.ERRNO_FAULT);
  assert.equal(guest.call("poll_oneoff", from, to, 1, end - 3), errno.ERRNO_FAULT);
  assert.equal(guest.call("poll_oneoff", -48, to, 1, countAt), errno.ERRNO_FAULT);
  guest.memory.view.setUint8(from + 8, 3);
  assert.equal(list.poll(), errno.ERRNO_INVAL, "a tag that is none");
  guest.memory.view.setUint8(from + 8, 0);
  guest.memory.view.setUint16(from + 40, 2, true);
  assert.equal(list.poll(), errno.ERRNO_INVAL, "flags of a clock that are none");
  assert.equal(guest.u32(countAt), 0);
});
