/** The overlay over memory file systems: the contract of all file systems, and what shows of two layers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EEXIST, EISDIR, ENODATA, ENOENT, ENOSPC, ENOTEMPTY, EXDEV } from "../../src/abi/errno.ts";
import { O_RDONLY, O_RDWR, O_WRONLY, RENAME_EXCHANGE } from "../../src/abi/fcntl.ts";
import { S_IFDIR, S_IFIFO, S_IFREG } from "../../src/abi/stat.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { restoreSnapshot, takeSnapshot } from "../../src/fs/memfs/snapshot.ts";
import { OverlayFileSystem } from "../../src/fs/overlayfs/overlayfs.ts";
import type { FileSystem, Inode } from "../../src/vfs/contracts.ts";
import { ManualClock } from "./clock.ts";
import { bytes, fileSystemContract, got, listAll, readText, statOf, writeText } from "./contract.ts";

const clock = new ManualClock();
const owner = { uid: 5, gid: 6 };

function layers(upperBytes = 1 << 20) {
  const lower = new MemoryFileSystem({ dev: 1, clock });
  const upper = new MemoryFileSystem({ dev: 2, clock, bytes: upperBytes });
  return { lower, upper, fs: new OverlayFileSystem(3, lower, upper) };
}

fileSystemContract("overlayfs", () => ({ fs: layers().fs }));

function fill(fs: FileSystem, directory: Inode, name: string, text: string): Inode {
  const inode = got(fs.create(directory, bytes(name), 0o640, owner));
  const file = got(fs.open(inode, O_RDWR));
  writeText(file, 0, text);
  file.close();
  return inode;
}

function find(fs: FileSystem, path: string): Inode {
  let at = fs.root;
  for (const name of path.split("/").filter(Boolean)) at = got(fs.lookup(at, bytes(name)));
  return at;
}

function content(fs: FileSystem, path: string): string {
  const file = got(fs.open(find(fs, path), O_RDONLY));
  const text = readText(file);
  file.close();
  return text;
}

function names(fs: FileSystem, path = "", limit = 100): string[] {
  const file = got(fs.open(find(fs, path), O_RDONLY));
  const found = listAll(file, limit).map(({ name }) => name);
  file.close();
  return found.sort();
}

/** Everything a file system holds, to see that it stays as it was. */
function picture(fs: MemoryFileSystem): unknown {
  return takeSnapshot(fs);
}

/** A lower layer with d/e/f, d/g and a file of two names. */
function populated(upperBytes?: number) {
  const made = layers(upperBytes);
  const { lower } = made;
  const d = got(lower.mkdir(lower.root, bytes("d"), 0o750, owner));
  const e = got(lower.mkdir(d, bytes("e"), 0o755, owner));
  fill(lower, e, "f", "below");
  fill(lower, d, "g", "other");
  lower.link(lower.root, bytes("g2"), fill(lower, lower.root, "g1", "twice"));
  const before = picture(lower);
  return { ...made, unchanged: () => assert.deepEqual(picture(lower), before) };
}

