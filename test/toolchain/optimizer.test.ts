/** Which optimizer `linden cc` runs with its caller's rights: what lies in the directory of the work may be anybody's. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { sha256 } from "../../src/store/digest.ts";
import { findBinaryen, OPTIMIZER } from "../../src/toolchain/driver/asyncify.ts";

const home = mkdtempSync(join(tmpdir(), "linden-optimizer-"));
after(() => rmSync(home, { recursive: true }));

const genuine = join(dirname(fileURLToPath(import.meta.resolve("binaryen"))), "bin/wasm-opt");

function workWith(name: string, bytes: string | Uint8Array): string {
  const work = join(home, name);
  const bin = join(work, "node_modules/binaryen/bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "wasm-opt"), bytes);
  mkdirSync(join(work, "deep/er"), { recursive: true });
  return join(work, "deep/er");
}

test("an optimizer in the directory of the work is believed by its hash, and a copy runs", async () => {
  const place = mkdtempSync(join(home, "place-"));
  const elsewhere = mkdtempSync(join(home, "installed-"));
  const hostile = workWith("hostile", 'require("node:fs").writeFileSync("/tmp/owned", "")');
  await assert.rejects(findBinaryen(place, hostile, elsewhere), { name: "ToolchainError", message: /is not run/ });
  const honest = await findBinaryen(place, workWith("honest", readFileSync(genuine)), elsewhere);
  assert.equal(dirname(honest), place);
  assert.equal(sha256(readFileSync(honest)), OPTIMIZER);
  await assert.rejects(findBinaryen(place, elsewhere, elsewhere), /npm install --save-dev binaryen@132/);
});

test("the one that was installed with Linden comes first, and is the one the hash names", async () => {
  assert.equal(await findBinaryen(home, workWith("other", "x")), genuine);
  assert.equal(sha256(readFileSync(genuine)), OPTIMIZER);
});
