/** /proc over a real kernel: what guests/linux/proc.c cannot show of one process on one machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EACCES, EEXIST, EIO, ENOENT, EPERM, EXDEV } from "../../src/abi/errno.ts";
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY } from "../../src/abi/fcntl.ts";
import type { KernelFacts } from "../../src/fs/procfs/facts.ts";
import { MACHINE_NODES, nodeOf, numberOf, PROCESS_ENTRIES } from "../../src/fs/procfs/nodes.ts";
import { ProcFileSystem } from "../../src/fs/procfs/procfs.ts";
import { walk } from "../../src/vfs/walk.ts";
import { Guest } from "../syscalls/guest.ts";
import { bytes, got, listAll } from "./contract.ts";

function contentOf(guest: Guest, path: string): string {
  const fd = guest.open(path, O_RDONLY);
  assert.ok(fd >= 0, `${path}: ${fd}`);
  const buffer = guest.room(4096);
  let text = "";
  for (;;) {
    const length = guest.must("read", fd, buffer, 100);
    if (length === 0) break;
    text += guest.textAt(buffer, length);
  }
  guest.must("close", fd);
  return text;
}

test("a number says which node it is, and nothing says two", () => {
  const seen = new Set<number>();
  const add = (ino: number): void => {
    assert.ok(!seen.has(ino), `${ino}`);
    seen.add(ino);
    const node = nodeOf(ino);
    assert.ok(node);
    assert.equal(numberOf(node), ino);
  };
  MACHINE_NODES.forEach((_node, index) => {
    add(numberOf({ kind: "machine", index }));
  });
  for (const id of [1, 2, 4_194_304]) {
    for (const task of [false, true]) {
      PROCESS_ENTRIES.forEach((_entry, entry) => {
        add(numberOf({ kind: "process", id, task, entry, fd: 0 }));
      });
      for (const fd of [0, 1, 1023, 65_535]) {
        for (const entry of [62, 63]) add(numberOf({ kind: "process", id, task, entry, fd }));
      }
    }
  }
  for (const wrong of [0, -1, 0.5, 2 ** 60, Number.NaN, 1000, numberOf({ kind: "link", index: 9 })]) {
    assert.equal(nodeOf(wrong), undefined);
  }
});

test("directories are listed in parts of any length, everything once and to be found", () => {
  const guest = new Guest();
  const fs = new ProcFileSystem(9, () => guest.kernel.facts);
  for (const path of ["", "1", "1/fd", "1/task", "1/task/1", "1/fdinfo", "sys", "sys/kernel", "sys/kernel/random"]) {
    let inode = fs.root;
    for (const name of path.split("/").filter(Boolean)) inode = got(fs.lookup(inode, bytes(name)));
    const directory = got(fs.open(inode));
    const all = listAll(directory).map(({ name }) => name);
    assert.ok(all.length > 0, path);
    assert.equal(new Set(all).size, all.length);
    assert.deepEqual(
      listAll(directory, 1).map(({ name }) => name),
      all,
    );
    for (const { name, ino, type } of listAll(directory, 3)) {
      const found = got(fs.lookup(inode, name));
      assert.deepEqual([found.ino, found.type >>> 12], [ino, type], name);
      assert.equal(fs.inode(ino)?.type, found.type);
      assert.equal(got(fs.parent(found)).ino, inode.ino, name);
    }
    assert.equal(fs.lookup(inode, bytes("__proto__")), -ENOENT);
    assert.equal(fs.lookup(inode, bytes("01")), -ENOENT);
  }
});

test("nothing can be made or changed, and texts cannot be written", () => {
  const guest = new Guest();
  const version = guest.open("/proc/version", O_RDWR);
  assert.equal(guest.call("write", version, guest.text("x"), 1), -EIO);
  assert.equal(guest.open("/proc/x", O_WRONLY | O_CREAT), -ENOENT);
  assert.equal(guest.call("mkdir", guest.text("/proc/self"), 0o755), -EEXIST);
  assert.equal(guest.call("chmod", guest.text("/proc/version"), 0o777), -EPERM);
  assert.equal(guest.call("rename", guest.text("/proc/version"), guest.text("/proc/x")), -EPERM);
});

test("a mount's path and a name are told so that they cannot be mistaken for more", () => {
  const guest = new Guest();
  guest.must("mkdir", guest.text("/a b\n#"), 0o755);
  const at = walk(guest.process, guest.mounts.root, bytes("/a b\n#"), 0);
  assert.ok(typeof at === "object");
  guest.mounts.mount(at, new ProcFileSystem(12, () => guest.kernel.facts), { readOnly: true });
  assert.match(contentOf(guest, "/proc/mounts"), /^proc \/a\\040b\\012\\043 proc ro,relatime 0 0$/m);
  assert.match(
    contentOf(guest, "/proc/self/mountinfo"),
    /^\d+ 20 0:12 \/ \/a\\040b\\012\\043 ro,relatime - proc proc ro$/m,
  );
  guest.must("prctl", 15, BigInt(guest.text("x\nUid:\t0")), 0n, 0n, 0n);
  assert.match(contentOf(guest, "/proc/self/status"), /^Name:\tx\\nUid:\t0$/m);
});

test("within a new root, and outside of it", () => {
  const guest = new Guest();
  for (const path of ["/jail", "/jail/in", "/jail/proc"]) guest.must("mkdir", guest.text(path), 0o755);
  const at = walk(guest.process, guest.mounts.root, bytes("/jail/proc"), 0);
  assert.ok(typeof at === "object");
  guest.mounts.mount(at, new ProcFileSystem(12, () => guest.kernel.facts));
  const outside = guest.open("/", O_RDONLY | O_DIRECTORY);
  guest.must("chroot", guest.text("/jail"));
  guest.must("chdir", guest.text("/in"));
  const buffer = guest.room(64);
  const link = (path: string): string => guest.textAt(buffer, guest.must("readlink", guest.text(path), buffer, 64));
  assert.equal(link("/proc/self/cwd"), "/in");
  assert.equal(link("/proc/self/root"), "/");
  assert.equal(link(`/proc/self/fd/${outside}`), "/");
});

test("links of /proc lead nobody out of a directory he is to stay beneath", () => {
  const guest = new Guest();
  guest.must("mkdir", guest.text("/d"), 0o755);
  guest.must("symlink", guest.text("/proc/self/root"), guest.text("/d/out"));
  const from = walk(guest.process, guest.mounts.root, bytes("/d"), 0);
  const proc = walk(guest.process, guest.mounts.root, bytes("/proc/self"), 1);
  assert.ok(typeof from === "object" && typeof proc === "object");
  assert.equal(walk(guest.process, from, bytes("out"), 3), -EXDEV);
  assert.equal(walk(guest.process, proc, bytes("root"), 3), -EXDEV);
  assert.equal(walk(guest.process, proc, bytes("cwd/d"), 3), -EXDEV);
});

test("another user's process shows its state and nothing more", () => {
  const guest = new Guest();
  const { kernel } = guest;
  const other = kernel.spawn(
    { image: { name: "secret" }, argv: [bytes("secret")], env: [bytes("KEY=1")], cwd: bytes("/") },
    { credentials: { uid: 7, gid: 7, groups: [] } },
  );
  assert.ok(typeof other === "object");
  guest.must("setgid", 8);
  guest.must("setuid", 8);
  const at = `/proc/${other.pid}`;
  assert.match(contentOf(guest, `${at}/status`), /^Uid:\t7\t7\t7\t7$/m);
  assert.equal(contentOf(guest, `${at}/cmdline`), "secret\0");
  for (const name of ["environ", "maps", "fd"]) assert.equal(guest.open(`${at}/${name}`, O_RDONLY), -EACCES, name);
  const buffer = guest.room(64);
  for (const name of ["cwd", "root", "exe"]) {
    assert.equal(guest.call("readlink", guest.text(`${at}/${name}`), buffer, 64), -EACCES, name);
    assert.equal(guest.call("faccessat", AT_FDCWD, guest.text(`${at}/${name}/x`), 0, 0), -EACCES, name);
  }
  guest.must("close", guest.open("/proc/self/environ", O_RDONLY));
});

test("the kernel's facts have the shape /proc asks for", () => {
  const facts: KernelFacts = new Guest().kernel.facts;
  assert.deepEqual(facts.pids, [1]);
  assert.equal(facts.process(99), undefined);
});