describe("an overlay", () => {
  it("shows the lower layer as it is, and copies nothing to show it", () => {
    const { fs, upper, unchanged } = populated();
    assert.equal(content(fs, "d/e/f"), "below");
    assert.deepEqual(names(fs), ["d", "g1", "g2"]);
    const stat = statOf(fs, find(fs, "d"));
    assert.deepEqual([stat.dev, stat.mode, stat.uid, stat.gid], [3, S_IFDIR | 0o750, 5, 6]);
    assert.equal(upper.budget.inodesUsed, 1);
    unchanged();
  });

  it("copies up what is opened for writing, with the directories above it; number and attributes stay", () => {
    const { fs, upper, unchanged } = populated();
    const inode = find(fs, "d/e/f");
    const before = statOf(fs, inode);
    const reading = got(fs.open(inode, O_RDONLY));
    const writing = got(fs.open(inode, O_WRONLY));
    assert.equal(writeText(writing, 0, "ABOVE and more"), 14);
    writing.close();
    assert.equal(content(fs, "d/e/f"), "ABOVE and more");
    assert.equal(readText(reading), "below", "what was open before is not told, as on Linux");
    const { ino, uid, gid, mode } = statOf(fs, find(fs, "d/e/f"));
    assert.deepEqual([ino, uid, gid, mode], [before.ino, 5, 6, S_IFREG | 0o640]);
    assert.equal(statOf(fs, reading.inode).size, 14);
    assert.deepEqual(names(upper, "d/e"), ["f"]);
    assert.deepEqual(names(fs, "d"), ["e", "g"]);
    unchanged();
  });

  it("changes attributes, also extended ones, in the copy alone", () => {
    const { fs, unchanged } = populated();
    assert.equal(fs.setattr(find(fs, "d/g"), { mode: 0o600, uid: 9 }), 0);
    assert.deepEqual([statOf(fs, find(fs, "d/g")).mode, content(fs, "d/g")], [S_IFREG | 0o600, "other"]);
    assert.equal(fs.attributes.get(find(fs, "d"), bytes("user.x")), -ENODATA);
    assert.equal(fs.attributes.set(find(fs, "d"), bytes("user.x"), Uint8Array.of(1)), 0);
    assert.deepEqual(fs.attributes.get(find(fs, "d"), bytes("user.x")), Uint8Array.of(1));
    assert.equal(fs.setattr(find(fs, "g1"), { size: 0 }), 0);
    assert.equal(content(fs, "g1"), "");
    assert.equal(content(fs, "g2"), "twice", "a file of two names gets apart");
    unchanged();
  });

  it("hides what is removed, and shows none of it under a directory made in its place", () => {
    const { fs, unchanged } = populated();
    assert.equal(fs.rmdir(find(fs, "d"), bytes("e")), -ENOTEMPTY);
    assert.equal(fs.unlink(fs.root, bytes("d")), -EISDIR);
    const open = got(fs.open(find(fs, "d/e/f"), O_RDONLY));
    assert.equal(fs.unlink(find(fs, "d/e"), bytes("f")), 0);
    assert.equal(fs.lookup(find(fs, "d/e"), bytes("f")), -ENOENT);
    assert.equal(readText(open), "below");
    assert.equal(fs.setattr(open.inode, { mode: 0o777 }), -ENOENT, "it does not come back");
    assert.deepEqual(names(fs, "d/e"), []);
    assert.equal(fs.rmdir(find(fs, "d"), bytes("e")), 0);
    assert.deepEqual(names(fs, "d"), ["g"]);
    const again = got(fs.mkdir(find(fs, "d"), bytes("e"), 0o700, owner));
    assert.deepEqual(names(fs, "d/e"), []);
    fill(fs, again, "new", "x");
    assert.deepEqual(names(fs, "d/e"), ["new"]);
    assert.equal(got(fs.parent(again)).ino, find(fs, "d").ino);
    assert.equal(fs.unlink(fs.root, bytes("g1")), 0);
    assert.equal(content(fs, "g2"), "twice");
    unchanged();
  });

  it("renames files across layers, over what either has, and no directory of the lower one", () => {
    const { fs, unchanged } = populated();
    const d = find(fs, "d");
    assert.equal(fs.rename(fs.root, bytes("d"), fs.root, bytes("z"), 0), -EXDEV);
    const { ino } = find(fs, "d/e/f");
    assert.equal(fs.rename(find(fs, "d/e"), bytes("f"), d, bytes("g"), 0), 0);
    assert.deepEqual([names(fs, "d"), names(fs, "d/e"), content(fs, "d/g")], [["e", "g"], [], "below"]);
    assert.equal(find(fs, "d/g").ino, ino);
    const own = got(fs.mkdir(fs.root, bytes("own"), 0o755, owner));
    fill(fs, own, "inside", "mine");
    assert.equal(fs.rename(fs.root, bytes("own"), d, bytes("e"), 0), 0, "over an empty one of the lower layer");
    assert.deepEqual(names(fs, "d/e"), ["inside"]);
    assert.equal(fs.rename(d, bytes("g"), fs.root, bytes("g1"), RENAME_EXCHANGE), 0);
    assert.deepEqual([content(fs, "d/g"), content(fs, "g1")], ["twice", "below"]);
    assert.equal(fs.unlink(fs.root, bytes("g1")), 0);
    assert.equal(fs.lookup(fs.root, bytes("g1")), -ENOENT);
    unchanged();
  });

  it("lists both layers in parts of any length, each name once, while names come and go", () => {
    const { fs, lower } = layers();
    for (let i = 0; i < 50; i++) fill(lower, lower.root, `l${i}`, "");
    for (let i = 0; i < 50; i += 3) assert.equal(fs.unlink(fs.root, bytes(`l${i}`)), 0);
    for (let i = 1; i < 50; i += 3) got(fs.open(find(fs, `l${i}`), O_WRONLY)).close();
    for (let i = 0; i < 10; i++) fill(fs, fs.root, `u${i}`, "");
    const all = names(fs);
    assert.equal(all.length, 33 + 10);
    for (const limit of [1, 2, 7]) assert.deepEqual(names(fs, "", limit), all);
    const file = got(fs.open(fs.root, O_RDONLY));
    const seen: string[] = [];
    for (let from = 0; ; ) {
      const part = got(file.entries(from, 5));
      const last = part.at(-1);
      if (last === undefined) break;
      for (const { name, ino } of part) {
        assert.equal(got(fs.lookup(fs.root, name)).ino, ino);
        seen.push(name);
        assert.equal(fs.unlink(fs.root, name), 0);
      }
      from = last.next;
    }
    assert.deepEqual(seen.sort(), all);
    assert.deepEqual(names(fs), []);
  });

  it("makes links and FIFOs beside the lower layer's files", () => {
    const { fs, unchanged } = populated();
    assert.equal(fs.link(fs.root, bytes("h"), find(fs, "d/g")), 0);
    assert.equal(statOf(fs, find(fs, "h")).nlink, 2);
    assert.equal(fs.link(fs.root, bytes("g1"), find(fs, "d/g")), -EEXIST);
    assert.equal(got(fs.mknod(find(fs, "d"), bytes("p"), S_IFIFO, 0o600, owner)).type, S_IFIFO);
    assert.equal(find(fs, "d/p"), find(fs, "d/p"), "one object, by which the kernel finds its pipe");
    unchanged();
  });

  it("answers ENOSPC when the upper layer is full, and leaves nothing half copied", () => {
    const { fs, lower, upper } = layers(100_000);
    const big = fill(lower, lower.root, "big", "");
    const file = got(lower.open(big, O_RDWR));
    file.write(0, new Uint8Array(200_000).fill(7), 0, 200_000);
    file.close();
    assert.equal(fs.open(find(fs, "big"), O_WRONLY), -ENOSPC);
    assert.deepEqual(names(upper), []);
    assert.equal(statOf(fs, find(fs, "big")).size, 200_000);
    assert.equal(fs.setattr(find(fs, "big"), { size: 0 }), 0, "what is cut off is not copied");
    got(fs.open(find(fs, "big"), O_WRONLY)).close();
  });

  it("comes back from its layers and what is kept besides them", () => {
    const { fs, lower, upper } = populated();
    fs.unlink(find(fs, "d"), bytes("g"));
    const changed = got(fs.open(find(fs, "d/e/f"), O_WRONLY));
    writeText(changed, 0, "later");
    changed.close();
    const own = fill(fs, fs.root, "own", "mine");
    const state = structuredClone({ layers: fs.state(), lower: takeSnapshot(lower), upper: takeSnapshot(upper) });
    const below = restoreSnapshot(state.lower, clock);
    const above = restoreSnapshot(state.upper, clock);
    const copy = new OverlayFileSystem(3, below.fs, above.fs);
    assert.ok(copy.restore(state.layers, below.inode, above.inode));
    assert.deepEqual(
      [names(copy), names(copy, "d"), content(copy, "d/e/f")],
      [["d", "g1", "g2", "own"], ["e"], "later"],
    );
    assert.equal(copy.inode(own.ino, below.inode, above.inode), find(copy, "own"));
    const { ino } = find(fs, "d/e");
    assert.equal(copy.inode(ino, below.inode, above.inode), find(copy, "d/e"));
    assert.deepEqual(copy.state(), fs.state());
  });
});
