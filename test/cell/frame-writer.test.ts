import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { FrameWriter } from "../../src/cell/frame-writer.ts";
import { UpDecoder } from "../../src/wire/decode.ts";
import { UP, type UpFrame } from "../../src/wire/frames.ts";

describe("FrameWriter", () => {
  let directory = "";
  let file = 0;
  let writer: FrameWriter;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "linden-frames-"));
    file = openSync(join(directory, "frames"), "w");
    writer = new FrameWriter(file);
  });
  afterEach(() => {
    closeSync(file);
    rmSync(directory, { recursive: true });
  });

  /** What has been written so far. */
  function written(): string[] {
    const frames: string[] = [];
    const name = ({ type, channel, payload }: UpFrame): string =>
      `${Object.entries(UP).find(([, number]) => number === type)?.[0]} ${channel} ${payload instanceof Uint8Array ? payload.length : ""}`;
    const decoder = new UpDecoder((frame) => void frames.push(name(frame).trim()));
    decoder.push(readFileSync(join(directory, "frames")));
    decoder.end();
    return frames;
  }
  const started = (channel: number): UpFrame => ({ type: UP.STARTED, channel, payload: undefined });

  it("lets a frame that is held leave before the next, whatever that is", () => {
    writer.hold(started(1));
    assert.deepEqual(written(), []);
    writer.sendBytes(UP.STDOUT, 1, Buffer.from("xhello"), 1, 5);
    assert.deepEqual(written(), ["STARTED 1", "STDOUT 1 5"]);
    writer.hold(started(2));
    writer.send({ type: UP.MODULE_READY, channel: 3, payload: undefined });
    writer.hold(started(4));
    writer.sendLarge(UP.REWRITTEN, 5, new Uint8Array(100_000));
    const since = written().slice(2);
    assert.deepEqual(since, ["STARTED 2", "MODULE_READY 3", "STARTED 4", "REWRITTEN 5 100000"]);
  });

  it("holds one at a time, and none beyond a flush", () => {
    writer.flush();
    writer.hold(started(1));
    writer.hold(started(2));
    assert.deepEqual(written(), ["STARTED 1"]);
    writer.flush();
    writer.flush();
    assert.deepEqual(written(), ["STARTED 1", "STARTED 2"]);
  });
});
