/** Images as one file: what is packed comes out again, and nothing else does. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
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
import { loadImage, packImage, StoreError } from "../../src/store/index.ts";
import { layered } from "../../src/store/layers.ts";
import { readTar, type TarEntry, writeTar } from "../../src/store/tar.ts";
import { compileProgram, linden, whyNoCompiler } from "../toolchain/compiler.ts";

const LONG = `${"directory-of-some-length/".repeat(8)}ä`;

let work = "";
before(() => {
  work = mkdtempSync(join(tmpdir(), "linden-archive-"));
});
after(() => rmSync(work, { recursive: true, force: true }));

/** A small image: a program's first bytes, a script, a link, a path too long for a plain header. */
function sample(): string {
  const directory = mkdtempSync(join(work, "image-"));
  mkdirSync(join(directory, "bin"));
  writeFileSync(join(directory, "bin/tool"), Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  chmodSync(join(directory, "bin/tool"), 0o755);
  symlinkSync("tool", join(directory, "bin/other"));
  mkdirSync(join(directory, LONG, ".."), { recursive: true });
  writeFileSync(join(directory, LONG), "x".repeat(700));
  return directory;
}

function tree(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => {
      const host = join(entry.parentPath, entry.name);
      const what = entry.isSymbolicLink()
        ? `-> ${readlinkSync(host)}`
        : `${(lstatSync(host).mode & 0o777).toString(8)} ${readFileSync(host).toString("hex")}`;
      return `${host.slice(directory.length)} ${what}`;
    })
    .sort();
}

const freshRoot = () => mkdtempSync(join(work, "cache-"));

async function refused(bytes: Uint8Array, why: RegExp): Promise<void> {
  const file = join(work, "refused.tar");
  writeFileSync(file, bytes);
  const root = freshRoot();
  await assert.rejects(loadImage(file, { root }), (error) => {
    assert.ok(error instanceof StoreError && error.exitCode === 126, String(error));
    assert.match(error.message, why);
    return true;
  });
  assert.ok(!existsSync(join(root, "userland")), "nothing was laid down");
}

/** The archive of a manifest that somebody wrote himself, with honest hashes unless `items` says otherwise. */
function forged(entries: readonly TarEntry[], items?: readonly object[], name = "forged"): Uint8Array {
  const hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const listed = entries.map((entry) =>
    entry.kind === "link"
      ? { path: entry.path, link: entry.target }
      : { path: entry.path, mode: entry.mode, sha256: hash },
  );
  const text = JSON.stringify({ format: 1, name, entries: items ?? listed });
  return writeTar([
    { kind: "file", path: "linden-image.json", mode: 0o644, bytes: Buffer.from(text) },
    ...entries.map((entry) => ({ ...entry, path: `files/${entry.path}` })),
  ]);
}

const abc = (path: string): TarEntry => ({ kind: "file", path, mode: 0o644, bytes: Buffer.from("abc") });

test("tar(1) reads what is written, and long names come back", () => {
  const entries: TarEntry[] = [abc("a"), abc(LONG), { kind: "link", path: "l", target: LONG }];
  const archive = writeTar(entries);
  assert.deepEqual(
    readTar(archive).map((entry) => ({ ...entry, ...("bytes" in entry && { bytes: Buffer.from(entry.bytes) }) })),
    entries,
  );
  const listed = spawnSync("tar", ["-tvf", "-", "--quoting-style=literal"], { input: archive, encoding: "utf8" });
  assert.equal(listed.status, 0, listed.stderr);
  assert.match(listed.stdout, new RegExp(`3 1970-01-01 00:00 ${LONG}\n`));
  assert.match(listed.stdout, new RegExp(` l -> ${LONG}\n`));
});

test("an image comes out as it went in, plain and gzipped, under one digest", async () => {
  const image = sample();
  const root = freshRoot();
  const digests = [];
  for (const name of ["sample.tar", "sample.tar.gz"]) {
    const file = join(work, name);
    const packed = packImage("sample", image, file);
    writeFileSync(file, packed.bytes);
    const loaded = await loadImage(file, { root, named: true, expected: packed.digest });
    assert.deepEqual(tree(loaded.directory), tree(image));
    assert.equal(readlinkSync(join(root, "userland/sample")), `loaded-${packed.digest}`);
    digests.push(packed.digest);
  }
  assert.equal(digests[0], digests[1]);
  await assert.rejects(loadImage(join(work, "sample.tar"), { root, expected: "0".repeat(64) }), /not the one expected/);
});

test("cut short anywhere, it is refused", async () => {
  const { bytes } = packImage("sample", sample(), "a.tar");
  for (let length = 0; length < bytes.byteLength; length += 256) {
    await refused(bytes.subarray(0, length), /cut short|does not begin/);
  }
  const zipped = packImage("sample", sample(), "a.tar.gz").bytes;
  for (let length = 2; length < zipped.byteLength; length += 97) {
    await refused(zipped.subarray(0, length), /cut short or damaged/);
  }
});

