/**
 * Two sandboxes with one writable mount: what each file server allows must not, put together, make what neither would. A racer does what
 * another file server would do for its guest, as fast as it can: move directories about where no rule is concerned.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { ENOENT, EPERM } from "../../src/abi/errno.ts";
import { emptyHostAttributes } from "../../src/fs/hostfs/host-directory.ts";
import { Served } from "./served.ts";

let served: Served;
let racer: ChildProcess | undefined;
const out = emptyHostAttributes();
const bytes = (text: string) => text as ByteString;
const host = (...names: string[]) => join(served.path, ...names);

beforeEach(() => {
  served = new Served();
});
afterEach(() => {
  racer?.kill("SIGKILL");
  racer = undefined;
  served.dispose();
});

/** Everything stands in node_modules, where such names are free; "x" is by turns a file, a directory and a link. */
const RACER = `
const fs = require("node:fs");
process.chdir(process.argv[1] + "/node_modules");
const attempt = (act) => { try { act(); } catch {} };
fs.writeSync(1, "go");
for (;;) {
  attempt(() => fs.writeFileSync("file", "text", { flag: "wx" }));
  attempt(() => fs.renameSync("file", "x"));
  attempt(() => fs.renameSync("x", "file"));
  attempt(() => fs.renameSync("directory", "x"));
  attempt(() => fs.renameSync("x", "directory"));
  attempt(() => fs.renameSync("link", "x"));
  attempt(() => fs.renameSync("x", "link"));
}
`;

async function race(): Promise<void> {
  racer = spawn(process.execPath, ["-e", RACER, served.path], { stdio: ["ignore", "pipe", "inherit"] });
  assert.ok(racer.stdout);
  await once(racer.stdout, "data");
}

const ATTEMPTS = 6000;

for (const [what, act] of [
  ["moved", (to: string) => served.host.rename(bytes("node_modules/x"), bytes(to), 0)],
  ["linked", (to: string) => served.host.link(bytes("node_modules/x"), bytes(to), out)],
] as const) {
  it(`what was a file is no directory and no link when it is ${what}`, { timeout: 120_000 }, async () => {
    mkdirSync(host("node_modules/directory/.vscode"), { recursive: true });
    writeFileSync(host("node_modules/directory/.vscode/tasks.json"), "evil");
    symlinkSync("../node_modules/directory", host("node_modules/link"));
    writeFileSync(host("node_modules/x"), "text");
    assert.equal(act("first"), 0, "a file may");
    await race();
    const answers = new Map<number, number>();
    for (let i = 0; i < ATTEMPTS; i++) {
      const answer = act("y");
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      const found = existsSync(host("y")) || readdirSync(served.path).includes("y") ? lstatSync(host("y")) : undefined;
      assert.ok(found === undefined || found.isFile(), `attempt ${i}: another than a file has left node_modules`);
      if (found !== undefined) served.host.unlink(bytes("y"));
    }
    for (const answer of answers.keys()) assert.ok([0, -ENOENT, -EPERM].includes(answer), `answered ${answer}`);
    assert.deepEqual(
      readdirSync(served.path).filter((name) => name.endsWith(".linden-moving")),
      [],
    );
  });
}

it("a file may take a name on the way to a guarded one, and keeps what rename promises", () => {
  const { host: line } = served;
  writeFileSync(host("new"), "new");
  writeFileSync(host(".config"), "old");
  assert.equal(line.rename(bytes("new"), bytes(".config"), 1), -17, "RENAME_NOREPLACE");
  assert.equal(line.rename(bytes("new"), bytes(".config"), 2), -EPERM, "an exchange cannot be looked at");
  assert.equal(line.rename(bytes("new"), bytes(".config"), 0), 0);
  assert.equal(readFileSync(host(".config"), "utf8"), "new");
  assert.equal(existsSync(host("new")), false);
  assert.equal(line.link(bytes(".config"), bytes("second"), out), 0);
  assert.equal(line.rename(bytes("second"), bytes(".config"), 0), 0, "two names of one file stay");
  assert.equal(existsSync(host("second")), true);
  assert.equal(line.rename(bytes(".config"), bytes(".config"), 0), 0);
  assert.equal(readFileSync(host(".config"), "utf8"), "new");
  mkdirSync(host("directory"));
  assert.equal(line.rename(bytes("second"), bytes("directory"), 0), -21);
  assert.equal(line.rename(bytes("directory"), bytes(".cargo"), 0), -EPERM);
  assert.deepEqual(readdirSync(served.path).sort(), [".config", "directory", "second"]);
});

it("nobody makes or changes a name that a file server moves things under", () => {
  const { host: line } = served;
  writeFileSync(host("f"), "");
  writeFileSync(host("1-1.linden-moving"), "left behind");
  const name = bytes("1-1.linden-moving");
  assert.equal(line.create(bytes("2-2.LINDEN-moving"), 0o644), -EPERM);
  assert.equal(line.mkdir(bytes("2-2.linden-moving"), 0o755, out), -EPERM);
  assert.equal(line.symlink(bytes("2-2.linden-moving"), bytes("x"), out), -EPERM);
  assert.equal(line.link(bytes("f"), bytes("2-2.linden-moving"), out), -EPERM);
  assert.equal(line.rename(bytes("f"), name, 0), -EPERM);
  assert.equal(line.rename(name, bytes("g"), 0), -EPERM);
  assert.equal(line.rename(bytes("f"), name, 2), -EPERM);
  assert.equal(line.unlink(name), 0, "what was left behind can be cleared away");
});
