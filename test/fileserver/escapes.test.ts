/** Whatever the cell asks and whatever the host does meanwhile: nothing outside the directory is read or changed. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EACCES, EIO, EISDIR, ELOOP, ENOTDIR, EPERM, EROFS, EXDEV } from "../../src/abi/errno.ts";
import { emptyHostAttributes, OPEN_DIRECTORY, OPEN_READ, OPEN_WRITE } from "../../src/fs/hostfs/host-directory.ts";
import { Served } from "./served.ts";

const bytes = (text: string) => text as ByteString;
const out = emptyHostAttributes();
const isRoot = process.getuid?.() === 0;

let served: Served;

function begin(options: ConstructorParameters<typeof Served>[0] = {}): void {
  served = new Served({ below: "inside", ...options });
  writeFileSync(join(served.base, "outside.txt"), "SECRET");
  mkdirSync(join(served.base, "other"));
  writeFileSync(join(served.base, "other/secret.txt"), "SECRET");
}

/** Every call that takes a path, on this path. All must fail. */
function everyCall(path: string): number[] {
  const { host } = served;
  const p = bytes(path);
  const status = (answer: object | string | number) => (typeof answer === "number" ? answer : 1);
  return [
    status(host.open(p, OPEN_READ)),
    status(host.open(p, OPEN_WRITE)),
    status(host.open(p, OPEN_READ | OPEN_WRITE)),
    status(host.open(p, OPEN_DIRECTORY)),
    status(host.create(p, 0o644)),
    host.mkdir(p, 0o755, out),
    host.symlink(p, bytes("x"), out),
    host.link(p, bytes("hard"), out),
    host.unlink(p),
    host.rmdir(p),
    host.rename(p, bytes("moved"), 0),
    host.change(p, { size: 0 }, out),
    host.change(p, { mode: 0o777 }, out),
  ];
}

function untouched(): void {
  assert.equal(readFileSync(join(served.base, "outside.txt"), "latin1"), "SECRET");
  assert.deepEqual(readdirSync(join(served.base, "other")), ["secret.txt"]);
  assert.equal(readFileSync(join(served.base, "other/secret.txt"), "latin1"), "SECRET");
}

afterEach(() => served.dispose());

describe("symbolic links of the host", () => {
  beforeEach(() => begin());

  it("are shown, never followed: absolute, relative, chained, in the midst of a path", () => {
    symlinkSync(join(served.base, "outside.txt"), join(served.path, "absolute"));
    symlinkSync("../outside.txt", join(served.path, "relative"));
    symlinkSync("relative", join(served.path, "chained"));
    symlinkSync("../other", join(served.path, "directory"));
    symlinkSync("/", join(served.path, "slash"));
    symlinkSync("/proc/self/root", join(served.path, "magic"));
    writeFileSync(join(served.path, "real"), "own");
    symlinkSync("real", join(served.path, "harmless"));
    for (const name of ["absolute", "relative", "chained", "directory", "slash", "magic", "harmless"]) {
      assert.equal(served.host.attributes(bytes(name), out), 0);
      assert.equal(out.mode & 0o170000, 0o120000, name);
      for (const what of [OPEN_READ, OPEN_WRITE, OPEN_READ | OPEN_WRITE]) {
        assert.equal(served.host.open(bytes(name), what), -ELOOP, name);
      }
      const listing = served.host.open(bytes(name), OPEN_DIRECTORY);
      assert.ok(listing === -ELOOP || listing === -ENOTDIR, `${name}: ${listing}`);
      assert.equal(served.host.change(bytes(name), { size: 0 }, out), -ELOOP);
      assert.ok(served.host.change(bytes(name), { mode: 0o777 }, out) < 0);
      assert.equal(served.host.link(bytes(name), bytes("hard"), out), -EPERM);
    }
    for (const path of ["directory/secret.txt", "slash/etc/passwd", "magic/etc/passwd", "directory/new"]) {
      for (const status of everyCall(path)) assert.ok(status < 0, `${path}: ${status}`);
      assert.equal(served.host.attributes(bytes(path), out), -ELOOP);
    }
    untouched();
  });

  it("have their own times changed, not their target's", () => {
    symlinkSync("../outside.txt", join(served.path, "l"));
    const before = lstatSync(join(served.base, "outside.txt")).mtimeMs;
    const time = { seconds: 1000, nanoseconds: 0 };
    assert.equal(served.host.change(bytes("l"), { mtime: time }, out), 0);
    assert.equal(lstatSync(join(served.path, "l")).mtimeMs, 1_000_000);
    assert.equal(lstatSync(join(served.base, "outside.txt")).mtimeMs, before);
  });
});

