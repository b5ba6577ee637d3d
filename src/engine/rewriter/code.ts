/**
 * Layer: engine, rewriter. Reads function bodies, every instruction of them, so that nothing unknown, unbounded or out
 * of range passes. It checks structure, not types: V8 does that. It must not know how a module is written again.
 */
import { type BodySites, bodySites, site } from "./body-sites.ts";
import type { Decoder } from "./decoder.ts";
import { featureOfOpcode, refuseFeature } from "./features.ts";
import * as op from "./instructions.ts";
import type { Span } from "./module-shape.ts";
import type { RewriteLimits } from "./rewrite-limits.ts";
import { ATOMIC_EFFECTS, EFFECTS, MISC_EFFECTS, SIMD_EFFECTS } from "./stack-effects.ts";
import { type FunctionType, heapType, valueType } from "./value-types.ts";

/** How many of each thing a body may name. */
export interface IndexSpaces {
  readonly types: readonly FunctionType[];
  /** Type index of every function, imported ones first. */
  readonly functionTypes: readonly number[];
  readonly tables: number;
  readonly globals: number;
  /** Type index of every tag. */
  readonly tagTypes: readonly number[];
  readonly elements: number;
  /** As the data count section says; undefined without one. */
  readonly dataCount: number | undefined;
}

/** What the function itself and `block` open: an end or, in a try, nothing else. */
const PLAIN = 0;
const IN_IF = 1;
const IN_TRY = 2;
const IN_CATCH = 3;
const IN_CATCH_ALL = 4;
const IN_TRY_TABLE = 5;

const ONE_RESULT: FunctionType = { parameters: "", results: "i" };
const REF_FUNC = 0xd2;
/** Calls by index that are noted of one module. */
const CALLS_NOTED = 2_000_000;
const DROP = 0x1a;
/** Waits of one module that are replaced; a linker makes one. */
const WAITS = 16;
const TABLE_GET = 0x25;
/** Of the prefix 0xfc: init, copy and fill of memories and tables. The length of their range is on top of the stack. */
const RANGES = [8, 10, 11, 12, 14, 17];

export class CodeReader {
  readonly #decoder: Decoder;
  readonly #spaces: IndexSpaces;
  readonly #limits: RewriteLimits;
  /** What each open block is, innermost last; [0] is the function. */
  readonly #blocks: Uint8Array;
  #depth = 0;
  #locals = 0;
  #localsSum = 0;
  /** Values on the operand stack; at least as many as there are, where code can be reached. */
  #height = 0;
  /** By open block: the height under its parameters, how many it has, and how many results. */
  readonly #bases: Int32Array;
  readonly #parameters: Int32Array;
  readonly #results: Int32Array;
  /** Results less parameters of each type. */
  readonly #netOfType: Int32Array;
  /** Open blocks that catch. */
  #catching = 0;
  /** By open block: branches to it, and the block that catches what is thrown in it; 0 is none. */
  readonly #branches: Int32Array;
  readonly #catchers: Int32Array;
  /** What a compiler must remember of this body: at each block and branch, every local and every operand. */
  #states = 0;
  /** Whether any body changes a table. */
  mutatesTables = false;
  /** Whether any body drops a segment. */
  dropsSegments = false;
  /** Whether any body catches exceptions that are not its own. */
  catchesAll = false;
  /** Waits for memory with the drop of their answer after them: to be replaced. */
  readonly waits: Span[] = [];
  /** What was noted of each body. */
  readonly bodies: BodySites[] = [];
  #sites: BodySites = bodySites(0, 0, 0, 0);
  #safepoints = 0;
  #callsLeft = CALLS_NOTED;

  constructor(decoder: Decoder, spaces: IndexSpaces, limits: RewriteLimits) {
    this.#decoder = decoder;
    this.#spaces = spaces;
    this.#limits = limits;
    this.#blocks = new Uint8Array(limits.nesting + 2);
    this.#bases = new Int32Array(limits.nesting + 2);
    this.#parameters = new Int32Array(limits.nesting + 2);
    this.#results = new Int32Array(limits.nesting + 2);
    this.#branches = new Int32Array(limits.nesting + 2);
    this.#catchers = new Int32Array(limits.nesting + 2);
    this.#netOfType = Int32Array.from(spaces.types, ({ parameters, results }) => results.length - parameters.length);
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
    this.#sites.end = end;
    decoder.end = outer;
  }

