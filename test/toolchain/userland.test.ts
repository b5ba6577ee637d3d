/** Recipes and the images in the cache, without building any. */
import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { builtImage } from "../../src/store/index.ts";
import { staleImage } from "../../src/toolchain/index.ts";
import { configureCache, readRecipe, recipeNames } from "../../src/toolchain/recipe.ts";

describe("recipes", () => {
  for (const name of recipeNames()) {
    test(name, () => {
      const { recipe, text } = readRecipe(name);
      assert.equal(recipe.name, name);
      // `linden image list` shows it.
      assert.match(recipe.description, /^\S.{2,70}$/);
      for (const { sha256, archive } of recipe.sources) {
        assert.match(sha256, /^[0-9a-f]{64}$/);
        assert.match(archive, /^[\w.+~-]+\.tar\.(gz|bz2|xz)$/);
      }
      for (const used of recipe.uses ?? []) assert.ok(recipeNames().includes(used), used);
      const targets = [...recipe.programs, ...(recipe.data ?? [])].map(({ to }) => to);
      for (const path of [
        ...targets,
        ...Object.keys(recipe.files ?? {}),
        ...Object.values(recipe.aliases ?? {}).flat(),
      ]) {
        assert.match(path, /^(bin|etc|usr)\/[\w./+[-]+$/);
        assert.ok(!path.includes(".."), path);
      }
      for (const to of Object.keys(recipe.aliases ?? {})) assert.ok(targets.includes(to), to);
      const known = ["cc", "cxx", "ar", "ranlib", "host", "cache", "jobs", ...(recipe.uses ?? [])];
      for (const [, word] of text.matchAll(/\{([\w.-]+)\}/g)) assert.ok(known.includes(word ?? ""), `{${word}}`);
    });
  }

  test("the answers to configure name no machine", () => {
    for (const line of configureCache().split("\n")) {
      assert.match(line, /^(#.*|[a-z]\w*=\$\{[a-z]\w*=('[^']*'|[\w-]*)\}|)$/);
      assert.doesNotMatch(line, /^ac_cv_(env|path|build|host)|\/(root|home|tmp|work|usr)\b/);
    }
  });
});

describe("the cache", () => {
  let root = "";
  before(() => {
    root = mkdtempSync(join(tmpdir(), "linden-userland-"));
    for (const [key, files] of Object.entries({
      "one-1": ["bin/a", "bin/b", "usr/bin/d"],
      "two-2": ["bin/b", "etc/c"],
    })) {
      for (const file of files) {
        mkdirSync(join(root, "userland", key, file, ".."), { recursive: true, mode: 0o700 });
        writeFileSync(join(root, "userland", key, file), key);
      }
    }
    symlinkSync("a", join(root, "userland/two-2/bin/d"));
    symlinkSync("one-1", join(root, "userland/zlib"));
    symlinkSync("two-2", join(root, "userland/lua"));
  });
  after(() => rmSync(root, { recursive: true }));

  test("several images lie over each other, the last on top", async () => {
    const directory = await builtImage("zlib,lua", root);
    assert.ok(directory);
    assert.deepEqual(readdirSync(join(directory, "bin")).sort(), ["a", "b", "d"]);
    assert.equal(readFileSync(join(directory, "bin/b"), "utf8"), "two-2");
    assert.equal(readFileSync(join(directory, "bin/a"), "utf8"), "one-1");
    assert.equal(readlinkSync(join(directory, "bin/d")), "a");
    assert.equal(
      readlinkSync(join(directory, "usr/bin/d")),
      "../../bin/d",
      "a program takes another's place where it lies",
    );
    assert.equal(await builtImage("zlib,lua", root), directory);
    assert.notEqual(await builtImage("lua,zlib", root), directory);
    assert.equal(await builtImage("zlib,dash", root), undefined);
    assert.equal(await builtImage("../userland/one-1", root), undefined);
    assert.equal(await builtImage("", root), undefined);
  });

  test("an image built from another recipe is out of date", async () => {
    assert.match((await staleImage("zlib", root)) ?? "", /recipe changed/);
    assert.equal(await staleImage("dash", root), undefined);
  });
});
