import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EBADF, EINTR, EINVAL, ETIMEDOUT } from "../../src/abi/errno.ts";
import { POLLIN, POLLNVAL, POLLOUT } from "../../src/abi/poll.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { Guest } from "./guest.ts";

/** pollfd structures in guest memory. */
function polled(guest: Guest, ...items: readonly (readonly [fd: number, events: number])[]): number {
  const at = guest.room(items.length * 8);
  items.forEach(([fd, events], i) => {
    guest.memory.view.setInt32(at + i * 8, fd, true);
    guest.memory.view.setInt16(at + i * 8 + 4, events, true);
  });
  return at;
}

function revents(guest: Guest, at: number, index: number): number {
  return guest.memory.view.getInt16(at + index * 8 + 6, true);
}

test("poll waits, and writes what came when it ends", () => {
  const guest = new Guest();
  const at = polled(guest, [0, POLLIN], [-5, POLLIN]);
  assert.equal(guest.call("poll", at, 2n, -1), BLOCKED);
  guest.stdin.feed(new Uint8Array(1));
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [1]);
  assert.deepEqual([revents(guest, at, 0), revents(guest, at, 1)], [POLLIN, 0]);
});

test("poll ends with its time, and answers closed descriptors at once", () => {
  const guest = new Guest();
  const at = polled(guest, [0, POLLIN]);
  assert.equal(guest.call("poll", at, 1n, 10), BLOCKED);
  guest.host.advance(guest.kernel, 10e6);
  assert.deepEqual(guest.answers, [0]);
  const closed = polled(guest, [99, POLLIN], [1, POLLOUT]);
  assert.equal(guest.call("poll", closed, 2n, -1), 2);
  assert.deepEqual([revents(guest, closed, 0), revents(guest, closed, 1)], [POLLNVAL, POLLOUT]);
  assert.equal(guest.call("poll", closed, 1n << 32n, 0), -EINVAL);
});

test("select reads and writes whole words of bits", () => {
  const guest = new Guest();
  const [reads, writes] = [guest.room(16), guest.room(16)];
  guest.memory.view.setUint32(reads, 0b1, true);
  guest.memory.view.setUint32(writes, 0b110, true);
  assert.equal(guest.call("select", 3, reads, writes, 0, 0), 2);
  assert.deepEqual([guest.u32(reads), guest.u32(writes)], [0, 0b110]);
  guest.memory.view.setUint32(reads, 0b1, true);
  assert.equal(guest.call("select", 3, reads, 0, 0, 0), BLOCKED);
  guest.stdin.end();
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [1]);
  assert.equal(guest.u32(reads), 0b1);
  guest.memory.view.setUint32(reads, 1 << 20, true);
  assert.equal(guest.call("select", 21, reads, 0, 0, 0), -EBADF);
  assert.equal(guest.call("select", -1, 0, 0, 0, 0), -EINVAL);
  assert.equal(guest.call("pselect6", 0, 0, 0, 0, guest.longs(0, 1e9), 0), -EINVAL);
});

test("sleeps are as long as asked, by either kind of clock", () => {
  const guest = new Guest();
  assert.equal(guest.call("nanosleep", guest.longs(1, 5), 0), BLOCKED);
  guest.host.advance(guest.kernel, 1e9 + 4);
  assert.deepEqual(guest.answers, []);
  guest.host.advance(guest.kernel, 1);
  assert.deepEqual(guest.answers, [0]);
  const now = guest.room(16);
  guest.must("clock_gettime", 0, now);
  const until = guest.longs(guest.i64(now) + 100, guest.i64(now + 8));
  assert.equal(guest.call("clock_nanosleep", 0, 1, until, 0), BLOCKED);
  guest.host.advance(guest.kernel, 100e9 - 1);
  assert.equal(guest.answers.length, 1);
  guest.host.advance(guest.kernel, 1);
  assert.equal(guest.answers.length, 2);
  assert.equal(guest.call("clock_nanosleep", 0, 1, guest.longs(5, 0), 0), 0);
  assert.equal(guest.call("nanosleep", guest.longs(-1, 0), 0), -EINVAL);
  assert.equal(guest.call("clock_gettime", 10, now), -EINVAL);
  assert.equal(guest.call("clock_nanosleep", 3, 0, until, 0), -EINVAL);
});

