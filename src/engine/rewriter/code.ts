/**
 * Layer: engine, rewriter. Reads function bodies, every instruction of them, so that nothing unknown, unbounded or out
 * of range passes. It checks structure, not types: V8 does that. It must not know how a module is written again.
 */
import type { Decoder } from "./decoder.ts";
import { featureOfOpcode, refuseFeature } from "./features.ts";
import * as op from "./instructions.ts";
import type { RewriteLimits } from "./rewrite-limits.ts";
import { type FunctionType, referenceType, valueType } from "./value-types.ts";

/** How many of each thing a body may name. */
export interface IndexSpaces {
  readonly types: readonly FunctionType[];
  readonly functions: number;
  readonly tables: number;
  readonly globals: number;
  readonly tags: number;
  readonly elements: number;
  /** As the data count section says; undefined without one. */
  readonly dataCount: number | undefined;
}

/** What the function itself and `block` open: an end or, in a try, nothing else. */
const PLAIN = 0;
const IN_IF = 1;
const IN_TRY = 2;
const IN_CATCH = 3;

export class CodeReader {
  readonly #decoder: Decoder;
  readonly #spaces: IndexSpaces;
  readonly #limits: RewriteLimits;
  /** What each open block is, innermost last; [0] is the function. */
  readonly #blocks: Uint8Array;
  #depth = 0;
  #locals = 0;
  #localsSum = 0;

  constructor(decoder: Decoder, spaces: IndexSpaces, limits: RewriteLimits) {
    this.#decoder = decoder;
    this.#spaces = spaces;
    this.#limits = limits;
    this.#blocks = new Uint8Array(limits.nesting + 2);
  }

