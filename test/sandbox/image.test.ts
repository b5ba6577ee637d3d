/** What a directory is as an image, and what is none. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { programOf, readImage } from "../../src/sandbox/image.ts";

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

test("files carry their mode, and only executable modules are programs", () => {
  const files = [...readImage(root).files].sort((a, b) => a.at.localeCompare(b.at));
  assert.deepEqual(
    files.map(({ at, mode, program }) => ({ at, mode, program })),
    [
      { at: "/bin/box", mode: 0o755, program: true },
      { at: "/bin/data.wasm", mode: 0o644, program: false },
    ],
  );
});

test("links become absolute, whatever they lead to on the host", () => {
  const { links } = readImage(root);
  assert.deepEqual([...(links.get("/bin/box") ?? [])].sort(), ["/bin/sh", "/usr/bin/awk"]);
  assert.deepEqual(links.get("/etc/passwd"), ["/bin/passwd"]);
});

test("a command is found through links, and never outside the image", () => {
  assert.equal(programOf(root, "awk"), join(root, "bin/box"));
  assert.equal(programOf(root, "sh"), join(root, "bin/box"));
  assert.equal(programOf(root, "nothing"), undefined);
  assert.equal(programOf(root, "passwd"), undefined);
});

test("what is no directory is refused with the way to get one", () => {
  assert.throws(() => readImage(join(root, "none")), /image: expected a directory that exists, as linden image build/);
  assert.throws(() => readImage(join(root, "bin/box")), /image: expected a directory that exists/);
});
