/** Two output streams as one: what is kept, and whose credit comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "../../src/sandbox/joined-output.ts";
import { Collector, OutputReadable, type OutputSink } from "../../src/sandbox/output.ts";
import { Sandbox } from "../../src/sandbox/sandbox.ts";

type Credit = { out: number; error: number };

const bytes = (text: string) => Buffer.from(text);
const counted = (credit: Credit, of: keyof Credit) => (count: number) => {
  credit[of] += count;
};

test("what is written comes in its order, and each stream gets its own credit back", () => {
  const sink = new Collector();
  const [out, error] = joined(sink);
  const credit = { out: 0, error: 0 };
  for (let round = 0; round < 3; round++) {
    out.write(bytes(`out ${round} `), counted(credit, "out"));
    error.write(bytes(`error ${round} `), counted(credit, "error"));
  }
  assert.equal(sink.text(), "out 0 error 0 out 1 error 1 out 2 error 2 ");
  assert.deepEqual(credit, { out: 18, error: 24 });
});

test("a reader that is slow gives back all credit, and no stream more than it used", () => {
  const waiting: { bytes: number; done: (bytes: number) => void }[] = [];
  const slow: OutputSink = {
    write: ({ byteLength }, done) => void waiting.push({ bytes: byteLength, done }),
    end() {},
  };
  const [out, error] = joined(slow);
  const credit = { out: 0, error: 0 };
  for (let round = 1; round <= 100; round++) {
    out.write(new Uint8Array(round), counted(credit, "out"));
    error.write(new Uint8Array(1), counted(credit, "error"));
  }
  for (const { bytes: count, done } of waiting) {
    done(count);
    assert.ok(credit.out <= 5050 && credit.error <= 100);
  }
  assert.deepEqual(credit, { out: 5050, error: 100 });
});

test("it ends when both have ended, once", async () => {
  const stream = new OutputReadable();
  const [out, error] = joined(stream);
  out.end();
  out.end();
  error.write(bytes("last"), () => {});
  error.end();
  let text = "";
  for await (const piece of stream) text += String(piece);
  assert.equal(text, "last");
});

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