  /** Read one body of the given type, its size first. The position ends behind it. */
  body(type: FunctionType): void {
    const decoder = this.#decoder;
    const start = decoder.at;
    const size = decoder.u32();
    decoder.cap("bodyBytes", size, this.#limits.bodyBytes, start);
    const outer = decoder.end;
    const end = decoder.at + size;
    if (end > outer) decoder.malformed("a truncated function body", start);
    decoder.end = end;
    this.#declareLocals(type.parameters.length);
    this.#instructions();
    if (decoder.at !== end) decoder.malformed("bytes after the end of a function body");
    decoder.end = outer;
  }

  #declareLocals(parameters: number): void {
    const decoder = this.#decoder;
    const start = decoder.at;
    let total = parameters;
    for (let groups = decoder.u32(); groups > 0; groups--) {
      total += decoder.u32();
      valueType(decoder);
      decoder.cap("locals", total, this.#limits.locals, start);
    }
    this.#locals = total;
    this.#localsSum += total;
    decoder.cap("localsSum", this.#localsSum, this.#limits.localsSum, start);
  }

  #instructions(): void {
    const decoder = this.#decoder;
    const bytes = decoder.bytes;
    const end = decoder.end;
    this.#blocks[0] = PLAIN;
    this.#depth = 0;
    while (this.#depth >= 0) {
      const start = decoder.at;
      if (start >= end) decoder.malformed("a function body without its end");
      const opcode = bytes[start] as number;
      decoder.at = start + 1;
      const kind = op.INSTRUCTIONS[opcode] as number;
      switch (kind) {
        case op.NONE:
          break;
        case op.LOCAL:
          this.#index("local", this.#locals);
          break;
        case op.I32_CONST:
          decoder.skipS32();
          break;
        case op.MEMORY_ACCESS:
          this.#memoryAccess();
          break;
        case op.END:
          this.#depth--;
          break;
        default:
          this.#rare(kind, opcode, start);
      }
    }
  }

  /** Everything but the five kinds that make up nine tenths of a body. */
  #rare(kind: number, opcode: number, start: number): void {
    const decoder = this.#decoder;
    switch (kind) {
      case op.BLOCK:
      case op.LOOP:
        this.#blockType();
        this.#open(PLAIN);
        break;
      case op.IF:
        this.#blockType();
        this.#open(IN_IF);
        break;
      case op.TRY:
        this.#blockType();
        this.#open(IN_TRY);
        break;
      case op.TRY_TABLE:
        this.#blockType();
        this.#catches();
        this.#open(PLAIN);
        break;
      case op.ELSE:
        this.#turn(IN_IF, PLAIN, "else without its if");
        break;
      case op.CATCH:
        this.#index("tag", this.#spaces.tags);
        if (this.#blocks[this.#depth] === IN_CATCH) return;
        this.#turn(IN_TRY, IN_CATCH, "catch outside a try");
        break;
      case op.CATCH_ALL:
        if (this.#blocks[this.#depth] === IN_CATCH) this.#blocks[this.#depth] = IN_TRY;
        this.#turn(IN_TRY, PLAIN, "catch_all outside a try");
        break;
      case op.DELEGATE:
        this.#turn(IN_TRY, PLAIN, "delegate outside a try");
        this.#depth--;
        if (this.#depth < 0) decoder.malformed("delegate ends the function", start);
        this.#label();
        break;
      case op.LABEL:
      case op.RETHROW:
        this.#label();
        break;
      case op.BR_TABLE:
        this.#brTable();
        break;
      case op.PREFIX_MISC:
      case op.PREFIX_SIMD:
      case op.PREFIX_ATOMIC:
        this.#prefixed(kind, start);
        break;
      default:
        this.#plain(kind, opcode, start);
        break;
    }
  }

  #open(block: number): void {
    this.#depth++;
    if (this.#depth > this.#limits.nesting) this.#decoder.cap("nesting", this.#depth, this.#limits.nesting);
    this.#blocks[this.#depth] = block;
  }

  #turn(from: number, to: number, fault: string): void {
    if (this.#blocks[this.#depth] !== from) this.#decoder.malformed(fault, this.#decoder.at - 1);
    this.#blocks[this.#depth] = to;
  }

  #plain(kind: number, opcode: number, start: number): void {
    const decoder = this.#decoder;
    const spaces = this.#spaces;
    switch (kind) {
      case op.NONE:
        break;
      case op.FUNCTION:
        this.#index("function", spaces.functions);
        break;
      case op.CALL_INDIRECT:
        this.#index("type", spaces.types.length);
        this.#index("table", spaces.tables);
        break;
      case op.GLOBAL:
        this.#index("global", spaces.globals);
        break;
      case op.TABLE:
        this.#index("table", spaces.tables);
        break;
      case op.TAG:
        this.#index("tag", spaces.tags);
        break;
      case op.MEMORY_ACCESS:
        this.#memoryAccess();
        break;
      case op.MEMORY:
        this.#memory();
        break;
      case op.I64_CONST:
        decoder.skipS64();
        break;
      case op.BYTES_4:
        decoder.skip(4);
        break;
      case op.BYTES_8:
        decoder.skip(8);
        break;
      case op.BYTES_16:
        decoder.skip(16);
        break;
      case op.LANE:
        this.#lane(16);
        break;
      case op.LANE_ACCESS:
        this.#memoryAccess();
        this.#lane(16);
        break;
      case op.SHUFFLE:
        for (let i = 0; i < 16; i++) this.#lane(32);
        break;
      case op.REFERENCE_TYPE:
        referenceType(decoder);
        break;
      case op.SELECT_TYPES:
        if (decoder.u32() !== 1) decoder.malformed("a select of more than one value", start);
        valueType(decoder);
        break;
      case op.FENCE:
        if (decoder.byte() !== 0) decoder.malformed("atomic.fence with an unknown order", start);
        break;
      case op.ATOMIC_WAIT:
        refuseFeature(decoder, "atomic-wait", "memory.atomic.wait", start);
        break;
      case op.DATA_AND_MEMORY:
        this.#data(start);
        this.#memory();
        break;
      case op.DATA:
        this.#data(start);
        break;
      case op.TWO_MEMORIES:
        this.#memory();
        this.#memory();
        break;
      case op.ELEMENT_AND_TABLE:
        this.#index("element segment", spaces.elements);
        this.#index("table", spaces.tables);
        break;
      case op.ELEMENT:
        this.#index("element segment", spaces.elements);
        break;
      case op.TWO_TABLES:
        this.#index("table", spaces.tables);
        this.#index("table", spaces.tables);
        break;
      default:
        refuseFeature(decoder, featureOfOpcode(opcode), `instruction 0x${opcode.toString(16)}`, start);
    }
  }

  #prefixed(prefix: number, start: number): void {
    const decoder = this.#decoder;
    const opcode = decoder.u32();
    const [byte, kinds] =
      prefix === op.PREFIX_SIMD
        ? [0xfd, op.SIMD_INSTRUCTIONS]
        : prefix === op.PREFIX_ATOMIC
          ? [0xfe, op.ATOMIC_INSTRUCTIONS]
          : [0xfc, op.MISC_INSTRUCTIONS];
    const kind = kinds[opcode] ?? 0;
    if (kind === 0) {
      const what = `instruction 0x${byte.toString(16)} ${opcode}`;
      if (byte === 0xfd && opcode >= 0x120) refuseFeature(decoder, "fp16", what, start);
      if (byte === 0xfd && opcode >= 0x100) refuseFeature(decoder, "relaxed-simd", what, start);
      if (byte === 0xfc && opcode >= 19 && opcode <= 22) refuseFeature(decoder, "wide-arithmetic", what, start);
      refuseFeature(decoder, "unknown", what, start);
    }
    this.#plain(kind, opcode, start);
  }

  #index(what: string, count: number): void {
    const start = this.#decoder.at;
    const index = this.#decoder.u32();
    if (index >= count) this.#decoder.malformed(`${what} index ${index} of ${count}`, start);
  }

