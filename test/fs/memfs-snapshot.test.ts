import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { O_RDWR } from "../../src/abi/fcntl.ts";
import { S_IFDIR, S_IFREG } from "../../src/abi/stat.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import type { InodeSnapshot, MemorySnapshot } from "../../src/fs/memfs/snapshot.ts";
import { restoreSnapshot, SnapshotError, takeSnapshot } from "../../src/fs/memfs/snapshot.ts";
import type { FileSystem, Inode } from "../../src/vfs/contracts.ts";
import { FIRST_SEED } from "../random.ts";
import { LindenWorld } from "../vfs/linden-world.ts";
import { Random, randomOperation } from "../vfs/random-operations.ts";
import { ManualClock } from "./clock.ts";
import { bytes, got, listAll, readText, statOf, writeText } from "./contract.ts";

const owner = { uid: 5, gid: 6 };

function make(): MemoryFileSystem {
  return new MemoryFileSystem({ dev: 3, clock: new ManualClock(), bytes: 1_000_000, inodes: 50, mode: 0o1777, owner });
}

/** What travels: JSON, with the bytes beside it. */
function travel(snapshot: MemorySnapshot): MemorySnapshot {
  const pages: Uint8Array[] = [];
  const text = JSON.stringify(snapshot, (_key, value) =>
    value instanceof Uint8Array ? { page: pages.push(value.slice()) - 1 } : value,
  );
  return JSON.parse(text, (_key, value) => (typeof value?.page === "number" ? pages[value.page] : value));
}

function roundTrip(fs: MemoryFileSystem) {
  return restoreSnapshot(travel(takeSnapshot(fs)), new ManualClock());
}

/** Everything below a directory: paths, attributes, contents, targets. */
function picture(fs: FileSystem): string[] {
  const lines: string[] = [];
  const rest: { path: string; inode: Inode }[] = [{ path: "", inode: fs.root }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { path, inode } = next;
    lines.push(`${path} ${JSON.stringify(statOf(fs, inode))}`);
    if (inode.type === S_IFDIR) {
      const file = got(fs.open(inode, 0));
      for (const entry of listAll(file)) {
        lines.push(`${path}/${entry.name} next ${entry.next}`);
        rest.push({ path: `${path}/${entry.name}`, inode: got(fs.lookup(inode, entry.name)) });
      }
      file.close();
    } else if (inode.type === S_IFREG) {
      const file = got(fs.open(inode, 0));
      lines.push(readText(file, 0, 400_000));
      file.close();
    } else lines.push(got<ByteString>(fs.readlink(inode)));
  }
  return lines;
}