test("a futex nobody can wake ends with its time", () => {
  const guest = new Guest();
  const at = guest.longs(7);
  assert.equal(guest.call("futex", at, 0, 8, 0, 0, 0), -EAGAIN);
  assert.equal(guest.call("futex", at, 1, 1, 0, 0, 0), 0);
  assert.equal(guest.call("futex", at + 2, 1, 1, 0, 0, 0), -EINVAL);
  assert.equal(guest.call("futex", at, 128, 7, guest.longs(0, 500), 0, 0), BLOCKED);
  guest.host.advance(guest.kernel, 500);
  assert.deepEqual(guest.answers, [-ETIMEDOUT]);
});

/** A packed sigaction in guest memory. */
function action(guest: Guest, handler: number, flags: number, low: number): number {
  const at = guest.room(24);
  guest.memory.view.setInt32(at, handler, true);
  guest.memory.view.setUint32(at + 4, flags, true);
  guest.memory.view.setUint32(at + 16, low, true);
  return at;
}

test("sigaction keeps what it was told, and tells it", () => {
  const guest = new Guest();
  const old = guest.room(24);
  guest.must("rt_sigaction", 10, action(guest, 33, 0x1000_0004, 0b100), 0, 8);
  guest.must("rt_sigaction", 10, action(guest, -2, 0, 0), old, 8);
  assert.deepEqual([guest.u32(old), guest.u32(old + 4), guest.u32(old + 16)], [33, 0x1000_0004, 0b100]);
  guest.must("rt_sigaction", 10, 0, old, 8);
  assert.equal(guest.u32(old) | 0, -2, "SIG_IGN");
  guest.must("rt_sigaction", 10, action(guest, 0, 0, 0), 0, 8);
  guest.must("rt_sigaction", 10, 0, old, 8);
  assert.equal(guest.u32(old), 0, "SIG_DFL");
  assert.equal(guest.call("rt_sigaction", 9, action(guest, -2, 0, 0), 0, 8), -EINVAL);
  assert.equal(guest.call("rt_sigaction", 65, 0, old, 8), -EINVAL);
  assert.equal(guest.call("rt_sigaction", 10, 0, old, 4), -EINVAL);
});

test("a blocked signal waits, is told of and is taken", () => {
  const guest = new Guest();
  const set = guest.longs(1 << 9);
  const out = guest.room(128);
  guest.must("rt_sigprocmask", 0, set, out, 8);
  assert.equal(guest.i64(out), 0);
  guest.must("kill", guest.process.pid, 10);
  guest.must("rt_sigpending", out, 8);
  assert.equal(guest.i64(out), 1 << 9);
  assert.equal(guest.call("rt_sigtimedwait", set, out, guest.longs(0, 0), 8), 10);
  assert.equal(guest.u32(out), 10);
  assert.equal(guest.call("rt_sigtimedwait", set, out, guest.longs(0, 0), 8), -EAGAIN);
  assert.equal(guest.call("rt_sigtimedwait", set, out, 0, 8), BLOCKED);
  guest.must("tgkill", guest.process.pid, guest.thread.tid, 10);
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [10]);
});

test("a handler ends sleeps with EINTR; an alarm brings it", () => {
  const guest = new Guest();
  guest.must("rt_sigaction", 14, action(guest, 5, 0, 0), 0, 8);
  assert.equal(guest.call("alarm", 2), 0);
  assert.equal(guest.call("alarm", 1), 2);
  assert.equal(guest.call("nanosleep", guest.longs(10, 0), 0), BLOCKED);
  guest.host.advance(guest.kernel, 1e9);
  assert.deepEqual(guest.answers, [-EINTR]);
});

test("timers tell what is left of them", () => {
  const guest = new Guest();
  const id = guest.room(8);
  guest.must("timer_create", 1, 0, id);
  const [setting, told] = [guest.longs(1, 0, 5, 0), guest.room(32)];
  guest.must("timer_settime", guest.u32(id), 0, setting, 0);
  guest.host.advance(guest.kernel, 2e9);
  guest.must("timer_gettime", guest.u32(id), told);
  assert.deepEqual(
    [0, 8, 16, 24].map((at) => guest.i64(told + at)),
    [1, 0, 3, 0],
  );
  guest.must("timer_delete", guest.u32(id));
  assert.equal(guest.call("timer_gettime", guest.u32(id), told), -EINVAL);
  guest.must("setitimer", 0, guest.longs(0, 0, 3, 500_000), 0);
  guest.must("getitimer", 0, told);
  assert.deepEqual(
    [0, 8, 16, 24].map((at) => guest.i64(told + at)),
    [0, 0, 3, 500_000],
  );
});
