/** Layer: engine, rewriter. Constant expressions: initial values of globals, offsets of segments. It must not know which. */
import type { Decoder } from "./decoder.ts";
import { featureOfOpcode, refuseFeature } from "./features.ts";
import { heapType } from "./value-types.ts";

export interface ConstantSpaces {
  readonly functions: number;
  /** Globals declared before this expression. */
  readonly globals: number;
  readonly operations: number;
}

/** Read one expression up to its end; the position ends behind it. */
export function constantExpression(decoder: Decoder, spaces: ConstantSpaces): void {
  const first = decoder.at;
  for (let operations = 1; ; operations++) {
    decoder.cap("constantOperations", operations, spaces.operations, first);
    const start = decoder.at;
    const opcode = decoder.byte();
    switch (opcode) {
      case 0x0b:
        return;
      case 0x23:
        index(decoder, "global", spaces.globals);
        break;
      case 0x41:
        decoder.skipS32();
        break;
      case 0x42:
        decoder.skipS64();
        break;
      case 0x43:
        decoder.skip(4);
        break;
      case 0x44:
        decoder.skip(8);
        break;
      case 0x6a:
      case 0x6b:
      case 0x6c:
      case 0x7c:
      case 0x7d:
      case 0x7e:
        break; // extended-const: add, sub, mul
      case 0xd0:
        heapType(decoder);
        break;
      case 0xd2:
        index(decoder, "function", spaces.functions);
        break;
      case 0xfd:
        if (decoder.u32() !== 0x0c) decoder.malformed("a SIMD instruction in a constant expression", start);
        decoder.skip(16);
        break;
      default: {
        const feature = featureOfOpcode(opcode);
        if (feature !== "unknown") refuseFeature(decoder, feature, `instruction 0x${opcode.toString(16)}`, start);
        decoder.malformed(`instruction 0x${opcode.toString(16)} in a constant expression`, start);
      }
    }
  }
}

function index(decoder: Decoder, what: string, count: number): void {
  const start = decoder.at;
  const value = decoder.u32();
  if (value >= count) decoder.malformed(`${what} index ${value} of ${count}`, start);
}