  #declareLocals(parameters: number): void {
    const decoder = this.#decoder;
    const start = decoder.at;
    let total = parameters;
    const groups = decoder.u32();
    const groupsAt = decoder.at;
    for (let rest = groups; rest > 0; rest--) {
      total += decoder.u32();
      valueType(decoder);
      decoder.cap("locals", total, this.#limits.locals, start);
    }
    this.#sites = bodySites(groups, groupsAt, decoder.at, total);
    this.bodies.push(this.#sites);
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
    this.#height = 0;
    this.#catching = 0;
    this.#branches[0] = 0;
    this.#states = 0;
    while (this.#depth >= 0) {
      const start = decoder.at;
      if (start >= end) decoder.malformed("a function body without its end");
      const opcode = bytes[start] as number;
      decoder.at = start + 1;
      const kind = op.INSTRUCTIONS[opcode] as number;
      this.#height += EFFECTS[opcode] as number;
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
          this.#close();
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
        this.#open(PLAIN, this.#blockType());
        break;
      case op.LOOP:
        this.#open(PLAIN, this.#blockType());
        this.#sites.hasLoops = true;
        this.#addSite(decoder.at, false);
        // The safepoint is a branch.
        this.#remember();
        break;
      case op.IF:
        this.#open(IN_IF, this.#blockType());
        break;
      case op.TRY:
        this.#open(IN_TRY, this.#blockType());
        break;
      case op.TRY_TABLE: {
        const type = this.#blockType();
        this.#catches();
        this.#open(IN_TRY_TABLE, type);
        break;
      }
      case op.ELSE:
        this.#turn(IN_IF, PLAIN, "else without its if");
        this.#arm(this.#parameters[this.#depth] ?? 0);
        break;
      case op.CATCH:
        if (this.#blocks[this.#depth] !== IN_CATCH) this.#turn(IN_TRY, IN_CATCH, "catch outside a try");
        this.#arm(this.#tagParameters(this.#index("tag", this.#spaces.tagTypes.length)));
        break;
      case op.CATCH_ALL:
        if (this.#blocks[this.#depth] === IN_CATCH) this.#blocks[this.#depth] = IN_TRY;
        this.#turn(IN_TRY, IN_CATCH_ALL, "catch_all outside a try");
        this.catchesAll = true;
        this.#arm(0);
        break;
      case op.DELEGATE:
        this.#turn(IN_TRY, IN_TRY, "delegate outside a try");
        this.#close();
        this.#label();
        break;
      case op.LABEL:
        this.#label();
        break;
      case op.RETHROW:
        this.#label();
        this.#raised();
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

  /** Open the block whose type was read last. */
  #open(block: number, type: FunctionType | undefined): void {
    this.#depth++;
    const depth = this.#depth;
    if (depth > this.#limits.nesting) this.#decoder.cap("nesting", depth, this.#limits.nesting);
    const parameters = type?.parameters.length ?? 0;
    this.#blocks[depth] = block;
    this.#parameters[depth] = parameters;
    this.#results[depth] = type?.results.length ?? 0;
    this.#bases[depth] = this.#height - parameters;
    const catching = block === IN_TRY || block === IN_TRY_TABLE;
    if (catching) this.#catching++;
    this.#branches[depth] = 0;
    this.#catchers[depth] = catching ? depth : (this.#catchers[depth - 1] ?? 0);
    this.#remember();
  }

  #close(): void {
    const depth = this.#depth;
    this.#height = (this.#bases[depth] ?? 0) + (this.#results[depth] ?? 0);
    const block = this.#blocks[depth] as number;
    this.#depth--;
    if (block !== IN_TRY && block !== IN_CATCH && block !== IN_CATCH_ALL && block !== IN_TRY_TABLE) return;
    this.#catching--;
    // What it did not catch goes on outwards.
    this.#raised();
  }

  /** A branch to an open block, given by its index. */
  #branchTo(block: number): void {
    const branches = (this.#branches[block] ?? 0) + 1;
    this.#branches[block] = branches;
    if (branches > this.#limits.branches) this.#decoder.cap("branches", branches, this.#limits.branches);
  }

  /** Something that may throw: where something catches, a branch to there. */
  #raised(): void {
    const catcher = this.#depth < 0 ? 0 : (this.#catchers[this.#depth] ?? 0);
    if (catcher !== 0) this.#branchTo(catcher);
  }

  /** Begin another arm of the innermost block with `values` on the stack. */
  #arm(values: number): void {
    this.#height = (this.#bases[this.#depth] ?? 0) + values;
    this.#remember();
  }

  /**
   * Compilers keep the state of all locals and operands for each block and merge them at each branch: two megabytes of
   * empty blocks under 10,000 locals took V8 more than 20 GB. So the sum is capped.
   */
  #remember(): void {
    this.#states += this.#locals + Math.max(0, this.#height);
    if (this.#states > this.#limits.bodyStates) this.#decoder.cap("bodyStates", this.#states, this.#limits.bodyStates);
  }

  #turn(from: number, to: number, fault: string): void {
    if (this.#blocks[this.#depth] !== from) this.#decoder.malformed(fault, this.#decoder.at - 1);
    this.#blocks[this.#depth] = to;
    // What is thrown while it handles an exception is not its own any more.
    if (to === IN_CATCH || to === IN_CATCH_ALL) this.#catchers[this.#depth] = this.#catchers[this.#depth - 1] ?? 0;
  }

  #plain(kind: number, opcode: number, start: number): void {
    const decoder = this.#decoder;
    const spaces = this.#spaces;
    switch (kind) {
      case op.NONE:
        break;
      case op.FUNCTION: {
        const index = this.#index("function", spaces.functionTypes.length);
        if (opcode === REF_FUNC) break;
        if (this.#callsLeft-- > 0) this.#sites.calls.push(index);
        else this.#sites.openCalls += 1;
        this.#called(spaces.functionTypes[index] ?? 0);
        break;
      }
      case op.CALL_INDIRECT:
        this.#sites.openCalls += 1;
        this.#called(this.#index("type", spaces.types.length));
        this.#index("table", spaces.tables);
        break;
      case op.GLOBAL:
        this.#index("global", spaces.globals);
        break;
      case op.TABLE:
        // Beside set, grow and fill there is size, which compilers never emit alone.
        if (opcode !== TABLE_GET) this.mutatesTables = true;
        this.#index("table", spaces.tables);
        break;
      case op.TAG:
        this.#index("tag", spaces.tagTypes.length);
        this.#raised();
        break;
      case op.THROW_REF:
        this.#raised();
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
        heapType(decoder);
        break;
      case op.SELECT_TYPES:
        if (decoder.u32() !== 1) decoder.malformed("a select of more than one value", start);
        valueType(decoder);
        break;
      case op.FENCE:
        if (decoder.byte() !== 0) decoder.malformed("atomic.fence with an unknown order", start);
        break;
      case op.ATOMIC_WAIT:
        this.#memoryAccess();
        // A wait may end at once for no reason, so one whose answer nobody reads need not wait: wasm-ld's start function.
        if (decoder.bytes[decoder.at] !== DROP || this.waits.length >= WAITS)
          refuseFeature(decoder, "atomic-wait", "memory.atomic.wait", start);
        this.waits.push([start, decoder.at + 1]);
        break;
      case op.DATA_AND_MEMORY:
        this.#data(start);
        this.#memory();
        break;
      case op.DATA:
        this.dropsSegments = true;
        this.#data(start);
        break;
      case op.TWO_MEMORIES:
        this.#memory();
        this.#memory();
        break;
      case op.ELEMENT_AND_TABLE:
        this.mutatesTables = true;
        this.#index("element segment", spaces.elements);
        this.#index("table", spaces.tables);
        break;
      case op.ELEMENT:
        this.dropsSegments = true;
        this.#index("element segment", spaces.elements);
        break;
      case op.TWO_TABLES:
        this.mutatesTables = true;
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
    const [byte, kinds, effects] =
      prefix === op.PREFIX_SIMD
        ? [0xfd, op.SIMD_INSTRUCTIONS, SIMD_EFFECTS]
        : prefix === op.PREFIX_ATOMIC
          ? [0xfe, op.ATOMIC_INSTRUCTIONS, ATOMIC_EFFECTS]
          : [0xfc, op.MISC_INSTRUCTIONS, MISC_EFFECTS];
    const kind = kinds[opcode] ?? 0;
    if (kind === 0) {
      const what = `instruction 0x${byte.toString(16)} ${opcode}`;
      if (byte === 0xfd && opcode >= 0x120) refuseFeature(decoder, "fp16", what, start);
      if (byte === 0xfd && opcode >= 0x100) refuseFeature(decoder, "relaxed-simd", what, start);
      if (byte === 0xfc && opcode >= 19 && opcode <= 22) refuseFeature(decoder, "wide-arithmetic", what, start);
      refuseFeature(decoder, "unknown", what, start);
    }
    this.#height += effects[opcode] ?? 0;
    if (prefix === op.PREFIX_MISC && RANGES.includes(opcode)) {
      this.#sites.hasBulk = true;
      this.#addSite(start, true);
      this.#remember();
    }
    this.#plain(kind, -1, start);
  }

  #addSite(at: number, bulk: boolean): void {
    this.#safepoints += 1;
    this.#decoder.cap("safepoints", this.#safepoints, this.#limits.safepoints, at);
    this.#sites.sites.push(site(at, bulk));
    // What a safepoint calls may end the thread by an exception.
    this.#raised();
  }

  #index(what: string, count: number): number {
    const start = this.#decoder.at;
    const index = this.#decoder.u32();
    if (index >= count) this.#decoder.malformed(`${what} index ${index} of ${count}`, start);
    return index;
  }

  /** A call of this type. */
  #called(type: number): void {
    this.#height += this.#netOfType[type] ?? 0;
    this.#raised();
    if (this.#catching > 0) this.#remember();
  }

  #label(): void {
    // The function itself is the outermost label.
    const label = this.#index("label", this.#depth + 1);
    this.#branchTo(this.#depth - label);
    this.#remember();
  }

  #tagParameters(tag: number): number {
    return this.#spaces.types[this.#spaces.tagTypes[tag] ?? -1]?.parameters.length ?? 0;
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

  /** undefined for a block with neither parameters nor results. */
  #blockType(): FunctionType | undefined {
    const decoder = this.#decoder;
    const start = decoder.at;
    const first = decoder.byte();
    if (first === 0x40) return undefined;
    decoder.at = start;
    if ((first & 0xc0) === 0x40) {
      valueType(decoder);
      return ONE_RESULT;
    }
    const index = decoder.s33();
    return this.#spaces.types[index] ?? decoder.malformed(`block type ${index}`, start);
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
      if (kind < 2) this.#index("tag", this.#spaces.tagTypes.length);
      else this.catchesAll = true;
      this.#label();
    }
  }
}
