/**
 * Layer: toolchain. Reads what a linked program imports. Its input is the linker's, so a damaged file is an error, not an
 * attack. It must not know why it is asked.
 */
import { ToolchainError } from "./errors.ts";

export type FunctionImport = { readonly module: string; readonly name: string };

const IMPORT_SECTION = 2;

/** The imported functions of a module's bytes, in order. Throws ToolchainError when it is none. */
export function functionImports(bytes: Uint8Array): FunctionImport[] {
  if (bytes.length < 8 || String.fromCharCode(...bytes.subarray(0, 4)) !== "\0asm") {
    throw new ToolchainError("the linker made no WebAssembly module");
  }
  let at = 8;
  const byte = () => {
    const value = bytes[at];
    if (value === undefined) throw new ToolchainError("the linker made a truncated module");
    at += 1;
    return value;
  };
  const number = () => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const part = byte();
      value += (part & 0x7f) * 2 ** shift;
      if (part < 0x80) break;
    }
    return value;
  };
  const text = () => {
    const length = number();
    at += length;
    return Buffer.from(bytes.subarray(at - length, at)).toString("utf8");
  };
  const limits = () => {
    const flags = byte();
    number();
    if ((flags & 1) !== 0) number();
  };
  while (at < bytes.length) {
    const section = byte();
    const size = number();
    if (section !== IMPORT_SECTION) {
      at += size;
      continue;
    }
    const found: FunctionImport[] = [];
    for (let count = number(); count > 0; count -= 1) {
      const item = { module: text(), name: text() };
      const kind = byte();
      if (kind === 0) {
        number();
        found.push(item);
      } else if (kind === 1) {
        byte();
        limits();
      } else if (kind === 2) limits();
      else at += 2;
    }
    return found;
  }
  return [];
}
