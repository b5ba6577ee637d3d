import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { EACCES, EPERM } from "../../src/abi/errno.ts";
import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, R_OK, W_OK, X_OK } from "../../src/abi/fcntl.ts";
import { S_IFDIR, S_IFREG } from "../../src/abi/stat.ts";
import { accessAt, setAttributesAt } from "../../src/vfs/attributes.ts";
import type { AttributeChanges } from "../../src/vfs/contracts.ts";
import { emptyStat } from "../../src/vfs/contracts.ts";
import { makeDirectoryAt } from "../../src/vfs/create.ts";
import { openAt } from "../../src/vfs/open.ts";
import type { WalkContext } from "../../src/vfs/permissions.ts";
import { permits } from "../../src/vfs/permissions.ts";
import { removeDirectoryAt, unlinkAt } from "../../src/vfs/remove.ts";
import { renameAt } from "../../src/vfs/rename.ts";
import { FOLLOW } from "../../src/vfs/walk.ts";
import { bytes, SmallWorld } from "./world.ts";

describe("permits", () => {
  const stat = { ...emptyStat(), mode: S_IFREG | 0o640, uid: 10, gid: 20 };

  it("goes by the first class that fits, though another would allow more", () => {
    const strange = { ...stat, mode: S_IFREG | 0o007 };
    assert.equal(permits({ uid: 10, gid: 20, groups: [] }, strange, R_OK), false);
    assert.equal(permits({ uid: 11, gid: 20, groups: [] }, strange, R_OK), false);
    assert.equal(permits({ uid: 11, gid: 21, groups: [20] }, strange, R_OK), false);
    assert.equal(permits({ uid: 11, gid: 21, groups: [] }, strange, R_OK | W_OK | X_OK), true);
  });

  it("asks for every bit wanted", () => {
    assert.equal(permits({ uid: 10, gid: 0, groups: [] }, stat, R_OK | W_OK), true);
    assert.equal(permits({ uid: 10, gid: 0, groups: [] }, stat, R_OK | X_OK), false);
    assert.equal(permits({ uid: 9, gid: 9, groups: [8, 20] }, stat, R_OK), true);
    assert.equal(permits({ uid: 9, gid: 9, groups: [8, 20] }, stat, R_OK | W_OK), false);
  });

  it("lets the superuser do all but execute what nobody may", () => {
    const root = { uid: 0, gid: 0, groups: [] };
    assert.equal(permits(root, { ...stat, mode: S_IFREG }, R_OK | W_OK), true);
    assert.equal(permits(root, { ...stat, mode: S_IFREG }, X_OK), false);
    assert.equal(permits(root, { ...stat, mode: S_IFREG | 0o001 }, X_OK), true);
    assert.equal(permits(root, { ...stat, mode: S_IFDIR }, X_OK), true);
  });
});

