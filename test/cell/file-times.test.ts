/** Times of files, which guests may set to anything: what the caller is told is a date, and no fault of the cell's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FileRequests } from "../../src/cell/file-requests.ts";
import type { FrameWriter } from "../../src/cell/frame-writer.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import { UpDecoder } from "../../src/wire/decode.ts";
import { encodeUp } from "../../src/wire/encode.ts";
import type { UpFrame } from "../../src/wire/frames.ts";
import { bytes, SimulatedHost } from "../kernel/simulated.ts";

test("a file from any time has a date", () => {
  const fs = new MemoryFileSystem({ dev: 1, clock: new SimulatedHost().clock, bytes: 2 ** 20, inodes: 10 });
  const mounts = new MountTable(fs);
  const context = { mounts, root: mounts.root, credentials: { uid: 0, gid: 0, groups: [] } };
  const told: number[] = [];
  const caller = new UpDecoder(({ payload }) => {
    told.push(new Date((payload as { mtimeMs: number }).mtimeMs).getTime());
  });
  const writer = { send: (frame: UpFrame) => caller.push(encodeUp(frame)) } as unknown as FrameWriter;
  const requests = new FileRequests(context, writer, () => 0);
  const times = [0, -1, 8_640_000_000_000, 8_640_000_000_001, -8_640_000_000_001, 2 ** 53 - 1, 1 - 2 ** 53];
  for (const seconds of times) {
    assert.equal(fs.setattr(fs.root, { mtime: { seconds, nanoseconds: 0 } }), 0);
    requests.begin(1, { op: "stat", path: bytes("/"), follow: true });
  }
  assert.deepEqual(
    told,
    times.map((seconds) => Math.min(Math.max(seconds * 1000, -8.64e15), 8.64e15)),
  );
});
