/** Who the process is, what it lives on, and what it may have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EAFNOSUPPORT, EBADF, ECHILD, EFAULT, EINVAL, ENOSYS, ENOTSOCK, EPERM, ESRCH } from "../../src/abi/errno.ts";
import { Guest } from "./guest.ts";

test("one user and one group, which the superuser may give up for good", () => {
  const guest = new Guest();
  guest.must("setgroups", 2, guest.longs(5 + 6 * 2 ** 32));
  assert.equal(guest.call("getgroups", 0, 0), 2);
  assert.equal(guest.call("getgroups", 1, guest.room(8)), -EINVAL);
  guest.must("setresgid", -1, 100, -1);
  guest.must("setuid", 1000);
  const ids = guest.room(12);
  guest.must("getresuid", ids, ids + 4, ids + 8);
  assert.deepEqual(
    [0, 4, 8].map((at) => guest.u32(ids + at)),
    [1000, 1000, 1000],
  );
  assert.deepEqual([guest.call("geteuid"), guest.call("getegid")], [1000, 100]);
  assert.equal(guest.call("setuid", 0), -EPERM);
  assert.equal(guest.call("setreuid", 1000, -1), 0);
  assert.equal(guest.call("setgroups", 0, 0), -EPERM);
});

test("uname names the sandbox's host", () => {
  const guest = new Guest();
  const at = guest.room(390);
  guest.must("uname", at);
  const field = (index: number): string => {
    const start = at + index * 65;
    return guest.textAt(start, guest.memory.bytes.indexOf(0, start) - start);
  };
  assert.deepEqual([field(0), field(1), field(4)], ["Linux", "linden", "wasm32"]);
  assert.match(field(2), /^\d+\.\d+\.\d+/);
});

test("limits are told, and new ones checked", () => {
  const guest = new Guest();
  const at = guest.room(16);
  guest.must("getrlimit", 7, at);
  assert.deepEqual([guest.i64(at), guest.i64(at + 8)], [1024, 1024]);
  guest.must("prlimit64", 0, 2, 0, at);
  assert.equal(guest.i64(at), -1, "RLIM_INFINITY");
  assert.equal(guest.call("setrlimit", 7, guest.longs(10, 5)), -EINVAL);
  assert.equal(guest.call("setrlimit", 7, guest.longs(-1, -1)), -EPERM, "more than the sandbox has");
  guest.must("prlimit64", 0, 7, guest.longs(10, 1024), at);
  assert.deepEqual([guest.i64(at), guest.i64(at + 8)], [1024, 1024]);
  guest.must("getrlimit", 7, at);
  assert.deepEqual([guest.i64(at), guest.i64(at + 8)], [10, 1024]);
  assert.equal(guest.call("setrlimit", 7, 0), -EFAULT);
  assert.equal(guest.call("getrlimit", 16, at), -EINVAL);
  assert.equal(guest.call("prlimit64", 77, 7, 0, at), -ESRCH);
});

test("kin of a process that has none", () => {
  const guest = new Guest();
  const { pid } = guest.process;
  assert.deepEqual([guest.call("getpid"), guest.call("gettid"), guest.call("getppid")], [pid, pid, 0]);
  assert.equal(guest.call("wait4", -1, 0, 0, 0), -ECHILD);
  assert.equal(guest.call("waitid", 0, 0, 0, 4, 0), -ECHILD);
  assert.equal(guest.call("waitid", 0, 0, 0, 0, 0), -EINVAL);
  assert.equal(guest.call("fork"), -ENOSYS);
  assert.equal(guest.call("setsid"), -EPERM);
  assert.equal(guest.call("kill", 4000, 0), -ESRCH);
});

test("a name of fifteen bytes", () => {
  const guest = new Guest();
  const at = guest.room(16);
  guest.must("prctl", 15, BigInt(guest.text("a name that is too long")), 0n, 0n, 0n);
  guest.must("prctl", 16, BigInt(at), 0n, 0n, 0n);
  assert.equal(guest.textAt(at, 16), "a name that is \0");
  assert.equal(guest.call("prctl", 15, 1n << 40n, 0n, 0n, 0n), -EFAULT);
  assert.equal(guest.call("prctl", 9999, 0n, 0n, 0n, 0n), -EINVAL);
});

test("terminals have a size and attributes, other streams have not", () => {
  const guest = new Guest({ terminal: true });
  const at = guest.room(64);
  guest.must("ioctl", 0, 0x5413, at);
  assert.deepEqual([guest.memory.view.getUint16(at, true), guest.memory.view.getUint16(at + 2, true)], [24, 80]);
  guest.must("ioctl", 1, 0x5401, at);
  assert.equal(guest.memory.bytes[at + 17], 3, "VINTR is ^C");
  assert.equal(new Guest().call("ioctl", 0, 0x5401, at), -25);
  assert.equal(guest.call("ioctl", 77, 0x5401, at), -EBADF);
});

test("no sockets, and a descriptor that is none", () => {
  const guest = new Guest();
  assert.equal(guest.call("socket", 1, 1, 0), -EAFNOSUPPORT);
  assert.equal(guest.call("connect", 0, 0, 0), -ENOTSOCK);
  assert.equal(guest.call("connect", 9, 0, 0), -EBADF);
});
