import assert from "node:assert/strict";
import { test } from "node:test";
import * as wasi from "../../src/abi/wasi.ts";
import * as errno from "../../src/abi/wasi-errno.ts";
import { Guest, READ_RIGHTS, ROOT } from "./guest.ts";

function filestat(guest: Guest, path: string, lookup = 0) {
  const at = guest.room(wasi.FILESTAT_SIZE);
  const error = guest.call("path_filestat_get", ROOT, lookup, ...guest.text(path), at);
  if (error !== 0) return { error };
  return { type: guest.u32(at + 16), nlink: guest.u64(at + 24), size: guest.u64(at + 32), mtim: guest.u64(at + 48) };
}

function readlink(guest: Guest, path: string, size = 64): string | number {
  const buffer = guest.room(size);
  const used = guest.room(4);
  const error = guest.call("path_readlink", ROOT, ...guest.text(path), buffer, size, used);
  return error === 0 ? guest.textAt(buffer, guest.u32(used)) : error;
}

test("directories and files come and go", () => {
  const guest = new Guest();
  guest.must("path_create_directory", ROOT, ...guest.text("d"));
  assert.equal(guest.call("path_create_directory", ROOT, ...guest.text("d")), errno.ERRNO_EXIST);
  guest.file("d/f");
  assert.equal(guest.call("path_remove_directory", ROOT, ...guest.text("d")), errno.ERRNO_NOTEMPTY);
  assert.equal(guest.call("path_remove_directory", ROOT, ...guest.text("d/f")), errno.ERRNO_NOTDIR);
  assert.equal(guest.call("path_unlink_file", ROOT, ...guest.text("d")), errno.ERRNO_ISDIR);
  guest.must("path_unlink_file", ROOT, ...guest.text("d/f"));
  guest.must("path_remove_directory", ROOT, ...guest.text("d/"));
  assert.equal(guest.call("path_remove_directory", ROOT, ...guest.text("d")), errno.ERRNO_NOENT);
});

test("filestat follows a link when the guest says so", () => {
  const guest = new Guest();
  guest.file("f", "12345");
  guest.must("path_symlink", ...guest.text("f"), ROOT, ...guest.text("link"));
  assert.equal(filestat(guest, "link").type, wasi.FILETYPE_SYMBOLIC_LINK);
  assert.equal(filestat(guest, "link", 1).size, 5n);
  assert.equal(filestat(guest, "link", 2).error, errno.ERRNO_INVAL);
  assert.equal(filestat(guest, "none").error, errno.ERRNO_NOENT);
});

test("times are set of a link or of what it leads to", () => {
  const guest = new Guest();
  guest.file("f");
  guest.must("path_symlink", ...guest.text("f"), ROOT, ...guest.text("link"));
  const link = guest.text("link");
  guest.must("path_filestat_set_times", ROOT, 0, ...link, 1n, 1_600_000_000_000_000_001n, wasi.FSTFLAGS_MTIM);
  guest.must("path_filestat_set_times", ROOT, 1, ...link, 1n, 77n, wasi.FSTFLAGS_MTIM);
  assert.equal(filestat(guest, "link").mtim, 1_600_000_000_000_000_001n);
  assert.equal(filestat(guest, "f").mtim, 77n);
  guest.must("path_filestat_set_times", ROOT, 1, ...link, 0n, 0n, 0);
  const none = guest.text("none");
  assert.equal(guest.call("path_filestat_set_times", ROOT, 0, ...none, 0n, 0n, 0), errno.ERRNO_NOENT);
  assert.equal(guest.call("path_filestat_set_times", ROOT, 0, ...link, 0n, 0n, 12), errno.ERRNO_INVAL);
  assert.equal(filestat(guest, "f").mtim, 77n);
});

test("hard links count, and follow a symbolic one when the guest says so", () => {
  const guest = new Guest();
  guest.file("f");
  const f = guest.text("f");
  guest.must("path_link", ROOT, 0, ...f, ROOT, ...guest.text("g"));
  assert.equal(filestat(guest, "f").nlink, 2n);
  assert.equal(guest.call("path_link", ROOT, 0, ...f, ROOT, ...guest.text("g")), errno.ERRNO_EXIST);
  guest.must("path_symlink", ...f, ROOT, ...guest.text("link"));
  guest.must("path_link", ROOT, 0, ...guest.text("link"), ROOT, ...guest.text("of-link"));
  assert.equal(filestat(guest, "of-link").type, wasi.FILETYPE_SYMBOLIC_LINK);
  guest.must("path_link", ROOT, 1, ...guest.text("link"), ROOT, ...guest.text("of-file"));
  assert.equal(filestat(guest, "of-file").type, wasi.FILETYPE_REGULAR_FILE);
  guest.directory("d");
  assert.equal(guest.call("path_link", ROOT, 0, ...guest.text("d"), ROOT, ...guest.text("e")), errno.ERRNO_PERM);
});

test("a link's target is cut to the buffer", () => {
  const guest = new Guest();
  guest.must("path_symlink", ...guest.text("\xfftarget"), ROOT, ...guest.text("link"));
  assert.equal(readlink(guest, "link"), "\xfftarget");
  assert.equal(readlink(guest, "link", 3), "\xffta");
  assert.equal(readlink(guest, "link", 0), "");
  guest.file("f");
  assert.equal(readlink(guest, "f"), errno.ERRNO_INVAL);
  assert.equal(readlink(guest, "none"), errno.ERRNO_NOENT);
});