describe("a snapshot", () => {
  it("keeps names, links, holes, attributes, cookies, and what is charged", () => {
    const fs = make();
    const d = got(fs.mkdir(fs.root, bytes("d\xff"), 0o2750, owner));
    const file = got(fs.create(d, bytes("f"), 0o640, owner));
    const open = got(fs.open(file, O_RDWR));
    writeText(open, 0, "start");
    writeText(open, 2 ** 40, "far");
    open.close();
    fs.link(fs.root, bytes("again"), file);
    got(fs.symlink(fs.root, bytes("__proto__"), bytes("d\xff/f"), owner));
    for (const name of ["x", "y", "z"]) got(fs.create(d, bytes(name), 0o600, owner));
    fs.unlink(d, bytes("z"));
    fs.setattr(file, { mtime: { seconds: -7, nanoseconds: 5 }, uid: 77 });
    const { fs: back } = roundTrip(fs);
    // A listing touches atime of directories: compare the two after both were listed.
    assert.deepEqual(picture(back), picture(fs));
    assert.deepEqual(back.budget, fs.budget);
    const found = got(back.lookup(back.root, bytes("again")));
    assert.equal(got(back.lookup(got(back.lookup(back.root, bytes("d\xff"))), bytes("f"))), found);
    const again = got(back.open(found, O_RDWR));
    assert.equal(readText(again, 2 ** 40 - 2), "\0\0far");
    assert.ok(statOf(back, found).blocks < 300);
    got(back.create(back.root, bytes("new"), 0o600, owner));
    assert.equal(statOf(back, got(back.lookup(back.root, bytes("new")))).ino, fs.nextIno);
  });

  it("is a copy: what happens afterwards does not show", () => {
    const fs = make();
    const open = got(fs.open(got(fs.create(fs.root, bytes("f"), 0o640, owner)), O_RDWR));
    writeText(open, 0, "before");
    const snapshot = takeSnapshot(fs);
    writeText(open, 0, "after!");
    fs.unlink(fs.root, bytes("f"));
    const { fs: back } = restoreSnapshot(snapshot, new ManualClock());
    assert.equal(readText(got(back.open(got(back.lookup(back.root, bytes("f"))), 0))), "before");
  });

  it("keeps files that are open without a name, until nobody wants them", () => {
    const fs = make();
    const file = got(fs.create(fs.root, bytes("f"), 0o640, owner));
    const other = got(fs.create(fs.root, bytes("g"), 0o640, owner));
    const d = got(fs.mkdir(fs.root, bytes("d"), 0o755, owner));
    const e = got(fs.mkdir(d, bytes("e"), 0o755, owner));
    for (const inode of [file, other, d, e]) got(fs.open(inode, 0));
    writeText(got(fs.open(file, O_RDWR)), 0, "nameless");
    for (const name of ["f", "g"]) assert.equal(fs.unlink(fs.root, bytes(name)), 0);
    assert.equal(fs.rmdir(d, bytes("e")), 0);
    assert.equal(fs.rmdir(fs.root, bytes("d")), 0);
    const { fs: back, inode } = roundTrip(fs);
    const again = inode(file.ino);
    const below = inode(e.ino);
    assert.ok(again !== undefined && below !== undefined);
    assert.equal(got(back.parent(below)).ino, d.ino);
    const open = got(back.open(again, O_RDWR));
    assert.equal(readText(open), "nameless");
    assert.deepEqual(back.budget, fs.budget);
    back.releaseOrphans();
    assert.equal(back.budget.inodesUsed, 2);
    open.close();
    assert.deepEqual([back.budget.inodesUsed, back.budget.bytesUsed], [1, 0]);
    assert.equal(inode(4711), undefined);
  });

  it("survives thousands of random operations, and so do the books", () => {
    const seed = FIRST_SEED;
    const random = new Random(seed);
    const world = new LindenWorld(0, 0);
    for (let i = 0; i < 5000; i++) world.run(randomOperation(random, []));
    const back = roundTrip(world.fs);
    assert.deepEqual(picture(back.fs), picture(world.fs), `seed ${seed}`);
    assert.deepEqual(back.fs.budget, world.fs.budget, `seed ${seed}`);
    assert.deepEqual(JSON.stringify(takeSnapshot(back.fs)), JSON.stringify(takeSnapshot(world.fs)), `seed ${seed}`);
    for (const { file } of world.openFiles) file.close();
    clear(world.fs);
    assert.deepEqual([world.fs.budget.inodesUsed, world.fs.budget.bytesUsed], [1, 0], `seed ${seed}`);
    assert.equal(world.fs.orphans.size, 0);
  });
});

/** Remove everything, leaves first. */
function clear(fs: MemoryFileSystem): void {
  const directories: Inode[] = [fs.root];
  const removals: (() => number)[] = [];
  for (let i = 0; i < directories.length; i++) {
    const directory = directories[i];
    if (directory === undefined) break;
    const file = got(fs.open(directory, 0));
    for (const { name } of listAll(file)) {
      const child = got(fs.lookup(directory, name));
      if (child.type === S_IFDIR) directories.push(child);
      removals.push(() => (child.type === S_IFDIR ? fs.rmdir(directory, name) : fs.unlink(directory, name)));
    }
    file.close();
  }
  for (const remove of removals.reverse()) assert.equal(remove(), 0);
}

