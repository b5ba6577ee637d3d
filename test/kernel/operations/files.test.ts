import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EACCES,
  EBADF,
  EEXIST,
  EFAULT,
  EFBIG,
  EINVAL,
  EISDIR,
  EMFILE,
  ENOENT,
  ENOTDIR,
  EXDEV,
} from "../../../src/abi/errno.ts";
import {
  AT_FDCWD,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from "../../../src/abi/fcntl.ts";
import { DT_DIR, DT_REG, S_IFCHR, S_IFMT } from "../../../src/abi/stat.ts";
import { DeviceFileSystem } from "../../../src/fs/devfs/devfs.ts";
import { MemoryFileSystem } from "../../../src/fs/memfs/memfs.ts";
import { ProcFileSystem } from "../../../src/fs/procfs/procfs.ts";
import { BLOCKED } from "../../../src/kernel/contracts.ts";
import { OpenDescription } from "../../../src/kernel/descriptors.ts";
import * as files from "../../../src/kernel/operations/files.ts";
import * as io from "../../../src/kernel/operations/io.ts";
import * as names from "../../../src/kernel/operations/names.ts";
import { OutputStream } from "../../../src/kernel/streams.ts";
import { emptyStat } from "../../../src/vfs/contracts.ts";
import { BENEATH, FOLLOW, walk } from "../../../src/vfs/walk.ts";
import { bytes, MEMORY, machine, putText, SimulatedHost, Sink, spawn, textAt, vector } from "../simulated.ts";

function system() {
  const { clock } = new SimulatedHost();
  const made = machine({ descriptors: 64 }, new MemoryFileSystem({ dev: 1, clock }));
  const sink = new Sink();
  const output = new OutputStream(made.kernel, sink, { terminal: false });
  const one = spawn(made, { descriptors: [undefined, new OpenDescription(output, undefined, O_WRONLY)] });
  const open = (path: string, flags: number, mode = 0o666) =>
    files.openAt(one.thread, AT_FDCWD, bytes(path), flags, mode, FOLLOW);
  const put = (fd: number, text: string) => {
    putText(one, 0, text);
    return io.write(one.thread, fd, vector([0, text.length]));
  };
  const get = (fd: number, length: number) => {
    const moved = io.read(one.thread, fd, vector([5000, length]));
    return moved < 0 ? moved : textAt(one, 5000, moved);
  };
  return { ...one, made, clock, sink, open, put, get };
}

test("open, write, seek, read; the umask is taken from the mode", () => {
  const { thread, open, put, get } = system();
  assert.equal(open("f", O_RDWR), -ENOENT);
  const fd = open("f", O_RDWR | O_CREAT, 0o666);
  assert.equal(fd, 0);
  assert.equal(put(fd, "hello"), 5);
  assert.equal(get(fd, 9), "");
  assert.equal(io.seek(thread, fd, 1, SEEK_SET), 1);
  assert.equal(get(fd, 9), "ello");
  assert.equal(io.seek(thread, fd, -2, SEEK_CUR), 3);
  assert.equal(io.seek(thread, fd, 2, SEEK_END), 7);
  assert.equal(put(fd, "!"), 1);
  const stat = emptyStat();
  assert.equal(files.statFd(thread, fd, stat), 0);
  assert.equal(stat.mode & 0o777, 0o644);
  assert.equal(stat.size, 8);
  assert.equal(open("f", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
  const place = open("f", O_PATH);
  assert.ok(place > 0);
  assert.equal(io.read(thread, place, vector([0, 1])), -EBADF);
});

test("access modes: the wrong direction is EBADF", () => {
  const { thread, open, put, get } = system();
  const w = open("f", O_WRONLY | O_CREAT);
  const r = open("f", O_RDONLY);
  assert.equal(get(w, 1), -EBADF);
  assert.equal(put(r, "x"), -EBADF);
  assert.equal(io.pwrite(thread, r, vector([0, 1]), 0), -EBADF);
  assert.equal(io.pread(thread, w, vector([0, 1]), 0), -EBADF);
  assert.equal(io.allocate(thread, r, 0, 10), -EBADF);
  assert.equal(files.truncateFd(thread, r, 0), -EINVAL);
  assert.equal(files.truncateFd(thread, w, 100), 0);
  assert.equal(io.seek(thread, r, 0, SEEK_END), 100);
});

test("O_APPEND writes at the end and leaves the offset there, for pwrite too", () => {
  const { thread, open, put, get } = system();
  const fd = open("f", O_RDWR | O_CREAT | O_APPEND);
  const other = open("f", O_WRONLY);
  put(other, "12345678");
  assert.equal(put(fd, "ab"), 2);
  assert.equal(io.seek(thread, fd, 0, SEEK_CUR), 10);
  assert.equal(io.pwrite(thread, fd, vector([0, 1]), 0), 1);
  assert.equal(io.seek(thread, fd, 0, SEEK_CUR), 10);
  assert.equal(io.seek(thread, fd, 0, SEEK_SET), 0);
  assert.equal(get(fd, 99), "12345678aba");
  assert.equal(files.setStatusFlags(thread, fd, 0), 0);
  io.seek(thread, fd, 0, SEEK_SET);
  put(fd, "X");
  assert.equal(files.getStatusFlags(thread, fd), O_RDWR);
  assert.equal(files.setStatusFlags(thread, fd, O_APPEND | O_NONBLOCK | O_WRONLY | O_TRUNC), 0);
  assert.equal(files.getStatusFlags(thread, fd), O_RDWR | O_APPEND | O_NONBLOCK);
  io.seek(thread, fd, 0, SEEK_SET);
  assert.equal(get(fd, 99), "X2345678aba");
});

test("duplicates share the offset, other opens do not", () => {
  const { thread, open, put, get } = system();
  const fd = open("f", O_RDWR | O_CREAT);
  put(fd, "abcdef");
  const copy = io.duplicate(thread, fd, 10, true);
  assert.equal(copy, 10);
  io.seek(thread, copy, 2, SEEK_SET);
  assert.equal(get(fd, 2), "cd");
  assert.equal(get(copy, 9), "ef");
  assert.equal(get(open("f", O_RDONLY), 2), "ab");
  assert.equal(thread.process.descriptors.get(copy)?.closeOnExec, true);
  io.close(thread, fd);
  io.seek(thread, copy, 0, SEEK_SET);
  assert.equal(get(copy, 1), "a");
  assert.equal(io.duplicate(thread, copy, 64, false), -EINVAL);
  assert.equal(io.duplicate(thread, 50, 0, false), -EBADF);
});

test("an unlinked file lives on while it is open", () => {
  const { thread, open, put, get } = system();
  const fd = open("f", O_RDWR | O_CREAT);
  put(fd, "still here");
  assert.equal(names.unlinkAt(thread, AT_FDCWD, bytes("f"), 0), 0);
  assert.equal(open("f", O_RDONLY), -ENOENT);
  io.seek(thread, fd, 0, SEEK_SET);
  assert.equal(get(fd, 20), "still here");
});

test("EMFILE comes before the file is made", () => {
  const { thread, open } = system();
  let last = 0;
  for (let i = 0; i < 200 && last >= 0; i++) last = open(`f${i}`, O_WRONLY | O_CREAT);
  assert.equal(last, -EMFILE);
  const stat = emptyStat();
  assert.equal(files.statAt(thread, AT_FDCWD, bytes("f62"), 0, stat), 0);
  assert.equal(files.statAt(thread, AT_FDCWD, bytes("f63"), 0, stat), -ENOENT);
});

test("where a path starts: AT_FDCWD, a directory, EBADF, ENOTDIR, absolute, BENEATH", () => {
  const { thread, open } = system();
  assert.equal(names.makeDirectoryAt(thread, AT_FDCWD, bytes("d"), 0o777, 0), 0);
  const directory = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const file = files.openAt(thread, directory, bytes("f"), O_WRONLY | O_CREAT, 0o600, 0);
  assert.ok(file > 0);
  const stat = emptyStat();
  const statAt = (fd: number, path: string, walkFlags: number) =>
    files.statAt(thread, fd, bytes(path), walkFlags, stat);
  assert.equal(statAt(AT_FDCWD, "/d/f", 0), 0);
  assert.equal(statAt(directory, "f", BENEATH), 0);
  assert.equal(statAt(file, "f", 0), -ENOTDIR);
  assert.equal(statAt(1, "f", 0), -ENOTDIR);
  assert.equal(statAt(33, "f", 0), -EBADF);
  assert.equal(statAt(33, "/d/f", 0), 0);
  assert.equal(statAt(33, "/d/f", BENEATH), -EBADF);
  assert.equal(statAt(directory, "/d/f", BENEATH), -EXDEV);
  assert.equal(statAt(directory, "../d/f", BENEATH), -EXDEV);
  assert.equal(statAt(directory, "../d/f", 0), 0);
  assert.equal(statAt(directory, "f\0g", 0), -EINVAL);
});

test("names: link, symlink, readlink, rename, rmdir", () => {
  const { thread, open, put, get } = system();
  put(open("a", O_WRONLY | O_CREAT), "data");
  const at = AT_FDCWD;
  assert.equal(names.linkAt(thread, at, bytes("a"), 0, at, bytes("b"), 0), 0);
  assert.equal(names.makeSymlinkAt(thread, bytes("b"), at, bytes("s"), 0), 0);
  assert.equal(names.readlinkAt(thread, at, bytes("s"), 0), "b");
  assert.equal(names.readlinkAt(thread, at, bytes("a"), 0), -EINVAL);
  assert.equal(get(open("s", O_RDONLY), 9), "data");
  assert.equal(names.renameAt(thread, at, bytes("b"), at, bytes("c"), 0, 0), 0);
  assert.equal(open("s", O_RDONLY), -ENOENT);
  names.makeDirectoryAt(thread, at, bytes("d"), 0o777, 0);
  assert.equal(names.unlinkAt(thread, at, bytes("d"), 0), -EISDIR);
  assert.equal(names.removeDirectoryAt(thread, at, bytes("d"), 0), 0);
  assert.equal(names.removeDirectoryAt(thread, at, bytes("c"), 0), -ENOTDIR);
});

test("directories are read by cookies, dots first, and cannot be read as files", () => {
  const { thread, open, get } = system();
  names.makeDirectoryAt(thread, AT_FDCWD, bytes("d"), 0o777, 0);
  const wanted = new Set([".", ".."]);
  for (let i = 0; i < 20; i++) {
    wanted.add(`f${i}`);
    io.close(thread, open(`d/f${i}`, O_WRONLY | O_CREAT));
  }
  const fd = open("d", O_RDONLY | O_DIRECTORY);
  for (const step of [1, 2, 3, 1024, 1e9]) {
    const seen: string[] = [];
    let cookie = 0;
    for (;;) {
      const entries = files.readDirectory(thread, fd, cookie, step);
      assert.ok(typeof entries === "object");
      assert.ok(entries.length <= step);
      if (entries.length === 0) break;
      for (const entry of entries) {
        assert.ok(entry.next > cookie);
        cookie = entry.next;
        assert.equal(entry.type, entry.name.startsWith(".") ? DT_DIR : DT_REG);
        seen.push(entry.name);
      }
    }
    assert.equal(seen.length, wanted.size);
    assert.deepEqual(new Set(seen), wanted);
  }
  assert.equal(get(fd, 1), -EISDIR);
  assert.equal(io.read(thread, fd, vector()), -EISDIR);
  assert.equal(files.readDirectory(thread, fd, -1, 5), -EINVAL);
  assert.equal(files.readDirectory(thread, open("d/f1", O_RDONLY), 0, 5), -ENOTDIR);
  assert.equal(files.readDirectory(thread, 60, 0, 5), -EBADF);
});

test("a directory's dots carry its own and its parent's number", () => {
  const { thread, open } = system();
  names.makeDirectoryAt(thread, AT_FDCWD, bytes("d"), 0o777, 0);
  names.makeDirectoryAt(thread, AT_FDCWD, bytes("d/e"), 0o777, 0);
  const stat = emptyStat();
  const inoOf = (path: string) => {
    files.statAt(thread, AT_FDCWD, bytes(path), 0, stat);
    return stat.ino;
  };
  const entries = files.readDirectory(thread, open("d/e", O_RDONLY), 0, 2);
  assert.ok(typeof entries === "object");
  assert.deepEqual(
    entries.map(({ ino }) => ino),
    [inoOf("d/e"), inoOf("d")],
  );
});

test("/dev/stdout is the process's own standard output", () => {
  const { thread, made, clock, sink, open, put } = system();
  names.makeDirectoryAt(thread, AT_FDCWD, bytes("dev"), 0o755, 0);
  const at = walk(thread.process, made.kernel.mounts.root, bytes("dev"), FOLLOW);
  assert.ok(typeof at === "object");
  made.kernel.mounts.mount(at, new DeviceFileSystem({ dev: 2, clock, random: () => {} }));
  names.makeDirectoryAt(thread, AT_FDCWD, bytes("proc"), 0o755, 0);
  const proc = walk(thread.process, made.kernel.mounts.root, bytes("proc"), FOLLOW);
  assert.ok(typeof proc === "object");
  made.kernel.mounts.mount(proc, new ProcFileSystem(3, () => made.kernel.facts));
  const fd = open("/dev/stdout", O_WRONLY);
  assert.ok(fd >= 0);
  assert.equal(put(fd, "to stdout"), 9);
  assert.equal(sink.text, "to stdout");
  const [again, first] = [fd, 1].map((number) => thread.process.descriptors.get(number)?.description);
  assert.ok(again?.file === first?.file && again !== first, "another description of the same stream");
  assert.equal(open("/dev/stdout", O_RDONLY), -EACCES);
  assert.equal(open("/dev/stdin", O_RDONLY), fd === 0 ? -EACCES : -ENOENT);
  const stat = emptyStat();
  files.statAt(thread, AT_FDCWD, bytes("/dev/null"), 0, stat);
  assert.equal(stat.mode & S_IFMT, S_IFCHR);
});

test("vectors: several ranges, the short end, ranges outside, one transfer at most", () => {
  const one = system();
  const { thread, open } = one;
  const fd = open("f", O_RDWR | O_CREAT);
  putText(one, 0, "abcdef");
  assert.equal(io.write(thread, fd, vector([0, 2], [0, 0], [3, 3])), 5);
  assert.equal(io.pread(thread, fd, vector([100, 1], [200, 2], [300, 50]), 0), 5);
  assert.equal(textAt(one, 100, 1) + textAt(one, 200, 2) + textAt(one, 300, 2), "abdef");
  assert.equal(io.write(thread, fd, vector([MEMORY - 1, 2])), -EFAULT);
  assert.equal(io.pread(thread, fd, vector([MEMORY, 1]), 0), -EFAULT);
  assert.equal(io.pread(thread, fd, vector([0, 2], [MEMORY, 1]), 0), 2);
});

test("what is more than one handler moves follows in parts, and counts as one call", () => {
  const { made, thread, open, program, process } = system();
  const fd = open("f", O_RDWR | O_CREAT);
  const references = process.descriptors.get(fd)?.description.references;
  for (let i = 0; i < 900_000; i++) program.memory.bytes[i] = i % 251;
  assert.equal(io.pwrite(thread, fd, vector([0, 900_000], [0, 900_000], [MEMORY, 1]), 0), BLOCKED);
  made.host.run(made.kernel);
  assert.deepEqual(program.resumed, [1_800_000]);
  program.memory.bytes.fill(1);
  assert.equal(io.pread(thread, fd, vector([0, 1_900_000]), 0), BLOCKED);
  // Others had their turn meanwhile: one of them made the file shorter.
  assert.equal(files.truncateFd(thread, fd, 1_500_000), 0);
  made.host.run(made.kernel);
  assert.deepEqual(program.resumed, [1_800_000, 1_500_000]);
  const wrong = program.memory.bytes.subarray(0, 1_500_000).findIndex((byte, i) => byte !== (i % 900_000) % 251);
  assert.equal(wrong, -1);
  assert.equal(process.descriptors.get(fd)?.description.references, references);
});

test("positions: negative is EINVAL, beyond what a file can hold EFBIG or EINVAL", () => {
  const { thread, open } = system();
  const fd = open("f", O_RDWR | O_CREAT);
  const one = vector([0, 1]);
  assert.equal(io.pread(thread, fd, one, -1), -EINVAL);
  assert.equal(io.pwrite(thread, fd, one, -1), -EINVAL);
  assert.equal(io.pwrite(thread, fd, one, 2 ** 53 - 1), -EFBIG);
  assert.equal(io.pwrite(thread, fd, one, 2 ** 53), -EINVAL);
  assert.equal(io.seek(thread, fd, 2 ** 53, SEEK_SET), -EINVAL);
  assert.equal(io.seek(thread, fd, -1, SEEK_SET), -EINVAL);
  assert.equal(io.seek(thread, fd, 0, 9), -EINVAL);
  assert.equal(io.seek(thread, fd, 2 ** 53 - 1, SEEK_SET), 2 ** 53 - 1);
  assert.equal(io.seek(thread, fd, 1, SEEK_CUR), -EINVAL);
  assert.equal(io.write(thread, fd, one), -EFBIG);
  assert.equal(io.read(thread, fd, one), 0);
  assert.equal(io.allocate(thread, fd, 0, 0), -EINVAL);
  assert.equal(io.allocate(thread, fd, -1, 5), -EINVAL);
  assert.equal(io.allocate(thread, fd, 2 ** 52, 2 ** 53), -EFBIG);
  assert.equal(io.allocate(thread, fd, 0, 5000), 0);
  assert.equal(io.seek(thread, fd, 0, SEEK_END), 5000);
});

test("times can be set by number and by path", () => {
  const { thread, open } = system();
  const fd = open("f", O_RDONLY | O_CREAT);
  const stat = emptyStat();
  const mtime = { seconds: 5, nanoseconds: 6 };
  assert.equal(files.setTimesFd(thread, fd, { mtime }), 0);
  files.statFd(thread, fd, stat);
  assert.deepEqual([stat.mtimeSeconds, stat.mtimeNanoseconds], [5, 6]);
  assert.equal(files.setAttributesAt(thread, AT_FDCWD, bytes("f"), 0, { atime: mtime }), 0);
  files.statFd(thread, fd, stat);
  assert.equal(stat.atimeSeconds, 5);
  assert.equal(files.setTimesFd(thread, 1, { mtime }), 0);
  files.statFd(thread, 1, stat);
  assert.equal(stat.mtimeSeconds, 5);
  assert.equal(files.setTimesFd(thread, 60, { mtime }), -EBADF);
});

test("renumber moves a file over another", () => {
  const { thread, open, put, get } = system();
  const a = open("a", O_RDWR | O_CREAT);
  const b = open("b", O_RDWR | O_CREAT);
  put(a, "in a");
  assert.equal(io.renumber(thread, a, b), 0);
  assert.equal(io.close(thread, a), -EBADF);
  io.seek(thread, b, 0, SEEK_SET);
  assert.equal(get(b, 9), "in a");
  assert.equal(io.renumber(thread, b, 40), -EBADF);
});

test("sync is done by the file", () => {
  const { thread, open } = system();
  assert.equal(io.sync(thread, open("f", O_WRONLY | O_CREAT), true), 0);
  assert.equal(io.sync(thread, 1, false), -EINVAL);
  assert.equal(io.sync(thread, 63, false), -EBADF);
});