  #label(): void {
    // The function itself is the outermost label.
    this.#index("label", this.#depth + 1);
  }

  #lane(count: number): void {
    const lane = this.#decoder.byte();
    if (lane >= count) this.#decoder.malformed(`lane ${lane} of ${count}`, this.#decoder.at - 1);
  }

  #memory(): void {
    const index = this.#decoder.byte();
    if (index !== 0) refuseFeature(this.#decoder, "multi-memory", "a memory other than 0", this.#decoder.at - 1);
  }

  #memoryAccess(): void {
    const decoder = this.#decoder;
    const start = decoder.at;
    const align = decoder.u32();
    if (align & 0x40) refuseFeature(decoder, "multi-memory", "an access that names its memory", start);
    if (align > 4) decoder.malformed(`alignment 2^${align}`, start);
    decoder.u32();
  }

  #data(start: number): void {
    const count = this.#spaces.dataCount;
    if (count === undefined) this.#decoder.malformed("a data instruction without a data count section", start);
    else this.#index("data segment", count);
  }

  #blockType(): void {
    const decoder = this.#decoder;
    const start = decoder.at;
    const first = decoder.byte();
    if (first === 0x40) return;
    decoder.at = start;
    if ((first & 0xc0) === 0x40) {
      valueType(decoder);
      return;
    }
    const index = decoder.s33();
    if (index < 0 || index >= this.#spaces.types.length) decoder.malformed(`block type ${index}`, start);
  }

  #brTable(): void {
    const decoder = this.#decoder;
    const start = decoder.at;
    const count = decoder.u32();
    decoder.cap("brTable", count, this.#limits.brTable, start);
    for (let i = 0; i <= count; i++) this.#label();
  }

  #catches(): void {
    const decoder = this.#decoder;
    const start = decoder.at;
    const count = decoder.u32();
    decoder.cap("brTable", count, this.#limits.brTable, start);
    for (let i = 0; i < count; i++) {
      const kind = decoder.byte();
      if (kind > 3) decoder.malformed(`catch kind ${kind}`, decoder.at - 1);
      if (kind < 2) this.#index("tag", this.#spaces.tags);
      this.#label();
    }
  }
}
