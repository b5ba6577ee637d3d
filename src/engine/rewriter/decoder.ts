/** Layer: engine, rewriter. Reads the numbers and names of a wasm file, strictly. It must not know any section. */
import { ModuleRefused } from "./refusal.ts";

const REBUILD = "only a well-formed WebAssembly 1.0 binary is run: build the module again";

/** A position in a guest's file. Every read is checked against `end`, the end of the innermost thing being read. */
export class Decoder {
  readonly bytes: Uint8Array;
  at = 0;
  end: number;
  /** Section the position is in; for messages. */
  section = "header";

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  malformed(what: string, offset = this.at): never {
    throw new ModuleRefused("malformed", what, REBUILD, this.section, offset);
  }

  /** Refuse for any other rule, here. */
  refuse(rule: string, what: string, remedy: string, offset = this.at): never {
    throw new ModuleRefused(rule, what, remedy, this.section, offset);
  }

  /** Refuse a count above its cap. `name` is the cap's name in RewriteLimits. */
  cap(name: string, count: number, most: number, offset = this.at): void {
    if (count > most) {
      const remedy = `at most ${most} are run; a smaller module, or a higher limit`;
      this.refuse(`limit ${name}`, `${name} ${count}`, remedy, offset);
    }
  }

  byte(): number {
    if (this.at >= this.end) this.malformed("a truncated byte");
    return this.bytes[this.at++] as number;
  }

  skip(count: number): void {
    if (count > this.end - this.at) this.malformed("truncated bytes");
    this.at += count;
  }

  /** An unsigned LEB128 of at most 32 bits, in at most five bytes. */
  u32(): number {
    if (this.at < this.end) {
      const first = this.bytes[this.at] as number;
      if (first < 0x80) {
        this.at++;
        return first;
      }
    }
    return this.#longU32();
  }

  #longU32(): number {
    const start = this.at;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.byte();
    if (last > 0x0f) this.malformed("an unsigned integer longer than 32 bits", start);
    return (value | (last << 28)) >>> 0;
  }

  /** Step over a signed LEB128 of 32 bits. */
  skipS32(): void {
    const start = this.at;
    for (let i = 0; i < 4; i++) if (this.byte() < 0x80) return;
    const last = this.byte();
    if (last > 0x07 && (last < 0x78 || last > 0x7f)) this.malformed("a signed integer longer than 32 bits", start);
  }

  /** Step over a signed LEB128 of 64 bits. */
  skipS64(): void {
    const start = this.at;
    for (let i = 0; i < 9; i++) if (this.byte() < 0x80) return;
    const last = this.byte();
    if (last !== 0 && last !== 0x7f) this.malformed("a signed integer longer than 64 bits", start);
  }

  /** A signed LEB128 of 33 bits, as block types are written. Negative values need one byte only. */
  s33(): number {
    const start = this.at;
    let value = 0;
    for (let i = 0, scale = 1; i < 4; i++, scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte & 0x40 ? value - scale * 128 : value;
    }
    const last = this.byte();
    if (last >= 0x80 || (last & 0x70 && (last & 0x70) !== 0x70)) {
      this.malformed("a signed integer longer than 33 bits", start);
    }
    value += (last & 0x1f) * 0x1000_0000;
    return last & 0x10 ? value - 0x2_0000_0000 : value;
  }

  /** A name: valid UTF-8, at most `most` bytes. Surrogates, overlong forms and anything past U+10FFFF are malformed. */
  name(most: number): string {
    const start = this.at;
    const length = this.u32();
    this.cap("nameBytes", length, most, start);
    const end = this.at + length;
    if (end > this.end) this.malformed("a truncated name", start);
    let text = "";
    while (this.at < end) text += String.fromCodePoint(this.#codePoint(end));
    return text;
  }

  #codePoint(end: number): number {
    const start = this.at;
    const first = this.byte();
    if (first < 0x80) return first;
    const extra = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || this.at + extra > end) this.malformed("a name that is not UTF-8", start);
    let value = first & (0x3f >> extra);
    for (let i = 0; i < extra; i++) {
      const next = this.byte();
      if ((next & 0xc0) !== 0x80) this.malformed("a name that is not UTF-8", start);
      value = (value << 6) | (next & 0x3f);
    }
    const least = extra === 3 ? 0x1_0000 : extra === 2 ? 0x800 : 0x80;
    if (value < least || value > 0x10_ffff || (value >= 0xd800 && value < 0xe000)) {
      this.malformed("a name that is not UTF-8", start);
    }
    return value;
  }
}
