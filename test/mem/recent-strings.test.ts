import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RecentStrings, SHORT_STRING } from "../../src/mem/recent-strings.ts";

describe("RecentStrings", () => {
  it("answers the bytes that stand there now, whatever stood there before", () => {
    const recent = new RecentStrings();
    const memory = Buffer.alloc(256);
    for (let round = 0; round < 4000; round++) {
      const length = round % (SHORT_STRING + 1);
      // Few different bytes, so that strings repeat and others differ in one place only.
      for (let i = 0; i < length; i++) memory[7 + i] = 0xfe + ((round >>> (i % 5)) & 1);
      assert.equal(recent.string(memory, 7, length), memory.toString("latin1", 7, 7 + length));
    }
  });

  it("tells strings apart that differ in one byte only", () => {
    const recent = new RecentStrings();
    const memory = Buffer.from("directory/file-0000.txt");
    for (let i = 0; i < memory.length; i++) {
      const before = recent.string(memory, 0, memory.length);
      memory[i] = (memory[i] ?? 0) ^ 0x80;
      assert.notEqual(recent.string(memory, 0, memory.length), before);
      assert.equal(recent.string(memory, 0, memory.length), memory.toString("latin1"));
    }
  });

  it("knows the empty string at the end of memory", () => {
    assert.equal(new RecentStrings().string(new Uint8Array(8), 8, 0), "");
  });
});
