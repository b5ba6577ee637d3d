/** A tiny assembler: modules for tests, byte by byte, hostile ones included. */
import { Encoder } from "../../src/engine/rewriter/encoder.ts";
import { typeCode } from "../../src/engine/rewriter/value-types.ts";

/** `params>results` in one-character types, as "iI>i". */
export type Signature = string;
export type Bytes = readonly number[];

const u32 = (value: number): number[] => [...new Encoder().u32(value).bytes()];
const s32 = (value: number): number[] => [...new Encoder().s32(value).bytes()];

/** Instructions by name. */
export const code = {
  unreachable: [0x00],
  block: (...body: Bytes[]): number[] => [0x02, 0x40, ...body.flat(), 0x0b],
  loop: (...body: Bytes[]): number[] => [0x03, 0x40, ...body.flat(), 0x0b],
  ifThen: (...body: Bytes[]): number[] => [0x04, 0x40, ...body.flat(), 0x0b],
  tryCatchAll: (body: Bytes, handler: Bytes): number[] => [0x06, 0x40, ...body, 0x19, ...handler, 0x0b],
  throw: (tag: number): number[] => [0x08, ...u32(tag)],
  br: (label: number): number[] => [0x0c, ...u32(label)],
  brIf: (label: number): number[] => [0x0d, ...u32(label)],
  call: (index: number): number[] => [0x10, ...u32(index)],
  callIndirect: (type: number): number[] => [0x11, ...u32(type), 0x00],
  drop: [0x1a],
  get: (index: number): number[] => [0x20, ...u32(index)],
  set: (index: number): number[] => [0x21, ...u32(index)],
  load: (offset = 0): number[] => [0x28, 2, ...u32(offset)],
  store: (offset = 0): number[] => [0x36, 2, ...u32(offset)],
  memorySize: [0x3f, 0],
  memoryGrow: [0x40, 0],
  i32: (value: number): number[] => [0x41, ...s32(value)],
  i64: (value: number): number[] => [0x42, ...s32(value)],
  eqz: [0x45],
  add: [0x6a],
  sub: [0x6b],
  divS: [0x6d],
  f32: (...bytes: number[]): number[] => [0x43, ...bytes],
  truncF32: [0xa8],
};

export class WasmBuilder {
  readonly #types: Signature[] = [];
  readonly #imports: { module: string; name: string; type: number }[] = [];
  readonly #functions: { type: number; locals: Bytes; body: Bytes }[] = [];
  readonly #exports: { name: string; kind: number; index: number }[] = [];
  readonly #raw = new Map<number, Bytes>();
  readonly #custom: { name: string; bytes: Bytes }[] = [];
  #start: number | undefined;

  type(signature: Signature): number {
    const known = this.#types.indexOf(signature);
    if (known >= 0) return known;
    return this.#types.push(signature) - 1;
  }

  /** All imports come before the first `func`. */
  import(module: string, name: string, signature: Signature): number {
    return this.#imports.push({ module, name, type: this.type(signature) }) - 1;
  }

  /** Body without its end; locals as [count, type code] pairs. */
  func(signature: Signature, body: readonly Bytes[], exportName?: string, locals: Bytes = []): number {
    this.#functions.push({ type: this.type(signature), locals, body: body.flat() });
    const index = this.#imports.length + this.#functions.length - 1;
    if (exportName !== undefined) this.export(exportName, 0, index);
    return index;
  }

  export(name: string, kind: number, index: number): this {
    this.#exports.push({ name, kind, index });
    return this;
  }

  memory(minimum: number, maximum?: number): this {
    return this.section(5, maximum === undefined ? [1, 0, ...u32(minimum)] : [1, 1, ...u32(minimum), ...u32(maximum)]);
  }

  table(minimum: number): this {
    return this.section(4, [1, 0x70, 0, ...u32(minimum)]);
  }

  start(index: number): this {
    this.#start = index;
    return this;
  }

  /** Replace or add a section, body as given. */
  section(id: number, bytes: Bytes): this {
    this.#raw.set(id, bytes);
    return this;
  }

  custom(name: string, bytes: Bytes): this {
    this.#custom.push({ name, bytes });
    return this;
  }

  build(): Uint8Array<ArrayBuffer> {
    const out = new Encoder().raw([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    const built = new Map<number, Encoder>([
      [1, this.#typeSection()],
      [2, this.#importSection()],
      [3, this.#functionSection()],
      [7, this.#exportSection()],
      [10, this.#codeSection()],
    ]);
    if (this.#start !== undefined) built.set(8, new Encoder().u32(this.#start));
    for (const id of [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11, 14]) {
      const raw = this.#raw.get(id);
      const section = raw === undefined ? built.get(id) : Uint8Array.from(raw);
      if (section !== undefined) out.section(id, section);
    }
    for (const { name, bytes } of this.#custom) out.section(0, new Encoder().name(name).raw(bytes));
    return out.bytes().slice();
  }

  #typeSection(): Encoder {
    const out = new Encoder().u32(this.#types.length);
    for (const signature of this.#types) {
      out.byte(0x60);
      for (const list of signature.split(">")) {
        out.u32(list.length);
        for (const type of list) out.byte(typeCode(type));
      }
    }
    return out;
  }

  #importSection(): Encoder {
    const out = new Encoder().u32(this.#imports.length);
    for (const { module, name, type } of this.#imports) out.name(module).name(name).byte(0).u32(type);
    return out;
  }

  #functionSection(): Encoder {
    const out = new Encoder().u32(this.#functions.length);
    for (const { type } of this.#functions) out.u32(type);
    return out;
  }

  #exportSection(): Encoder {
    const out = new Encoder().u32(this.#exports.length);
    for (const { name, kind, index } of this.#exports) out.name(name).byte(kind).u32(index);
    return out;
  }

  #codeSection(): Encoder {
    const out = new Encoder().u32(this.#functions.length);
    for (const { locals, body } of this.#functions) {
      const bytes = new Encoder()
        .u32(locals.length / 2)
        .raw(locals)
        .raw(body)
        .byte(0x0b);
      out.u32(bytes.length).raw(bytes.bytes());
    }
    return out;
  }
}
