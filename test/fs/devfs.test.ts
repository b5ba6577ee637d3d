import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EINVAL, EISDIR, ELOOP, ENOENT, ENOSPC, ENOTDIR, EPERM } from "../../src/abi/errno.ts";
import { POLLIN, POLLOUT } from "../../src/abi/poll.ts";
import { DT_CHR, DT_DIR, DT_LNK, S_IFCHR, S_IFDIR } from "../../src/abi/stat.ts";
import { DeviceFileSystem } from "../../src/fs/devfs/devfs.ts";
import { ManualClock } from "./clock.ts";
import { bytes, got, listAll, statOf } from "./contract.ts";

const asked: number[][] = [];
const fs = new DeviceFileSystem({
  dev: 9,
  clock: new ManualClock(),
  random: (into, at, length) => {
    asked.push([at, length]);
    into.fill(42, at, at + length);
  },
});
const find = (name: string) => got(fs.lookup(fs.root, bytes(name)));
const openDevice = (name: string) => got(fs.open(find(name)));

describe("devfs", () => {
  it("lists its devices with their numbers", () => {
    const devices = ["null", "zero", "full", "random", "urandom", "tty", "ptmx"];
    const directory = got(fs.open(fs.root));
    for (const limit of [1, 3, 100]) {
      const names = listAll(directory, limit).map((entry) => entry.name);
      assert.deepEqual(names, [...devices, "fd", "stdin", "stdout", "stderr", "shm", "pts"]);
    }
    for (const entry of listAll(directory)) {
      const type = devices.includes(entry.name) ? DT_CHR : ["shm", "pts"].includes(entry.name) ? DT_DIR : DT_LNK;
      assert.equal(entry.type, type);
      assert.equal(entry.ino, find(entry.name).ino);
    }
    const numbers = { null: 3, zero: 5, full: 7, random: 8, urandom: 9 };
    for (const [name, minor] of Object.entries(numbers)) {
      const stat = statOf(fs, find(name));
      assert.deepEqual([stat.rdev, stat.mode, stat.dev], [(1 << 8) | minor, S_IFCHR | 0o666, 9]);
    }
    assert.equal(statOf(fs, find("tty")).rdev, 5 << 8);
    assert.equal(statOf(fs, fs.root).mode, S_IFDIR | 0o755);
    assert.equal(fs.lookup(fs.root, bytes("sda")), -ENOENT);
    assert.equal(fs.lookup(find("null"), bytes("x")), -ENOTDIR);
    assert.equal(directory.read(0, new Uint8Array(1), 0, 1), -EISDIR);
  });

  it("reads and writes each as its manual page says", () => {
    const read = (name: string) => {
      const into = new Uint8Array(8).fill(7);
      return [openDevice(name).read(99, into, 2, 4), ...into];
    };
    assert.deepEqual(read("null"), [0, 7, 7, 7, 7, 7, 7, 7, 7]);
    for (const name of ["zero", "full"]) assert.deepEqual(read(name), [4, 7, 7, 0, 0, 0, 0, 7, 7]);
    for (const name of ["random", "urandom"]) assert.deepEqual(read(name), [4, 7, 7, 42, 42, 42, 42, 7, 7]);
    assert.deepEqual(asked, [
      [2, 4],
      [2, 4],
    ]);
    const data = new Uint8Array(8);
    for (const name of ["null", "zero", "random", "urandom"]) {
      assert.equal(openDevice(name).write(0, data, 0, 5), 5, name);
    }
    assert.equal(openDevice("full").write(0, data, 0, 5), -ENOSPC);
    assert.equal(openDevice("null").readiness(), POLLIN | POLLOUT);
    assert.equal(openDevice("null").entries(0, 1), -ENOTDIR);
    assert.equal(openDevice("null").sync(false), -EINVAL);
  });

  it("leads to what the process that asks has open, by links into /proc", () => {
    const targets = [
      ["fd", "/proc/self/fd"],
      ["stdin", "/proc/self/fd/0"],
      ["stdout", "/proc/self/fd/1"],
      ["stderr", "/proc/self/fd/2"],
    ] as const;
    for (const [name, target] of targets) {
      const link = find(name);
      assert.equal(fs.readlink(link), target);
      assert.equal(fs.open(link), -ELOOP);
      assert.deepEqual([statOf(fs, link).mode, statOf(fs, link).size], [0o120777, target.length]);
    }
    assert.equal(fs.readlink(find("null")), -EINVAL);
  });

  it("has a directory to mount shared memory on", () => {
    const shm = find("shm");
    assert.equal(statOf(fs, shm).mode, 0o040755);
    assert.equal(fs.lookup(shm, bytes("x")), -ENOENT);
  });

  it("does not change", () => {
    assert.equal(fs.create(), -EPERM);
    assert.equal(fs.unlink(), -EPERM);
    assert.equal(fs.rename(), -EPERM);
    assert.equal(fs.setattr(find("null"), { mode: 0o600 }), -EPERM);
    assert.equal(fs.setattr(find("null"), { size: 0 }), -EPERM);
    assert.equal(fs.setattr(find("null"), { mtime: { seconds: 1, nanoseconds: 0 } }), 0);
  });
});