describe("paths", () => {
  it("with .., absolute ones and other nonsense end the service: no cell sends them", async () => {
    for (const path of ["..", "../outside.txt", "/etc/passwd", "a/../../outside.txt", "a//b", "a\0b"]) {
      begin();
      assert.equal(served.host.attributes(bytes(path), out), -EIO, path);
      assert.equal(await served.exit(), 76, path);
      untouched();
      served.dispose();
    }
    begin();
  });

  it("through other file systems are refused", { skip: !isRoot }, (t) => {
    begin();
    mkdirSync(join(served.path, "mnt"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "none", join(served.path, "mnt")]);
    } catch {
      return t.skip("this root may not mount");
    }
    try {
      writeFileSync(join(served.path, "mnt/inside"), "OTHER");
      assert.equal(served.host.attributes(bytes("mnt"), out), -EXDEV);
      assert.equal(served.host.open(bytes("mnt/inside"), OPEN_READ), -EXDEV);
      const handle = served.host.open(bytes(""), OPEN_DIRECTORY);
      assert.ok(typeof handle === "object");
      const entries = served.host.list(handle.handle, false);
      assert.ok(typeof entries === "object");
      assert.deepEqual(entries, [{ name: "mnt", attributes: undefined }]);
    } finally {
      execFileSync("umount", [join(served.path, "mnt")]);
    }
  });
});

describe("a host that swaps directories for links in a tight loop", () => {
  beforeEach(() => begin());

  it("never makes the server show or change what is outside", { timeout: 60_000 }, async () => {
    mkdirSync(join(served.path, "a"));
    writeFileSync(join(served.path, "a/secret.txt"), "inside");
    const swap = `
      const fs = require("node:fs"); process.chdir(process.argv[1]);
      fs.writeSync(1, "go");
      for (;;) {
        fs.renameSync("a", "real"); fs.symlinkSync("../other", "a");
        fs.unlinkSync("a"); fs.renameSync("real", "a");
        fs.renameSync("a", "real"); fs.symlinkSync("/", "a"); fs.unlinkSync("a"); fs.renameSync("real", "a");
      }`;
    const racer = spawn(process.execPath, ["-e", swap, served.path], { stdio: ["ignore", "pipe", "inherit"] });
    await once(racer.stdout, "data");
    const seen = new Map<string, number>();
    const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
    const into = new Uint8Array(100);
    const refused = () => (seen.get(`open ${-ELOOP}`) ?? 0) + (seen.get("open -2") ?? 0);
    // Two seconds, and as long as it takes where the machine is busy.
    const begun = Date.now();
    const enough = (ms: number) => ms > 45_000 || (ms > 2000 && seen.has("inside") && refused() > 0);
    while (!enough(Date.now() - begun)) {
      const opened = served.host.open(bytes("a/secret.txt"), OPEN_READ | OPEN_WRITE);
      if (typeof opened === "number") count(`open ${opened}`);
      else {
        const length = served.host.read(opened.handle, 0, into, 0, 100);
        count(Buffer.from(into.subarray(0, length)).toString());
        served.host.close(opened.handle);
      }
      count(`passwd ${typeof served.host.open(bytes("a/etc/passwd"), OPEN_READ)}`);
      served.host.change(bytes("a/secret.txt"), { mode: 0o640 }, out);
      const made = served.host.create(bytes("a/made"), 0o644);
      if (typeof made === "object") served.host.close(made.handle);
      served.host.unlink(bytes("a/made"));
      const listing = served.host.open(bytes("a"), OPEN_DIRECTORY);
      if (typeof listing === "object") {
        const entries = served.host.list(listing.handle, false);
        if (typeof entries === "object") for (const { name } of entries) count(`entry ${name}`);
        served.host.close(listing.handle);
      }
    }
    racer.kill("SIGKILL");
    const [, signal] = await once(racer, "exit");
    assert.equal(signal, "SIGKILL", "the racer gave up");
    assert.ok(seen.has("inside"), "the file was never seen");
    assert.ok(refused() > 0, "the race never met");
    assert.equal(seen.get("SECRET"), undefined);
    assert.equal(seen.get("passwd object"), undefined);
    for (const name of seen.keys())
      assert.ok(!name.startsWith("entry ") || /^entry (secret\.txt|made)$/.test(name), name);
    assert.equal(lstatSync(join(served.base, "other/secret.txt")).mode & 0o777, 0o644);
    untouched();
  });
});

