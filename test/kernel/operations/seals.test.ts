import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteString } from "../../../src/abi/byte-string.ts";
import { EBUSY, EPERM } from "../../../src/abi/errno.ts";
import { F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_WRITE, O_DIRECTORY, O_RDONLY } from "../../../src/abi/fcntl.ts";
import { makeMemoryFile, openAt, truncateFd } from "../../../src/kernel/operations/files.ts";
import { close, write } from "../../../src/kernel/operations/io.ts";
import { makeDirectoryAt, removeDirectoryAt } from "../../../src/kernel/operations/names.ts";
import { addSeals, sealsOf } from "../../../src/kernel/operations/seals.ts";
import { walk } from "../../../src/vfs/walk.ts";
import { PAGE, SharedWorld } from "../shared-world.ts";
import { bytes, vector } from "../simulated.ts";

const HERE = -100;

test("seals come back from a snapshot, and who may still write is asked then too", () => {
  const world = new SharedWorld();
  const one = world.process();
  const make = (): number =>
    world.as(one, (thread) => {
      const fd = makeMemoryFile(thread, "sealed" as ByteString, false, 0, false);
      assert.equal(truncateFd(thread, fd, PAGE), 0);
      return fd;
    });
  const [sealed, mapped] = [make(), make()];
  world.as(one, (thread) => assert.equal(addSeals(thread, sealed, F_SEAL_WRITE | F_SEAL_SEAL), 0));
  world.map(one, mapped, PAGE);
  const other = world.fork(one);
  const copy = world.restored();
  const [a, b] = [one, other].map(({ pid }) => copy.kernel.process(pid));
  assert.ok(a !== undefined && b !== undefined);
  copy.as(a, (thread) => {
    assert.equal(sealsOf(thread, sealed), F_SEAL_WRITE | F_SEAL_SEAL);
    assert.equal(write(thread, sealed, vector([0, 1])), -EPERM);
    assert.equal(addSeals(thread, sealed, F_SEAL_GROW), -EPERM);
    assert.equal(addSeals(thread, mapped, F_SEAL_WRITE), -EBUSY);
  });
  // Both of the processes had it mapped.
  copy.end(b);
  copy.as(a, (thread) => assert.equal(addSeals(thread, mapped, F_SEAL_WRITE), -EBUSY));
  copy.end(a);
});

test("a removed directory that is opened again is charged as long as that lasts", () => {
  const world = new SharedWorld();
  const one = world.process();
  const { budget } = world.fs;
  const before = budget.inodesUsed;
  world.as(one, (thread) => {
    makeDirectoryAt(thread, HERE, bytes("d"), 0o755, 0);
    const place = walk(one, one.cwd, bytes("d"), 0);
    assert.ok(typeof place !== "number");
    one.cwd = place;
    assert.equal(removeDirectoryAt(thread, HERE, bytes("../d"), 0), 0);
    assert.equal(budget.inodesUsed, before);
    const opened = [1, 2].map(() => openAt(thread, HERE, bytes("."), O_RDONLY | O_DIRECTORY, 0, 0));
    assert.equal(budget.inodesUsed, before + 1);
    for (const fd of opened) assert.equal(close(thread, fd), 0);
    assert.equal(budget.inodesUsed, before);
  });
});
