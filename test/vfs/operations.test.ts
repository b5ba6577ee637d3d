import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import {
  EBUSY,
  EEXIST,
  EFBIG,
  EINVAL,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EOPNOTSUPP,
  EROFS,
  EXDEV,
} from "../../src/abi/errno.ts";
import {
  F_OK,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  R_OK,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  W_OK,
} from "../../src/abi/fcntl.ts";
import { DeviceFileSystem } from "../../src/fs/devfs/devfs.ts";
import { accessAt, readlinkAt, setAttributesAt, statAt, statisticsAt } from "../../src/vfs/attributes.ts";
import type { AttributeChanges } from "../../src/vfs/contracts.ts";
import { emptyStat } from "../../src/vfs/contracts.ts";
import { linkAt, makeDirectoryAt, makeSymlinkAt } from "../../src/vfs/create.ts";
import { openAt } from "../../src/vfs/open.ts";
import { removeDirectoryAt, unlinkAt } from "../../src/vfs/remove.ts";
import { renameAt } from "../../src/vfs/rename.ts";
import { FOLLOW } from "../../src/vfs/walk.ts";
import { got } from "../fs/contract.ts";
import { bytes, SmallWorld } from "./world.ts";

let world: SmallWorld;
beforeEach(() => {
  world = new SmallWorld();
  world.directories("/d/e", "/m");
  world.file("/f");
});

/** 0 when it opened, or -errno. */
function open(path: string, flags: number, walkFlags = FOLLOW): number {
  const opened = openAt(world.context, world.root, bytes(path), flags, 0o644, walkFlags);
  if (typeof opened === "number") return opened;
  opened.file.close();
  return 0;
}
const rename = (from: string, to: string, flags = 0) =>
  renameAt(world.context, world.root, bytes(from), world.root, bytes(to), flags, 0);
const link = (from: string, to: string, walkFlags = 0) =>
  linkAt(world.context, world.root, bytes(from), walkFlags, world.root, bytes(to), 0);
const mkdir = (path: string) => makeDirectoryAt(world.context, world.root, bytes(path), 0o755, 0);
const symlink = (target: string, path: string) =>
  makeSymlinkAt(world.context, bytes(target), world.root, bytes(path), 0);
const unlink = (path: string) => unlinkAt(world.context, world.root, bytes(path), 0);
const rmdir = (path: string) => removeDirectoryAt(world.context, world.root, bytes(path), 0);
const change = (path: string, changes: AttributeChanges, walkFlags = FOLLOW) =>
  setAttributesAt(world.context, world.root, bytes(path), changes, false, walkFlags);
const stat = (path: string) => {
  const out = emptyStat();
  assert.equal(statAt(world.context, world.root, bytes(path), FOLLOW, out), 0);
  return out;
};

