import assert from "node:assert/strict";
import { test } from "node:test";
import { EBADF, EMFILE } from "../../src/abi/errno.ts";
import { O_RDONLY, O_RDWR, O_WRONLY } from "../../src/abi/fcntl.ts";
import { S_IFIFO } from "../../src/abi/stat.ts";
import { ALL_RIGHTS, DescriptorTable, OpenDescription } from "../../src/kernel/descriptors.ts";
import { Pipe, PipeReadEnd } from "../../src/kernel/pipe.ts";
import { processorMs } from "../processor-time.ts";
import { bytes, machine } from "./simulated.ts";

const { kernel } = machine();

function description(): OpenDescription {
  return new OpenDescription(
    new PipeReadEnd(new Pipe(kernel.pipes, kernel.pipes.inode(S_IFIFO, 0o600, 0, { uid: 0, gid: 0 }))),
    undefined,
    O_RDONLY,
  );
}

function isClosed(one: OpenDescription): boolean {
  return one.file instanceof PipeReadEnd && one.file.pipe.readEnds === 0;
}

test("install takes the lowest free number", () => {
  const table = new DescriptorTable(16);
  for (let i = 0; i < 5; i++) assert.equal(table.install(description()), i);
  table.close(3);
  table.close(1);
  assert.equal(table.install(description()), 1);
  assert.equal(table.install(description()), 3);
  assert.equal(table.install(description()), 5);
  assert.equal(table.install(description(), false, 10), 10);
  assert.equal(table.install(description(), false, 10), 11);
  assert.equal(table.install(description()), 6);
  assert.equal(table.open, 9);
});

test("the limit is EMFILE and a closed number can be had again", () => {
  const table = new DescriptorTable(3);
  for (let i = 0; i < 3; i++) table.install(description());
  assert.equal(table.vacancy(), -EMFILE);
  assert.equal(table.install(description()), -EMFILE);
  table.close(1);
  assert.equal(table.vacancy(), 1);
  assert.equal(table.install(description()), 1);
});

test("a description closes with its last reference", () => {
  const table = new DescriptorTable(8);
  const shared = description();
  table.install(shared);
  table.install(shared);
  table.close(0);
  assert.equal(isClosed(shared), false);
  table.close(1);
  assert.equal(isClosed(shared), true);
  assert.equal(table.close(1), -EBADF);
});

test("renumber moves rights and name, closes the target, and needs both open", () => {
  const table = new DescriptorTable(8);
  const [a, b] = [description(), description()];
  table.install(a);
  table.install(b);
  const entry = table.get(0);
  assert.ok(entry);
  entry.rights = 5;
  entry.preopen = bytes("/data");
  assert.equal(table.renumber(0, 7), -EBADF);
  assert.equal(table.renumber(7, 0), -EBADF);
  assert.equal(table.renumber(0, 0), 0);
  assert.equal(isClosed(a), false);
  assert.equal(table.renumber(0, 1), 0);
  assert.equal(isClosed(b), true);
  assert.equal(table.get(0), undefined);
  assert.equal(table.get(1)?.description, a);
  assert.equal(table.get(1)?.rights, 5);
  assert.equal(table.get(1)?.preopen, "/data");
  assert.equal(table.open, 1);
  assert.equal(table.vacancy(), 0);
});

test("place puts a description where it is told and closes what was there", () => {
  const table = new DescriptorTable(8);
  const [a, b] = [description(), description()];
  assert.equal(table.place(4, a), 4);
  assert.equal(table.vacancy(), 0);
  assert.equal(table.place(4, b), 4);
  assert.equal(isClosed(a), true);
  assert.equal(table.open, 1);
  assert.equal(table.place(4, b), 4);
  assert.equal(isClosed(b), false);
  for (const bad of [-1, 8, 1.5, 2 ** 31, 2 ** 53]) assert.equal(table.place(bad, a), -EBADF);
  assert.deepEqual(
    [...table].map(([fd]) => fd),
    [4],
  );
});

test("numbers that are none find nothing", () => {
  const table = new DescriptorTable(8);
  table.install(description());
  for (const fd of [-1, 1, 0.5, 2 ** 31, 2 ** 32, 2 ** 32 - 1, 2 ** 53, -(2 ** 31)]) {
    assert.equal(table.get(fd), undefined);
    assert.equal(table.close(fd), -EBADF);
    assert.equal(table.renumber(fd, 0), -EBADF);
    assert.equal(table.renumber(0, fd), -EBADF);
  }
});

test("a fresh descriptor has every right; the access mode decides reading and writing", () => {
  const table = new DescriptorTable(8);
  table.install(description(), true);
  assert.equal(table.get(0)?.rights, ALL_RIGHTS);
  assert.equal(table.get(0)?.inheriting, ALL_RIGHTS);
  assert.equal(table.get(0)?.closeOnExec, true);
  const file = description().file;
  const modes = [O_RDONLY, O_WRONLY, O_RDWR].map((mode) => new OpenDescription(file, undefined, mode));
  assert.deepEqual(
    modes.map((one) => [one.readable, one.writable]),
    [
      [true, false],
      [false, true],
      [true, true],
    ],
  );
});

test("thousands of chosen numbers stay fast", () => {
  const limit = 65_536;
  const table = new DescriptorTable(limit);
  const shared = description();
  shared.acquire();
  const started = processorMs();
  for (let i = 0; i < limit; i++) table.install(shared);
  for (let round = 0; round < 20_000; round++) {
    const fd = (round * 4096) % limit;
    table.close(fd);
    assert.equal(table.install(shared), fd);
  }
  for (let fd = 0; fd < limit; fd++) table.get(fd * 65_536 - 1);
  const spent = processorMs() - started;
  assert.ok(spent < 1000, `${spent} ms`);
  table.closeAll();
  assert.equal(table.open, 0);
  assert.equal(shared.references, 1);
});
