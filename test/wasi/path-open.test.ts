import assert from "node:assert/strict";
import { test } from "node:test";
import { O_ACCMODE, O_RDONLY, O_RDWR, O_WRONLY } from "../../src/abi/fcntl.ts";
import * as wasi from "../../src/abi/wasi.ts";
import * as errno from "../../src/abi/wasi-errno.ts";
import { Guest, READ_RIGHTS, ROOT } from "./guest.ts";

function accessMode(guest: Guest, fd: number): number | undefined {
  const flags = guest.process.descriptors.get(fd)?.description.flags;
  return flags === undefined ? undefined : flags & O_ACCMODE;
}

test("rights decide the access mode", () => {
  const guest = new Guest();
  guest.file("f");
  const modes: [number, number][] = [
    [0, O_RDONLY],
    [wasi.RIGHTS_FD_READ, O_RDONLY],
    [wasi.RIGHTS_FD_DATASYNC | wasi.RIGHTS_FD_READDIR, O_RDONLY],
    [wasi.RIGHTS_FD_WRITE, O_WRONLY],
    [wasi.RIGHTS_FD_ALLOCATE, O_WRONLY],
    [wasi.RIGHTS_FD_FILESTAT_SET_SIZE, O_WRONLY],
    [wasi.RIGHTS_FD_READ | wasi.RIGHTS_FD_WRITE, O_RDWR],
    [wasi.RIGHTS_ALL, O_RDWR],
  ];
  for (const [base, mode] of modes) assert.equal(accessMode(guest, guest.open("f", { base })), mode, `${base}`);
});

test("a descriptor gets the rights it asked for that apply to its file", () => {
  const guest = new Guest();
  guest.directory("d");
  const file = guest.process.descriptors.get(guest.file("f"));
  assert.equal((file?.rights ?? 0) & wasi.RIGHTS_PATH_OPEN, 0);
  assert.notEqual((file?.rights ?? 0) & wasi.RIGHTS_FD_SEEK, 0);
  assert.equal(file?.inheriting, 0);
  const inheriting = wasi.RIGHTS_FD_READ | wasi.RIGHTS_SOCK_ACCEPT;
  const directory = guest.process.descriptors.get(guest.open("d", { base: READ_RIGHTS, inheriting }));
  assert.equal((directory?.rights ?? 0) & wasi.RIGHTS_FD_SEEK, 0);
  assert.notEqual((directory?.rights ?? 0) & wasi.RIGHTS_PATH_OPEN, 0);
  assert.equal(directory?.inheriting, wasi.RIGHTS_FD_READ);
});

test("a directory passes on what it inherits and no more", () => {
  const guest = new Guest();
  guest.directory("d");
  guest.file("d/f");
  const from = guest.open("d", { base: READ_RIGHTS, inheriting: wasi.RIGHTS_FD_READ });
  const request = { from, base: wasi.RIGHTS_FD_READ, inheriting: 0 };
  assert.ok(guest.open("f", request) > 0);
  assert.equal(guest.open("f", { ...request, base: wasi.RIGHTS_FD_WRITE }), -errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.open("f", { ...request, inheriting: wasi.RIGHTS_FD_WRITE }), -errno.ERRNO_NOTCAPABLE);
  assert.ok(guest.open("f", { ...request, base: wasi.RIGHTS_FD_READ | wasi.RIGHTS_SOCK_SHUTDOWN }) > 0);
  const blind = guest.open("d", { base: wasi.RIGHTS_FD_READDIR });
  assert.equal(guest.open("f", { from: blind, base: 0, inheriting: 0 }), -errno.ERRNO_NOTCAPABLE);
});

test("creating and truncating take rights of the directory", () => {
  const guest = new Guest();
  guest.file("f", "content");
  const opening = guest.open(".", { base: wasi.RIGHTS_PATH_OPEN });
  const request = { from: opening, base: 0, inheriting: 0 };
  assert.ok(guest.open("f", request) > 0);
  assert.equal(guest.open("new", { ...request, oflags: wasi.OFLAGS_CREAT }), -errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.open("f", { ...request, oflags: wasi.OFLAGS_TRUNC }), -errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.content(guest.open("f")), "content");
});

test("every oflag does what its Linux namesake does", () => {
  const guest = new Guest();
  guest.directory("d");
  const { OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_EXCL, OFLAGS_TRUNC } = wasi;
  assert.equal(guest.open("f"), -errno.ERRNO_NOENT);
  guest.file("f", "content");
  assert.equal(guest.open("f", { oflags: OFLAGS_CREAT | OFLAGS_EXCL }), -errno.ERRNO_EXIST);
  assert.equal(guest.open("f", { oflags: OFLAGS_DIRECTORY }), -errno.ERRNO_NOTDIR);
  assert.equal(guest.open("x", { oflags: OFLAGS_DIRECTORY | OFLAGS_CREAT }), -errno.ERRNO_INVAL);
  assert.ok(guest.open("d", { oflags: OFLAGS_DIRECTORY, base: READ_RIGHTS }) > 0);
  assert.equal(guest.open("d", { oflags: OFLAGS_DIRECTORY }), -errno.ERRNO_ISDIR, "for writing");
  assert.equal(guest.open("d", { oflags: OFLAGS_CREAT, base: READ_RIGHTS }), -errno.ERRNO_ISDIR);
  assert.ok(guest.open("f", { oflags: OFLAGS_TRUNC, base: 0 }) > 0, "truncating needs no right to write");
  assert.equal(guest.content(guest.open("f")), "");
  assert.equal(guest.open("f", { oflags: 16 }), -errno.ERRNO_INVAL);
  assert.equal(guest.open("f", { fdflags: 32 }), -errno.ERRNO_INVAL);
  assert.equal(guest.open("f", { lookup: 2 }), -errno.ERRNO_INVAL);
});

