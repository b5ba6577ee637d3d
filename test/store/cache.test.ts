/** The cache builds a thing once, shows nothing half built, and takes over from a process that died. */
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { cached, cacheRoot } from "../../src/store/cache.ts";
import { StoreError } from "../../src/store/errors.ts";

let root: string;
beforeEach(() => {
  root = join(mkdtempSync(join(tmpdir(), "linden-cache-")), "linden");
});
afterEach(() => rmSync(join(root, ".."), { recursive: true }));

const write = (text: string) => async (directory: string) => {
  await setTimeout(20);
  writeFileSync(join(directory, "value"), text);
};

test("two that need the same at once get one", async () => {
  const [first, second] = await Promise.all([
    cached("kind", "key", write("one"), root),
    cached("kind", "key", write("two"), root),
  ]);
  assert.equal(first, second);
  assert.equal(await cached("kind", "key", write("three"), root), first);
  assert.notEqual(readFileSync(join(first, "value"), "utf8"), "three");
  assert.deepEqual(readdirSync(join(root, "kind")), ["key"]);
});

test("a build that fails leaves nothing, and the next one may try", async () => {
  await assert.rejects(
    cached("kind", "key", () => Promise.reject(new Error("no")), root),
    /no/,
  );
  assert.deepEqual(readdirSync(join(root, "kind")), []);
  await cached("kind", "key", write("yes"), root);
});

test("the lock of a process that died is taken over", async () => {
  mkdirSync(join(root, "kind"), { recursive: true, mode: 0o700 });
  // No process has this number: Linux's largest is 2^22.
  symlinkSync("99999999", join(root, "kind", ".key.lock"));
  await cached("kind", "key", write("yes"), root);
  assert.deepEqual(readdirSync(join(root, "kind")), ["key"]);
});

test("two that build because each removed the other's lock for a dead one's spoil nothing", async () => {
  const parts = (directory: string, from: number) => {
    for (let part = from; part < from + 5; part++) writeFileSync(join(directory, `${part}`), "part");
  };
  const built = await cached(
    "kind",
    "key",
    async (directory) => {
      parts(directory, 0);
      // Who looked at the dead one's lock before we removed it removes ours now.
      rmSync(join(root, "kind", ".key.lock"));
      const other = await cached("kind", "key", async (fresh) => parts(fresh, 0), root);
      assert.equal(readdirSync(other).length, 5);
      parts(directory, 5);
    },
    root,
  );
  assert.equal(readdirSync(built).length, 5, "the first that was whole is kept");
  assert.deepEqual(readdirSync(join(root, "kind")), ["key"]);
});

test("what a killed builder left half built goes with the next one, and nobody else's does", async () => {
  for (const left of [".key.aaaaaa", ".key.99999999.cccccc", ".other.bbbbbb", ".key.2.1.dddddd", "key-2"]) {
    mkdirSync(join(root, "kind", left, "deep"), { recursive: true, mode: 0o700 });
  }
  symlinkSync("99999999", join(root, "kind", ".key.lock"));
  await cached("kind", "key", write("yes"), root);
  assert.deepEqual(readdirSync(join(root, "kind")).sort(), [".key.2.1.dddddd", ".other.bbbbbb", "key", "key-2"]);
});

test("a cache that others can write is refused", async () => {
  mkdirSync(join(root, "kind"), { recursive: true });
  chmodSync(join(root, "kind"), 0o777);
  await assert.rejects(cached("kind", "key", write("x"), root), /nobody else can write/);
});

test("a cache that cannot be written is named, with what to do", async () => {
  writeFileSync(root, "no directory");
  await assert.rejects(
    cached("kind", "key", write("x"), root),
    (error) => error instanceof StoreError && error.message.includes(root) && /XDG_CACHE_HOME/.test(error.message),
  );
});

test("a home that is no absolute path is not taken for one", () => {
  const before = process.env.HOME;
  try {
    for (const home of ["", "relative"]) {
      process.env.HOME = home;
      assert.equal(cacheRoot({}), join(userInfo().homedir, ".cache/linden"));
    }
    process.env.HOME = "/some/where";
    assert.equal(cacheRoot({}), "/some/where/.cache/linden");
    assert.equal(cacheRoot({ XDG_CACHE_HOME: "relative" }), "/some/where/.cache/linden");
    assert.equal(cacheRoot({ XDG_CACHE_HOME: "/else" }), "/else/linden");
  } finally {
    if (before === undefined) delete process.env.HOME;
    else process.env.HOME = before;
  }
});
