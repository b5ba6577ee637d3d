import assert from "node:assert/strict";
import { test } from "node:test";
import * as wasi from "../../src/abi/wasi.ts";
import * as errno from "../../src/abi/wasi-errno.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { Guest, PAGE, READ_RIGHTS, ROOT } from "./guest.ts";

test("reads and writes scatter, gather and move the offset", () => {
  const guest = new Guest();
  const fd = guest.file("f");
  const count = guest.room(4);
  guest.must("fd_write", fd, ...guest.vector(guest.text("one"), guest.text(""), guest.text("two!")), count);
  assert.equal(guest.u32(count), 7);
  const offset = guest.room(8);
  guest.must("fd_tell", fd, offset);
  assert.equal(guest.u64(offset), 7n);
  guest.must("fd_seek", fd, -5n, wasi.WHENCE_END, offset);
  assert.equal(guest.u64(offset), 2n);
  const buffer = guest.room(16);
  guest.must("fd_read", fd, ...guest.vector([buffer, 1], [buffer + 8, 3]), count);
  assert.equal(guest.u32(count), 4);
  assert.equal(guest.textAt(buffer, 1) + guest.textAt(buffer + 8, 3), "etwo");
  guest.must("fd_pread", fd, ...guest.vector([buffer, 16]), 3n, count);
  assert.equal(guest.textAt(buffer, guest.u32(count)), "two!");
  guest.must("fd_pwrite", fd, ...guest.vector(guest.text("T")), 3n, count);
  guest.must("fd_tell", fd, offset);
  assert.equal(guest.u64(offset), 6n, "neither pread nor pwrite moved it");
  assert.equal(guest.content(fd), "oneTwo!");
});

