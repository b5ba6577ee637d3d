import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import type { ProgramImage } from "../../src/kernel/contracts.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
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

test("a program written over is compiled anew, though nobody looked at the clock meanwhile", () => {
  const host = new LookedAt();
  const fs = new MemoryFileSystem({ dev: 1, clock: host.clock });
  const mounts = new MountTable(fs);
  let compiled = 0;
  const kernel = new Kernel({
    host,
    mounts,
    loader: {
      load: () => -8,
      compile: (name, content): ProgramImage => ({ name: `${name} ${++compiled}: ${content[0]}` }),
    },
    sharedMemory: new MemoryFileSystem({ dev: 2, clock: host.clock }),
    exits: { exited() {} },
  });
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
