import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EFBIG, EINVAL, ENOENT, ENOSPC } from "../../src/abi/errno.ts";
import { O_RDWR } from "../../src/abi/fcntl.ts";
import { FILE_BYTES } from "../../src/fs/memfs/file-data.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import type { OpenFile } from "../../src/vfs/contracts.ts";
import { processorMs } from "../processor-time.ts";
import { ManualClock } from "./clock.ts";
import { bytes, fileSystemContract, got, listAll, readText, statOf, writeText } from "./contract.ts";

fileSystemContract("memfs", () => ({ fs: new MemoryFileSystem({ dev: 7, clock: new ManualClock() }) }));

const owner = { uid: 5, gid: 6 };
const KIB = 1024;

function make(options: { bytes?: number; inodes?: number } = {}): { fs: MemoryFileSystem; clock: ManualClock } {
  const clock = new ManualClock();
  return { fs: new MemoryFileSystem({ dev: 1, clock, ...options }), clock };
}

function openNew(fs: MemoryFileSystem, name = "f"): OpenFile {
  return got(fs.open(got(fs.create(fs.root, bytes(name), 0o644, owner)), O_RDWR));
}

describe("what memfs charges", () => {
  it("ends with ENOSPC at the cap, after a short write up to it", () => {
    const { fs } = make({ bytes: 100 * KIB });
    const file = openNew(fs);
    const data = new Uint8Array(200 * KIB).fill(1);
    const written = file.write(0, data, 0, data.length);
    assert.ok(written > 90 * KIB && written <= 100 * KIB, `${written} bytes`);
    assert.equal(file.write(written, data, 0, 1000), -ENOSPC);
    assert.equal(statOf(fs, file.inode).size, written);
    assert.equal(file.write(0, data, 0, 1000), 1000);
  });

  it("lets small writes use the cap up as well", () => {
    const { fs } = make({ bytes: 100 * KIB });
    const file = openNew(fs);
    const data = new Uint8Array(100);
    let written = 0;
    for (let last = 1; last > 0; written += Math.max(last, 0)) last = file.write(written, data, 0, 100);
    assert.ok(written > 90 * KIB, `${written} bytes`);
  });

  it("returns everything when files are cut, removed, closed, replaced", () => {
    const { fs } = make({ bytes: 1000 * KIB, inodes: 10 });
    const { bytesUsed, inodesUsed } = fs.budget;
    const data = new Uint8Array(300 * KIB).fill(1);
    const cut = openNew(fs, "cut");
    cut.write(0, data, 0, data.length);
    assert.equal(fs.setattr(cut.inode, { size: 0 }), 0);
    assert.equal(fs.budget.bytesUsed, bytesUsed);
    const far = openNew(fs, "far");
    for (const position of [2 ** 20, 2 ** 30, 2 ** 40, FILE_BYTES - 1])
      assert.equal(far.write(position, data, 0, 1), 1);
    const open = openNew(fs, "open");
    open.write(0, data, 0, data.length);
    got(fs.symlink(fs.root, bytes("l"), bytes("target"), owner));
    assert.equal(fs.link(fs.root, bytes("more"), open.inode), 0);
    assert.equal(fs.budget.inodesUsed, inodesUsed + 5);
    for (const name of ["cut", "far", "open", "l", "more"]) assert.equal(fs.unlink(fs.root, bytes(name)), 0);
    assert.ok(fs.budget.bytesUsed >= data.length, "open files are not free");
    for (const file of [cut, far, open]) file.close();
    openNew(fs, "a").close();
    openNew(fs, "b").close();
    assert.equal(fs.rename(fs.root, bytes("a"), fs.root, bytes("b"), 0), 0);
    assert.equal(fs.unlink(fs.root, bytes("b")), 0);
    assert.deepEqual([fs.budget.bytesUsed, fs.budget.inodesUsed], [bytesUsed, inodesUsed]);
    assert.equal(fs.orphans.size, 0);
  });

  it("counts inodes and names, and gives up at the cap", () => {
    const { fs } = make({ inodes: 4 });
    const a = got(fs.create(fs.root, bytes("a"), 0o644, owner));
    assert.equal(fs.link(fs.root, bytes("b"), a), 0);
    assert.equal(typeof fs.mkdir(fs.root, bytes("d"), 0o755, owner), "object");
    assert.equal(fs.create(fs.root, bytes("x"), 0o644, owner), -ENOSPC);
    assert.equal(fs.mkdir(fs.root, bytes("x"), 0o755, owner), -ENOSPC);
    assert.equal(fs.symlink(fs.root, bytes("x"), bytes("y"), owner), -ENOSPC);
    assert.equal(fs.link(fs.root, bytes("x"), a), -ENOSPC);
    assert.equal(fs.unlink(fs.root, bytes("b")), 0);
    assert.equal(fs.link(fs.root, bytes("x"), a), 0);
    assert.equal(fs.statistics().filesFree, 0);
  });

  it("charges the targets of links", () => {
    const { fs } = make({ bytes: 10_000, inodes: 100 });
    const long = bytes("t".repeat(4000));
    got(fs.symlink(fs.root, bytes("1"), long, owner));
    got(fs.symlink(fs.root, bytes("2"), long, owner));
    assert.equal(fs.symlink(fs.root, bytes("3"), long, owner), -ENOSPC);
    assert.equal(fs.budget.inodesUsed, 3);
  });

  it("charges far-apart bytes for the pages and the tree they need", () => {
    const { fs } = make({ bytes: 64 * KIB });
    const file = openNew(fs);
    let kept = 0;
    for (let i = 0; i < 1000; i++) if (file.write(i * 2 ** 34, new Uint8Array(1), 0, 1) === 1) kept++;
    assert.ok(kept > 15 && kept < 40, `${kept} bytes kept`);
    assert.ok(fs.budget.bytesUsed <= 64 * KIB);
  });

  it("refuses to allocate what it has not, and takes nothing then", () => {
    const { fs } = make({ bytes: 1000 * KIB });
    const file = openNew(fs);
    assert.equal(file.allocate(0, 2000 * KIB), -ENOSPC);
    assert.equal(file.allocate(0, 2 ** 45), -ENOSPC);
    assert.equal(fs.budget.bytesUsed, 0);
    assert.equal(file.allocate(0, 900 * KIB), 0);
    assert.ok(fs.budget.bytesUsed >= 900 * KIB);
    assert.equal(file.allocate(FILE_BYTES, 1), -EFBIG);
    assert.equal(file.allocate(0, 0), -EINVAL);
  });
});