test("links are followed at the end when the guest says so", () => {
  const guest = new Guest();
  guest.file("f", "content");
  guest.must("path_symlink", ...guest.text("f"), ROOT, ...guest.text("link"));
  guest.must("path_symlink", ...guest.text("loop"), ROOT, ...guest.text("loop"));
  assert.equal(guest.open("link"), -errno.ERRNO_LOOP);
  assert.equal(guest.content(guest.open("link", { lookup: 1 })), "content");
  assert.equal(guest.open("loop", { lookup: 1 }), -errno.ERRNO_LOOP);
  assert.equal(guest.open("link", { lookup: 1, oflags: wasi.OFLAGS_CREAT | wasi.OFLAGS_EXCL }), -errno.ERRNO_EXIST);
});

test("no path leads out of a directory", () => {
  const guest = new Guest();
  guest.directory("d");
  guest.directory("d/e");
  guest.file("outside", "secret");
  guest.file("d/inside");
  guest.must("path_symlink", ...guest.text("../outside"), ROOT, ...guest.text("d/up"));
  guest.must("path_symlink", ...guest.text("/outside"), ROOT, ...guest.text("d/absolute"));
  const from = guest.open("d", { base: READ_RIGHTS });
  for (const path of ["../outside", "e/../../outside", "/outside", "/d/inside", "..", "up", "absolute", "e/../up"]) {
    assert.equal(guest.open(path, { from, lookup: 1 }), -errno.ERRNO_NOTCAPABLE, path);
  }
  assert.ok(guest.open("e/../inside", { from }) > 0);
  assert.ok(guest.open("d/absolute", { lookup: 1 }) > 0, "beneath the root of everything it stays inside");
});

test("what is no directory cannot be opened through", () => {
  const guest = new Guest();
  const fd = guest.file("f");
  assert.equal(guest.open("x", { from: fd }), -errno.ERRNO_NOTDIR);
  assert.equal(guest.open("x", { from: 0 }), -errno.ERRNO_NOTDIR);
  assert.equal(guest.open("x", { from: 99 }), -errno.ERRNO_BADF);
  assert.equal(guest.open("x", { from: -1 }), -errno.ERRNO_BADF);
});

test("nothing is made where the answer cannot be written", () => {
  const guest = new Guest();
  const end = guest.memory.byteLength;
  const all = BigInt(wasi.RIGHTS_ALL);
  const name = guest.text("new");
  for (const at of [end - 3, -1, 0x8000_0000]) {
    const args = [ROOT, 0, ...name, wasi.OFLAGS_CREAT, all, all, 0, at] as const;
    assert.equal(guest.call("path_open", ...args), errno.ERRNO_FAULT);
  }
  assert.equal(guest.open("new"), -errno.ERRNO_NOENT);
});

test("rights WASI does not define are left out of a request", () => {
  const guest = new Guest();
  guest.file("f");
  const at = guest.room(4);
  guest.must("path_open", ROOT, 0, ...guest.text("f"), 0, (1n << 64n) - 1n, (1n << 64n) - 1n, 0, at);
  assert.equal(accessMode(guest, guest.u32(at)), O_RDWR);
});

test("descriptors run out with MFILE, and nothing is made then", () => {
  const guest = new Guest();
  guest.file("f");
  let fd = 0;
  while (fd >= 0) fd = guest.open("f", { base: 0 });
  assert.equal(fd, -errno.ERRNO_MFILE);
  assert.equal(guest.open("new", { oflags: wasi.OFLAGS_CREAT }), -errno.ERRNO_MFILE);
  guest.must("fd_close", 5);
  assert.equal(guest.open("new"), -errno.ERRNO_NOENT);
});

test("devices open like files, and /dev/stdin is the standard stream", () => {
  const guest = new Guest();
  const buffer = guest.room(8);
  const count = guest.room(4);
  const vector = guest.vector([buffer, 8]);
  guest.must("fd_read", guest.open("dev/null"), ...vector, count);
  assert.equal(guest.u32(count), 0);
  guest.must("fd_read", guest.open("dev/urandom", { base: READ_RIGHTS }), ...vector, count);
  assert.equal(guest.textAt(buffer, guest.u32(count)), "\x07".repeat(8));
  guest.stdin.feed(new TextEncoder().encode("typed"));
  guest.must("fd_read", guest.open("dev/stdin", { base: READ_RIGHTS, lookup: 1 }), ...vector, count);
  assert.equal(guest.textAt(buffer, guest.u32(count)), "typed");
  guest.must("fd_write", guest.open("dev/stdout", { base: wasi.RIGHTS_FD_WRITE, lookup: 1 }), ...vector, count);
  assert.equal(guest.sink.text, "typed\x07\x07\x07");
});
