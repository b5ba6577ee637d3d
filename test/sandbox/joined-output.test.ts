/** Two output streams as one: the order of what is written, and that the guest sees one open file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Sandbox } from "../../src/sandbox/sandbox.ts";

test("a program's lines on both streams come as one", async () => {
  await using box = await Sandbox.create({ lock: "off" });
  const lines = "import os\nfor i in range(300): os.write(1 + i % 2, b'%d\\n' % i)";
  const expected = Array.from({ length: 300 }, (_, i) => `${i}\n`).join("");
  const { stdout, stderr } = await box.run("python", ["-c", lines], { stderr: "stdout" });
  assert.deepEqual([stdout, stderr], [expected, ""]);
  const child = await box.spawn("python", ["-c", lines], { stderr: "stdout" });
  child.stdin.end();
  let text = "";
  for await (const piece of child.stdout) text += String(piece);
  for await (const piece of child.stderr) text += `more: ${String(piece)}`;
  assert.equal(text, expected);
  await assert.rejects(
    box.run("python", [], { stderr: "elsewhere" as "stdout" }),
    /stderr: expected "apart" or "stdout"/,
  );
});

test("both descriptors are one open file, as after 2>&1, and two files otherwise", async () => {
  await using box = await Sandbox.create({ lock: "off" });
  const same = "import os; a, b = os.fstat(1), os.fstat(2); print((a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))";
  for (const tty of [false, true]) {
    const one = await box.run("python", ["-c", same], { stderr: "stdout", tty });
    const two = await box.run("python", ["-c", same], { tty: tty && { stdin: true, stdout: true } });
    assert.deepEqual([one.stdout.trim(), two.stdout.trim()], ["True", "False"]);
  }
});