describe("the largest file", () => {
  it("is FILE_BYTES long, and not one byte more", () => {
    const { fs } = make();
    const file = openNew(fs);
    assert.equal(writeText(file, FILE_BYTES - 2, "abc"), 2);
    assert.equal(writeText(file, FILE_BYTES, "c"), -EFBIG);
    assert.equal(writeText(file, Number.MAX_SAFE_INTEGER, "c"), -EFBIG);
    assert.equal(statOf(fs, file.inode).size, FILE_BYTES);
    assert.equal(readText(file, FILE_BYTES - 4), "\0\0ab");
    assert.equal(fs.setattr(file.inode, { size: FILE_BYTES + 1 }), -EFBIG);
    assert.equal(fs.setattr(file.inode, { size: -1 }), -EINVAL);
    assert.equal(fs.setattr(file.inode, { size: 1 }), 0);
    assert.equal(statOf(fs, file.inode).blocks, 0);
  });
});

describe("times", () => {
  it("follow tmpfs: atime as relatime, mtime with the contents, ctime with everything", () => {
    const { fs, clock } = make();
    const file = openNew(fs);
    const times = () => {
      const { atimeSeconds, mtimeSeconds, ctimeSeconds } = statOf(fs, file.inode);
      return [atimeSeconds, mtimeSeconds, ctimeSeconds].map((seconds) => seconds - 1_700_000_000);
    };
    assert.deepEqual(times(), [0, 0, 0]);
    clock.seconds += 10;
    writeText(file, 0, "x");
    assert.deepEqual(times(), [0, 10, 10]);
    clock.seconds += 10;
    readText(file);
    assert.deepEqual(times(), [20, 10, 10]);
    clock.seconds += 10;
    readText(file);
    assert.deepEqual(times(), [20, 10, 10], "a second reading does not count");
    fs.setattr(file.inode, { mode: 0o600 });
    assert.deepEqual(times(), [20, 10, 30]);
    clock.seconds += 10;
    fs.link(fs.root, bytes("g"), file.inode);
    assert.deepEqual(times(), [20, 10, 40]);
    clock.seconds += 10;
    fs.unlink(fs.root, bytes("g"));
    assert.deepEqual(times(), [20, 10, 50]);
    assert.equal(statOf(fs, fs.root).mtimeSeconds, 1_700_000_050);
  });
});

