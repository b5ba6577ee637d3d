import assert from "node:assert/strict";
import { describe, it } from "node:test";
import hostExecution from "../../policies/host-execution.json" with { type: "json" };
import type { ByteString } from "../../src/abi/byte-string.ts";
import { ExecutionGuard, type GuardRule } from "../../src/fileserver/guard.ts";

const rules: readonly GuardRule[] = hostExecution.rules;
const guard = new ExecutionGuard(rules, new Set(), []);
const bytes = (text: string) => text as ByteString;

function refuses(path: string): boolean {
  return guard.forbids(bytes(path)) !== undefined;
}

describe("the rules of what the host executes", () => {
  it("are data with names, patterns and reasons", () => {
    assert.equal(new Set(rules.map((rule) => rule.name)).size, rules.length);
    for (const rule of rules) {
      assert.match(rule.name, /^[a-z]+(-[a-z]+)*$/);
      assert.ok(rule.why.length > 20, rule.name);
      assert.ok(rule.patterns.length > 0, rule.name);
    }
  });

  it("hold for every pattern of theirs, at the top and deep below, and for no neighbour", () => {
    for (const { name, patterns, matchCase } of rules) {
      for (const pattern of patterns) {
        const sample = pattern.replace("/**/", "/some/where/").replace("*.", "some.");
        const path = sample.replace(/\/\*\*$/, "/file");
        assert.ok(refuses(path), `${name}: ${path}`);
        assert.ok(refuses(`deep/er/${path}`), `${name}: deep ${path}`);
        assert.equal(refuses(path.toUpperCase()), matchCase !== true || path === path.toUpperCase(), path);
        if (pattern.endsWith("/**")) assert.ok(refuses(sample.replace(/\/\*\*$/, "")), `${name}: ${pattern} itself`);
        assert.ok(!refuses(`x${path.replaceAll("/", "_")}y`), `${name}: neighbour of ${path}`);
      }
    }
  });

  it("leave git's own work alone", () => {
    const free = [
      ".git/index",
      ".git/index.lock",
      ".git/HEAD",
      ".git/refs/heads/config",
      ".git/refs/heads/hooks/x",
      ".git/logs/HEAD",
      ".git/objects/ab/cdef",
      ".git/modules/sub/HEAD",
      ".gitignore",
      ".gitattributes",
      "head",
      "src/profile",
      "config",
      "hooks/pre-commit",
    ];
    for (const path of free) assert.ok(!refuses(path), path);
  });

  it("see through case folding and characters that case-insensitive directories ignore", () => {
    const tricks = [
      ".GIT/Hooks/pre-commit",
      ".g\xe2\x80\x8cit/hooks/x",
      ".git/hoo\xe2\x84\xaas/x",
      ".ba\xc5\xbfhrc",
      "\xef\xbb\xbf.bashrc",
      ".git\xc2\xad",
      ".VSCODE/tasks.json",
    ];
    for (const path of tricks) assert.ok(refuses(path), JSON.stringify(path));
    // Full case folding, and whatever else Unicode calls ignorable: fs/unicode of Linux takes both (mkutf8data.c).
    const texts = [
      ".ßh/authorized_keys",
      ".ẞH/rc",
      ".gitconﬁg",
      ".proﬁle",
      ".conﬁg/ﬁsh/x",
      ".xseẞion",
      ".config/syﬆemd/a",
    ];
    for (const ignorable of [
      0x61c, 0x115f, 0x17b4, 0x180f, 0x3164, 0xffa0, 0xfff0, 0x1bca0, 0x1d173, 0xe0001, 0xe0fff,
    ]) {
      texts.push(`.g${String.fromCodePoint(ignorable)}it/hooks/x`);
    }
    for (const text of texts) {
      const path = Buffer.from(text).toString("latin1");
      assert.ok(refuses(path), text);
    }
    // The short names of FAT and NTFS, and the dots FAT drops.
    const short = [
      "GIT~1/hooks/x",
      "git~2",
      "sub/GITCON~1",
      "BASHRC~1",
      "BASH_P~1",
      "VSCODE~1/tasks.json",
      "GI1A2F~1/config",
    ];
    for (const path of [...short, ".git./hooks/x", ".bashrc..."]) assert.ok(refuses(path), path);
    for (const path of ["draft~1", "a~", "git~", "git~1x", "git~1.c", "~1", ".../x", "notes.txt~1"])
      assert.ok(!refuses(path), path);
    // What is no UTF-8 is no other spelling, and neither is what only looks alike.
    for (const path of [".g\xe3\x85it/hooks/x", Buffer.from(".gít/hooks/x").toString("latin1")]) {
      assert.ok(!refuses(path), JSON.stringify(path));
    }
  });

  it("are switched off by name, one by one", () => {
    const allowing = new ExecutionGuard(rules, new Set(["direnv"]), []);
    assert.equal(allowing.forbids(bytes(".envrc")), undefined);
    assert.equal(allowing.forbids(bytes(".bashrc")), "shell-start");
  });

  it("leave installed packages alone, which bring such files by the hundred, but not git's nor the shell's", () => {
    for (const name of [".vscode/launch.json", ".npmrc", ".envrc", ".husky/pre-commit"]) {
      assert.ok(refuses(name), name);
      assert.ok(!refuses(`node_modules/some/${name}`), name);
    }
    for (const name of [".git/hooks/x", ".git", ".bashrc", "HEAD"])
      assert.ok(refuses(`node_modules/some/${name}`), name);
  });

  it("count the names above the directory served", () => {
    const inside = new ExecutionGuard(rules, new Set(), ["home", "u", "repo", ".git"]);
    assert.equal(inside.forbids(bytes("hooks/pre-commit")), "git-hooks");
    assert.equal(inside.forbids(bytes("config")), "git-config");
    assert.equal(inside.forbids(bytes("index")), undefined);
  });
});

