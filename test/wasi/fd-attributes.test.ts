import assert from "node:assert/strict";
import { test } from "node:test";
import * as wasi from "../../src/abi/wasi.ts";
import * as errno from "../../src/abi/wasi-errno.ts";
import { Guest, READ_RIGHTS, ROOT } from "./guest.ts";

function fdstat(guest: Guest, fd: number) {
  const at = guest.room(wasi.FDSTAT_SIZE);
  guest.memory.bytes.fill(0xaa, at, at + wasi.FDSTAT_SIZE);
  guest.must("fd_fdstat_get", fd, at);
  return {
    filetype: guest.memory.view.getUint8(at),
    flags: guest.memory.view.getUint16(at + 2, true),
    base: Number(guest.u64(at + 8)),
    inheriting: Number(guest.u64(at + 16)),
  };
}

function times(guest: Guest, fd: number): [atim: bigint, mtim: bigint] {
  const at = guest.room(wasi.FILESTAT_SIZE);
  guest.must("fd_filestat_get", fd, at);
  return [guest.u64(at + 40), guest.u64(at + 48)];
}

/** As libc's isatty(3) for WASI. */
function isTerminal(guest: Guest, fd: number): boolean {
  const { filetype, base } = fdstat(guest, fd);
  return filetype === wasi.FILETYPE_CHARACTER_DEVICE && (base & (wasi.RIGHTS_FD_SEEK | wasi.RIGHTS_FD_TELL)) === 0;
}

test("only a terminal looks like one", () => {
  const piped = new Guest();
  for (const fd of [0, 1, 2]) {
    assert.equal(isTerminal(piped, fd), false);
    assert.equal(fdstat(piped, fd).filetype, wasi.FILETYPE_UNKNOWN);
  }
  assert.equal(isTerminal(piped, piped.file("f")), false);
  assert.equal(isTerminal(piped, piped.open("dev/null")), false);
  assert.equal(fdstat(piped, piped.open("dev/null")).filetype, wasi.FILETYPE_CHARACTER_DEVICE);
  assert.equal(isTerminal(piped, ROOT), false);
  const terminal = new Guest({ terminal: true });
  for (const fd of [0, 1, 2]) assert.equal(isTerminal(terminal, fd), true);
});

test("fdstat shows type, flags and the rights that apply to the type", () => {
  const guest = new Guest();
  const root = fdstat(guest, ROOT);
  assert.equal(root.filetype, wasi.FILETYPE_DIRECTORY);
  assert.equal(root.flags, 0);
  assert.equal(root.base & (wasi.RIGHTS_FD_READ | wasi.RIGHTS_FD_WRITE | wasi.RIGHTS_FD_SEEK), 0);
  assert.notEqual(root.base & wasi.RIGHTS_PATH_OPEN, 0);
  assert.notEqual(root.inheriting & wasi.RIGHTS_FD_WRITE, 0);
  const fdflags = wasi.FDFLAGS_APPEND | wasi.FDFLAGS_NONBLOCK;
  const file = fdstat(guest, guest.open("f", { oflags: wasi.OFLAGS_CREAT, fdflags }));
  assert.equal(file.filetype, wasi.FILETYPE_REGULAR_FILE);
  assert.equal(file.flags, fdflags);
  assert.equal(file.base & wasi.RIGHTS_PATH_OPEN, 0);
  assert.equal(file.inheriting, 0);
  const synchronous = wasi.FDFLAGS_SYNC | wasi.FDFLAGS_RSYNC | wasi.FDFLAGS_DSYNC;
  assert.equal(fdstat(guest, guest.open("f", { fdflags: wasi.FDFLAGS_SYNC })).flags, synchronous);
  assert.equal(fdstat(guest, guest.open("f", { fdflags: wasi.FDFLAGS_DSYNC })).flags, wasi.FDFLAGS_DSYNC);
});

