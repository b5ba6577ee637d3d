import assert from "node:assert/strict";
import { test } from "node:test";
import { ENOMEM } from "../../src/abi/errno.ts";
import { MAP_FIXED, MAP_SHARED, MS_SYNC, PROT_READ, PROT_WRITE } from "../../src/abi/mman.ts";
import { SIGBUS } from "../../src/abi/signal.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { futexWait, futexWake } from "../../src/kernel/operations/futexes.ts";
import { pread, pwrite } from "../../src/kernel/operations/io.ts";
import { protect, remap, syncMemory, unmap } from "../../src/kernel/operations/memory.ts";
import type { Process } from "../../src/kernel/process.ts";
import { PAGE, SharedWorld } from "./shared-world.ts";
import { vector } from "./simulated.ts";

function contentOf(world: SharedWorld, process: Process, fd: number, position: number, length: number): string {
  return world.as(process, (thread) => {
    const moved = pread(thread, fd, vector([0, length]), position);
    return process.memory.byteString(0, moved);
  });
}

test("what one sharer writes the next one sees, and what nobody changed is not copied", () => {
  const world = new SharedWorld();
  const one = world.process();
  const at = world.map(one, -1, 4 * PAGE);
  world.put(one, at + PAGE, "from one");
  const two = world.fork(one);
  world.put(two, at, "from two");
  assert.equal(world.get(one, at, 8), "from two");
  assert.equal(world.get(two, at + PAGE, 8), "from one");
  const [file] = world.kernel.shared.files();
  const before = file?.version;
  for (let i = 0; i < 10; i++) world.get(i % 2 === 0 ? one : two, at, 8);
  assert.equal(file?.version, before);
});

test("shared memory is gone with its last sharer, and nothing stays charged", () => {
  const world = new SharedWorld();
  const one = world.process();
  const before = world.hidden.budget.bytesUsed;
  const at = world.map(one, -1, 8 * PAGE);
  const two = world.fork(one);
  world.put(two, at, "stored");
  world.get(one, at, 1);
  assert.ok(world.hidden.budget.bytesUsed > before);
  world.end(one);
  assert.equal(world.get(two, at, 6), "stored");
  assert.equal(
    world.as(two, (thread) => unmap(thread, at, 8 * PAGE)),
    0,
  );
  assert.equal(world.kernel.shared.active, false);
  assert.deepEqual([world.hidden.budget.bytesUsed, world.hidden.budget.inodesUsed], [before, 1]);
});

test("a file of a far file system is written back by msync, munmap, the end and before it is read", () => {
  for (const how of ["msync", "munmap", "end", "read"]) {
    const world = new SharedWorld({ far: true });
    const one = world.process();
    const other = world.process();
    const fd = world.open(one, "f");
    world.as(one, (thread) => {
      one.memory.putByteString(0, "0123456789" as never);
      return pwrite(thread, fd, vector([0, 10]), 0);
    });
    const at = world.map(one, fd, PAGE);
    assert.equal(world.get(one, at, 10), "0123456789");
    world.put(one, at + 2, "xyz");
    if (how === "msync") world.as(one, (thread) => syncMemory(thread, at, PAGE, MS_SYNC));
    else if (how === "munmap") world.as(one, (thread) => unmap(thread, at, PAGE));
    else if (how === "end") world.end(one);
    const again = world.open(other, "f");
    assert.equal(contentOf(world, other, again, 0, 10), "01xyz56789", how);
  }
});

test("of a far file only what was changed is written back", () => {
  const world = new SharedWorld({ far: true });
  const one = world.process();
  const fd = world.open(one, "f");
  world.as(one, (thread) => pwrite(thread, fd, vector([0, 3 * PAGE]), 0));
  const at = world.map(one, fd, 3 * PAGE);
  const inode = one.descriptors.get(fd)?.description.file.inode;
  assert.ok(inode);
  // Another machine changes the first page meanwhile.
  const file = world.fs.open(inode, 2);
  assert.ok(typeof file === "object");
  file.write(0, new TextEncoder().encode("theirs"), 0, 6);
  world.put(one, at + PAGE, "mine");
  world.end(one);
  const bytes = new Uint8Array(PAGE + 4);
  file.read(0, bytes, 0, bytes.length);
  assert.equal(Buffer.from(bytes.subarray(0, 6)).toString(), "theirs");
  assert.equal(Buffer.from(bytes.subarray(PAGE)).toString(), "mine");
});

