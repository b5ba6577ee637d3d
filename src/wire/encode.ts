/**
 * Layer: wire. Frames to bytes. It must not know how the bytes travel.
 */
import { DOWN_FORMATS, type Format, UP_FORMATS } from "./formats.ts";
import { type DownFrame, HEADER_BYTES, type UpFrame } from "./frames.ts";

const utf8 = new TextEncoder();

/** One frame to a cell, header and payload in one buffer. RangeError if it is longer than its type may be. */
export function encodeDown(frame: DownFrame): Uint8Array {
  return encode(DOWN_FORMATS, frame.type, frame.channel, frame.payload);
}

/** One frame from a cell. RangeError as encodeDown. */
export function encodeUp(frame: UpFrame): Uint8Array {
  return encode(UP_FORMATS, frame.type, frame.channel, frame.payload);
}

/** Write a header of HEADER_BYTES at `at`, for a sender that lays the payload behind it without another copy. */
export function putHeader(into: Uint8Array, at: number, type: number, channel: number, length: number): void {
  putU32(into, at, length);
  into[at + 4] = type;
  putU32(into, at + 5, channel);
}

function encode(formats: ReadonlyMap<number, Format>, type: number, channel: number, payload: unknown): Uint8Array {
  const format = formats.get(type);
  if (format === undefined) throw new RangeError(`no frame has type ${type}`);
  if (format.kind === "packed") {
    const frame = format.write(payload, HEADER_BYTES);
    const length = frame.byteLength - HEADER_BYTES;
    if (length > format.limit) throw tooLong(format, length);
    putHeader(frame, 0, type, channel, length);
    return frame;
  }
  let bytes: Uint8Array | undefined;
  if (payload instanceof Uint8Array) bytes = payload;
  else if (payload !== undefined) bytes = utf8.encode(JSON.stringify(payload));
  const length = bytes?.byteLength ?? 0;
  if (length > format.limit) throw tooLong(format, length);
  const frame = new Uint8Array(HEADER_BYTES + length);
  putHeader(frame, 0, type, channel, length);
  if (bytes !== undefined) frame.set(bytes, HEADER_BYTES);
  return frame;
}

function tooLong({ name, limit }: Format, length: number): RangeError {
  return new RangeError(`${name} of ${length} bytes: at most ${limit} fit`);
}

function putU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}