test("a link to an absolute path can be made where it can be followed", () => {
  const guest = new Guest();
  guest.directory("d");
  const from = guest.open("d", { base: READ_RIGHTS });
  assert.equal(guest.call("path_symlink", ...guest.text("/f"), from, ...guest.text("l")), errno.ERRNO_NOTCAPABLE);
  guest.must("path_symlink", ...guest.text("/f"), ROOT, ...guest.text("l"));
  guest.file("f", "x");
  assert.equal(filestat(guest, "l", 1).size, 1n);
});

test("EXDEV says whether a path leads out or the file systems differ", () => {
  const guest = new Guest();
  guest.directory("d");
  guest.file("f");
  const d = guest.open("d", { base: READ_RIGHTS });
  const f = guest.text("f");
  const out = guest.text("../g");
  assert.equal(guest.call("path_rename", ROOT, ...f, d, ...out), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("path_link", ROOT, 0, ...f, d, ...out), errno.ERRNO_NOTCAPABLE);
  assert.equal(guest.call("path_rename", d, ...guest.text("../f"), ROOT, ...guest.text("g")), errno.ERRNO_NOTCAPABLE);
  const device = guest.text("dev/f");
  assert.equal(guest.call("path_rename", ROOT, ...f, ROOT, ...device), errno.ERRNO_XDEV);
  assert.equal(guest.call("path_link", ROOT, 0, ...f, ROOT, ...device), errno.ERRNO_XDEV);
  guest.must("path_rename", ROOT, ...f, d, ...guest.text("g"));
  assert.equal(filestat(guest, "d/g").nlink, 1n);
});

test("no name leads out of a directory", () => {
  const guest = new Guest();
  guest.directory("d");
  guest.directory("sibling");
  guest.file("f");
  const d = guest.open("d", { base: READ_RIGHTS });
  const at = guest.room(64);
  for (const path of ["../sibling", "/sibling", "../f", "/f", "../d/../f"]) {
    const name = guest.text(path);
    const answers = {
      create: guest.call("path_create_directory", d, ...name),
      stat: guest.call("path_filestat_get", d, 0, ...name, at),
      times: guest.call("path_filestat_set_times", d, 0, ...name, 0n, 0n, 1),
      readlink: guest.call("path_readlink", d, ...name, at, 8, at + 8),
      rmdir: guest.call("path_remove_directory", d, ...name),
      symlink: guest.call("path_symlink", ...guest.text("x"), d, ...name),
      unlink: guest.call("path_unlink_file", d, ...name),
      link: guest.call("path_link", d, 0, ...name, d, ...guest.text("new")),
      rename: guest.call("path_rename", d, ...name, d, ...guest.text("new")),
    };
    for (const [call, answer] of Object.entries(answers))
      assert.equal(answer, errno.ERRNO_NOTCAPABLE, `${call} ${path}`);
  }
});

test("each call needs its right, and a directory", () => {
  const guest = new Guest();
  const bare = guest.open(".", { base: 0 });
  const f = guest.file("f");
  const name = guest.text("f");
  const at = guest.room(64);
  for (const [fd, expected] of [
    [bare, errno.ERRNO_NOTCAPABLE],
    [f, errno.ERRNO_NOTDIR],
    [99, errno.ERRNO_BADF],
  ] as const) {
    const answers = {
      create: guest.call("path_create_directory", fd, ...name),
      stat: guest.call("path_filestat_get", fd, 0, ...name, at),
      times: guest.call("path_filestat_set_times", fd, 0, ...name, 0n, 0n, 1),
      readlink: guest.call("path_readlink", fd, ...name, at, 8, at + 8),
      rmdir: guest.call("path_remove_directory", fd, ...name),
      symlink: guest.call("path_symlink", ...name, fd, ...guest.text("s")),
      unlink: guest.call("path_unlink_file", fd, ...name),
      linkFrom: guest.call("path_link", fd, 0, ...name, ROOT, ...guest.text("new")),
      linkTo: guest.call("path_link", ROOT, 0, ...name, fd, ...guest.text("new")),
      renameFrom: guest.call("path_rename", fd, ...name, ROOT, ...guest.text("new")),
      renameTo: guest.call("path_rename", ROOT, ...name, fd, ...guest.text("new")),
    };
    for (const [call, answer] of Object.entries(answers)) assert.equal(answer, expected, call);
  }
});

test("names are bytes, and the few that are none are refused", () => {
  const guest = new Guest();
  for (const name of ["\xff", "\xef\xbb\xbfbom", "__proto__", "constructor", "\xed\xa0\x80", "a\nb", " "]) {
    guest.directory(name);
    assert.equal(filestat(guest, name).type, wasi.FILETYPE_DIRECTORY);
    assert.equal(guest.call("path_create_directory", ROOT, ...guest.text(name)), errno.ERRNO_EXIST);
  }
  assert.equal(filestat(guest, "bom").error, errno.ERRNO_NOENT);
  assert.equal(filestat(guest, "a\0b").error, errno.ERRNO_INVAL);
  assert.equal(filestat(guest, "\0").error, errno.ERRNO_INVAL);
  assert.equal(guest.call("path_symlink", ...guest.text("a\0b"), ROOT, ...guest.text("l")), errno.ERRNO_INVAL);
  assert.equal(filestat(guest, "").error, errno.ERRNO_NOENT);
  assert.equal(filestat(guest, "n".repeat(256)).error, errno.ERRNO_NAMETOOLONG);
  assert.equal(filestat(guest, "./".repeat(2047)).type, wasi.FILETYPE_DIRECTORY);
  assert.equal(filestat(guest, "./".repeat(2048)).error, errno.ERRNO_NAMETOOLONG);
});