describe("a snapshot that was tampered with", () => {
  type Loose = { -readonly [K in keyof MemorySnapshot]: MemorySnapshot[K] };
  type LooseInode = { -readonly [K in keyof InodeSnapshot]: InodeSnapshot[K] };

  function refused(tamper: (snapshot: Loose, tree: LooseInode[]) => void): void {
    const fs = make();
    const d = got(fs.mkdir(fs.root, bytes("d"), 0o755, owner));
    got(fs.mkdir(d, bytes("e"), 0o755, owner));
    const open = got(fs.open(got(fs.create(d, bytes("f"), 0o640, owner)), O_RDWR));
    writeText(open, 0, "text");
    got(fs.symlink(fs.root, bytes("l"), bytes("t"), owner));
    const snapshot = travel(takeSnapshot(fs)) as Loose;
    assert.doesNotThrow(() => restoreSnapshot(snapshot, new ManualClock()));
    tamper(snapshot, snapshot.tree as LooseInode[]);
    assert.throws(() => restoreSnapshot(snapshot, new ManualClock()), SnapshotError);
  }
  const ofName = (tree: LooseInode[], name: string): LooseInode => {
    const ino = tree.flatMap((inode) => inode.names ?? []).find((entry) => entry.name === name)?.ino;
    const found = tree.find((inode) => inode.ino === ino);
    assert.ok(found);
    return found;
  };
  const rename = (tree: LooseInode[], to: string) => {
    const d = ofName(tree, "d");
    d.names = (d.names ?? []).map((entry) => ({ ...entry, name: to }));
  };

  it("is refused", () => {
    refused((snapshot) => Object.assign(snapshot, { version: 2 }));
    refused((snapshot) => Object.assign(snapshot, { tree: [] }));
    refused((snapshot) => Object.assign(snapshot, { bytes: -1 }));
    refused((snapshot) => Object.assign(snapshot, { bytes: 100 }));
    refused((snapshot) => Object.assign(snapshot, { inodes: 3 }));
    refused((snapshot) => Object.assign(snapshot, { nextIno: 2 }));
    for (const name of ["", ".", "..", "a/b", "a\0", "n".repeat(256), "\u1234"])
      refused((_, tree) => rename(tree, name));
    refused((_, tree) => tree.push({ ...ofName(tree, "f") }));
    refused((_, tree) => tree.reverse());
    refused((_, tree) => Object.assign(ofName(tree, "f"), { size: 2 ** 50 }));
    refused((_, tree) => Object.assign(ofName(tree, "f"), { size: -1 }));
    refused((_, tree) => Object.assign(ofName(tree, "f"), { pages: [{ number: 0, bytes: new Uint8Array(7) }] }));
    refused((_, tree) => Object.assign(ofName(tree, "f"), { pages: [{ number: -1, bytes: new Uint8Array(1) }] }));
    refused((_, tree) => Object.assign(ofName(tree, "f"), { type: 0o020000 }));
    refused((_, tree) => Object.assign(ofName(tree, "f"), { mode: 0o170000 }));
    refused((_, tree) => Object.assign(ofName(tree, "f"), { times: [1, 2, 3] }));
    refused((_, tree) => Object.assign(ofName(tree, "l"), { target: "" }));
    refused((_, tree) => Object.assign(ofName(tree, "d"), { names: [] }));
  });

  it("cannot bring directories into a circle, or give one two names", () => {
    refused((_, tree) => {
      const d = ofName(tree, "d");
      const e = ofName(tree, "e");
      e.names = [{ name: "up", cookie: 1, ino: d.ino }];
    });
    refused((_, tree) => {
      const e = ofName(tree, "e");
      e.names = [{ name: "root", cookie: 1, ino: 1 }];
    });
    refused((_, tree) => {
      const [root] = tree;
      const d = ofName(tree, "d");
      const e = ofName(tree, "e");
      if (root !== undefined) root.names = (root.names ?? []).filter((entry) => entry.ino !== d.ino);
      e.names = [{ name: "up", cookie: 1, ino: d.ino }];
    });
  });
});
