import assert from "node:assert/strict";
import { test } from "node:test";
import { ENOENT } from "../../src/abi/errno.ts";
import { AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR, O_TMPFILE, O_WRONLY } from "../../src/abi/fcntl.ts";
import { IN_MODIFY } from "../../src/abi/inotify.ts";
import { S_IFIFO } from "../../src/abi/stat.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { restoreSnapshot as restoreFiles, takeSnapshot as takeFiles } from "../../src/fs/memfs/snapshot.ts";
import { OverlayFileSystem } from "../../src/fs/overlayfs/overlayfs.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { changeDirectory } from "../../src/kernel/operations/directories.ts";
import { openAt } from "../../src/kernel/operations/files.ts";
import { addWatch, makeInotify } from "../../src/kernel/operations/inotify.ts";
import { pread, read, write } from "../../src/kernel/operations/io.ts";
import { lockFile } from "../../src/kernel/operations/locks.ts";
import { linkAt, makeNodeAt, unlinkAt } from "../../src/kernel/operations/names.ts";
import type { Thread } from "../../src/kernel/process.ts";
import { restoreSnapshot } from "../../src/kernel/snapshot/restoration.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import {
  bytes,
  IMAGE,
  machine,
  putText,
  type RecordingProgram,
  type Running,
  recording,
  SimulatedHost,
  spawn,
  textAt,
  threadOf,
  vector,
} from "./simulated.ts";

const owner = { uid: 0, gid: 0 };
const TEXT = 4096;

function got<T>(value: T | number): T {
  assert.ok(typeof value !== "number", `${value}`);
  return value;
}

/** "a", "b" and "d/c" below, each with its name as its text. */
function lowerLayer(): MemoryFileSystem {
  const fs = new MemoryFileSystem({ dev: 2, clock: new SimulatedHost().clock });
  const directory = got(fs.mkdir(fs.root, bytes("d"), 0o755, owner));
  for (const [above, name] of [
    [fs.root, "a"],
    [fs.root, "b"],
    [directory, "c"],
  ] as const) {
    const file = got(fs.open(got(fs.create(above, bytes(name), 0o644, owner)), O_RDWR));
    file.write(0, new TextEncoder().encode(`${name} below`), 0, 7);
    file.close();
  }
  return fs;
}

function open({ thread }: Running, path: string, flags: number): number {
  return openAt(thread, AT_FDCWD, bytes(path), flags, 0o644, 0);
}

function get(running: Running, fd: number): string | number {
  const moved = pread(running.thread, fd, vector([TEXT, 100]), 0);
  return moved < 0 ? moved : textAt(running, TEXT, moved);
}

function put(running: Running, fd: number, text: string): number {
  putText(running, TEXT, text);
  return write(running.thread, fd, vector([TEXT, text.length]));
}

test("a kernel over an overlay comes back with both layers, and open files of either", () => {
  const lower = lowerLayer();
  const upper = new MemoryFileSystem({ dev: 3, clock: new SimulatedHost().clock });
  const fs = new OverlayFileSystem(4, lower, upper);
  const made = machine({}, fs);
  const one = spawn(made);
  const untouched = open(one, "b", O_RDONLY);
  const before = open(one, "a", O_RDONLY);
  const changed = open(one, "a", O_WRONLY);
  assert.equal(put(one, changed, "A"), 1);
  const fresh = open(one, "fresh", O_RDWR | O_CREAT);
  put(one, fresh, "made above");
  const removed = open(one, "d/c", O_RDONLY);
  assert.equal(unlinkAt(one.thread, AT_FDCWD, bytes("d/c"), 0), 0);
  const unnamed = open(one, ".", O_RDWR | O_TMPFILE);
  put(one, unnamed, "nameless");
  makeNodeAt(one.thread, AT_FDCWD, bytes("d/p"), S_IFIFO, 0o600, 0);
  const fifo = open(one, "d/p", O_RDWR);
  put(one, fifo, "held");
  assert.equal(lockFile(one.thread, untouched, "exclusive", false), 0);
  const watcher = makeInotify(one.thread, true, false);
  addWatch(one.thread, watcher, bytes("b"), IN_MODIFY);
  assert.equal(changeDirectory(one.thread, bytes("d")), 0);

  const data = structuredClone({
    kernel: takeSnapshot(made.kernel),
    layers: fs.state(),
    lower: takeFiles(lower),
    upper: takeFiles(upper),
  });
  const host = new SimulatedHost();
  const [below, above] = [restoreFiles(data.lower, host.clock), restoreFiles(data.upper, host.clock)];
  const copy = new OverlayFileSystem(4, below.fs, above.fs);
  assert.ok(copy.restore(data.layers, below.inode, above.inode));
  const programs: RecordingProgram[] = [];
  const kernel: Kernel = restoreSnapshot(data.kernel, {
    host,
    mounts: new MountTable(copy),
    loader: recording(programs),
    inode: (_mount, ino) => copy.inode(ino, below.inode, above.inode),
    image: () => IMAGE,
    stream: () => assert.fail("there are no streams"),
  });
  for (const layer of [below, above]) layer.fs.releaseOrphans();
  const process = kernel.process(one.process.pid);
  const [program] = programs;
  assert.ok(process !== undefined && program !== undefined);
  const thread: Thread = threadOf(process);
  const again: Running = { process, program, thread };

  // "before" was opened before the copy was made, and is opened anew: it sees the copy, as it would have anywhere but in an overlay.
  assert.deepEqual(
    [untouched, before, fresh, removed, unnamed].map((fd) => get(again, fd)),
    ["b below", "A below", "made above", "c below", "nameless"],
  );
  assert.equal(textAt(again, TEXT, read(thread, fifo, vector([TEXT, 100]))), "held");
  // It stands in a directory of the lower layer, where a name is hidden.
  assert.equal(open(again, "c", O_RDONLY), -ENOENT);
  assert.equal(get(again, open(again, "../a", O_RDONLY)), "A below");
  assert.equal(linkAt(thread, unnamed, bytes(""), 0, AT_FDCWD, bytes("named"), 0), 0);
  // What nobody changed yet is copied up now. Who has the lower layer's open goes on reading that, as on Linux.
  assert.equal(put(again, open(again, "../b", O_WRONLY), "B"), 1);
  assert.equal(get(again, untouched), "b below");
  assert.equal(get(again, open(again, "../b", O_RDONLY)), "B below");
  assert.ok(read(thread, watcher, vector([TEXT, 100])) > 0);
  assert.deepEqual([...kernel.locks].length, 1);
  assert.deepEqual(takeFiles(below.fs), takeFiles(lower));
});
