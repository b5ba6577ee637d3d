import assert from "node:assert/strict";
import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { callNumbers } from "../../src/host/call-numbers.ts";
import { callNumber, fixedBytes, namedCall, pathBytes, rawCall } from "../../src/host/calls.unsafe.ts";
import {
  memoryFile,
  openPath,
  pipe,
  resizePipe,
  sealMemoryFile,
  socketPair,
} from "../../src/host/descriptors.unsafe.ts";
import * as host from "../../src/host/process.unsafe.ts";

const EBADF = -9;
const ENOENT = -2;
const EPERM = -1;

test("a call answers its result, or the negative error number of the same thread", () => {
  assert.equal(namedCall("getpid"), process.pid);
  assert.equal(namedCall("close", 99_999), EBADF);
  assert.equal(namedCall("openat", -100, pathBytes("/nonexistent/file"), 0, 0), ENOENT);
  assert.equal(rawCall(callNumber("getppid")), process.ppid);
  assert.throws(() => callNumber("constructor"), /no system call "constructor"/);
});

test("error numbers survive allocation and are each thread's own", async () => {
  const source = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData).then(({ namedCall }) => {
      for (let i = 0; i < 20000; i++) if (namedCall("close", 99999) !== -9) throw new Error("clobbered");
      parentPort.postMessage("done");
    });`;
  const workerData = new URL("../../src/host/calls.unsafe.ts", import.meta.url).href;
  const worker = new Worker(source, { eval: true, workerData });
  const done = new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  let junk: object[] = [];
  for (let index = 0; index < 20_000; index++) {
    assert.equal(namedCall("openat", -100, pathBytes("/nonexistent"), 0, 0), ENOENT);
    junk.push({ index });
    if (junk.length > 1000) junk = [];
  }
  assert.equal(await done, "done");
});

test("a path with a NUL is refused before the kernel cuts it short", () => {
  assert.throws(() => pathBytes("/etc/passwd\0.txt"), /NUL/);
});

test("shared memory is never handed to the kernel", () => {
  assert.throws(() => rawCall(callNumber("getpid"), new Uint8Array(new SharedArrayBuffer(8))), /shared/);
});

test("pipes and socket pairs carry bytes, and are closed on exec", () => {
  for (const made of [pipe(), socketPair()]) {
    if (typeof made === "number") assert.fail(`error ${made}`);
    writeSync(made.second, "hello");
    const bytes = Buffer.alloc(8);
    assert.equal(readSync(made.first, bytes), 5);
    assert.equal(namedCall("fcntl", made.first, 1), 1, "FD_CLOEXEC");
    assert.equal(namedCall("fcntl", made.second, 1), 1, "FD_CLOEXEC");
    closeSync(made.first);
    closeSync(made.second);
  }
});

test("a pipe can be made larger", () => {
  const made = pipe();
  if (typeof made === "number") assert.fail(`error ${made}`);
  assert.equal(resizePipe(made.first, 131_072), 131_072);
  closeSync(made.first);
  closeSync(made.second);
});

test("a path descriptor names a file without opening it", () => {
  const descriptor = openPath("/etc/passwd");
  assert.ok(descriptor >= 0);
  assert.ok(fstatSync(descriptor).isFile());
  assert.throws(() => readSync(descriptor, Buffer.alloc(1)), /EBADF/);
  closeSync(descriptor);
  assert.equal(openPath("/nonexistent"), ENOENT);
});

test("a sealed memory file cannot be changed", () => {
  const file = memoryFile("sealed");
  assert.ok(file >= 0);
  writeSync(file, "fixed");
  assert.equal(sealMemoryFile(file), 0);
  assert.throws(() => writeSync(file, "x", 0), /EPERM/);
  assert.equal(namedCall("ftruncate", file, 0), EPERM);
  closeSync(file);
});

test("resource limits are read and set", () => {
  const before = host.resourceLimit(host.RLIMIT.CORE);
  if (typeof before === "number") assert.fail(`error ${before}`);
  assert.equal(host.setResourceLimit(host.RLIMIT.CORE, 0n, before.hard), 0);
  assert.deepEqual(host.resourceLimit(host.RLIMIT.CORE), { soft: 0n, hard: before.hard });
  assert.equal(host.setResourceLimit(host.RLIMIT.CORE, before.soft, before.hard), 0);
});

test("the call tables agree with what everyone knows", () => {
  const x64 = callNumbers("x64");
  const arm64 = callNumbers("arm64");
  for (const [name, x, arm] of [
    ["read", 0, 63],
    ["write", 1, 64],
    ["exit_group", 231, 94],
    ["openat", 257, 56],
    ["seccomp", 317, 277],
    ["io_uring_setup", 425, 425],
    ["landlock_restrict_self", 446, 446],
  ] as const) {
    assert.equal(x64.get(name), x, name);
    assert.equal(arm64.get(name), arm, name);
  }
  assert.equal(new Set(x64.values()).size, x64.size, "no number twice");
  assert.ok(!arm64.has("open"));
  const buffer = fixedBytes(4);
  assert.equal(buffer.buffer.byteLength, 4);
});
