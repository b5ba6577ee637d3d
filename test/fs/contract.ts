/** What every file system must do, whatever stands behind it. A file system's own test runs this suite over itself. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM } from "../../src/abi/errno.ts";
import { O_RDONLY, O_RDWR, RENAME_EXCHANGE, RENAME_NOREPLACE } from "../../src/abi/fcntl.ts";
import { POLLIN, POLLOUT } from "../../src/abi/poll.ts";
import { DT_DIR, DT_LNK, DT_REG, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "../../src/abi/stat.ts";
import type { DirectoryEntry, FileSystem, Inode, OpenFile, Stat } from "../../src/vfs/contracts.ts";
import { APPEND, emptyStat } from "../../src/vfs/contracts.ts";

export interface ContractSubject {
  /** Empty, writable. */
  readonly fs: FileSystem;
  dispose?(): void;
}

export function bytes(text: string): ByteString {
  return text as ByteString;
}

/** The object of a `T | number` answer; fails with the errno. */
export function got<T extends object | string>(answer: T | number): T {
  if (typeof answer === "number") assert.fail(`answered ${answer}`);
  return answer;
}

export function statOf(fs: FileSystem, inode: Inode): Stat {
  const out = emptyStat();
  assert.equal(fs.stat(inode, out), 0);
  return out;
}

export function writeText(file: OpenFile, position: number, text: string): number {
  const data = new TextEncoder().encode(text);
  return file.write(position, data, 0, data.length);
}

export function readText(file: OpenFile, position = 0, length = 1000): string {
  const into = new Uint8Array(length);
  const count = file.read(position, into, 0, length);
  assert.ok(count >= 0, `read answered ${count}`);
  return Buffer.from(into.subarray(0, count)).toString("latin1");
}

/** All entries, read `limit` at a time. */
export function listAll(file: OpenFile, limit = 100): DirectoryEntry[] {
  const found: DirectoryEntry[] = [];
  for (let from = 0; ; ) {
    const some = file.entries(from, limit);
    if (typeof some === "number") assert.fail(`entries answered ${some}`);
    assert.ok(some.length <= limit);
    found.push(...some);
    const last = some.at(-1);
    if (last === undefined) return found;
    assert.ok(last.next > 0);
    from = last.next;
  }
}

