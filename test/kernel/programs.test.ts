import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import type { ProgramImage } from "../../src/kernel/contracts.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
import { emptyStat } from "../../src/vfs/contracts.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import type { WallTime } from "../../src/wait/clock.ts";
import { bytes, SimulatedHost } from "./simulated.ts";

/** Time passes only when somebody looks, and files are stamped with the last look. */
class LookedAt extends SimulatedHost {
  override readonly clock = {
    monotonicNs: () => ++this.now,
    wallTime: (out: WallTime) => {
      this.now++;
      this.clock.lastWallTime(out);
    },
    lastWallTime: (out: WallTime) => {
      out.seconds = 1_700_000_000;
      out.nanoseconds = this.now % 1e9;
    },
    cpuNs: () => 0,
  };
}

/** A kernel over one file system, whose clock stands between looks; `named` names what is compiled, the first with 1. */
function world(named: (compiled: number, name: string, content: Uint8Array) => string) {
  const host = new LookedAt();
  const fs = new MemoryFileSystem({ dev: 1, clock: host.clock });
  const mounts = new MountTable(fs);
  let compiled = 0;
  const kernel = new Kernel({
    host,
    mounts,
    loader: {
      load: () => -8,
      compile: (name, content): ProgramImage => ({ name: named(++compiled, name, content) }),
    },
    sharedMemory: new MemoryFileSystem({ dev: 2, clock: host.clock }),
    exits: { exited() {} },
  });
  return { fs, mounts, kernel };
}

test("a program written over is compiled anew, though nobody looked at the clock meanwhile", () => {
  const { fs, mounts, kernel } = world((compiled, name, content) => `${name} ${compiled}: ${content[0]}`);
  const inode = fs.create(fs.root, bytes("program"), 0o755, { uid: 0, gid: 0 });
  assert.ok(typeof inode === "object");
  const file = fs.open(inode, 2);
  assert.ok(typeof file === "object");
  const location = { mount: mounts.rootMount, inode };
  const nameOf = (): string => {
    const image = kernel.programs.image(location);
    assert.ok(typeof image === "object");
    return image.name;
  };
  file.write(0, Uint8Array.of(1), 0, 1);
  assert.equal(nameOf(), "memfs 2 1: 1");
  assert.equal(nameOf(), "memfs 2 1: 1", "kept");
  file.write(0, Uint8Array.of(2), 0, 1);
  assert.equal(nameOf(), "memfs 2 2: 2");
  kernel.programs.adopt(location, { name: "adopted" });
  assert.equal(nameOf(), "adopted");
  file.write(0, Uint8Array.of(3), 0, 1);
  assert.equal(nameOf(), "memfs 2 3: 3");
});

test("a file that was executed is looked at anew once it changes, and its first execution sets its atime", () => {
  const { fs, mounts, kernel } = world(String);
  const root = mounts.root;
  const context = { mounts, root, credentials: { uid: 0, gid: 0, groups: [] } };
  const write = (name: string, text: string) => {
    const known = fs.lookup(fs.root, bytes(name));
    const inode = typeof known === "object" ? known : fs.create(fs.root, bytes(name), 0o755, { uid: 0, gid: 0 });
    assert.ok(typeof inode === "object");
    const file = fs.open(inode, 2);
    assert.ok(typeof file === "object");
    file.write(0, new TextEncoder().encode(text), 0, text.length);
    file.close();
    return inode;
  };
  const found = () => {
    const made = kernel.programs.find(context, root, bytes("/program"), [bytes("name")]);
    return typeof made === "number" ? made : [made.image.name, ...made.argv];
  };
  const inode = write("program", "binary");
  write("other", "binary too");
  const stat = emptyStat();
  const isRead = () => {
    fs.stat(inode, stat);
    return stat.atimeNanoseconds > stat.mtimeNanoseconds;
  };
  kernel.programs.adopt({ mount: mounts.rootMount, inode }, { name: "adopted" });
  assert.equal(isRead(), false);
  for (let round = 0; round < 3; round += 1) assert.deepEqual(found(), ["adopted", "name"]);
  assert.equal(isRead(), true);
  // As long as what was there: a script, whose interpreter is the other.
  write("program", "#!/other x\n");
  assert.deepEqual(found(), ["1", "/other", "x", "/program"]);
  write("program", "once more  ");
  for (let round = 0; round < 3; round += 1) assert.deepEqual(found(), ["2", "name"]);
  fs.setattr(inode, { mode: 0o644 });
  assert.equal(found(), -13);
  fs.setattr(inode, { mode: 0o755 });
  assert.deepEqual(found(), ["3", "name"]);
});
