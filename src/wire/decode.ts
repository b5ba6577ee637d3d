/**
 * Layer: wire. Bytes to frames, incrementally, of hostile input: what is kept between two chunks is at most one header
 * and one payload, and no more is allocated than the frame's type may have. It must not know how the bytes travel.
 */
import { DOWN_FORMATS, type Format, UP_FORMATS } from "./formats.ts";
import { type DownFrame, HEADER_BYTES, type UpFrame } from "./frames.ts";
import { WireViolation } from "./violation.ts";

/** Levels of nesting in a message; the deepest of ours (BOOT's mounts) has three. */
const DEPTH = 8;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Cuts chunks into frames and hands each to `deliver`. The bytes of a data frame may be a view into the pushed chunk:
 * who reuses the chunk's buffer, or keeps a few bytes of it for long, copies them. Bytes that span a buffer are the frame's own:
 * those of a chunk that is one payload and all of its buffer are copied here.
 */
class Decoder {
  readonly #formats: ReadonlyMap<number, Format>;
  readonly #deliver: (type: number, channel: number, payload: unknown) => void;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerFilled = 0;
  #format: Format | undefined;
  #type = 0;
  #channel = 0;
  #length = 0;
  #payload: Uint8Array | undefined;
  #payloadFilled = 0;
  #broken: WireViolation | undefined;

  constructor(
    formats: ReadonlyMap<number, Format>,
    deliver: (type: number, channel: number, payload: unknown) => void,
  ) {
    this.#formats = formats;
    this.#deliver = deliver;
  }

  /** Throws WireViolation, then again at every later call: nothing after broken bytes means anything. */
  push(chunk: Uint8Array): void {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      this.#cut(chunk);
    } catch (error) {
      if (error instanceof WireViolation) this.#broken = error;
      throw error;
    }
  }

  /** The stream has ended. Throws WireViolation if that was inside a frame. */
  end(): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#headerFilled > 0) throw new WireViolation("truncated", "the stream ends inside a frame");
  }

  #cut(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#headerFilled < HEADER_BYTES) {
        const take = Math.min(HEADER_BYTES - this.#headerFilled, chunk.byteLength - at);
        for (let i = 0; i < take; i += 1) this.#header[this.#headerFilled + i] = chunk[at + i] ?? 0;
        this.#headerFilled += take;
        at += take;
        if (this.#headerFilled < HEADER_BYTES) return;
        this.#readHeader();
        if (this.#length === 0) this.#finish(new Uint8Array(0));
        continue;
      }
      const left = this.#length - this.#payloadFilled;
      const take = Math.min(left, chunk.byteLength - at);
      if (this.#payload === undefined && take === left && take < chunk.buffer.byteLength) {
        this.#finish(chunk.subarray(at, at + take));
      } else {
        this.#payload ??= new Uint8Array(this.#length);
        this.#payload.set(chunk.subarray(at, at + take), this.#payloadFilled);
        this.#payloadFilled += take;
        if (this.#payloadFilled === this.#length) this.#finish(this.#payload);
      }
      at += take;
    }
  }

  #readHeader(): void {
    const view = new DataView(this.#header.buffer);
    this.#length = view.getUint32(0, true);
    this.#type = view.getUint8(4);
    this.#channel = view.getUint32(5, true);
    const format = this.#formats.get(this.#type);
    if (format === undefined) throw new WireViolation("type", `frame type ${this.#type} has no business here`);
    const least = format.kind === "empty" ? 0 : 1;
    if (this.#length > format.limit || this.#length < least) {
      throw new WireViolation("length", `${format.name} of ${this.#length} bytes, not ${least} to ${format.limit}`);
    }
    if ((this.#channel !== 0) !== format.channelled) {
      throw new WireViolation("channel", `${format.name} on channel ${this.#channel}`);
    }
    this.#format = format;
  }

  #finish(payload: Uint8Array): void {
    const format = this.#format;
    if (format === undefined) return;
    this.#headerFilled = 0;
    this.#payload = undefined;
    this.#payloadFilled = 0;
    this.#deliver(this.#type, this.#channel, contentOf(format, payload));
  }
}

/** What a cell reads from its caller. */
export class DownDecoder extends Decoder {
  constructor(deliver: (frame: DownFrame) => void) {
    // The table's reader made the payload its type has; the compiler cannot follow a Map to that.
    super(DOWN_FORMATS, (type, channel, payload) => deliver({ type, channel, payload } as DownFrame));
  }
}

/** What the caller reads from a cell. */
export class UpDecoder extends Decoder {
  constructor(deliver: (frame: UpFrame) => void) {
    super(UP_FORMATS, (type, channel, payload) => deliver({ type, channel, payload } as UpFrame));
  }
}

function contentOf(format: Format, payload: Uint8Array): unknown {
  switch (format.kind) {
    case "empty":
      return undefined;
    case "data":
      return payload;
    case "packed":
      return format.read(payload);
    case "message":
      return format.read(parse(format, payload));
  }
}

function parse(format: Format, payload: Uint8Array): unknown {
  checkDepth(format, payload);
  try {
    return JSON.parse(utf8.decode(payload));
  } catch {
    throw new WireViolation("json", `${format.name} is no JSON in UTF-8`);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Before the parser builds anything: a small message of a million brackets is a large heap. */
function checkDepth(format: Format, payload: Uint8Array): void {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < payload.byteLength; at += 1) {
    const byte = payload[at];
    if (quoted) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) {
      quoted = true;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > DEPTH) throw new WireViolation("json", `${format.name} nests deeper than ${DEPTH}`);
    } else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
    }
  }
}
