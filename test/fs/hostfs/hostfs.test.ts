/** What hostfs adds to being a file system: coherence with a host that changes files, bounds, ownership, batches. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ENOENT, ENOTDIR } from "../../../src/abi/errno.ts";
import { O_RDONLY, O_RDWR, O_WRONLY } from "../../../src/abi/fcntl.ts";
import type { HostFileSystem } from "../../../src/fs/hostfs/hostfs.ts";
import { HOST_COHERENCE_MS, HOST_DESCRIPTORS } from "../../../src/limits.ts";
import type { Inode } from "../../../src/vfs/contracts.ts";
import { find, owner, Served } from "../../fileserver/served.ts";
import { bytes, got, listAll, readText, statOf, writeText } from "../contract.ts";

let served: Served;
let fs: HostFileSystem;
let requests = 0;

function begin(options: ConstructorParameters<typeof Served>[0] = {}): void {
  served = new Served(options);
  fs = served.mount();
  const { line } = served;
  const ask = line.ask.bind(line);
  requests = 0;
  line.ask = (...args) => {
    requests++;
    return ask(...args);
  };
}

const at = (path: string): Inode => got(find(fs, path));
const host = (name: string) => join(served.path, name);
const textOf = (path: string): string => {
  const file = got(fs.open(at(path), O_RDONLY));
  const text = readText(file);
  file.close();
  return text;
};

beforeEach(() => begin());
afterEach(() => served.dispose());

describe("a host that changes files meanwhile", () => {
  it("is believed for a bounded time, and asked at every open", () => {
    writeFileSync(host("f"), "one");
    assert.equal(statOf(fs, at("f")).size, 3);
    appendFileSync(host("f"), " two");
    served.clock.skipped += HOST_COHERENCE_MS * 1_000_000;
    assert.equal(statOf(fs, at("f")).size, 7);
    writeFileSync(host("f"), "three");
    assert.equal(textOf("f"), "three");
    assert.equal(statOf(fs, at("f")).size, 5);
  });

  it("shows new contents through an open file: small ones within the bound, large ones at once", () => {
    writeFileSync(host("small"), "old");
    writeFileSync(host("large"), "old".padEnd(100_000));
    const small = got(fs.open(at("small"), O_RDONLY));
    const large = got(fs.open(at("large"), O_RDONLY));
    assert.deepEqual([readText(small, 0, 3), readText(large, 0, 3)], ["old", "old"]);
    writeFileSync(host("small"), "new and longer");
    writeFileSync(host("large"), "new");
    assert.equal(readText(large, 0, 10), "new");
    served.expire();
    assert.equal(readText(small), "new and longer");
    small.close();
    large.close();
  });

  it("replaces a file by renaming over it, as editors do", () => {
    writeFileSync(host("f"), "one");
    const before = at("f");
    const open = got(fs.open(before, O_RDWR));
    writeFileSync(host("f.tmp"), "two");
    renameSync(host("f.tmp"), host("f"));
    assert.equal(textOf("f"), "two");
    assert.notEqual(at("f").ino, before.ino);
    assert.equal(readText(open), "one");
    assert.equal(writeText(open, 0, "ONE"), 3);
    assert.equal(served.hostText("f"), "two");
    open.close();
  });

  it("removes, and changes types", () => {
    mkdirSync(host("d"));
    writeFileSync(host("d/f"), "x");
    const file = at("d/f");
    rmSync(host("d"), { recursive: true });
    assert.equal(fs.open(file, O_RDONLY), -ENOENT);
    served.expire();
    assert.equal(find(fs, "d"), -ENOENT);
    writeFileSync(host("d"), "file now");
    assert.equal(textOf("d"), "file now");
    assert.equal(fs.lookup(at("d"), bytes("f")), -ENOTDIR);
  });

  it("turns directories into rings as far as was seen: paths end all the same", () => {
    mkdirSync(host("a/b"), { recursive: true });
    const b = at("a/b");
    // The host moves b out and a into b; the cell has seen a in the root, then sees it in b, which it saw in a.
    renameSync(host("a/b"), host("b"));
    renameSync(host("a"), host("b/a"));
    served.expire();
    const a = at("b/a");
    served.expire();
    assert.equal(got(fs.parent(a)).ino, b.ino);
    assert.equal(got(fs.parent(b)).ino, fs.root.ino);
    assert.equal(find(fs, "a"), -ENOENT);
  });
});

describe("round trips", () => {
  it("are few for a tree that is listed and looked at", () => {
    for (let i = 0; i < 2000; i++) writeFileSync(host(`file-${i}`), "x");
    const directory = got(fs.open(fs.root, O_RDONLY));
    requests = 0;
    const entries = listAll(directory, 200);
    for (const { name } of entries) assert.equal(statOf(fs, got(fs.lookup(fs.root, name))).size, 1);
    directory.close();
    assert.equal(entries.length, 2000);
    assert.ok(requests < 10, `${requests} requests`);
  });

  it("are one for a small file read, and none for reading on in a large one", () => {
    writeFileSync(host("small"), "text");
    writeFileSync(host("large"), Buffer.alloc(1_000_000, 7));
    const small = at("small");
    const large = at("large");
    requests = 0;
    let file = got(fs.open(small, O_RDONLY));
    assert.equal(readText(file), "text");
    file.close();
    assert.equal(requests, 1);
    file = got(fs.open(large, O_RDONLY));
    const into = new Uint8Array(4096);
    for (let position = 0; position < 1_000_000; ) position += file.read(position, into, 0, into.length);
    assert.equal(requests, 2);
    assert.equal(file.read(500_000, into, 0, 4096), 4096);
    assert.equal(file.read(504_096, into, 0, 4096), 4096);
    assert.equal(requests, 3);
    file.close();
  });
});

describe("contents", () => {
  it("of 50 MB arrive as they are, in reads of any size", () => {
    const whole = Buffer.alloc(50 * 1024 * 1024);
    for (let i = 0; i < whole.length; i += 4) whole.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, i);
    writeFileSync(host("big"), whole);
    const file = got(fs.open(at("big"), O_RDONLY));
    const back = Buffer.alloc(whole.length);
    for (let position = 0, size = 1; position < whole.length; size = (size * 3 + 1) % 1_500_000) {
      const read = file.read(position, back, position, Math.min(size + 1, whole.length - position));
      assert.ok(read > 0, `${read} at ${position}`);
      position += read;
    }
    file.close();
    assert.ok(whole.equals(back));
  });

  it("stay apart when more files are read in turns than descriptors are kept", () => {
    const count = HOST_DESCRIPTORS + 5;
    for (let i = 0; i < count; i++) writeFileSync(host(`f${i}`), Buffer.alloc(100_000, i));
    const files = Array.from({ length: count }, (_, i) => got(fs.open(at(`f${i}`), O_RDONLY)));
    const into = new Uint8Array(1000);
    for (let position = 0; position < 5000; position += 1000) {
      for (const [i, file] of files.entries()) {
        assert.equal(file.read(position, into, 0, 1000), 1000);
        assert.ok(into.every((byte) => byte === i));
      }
    }
    for (const file of files) file.close();
  });

  it("written are there for the host at once, and for every other open file", () => {
    const a = got(fs.open(got(fs.create(fs.root, bytes("f"), 0o644, owner)), O_WRONLY));
    assert.equal(writeText(a, 0, "text"), 4);
    const b = got(fs.open(at("f"), O_RDONLY));
    assert.equal(readText(b), "text");
    assert.equal(writeText(a, 4, " more"), 5);
    assert.equal(readText(b), "text more");
    assert.equal(fs.setattr(at("f"), { size: 2 }), 0);
    assert.equal(readText(b), "te");
    assert.equal(served.hostText("f"), "te");
    a.close();
    b.close();
  });
});

describe("names", () => {
  it("are bytes, UTF-8 or not", () => {
    for (const name of ["\xff\xfe", "\xc3\xa9", "a\nb", "__proto__"]) {
      const file = got(fs.open(got(fs.create(fs.root, bytes(name), 0o644, owner)), O_RDWR));
      writeText(file, 0, "text");
      file.close();
      const path = Buffer.concat([Buffer.from(`${served.path}/`), Buffer.from(name, "latin1")]);
      assert.equal(readFileSync(path, "latin1"), "text");
      assert.equal(textOf(name), "text");
    }
  });
});

describe("bounds", () => {
  it("on inodes hold, and what is forgotten is found again", () => {
    served.dispose();
    begin({ inodes: 50 });
    for (let d = 0; d < 10; d++) {
      mkdirSync(host(`d${d}`));
      for (let f = 0; f < 30; f++) writeFileSync(host(`d${d}/f${f}`), `${d}.${f}`);
    }
    const open = got(fs.open(at("d0/f0"), O_RDWR));
    for (let round = 0; round < 2; round++) {
      for (let d = 0; d < 10; d++) {
        for (let f = 0; f < 30; f++) assert.equal(textOf(`d${d}/f${f}`), `${d}.${f}`);
      }
      assert.ok(fs.remembered <= 60, `${fs.remembered}`);
    }
    // An open file is never forgotten: what is written through it is seen through its name at once.
    writeText(open, 0, "new");
    assert.equal(statOf(fs, at("d0/f0")).size, 3);
    open.close();
  });
});

describe("ownership", () => {
  it("is the owner's for the server's own files; chown is remembered, not done", () => {
    writeFileSync(host("f"), "");
    const inode = at("f");
    assert.deepEqual([statOf(fs, inode).uid, statOf(fs, inode).gid], [owner.uid, owner.gid]);
    assert.equal(fs.setattr(inode, { uid: 1234, gid: 99 }), 0);
    assert.deepEqual([statOf(fs, inode).uid, statOf(fs, inode).gid], [1234, 99]);
    assert.equal(statSync(host("f")).uid, process.getuid?.());
    const made = got(fs.create(fs.root, bytes("g"), 0o644, { uid: 55, gid: 66 }));
    assert.deepEqual([statOf(fs, made).uid, statOf(fs, made).gid], [55, 66]);
    assert.equal(fs.unlink(fs.root, bytes("f")), 0);
    writeFileSync(host("f"), "");
    assert.equal(statOf(fs, at("f")).uid, owner.uid);
  });
});

describe("what is neither file nor directory", () => {
  it("is seen and not opened; links are read, not followed", () => {
    symlinkSync("/etc/passwd", host("l"));
    assert.equal(fs.readlink(at("l")), "/etc/passwd");
    assert.ok((fs.open(at("l"), O_RDONLY) as number) < 0);
    assert.equal(fs.lookup(at("l"), bytes("x")), -ENOTDIR);
  });
});

describe("a file that was made and not opened", () => {
  it("keeps no handle for long", () => {
    for (let i = 0; i < 600; i++) got(fs.create(fs.root, bytes(`f${i}`), 0o644, owner));
    assert.equal(textOf("f599"), "");
    assert.ok(existsSync(host("f0")));
  });
});
