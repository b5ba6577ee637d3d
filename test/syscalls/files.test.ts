import assert from "node:assert/strict";
import { test } from "node:test";
import { EBADF, EFAULT, EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR, ENXIO, EOVERFLOW, ERANGE } from "../../src/abi/errno.ts";
import * as fcntl from "../../src/abi/fcntl.ts";
import { S_IFREG } from "../../src/abi/stat.ts";
import { GONE } from "../../src/kernel/contracts.ts";
import { Guest } from "./guest.ts";

const HERE = fcntl.AT_FDCWD;

test("struct stat has x86-64's layout", () => {
  const guest = new Guest();
  const fd = guest.file("f", "12345");
  const times = guest.longs(1000, 5, -2000, 999_999_999);
  guest.must("utimensat", fd, 0, times, 0);
  guest.must("fchown", fd, 7, 8);
  const at = guest.room(144);
  guest.memory.bytes.fill(0xff, at, at + 144);
  guest.must("fstat", fd, at);
  assert.equal(guest.i64(at), 1, "dev");
  assert.equal(guest.i64(at + 16), 1, "nlink");
  assert.equal(guest.u32(at + 24), S_IFREG | 0o644);
  assert.deepEqual([guest.u32(at + 28), guest.u32(at + 32), guest.u32(at + 36)], [7, 8, 0]);
  assert.equal(guest.i64(at + 48), 5, "size");
  assert.equal(guest.i64(at + 56), 4096, "block size");
  assert.deepEqual(
    [72, 80, 88, 96].map((offset) => guest.i64(at + offset)),
    [1000, 5, -2000, 999_999_999],
  );
  assert.deepEqual(
    [120, 128, 136].map((offset) => guest.i64(at + offset)),
    [0, 0, 0],
  );
  const aside = guest.room(160) + 1;
  guest.memory.bytes.fill(0xff, aside - 1, aside + 159);
  guest.must("fstat", fd, aside);
  const { bytes } = guest.memory;
  assert.deepEqual(bytes.slice(aside, aside + 144), bytes.slice(at, at + 144), "at an odd address");
  assert.deepEqual([bytes[aside - 1], bytes[aside + 144]], [0xff, 0xff]);
});

test("statx tells the same, at its own offsets", () => {
  const guest = new Guest();
  guest.file("f", "12345");
  const at = guest.room(256);
  guest.must("statx", HERE, guest.text("f"), 0, 0x7ff, at);
  assert.equal(guest.u32(at), 0x7ff);
  assert.equal(guest.i64(at + 40), 5);
  assert.equal(guest.memory.view.getUint16(at + 28, true), S_IFREG | 0o644);
  assert.equal(guest.call("statx", HERE, guest.text("f"), 0, 0x8000_0000, at), -EINVAL);
});