describe("open", () => {
  it("makes, finds, cuts and refuses as its flags say", () => {
    assert.equal(open("new", O_RDWR), -ENOENT);
    const made = got(openAt(world.context, world.root, bytes("new"), O_RDWR | O_CREAT, 0o4751, FOLLOW));
    assert.equal(made.created, true);
    assert.equal(stat("new").mode & 0o7777, 0o4751);
    made.file.write(0, new Uint8Array(10), 0, 10);
    made.file.close();
    const again = got(openAt(world.context, world.root, bytes("new"), O_RDWR | O_CREAT, 0, FOLLOW));
    assert.equal(again.created, false);
    again.file.close();
    assert.equal(stat("new").size, 10);
    assert.equal(open("new", O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
    assert.equal(open("new", O_WRONLY | O_TRUNC), 0);
    assert.equal(stat("new").size, 0);
    assert.equal(open("new", O_DIRECTORY), -ENOTDIR);
    assert.equal(open("d", O_DIRECTORY), 0);
    for (const flags of [O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_RDONLY | O_CREAT]) {
      assert.equal(open("d", flags), -EISDIR);
    }
    assert.equal(open("x", O_CREAT | O_DIRECTORY), -EINVAL);
    assert.equal(open("x/", O_CREAT | O_RDWR), -EISDIR);
    assert.equal(open("f/", O_RDONLY), -ENOTDIR);
  });

  it("goes through links or not", () => {
    world.link("/l", "f");
    world.link("/new", "d/made");
    world.link("/loop", "loop");
    assert.equal(open("l", O_RDWR), 0);
    assert.equal(open("l", O_RDWR | O_NOFOLLOW), -ELOOP);
    assert.equal(open("l", O_RDWR, 0), -ELOOP);
    assert.equal(open("l", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), -ENOTDIR);
    assert.equal(open("new", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    assert.equal(open("new", O_RDWR | O_CREAT), 0);
    assert.equal(stat("/d/made").size, 0);
    assert.equal(open("loop", O_RDWR | O_CREAT), -ELOOP);
  });
});

describe("a read-only mount", () => {
  beforeEach(() => {
    const mounts = () => world.mounts.list();
    world.mount("/m");
    world.file("/m/f");
    world.directories("/m/d");
    world.link("/m/l", "f");
    const mount = mounts().at(-1);
    assert.ok(mount);
    mount.readOnly = true;
  });

  it("is read as any other", () => {
    assert.equal(open("/m/f", O_RDONLY), 0);
    assert.equal(open("/m/f", O_RDONLY | O_CREAT), 0);
    assert.equal(open("/m/d", O_RDONLY | O_DIRECTORY), 0);
    assert.equal(readlinkAt(world.context, world.root, bytes("/m/l"), 0), "f");
    assert.equal(accessAt(world.context, world.root, bytes("/m/f"), R_OK, FOLLOW), 0);
  });

  it("answers EROFS to every change", () => {
    const time = { seconds: 1, nanoseconds: 0 };
    const answers = {
      write: open("/m/f", O_WRONLY),
      readWrite: open("/m/f", O_RDWR),
      cut: open("/m/f", O_RDONLY | O_TRUNC),
      create: open("/m/new", O_RDWR | O_CREAT),
      mkdir: mkdir("/m/new"),
      symlink: symlink("x", "/m/new"),
      link: link("/m/f", "/m/new"),
      unlink: unlink("/m/f"),
      rmdir: rmdir("/m/d"),
      rename: rename("/m/f", "/m/new"),
      chmod: change("/m/f", { mode: 0o600 }),
      chown: change("/m/f", { uid: 3 }),
      truncate: change("/m/f", { size: 0 }),
      utimes: change("/m/f", { mtime: time }),
      access: accessAt(world.context, world.root, bytes("/m/f"), W_OK, FOLLOW),
    };
    for (const [name, answer] of Object.entries(answers)) assert.equal(answer, -EROFS, name);
  });

  it("still says first what is wrong anyway", () => {
    assert.equal(mkdir("/m/d"), -EEXIST);
    assert.equal(open("/m/none", O_RDWR), -ENOENT);
    assert.equal(open("/m/d", O_RDWR), -EISDIR);
    assert.equal(change("/m/d", { size: 0 }), -EISDIR);
  });

  it("lets devices be written", () => {
    world.directories("/dev");
    const dev = new DeviceFileSystem({ dev: 9, clock: world.clock, random: () => {} });
    world.mounts.mount(world.at("/dev"), dev, { readOnly: true });
    assert.equal(open("/dev/null", O_RDWR | O_CREAT | O_TRUNC), 0);
    assert.equal(accessAt(world.context, world.root, bytes("/dev/null"), W_OK, FOLLOW), 0);
  });
});

describe("mount points", () => {
  beforeEach(() => {
    world.mount("/m");
    world.directories("/m/sub");
    world.file("/m/f");
  });

  it("cannot be removed, replaced or moved", () => {
    assert.equal(rmdir("/m"), -EBUSY);
    assert.equal(unlink("/m"), -EISDIR);
    assert.equal(rename("/m", "/n"), -EBUSY);
    assert.equal(rename("/d/e", "/m"), -EBUSY);
    assert.equal(rename("/m", "/d", RENAME_EXCHANGE), -EBUSY);
    assert.equal(mkdir("/m"), -EEXIST);
    assert.equal(rmdir("/"), -EBUSY);
    assert.equal(rename("/", "/x"), -EBUSY);
  });

  it("part file systems: no name goes across", () => {
    assert.equal(rename("/f", "/m/g"), -EXDEV);
    assert.equal(rename("/m/f", "/g"), -EXDEV);
    assert.equal(link("/f", "/m/g"), -EXDEV);
    assert.equal(link("/m/f", "/g"), -EXDEV);
    assert.equal(rename("/m/f", "/m/sub/f"), 0);
  });

  it("tell the statistics of what is mounted", () => {
    const total = got(statisticsAt(world.context, world.root, bytes("/m"), FOLLOW));
    const outside = got(statisticsAt(world.context, world.root, bytes("/"), FOLLOW));
    assert.notEqual(total.filesFree, outside.filesFree);
  });
});

describe("mkdir, symlink, link", () => {
  it("refuse what is there, what has no parent, and slashes after what is no directory", () => {
    for (const path of [".", "..", "/", "d/..", "d", "f"]) assert.equal(mkdir(path), -EEXIST, path);
    assert.equal(mkdir("none/x"), -ENOENT);
    assert.equal(mkdir("f/x"), -ENOTDIR);
    assert.equal(mkdir("slash///"), 0);
    assert.equal(mkdir("n".repeat(256)), -ENAMETOOLONG);
    assert.equal(symlink("x", "l/"), -ENOENT);
    assert.equal(symlink("x", "d/"), -EEXIST);
    assert.equal(symlink("", "l"), -ENOENT);
    assert.equal(symlink("a\0b", "l"), -EINVAL);
    assert.equal(symlink("t".repeat(4096), "l"), -ENAMETOOLONG);
    assert.equal(symlink("t".repeat(4095), "l"), 0);
    assert.equal(readlinkAt(world.context, world.root, bytes("f"), 0), -EINVAL);
  });

  it("link the link itself, or what it leads to", () => {
    world.link("/l", "f");
    assert.equal(link("l", "l2"), 0);
    assert.equal(readlinkAt(world.context, world.root, bytes("l2"), 0), "f");
    assert.equal(link("l", "f2", FOLLOW), 0);
    assert.equal(stat("f").nlink, 2);
  });
});

describe("rename", () => {
  it("knows its flags", () => {
    world.file("/g");
    world.directories("/other/inner");
    const ino = stat("f").ino;
    assert.equal(rename("f", "g", RENAME_NOREPLACE), -EEXIST);
    assert.equal(rename("f", "..", RENAME_NOREPLACE), -EEXIST);
    assert.equal(rename("f", "d/h", RENAME_NOREPLACE), 0);
    assert.equal(rename("d/h", "other", RENAME_EXCHANGE), 0);
    assert.equal(stat("other").ino, ino);
    assert.equal(stat("d/h/inner").nlink, 2);
    assert.equal(rename("g", "none", RENAME_EXCHANGE), -ENOENT);
    assert.equal(rename("d", "d/h", RENAME_EXCHANGE), -EINVAL);
    assert.equal(rename("d/h", "d", RENAME_EXCHANGE), -EINVAL);
    assert.equal(rename("d/h", "d"), -ENOTEMPTY);
    assert.equal(rename("g", "other/", RENAME_EXCHANGE), -ENOTDIR);
    assert.equal(rename("g", "g2", RENAME_EXCHANGE | RENAME_NOREPLACE), -EINVAL);
    assert.equal(rename("g", "g2", 4), -EINVAL);
  });
});

describe("attributes", () => {
  it("change through links, or the link's own", () => {
    world.link("/l", "f");
    const mtime = { seconds: -5, nanoseconds: 999_999_999 };
    assert.equal(change("l", { mtime }), 0);
    assert.equal(stat("f").mtimeSeconds, -5);
    assert.equal(change("l", { mtime: { seconds: 77, nanoseconds: 0 } }, 0), 0);
    const out = emptyStat();
    assert.equal(statAt(world.context, world.root, bytes("l"), 0, out), 0);
    assert.equal(out.mtimeSeconds, 77);
    assert.equal(stat("f").mtimeSeconds, -5);
    assert.equal(change("l", { mode: 0o600 }, 0), -EOPNOTSUPP);
  });

  it("cut and grow files only", () => {
    assert.equal(change("f", { size: 2 ** 40 }), 0);
    assert.equal(stat("f").size, 2 ** 40);
    assert.equal(change("f", { size: 2 ** 60 }), -EFBIG);
    assert.equal(change("f", { size: -1 }), -EINVAL);
    assert.equal(change("d", { size: 0 }), -EISDIR);
  });

  it("lose set-user-ID with the owner", () => {
    assert.equal(change("f", { mode: 0o6755 }), 0);
    assert.equal(change("f", { uid: 4 }), 0);
    assert.equal(stat("f").mode & 0o7777, 0o755);
    assert.equal(change("f", { mode: 0o6745 }), 0);
    assert.equal(change("f", { gid: 4 }), 0);
    assert.equal(stat("f").mode & 0o7777, 0o2745);
  });

  it("are there to be asked for", () => {
    assert.equal(accessAt(world.context, world.root, bytes("f"), F_OK, FOLLOW), 0);
    assert.equal(accessAt(world.context, world.root, bytes("none"), F_OK, FOLLOW), -ENOENT);
  });
});
