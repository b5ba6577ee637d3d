/**
 * Where a source comes from: the directory that is named, then Debian's archive as apt knows it, then the archive's past; and
 * that its hash alone decides. apt is a script here and every address is this machine's own.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { ToolchainError } from "../../src/toolchain/index.ts";
import { muslRecipe } from "../../src/toolchain/musl-source.ts";
import { readRecipe, recipeNames } from "../../src/toolchain/recipe.ts";
import { fromSnapshot } from "../../src/toolchain/source-addresses.ts";
import { unpackSource } from "../../src/toolchain/source-archive.ts";

const OURS = ["LINDEN_SOURCES", "LINDEN_SNAPSHOT", "PATH"] as const;
const saved = new Map(OURS.map((name) => [name, process.env[name]]));
const ARCHIVE = "thing_1.0+dfsg.orig.tar.gz";
const POOL = "/past/pool/main/t/thing/thing_1.0%2Bdfsg.orig.tar.gz";

let work = "";
let server: Server;
let root = "";
let asked: string[] = [];
/** What the server has, by path; anything else is 404. */
const served = new Map<string, Uint8Array>();
let source = { name: "thing", version: "1.0", archive: ARCHIVE, sha256: "", package: "thing-bin" };
let bytes: Uint8Array;

before(async () => {
  work = mkdtempSync(join(tmpdir(), "linden-source-"));
  mkdirSync(join(work, "thing-1.0"));
  writeFileSync(join(work, "thing-1.0/file"), "inside\n");
  const packed = spawnSync("tar", ["-czf", join(work, "packed"), "-C", work, "thing-1.0"]);
  assert.equal(packed.status, 0, packed.stderr.toString());
  bytes = readFileSync(join(work, "packed"));
  source = { ...source, sha256: createHash("sha256").update(bytes).digest("hex") };
  server = createServer((request, answer) => {
    asked.push(request.url ?? "");
    const found = served.get(request.url ?? "");
    answer.writeHead(found === undefined ? 404 : 200);
    answer.end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  mkdirSync(join(work, "bin"));
  script("apt-cache", `echo ' thing-bin | 2.0-1 | ${root}/debian testing/main amd64 Packages'`);
  script("apt-get", `echo "'${root}/debian/pool/thing-bin_2.0-1_amd64.deb' thing.deb 1 SHA256:0"`);
});
after(() => {
  server.close();
  rmSync(work, { recursive: true });
});
beforeEach(() => {
  asked = [];
  served.clear();
  delete process.env.LINDEN_SOURCES;
  process.env.LINDEN_SNAPSHOT = `${root}/past`;
  process.env.PATH = `${join(work, "bin")}:${saved.get("PATH")}`;
});
afterEach(() => {
  for (const [name, value] of saved) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

function script(name: string, line: string): void {
  writeFileSync(join(work, "bin", name), `#!/bin/sh\n${line}\n`);
  chmodSync(join(work, "bin", name), 0o755);
}

async function unpacked(): Promise<string> {
  const directory = mkdtempSync(join(work, "tree-"));
  await unpackSource(source, directory, () => {});
  return readFileSync(join(directory, "file"), "utf8");
}

async function refusal(): Promise<string> {
  const error = await unpacked().then(
    () => assert.fail("it was taken"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ToolchainError, String(error));
  return error.message;
}

describe("a source is fetched", () => {
  test("from the archive that apt is set up for", async () => {
    served.set(`/debian/pool/${ARCHIVE}`, bytes);
    assert.equal(await unpacked(), "inside\n");
    assert.deepEqual(asked, [`/debian/pool/${ARCHIVE}`]);
  });

  test("from the archive's past when a newer release has taken its place", async () => {
    served.set(POOL, bytes);
    assert.equal(await unpacked(), "inside\n");
    assert.deepEqual(asked, [`/debian/pool/${ARCHIVE}`, POOL]);
  });

  test("from the archive's past when another file stands under its name, or apt is not there", async () => {
    served.set(POOL, bytes);
    served.set(`/debian/pool/${ARCHIVE}`, Buffer.from("another"));
    assert.equal(await unpacked(), "inside\n");
    asked = [];
    mkdirSync(join(work, "no-apt"), { recursive: true });
    for (const tool of ["tar", "gzip"]) {
      writeFileSync(join(work, "no-apt", tool), `#!/bin/sh\nPATH=${saved.get("PATH")} exec ${tool} "$@"\n`);
      chmodSync(join(work, "no-apt", tool), 0o755);
    }
    process.env.PATH = join(work, "no-apt");
    assert.equal(await unpacked(), "inside\n");
    assert.deepEqual(asked, [POOL]);
  });

  test("and kept in LINDEN_SOURCES, from where it is taken the next time", async () => {
    const kept = mkdtempSync(join(work, "kept-"));
    process.env.LINDEN_SOURCES = kept;
    served.set(POOL, bytes);
    assert.equal(await unpacked(), "inside\n");
    assert.deepEqual(readFileSync(join(kept, ARCHIVE)), bytes);
    asked = [];
    assert.equal(await unpacked(), "inside\n");
    assert.deepEqual(asked, []);
  });
});

describe("a source is refused", () => {
  test("that no place has: the message names the file, every place and what to do", async () => {
    const message = await refusal();
    assert.match(message, /^the source of thing 1\.0 could not be fetched:\n/);
    assert.ok(message.includes(`  ${root}/debian/pool/${ARCHIVE}: HTTP 404\n`), message);
    assert.ok(message.includes(`  ${root}${POOL}: HTTP 404\n`), message);
    assert.ok(message.includes(`get ${ARCHIVE} elsewhere`) && message.includes(source.sha256), message);
    assert.match(message, /LINDEN_SOURCES=DIRECTORY$/);
  });

  test("whose hash is another's, wherever it came from", async () => {
    served.set(`/debian/pool/${ARCHIVE}`, Buffer.from("another"));
    served.set(POOL, Buffer.from("a third"));
    assert.equal((await refusal()).match(/SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}\n/g)?.length, 2);
    const kept = mkdtempSync(join(work, "kept-"));
    process.env.LINDEN_SOURCES = kept;
    assert.match(await refusal(), /could not be fetched/);
    assert.equal(existsSync(join(kept, ARCHIVE)), false, "and it is not kept");
  });

  test("that lies in LINDEN_SOURCES with another hash, or cannot be read there; nothing is fetched instead", async () => {
    const kept = mkdtempSync(join(work, "kept-"));
    process.env.LINDEN_SOURCES = kept;
    served.set(POOL, bytes);
    writeFileSync(join(kept, ARCHIVE), "another");
    assert.match(
      await refusal(),
      /is not the thing_1.0\+dfsg.orig.tar.gz that is wanted: SHA-256 \w{64}, expected \w{64}$/,
    );
    rmSync(join(kept, ARCHIVE));
    mkdirSync(join(kept, ARCHIVE));
    assert.match(await refusal(), /orig.tar.gz cannot be read: EISDIR/);
    process.env.LINDEN_SOURCES = join(work, "nowhere");
    assert.match(await refusal(), /^LINDEN_SOURCES names .*nowhere: that is no directory$/);
    assert.deepEqual(asked, []);
  });

  test("when apt does not know its package, nobody listens at an address, and the past is not to be asked", async () => {
    script("apt-cache", "true");
    process.env.LINDEN_SNAPSHOT = "";
    assert.match(await refusal(), /\n {2}apt: it knows no package thing-bin\n"apt-get/);
    process.env.LINDEN_SNAPSHOT = "http://127.0.0.1:1/";
    assert.match(await refusal(), /\n {2}http:\/\/127.0.0.1:1\/pool\/\S+: fetch failed: .+\n/);
  });
});

test("every archive that is pinned has a place in the past by its name alone", async () => {
  delete process.env.LINDEN_SNAPSHOT;
  const pinned = [muslRecipe().source, ...recipeNames().flatMap((name) => readRecipe(name).recipe.sources)];
  for (const { archive } of pinned) {
    const [url = ""] = await fromSnapshot(archive);
    const [, drawer = "", name = ""] =
      /\/archive\/debian\/\d{8}T\d{6}Z\/pool\/main\/(\w+)\/([\w.-]+)\/[^/]+$/.exec(url) ?? [];
    assert.ok(archive.startsWith(`${name}_`) && name.startsWith(drawer), url);
    assert.equal(drawer.length, name.startsWith("lib") ? 4 : 1, url);
  }
});