describe("operations of users", () => {
  let world: SmallWorld;
  let alice: WalkContext;
  let bob: WalkContext;
  const change = (context: WalkContext, path: string, changes: AttributeChanges, touch = false) =>
    setAttributesAt(context, world.root, bytes(path), changes, touch, FOLLOW);
  const open = (context: WalkContext, path: string, flags: number) => {
    const opened = openAt(context, world.root, bytes(path), flags, 0o644, FOLLOW);
    if (typeof opened === "number") return opened;
    opened.file.close();
    return 0;
  };
  const rename = (context: WalkContext, from: string, to: string) =>
    renameAt(context, world.root, bytes(from), world.root, bytes(to), 0, 0);

  beforeEach(() => {
    world = new SmallWorld();
    alice = world.as(1001);
    bob = world.as(1002);
    world.directories("/home/alice", "/tmp");
    assert.equal(change(world.context, "/tmp", { mode: 0o1777 }), 0);
    assert.equal(change(world.context, "/home/alice", { uid: 1001, gid: 1001 }), 0);
    assert.equal(open(alice, "/home/alice/f", O_CREAT | O_WRONLY), 0);
  });

  it("open by the bits of the file, make by those of the directory", () => {
    assert.equal(open(bob, "/home/alice/f", O_RDONLY), 0);
    for (const flags of [O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC]) {
      assert.equal(open(bob, "/home/alice/f", flags), -EACCES);
    }
    assert.equal(open(bob, "/home/alice/new", O_CREAT | O_WRONLY), -EACCES);
    assert.equal(makeDirectoryAt(bob, world.root, bytes("/home/alice/d"), 0o755, 0), -EACCES);
    assert.equal(unlinkAt(bob, world.root, bytes("/home/alice/f"), 0), -EACCES);
    assert.equal(change(alice, "/home/alice/f", { mode: 0 }), 0);
    assert.equal(open(alice, "/home/alice/f", O_RDONLY), -EACCES);
    assert.equal(open(world.context, "/home/alice/f", O_RDWR), 0);
    assert.equal(accessAt(bob, world.root, bytes("/home/alice"), R_OK | X_OK, FOLLOW), 0);
    assert.equal(accessAt(bob, world.root, bytes("/home/alice"), W_OK, FOLLOW), -EACCES);
  });

  it("may write a file they just made, whatever its mode", () => {
    const opened = openAt(alice, world.root, bytes("/home/alice/locked"), O_CREAT | O_RDWR, 0, FOLLOW);
    assert.equal(typeof opened, "object");
    assert.equal(open(alice, "/home/alice/locked", O_RDONLY), -EACCES);
  });

  it("keep their files in sticky directories", () => {
    assert.equal(open(alice, "/tmp/a", O_CREAT | O_WRONLY), 0);
    assert.equal(makeDirectoryAt(alice, world.root, bytes("/tmp/d"), 0o777, 0), 0);
    assert.equal(open(bob, "/tmp/b", O_CREAT | O_WRONLY), 0);
    assert.equal(unlinkAt(bob, world.root, bytes("/tmp/a"), 0), -EPERM);
    assert.equal(removeDirectoryAt(bob, world.root, bytes("/tmp/d"), 0), -EPERM);
    assert.equal(rename(bob, "/tmp/a", "/tmp/x"), -EPERM);
    assert.equal(rename(bob, "/tmp/b", "/tmp/a"), -EPERM);
    assert.equal(rename(alice, "/tmp/a", "/tmp/x"), 0);
    assert.equal(unlinkAt(alice, world.root, bytes("/tmp/x"), 0), 0);
    assert.equal(unlinkAt(world.context, world.root, bytes("/tmp/b"), 0), 0);
    assert.equal(change(world.context, "/tmp", { uid: 1002 }), 0);
    assert.equal(removeDirectoryAt(bob, world.root, bytes("/tmp/d"), 0), 0, "the directory's owner may");
  });

  it("change attributes of their own files only", () => {
    const path = "/home/alice/f";
    const time = { seconds: 1, nanoseconds: 0 };
    assert.equal(change(bob, path, { mode: 0o777 }), -EPERM);
    assert.equal(change(bob, path, { uid: 1002 }), -EPERM);
    assert.equal(change(bob, path, { mtime: time }), -EPERM);
    assert.equal(change(bob, path, { mtime: time }, true), -EACCES, "touching needs write permission");
    assert.equal(change(bob, path, { size: 0 }), -EACCES);
    assert.equal(change(alice, path, { mode: 0o666 }), 0);
    assert.equal(change(bob, path, { mtime: time }, true), 0);
    assert.equal(change(bob, path, { mtime: time }), -EPERM);
    assert.equal(change(bob, path, { size: 3 }), 0);
    assert.equal(change(alice, path, { uid: 1002 }), -EPERM);
    assert.equal(change(alice, path, { uid: 1001 }), 0);
    assert.equal(change(alice, path, { gid: 50 }), -EPERM);
    assert.equal(change(world.as(1001, 1001, [50]), path, { gid: 50 }), 0);
    assert.equal(change(alice, path, { mode: 0o2755 }), 0);
    const out = emptyStat();
    assert.equal(world.fs.stat(world.at(path).inode, out), 0);
    assert.equal(out.mode & 0o7777, 0o755, "S_ISGID is not for those outside of the group");
  });

  it("move a directory only when they may write it", () => {
    world.directories("/home/alice/from/child", "/home/alice/to");
    for (const path of ["from", "to"]) change(world.context, `/home/alice/${path}`, { uid: 1001 });
    assert.equal(rename(alice, "/home/alice/from/child", "/home/alice/to/child"), -EACCES);
    assert.equal(rename(alice, "/home/alice/from/child", "/home/alice/from/other"), 0);
    assert.equal(change(world.context, "/home/alice/from/other", { uid: 1001 }), 0);
    assert.equal(rename(alice, "/home/alice/from/other", "/home/alice/to/child"), 0);
  });
});