describe("link counts of directories", () => {
  it("count the children's ..", () => {
    const { fs } = make();
    const count = () => statOf(fs, fs.root).nlink;
    assert.equal(count(), 2);
    const d = got(fs.mkdir(fs.root, bytes("d"), 0o755, owner));
    const e = got(fs.mkdir(fs.root, bytes("e"), 0o755, owner));
    assert.equal(count(), 4);
    assert.equal(fs.rename(fs.root, bytes("d"), e, bytes("d"), 0), 0);
    assert.deepEqual([count(), statOf(fs, e).nlink], [3, 3]);
    assert.equal(fs.rmdir(e, bytes("d")), 0);
    assert.deepEqual([statOf(fs, d).nlink, statOf(fs, e).nlink], [0, 2]);
  });
});

describe("groups", () => {
  it("are the maker's, or the directory's where it has S_ISGID", () => {
    const { fs } = make();
    const d = got(fs.mkdir(fs.root, bytes("d"), 0o755, owner));
    assert.equal(fs.setattr(d, { gid: 99, mode: 0o2755 }), 0);
    const file = got(fs.create(d, bytes("f"), 0o644, owner));
    const sub = got(fs.mkdir(d, bytes("s"), 0o755, owner));
    assert.deepEqual([statOf(fs, file).uid, statOf(fs, file).gid], [5, 99]);
    assert.deepEqual([statOf(fs, sub).gid, statOf(fs, sub).mode & 0o7777], [99, 0o2755]);
  });
});

describe("large directories", () => {
  it("are listed in pieces without starting over each time", () => {
    const { fs } = make();
    for (let i = 0; i < 30_000; i++) got(fs.create(fs.root, bytes(`f${i}`), 0o644, owner));
    for (let i = 0; i < 30_000; i += 2) assert.equal(fs.unlink(fs.root, bytes(`f${i}`)), 0);
    const directory = got(fs.open(fs.root, 0));
    const start = processorMs();
    assert.equal(listAll(directory, 3).length, 15_000);
    // A scan from the start for each of the 5,000 pieces would take seconds.
    assert.ok(processorMs() - start < 1000);
  });
});

describe("a removed directory", () => {
  it("keeps its parent for who stands in it, but no chain of removed ones", () => {
    const { fs } = make();
    const d = got(fs.mkdir(fs.root, bytes("d"), 0o755, owner));
    const file = got(fs.open(d, 0));
    assert.equal(fs.rmdir(fs.root, bytes("d")), 0);
    assert.equal(fs.parent(d), fs.root);
    assert.equal(file.entries(0, 10), -ENOENT);
    file.close();
    assert.equal(fs.parent(d), fs.root);
    const again = got(fs.open(d, 0));
    assert.equal(again.entries(0, 10), -ENOENT);
    assert.equal(fs.parent(d), fs.root);
    again.close();
    assert.equal(fs.parent(d), fs.root);
    const a = got(fs.mkdir(fs.root, bytes("a"), 0o755, owner));
    const b = got(fs.mkdir(a, bytes("b"), 0o755, owner));
    const c = got(fs.mkdir(b, bytes("c"), 0o755, owner));
    assert.deepEqual([fs.rmdir(b, bytes("c")), fs.rmdir(a, bytes("b")), fs.rmdir(fs.root, bytes("a"))], [0, 0, 0]);
    assert.equal(fs.parent(c), b);
    assert.equal(fs.parent(b), -ENOENT);
  });
});
