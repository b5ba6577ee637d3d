/** Long directories, which a guest can make: what one call costs on its way through them, and the caller's listing as a whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EAGAIN } from "../../src/abi/errno.ts";
import { DT_UNKNOWN } from "../../src/abi/stat.ts";
import { FileRequests } from "../../src/cell/file-requests.ts";
import type { FrameWriter } from "../../src/cell/frame-writer.ts";
import type { HostDirectory } from "../../src/fs/hostfs/host-directory.ts";
import type { HostFileSystem } from "../../src/fs/hostfs/hostfs.ts";
import type { HostInode } from "../../src/fs/hostfs/inode.ts";
import { HostListing } from "../../src/fs/hostfs/open-directory.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { HOST_ENTRIES } from "../../src/limits.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import { LIST_ENTRIES, UP, type UpFrame } from "../../src/wire/frames.ts";
import { bytes, SimulatedHost } from "../kernel/simulated.ts";

const BATCH = 1000;
const ENTRIES = 200_000;

/** A host's directory of many names, told in batches; `asked` counts them. */
function long() {
  let at = 0;
  const told = { asked: 0 };
  const host = {
    list(_handle: number, restart: boolean) {
      if (restart) at = 0;
      told.asked += 1;
      const count = Math.min(BATCH, ENTRIES - at);
      return Array.from({ length: count }, () => ({ name: bytes(`f${at++}`), attributes: undefined }));
    },
    close() {},
  };
  const fs = { entriesKept: 0, now: () => 0, root: {} };
  const inode = { parent: {}, handles: new Set<number>(), ino: 7 };
  const listing = new HostListing(
    fs as unknown as HostFileSystem,
    host as unknown as HostDirectory,
    inode as unknown as HostInode,
    1,
  );
  return { listing, told };
}

test("a place far behind in a host's directory is reached in many calls, each of them bounded", () => {
  const { listing, told } = long();
  let calls = 0;
  const reach = (from: number) => {
    for (;;) {
      told.asked = 0;
      calls += 1;
      const found = listing.entries(from, 3);
      assert.ok(told.asked <= HOST_ENTRIES / BATCH + 2, `${told.asked} batches in one call`);
      if (found !== -EAGAIN) return found;
    }
  };
  const named = (number: number) => ({ name: bytes(`f${number}`), ino: 7, type: DT_UNKNOWN, next: number + 1 });
  assert.deepEqual(reach(150_000), [named(150_000), named(150_001), named(150_002)]);
  assert.ok(calls > 5);
  // Far back again, on from there, beyond the end, and from the beginning.
  assert.deepEqual(reach(100_000), [named(100_000), named(100_001), named(100_002)]);
  assert.deepEqual(reach(100_003), [named(100_003), named(100_004), named(100_005)]);
  assert.deepEqual(reach(2 ** 52), []);
  assert.deepEqual(reach(0), [named(0), named(1), named(2)]);
});

test("a directory that the caller lists in pieces is opened once, and closed at the end", () => {
  const { clock } = new SimulatedHost();
  const fs = new MemoryFileSystem({ dev: 1, clock });
  const mounts = new MountTable(fs);
  const owner = { uid: 0, gid: 0 };
  const count = 3 * LIST_ENTRIES + 5;
  for (let i = 0; i < count; i++) assert.ok(typeof fs.create(fs.root, bytes(`f${i}`), 0o100644, owner) === "object");
  let [opened, open] = [0, 0];
  const original = fs.open.bind(fs);
  fs.open = (...args) => {
    const file = original(...args);
    if (typeof file === "number") return file;
    opened += 1;
    open += 1;
    const close = file.close.bind(file);
    file.close = () => {
      open -= 1;
      close();
    };
    return file;
  };
  const frames: UpFrame[] = [];
  const writer = { send: (frame: UpFrame) => frames.push(frame) } as unknown as FrameWriter;
  const context = { mounts, root: mounts.root, credentials: { uid: 0, gid: 0, groups: [] } };
  const requests = new FileRequests(context, writer, () => 0);
  const path = "/" as ByteString;
  const piece = (from: number) => {
    requests.begin(1, { op: "list", path, from });
    const frame = frames.pop();
    assert.ok(frame?.type === UP.FILE_REPLY && frame.payload.op === "list");
    return frame.payload;
  };
  const names = new Set<string>();
  let from = 0;
  do {
    const { entries, next } = piece(from);
    for (const { name } of entries) names.add(name);
    from = next;
  } while (from !== 0);
  assert.deepEqual([names.size, opened, open], [count, 1, 0]);
  // One that is given up in the middle is closed when another begins; a piece out of order is told all the same.
  const { next } = piece(0);
  assert.equal(piece(0).next, next);
  assert.equal(piece(2 * LIST_ENTRIES).entries.length, LIST_ENTRIES);
  assert.deepEqual([opened, open], [4, 1]);
});
