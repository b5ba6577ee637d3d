/**
 * Layer: toolchain. Reads WebAssembly's numbers and sections. The modules are the linker's own, so damage is an error,
 * not an attack. It must not know what the sections mean.
 */
import { ToolchainError } from "../errors.ts";

export type Section = { readonly id: number; readonly start: number; readonly end: number };

export class Reader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw new ToolchainError("the linker made a truncated module");
    this.at += 1;
    return value;
  }

  /** An unsigned LEB128 number of up to 35 bits. */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const part = this.byte();
      value += (part & 0x7f) * 2 ** shift;
      if (part < 0x80) break;
    }
    return value;
  }

  /** Steps over a LEB128 number of any width and sign. */
  skipNumber(): void {
    while (this.byte() >= 0x80);
  }

  skip(bytes: number): void {
    this.at += bytes;
  }

  text(): string {
    const length = this.number();
    this.skip(length);
    return Buffer.from(this.bytes.subarray(this.at - length, this.at)).toString("utf8");
  }
}

/** The sections of a module, in order. Throws ToolchainError when the bytes are none. */
export function sectionsOf(bytes: Uint8Array): Section[] {
  if (bytes.length < 8 || String.fromCharCode(...bytes.subarray(0, 4)) !== "\0asm") {
    throw new ToolchainError("the linker made no WebAssembly module");
  }
  const reader = new Reader(bytes, 8);
  const sections: Section[] = [];
  while (reader.at < bytes.length) {
    const id = reader.byte();
    const size = reader.number();
    sections.push({ id, start: reader.at, end: reader.at + size });
    reader.skip(size);
  }
  return sections;
}
