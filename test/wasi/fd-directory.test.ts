import assert from "node:assert/strict";
import { test } from "node:test";
import * as wasi from "../../src/abi/wasi.ts";
import * as errno from "../../src/abi/wasi-errno.ts";
import { Guest, READ_RIGHTS, ROOT } from "./guest.ts";

interface Entry {
  readonly name: string;
  readonly type: number;
  readonly ino: bigint;
  readonly next: bigint;
}

/** One fd_readdir: the whole entries in the buffer, and how much of it was used. */
function readOnce(guest: Guest, fd: number, size: number, cookie: bigint): { entries: Entry[]; used: number } {
  const buffer = guest.room(size);
  const usedAt = guest.room(4);
  guest.must("fd_readdir", fd, buffer, size, cookie, usedAt);
  const used = guest.u32(usedAt);
  const entries: Entry[] = [];
  for (let at = buffer; at + wasi.DIRENT_SIZE <= buffer + used; ) {
    const length = guest.u32(at + wasi.DIRENT_NAMLEN);
    const end = at + wasi.DIRENT_SIZE + length;
    if (end > buffer + used) break;
    entries.push({
      name: guest.textAt(at + wasi.DIRENT_SIZE, length),
      type: guest.u32(at + wasi.DIRENT_TYPE),
      ino: guest.u64(at + wasi.DIRENT_INO),
      next: guest.u64(at + wasi.DIRENT_NEXT),
    });
    at = end;
  }
  return { entries, used };
}

/** As libc reads: on from the last whole entry until a buffer is not full. */
function readAll(guest: Guest, fd: number, size: number): Entry[] {
  const all: Entry[] = [];
  let cookie = 0n;
  for (;;) {
    const { entries, used } = readOnce(guest, fd, size, cookie);
    all.push(...entries);
    if (used < size) return all;
    assert.ok(entries.length > 0, "a buffer for one entry holds one");
    cookie = entries.at(-1)?.next ?? 0n;
  }
}

test("an empty directory holds . and ..", () => {
  const guest = new Guest();
  guest.directory("d");
  const entries = readAll(guest, guest.open("d", { base: READ_RIGHTS }), 512);
  assert.deepEqual(
    entries.map(({ name, type }) => [name, type]),
    [
      [".", wasi.FILETYPE_DIRECTORY],
      ["..", wasi.FILETYPE_DIRECTORY],
    ],
  );
});

test("entries tell name, type and inode", () => {
  const guest = new Guest();
  guest.directory("d");
  guest.directory("d/sub");
  const fd = guest.file("d/\xff\xfe__proto__", "x");
  guest.must("path_symlink", ...guest.text("nowhere"), ROOT, ...guest.text("d/link"));
  const found = new Map(
    readAll(guest, guest.open("d", { base: READ_RIGHTS }), 512).map((entry) => [entry.name, entry]),
  );
  assert.equal(found.size, 5);
  assert.equal(found.get("sub")?.type, wasi.FILETYPE_DIRECTORY);
  assert.equal(found.get("link")?.type, wasi.FILETYPE_SYMBOLIC_LINK);
  assert.equal(found.get("\xff\xfe__proto__")?.type, wasi.FILETYPE_REGULAR_FILE);
  const stat = guest.room(wasi.FILESTAT_SIZE);
  guest.must("fd_filestat_get", fd, stat);
  assert.equal(found.get("\xff\xfe__proto__")?.ino, guest.u64(stat + wasi.FILESTAT_INO));
});

test("any size of buffer finds every name once", () => {
  const guest = new Guest();
  guest.wasmMemory.grow(30);
  guest.directory("d");
  const names = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const name = `f${"x".repeat(i)}${i}`;
    names.add(name);
    guest.must("fd_close", guest.file(`d/${name}`));
  }
  const fd = guest.open("d", { base: READ_RIGHTS });
  for (const size of [300, 301, 333, 1000, 4096, 65_536]) {
    const found = readAll(guest, fd, size).map(({ name }) => name);
    assert.equal(found.length, 202, `buffer of ${size}`);
    assert.deepEqual(new Set(found), new Set([".", "..", ...names]));
  }
});

test("an entry that does not fit is cut, and the buffer is full", () => {
  const guest = new Guest();
  const whole = readOnce(guest, ROOT, 512, 0n);
  assert.deepEqual(whole.entries.map(({ name }) => name).sort(), [".", "..", "dev", "proc"]);
  assert.equal(whole.used, 4 * wasi.DIRENT_SIZE + 10);
  for (let size = 0; size <= whole.used; size++) {
    const { used, entries } = readOnce(guest, ROOT, size, 0n);
    assert.equal(used, size);
    assert.deepEqual(entries, whole.entries.slice(0, entries.length));
  }
});

test("cookies hold while entries come and go", () => {
  const guest = new Guest();
  guest.directory("d");
  for (let i = 0; i < 40; i++) guest.file(`d/${i}`);
  const fd = guest.open("d", { base: READ_RIGHTS });
  const { entries } = readOnce(guest, fd, 20 * 30, 0n);
  const seen = entries.map(({ name }) => name);
  for (const name of seen.slice(2)) guest.must("path_unlink_file", ROOT, ...guest.text(`d/${name}`));
  guest.file("d/new");
  for (let cookie = entries.at(-1)?.next ?? 0n; ; ) {
    const { entries: more, used } = readOnce(guest, fd, 20 * 30, cookie);
    seen.push(...more.map(({ name }) => name));
    if (used < 20 * 30) break;
    cookie = more.at(-1)?.next ?? 0n;
  }
  const old = seen.filter((name) => name !== "new");
  assert.equal(new Set(seen).size, seen.length, "none twice");
  assert.equal(old.length, 42, "all that were there at the start");
});

test("what is no directory, no right, no room or no cookie is refused", () => {
  const guest = new Guest();
  const buffer = guest.room(64);
  const used = guest.room(4);
  const end = guest.memory.byteLength;
  assert.equal(guest.call("fd_readdir", 99, buffer, 64, 0n, used), errno.ERRNO_BADF);
  assert.equal(guest.call("fd_readdir", 0, buffer, 64, 0n, used), errno.ERRNO_NOTDIR);
  assert.equal(guest.call("fd_readdir", guest.file("f"), buffer, 64, 0n, used), errno.ERRNO_NOTDIR);
  const blind = guest.open(".", { base: wasi.RIGHTS_PATH_OPEN });
  assert.equal(guest.call("fd_readdir", blind, buffer, 64, 0n, used), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("fd_readdir", ROOT, end - 63, 64, 0n, used), errno.ERRNO_FAULT);
  assert.equal(guest.call("fd_readdir", ROOT, buffer, -1, 0n, used), errno.ERRNO_FAULT);
  assert.equal(guest.call("fd_readdir", ROOT, buffer, 64, 0n, end - 3), errno.ERRNO_FAULT);
  assert.equal(guest.call("fd_readdir", ROOT, buffer, 64, -1n, used), errno.ERRNO_INVAL);
  assert.equal(guest.u64(buffer), 0n, "nothing was written");
  assert.deepEqual(readOnce(guest, ROOT, 64, (1n << 53n) - 5n).entries, [], "far behind the end there is nothing");
});
