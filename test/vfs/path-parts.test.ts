import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EINVAL, ENAMETOOLONG, ENOENT } from "../../src/abi/errno.ts";
import { PathCache, type PathName } from "../../src/vfs/path-parts.ts";
import { bytes } from "../kernel/simulated.ts";

function list(first: PathName | undefined): PathName[] {
  const names: PathName[] = [];
  for (let at = first; at !== undefined; at = at.next) names.push(at);
  return names;
}

describe("PathCache", () => {
  it("takes paths apart, first and second time alike", () => {
    const cache = new PathCache();
    const expected: [string, string[], boolean, boolean][] = [
      ["a", ["a"], false, false],
      ["/", [], true, true],
      ["///", [], true, true],
      ["a//b/", ["a", "b"], false, true],
      ["/./../x", [".", "..", "x"], true, false],
      [`${"d/".repeat(300)}e`, [...new Array<string>(300).fill("d"), "e"], false, false],
    ];
    for (let time = 0; time < 2; time++) {
      for (const [path, names, absolute, trailingSlash] of expected) {
        const parts = cache.parts(bytes(path));
        assert.deepEqual([parts.path, parts.error, parts.absolute], [path, 0, absolute]);
        const found = list(parts.names);
        assert.deepEqual(
          found.map(({ name }) => name),
          names,
        );
        assert.deepEqual(
          found.map(({ slash }) => slash),
          names.map((_, i) => i < names.length - 1 || trailingSlash),
        );
      }
    }
  });

  it("says what is wrong with a path", () => {
    const cache = new PathCache();
    for (let time = 0; time < 2; time++) {
      assert.equal(cache.parts(bytes("")).error, -ENOENT);
      assert.equal(cache.parts(bytes("a\0b")).error, -EINVAL);
      assert.equal(cache.parts(bytes("x".repeat(4096))).error, -ENAMETOOLONG);
      assert.equal(cache.parts(bytes("x".repeat(4095))).error, 0);
    }
  });

  it("confuses no two paths that share a slot", () => {
    const cache = new PathCache();
    for (let i = 0; i < 5000; i++) {
      const path = `dir${i % 700}/file${i % 1300}.txt`;
      const names = list(cache.parts(bytes(path)).names).map(({ name }) => name);
      assert.deepEqual(names, path.split("/"));
    }
  });
});
