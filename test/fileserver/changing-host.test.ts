/**
 * A host that changes a mounted directory in every way while a guest uses it: names swapped for links, pipes and sockets, files that
 * grow and shrink, directories deleted with what stands in them. Answers may be errors; nothing hangs, throws, leads out or leaks.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EAGAIN, ENAMETOOLONG, ENOENT } from "../../src/abi/errno.ts";
import { O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY } from "../../src/abi/fcntl.ts";
import { S_IFDIR, S_IFREG } from "../../src/abi/stat.ts";
import type { HostFileSystem } from "../../src/fs/hostfs/hostfs.ts";
import { HOST_ENTRIES } from "../../src/limits.ts";
import { APPEND, type Inode, type OpenFile } from "../../src/vfs/contracts.ts";
import { got, listAll, statOf } from "../fs/contract.ts";
import { random } from "../random.ts";
import { find, owner, Served } from "./served.ts";

const SECRET = "SECRET of the host";
let served: Served;
let fs: HostFileSystem;
const host = (...names: string[]) => join(served.path, ...names);
const bytes = (text: string) => text as ByteString;

beforeEach(() => {
  served = new Served({ below: "served" });
  fs = served.mount();
  mkdirSync(join(served.base, "outside"));
  writeFileSync(join(served.base, "outside/secret"), SECRET);
});
afterEach(() => served.dispose());

/** Everything at once, on the names the guest uses, for ever. */
const RACER = `
const fs = require("node:fs"), { execFileSync } = require("node:child_process"), net = require("node:net");
process.chdir(process.argv[1]);
execFileSync("mkfifo", ["../pipe"]);
net.createServer().listen("../socket", () => {
  fs.writeSync(1, "go");
  const outside = "../outside", names = ["a", "a/f", "a/d", "a/d/f", "f", "a/d/e"];
  const pick = (list) => list[Math.floor(Math.random() * list.length)];
  const acts = [
    (n) => { fs.rmSync(n, { recursive: true, force: true }); fs.symlinkSync(pick([outside, "/", outside + "/secret", "/proc/self/root", "..", "../../outside"]), n); },
    (n) => { fs.rmSync(n, { recursive: true, force: true }); fs.linkSync(pick(["../pipe", "../socket"]), n); },
    (n) => { fs.rmSync(n, { recursive: true, force: true }); fs.mkdirSync(n); },
    (n) => { fs.rmSync(n, { recursive: true, force: true }); fs.writeFileSync(n, "inside".repeat(pick([1, 1000, 30000]))); },
    (n) => fs.renameSync(n, pick(names)),
    (n) => fs.truncateSync(n, pick([0, 1, 65536, 65537, 200000])),
    (n) => fs.appendFileSync(n, "inside".repeat(20000)),
    (n) => fs.chmodSync(n, pick([0, 0o4755, 0o2777, 0o1777, 0o644, 0o755])),
    (n) => fs.linkSync(n, pick(names)),
    () => { fs.mkdirSync("a/d", { recursive: true }); fs.writeFileSync("a/d/f", "inside"); },
    () => { const old = "../old" + Math.random(); fs.renameSync("a", old); fs.mkdirSync("a"); fs.rmSync(old, { recursive: true }); },
  ];
  // The host's own files are not for the racer to change.
  const real = (n) => { try { return fs.realpathSync(require("node:path").dirname(n)).startsWith(process.cwd()); } catch { return false; } };
  const turn = () => {
    for (let i = 0; i < 50; i++) {
      const n = pick(names);
      // The racer itself follows no link of its own.
      const isLink = (one) => { try { return fs.lstatSync(one).isSymbolicLink(); } catch { return false; } };
      const link = names.find((one) => real(one) && isLink(one));
      try { link === undefined ? pick(acts)(n) : Math.random() < 0.3 && fs.unlinkSync(link); } catch {}
    }
    setImmediate(turn);
  };
  turn();
});
`;

async function race(): Promise<ChildProcess> {
  const racer = spawn(process.execPath, ["-e", RACER, served.path], { stdio: ["ignore", "pipe", "ignore"] });
  assert.ok(racer.stdout);
  await once(racer.stdout, "data");
  return racer;
}