describe("what is no file or directory", () => {
  beforeEach(() => begin());

  it("is listed and refused at once: FIFOs do not hang", { timeout: 10_000 }, () => {
    execFileSync("mkfifo", [join(served.path, "fifo")]);
    for (const what of [OPEN_READ, OPEN_WRITE, OPEN_READ | OPEN_WRITE]) {
      assert.equal(served.host.open(bytes("fifo"), what), -EACCES);
    }
    assert.equal(served.host.open(bytes("fifo"), OPEN_DIRECTORY), -ENOTDIR);
    assert.equal(served.host.link(bytes("fifo"), bytes("hard"), out), -EPERM);
    assert.equal(served.host.change(bytes("fifo"), { mode: 0o777 }, out), -EACCES);
    assert.equal(served.host.attributes(bytes("fifo"), out), 0);
    assert.equal(out.mode & 0o170000, 0o010000);
  });

  it("is refused: sockets", async () => {
    const server = createServer();
    server.listen(join(served.path, "socket"));
    await once(server, "listening");
    assert.equal(served.host.open(bytes("socket"), OPEN_READ), -EACCES);
    server.close();
  });

  it("is refused: devices, whatever their mode", { skip: !isRoot }, () => {
    execFileSync("mknod", [join(served.path, "null"), "c", "1", "3"]);
    execFileSync("mknod", [join(served.path, "disk"), "b", "7", "0"]);
    for (const name of ["null", "disk"]) {
      chmodSync(join(served.path, name), 0o666);
      assert.equal(served.host.open(bytes(name), OPEN_READ), -EACCES);
      assert.equal(served.host.open(bytes(name), OPEN_WRITE), -EACCES);
      assert.equal(served.host.link(bytes(name), bytes("hard"), out), -EPERM);
    }
  });

  it("is told apart: a directory opened as a file, a file listed", () => {
    mkdirSync(join(served.path, "d"));
    writeFileSync(join(served.path, "f"), "");
    assert.equal(served.host.open(bytes("d"), OPEN_READ), -EISDIR);
    assert.equal(served.host.open(bytes("f"), OPEN_DIRECTORY), -ENOTDIR);
  });
});

describe("modes", () => {
  beforeEach(() => begin());

  it("never get set-user-id, set-group-id or sticky bits, however they are asked for", () => {
    const made = served.host.create(bytes("f"), 0o7777);
    assert.ok(typeof made === "object");
    assert.equal(served.host.mkdir(bytes("d"), 0o7777, out), 0);
    for (const mode of [0o4755, 0o2755, 0o1777, 0o7777]) {
      assert.equal(served.host.change(bytes("f"), { mode }, out), 0);
      assert.equal(served.host.change(made.handle, { mode }, out), 0);
      assert.equal(served.host.change(bytes("d"), { mode }, out), 0);
      assert.equal(lstatSync(join(served.path, "f")).mode & 0o7777, mode & 0o777);
      assert.equal(lstatSync(join(served.path, "d")).mode & 0o7777, mode & 0o777);
    }
  });

  it("apply from the next open on: what was made read-only is still written by its maker", () => {
    const made = served.host.create(bytes("f"), 0o444);
    assert.ok(typeof made === "object");
    assert.equal(made.attributes.mode & 0o777, 0o444);
    assert.equal(served.host.write(made.handle, 0, Buffer.from("text"), 0, 4, out), 4);
    assert.equal(served.hostText("f"), "text");
  });
});