test("offsets of 64 bits are exact, or refused", () => {
  const guest = new Guest();
  const fd = guest.file("f", "x");
  const far = 2n ** 52n + 1n;
  assert.equal(guest.call("lseek", fd, far, fcntl.SEEK_SET), Number(far));
  assert.equal(guest.call("lseek", fd, 0n, fcntl.SEEK_CUR), Number(far));
  for (const bad of [-1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    assert.equal(guest.call("lseek", fd, bad, fcntl.SEEK_SET), -EINVAL, `${bad}`);
    assert.equal(guest.call("pread64", fd, guest.room(8), 1, bad), -EINVAL, `${bad}`);
    assert.equal(guest.call("ftruncate", fd, bad), -EINVAL, `${bad}`);
  }
  assert.equal(guest.call("truncate", guest.text("f"), -1n), -EINVAL);
});

test("a file is data throughout", () => {
  const guest = new Guest();
  const fd = guest.file("f", "0123456789");
  assert.equal(guest.call("lseek", fd, 4n, fcntl.SEEK_DATA), 4);
  assert.equal(guest.call("lseek", fd, 4n, fcntl.SEEK_HOLE), 10);
  assert.equal(guest.call("lseek", fd, 10n, fcntl.SEEK_DATA), -ENXIO);
  assert.equal(guest.call("lseek", fd, -1n, fcntl.SEEK_HOLE), -ENXIO);
  assert.equal(guest.call("lseek", fd, 0n, 5), -EINVAL);
});

test("fcntl's record locks and their sums", () => {
  const guest = new Guest();
  const fd = guest.file("f");
  const lock = guest.room(32);
  const set = (type: number, start: number, length: number): void => {
    guest.memory.view.setInt16(lock, type, true);
    guest.memory.putU64(lock + 8, start);
    guest.memory.putU64(lock + 16, length);
  };
  set(fcntl.F_WRLCK, 0, 0);
  assert.equal(guest.call("fcntl", fd, fcntl.F_SETLK, BigInt(lock)), 0);
  assert.equal(guest.call("fcntl", fd, fcntl.F_GETLK, BigInt(lock)), 0);
  assert.equal(guest.memory.view.getInt16(lock, true), fcntl.F_UNLCK);
  set(fcntl.F_WRLCK, 2 ** 53, 1);
  assert.equal(guest.call("fcntl", fd, fcntl.F_SETLK, BigInt(lock)), -EOVERFLOW);
  set(fcntl.F_RDLCK, 2 ** 53 - 1, -(2 ** 54));
  assert.equal(guest.call("fcntl", fd, fcntl.F_SETLK, BigInt(lock)), -EINVAL);
  assert.equal(guest.call("fcntl", fd, fcntl.F_SETLK, 2n ** 32n), -EFAULT);
  set(fcntl.F_WRLCK, 2 ** 53 - 1, 2 ** 53 - 1);
  assert.equal(guest.call("fcntl", fd, fcntl.F_SETLK, BigInt(lock)), 0);
  assert.equal(guest.call("fcntl", 99, fcntl.F_GETLK, BigInt(lock)), -EBADF);
  set(fcntl.F_WRLCK, 0, 1);
  assert.equal(guest.call("fcntl", guest.open("f", fcntl.O_RDONLY), fcntl.F_SETLK, BigInt(lock)), -EBADF);
});

test("getdents64 gives whole records and goes on where it stopped", () => {
  const guest = new Guest();
  guest.must("mkdir", guest.text("d"), 0o755);
  const names = Array.from({ length: 40 }, (_, i) => `d/${"n".repeat(i + 1)}`);
  for (const name of names) guest.must("close", guest.file(name));
  const fd = guest.open("d", fcntl.O_RDONLY | fcntl.O_DIRECTORY);
  const buffer = guest.room(300);
  assert.equal(guest.call("getdents64", fd, buffer, 20), -EINVAL);
  const seen: string[] = [];
  for (;;) {
    const used = guest.must("getdents64", fd, buffer, 300);
    if (used === 0) break;
    for (let at = buffer; at < buffer + used; ) {
      const length = guest.memory.view.getUint16(at + 16, true);
      assert.equal(length % 8, 0);
      seen.push(guest.textAt(at + 19, guest.memory.bytes.indexOf(0, at + 19) - at - 19));
      at += length;
    }
  }
  assert.deepEqual(seen.sort(), [".", "..", ...names.map((name) => name.slice(2))].sort());
  assert.equal(guest.call("getdents64", guest.file("f"), buffer, 300), -ENOTDIR);
});

test("the working directory is told across mounts, renames and a new root", () => {
  const guest = new Guest();
  const buffer = guest.room(64);
  const where = (): string => {
    const length = guest.call("getcwd", buffer, 64);
    return length < 0 ? `${length}` : guest.textAt(buffer, length - 1);
  };
  guest.must("chdir", guest.text("/dev"));
  assert.equal(where(), "/dev");
  assert.equal(guest.call("getcwd", buffer, 4), -ERANGE);
  guest.must("mkdir", guest.text("/a"), 0o755);
  guest.must("mkdir", guest.text("/a/b"), 0o755);
  guest.must("chdir", guest.text("/a/b"));
  guest.must("rename", guest.text("/a"), guest.text("/c"));
  assert.equal(where(), "/c/b");
  guest.must("chroot", guest.text("/c"));
  assert.equal(where(), "/b");
  guest.must("chdir", guest.text("/"));
  guest.must("chroot", guest.text("/b"));
  assert.equal(where(), `${-ENOENT}`);
});

test("paths of any length and bytes", () => {
  const guest = new Guest();
  const long = guest.room(5000);
  guest.memory.bytes.fill(0x61, long, long + 4999);
  assert.equal(guest.call("open", long, 0, 0), -ENAMETOOLONG);
  assert.equal(guest.call("open", guest.text(""), 0, 0), -ENOENT);
  const odd = "\xff\xfe caf\xe9";
  guest.must("close", guest.file(odd));
  guest.must("access", guest.text(odd), 0);
});

test("a descriptor number is a signed one", () => {
  const guest = new Guest();
  for (const fd of [-1, -100, 0x7fff_ffff, -0x8000_0000]) {
    assert.equal(guest.call("read", fd, guest.room(8), 1), -EBADF);
    assert.equal(guest.call("close", fd), -EBADF);
    assert.equal(guest.call("fstat", fd, guest.room(144)), -EBADF);
    assert.equal(guest.call("dup2", 0, fd), -EBADF);
  }
});

test("a pipe nobody reads ends who writes", () => {
  const guest = new Guest();
  const ends = guest.room(8);
  guest.must("pipe", ends);
  guest.must("close", guest.u32(ends));
  assert.equal(guest.call("write", guest.u32(ends + 4), guest.text("x"), 1), GONE);
  guest.host.run(guest.kernel);
  assert.equal(guest.ended?.signal, 13);
});
