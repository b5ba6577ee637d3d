/** Layer: engine, rewriter. What has been read of a module so far. It must not know how sections are read or written. */
import type { BodySites } from "./body-sites.ts";
import type { ExportedFunction, ImportedFunction } from "./report.ts";
import type { FunctionType } from "./value-types.ts";

/** A table or memory size. Tables count elements, memories pages. */
export interface Limits {
  readonly minimum: number;
  readonly maximum: number | undefined;
}

export interface Table extends Limits {
  readonly type: string;
}

/** An export as the guest wrote it. */
export interface Export {
  readonly name: string;
  /** 0 function, 1 table, 2 memory, 3 global, 4 tag. */
  readonly kind: number;
  readonly index: number;
}

/** [start, end) in the guest's file: bytes checked to the last and copied as they stand. */
export type Span = readonly [start: number, end: number];

export class ModuleShape {
  /** Whether Linden wrote these bytes: its own names are expected then, and bodies are not read again. */
  readonly rewritten: boolean;
  readonly types: FunctionType[] = [];
  readonly imports: ImportedFunction[] = [];
  /** Type index of each imported function. */
  readonly importTypes: number[] = [];
  /** Type index of every function, imported ones first. */
  functionTypes: number[] = [];
  readonly tables: Table[] = [];
  memory: Limits | undefined;
  readonly tagTypes: number[] = [];
  /** Whether each global is mutable. */
  readonly globals: boolean[] = [];
  readonly exports: Export[] = [];
  start: number | undefined;
  elements = 0;
  /** Elements of active and passive segments, together. */
  elementItems = 0;
  dataCount: number | undefined;
  bodies = 0;
  /** Whether a body changes a table; where bodies are not read, they may. */
  mutatesTables = true;
  /** Whether a body drops a segment; where bodies are not read, they may. */
  dropsSegments = true;
  /** Whether a body catches every exception; where bodies are not read, they may. */
  catchesAll = true;
  /** Waits for memory, each with the drop after it: replaced by drops of what they were given. */
  waits: readonly Span[] = [];
  /** Where safepoints go, by body; empty where bodies are not read. */
  sites: readonly BodySites[] = [];
  /** Of a module Linden wrote: whether it has safepoints, whose additions stand at the ends of the index spaces. */
  hasSafepoints = false;
  data = 0;
  /** Where the active data segment that reaches highest ends; 2^32 where an offset is no plain constant. */
  dataEnd = 0;
  /** Where the lowest begins; 2^32 without any, 0 where an offset is no plain constant. */
  dataStart = 0x1_0000_0000;
  /** Sections that are copied, by id. */
  readonly copied = new Map<number, Span>();
  /** Function names, by ascending index: where each stands. */
  readonly names: { readonly index: number; readonly span: Span }[] = [];

  constructor(rewritten = false) {
    this.rewritten = rewritten;
  }

  typeOf(functionIndex: number): FunctionType {
    const type = this.types[this.functionTypes[functionIndex] ?? -1];
    if (type === undefined) throw new RangeError(`function ${functionIndex} of ${this.functionTypes.length}`);
    return type;
  }

  exportedFunctions(): ExportedFunction[] {
    return this.exports
      .filter((entry) => entry.kind === 0)
      .map(({ name, index }) => ({ name, index, ...this.typeOf(index) }));
  }
}