test("set_flags switches APPEND and NONBLOCK and knows no others", () => {
  const guest = new Guest();
  const fd = guest.file("f", "0123");
  guest.must("fd_fdstat_set_flags", fd, wasi.FDFLAGS_APPEND);
  const count = guest.room(4);
  guest.must("fd_write", fd, ...guest.vector(guest.text("4")), count);
  assert.equal(guest.content(fd), "01234");
  guest.must("fd_fdstat_set_flags", fd, 0);
  assert.equal(fdstat(guest, fd).flags, 0);
  assert.equal(guest.call("fd_fdstat_set_flags", fd, 32), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_fdstat_set_flags", fd, -1), errno.ERRNO_INVAL);
});

test("rights are given up and never taken back", () => {
  const guest = new Guest();
  const fd = guest.file("f");
  const { base } = fdstat(guest, fd);
  const less = BigInt(base & ~wasi.RIGHTS_FD_WRITE);
  guest.must("fd_fdstat_set_rights", fd, less, 0n);
  assert.equal(guest.call("fd_write", fd, ...guest.vector(guest.text("x")), guest.room(4)), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_fdstat_set_rights", fd, BigInt(base), 0n), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_fdstat_set_rights", fd, less, 1n), errno.ERRNO_NOTCAPABLE, "a file passes nothing on");
  assert.equal(guest.call("fd_fdstat_set_rights", fd, 1n << 32n, 0n), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_fdstat_set_rights", fd, 1n << 31n, 0n), errno.ERRNO_NOTCAPABLE);
  assert.equal(fdstat(guest, fd).base, Number(less), "a refusal changes nothing");
  guest.must("fd_fdstat_set_rights", fd, 0n, 0n);
  assert.equal(fdstat(guest, fd).base, 0);
});

test("filestat is laid out as specified", () => {
  const guest = new Guest();
  const fd = guest.file("f", "seven..");
  guest.must("path_link", ROOT, 0, ...guest.text("f"), ROOT, ...guest.text("g"));
  const at = guest.room(wasi.FILESTAT_SIZE);
  guest.memory.bytes.fill(0xaa, at, at + wasi.FILESTAT_SIZE);
  guest.must("fd_filestat_get", fd, at);
  assert.equal(guest.u64(at), 1n, "dev");
  assert.notEqual(guest.u64(at + 8), 0n, "ino");
  assert.equal(guest.u64(at + 16), BigInt(wasi.FILETYPE_REGULAR_FILE), "filetype and padding");
  assert.equal(guest.u64(at + 24), 2n, "nlink");
  assert.equal(guest.u64(at + 32), 7n, "size");
  for (const time of [40, 48, 56]) assert.equal(guest.u64(at + time), 1_700_000_001_000_000_000n);
  assert.equal(guest.call("fd_filestat_get", fd, guest.memory.byteLength - 63), errno.ERRNO_FAULT);
});

test("times are set, left alone, or set to now", () => {
  const guest = new Guest();
  const fd = guest.file("f");
  const { FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW, FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW } = wasi;
  guest.must("fd_filestat_set_times", fd, 1n, 1_700_000_000_123_456_789n, FSTFLAGS_ATIM | FSTFLAGS_MTIM);
  assert.deepEqual(times(guest, fd), [1n, 1_700_000_000_123_456_789n]);
  guest.must("fd_filestat_set_times", fd, 5n, (1n << 64n) - 1n, FSTFLAGS_MTIM);
  assert.deepEqual(times(guest, fd), [1n, (1n << 64n) - 1n]);
  guest.host.now += 2_000_000_007;
  guest.must("fd_filestat_set_times", fd, 5n, 5n, FSTFLAGS_ATIM_NOW);
  assert.deepEqual(times(guest, fd), [1_700_000_003_000_000_007n, (1n << 64n) - 1n]);
  guest.must("fd_filestat_set_times", fd, 5n, 5n, FSTFLAGS_ATIM_NOW | FSTFLAGS_MTIM_NOW);
  assert.deepEqual(times(guest, fd), [1_700_000_003_000_000_007n, 1_700_000_003_000_000_007n]);
  guest.must("fd_filestat_set_times", fd, 5n, 5n, 0);
  for (const flags of [FSTFLAGS_ATIM | FSTFLAGS_ATIM_NOW, FSTFLAGS_MTIM | FSTFLAGS_MTIM_NOW, 16, -1]) {
    assert.equal(guest.call("fd_filestat_set_times", fd, 5n, 5n, flags), errno.ERRNO_INVAL);
  }
  assert.deepEqual(times(guest, fd), [1_700_000_003_000_000_007n, 1_700_000_003_000_000_007n]);
});

test("sizes grow and shrink, and are refused where they cannot be", () => {
  const guest = new Guest();
  const fd = guest.file("f", "abcdef");
  guest.must("fd_filestat_set_size", fd, 3n);
  assert.equal(guest.content(fd), "abc");
  guest.must("fd_filestat_set_size", fd, 5n);
  assert.equal(guest.content(fd), "abc\0\0");
  assert.equal(guest.call("fd_filestat_set_size", fd, 1n << 53n), errno.ERRNO_FBIG);
  assert.equal(guest.call("fd_filestat_set_size", fd, -1n), errno.ERRNO_INVAL);
  const readOnly = guest.open("f", { base: READ_RIGHTS });
  assert.equal(guest.call("fd_filestat_set_size", readOnly, 1n), errno.ERRNO_INVAL, "as ftruncate(2)");
  assert.equal(guest.call("fd_filestat_set_size", ROOT, 1n), errno.ERRNO_INVAL);
  assert.equal(guest.content(fd).length, 5);
});

test("allocate grows and never shrinks", () => {
  const guest = new Guest();
  const fd = guest.file("f", "ab");
  guest.must("fd_allocate", fd, 1n, 3n);
  assert.equal(guest.content(fd), "ab\0\0");
  guest.must("fd_allocate", fd, 0n, 1n);
  assert.equal(guest.content(fd), "ab\0\0");
  assert.equal(guest.call("fd_allocate", fd, 0n, 0n), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_allocate", fd, -1n, 1n), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_allocate", fd, 1n << 60n, 1n), errno.ERRNO_FBIG);
  assert.equal(guest.call("fd_allocate", fd, (1n << 53n) - 1n, 1n), errno.ERRNO_FBIG);
  assert.equal(guest.call("fd_allocate", fd, 0n, 1n << 32n), errno.ERRNO_NOSPC);
  assert.equal(guest.call("fd_allocate", guest.open("f", { base: READ_RIGHTS }), 0n, 1n), errno.ERRNO_BADF);
});