describe("a read-only directory", () => {
  beforeEach(() => begin({ readOnly: true }));

  it("refuses every change by itself", () => {
    writeFileSync(join(served.path, "f"), "text");
    mkdirSync(join(served.path, "d"));
    const { host } = served;
    for (const [path, call] of ["f", "d"].flatMap((path) =>
      everyCall(path).map((status, n) => [`${path} ${n}`, status]),
    )) {
      assert.ok(call === -EROFS || call === 1 || call === -EISDIR || call === -ENOTDIR, `${path}: ${call}`);
    }
    const opened = host.open(bytes("f"), OPEN_READ);
    assert.ok(typeof opened === "object");
    assert.equal(host.change(opened.handle, { mode: 0o777 }, out), -EROFS);
    assert.equal(host.change(opened.handle, { mtime: { seconds: 1, nanoseconds: 1 } }, out), -EROFS);
    assert.ok(host.write(opened.handle, 0, Buffer.from("x"), 0, 1, out) < 0);
    assert.ok(host.allocate(opened.handle, 0, 100, out) < 0);
    assert.equal(host.create(bytes("new"), 0o644), -EROFS);
    assert.equal(host.mkdir(bytes("new"), 0o755, out), -EROFS);
    assert.equal(host.symlink(bytes("new"), bytes("f"), out), -EROFS);
    assert.deepEqual(readdirSync(served.path).sort(), ["d", "f"]);
    assert.equal(served.hostText("f"), "text");
  });
});