test("a write to the file is seen by every sharer, and undoes nothing of theirs", () => {
  for (const far of [false, true]) {
    const world = new SharedWorld({ far });
    const one = world.process();
    const two = world.process();
    const fd = world.open(one, "f");
    world.as(one, (thread) => pwrite(thread, fd, vector([0, 2 * PAGE]), 0));
    const at = world.map(one, fd, 2 * PAGE);
    const there = world.open(two, "f");
    const part = world.map(two, there, PAGE, PAGE);
    world.put(one, at + PAGE, "aaaa");
    world.put(two, part + 2, "bb");
    world.as(two, (thread) => {
      two.memory.putByteString(0, "w" as never);
      return pwrite(thread, there, vector([0, 1]), PAGE + 1);
    });
    assert.equal(world.get(two, part, 5), "awbb\0");
    assert.equal(world.get(one, at + PAGE, 5), "awbb\0");
    assert.equal(contentOf(world, one, fd, PAGE, 5), "awbb\0");
  }
});

test("who writes more than there is room for gets SIGBUS, and nobody else sees half of it", () => {
  const world = new SharedWorld({ sharedBytes: 3 * 65_536 });
  const one = world.process();
  const size = 1024 * 1024;
  const at = world.map(one, -1, size);
  const two = world.fork(one);
  world.put(two, at, "small");
  world.as(two, () => two.memory.bytes.fill(7, at, at + size));
  assert.equal(world.get(one, at, 1), "\x07");
  assert.equal(two.status?.signal, SIGBUS);
  assert.equal(one.status, undefined);
  assert.ok(world.hidden.budget.bytesUsed <= world.hidden.budget.bytesLimit);
  world.end(one);
  assert.equal(world.kernel.shared.active, false);
});

test("the number of pieces is limited, and a refused mapping leaves nothing behind", () => {
  const world = new SharedWorld();
  const one = world.process();
  let made = 0;
  while (world.map(one, -1, PAGE) > 0) made += 1;
  assert.equal(made, 99);
  assert.equal(world.map(one, -1, PAGE), -ENOMEM);
  world.end(one);
  assert.equal(world.hidden.budget.inodesUsed, 1);
  const two = world.process();
  assert.equal(world.map(two, -1, 0x7000_0000), -ENOMEM);
  assert.equal(world.map(two, -1, 0xffff_f000), -ENOMEM);
  assert.deepEqual([world.kernel.shared.active, world.hidden.budget.inodesUsed], [false, 1]);
});

test("overlapping, moved, cut and doubled mappings of one file", () => {
  const world = new SharedWorld();
  const one = world.process();
  const fd = world.open(one, "f");
  world.as(one, (thread) => pwrite(thread, fd, vector([0, 4 * PAGE]), 0));
  const at = world.map(one, fd, 4 * PAGE);
  world.put(one, at + PAGE, "second");
  // The file's second page over its own third one.
  assert.equal(world.map(one, fd, PAGE, PAGE, MAP_SHARED | MAP_FIXED, at + 2 * PAGE), at + 2 * PAGE);
  assert.equal(world.get(one, at + 2 * PAGE, 6), "second");
  world.put(one, at + 2 * PAGE, "SECOND");
  world.as(one, (thread) => syncMemory(thread, at, 4 * PAGE, MS_SYNC));
  assert.equal(world.get(one, at + PAGE, 6), "SECOND");
  world.put(one, at + PAGE, "third.");
  world.as(one, (thread) => syncMemory(thread, at, 4 * PAGE, MS_SYNC));
  assert.equal(world.get(one, at + 2 * PAGE, 6), "third.");
  // A second view by mremap(2) with an old size of 0, and one made by moving.
  const again = world.as(one, (thread) => remap(thread, at + PAGE, 0, PAGE, 1, 0));
  assert.equal(world.get(one, again, 6), "third.");
  const moved = world.as(one, (thread) => remap(thread, at, PAGE, 3 * PAGE, 1, 0));
  assert.ok(moved > 0);
  world.put(one, moved + 2 * PAGE, "page 3");
  assert.equal(contentOf(world, one, fd, 2 * PAGE, 6), "page 3");
  // Half of it read-only: what is scribbled there reaches nobody.
  world.as(one, (thread) => protect(thread, moved, PAGE, PROT_READ));
  world.put(one, moved, "scribble");
  assert.equal(contentOf(world, one, fd, 0, 4), "\0\0\0\0");
  world.as(one, (thread) => protect(thread, moved, PAGE, PROT_READ | PROT_WRITE));
  assert.equal(world.get(one, moved, 4), "\0\0\0\0");
  assert.equal(contentOf(world, one, fd, 0, 4), "\0\0\0\0");
});

