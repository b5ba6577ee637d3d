import assert from "node:assert/strict";
import { test } from "node:test";
import * as linux from "../../src/abi/errno.ts";
import { ERRNO, EXDEV } from "../../src/abi/errno.ts";
import * as wasi from "../../src/abi/wasi-errno.ts";
import { wasiErrno, wasiPathErrno } from "../../src/wasi/errno.ts";

test("the numbers are the specification's", () => {
  const { ERRNO_BADF, ERRNO_INVAL, ERRNO_NOENT, ERRNO_NOTCAPABLE, ERRNO_NOTSUP, ERRNO_SUCCESS, ERRNO_XDEV } = wasi;
  assert.deepEqual(
    [ERRNO_SUCCESS, ERRNO_BADF, ERRNO_INVAL, ERRNO_NOENT, ERRNO_NOTSUP, ERRNO_XDEV, ERRNO_NOTCAPABLE],
    [0, 8, 28, 44, 58, 75, 76],
  );
  assert.equal(Object.keys(wasi).length, 77);
});

test("an error of the same name keeps its name", () => {
  const words = new Map(Object.entries(wasi).map(([name, number]) => [name.replace("ERRNO_", "E"), number]));
  let shared = 0;
  for (const [number, { name }] of ERRNO) {
    const word = words.get(name);
    if (word === undefined) continue;
    assert.equal(wasiErrno(-number), word, name);
    shared += 1;
  }
  assert.ok(shared >= 73, `${shared} names are shared`);
});

test("an error without a word of its own becomes its neighbour, and one without a neighbour IO", () => {
  assert.equal(wasiErrno(-linux.EOPNOTSUPP), wasi.ERRNO_NOTSUP);
  assert.equal(wasiErrno(-linux.EDEADLOCK), wasi.ERRNO_DEADLK);
  assert.equal(wasiErrno(-linux.ESHUTDOWN), wasi.ERRNO_PIPE);
  assert.equal(wasiErrno(-linux.EUCLEAN), wasi.ERRNO_IO);
  assert.equal(wasiErrno(-4000), wasi.ERRNO_IO);
});

test("a result is SUCCESS, and leaving a descriptor is NOTCAPABLE", () => {
  assert.equal(wasiErrno(0), 0);
  assert.equal(wasiErrno(2 ** 53 - 1), 0);
  assert.equal(wasiErrno(-EXDEV), wasi.ERRNO_XDEV);
  assert.equal(wasiPathErrno(-EXDEV), wasi.ERRNO_NOTCAPABLE);
  assert.equal(wasiPathErrno(-linux.ENOENT), wasi.ERRNO_NOENT);
});