test("advice is checked and changes nothing", () => {
  const guest = new Guest();
  const fd = guest.file("f", "x");
  for (let advice = 0; advice <= 5; advice++) guest.must("fd_advise", fd, 0n, 0n, advice);
  guest.must("fd_advise", fd, (1n << 63n) - 1n, 1n, 0);
  assert.equal(guest.call("fd_advise", fd, 0n, 0n, 6), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_advise", fd, 0n, -1n, 0), errno.ERRNO_INVAL);
  assert.equal(guest.call("fd_advise", 0, 0n, 0n, 0), errno.ERRNO_SPIPE);
  assert.equal(guest.content(fd), "x");
});

test("a preopen tells its name, and nothing else is one", () => {
  const guest = new Guest();
  const at = guest.room(wasi.PRESTAT_SIZE);
  guest.memory.bytes.fill(0xaa, at, at + wasi.PRESTAT_SIZE);
  guest.must("fd_prestat_get", ROOT, at);
  assert.equal(guest.u64(at), 1n << 32n);
  const name = guest.room(4);
  guest.must("fd_prestat_dir_name", ROOT, name, 4);
  assert.equal(guest.textAt(name, 4), "/\0\0\0");
  assert.equal(guest.call("fd_prestat_dir_name", ROOT, name, 0), errno.ERRNO_NAMETOOLONG);
  assert.equal(guest.call("fd_prestat_dir_name", ROOT, guest.memory.byteLength, 1), errno.ERRNO_FAULT);
  assert.equal(guest.call("fd_prestat_get", ROOT, guest.memory.byteLength - 7), errno.ERRNO_FAULT);
  for (const fd of [0, 4, guest.open(".", { base: READ_RIGHTS }), -1]) {
    assert.equal(guest.call("fd_prestat_get", fd, at), errno.ERRNO_BADF);
    assert.equal(guest.call("fd_prestat_dir_name", fd, name, 4), errno.ERRNO_BADF);
  }
});
