/** What directories are as an image, alone and over each other, and what is none. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Image, openImage } from "../../src/sandbox/image.ts";

const WASM = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
const root = mkdtempSync(join(tmpdir(), "linden-image-"));
after(() => rmSync(root, { recursive: true }));

mkdirSync(join(root, "bin"));
mkdirSync(join(root, "usr/bin"), { recursive: true });
writeFileSync(join(root, "bin/box"), WASM);
chmodSync(join(root, "bin/box"), 0o755);
writeFileSync(join(root, "bin/data.wasm"), WASM, { mode: 0o644 });
symlinkSync("box", join(root, "bin/sh"));
symlinkSync("../../bin/box", join(root, "usr/bin/awk"));
symlinkSync("/etc/passwd", join(root, "bin/passwd"));

async function readImage(directories: readonly string[]): Promise<Image> {
  const image = await openImage(directories);
  assert.ok(image);
  return image;
}

test("files carry their mode, and only executable modules are programs", async () => {
  const files = [...(await readImage([root])).files].sort((a, b) => a.at.localeCompare(b.at));
  assert.deepEqual(
    files.map(({ at, mode, program }) => ({ at, mode, program })),
    [
      { at: "/bin/box", mode: 0o755, program: true },
      { at: "/bin/data.wasm", mode: 0o644, program: false },
    ],
  );
});

test("links become absolute, whatever they lead to on the host", async () => {
  const { links } = await readImage([root]);
  assert.deepEqual([...(links.get("/bin/box") ?? [])].sort(), ["/bin/sh", "/usr/bin/awk"]);
  assert.deepEqual(links.get("/etc/passwd"), ["/bin/passwd"]);
});

test("a command is found through links, and never outside the image", async () => {
  const image = await readImage([root]);
  assert.equal(image.programOf("awk"), join(root, "bin/box"));
  assert.equal(image.programOf("sh"), join(root, "bin/box"));
  for (const path of ["/bin/box", "/bin/sh", "/usr/bin/awk", "//bin/sh"]) {
    assert.equal(image.programOf(path), path.startsWith("//") ? undefined : join(root, "bin/box"), path);
  }
  for (const name of [
    "nothing",
    "passwd",
    "..",
    "../bin/box",
    "",
    "/",
    "/bin",
    "/sh",
    "/bin/../bin/box",
    "/etc/passwd",
  ])
    assert.equal(image.programOf(name), undefined, name);
});

test("what could be meant are programs: commands by their names, paths as such", async () => {
  const image = await readImage([root]);
  assert.deepEqual([...image.alike("bxo")].sort(), ["awk", "box", "sh"]);
  assert.deepEqual([...image.alike("/bin/bxo")].sort(), ["/bin/box", "/bin/sh", "/usr/bin/awk"]);
});

/** A directory with these files, each holding its own path, and links: path to target. */
function tree(files: readonly string[], links: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(join(root, "..", "linden-image-"));
  after(() => rmSync(directory, { recursive: true }));
  for (const path of [...files, ...Object.keys(links)]) mkdirSync(join(directory, path, ".."), { recursive: true });
  for (const path of files) writeFileSync(join(directory, path), path);
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(directory, path));
  return directory;
}

test("of several directories the last one's files stand, and links lead through all of them", async () => {
  const low = tree(["bin/tool", "bin/both", "etc/plain", "lib/deep/er"], { "usr/bin": "../bin", "bin/ring": "ring" });
  const high = tree(["bin/both", "etc/plain/now", "lib/deep"], { "bin/other": "tool" });
  const image = await readImage([low, high]);
  const hosts = Object.fromEntries(image.files.map(({ at, host }) => [at, host]));
  assert.deepEqual(hosts, {
    "/bin/tool": join(low, "bin/tool"),
    "/bin/both": join(high, "bin/both"),
    // A file gave way to a directory, a directory with all in it to a file.
    "/etc/plain/now": join(high, "etc/plain/now"),
    "/lib/deep": join(high, "lib/deep"),
  });
  assert.equal(image.programOf("other"), join(low, "bin/tool"));
  assert.equal(image.programOf("ring"), undefined);
  // A program stands in the place of the older one in another directory.
  const later = await readImage([low, tree(["usr/sbin/tool"])]);
  assert.equal(later.programOf("tool"), later.files.find(({ at }) => at === "/usr/sbin/tool")?.host);
  assert.deepEqual(later.links.get("/usr/sbin/tool"), ["/bin/tool"]);
  assert.equal((await readImage([high, low])).programOf("both"), join(low, "bin/both"));
  assert.deepEqual(image.directories, [low, high]);
});

test("what is not there is told by its own error, before anything starts", async () => {
  const gone = { name: "ImageNotFound", code: "ERR_IMAGE_NOT_FOUND", exitCode: 127 };
  await assert.rejects(openImage(["no-image-of-this-name"]), { ...gone, message: /linden image list/ });
  await assert.rejects(openImage([join(root, "none.tar")]), gone);
  await assert.rejects(openImage([root, join(root, "none")]), gone);
  const broken = join(root, "broken.tar");
  writeFileSync(broken, "no archive");
  await assert.rejects(openImage([broken]), { name: "ImageRefused", code: "ERR_IMAGE_REFUSED", exitCode: 126 });
  assert.equal(await openImage([]), undefined);
});

test("what is no image is refused with the way to get one", async () => {
  assert.equal(spawnSync("mkfifo", [join(root, "etc-fifo")]).status, 0);
  await assert.rejects(openImage([root]), {
    name: "ImageRefused",
    message: /files, directories and symbolic links alone/,
  });
  rmSync(join(root, "etc-fifo"));
  await assert.rejects(openImage([join(root, "bin/box")]), { name: "ImageRefused", message: /box/ });
});
