import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const CREATE = `
Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });
const { Sandbox } = await import("linden");
console.log(await Sandbox.create().catch(({ name, code, message }) => name + " " + code + " " + message));`;

test("an older Node is told at once which one is needed", () => {
  const args = [
    "--conditions=linden-source",
    "--disable-warning=ExperimentalWarning",
    "--input-type=module",
    "-e",
    CREATE,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: import.meta.dirname,
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.match(stdout, /^LindenError ERR_NODE_VERSION Linden needs Node 26\.10 or newer, /, stderr);
  assert.equal(status, 0);
});