test("a futex in shared memory is one for all, a private one is not", () => {
  const world = new SharedWorld();
  const one = world.process();
  const at = world.map(one, -1, PAGE);
  const two = world.fork(one);
  const wait = (own: boolean) => futexWait(two.threads[0] as never, at + 8, 0, -1, Infinity, own);
  assert.equal(
    world.as(two, () => wait(false)),
    BLOCKED,
  );
  assert.equal(
    world.as(one, (thread) => futexWake(thread, at + 8, 5, -1, true)),
    0,
  );
  assert.equal(
    world.as(one, (thread) => futexWake(thread, at + 8, 5, -1, false)),
    1,
  );
  assert.equal(
    world.as(two, () => wait(true)),
    BLOCKED,
  );
  assert.equal(
    world.as(one, (thread) => futexWake(thread, at + 8, 5, -1, false)),
    0,
  );
});

test("shared memory, what each sharer has seen of it and who waits in it come back from a snapshot", () => {
  const world = new SharedWorld({ far: true });
  const one = world.process();
  const at = world.map(one, -1, 2 * PAGE);
  const fd = world.open(one, "f");
  world.as(one, (thread) => pwrite(thread, fd, vector([0, PAGE]), 0));
  const file = world.map(one, fd, PAGE);
  const two = world.fork(one);
  world.put(one, at, "old");
  assert.equal(
    world.as(two, (thread) => futexWait(thread, at + PAGE, 0, -1, Infinity)),
    BLOCKED,
  );
  world.put(one, file, "changed");
  // The last to run has written what nobody has seen yet.
  world.put(one, at, "new");

  const copy = world.restored();
  const [a, b] = [copy.kernel.process(1), copy.kernel.process(2)];
  assert.ok(a !== undefined && b !== undefined);
  assert.equal(copy.get(b, at, 3), "new");
  copy.put(b, at, "two");
  assert.equal(copy.get(a, at, 3), "two");
  assert.equal(
    copy.as(a, (thread) => futexWake(thread, at + PAGE, 1, -1)),
    1,
  );
  assert.equal(contentOf(copy, a, fd, 0, 7), "changed");
  copy.end(a);
  copy.end(b);
  assert.deepEqual([copy.kernel.shared.active, copy.hidden.budget.inodesUsed], [false, 1]);
});

test("any order of switching, mapping, unmapping and writing is as if memory were one", () => {
  const pages = 6;
  let seed = 20261122;
  const pick = (count: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % count;
  };
  for (const far of [false, true]) {
    const world = new SharedWorld({ far });
    const model = new Uint8Array(pages * PAGE);
    const first = world.process();
    const opened = world.open(first, "f");
    world.as(first, (thread) => pwrite(thread, opened, vector([0, pages * PAGE]), 0));
    /** What each process has mapped: addresses by page of the file. */
    const maps = new Map<Process, (number | undefined)[]>([[first, []]]);
    for (let step = 0; step < 3000; step++) {
      const processes = [...maps.keys()];
      const process = processes[pick(processes.length)] as Process;
      const mapped = maps.get(process) ?? [];
      const page = pick(pages);
      const at = mapped[page];
      const position = page * PAGE + pick(PAGE - 4);
      switch (pick(9)) {
        case 0:
          if (maps.size < 5) maps.set(world.fork(process), [...mapped]);
          break;
        case 1:
          if (maps.size < 2) break;
          world.end(process);
          maps.delete(process);
          break;
        case 2:
        case 3:
          if (at === undefined) mapped[page] = world.map(process, opened, PAGE, page * PAGE);
          break;
        case 4:
          if (at === undefined) break;
          world.as(process, (thread) => unmap(thread, at, PAGE));
          mapped[page] = undefined;
          break;
        case 5:
          world.as(process, (thread) => {
            process.memory.bytes[0] = step;
            pwrite(thread, opened, vector([0, 1]), position);
          });
          model[position] = step;
          break;
        default:
          if (at === undefined) break;
          world.as(process, () => {
            process.memory.bytes[at + (position % PAGE)] = step;
          });
          model[position] = step;
      }
      const reader = [...maps.keys()][pick(maps.size)] as Process;
      world.kernel.shared.enter(reader);
      for (const [number, address] of (maps.get(reader) ?? []).entries()) {
        if (address === undefined) continue;
        const [there, expected] = [reader.memory.bytes, model.subarray(number * PAGE, (number + 1) * PAGE)];
        assert.ok(
          Buffer.compare(there.subarray(address, address + PAGE), expected) === 0,
          `step ${step}, page ${number}`,
        );
      }
    }
    const last = [...maps.keys()][0] as Process;
    const bytes = contentOf(world, last, opened, 0, PAGE);
    assert.equal(bytes, String.fromCharCode(...model.subarray(0, PAGE)));
  }
});