export function fileSystemContract(name: string, make: () => ContractSubject): void {
  describe(`${name} as a file system`, () => {
    let subject: ContractSubject;
    let fs: FileSystem;
    let root: Inode;
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

    beforeEach(() => {
      subject = make();
      fs = subject.fs;
      root = fs.root;
    });
    afterEach(() => subject.dispose?.());

    const create = (where: Inode, text: string) => got(fs.create(where, bytes(text), 0o644, owner));
    const mkdir = (where: Inode, text: string) => got(fs.mkdir(where, bytes(text), 0o755, owner));
    const open = (inode: Inode, flags = O_RDWR) => got(fs.open(inode, flags));
    const names = (directory: Inode) => {
      const file = open(directory, O_RDONLY);
      const found = listAll(file).map((entry) => entry.name);
      file.close();
      return found.sort();
    };
    const fill = (where: Inode, text: string, contents: string) => {
      const inode = create(where, text);
      const file = open(inode);
      assert.equal(writeText(file, 0, contents), contents.length);
      file.close();
      return inode;
    };
    const contents = (where: Inode, text: string) => {
      const file = open(got(fs.lookup(where, bytes(text))), O_RDONLY);
      const found = readText(file);
      file.close();
      return found;
    };

    it("has a directory as its root, which is its own parent", () => {
      assert.equal(root.type, S_IFDIR);
      assert.equal(statOf(fs, root).mode & S_IFMT, S_IFDIR);
      assert.equal(got(fs.parent(root)).ino, root.ino);
      assert.equal(root.fs, fs);
    });

    it("finds what was made, and only that", () => {
      assert.equal(fs.lookup(root, bytes("f")), -ENOENT);
      const made = create(root, "f");
      assert.equal(made.type, S_IFREG);
      const found = got(fs.lookup(root, bytes("f")));
      assert.equal(found.ino, made.ino);
      const stat = statOf(fs, found);
      assert.equal(stat.mode, S_IFREG | 0o644);
      assert.deepEqual([stat.nlink, stat.size, stat.dev], [1, 0, fs.dev]);
      assert.equal(fs.lookup(made, bytes("x")), -ENOTDIR);
    });

    it("makes nothing over what is there", () => {
      create(root, "f");
      mkdir(root, "d");
      for (const there of ["f", "d"]) {
        assert.equal(fs.create(root, bytes(there), 0o644, owner), -EEXIST);
        assert.equal(fs.mkdir(root, bytes(there), 0o755, owner), -EEXIST);
        assert.equal(fs.symlink(root, bytes(there), bytes("t"), owner), -EEXIST);
        assert.equal(fs.link(root, bytes(there), got(fs.lookup(root, bytes("f")))), -EEXIST);
      }
    });

    it("keeps names as bytes", () => {
      const odd = ["\xff", "\xef\xbb\xbfbom", "__proto__", "constructor", "a b\nc", "\xc3\xa9", "n".repeat(255), "..."];
      for (const text of odd) create(root, text);
      assert.deepEqual(names(root), [...odd].sort());
      for (const text of odd) assert.equal(got(fs.lookup(root, bytes(text))).type, S_IFREG);
      assert.equal(fs.lookup(root, bytes("toString")), -ENOENT);
    });

    describe("reading and writing", () => {
      it("moves bytes at positions, into the middle of a buffer", () => {
        const file = open(create(root, "f"));
        assert.equal(writeText(file, 0, "hello world"), 11);
        assert.equal(writeText(file, 6, "W"), 1);
        const into = new Uint8Array(8).fill(46);
        assert.equal(file.read(5, into, 2, 4), 4);
        assert.equal(Buffer.from(into).toString(), ".. Wor..");
        assert.equal(readText(file), "hello World");
        assert.equal(readText(file, 11), "");
        assert.equal(readText(file, 4096), "");
        assert.equal(file.read(0, into, 0, 0), 0);
        assert.equal(file.write(3, into, 0, 0), 0);
        file.close();
        assert.equal(statOf(fs, got(fs.lookup(root, bytes("f")))).size, 11);
      });

      it("reads zeros from holes, which take no room", () => {
        const inode = create(root, "f");
        const file = open(inode);
        assert.equal(writeText(file, 10_000_000, "end"), 3);
        const stat = statOf(fs, inode);
        assert.equal(stat.size, 10_000_003);
        assert.ok(stat.blocks * 512 < 1_000_000, `${stat.blocks} blocks`);
        assert.equal(readText(file, 5_000_000, 3), "\0\0\0");
        assert.equal(readText(file, 9_999_998, 10), "\0\0end");
        file.close();
      });

      it("appends", () => {
        const inode = create(root, "f");
        const a = open(inode);
        const b = open(inode);
        assert.equal(writeText(a, APPEND, "one"), 3);
        assert.equal(writeText(b, APPEND, "two"), 3);
        assert.equal(writeText(a, APPEND, "three"), 5);
        assert.equal(readText(b), "onetwothree");
        a.close();
        b.close();
      });

      it("writes and reads pieces over many pages alike", () => {
        const file = open(create(root, "f"));
        const whole = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) ^ (i >> 8));
        for (let at = 0; at < whole.length; ) {
          const count = Math.min(7_001, whole.length - at);
          assert.equal(file.write(at, whole, at, count), count);
          at += count;
        }
        const back = new Uint8Array(300_000);
        for (let at = 0; at < whole.length; ) {
          const count = file.read(at, back, at, Math.min(9_973, whole.length - at));
          assert.ok(count > 0);
          at += count;
        }
        assert.deepEqual(back, whole);
        file.close();
      });

      it("cuts and grows: what was cut is zero when it returns", () => {
        const inode = fill(root, "f", "abcdefgh");
        assert.equal(fs.setattr(inode, { size: 3 }), 0);
        assert.equal(statOf(fs, inode).size, 3);
        assert.equal(fs.setattr(inode, { size: 6 }), 0);
        assert.equal(contents(root, "f"), "abc\0\0\0");
        assert.equal(fs.setattr(inode, { size: 0 }), 0);
        assert.equal(contents(root, "f"), "");
      });

      it("allocates without losing anything", () => {
        const inode = fill(root, "f", "abc");
        const file = open(inode);
        assert.equal(file.allocate(0, 1000), 0);
        assert.equal(statOf(fs, inode).size, 1000);
        assert.equal(readText(file, 0, 5), "abc\0\0");
        assert.equal(file.allocate(0, 10), 0);
        assert.equal(statOf(fs, inode).size, 1000);
        file.close();
      });

      it("is always ready, and syncs", () => {
        const file = open(create(root, "f"));
        assert.equal(file.readiness() & (POLLIN | POLLOUT), POLLIN | POLLOUT);
        assert.equal(file.waiters, undefined);
        assert.equal(file.seekable, true);
        assert.equal(file.sync(true), 0);
        assert.equal(file.sync(false), 0);
        file.close();
      });

      it("does not list what is no directory, nor read what is one", () => {
        const file = open(create(root, "f"));
        assert.equal(file.entries(0, 10), -ENOTDIR);
        file.close();
        const directory = open(root, O_RDONLY);
        assert.equal(directory.read(0, new Uint8Array(4), 0, 4), -EISDIR);
        directory.close();
      });
    });

    describe("directories", () => {
      it("nest, and know the one above", () => {
        const d = mkdir(root, "d");
        const e = mkdir(d, "e");
        assert.equal(statOf(fs, e).mode, S_IFDIR | 0o755);
        assert.equal(got(fs.parent(e)).ino, d.ino);
        assert.equal(got(fs.parent(d)).ino, root.ino);
        create(e, "f");
        assert.deepEqual(names(e), ["f"]);
        assert.deepEqual(names(root), ["d"]);
      });

      it("list types, inode numbers and cookies that go on where they stopped", () => {
        const made = new Map<string, number>();
        for (let i = 0; i < 50; i++) made.set(`f${i}`, create(root, `f${i}`).ino);
        mkdir(root, "d");
        got(fs.symlink(root, bytes("l"), bytes("f1"), owner));
        const file = open(root, O_RDONLY);
        for (const limit of [1, 7, 1000]) {
          const all = listAll(file, limit);
          assert.equal(all.length, 52);
          assert.equal(new Set(all.map((entry) => entry.name)).size, 52);
          for (const entry of all) {
            const type = entry.name === "d" ? DT_DIR : entry.name === "l" ? DT_LNK : DT_REG;
            assert.equal(entry.type, type);
            const ino = made.get(entry.name);
            if (ino !== undefined) assert.equal(entry.ino, ino);
          }
        }
        file.close();
      });

      it("can be read while what was listed is removed: nothing is missed or told twice", () => {
        for (let i = 0; i < 100; i++) create(root, `f${i}`);
        const file = open(root, O_RDONLY);
        const seen: string[] = [];
        for (let from = 0; ; ) {
          const some = file.entries(from, 9);
          if (typeof some === "number") assert.fail(`entries answered ${some}`);
          const last = some.at(-1);
          if (last === undefined) break;
          for (const { name: text } of some) {
            seen.push(text);
            assert.equal(fs.unlink(root, text), 0);
          }
          from = last.next;
        }
        file.close();
        assert.equal(seen.length, 100);
        assert.equal(new Set(seen).size, 100);
        assert.deepEqual(names(root), []);
      });

      it("are removed only when empty", () => {
        const d = mkdir(root, "d");
        create(d, "f");
        assert.equal(fs.rmdir(root, bytes("d")), -ENOTEMPTY);
        assert.equal(fs.unlink(root, bytes("d")), -EISDIR);
        assert.equal(fs.rmdir(d, bytes("f")), -ENOTDIR);
        assert.equal(fs.unlink(d, bytes("f")), 0);
        assert.equal(fs.rmdir(root, bytes("d")), 0);
        assert.equal(fs.rmdir(root, bytes("d")), -ENOENT);
        assert.equal(fs.lookup(root, bytes("d")), -ENOENT);
      });

      it("take nothing any more once they are removed", () => {
        const d = mkdir(root, "d");
        const file = open(d, O_RDONLY);
        assert.equal(fs.rmdir(root, bytes("d")), 0);
        assert.equal(fs.create(d, bytes("f"), 0o644, owner), -ENOENT);
        assert.equal(fs.mkdir(d, bytes("e"), 0o755, owner), -ENOENT);
        assert.equal(fs.lookup(d, bytes("f")), -ENOENT);
        file.close();
      });
    });

    describe("links", () => {
      it("give one file many names", () => {
        const inode = fill(root, "a", "text");
        const d = mkdir(root, "d");
        assert.equal(fs.link(d, bytes("b"), inode), 0);
        assert.equal(got(fs.lookup(d, bytes("b"))).ino, inode.ino);
        assert.equal(statOf(fs, inode).nlink, 2);
        assert.equal(fs.unlink(root, bytes("a")), 0);
        assert.equal(contents(d, "b"), "text");
        assert.equal(statOf(fs, got(fs.lookup(d, bytes("b")))).nlink, 1);
      });

      it("of directories are refused", () => {
        const d = mkdir(root, "d");
        assert.equal(fs.link(root, bytes("e"), d), -EPERM);
      });

      it("that are symbolic keep their target as it is", () => {
        for (const [i, target] of ["/a/b", "../x", "\xff\xfe", "t".repeat(1000)].entries()) {
          const link = got(fs.symlink(root, bytes(`l${i}`), bytes(target), owner));
          assert.equal(link.type, S_IFLNK);
          assert.equal(fs.readlink(link), target);
          const stat = statOf(fs, got(fs.lookup(root, bytes(`l${i}`))));
          assert.deepEqual([stat.mode & S_IFMT, stat.size], [S_IFLNK, target.length]);
        }
        assert.equal(fs.readlink(create(root, "f")), -EINVAL);
      });
    });

    describe("a file that is open", () => {
      it("lives on without a name", () => {
        const inode = fill(root, "f", "still here");
        const file = open(inode);
        assert.equal(fs.unlink(root, bytes("f")), 0);
        assert.equal(fs.lookup(root, bytes("f")), -ENOENT);
        assert.equal(readText(file), "still here");
        assert.equal(writeText(file, APPEND, "!"), 1);
        assert.equal(readText(file), "still here!");
        file.close();
      });

      it("is not the new one of its name", () => {
        const file = open(fill(root, "f", "old"));
        fill(root, "g", "new");
        assert.equal(fs.rename(root, bytes("g"), root, bytes("f"), 0), 0);
        assert.equal(readText(file), "old");
        assert.equal(contents(root, "f"), "new");
        file.close();
      });
    });

    describe("renaming", () => {
      it("moves files and directories between directories", () => {
        const d = mkdir(root, "d");
        const e = mkdir(root, "e");
        fill(d, "f", "text");
        assert.equal(fs.rename(d, bytes("f"), e, bytes("g"), 0), 0);
        assert.deepEqual([names(d), names(e)], [[], ["g"]]);
        assert.equal(contents(e, "g"), "text");
        assert.equal(fs.rename(root, bytes("d"), e, bytes("d2"), 0), 0);
        const moved = got(fs.lookup(e, bytes("d2")));
        assert.equal(got(fs.parent(moved)).ino, e.ino);
        assert.deepEqual(names(root), ["e"]);
        assert.equal(fs.rename(root, bytes("none"), root, bytes("x"), 0), -ENOENT);
      });

      it("replaces a file, an empty directory, and nothing else", () => {
        fill(root, "a", "A");
        fill(root, "b", "B");
        const d = mkdir(root, "d");
        const full = mkdir(root, "full");
        create(full, "x");
        assert.equal(fs.rename(root, bytes("a"), root, bytes("b"), 0), 0);
        assert.equal(contents(root, "b"), "A");
        assert.equal(fs.rename(root, bytes("b"), root, bytes("d"), 0), -EISDIR);
        assert.equal(fs.rename(root, bytes("d"), root, bytes("b"), 0), -ENOTDIR);
        assert.equal(fs.rename(root, bytes("d"), root, bytes("full"), 0), -ENOTEMPTY);
        assert.equal(fs.rename(root, bytes("full"), root, bytes("d"), 0), 0);
        assert.deepEqual(names(root), ["b", "d"]);
        assert.deepEqual(names(got(fs.lookup(root, bytes("d")))), ["x"]);
        assert.notEqual(d.ino, got(fs.lookup(root, bytes("d"))).ino);
      });

      it("does nothing between two names of one file", () => {
        const inode = fill(root, "a", "text");
        assert.equal(fs.link(root, bytes("b"), inode), 0);
        assert.equal(fs.rename(root, bytes("a"), root, bytes("b"), 0), 0);
        assert.deepEqual(names(root), ["a", "b"]);
      });

      it("puts no directory into itself", () => {
        const d = mkdir(root, "d");
        const e = mkdir(d, "e");
        assert.equal(fs.rename(root, bytes("d"), d, bytes("x"), 0), -EINVAL);
        assert.equal(fs.rename(root, bytes("d"), e, bytes("x"), 0), -EINVAL);
      });

      it("knows RENAME_NOREPLACE and RENAME_EXCHANGE", () => {
        fill(root, "a", "A");
        const d = mkdir(root, "d");
        fill(d, "b", "B");
        assert.equal(fs.rename(root, bytes("a"), d, bytes("b"), RENAME_NOREPLACE), -EEXIST);
        assert.equal(fs.rename(root, bytes("a"), d, bytes("b"), RENAME_EXCHANGE), 0);
        assert.deepEqual([contents(root, "a"), contents(d, "b")], ["B", "A"]);
        assert.equal(fs.rename(root, bytes("a"), d, bytes("none"), RENAME_EXCHANGE), -ENOENT);
        assert.equal(fs.rename(root, bytes("a"), d, bytes("c"), RENAME_NOREPLACE), 0);
        assert.deepEqual(names(d), ["b", "c"]);
      });
    });

    describe("attributes", () => {
      it("change as asked, and only those", () => {
        const inode = create(root, "f");
        assert.equal(fs.setattr(inode, { mode: 0o600 }), 0);
        assert.equal(statOf(fs, inode).mode, S_IFREG | 0o600);
        const atime = { seconds: 1_000_000_000, nanoseconds: 123_456_789 };
        const mtime = { seconds: 86_400, nanoseconds: 1 };
        assert.equal(fs.setattr(inode, { atime, mtime }), 0);
        let stat = statOf(fs, inode);
        assert.deepEqual([stat.atimeSeconds, stat.atimeNanoseconds], [atime.seconds, atime.nanoseconds]);
        assert.deepEqual([stat.mtimeSeconds, stat.mtimeNanoseconds], [mtime.seconds, mtime.nanoseconds]);
        assert.equal(fs.setattr(inode, { mtime: { seconds: 5, nanoseconds: 6 } }), 0);
        stat = statOf(fs, inode);
        assert.deepEqual([stat.atimeSeconds, stat.mtimeSeconds, stat.mtimeNanoseconds], [atime.seconds, 5, 6]);
      });

      it("tell of each change in mtime and ctime", () => {
        const inode = create(root, "f");
        const past = { seconds: 1000, nanoseconds: 0 };
        assert.equal(fs.setattr(inode, { mtime: past }), 0);
        const file = open(inode);
        writeText(file, 0, "x");
        file.close();
        assert.ok(statOf(fs, inode).mtimeSeconds > 1000);
        assert.equal(fs.setattr(root, { mtime: past }), 0);
        create(root, "g");
        assert.ok(statOf(fs, root).mtimeSeconds > 1000);
      });
    });

    it("tells its size, and what is left of it", () => {
      const before = fs.statistics();
      assert.ok(before.blockSize >= 512 && before.blocks >= before.blocksFree);
      assert.ok(before.blocksFree > 0 && before.files >= before.filesFree);
    });
  });
}