test("a byte changed anywhere: refused, or not a byte of the image", async () => {
  const image = sample();
  const { bytes } = packImage("sample", image, "a.tar");
  const file = join(work, "changed.tar");
  let taken = 0;
  for (let at = 0; at < bytes.byteLength; at += 13) {
    const changed = bytes.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x11;
    writeFileSync(file, changed);
    try {
      const { directory } = await loadImage(file, { root: freshRoot() });
      assert.deepEqual(tree(directory), tree(image), `byte ${at}`);
      taken += 1;
    } catch (error) {
      assert.ok(error instanceof StoreError && error.exitCode === 126, `byte ${at}: ${error}`);
    }
  }
  // What fills blocks up is nobody's; everything else is covered by a hash.
  assert.ok(taken * 13 < bytes.byteLength * 0.6, `${taken} changes passed`);
});

test("no path leads out of an image, or through a link of it", async () => {
  await refused(forged([abc("../escape")]), /leads out/);
  await refused(forged([abc("/escape")]), /leads out/);
  await refused(forged([abc("a/./b")]), /leads out/);
  await refused(forged([{ kind: "link", path: "a", target: "/tmp" }, abc("a/b")]), /below what is no directory/);
  await refused(forged([abc("a"), abc("a")]), /twice/);
  await refused(forged([abc("a")], []), /does not hold what its manifest lists/);
  await refused(forged([abc("a")], [{ path: "a", mode: 0o644, sha256: "0".repeat(64) }]), /a is not what/);
  await refused(forged([abc("a")], [{ path: "a", mode: 0o4755, sha256: "" }]), /manifest is broken/);
  await refused(forged([abc("a")], [null as never]), /manifest is broken/);
  await refused(writeTar([abc("linden-image.json")]), /no JSON/);
});

test("no image takes the name under which another is kept, and none is found behind a link", async () => {
  const good = join(work, "good.tar");
  const packed = packImage("good", sample(), good);
  writeFileSync(good, packed.bytes);
  const keys = [`loaded-${packed.digest}`, `stack-${"0".repeat(32)}`, "0123456789abcdef-0123456789abcdef"];
  for (const name of [...keys, "busybox,loaded-x", "abcdefabcdefabcd-x", ".", "..", ".lock", "-o", "", "a,,b", "a/b"]) {
    await refused(forged([abc("a")], undefined, name), /manifest is broken/);
  }
  const root = freshRoot();
  mkdirSync(join(root, "userland"), { mode: 0o700 });
  symlinkSync(work, join(root, "userland", `loaded-${packed.digest}`));
  await assert.rejects(loadImage(good, { root }));
});

test("an archive that is only there to be looked at is refused before it is", async () => {
  await refused(forged([abc(`${"a/".repeat(70)}b`)]), /more than 64 names/);
  const blank = { path: "", mode: 0o644, kind: "file", bytes: new Uint8Array(0) } as const;
  await refused(writeTar(Array.from({ length: 65_538 }, () => blank)), /too much/);
  const manifest = { path: "linden-image.json", kind: "file", mode: 0o644 } as const;
  await refused(writeTar([{ ...manifest, bytes: Buffer.alloc(17 * 1024 ** 2, "[") }]), /manifest has more than/);
});

test("many files in the place of directories, and directories in the place of files, are laid over each other", () => {
  const [files, directories] = [freshRoot(), freshRoot()];
  for (let i = 0; i < 300; i++) {
    writeFileSync(join(files, `${i}`), "");
    mkdirSync(join(directories, `${i}`));
    writeFileSync(join(directories, `${i}`, "f"), "");
  }
  assert.equal(layered([directories, files]).size, 300);
  assert.equal(layered([files, directories]).size, 300);
});

describe("at the command line", { skip: whyNoCompiler(), timeout: 300_000 }, () => {
  test("a packed program runs; a broken file is 126, none is 127", () => {
    const image = mkdtempSync(join(work, "hello-"));
    mkdirSync(join(image, "bin"));
    writeFileSync(join(image, "bin/hello"), compileProgram("hello.c"), { mode: 0o755 });
    const file = join(work, "hello.tar");
    const { bytes } = packImage("hello", image, file);
    writeFileSync(file, bytes);
    const ran = linden(["run", "--image", file, "hello"], "/");
    assert.equal(ran.status, 3, ran.stderr); // as the program says
    assert.match(ran.stdout, /hello/i);
    writeFileSync(file, bytes.subarray(0, 3000));
    const broken = linden(["run", "--image", file, "hello"], "/");
    assert.deepEqual([broken.status, broken.stderr.split("\n").length], [126, 2], broken.stderr);
    assert.match(broken.stderr, /cut short/);
    assert.equal(linden(["run", "--image", "/none.tar", "hello"], "/").status, 127);
    assert.equal(linden(["image", "load", file], "/").status, 126);
  });
});
