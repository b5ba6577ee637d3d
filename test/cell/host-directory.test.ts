/** A lying or broken file server: the cell answers EIO from then on, never throws, keeps no descriptor, waits for nothing. */
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, writeSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EIO, ENOENT } from "../../src/abi/errno.ts";
import { FileLine } from "../../src/cell/file-line.ts";
import { LineDirectory } from "../../src/cell/host-directory.ts";
import { ReadingDescriptors } from "../../src/cell/reading-descriptors.ts";
import { emptyHostAttributes, OPEN_READ } from "../../src/fs/hostfs/host-directory.ts";
import { fixedBytes } from "../../src/host/calls.unsafe.ts";
import { sendWithDescriptor } from "../../src/host/descriptor-passing.unsafe.ts";
import { socketPair } from "../../src/host/descriptors.unsafe.ts";
import { FILE_LINE_BYTES, HOST_DESCRIPTORS } from "../../src/limits.ts";
import { BRINGS, FrameWriter } from "../../src/wire/file-line.ts";

const bytes = (text: string) => text as ByteString;
const out = emptyHostAttributes();
let server: number;
let cell: number;
let host: LineDirectory;
let descriptors: ReadingDescriptors;
let nextId: number;

beforeEach(() => {
  const pair = socketPair();
  if (typeof pair === "number") assert.fail(`socketpair: ${pair}`);
  server = pair.first;
  cell = pair.second;
  descriptors = new ReadingDescriptors();
  host = new LineDirectory(new FileLine(cell), 0, descriptors);
  nextId = 1;
});
afterEach(() => {
  closeSync(cell);
  if (server >= 0) closeSync(server);
});

/** A reply for the request to come: replies may wait on the line before they are asked for. */
function reply(status: number, fill: (out: FrameWriter) => void = () => {}, id = nextId++): Uint8Array<ArrayBuffer> {
  const writer = new FrameWriter(fixedBytes(70_000));
  writer.begin();
  fill(writer);
  return writer.buffer.subarray(0, writer.endReply(id, status));
}

function isBroken(): void {
  assert.equal(host.attributes(bytes("f"), out), -EIO);
  assert.equal(host.rename(bytes("a"), bytes("b"), 0), -EIO);
  assert.equal(host.read(1, 0, new Uint8Array(1), 0, 1), -EIO);
  host.close(1);
}

const openDescriptors = () => readdirSync("/proc/self/fd").length;

describe("a server that hangs up", () => {
  it("is EIO, at once and from then on", () => {
    closeSync(server);
    server = -1;
    assert.equal(host.attributes(bytes("f"), out), -EIO);
    isBroken();
  });

  it("in the midst of a reply is EIO", () => {
    writeSync(server, reply(0, (to) => to.attributes(out)).subarray(0, 20));
    closeSync(server);
    server = -1;
    assert.equal(host.attributes(bytes("f"), out), -EIO);
    isBroken();
  });
});

describe("a reply", () => {
  const wrong: readonly (readonly [string, () => Uint8Array])[] = [
    ["of another request", () => reply(0, (to) => to.attributes(out), 77)],
    ["that is too short", () => reply(0, (to) => to.u32(1))],
    [
      "with something left over",
      () =>
        reply(0, (to) => {
          to.attributes(out);
          to.u8(0);
        }),
    ],
    ["with a status that is no error number", () => reply(-5000)],
    ["with an error and fields", () => reply(-ENOENT, (to) => to.u8(0))],
    ["with more bytes behind it", () => Buffer.concat([reply(0, (to) => to.attributes(out)), Buffer.alloc(5)])],
    [
      "with a length over the cap",
      () => {
        const frame = reply(0, (to) => to.attributes(out));
        new DataView(frame.buffer).setUint32(0, FILE_LINE_BYTES + 1, true);
        return frame;
      },
    ],
  ];
  for (const [what, frame] of wrong) {
    it(`${what} breaks the line`, () => {
      writeSync(server, frame());
      assert.equal(host.attributes(bytes("f"), out), -EIO);
      isBroken();
    });
  }

  it("that is an error is that error, and the line goes on", () => {
    writeSync(server, reply(-ENOENT));
    assert.equal(host.attributes(bytes("f"), out), -ENOENT);
    writeSync(
      server,
      reply(0, (to) => to.attributes({ ...out, size: 5 })),
    );
    assert.equal(host.attributes(bytes("f"), out), 0);
    assert.equal(out.size, 5);
  });

  it("that claims more bytes than were asked for breaks the line, and writes none of them", () => {
    const into = new Uint8Array(8);
    writeSync(server, reply(-ENOENT));
    writeSync(server, new Uint8Array(0));
    assert.equal(host.attributes(bytes("f"), out), -ENOENT);
    writeSync(
      server,
      reply(9, (to) => to.attributes(out)),
    );
    assert.equal(host.write(1, 0, into, 0, 8, out), -EIO);
    assert.deepEqual(into, new Uint8Array(8));
  });

  it("with names that are no names breaks the line", () => {
    for (const name of ["", ".", "..", "a/b", "a\0"]) {
      const pair = socketPair();
      if (typeof pair === "number") assert.fail(`socketpair: ${pair}`);
      const other = new LineDirectory(new FileLine(pair.second), 0, descriptors);
      const frame = reply(
        1,
        (to) => {
          to.u8(name.length);
          for (const char of name) to.u8(char.charCodeAt(0));
          to.u8(0);
        },
        1,
      );
      writeSync(pair.first, frame);
      assert.equal(other.list(1, false), -EIO, JSON.stringify(name));
      closeSync(pair.first);
      closeSync(pair.second);
    }
  });
});

describe("descriptors from the server", () => {
  const opened = (handle: number) =>
    reply(0, (to) => {
      to.u32(handle);
      to.attributes(out);
      to.u8(BRINGS.DESCRIPTOR);
    });

  it("that nobody asked for are closed", () => {
    const file = openSync("/dev/null", "r");
    const before = openDescriptors();
    sendWithDescriptor(
      server,
      reply(0, (to) => to.attributes(out)),
      file,
    );
    assert.equal(host.attributes(bytes("f"), out), 0);
    sendWithDescriptor(server, reply(-ENOENT), file);
    assert.equal(host.open(bytes("f"), OPEN_READ), -ENOENT);
    assert.equal(openDescriptors(), before);
    closeSync(file);
  });

  it("are kept up to a bound and closed with their handle", () => {
    const file = openSync("/dev/null", "r");
    const before = openDescriptors();
    for (let handle = 0; handle < HOST_DESCRIPTORS + 10; handle++) {
      sendWithDescriptor(server, opened(handle), file);
      assert.equal(typeof host.open(bytes("f"), OPEN_READ), "object");
    }
    assert.equal(openDescriptors(), before + HOST_DESCRIPTORS);
    for (let handle = 0; handle < HOST_DESCRIPTORS + 10; handle++) host.close(handle);
    assert.equal(openDescriptors(), before);
    closeSync(file);
  });
});