describe("symbolic links", () => {
  const refusesLink = (path: string, target: string) => guard.forbidsLink(bytes(path), bytes(target)) !== undefined;

  it("are refused where a guarded path would lead through them, or out of where a rule does not hold", () => {
    const bad = [
      [".git", "x"],
      [".cargo", "target/made"],
      ["a/.CONFIG", "x"],
      [".hg", "x"],
      [".git/modules/sub", "../../x"],
      [".bashrc", "x"],
      ["evil", "node_modules/evil"],
      ["evil", "./a/../Node_Modules"],
      ["bare", ".git/made-here"],
    ];
    for (const [path = "", target = ""] of bad) assert.ok(refusesLink(path, target), `${path} to ${target}`);
  });

  it("are free elsewhere", () => {
    const good = [
      ["a", "b"],
      ["config", "../.bashrc"],
      ["node_modules/.bin/tool", "../tool/cli.js"],
      ["node_modules/a", ".pnpm/a@1/node_modules/a"],
      ["node_modules", "../shared/node_modules"],
      ["node_modules/a/.vscode", "x"],
      [".git/RENAMED-REF", "refs/heads/main"],
    ];
    for (const [path = "", target = ""] of good) assert.ok(!refusesLink(path, target), `${path} to ${target}`);
  });
});

describe("moving directories", () => {
  const moves = (from: string, to: string) => guard.forbidsMove(bytes(from), bytes(to)) !== undefined;

  it("is refused where something below could become, or cease to be, what a rule means", () => {
    const bad = [
      ["x", ".git/hooks"],
      ["x", ".git/modules"],
      ["x", ".git/modules/sub"],
      ["x", ".config"],
      [".git", "x"],
      [".git/modules/sub", "x"],
      ["x", ".git"],
      ["x", "evil.git"],
      [".git/made-here", "bare"],
      [".git/refs", "bare"],
      ["node_modules/evil", "evil"],
      ["node_modules", "x"],
    ];
    for (const [from = "", to = ""] of bad) assert.ok(moves(from, to), `${from} to ${to}`);
  });

  it("is free elsewhere", () => {
    const good = [
      ["a", "b"],
      ["repo", "repo2"],
      [".git/objects/tmp", ".git/objects/new"],
      ["git", "config"],
      ["node_modules/.a-tmp", "node_modules/a"],
      ["x/node_modules", "y/node_modules"],
    ];
    for (const [from = "", to = ""] of good) assert.ok(!moves(from, to), `${from} to ${to}`);
  });
});
