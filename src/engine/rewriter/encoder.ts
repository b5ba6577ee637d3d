/** Layer: engine, rewriter. Writes the numbers, names and sections of a wasm file. It must not know any section's meaning. */

/** A growing buffer. Everything it is given must already be valid. */
export class Encoder {
  #bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
    return this;
  }

  raw(bytes: Uint8Array | readonly number[]): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  u32(value: number): this {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  s32(value: number): this {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && !(low & 0x40)) || (rest === -1 && low & 0x40)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  /** A name as UTF-8 with its length before it. */
  name(text: string): this {
    const bytes = utf8(text);
    return this.u32(bytes.length).raw(bytes);
  }

  /** A section; an empty body still makes one. */
  section(id: number, body: Encoder | Uint8Array): this {
    const bytes = body instanceof Encoder ? body.bytes() : body;
    return this.byte(id).u32(bytes.length).raw(bytes);
  }

  /** What was written; a view that later writes may replace. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }
}

/** UTF-8 of a string; a lone surrogate becomes U+FFFD. */
function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text) {
    let value = character.codePointAt(0) as number;
    if (value >= 0xd800 && value < 0xe000) value = 0xfffd;
    if (value < 0x80) bytes.push(value);
    else if (value < 0x800) bytes.push(0xc0 | (value >> 6), 0x80 | (value & 0x3f));
    else {
      if (value < 0x1_0000) bytes.push(0xe0 | (value >> 12));
      else bytes.push(0xf0 | (value >> 18), 0x80 | ((value >> 12) & 0x3f));
      bytes.push(0x80 | ((value >> 6) & 0x3f), 0x80 | (value & 0x3f));
    }
  }
  return bytes;
}