describe("files the host executes", () => {
  const make = () => {
    mkdirSync(join(served.path, "repo/.git/hooks"), { recursive: true });
    writeFileSync(join(served.path, "repo/.git/config"), "[core]");
    writeFileSync(join(served.path, "repo/.git/hooks/pre-commit.sample"), "#!/bin/sh");
    writeFileSync(join(served.path, "repo/.git/HEAD"), "ref: x");
  };

  it("can be read and deleted, not made or changed, by any way in", () => {
    begin();
    make();
    const { host } = served;
    assert.equal(typeof host.open(bytes("repo/.git/config"), OPEN_READ), "object");
    assert.equal(host.create(bytes("repo/.git/hooks/pre-commit"), 0o755), -EPERM);
    assert.equal(host.create(bytes("repo/.git/HOOKS/pre-commit"), 0o755), -EPERM);
    assert.equal(host.open(bytes("repo/.git/config"), OPEN_WRITE), -EPERM);
    assert.equal(host.open(bytes("repo/.git/config"), OPEN_READ | OPEN_WRITE), -EPERM);
    assert.equal(host.change(bytes("repo/.git/config"), { size: 0 }, out), -EPERM);
    assert.equal(host.change(bytes("repo/.git/hooks/pre-commit.sample"), { mode: 0o755 }, out), -EPERM);
    assert.equal(host.symlink(bytes("repo/.git/hooks/post-commit"), bytes("/bin/sh"), out), -EPERM);
    // Prepared elsewhere and moved into place, as a file, as a directory, by exchange.
    const evil = host.create(bytes("evil"), 0o755);
    assert.ok(typeof evil === "object");
    assert.equal(host.rename(bytes("evil"), bytes("repo/.git/hooks/pre-commit"), 0), -EPERM);
    assert.equal(host.rename(bytes("evil"), bytes("repo/.git/config"), 2), -EPERM);
    assert.equal(host.link(bytes("evil"), bytes("repo/.git/hooks/pre-commit"), out), -EPERM);
    assert.equal(host.mkdir(bytes("x"), 0o755, out), 0);
    assert.equal(host.mkdir(bytes("x/hooks"), 0o755, out), 0);
    assert.equal(host.rename(bytes("x"), bytes(".git"), 0), -EPERM);
    assert.equal(host.rename(bytes("x"), bytes("repo/.git"), 2), -EPERM);
    assert.equal(host.rename(bytes("x/hooks"), bytes("repo/.git/hooks"), 2), -EPERM);
    assert.equal(host.rename(bytes("x"), bytes("repo/.git/modules"), 0), -EPERM);
    assert.equal(host.mkdir(bytes(".git"), 0o755, out), -EPERM);
    assert.equal(host.create(bytes(".Git"), 0o644), -EPERM);
    assert.equal(host.symlink(bytes("x/.git"), bytes("../x"), out), -EPERM);
    // A way to it: a link by the name itself, on the way to it, out of where the rule does not hold, or moved there.
    assert.equal(host.symlink(bytes(".cargo"), bytes("x"), out), -EPERM);
    assert.equal(host.symlink(bytes("shown"), bytes("node_modules/x"), out), -EPERM);
    assert.equal(host.symlink(bytes("way"), bytes("x"), out), 0);
    assert.equal(host.rename(bytes("way"), bytes(".cargo"), 0), -EPERM);
    assert.equal(host.rename(bytes("way"), bytes("x/way"), 0), 0);
    // A second name for the protected file, or its directory under another name.
    assert.equal(host.link(bytes("repo/.git/config"), bytes("config2"), out), -EPERM);
    assert.equal(host.rename(bytes("repo/.git"), bytes("repo/git"), 0), -EPERM);
    assert.equal(host.rename(bytes("repo/.git/hooks"), bytes("hooks"), 0), -EPERM);
    for (const name of [".bashrc", ".profile", ".envrc", "x/.VSCODE", "x/HEAD"]) {
      assert.equal(host.create(bytes(name), 0o644), -EPERM, name);
      assert.equal(host.rename(bytes("evil"), bytes(name), 0), -EPERM, name);
    }
    assert.equal(served.hostText("repo/.git/config"), "[core]");
    // Git's own work goes on, and trees can be cleared away.
    assert.equal(typeof host.create(bytes("repo/.git/HEAD.lock"), 0o644), "object");
    assert.equal(host.rename(bytes("repo/.git/HEAD.lock"), bytes("repo/.git/HEAD"), 0), 0);
    assert.equal(host.unlink(bytes("repo/.git/hooks/pre-commit.sample")), 0);
    assert.ok(!existsSync(join(served.path, "repo/.git/hooks/pre-commit.sample")));
  });

  it("are open to whoever switches the rule off by its name, and said once otherwise", async () => {
    begin({ allow: ["git-hooks"] });
    make();
    let told = "";
    served.child.stderr?.on("data", (chunk) => {
      told += chunk;
    });
    const { host } = served;
    assert.equal(typeof host.create(bytes("repo/.git/hooks/pre-commit"), 0o755), "object");
    for (const name of ["\x1b[31m/.bashrc", "a/.bashrc", ".envrc"]) {
      assert.equal(host.create(bytes(name), 0o644), -EPERM);
    }
    await served.exit();
    const lines = told.trimEnd().split("\n");
    assert.equal(lines.length, 2, told);
    assert.match(lines[0] ?? "", /refused to change \\x1b\[31m\/\.bashrc.*rule shell-start/);
    assert.match(lines[1] ?? "", /\.envrc.*rule direnv/);
  });
});

describe("a file that the host cuts while it is read", () => {
  beforeEach(() => begin());

  it("ends where it ends now", () => {
    writeFileSync(join(served.path, "f"), Buffer.alloc(1_000_000, 1));
    const opened = served.host.open(bytes("f"), OPEN_READ);
    assert.ok(typeof opened === "object");
    const into = new Uint8Array(600_000);
    assert.equal(served.host.read(opened.handle, 0, into, 0, 600_000), 600_000);
    truncateSync(join(served.path, "f"), 600_010);
    assert.equal(served.host.read(opened.handle, 600_000, into, 0, 600_000), 10);
    assert.equal(served.host.read(opened.handle, 600_010, into, 0, 600_000), 0);
  });
});