const descriptors = () => readdirSync(`/proc/${served.child.pid}/fd`).length;

describe("a host that does everything to a directory at once", () => {
  it("shows errors, and never what is outside, nor what hangs", { timeout: 300_000 }, async () => {
    const before = { outside: statSync(join(served.base, "outside/secret")), descriptors: descriptors() };
    const racer = await race();
    const pick = random(7);
    const one = <T>(list: readonly T[]): T => list[pick(list.length)] as T;
    const names = ["a", "a/f", "a/d", "a/d/f", "f", "a/d/e", "made"];
    const open: OpenFile[] = [];
    const buffer = new Uint8Array(300_000);
    const counts = { calls: 0, read: 0 };
    const look = (file: OpenFile) => {
      const length = file.read(pick(200_000), buffer, 0, one([1, 100, 65_536, 300_000]));
      if (length <= 0) return;
      counts.read += 1;
      assert.ok(!Buffer.from(buffer.subarray(0, length)).includes("SECRET"));
    };
    const place = (path: string): [Inode, ByteString] | undefined => {
      const at = path.lastIndexOf("/");
      const directory = at < 0 ? fs.root : find(fs, path.slice(0, at));
      return typeof directory === "number" ? undefined : [directory, bytes(path.slice(at + 1))];
    };
    const acts: ((path: string, at: [Inode, ByteString] | undefined) => void)[] = [
      (path) => {
        const inode = find(fs, path);
        if (typeof inode === "number") return;
        const flags = inode.type === S_IFDIR ? O_RDONLY | O_DIRECTORY : one([O_RDONLY, O_WRONLY, O_RDWR]);
        const file = fs.open(inode, flags);
        if (typeof file !== "number") open.push(file);
      },
      () => {
        const file = open[pick(Math.max(open.length, 1))];
        if (file !== undefined && file.inode.type === S_IFREG) look(file);
      },
      () => one([...open, undefined])?.write(one([0, APPEND, 100_000]), Buffer.from("inside"), 0, 6),
      () => void one([...open, undefined])?.entries(one([0, 0, 5, 2 ** 40]), 100),
      () => open.splice(pick(Math.max(open.length, 1)), 1)[0]?.close(),
      (_path, at) => void (at && fs.create(at[0], at[1], one([0o644, 0, 0o7777]), owner)),
      (_path, at) => void (at && fs.mkdir(at[0], at[1], 0o755, owner)),
      (_path, at) => void (at && fs.symlink(at[0], at[1], bytes("../nowhere"), owner)),
      (_path, at) => void (at && fs.unlink(at[0], at[1])),
      (_path, at) => void (at && fs.rmdir(at[0], at[1])),
      (_path, at) => {
        const to = place(one(names));
        if (at && to) fs.rename(at[0], at[1], to[0], to[1], one([0, 1, 2]));
      },
      (path, at) => {
        const inode = find(fs, path);
        if (at && typeof inode === "object") fs.link(at[0], bytes("made"), inode);
      },
      (path) => {
        const inode = find(fs, path);
        if (typeof inode === "number") return;
        if (fs.stat(inode, statOf(fs, fs.root)) === 0) fs.readlink(inode);
        fs.setattr(
          inode,
          one([{ size: 0 }, { size: 70_000 }, { mode: 0o7777 }, { atime: { seconds: 1, nanoseconds: 1 } }]),
        );
      },
    ];
    try {
      // Three seconds, and as long as it takes where the machine is busy.
      const begun = Date.now();
      const enough = (ms: number) => ms > 45_000 || (ms > 3000 && counts.calls > 2000 && counts.read > 10);
      for (; !enough(Date.now() - begun); counts.calls++) {
        const path = one(names);
        one(acts)(path, place(path));
        while (open.length > 200) open.shift()?.close();
        if (counts.calls % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      assert.equal(racer.exitCode, null, "the racer gave up");
      racer.kill("SIGKILL");
      await once(racer, "exit");
    }
    assert.ok(counts.calls > 2000 && counts.read > 10, JSON.stringify(counts));
    for (const file of open) file.close();
    assert.equal(readFileSync(join(served.base, "outside/secret"), "latin1"), SECRET);
    const after = statSync(join(served.base, "outside/secret"));
    assert.deepEqual([after.mode, after.mtimeMs, after.nlink], [before.outside.mode, before.outside.mtimeMs, 1]);
    assert.deepEqual(readdirSync(join(served.base, "outside")), ["secret"]);
    // It still serves, and has nothing open but what it had.
    rmSync(host("made"), { recursive: true, force: true });
    served.expire();
    const last = got(fs.create(fs.root, bytes("last"), 0o644, owner));
    got(fs.open(last, O_RDWR)).close();
    // An answer comes after whatever was asked before.
    served.expire();
    fs.lookup(fs.root, bytes("last"));
    assert.equal(descriptors(), before.descriptors);
  });
});

describe("a host whose directories are strange", () => {
  it("shows names that are no UTF-8, and names of 255 bytes, as they are", () => {
    const names = ["\xff\xfe", "caf\xe9", "\xc3\xa9", " ", "-rf", "\n", "\x7f", "x".repeat(255), "\xf0".repeat(255)];
    for (const name of names)
      writeFileSync(Buffer.concat([Buffer.from(`${served.path}/`), Buffer.from(name, "latin1")]), name);
    const directory = got(fs.open(fs.root, O_RDONLY | O_DIRECTORY));
    assert.deepEqual(
      listAll(directory, 3)
        .map(({ name }) => name as string)
        .sort(),
      [...names].sort(),
    );
    directory.close();
    for (const name of names) {
      const file = got(fs.open(got(fs.lookup(fs.root, bytes(name))), O_RDONLY));
      assert.equal(file.inode.type, S_IFREG);
      file.close();
    }
    for (const long of ["x".repeat(256), "x".repeat(5000)]) {
      const errors = [
        fs.lookup(fs.root, bytes(long)),
        fs.create(fs.root, bytes(long), 0o644, owner),
        fs.unlink(fs.root, bytes(long)),
      ];
      // The kernel's walk refuses them first; whoever gets here all the same finds a line that is closed, and nothing worse.
      for (const error of errors) assert.ok(typeof error === "number" && error < 0);
    }
  });

  it("goes down as far as a path is long, and no error on the way is another", { timeout: 300_000 }, async () => {
    const script = "import os\nos.chdir(os.sys.argv[1])\nfor i in range(3000): os.mkdir('d'); os.chdir('d')\n";
    const made = spawn("python3", ["-c", script, served.path], { stdio: "ignore" });
    const [code] = await once(made, "exit");
    assert.equal(code, 0);
    let at: Inode = fs.root;
    let depth = 0;
    for (;;) {
      const next: Inode | number = fs.lookup(at, bytes("d"));
      if (typeof next === "number") {
        assert.equal(next, -ENAMETOOLONG);
        break;
      }
      at = next;
      depth += 1;
    }
    assert.ok(depth > 2000 && depth <= 2048, `${depth}`);
    assert.equal(fs.create(at, bytes("xx"), 0o644, owner), -ENAMETOOLONG);
    // The upper part is moved away under it: what was deep is somewhere else now, or nowhere.
    renameSync(host("d"), host("e"));
    served.expire();
    assert.equal(fs.lookup(at, bytes("d")), -ENAMETOOLONG);
    const parent = got(fs.parent(at));
    assert.equal(fs.lookup(parent, bytes("d")), -ENOENT);
    assert.ok(typeof find(fs, "e/d/d") === "object");
    const gone = spawn("rm", ["-rf", host("e")]);
    await once(gone, "exit");
  });

  it("with twenty thousand files is listed by many at once, and little of it is kept", { timeout: 300_000 }, () => {
    mkdirSync(host("many"));
    for (let i = 0; i < 20_000; i++) closeSync(openSync(host("many", `${i}`), "w"));
    const many = got(find(fs, "many"));
    const open = Array.from({ length: 8 }, () => got(fs.open(many, O_RDONLY | O_DIRECTORY)));
    let seen = 0;
    for (const directory of open.slice(0, 3)) seen += listAll(directory, 1000).length;
    assert.equal(seen, 60_000);
    for (const directory of open) {
      const entries = directory.entries(12_000, 10);
      assert.ok(typeof entries === "object" && entries.length === 10);
      // 32 KiB of the host's entries come at once.
      assert.ok(fs.entriesKept <= HOST_ENTRIES + open.length * 1365, `${fs.entriesKept}`);
    }
    // Back to its beginning, and on.
    for (const from of [0, 5, 19_999, 12_000]) {
      let entries = open[7]?.entries(from, 1);
      // As far as that, in two steps.
      if (entries === -EAGAIN) entries = open[7]?.entries(from, 1);
      assert.equal(typeof entries === "object" && entries[0]?.next, from + 1);
    }
    for (const directory of open) directory.close();
    assert.equal(fs.entriesKept, 0);
  });

  it("is deleted while it is open and stood in: nothing is found there, and nothing is made", () => {
    mkdirSync(host("a/b"), { recursive: true });
    writeFileSync(host("a/b/f"), "inside");
    const directory = got(find(fs, "a/b"));
    const listing = got(fs.open(directory, O_RDONLY | O_DIRECTORY));
    const file = got(fs.open(got(find(fs, "a/b/f")), O_RDWR));
    rmSync(host("a"), { recursive: true });
    served.expire();
    assert.equal(fs.lookup(directory, bytes("f")), -ENOENT);
    assert.equal(fs.create(directory, bytes("g"), 0o644, owner) as number, -ENOENT);
    const entries = listing.entries(0, 10);
    assert.ok(typeof entries === "number" || entries.length === 0);
    // What was open is still there for who has it open.
    assert.equal(file.write(0, Buffer.from("INSIDE"), 0, 6), 6);
    const buffer = new Uint8Array(6);
    assert.equal(file.read(0, buffer, 0, 6), 6);
    assert.equal(Buffer.from(buffer).toString(), "INSIDE");
    // One that is made anew under its name is another.
    mkdirSync(host("a/b"), { recursive: true });
    served.expire();
    assert.notEqual(got(find(fs, "a/b")), directory);
    listing.close();
    file.close();
  });

  it("is replaced by a link while it is mounted: what was mounted stays mounted", () => {
    writeFileSync(host("f"), "inside");
    writeFileSync(join(served.base, "outside/f"), SECRET);
    renameSync(served.path, join(served.base, "moved"));
    symlinkSync(join(served.base, "outside"), served.path);
    served.expire();
    const file = got(fs.open(got(find(fs, "f")), O_RDWR));
    const buffer = new Uint8Array(6);
    assert.equal(file.read(0, buffer, 0, 6), 6);
    assert.equal(Buffer.from(buffer).toString(), "inside");
    file.close();
    got(fs.create(fs.root, bytes("made"), 0o644, owner));
    assert.deepEqual(readdirSync(join(served.base, "moved")).sort(), ["f", "made"]);
    assert.deepEqual(readdirSync(join(served.base, "outside")).sort(), ["f", "secret"]);
  });

  it("lets files grow and shrink under those that read them by descriptor", () => {
    writeFileSync(host("f"), "x".repeat(200_000));
    const inode = got(find(fs, "f"));
    const [file, other] = [got(fs.open(inode, O_RDONLY)), got(fs.open(inode, O_RDWR))];
    const buffer = new Uint8Array(300_000);
    assert.equal(file.read(100_000, buffer, 0, 300_000), 100_000);
    truncateSync(host("f"), 50_000);
    assert.equal(file.read(100_000, buffer, 0, 300_000), 0);
    assert.equal(file.read(0, buffer, 0, 300_000), 50_000);
    assert.equal(other.write(APPEND, Buffer.from("end"), 0, 3), 3);
    truncateSync(host("f"), 2 ** 33);
    assert.equal(file.read(2 ** 33 - 10, buffer, 0, 300_000), 10);
    assert.equal(file.read(2 ** 52, buffer, 0, 300_000), 0);
    assert.equal(statOf(fs, inode).size, 50_003);
    served.expire();
    assert.equal(statOf(fs, inode).size, 2 ** 33);
    for (const each of [file, other]) each.close();
  });
});