test("offsets of 64 bits are exact up to 2^53 - 1 and refused beyond", () => {
  const guest = new Guest();
  const fd = guest.file("f", "x");
  const offset = guest.room(8);
  const most = (1n << 53n) - 1n;
  guest.must("fd_seek", fd, most, wasi.WHENCE_SET, offset);
  assert.equal(guest.u64(offset), most);
  guest.must("fd_seek", fd, -most, wasi.WHENCE_CUR, offset);
  assert.equal(guest.u64(offset), 0n);
  assert.equal(guest.call("fd_seek", fd, most + 1n, wasi.WHENCE_SET, offset), errno.ERRNO_OVERFLOW);
  assert.equal(guest.call("fd_seek", fd, -(1n << 63n), wasi.WHENCE_SET, offset), errno.ERRNO_OVERFLOW);
  assert.equal(guest.call("fd_seek", fd, -1n, wasi.WHENCE_SET, offset), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_seek", fd, most, wasi.WHENCE_END, offset), errno.ERRNO_INVAL);
  const vector = guest.vector([guest.room(8), 8]);
  const count = guest.room(4);
  guest.must("fd_pread", fd, ...vector, most, count);
  assert.equal(guest.u32(count), 0);
  assert.equal(guest.call("fd_pread", fd, ...vector, most + 1n, count), errno.ERRNO_OVERFLOW);
  assert.equal(guest.call("fd_pread", fd, ...vector, -1n, count), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_pwrite", fd, ...vector, most, count), errno.ERRNO_FBIG);
  assert.equal(guest.call("fd_pwrite", fd, ...vector, most + 1n, count), errno.ERRNO_FBIG);
  assert.equal(guest.call("fd_pwrite", fd, ...vector, -1n, count), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_seek", fd, 0n, 3, offset), errno.ERRNO_INVAL);
});

test("every address is looked at before a byte moves", () => {
  const guest = new Guest();
  const fd = guest.file("f", "content");
  const end = guest.memory.byteLength;
  const good = guest.text("overwritten");
  const count = guest.room(4);
  for (const [iovecs, iovecCount, countAt] of [
    [...guest.vector(good), end - 3],
    [...guest.vector(good), -1],
    [...guest.vector(good, [end - 1, 2]), count],
    [...guest.vector(good, [0xffff_ffff, 0xffff_ffff]), count],
    [end - 7, 1, count],
    [-8, 1, count],
    [0x8000_0000, 1, count],
  ] as const) {
    assert.equal(guest.call("fd_write", fd, iovecs, iovecCount, countAt), errno.ERRNO_FAULT);
    assert.equal(guest.call("fd_read", fd, iovecs, iovecCount, countAt), errno.ERRNO_FAULT);
    assert.equal(guest.call("fd_pwrite", fd, iovecs, iovecCount, 0n, countAt), errno.ERRNO_FAULT);
    assert.equal(guest.call("fd_pread", fd, iovecs, iovecCount, 0n, countAt), errno.ERRNO_FAULT);
  }
  assert.equal(guest.call("fd_write", fd, guest.vector(good)[0], 0x2000_0001, count), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_seek", fd, 3n, wasi.WHENCE_SET, end - 7), errno.ERRNO_FAULT);
  assert.equal(guest.call("fd_tell", fd, -4), errno.ERRNO_FAULT);
  assert.equal(guest.content(fd), "content");
  const offset = guest.room(8);
  guest.must("fd_tell", fd, offset);
  assert.equal(guest.u64(offset), 0n);
});

test("a read that waits ends with the count where the guest wanted it", () => {
  const guest = new Guest();
  const count = guest.room(4);
  const buffer = guest.room(8);
  assert.equal(guest.call("fd_read", 0, ...guest.vector([buffer, 3], [buffer + 3, 5]), count), BLOCKED);
  guest.wasmMemory.grow(1);
  guest.stdin.feed(new TextEncoder().encode("hello"));
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [0]);
  assert.equal(guest.u32(count), 5);
  assert.equal(guest.textAt(buffer, 5), "hello");
  guest.stdin.end();
  guest.must("fd_read", 0, ...guest.vector([buffer, 8]), count);
  assert.equal(guest.u32(count), 0);
});

test("with NONBLOCK it does not wait", () => {
  const guest = new Guest();
  guest.must("fd_fdstat_set_flags", 0, wasi.FDFLAGS_NONBLOCK);
  const vector = guest.vector([guest.room(8), 8]);
  assert.equal(guest.call("fd_read", 0, ...vector, guest.room(4)), errno.ERRNO_AGAIN);
});

test("a write that waits ends with the whole count, and a reader that is gone with a signal", () => {
  const guest = new Guest();
  guest.sink.room = 4;
  const count = guest.room(4);
  assert.equal(guest.call("fd_write", 1, ...guest.vector(guest.text("all of it")), count), BLOCKED);
  assert.equal(guest.sink.text, "all ");
  guest.sink.room = 100;
  guest.stdout.credited();
  guest.host.run(guest.kernel);
  assert.deepEqual(guest.answers, [0]);
  assert.equal(guest.u32(count), 9);
  assert.equal(guest.sink.text, "all of it");
  guest.stdout.hangUp();
  guest.call("fd_write", 1, ...guest.vector(guest.text("x")), count);
  guest.host.run(guest.kernel);
  assert.equal(guest.ended?.signal, 13);
});

test("streams have no offset, directories no bytes", () => {
  const guest = new Guest();
  const offset = guest.room(8);
  const vector = guest.vector([offset, 8]);
  assert.equal(guest.call("fd_seek", 0, 0n, wasi.WHENCE_CUR, offset), errno.ERRNO_SPIPE);
  assert.equal(guest.call("fd_tell", 1, offset), errno.ERRNO_SPIPE);
  assert.equal(guest.call("fd_pread", 0, ...vector, 0n, offset), errno.ERRNO_SPIPE);
  assert.equal(guest.call("fd_pwrite", 1, ...vector, 0n, offset), errno.ERRNO_SPIPE);
  assert.equal(guest.call("fd_read", 1, ...vector, offset), errno.ERRNO_BADF);
  assert.equal(guest.call("fd_write", 0, ...vector, offset), errno.ERRNO_BADF);
  assert.equal(guest.call("fd_read", ROOT, ...vector, offset), errno.ERRNO_ISDIR);
  assert.equal(guest.call("fd_write", ROOT, ...vector, offset), errno.ERRNO_BADF);
  assert.equal(guest.call("fd_seek", ROOT, 0n, wasi.WHENCE_SET, offset), errno.ERRNO_ISDIR);
  const opened = guest.open(".", { base: READ_RIGHTS });
  assert.equal(guest.call("fd_read", opened, ...vector, offset), errno.ERRNO_ISDIR);
  assert.equal(guest.call("fd_tell", opened, offset), errno.ERRNO_ISDIR);
});

test("each call needs its rights", () => {
  const guest = new Guest();
  guest.file("f", "text");
  const offset = guest.room(8);
  const vector = guest.vector([guest.room(8), 4]);
  const only = (right: number): number => guest.open("f", { base: right });
  const wide = (fd: number): void => {
    const description = guest.process.descriptors.get(fd)?.description;
    // As if it had been opened for both, so that only rights stand in the way.
    if (description !== undefined) Object.assign(description, { flags: 2, readable: true, writable: true });
  };
  const none = only(0);
  wide(none);
  assert.equal(guest.call("fd_read", none, ...vector, offset), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_write", none, ...vector, offset), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_seek", none, 0n, wasi.WHENCE_SET, offset), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_tell", none, offset), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_sync", none), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_datasync", none), errno.ERRNO_NOTCAPABLE);
  const reading = only(wasi.RIGHTS_FD_READ);
  guest.must("fd_read", reading, ...vector, offset);
  assert.equal(guest.call("fd_pread", reading, ...vector, 0n, offset), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_write", reading, ...vector, offset), errno.ERRNO_BADF, "as on Linux");
  const writing = only(wasi.RIGHTS_FD_WRITE | wasi.RIGHTS_FD_SEEK);
  guest.must("fd_pwrite", writing, ...vector, 0n, offset);
  assert.equal(guest.call("fd_read", writing, ...vector, offset), errno.ERRNO_BADF, "as on Linux");
  const telling = only(wasi.RIGHTS_FD_TELL);
  guest.must("fd_seek", telling, 0n, wasi.WHENCE_CUR, offset);
  assert.equal(guest.call("fd_seek", telling, 1n, wasi.WHENCE_CUR, offset), errno.ERRNO_NOTCAPABLE);
  guest.must("fd_close", none);
});

test("renumbering moves a descriptor with its rights over an open one", () => {
  const guest = new Guest();
  const from = guest.open("from", { oflags: wasi.OFLAGS_CREAT, base: wasi.RIGHTS_FD_READ });
  const to = guest.file("to");
  guest.must("fd_renumber", from, to);
  assert.equal(guest.call("fd_close", from), errno.ERRNO_BADF);
  assert.equal(guest.process.descriptors.get(to)?.rights, wasi.RIGHTS_FD_READ);
  assert.equal(guest.call("fd_renumber", to, from), errno.ERRNO_BADF, "a closed target");
  assert.equal(guest.call("fd_renumber", 99, to), errno.ERRNO_BADF);
  guest.must("fd_renumber", to, to);
  guest.must("fd_renumber", to, ROOT);
  assert.equal(guest.call("fd_prestat_get", ROOT, guest.room(8)), errno.ERRNO_BADF, "no preopen any more");
});

test("a call of more than a megabyte gives way, and counts as one", () => {
  const guest = new Guest();
  guest.wasmMemory.grow(40);
  const fd = guest.file("big");
  const count = guest.room(4);
  const large = [4 * PAGE, 32 * PAGE] as const;
  const others = guest.room(4);
  for (const [name, where, at] of [
    ["fd_write", [], count],
    ["fd_pread", [0n], others],
  ] as const) {
    assert.equal(guest.call(name, fd, ...guest.vector(large), ...where, at), BLOCKED);
    guest.host.run(guest.kernel);
    assert.equal(guest.answers.at(-1), 0);
    assert.equal(guest.u32(at), 32 * PAGE);
  }
});
