import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { EACCES, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV } from "../../src/abi/errno.ts";
import type { Location } from "../../src/vfs/mounts.ts";
import { BENEATH, FOLLOW, walk, walkParent } from "../../src/vfs/walk.ts";
import { got } from "../fs/contract.ts";
import { bytes, SmallWorld } from "./world.ts";

let world: SmallWorld;
beforeEach(() => {
  world = new SmallWorld();
});

/** The inode number a path leads to, or -errno. */
function reach(path: string, flags = FOLLOW, from: Location = world.root, context = world.context): number {
  const location = walk(context, from, bytes(path), flags);
  return typeof location === "number" ? location : location.inode.ino;
}

const inoOf = (path: string) => world.at(path).inode.ino;

describe("walk", () => {
  beforeEach(() => {
    world.directories("/a/b/c");
    world.file("/a/f");
  });

  it("takes slashes, dots and trailing slashes as Linux does", () => {
    for (const path of ["/a/b/c", "a/b/c", "//a///b//c/", "a/./b/../b/c/.", "/../../a/b/c"]) {
      assert.equal(reach(path), inoOf("/a/b/c"), path);
    }
    assert.equal(reach("/"), world.fs.root.ino);
    assert.equal(reach("c/..", FOLLOW, world.at("/a/b")), inoOf("/a/b"));
    assert.equal(reach("a/f"), inoOf("/a/f"));
    for (const path of ["a/f/", "a/f/.", "a/f/..", "a/f/x"]) assert.equal(reach(path), -ENOTDIR, path);
    for (const path of ["", "x", "x/", "x/..", "a/x/b"]) assert.equal(reach(path), -ENOENT, path);
    assert.equal(reach("x", FOLLOW, world.at("/a/f")), -ENOTDIR);
    assert.equal(reach("/a", FOLLOW, world.at("/a/f")), inoOf("/a"));
  });

  it("refuses NUL and what is too long, in names and in paths", () => {
    assert.equal(reach("a\0"), -EINVAL);
    assert.equal(reach("\0"), -EINVAL);
    assert.equal(reach("n".repeat(255)), -ENOENT);
    assert.equal(reach("n".repeat(256)), -ENAMETOOLONG);
    assert.equal(reach("a/".repeat(2047)), -ENOENT);
    assert.equal(reach(`${"./".repeat(2047)}a`), inoOf("/a"));
    assert.equal(reach(`${"./".repeat(2047)}a/`), -ENAMETOOLONG);
  });

  it("follows links in the middle always, at the end when asked or before a slash", () => {
    world.link("/l", "a/b");
    world.link("/abs", "/a/b/");
    world.link("/toFile", "a/f");
    world.link("/slashFile", "a/f/");
    world.link("/top", "/");
    world.link("/dangling", "nowhere");
    assert.equal(reach("l/c"), inoOf("/a/b/c"));
    assert.equal(reach("abs/c", 0), inoOf("/a/b/c"));
    assert.equal(reach("l"), inoOf("/a/b"));
    assert.equal(reach("l/", 0), inoOf("/a/b"));
    assert.equal(got(world.fs.lookup(world.fs.root, bytes("l"))).ino, reach("l", 0));
    assert.equal(reach("l/.."), inoOf("/a"));
    assert.equal(reach("top"), world.fs.root.ino);
    assert.equal(reach("top/a/b"), inoOf("/a/b"));
    assert.equal(reach("top/top/top", 0), reach("/top", 0));
    assert.equal(reach("toFile"), inoOf("/a/f"));
    assert.equal(reach("toFile/"), -ENOTDIR);
    assert.equal(reach("slashFile"), -ENOTDIR);
    assert.equal(reach("dangling"), -ENOENT);
    assert.equal(reach("dangling/x"), -ENOENT);
    assert.ok(reach("dangling", 0) > 0);
  });

  it("gives up after 40 links", () => {
    world.link("/self", "self");
    assert.equal(reach("self"), -ELOOP);
    assert.equal(reach("self/x"), -ELOOP);
    world.link("/0", "a");
    for (let i = 1; i <= 41; i++) world.link(`/${i}`, String(i - 1));
    assert.equal(reach("39"), inoOf("/a"));
    assert.equal(reach("40"), -ELOOP);
    assert.equal(reach("39/f"), inoOf("/a/f"));
  });

  it("counts the links of a bomb, and does not grow a stack", () => {
    const wide = Array.from({ length: 200 }, () => "bomb").join("/");
    world.link("/bomb", wide);
    assert.equal(reach("bomb/x"), -ELOOP);
    world.link("/nest", "nest2/../nest2/..");
    world.link("/nest2", "nest/x");
    assert.equal(reach("nest"), -ELOOP);
  });

  it("needs search permission on each directory, for . and .. as well", () => {
    const user = world.as(7);
    world.fs.setattr(world.at("/a").inode, { mode: 0o644 });
    assert.equal(reach("a", FOLLOW, world.root, user), inoOf("/a"));
    for (const path of ["a/b", "a/.", "a/..", "a/x", "a/f"]) {
      assert.equal(reach(path, FOLLOW, world.root, user), -EACCES, path);
    }
    assert.equal(reach("a/b/c"), inoOf("/a/b/c"), "not for the superuser");
  });
});

