import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { cacheDirectory, cacheKey, ModuleCache, overlaps } from "../../src/sandbox/module-cache.ts";

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const value = new Uint8Array([1, 2, 3, 4, 5]);
const key = cacheKey("a".repeat(64), "build", "wasi-command");

function fresh(name: string): ModuleCache {
  return new ModuleCache(join(home, name, "modules"));
}

test("what was written is read back; the directory is the owner's alone", async () => {
  const cache = fresh("plain");
  assert.equal(await cache.read(key), undefined);
  await cache.write(key, value);
  assert.deepEqual(new Uint8Array((await cache.read(key)) ?? []), value);
  assert.equal(statSync(cache.directory).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(cache.directory), [`${key}.wasm`]);
  assert.equal(statSync(join(cache.directory, `${key}.wasm`)).mode & 0o777, 0o600);
});

test("every flipped byte is a miss, and the entry goes", async () => {
  const cache = fresh("flipped");
  await cache.write(key, value);
  const path = join(cache.directory, `${key}.wasm`);
  const whole = readFileSync(path);
  for (const at of [0, 20, whole.length - 1]) {
    const broken = Buffer.from(whole);
    broken[at] = (broken[at] ?? 0) ^ 1;
    writeFileSync(path, broken, { mode: 0o600 });
    assert.equal(await cache.read(key), undefined, `byte ${at}`);
    assert.deepEqual(readdirSync(cache.directory), []);
  }
  for (const length of [0, 10, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, length), { mode: 0o600 });
    assert.equal(await cache.read(key), undefined, `${length} bytes`);
  }
});

test("entries that others could have written, links and pipes are not read", async () => {
  const cache = fresh("foreign");
  await cache.write(key, value);
  const path = join(cache.directory, `${key}.wasm`);
  chmodSync(path, 0o620);
  assert.equal(await cache.read(key), undefined);
  chmodSync(path, 0o600);
  const elsewhere = join(home, "elsewhere.wasm");
  writeFileSync(elsewhere, readFileSync(path), { mode: 0o600 });
  rmSync(path);
  symlinkSync(elsewhere, path);
  assert.equal(await cache.read(key), undefined);
});

test("a directory that is open to others, a link, or cannot be made is not used", async () => {
  const open = join(home, "open");
  mkdirSync(open);
  chmodSync(open, 0o755);
  const cache = new ModuleCache(open);
  assert.match((await cache.problem()) ?? "", /open to others/);
  await cache.write(key, value);
  assert.deepEqual(readdirSync(open), []);
  const target = join(home, "target");
  mkdirSync(target, { mode: 0o700 });
  symlinkSync(target, join(home, "link"));
  assert.match((await new ModuleCache(join(home, "link")).problem()) ?? "", /no directory|EEXIST/);
  assert.ok((await new ModuleCache("/dev/null/x").problem()) !== undefined);
  assert.equal(await new ModuleCache("/dev/null/x").read(key), undefined);
});

test("a home where nothing can be made is found out, not tried for ever", { timeout: 5000 }, async () => {
  const cache = new ModuleCache("/proc/.cache/linden/modules");
  assert.match((await cache.problem()) ?? "", /ENOENT/);
  assert.equal(await cache.read("key"), undefined);
});

test("keys differ with module, build and entry", () => {
  const keys = [
    cacheKey("a".repeat(64), "1", "wasi-command"),
    cacheKey("b".repeat(64), "1", "wasi-command"),
    cacheKey("a".repeat(64), "2", "wasi-command"),
    cacheKey("a".repeat(64), "1", "ruby"),
  ];
  assert.equal(new Set(keys).size, 4);
});

test("the index knows a file until anything about it changes", async () => {
  const cache = fresh("index");
  const path = join(home, "module.wasm");
  writeFileSync(path, "one");
  const digest = "c".repeat(64);
  const found = async () => stat(path, { bigint: true });
  // Too young: a change within the clock's grain would show the same times.
  await cache.index(path, await found(), digest);
  assert.equal(await cache.indexed(path, await found()), undefined);
  const old = Object.assign(await found(), { ctimeMs: BigInt(Date.now() - 10_000) });
  await cache.index(path, old, digest);
  assert.equal(await cache.indexed(path, await found()), digest);
  utimesSync(path, 1, 1);
  assert.equal(await cache.indexed(path, await found()), undefined);
  assert.equal(await cache.indexed(`${path}x`, await found()), undefined);
});

test("XDG_CACHE_HOME counts when it is absolute", () => {
  assert.equal(cacheDirectory({ XDG_CACHE_HOME: "/c" }), "/c/linden/modules");
  assert.match(cacheDirectory({ XDG_CACHE_HOME: "c" }), /^\/.*\.cache\/linden\/modules$/);
});

test("overlaps: above, below, the same, through links, before it exists", async () => {
  const base = join(home, "over");
  mkdirSync(join(base, "cache"), { recursive: true });
  mkdirSync(join(base, "work"));
  symlinkSync(join(base, "cache"), join(base, "work", "link"));
  const cache = join(base, "cache", "linden", "modules");
  assert.equal(await overlaps(base, cache), true);
  assert.equal(await overlaps("/", cache), true);
  assert.equal(await overlaps(join(base, "work", "link"), cache), true);
  assert.equal(await overlaps(cache, cache), true);
  assert.equal(await overlaps(join(cache, "deeper"), cache), true);
  assert.equal(await overlaps(join(base, "work"), cache), false);
  assert.equal(await overlaps(join(base, "cac"), cache), false);
});
