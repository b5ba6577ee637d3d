import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { FILE_LINE_BYTES } from "../../src/limits.ts";
import {
  FILE_HEADER_BYTES,
  FrameReader,
  FrameWriter,
  isPathBelow,
  type LineAttributes,
  lengthOf,
} from "../../src/wire/file-line.ts";

const bytes = (text: string) => text as ByteString;

function roundTrip(write: (out: FrameWriter) => void): FrameReader {
  const out = new FrameWriter(new Uint8Array(8192));
  out.begin();
  write(out);
  const end = out.endReply(7, 0);
  const reader = new FrameReader(out.buffer);
  reader.begin(FILE_HEADER_BYTES, end);
  return reader;
}

const attributes: LineAttributes = {
  ino: Number.MAX_SAFE_INTEGER,
  mode: 0o100644,
  nlink: 3,
  owned: true,
  grouped: false,
  rdev: 0xffff_ffff,
  size: 2 ** 40 + 1,
  blocks: 8,
  atimeSeconds: -1,
  atimeNanoseconds: 999_999_999,
  mtimeSeconds: 2 ** 33 + 5,
  mtimeNanoseconds: 0,
  ctimeSeconds: -(2 ** 33) - 7,
  ctimeNanoseconds: 1,
};

describe("the fields of a frame", () => {
  it("come back as they were put in", () => {
    const reader = roundTrip((out) => {
      out.u8(255);
      out.u16(65_535);
      out.u32(0xffff_fffe);
      out.u53(Number.MAX_SAFE_INTEGER);
      out.text(bytes("\xff\x00\x80"));
      out.attributes(attributes);
      out.changes({ mode: 0o755, mtime: { seconds: -5, nanoseconds: 6 } });
    });
    assert.deepEqual([reader.u8(), reader.u16(), reader.u32()], [255, 65_535, 0xffff_fffe]);
    assert.equal(reader.u53(), Number.MAX_SAFE_INTEGER);
    assert.equal(reader.text(3), "\xff\x00\x80");
    const back = { ...attributes, ino: 0, size: 0, atimeSeconds: 0 };
    reader.attributes(back);
    assert.deepEqual(back, attributes);
    assert.deepEqual(reader.changes(), { mode: 0o755, mtime: { seconds: -5, nanoseconds: 6 } });
    assert.ok(reader.done);
  });

  it("that are cut anywhere make the frame bad, and nothing beyond the end is read", () => {
    const whole = roundTrip((out) => {
      out.attributes(attributes);
      out.text(bytes("name"));
      out.changes({ mode: 1, size: 2, atime: { seconds: 3, nanoseconds: 4 }, mtime: { seconds: 5, nanoseconds: 6 } });
    });
    for (let end = whole.at; end < whole.end; end++) {
      const reader = new FrameReader(whole.buffer);
      reader.begin(FILE_HEADER_BYTES, end);
      reader.attributes({ ...attributes });
      reader.text(255);
      reader.changes();
      assert.ok(reader.bad, `cut at ${end}`);
      assert.ok(!reader.done);
      assert.ok(reader.at <= end);
    }
  });

  it("refuse values that no host has", () => {
    const over = [
      (out: FrameWriter) => {
        out.u32(0);
        out.u32(0x20_0000);
      },
      (out: FrameWriter) => {
        out.u32(0);
        out.u32(0x8000_0000);
        out.u32(0);
      },
      (out: FrameWriter) => {
        out.u32(0);
        out.u32(0);
        out.u32(1_000_000_000);
      },
    ];
    const readers = over.map(roundTrip);
    readers[0]?.u53();
    readers[1]?.time();
    readers[2]?.time();
    assert.deepEqual(
      readers.map((reader) => reader.bad),
      [true, true, true],
    );
    const flags = roundTrip((out) => out.u8(16));
    flags.changes();
    assert.ok(flags.bad);
    const mode = roundTrip((out) => out.attributes({ ...attributes, mode: 0o200000 }));
    mode.attributes({ ...attributes });
    assert.ok(mode.bad);
  });

  it("survive random bytes: a reader ends inside its frame and never throws", () => {
    let seed = 12_345;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed >>> 16;
    };
    const buffer = new Uint8Array(600);
    for (let round = 0; round < 2000; round++) {
      for (let i = 0; i < buffer.length; i++) buffer[i] = random() & 0xff;
      const reader = new FrameReader(buffer);
      const end = random() % buffer.length;
      reader.begin(0, end);
      const into = { ...attributes };
      const path = reader.path(true);
      assert.ok(path === "" || isPathBelow(path));
      reader.changes();
      reader.attributes(into);
      reader.text(255);
      reader.take(random());
      assert.ok(reader.at <= end);
      assert.ok(Number.isSafeInteger(into.size) && Number.isSafeInteger(into.ino));
    }
  });
});

describe("a header", () => {
  it("with a length over the cap is refused", () => {
    const header = new Uint8Array(FILE_HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, FILE_LINE_BYTES, true);
    assert.equal(lengthOf(header, 0), FILE_LINE_BYTES);
    view.setUint32(0, FILE_LINE_BYTES + 1, true);
    assert.equal(lengthOf(header, 0), -1);
    view.setUint32(0, 0xffff_ffff, true);
    assert.equal(lengthOf(header, 0), -1);
  });
});

describe("a path below a root", () => {
  it("is names joined by single slashes", () => {
    for (const good of ["a", "a/b", "...", "..a/.b", "\xff", "n".repeat(255), "a/__proto__"]) {
      assert.ok(isPathBelow(bytes(good)), good);
    }
    const long = `${"d/".repeat(2047)}x`;
    assert.equal(long.length, 4095);
    assert.ok(isPathBelow(bytes(long)));
  });

  it("is nothing that could leave it or mean something else", () => {
    const bad = [
      "",
      "/",
      "/a",
      "a/",
      "a//b",
      ".",
      "..",
      "a/..",
      "../a",
      "a/../b",
      "./a",
      "a/.",
      "a\0b",
      "a/b\0",
      "n".repeat(256),
      `${"d/".repeat(2047)}xx`,
    ];
    for (const path of bad) assert.ok(!isPathBelow(bytes(path)), JSON.stringify(path));
  });
});