describe("walkParent", () => {
  it("leaves the last name, whatever it is", () => {
    world.directories("/a/b");
    world.link("/l", "a");
    const parent = (path: string) => {
      const place = got(walkParent(world.context, world.root, bytes(path), FOLLOW));
      return [place.location.inode.ino, place.name, place.special, place.mustBeDirectory];
    };
    assert.deepEqual(parent("a/new"), [inoOf("/a"), "new", false, false]);
    assert.deepEqual(parent("l/new//"), [inoOf("/a"), "new", false, true]);
    assert.deepEqual(parent("l"), [inoOf("/"), "l", false, false]);
    assert.deepEqual(parent("a/."), [inoOf("/a"), ".", true, false]);
    assert.deepEqual(parent("a/../"), [inoOf("/a"), "..", true, true]);
    assert.deepEqual(parent("//"), [inoOf("/"), "", true, false]);
    assert.equal(walkParent(world.context, world.root, bytes("none/x"), FOLLOW), -ENOENT);
  });
});

describe("mounts", () => {
  it("are crossed both ways", () => {
    world.directories("/m/n", "/x");
    world.file("/m/covered");
    const first = world.mount("/m");
    assert.equal(reach("/m/covered"), -ENOENT);
    world.directories("/m/n", "/m/sub");
    const second = world.mount("/m/n");
    assert.equal(world.at("/m").inode, first.root);
    assert.equal(world.at("/m/n").inode, second.root);
    world.directories("/m/n/deep");
    assert.equal(world.at("/m/n/deep/../..").inode, first.root);
    assert.equal(world.at("/m/n/deep/../../..").inode, world.fs.root);
    assert.equal(world.at("/m/n/../sub/../../x/../m/n").inode, second.root);
    assert.equal(world.mounts.list().length, 3);
  });

  it("can lie on one another, and on the root of a file system", () => {
    world.directories("/m");
    world.mount("/m");
    const top = world.mount("/m");
    assert.equal(world.at("/m").inode, top.root);
    assert.equal(world.at("/m/..").inode, world.fs.root);
    assert.equal(world.at("/m/../m").inode, top.root);
  });

  it("keep absolute links in the process's root", () => {
    world.directories("/jail/etc", "/etc", "/jail/m");
    world.link("/jail/l", "/etc");
    world.link("/jail/up", "../../../etc");
    const jailed = world.rootedAt("/jail");
    const inside = inoOf("/jail/etc");
    for (const path of ["/etc", "etc", "/l", "/up", "/../../etc", "../etc"]) {
      assert.equal(reach(path, FOLLOW, jailed.root, jailed), inside, path);
    }
    world.mount("/jail/m");
    assert.equal(reach("/m/../../../etc", FOLLOW, jailed.root, jailed), inside);
  });
});

describe("BENEATH", () => {
  beforeEach(() => {
    world.directories("/box/in/deep", "/out");
    world.file("/box/f");
    world.file("/out/secret");
  });
  const beneath = (path: string, from = "/box") => reach(path, FOLLOW | BENEATH, world.at(from));

  it("goes down, and up as far as it came from", () => {
    assert.equal(beneath("in/deep"), inoOf("/box/in/deep"));
    assert.equal(beneath("in/deep/../../f"), inoOf("/box/f"));
    assert.equal(beneath("in/.."), inoOf("/box"));
    assert.equal(beneath("."), inoOf("/box"));
  });

  it("does not leave by .., absolute paths, or links of either kind", () => {
    world.link("/box/abs", "/out/secret");
    world.link("/box/home", "/box/f");
    world.link("/box/up", "../out/secret");
    world.link("/box/in/far", "../../out");
    world.link("/box/fine", "in/../f");
    for (const path of ["..", "../box/f", "in/../..", "in/../../box/f", "/", "/box/f", "abs", "home", "up"]) {
      assert.equal(beneath(path), -EXDEV, path);
    }
    for (const path of ["in/far", "in/far/secret", "../nowhere", "abs/", "./abs"]) {
      assert.equal(beneath(path), -EXDEV, path);
    }
    assert.equal(beneath("fine"), inoOf("/box/f"));
    assert.ok(reach("abs", BENEATH, world.at("/box")) > 0, "a last link that is not followed does no harm");
  });

  it("resolves absolute links inside when it starts at the process's root", () => {
    world.link("/abs", "/out/secret");
    world.link("/box/abs2", "/out/../box/f");
    assert.equal(beneath("abs", "/"), inoOf("/out/secret"));
    assert.equal(beneath("box/abs2", "/"), inoOf("/box/f"));
    for (const path of ["..", "box/../..", "/box"]) assert.equal(beneath(path, "/"), -EXDEV, path);
    const jailed = world.rootedAt("/box");
    world.link("/box/jailAbs", "/f");
    assert.equal(reach("jailAbs", FOLLOW | BENEATH, jailed.root, jailed), inoOf("/box/f"));
    world.link("/box/in/toRoot", "/");
    assert.equal(reach("in/toRoot/f", FOLLOW | BENEATH, jailed.root, jailed), inoOf("/box/f"));
    assert.equal(reach("in/toRoot/..", FOLLOW | BENEATH, jailed.root, jailed), -EXDEV);
  });

  it("stays beneath over mounts", () => {
    world.directories("/box/m");
    const mounted = world.mount("/box/m");
    world.directories("/box/m/sub");
    assert.equal(beneath("m/sub/../.."), inoOf("/box"));
    assert.equal(beneath("m/../.."), -EXDEV);
    assert.equal(reach("..", FOLLOW | BENEATH, world.at("/box/m")), -EXDEV);
    assert.equal(world.at("/box/m").inode, mounted.root);
  });

  it("goes up the way it came although the directory was moved meanwhile", () => {
    // What a host renames during one resolution: parent() then tells a place outside.
    const real = world.fs.parent.bind(world.fs);
    world.fs.parent = () => world.at("/out").inode;
    assert.equal(beneath("in/deep/../.."), inoOf("/box"));
    assert.equal(beneath("in/deep/../../../out"), -EXDEV);
    world.fs.parent = real;
  });
});
