/** Layer: engine, rewriter. What the rewriter says about a module it accepted: plain data, kept beside the bytes in caches. */
import type { FunctionType, TypeString } from "./value-types.ts";

/** Names Linden adds begin with this; a guest's own exports must not. */
export const RESERVED_PREFIX = "linden:";
export const MEMORY_MODULE = "linden";
export const MEMORY_NAME = "memory";
/** The module's start function, if it had one; the process runs it first. */
export const START_EXPORT = "linden:start";
/** Table 0. Further tables are `linden:table:N`. */
export const TABLE_EXPORT = "linden:table";
/** Mutable global N is `linden:global:N`. */
export const GLOBAL_EXPORT = "linden:global:";
/** A table of one element, for the function that safepoints call: () -> i32, the next filling of fuel. */
export const SAFEPOINT_EXPORT = "linden:safepoint";
/** The fuel left until the next safepoint, an i32: the instance of a program that was ended at one has none. */
export const FUEL_EXPORT = "linden:fuel";

export interface ImportedFunction {
  readonly module: string;
  readonly name: string;
  readonly parameters: TypeString;
  /** One type or none. */
  readonly result: TypeString;
}

export interface ExportedFunction extends FunctionType {
  readonly name: string;
  /** Index in the function index space. */
  readonly index: number;
}

export interface ModuleReport {
  readonly imports: readonly ImportedFunction[];
  /** The guest's own function exports. */
  readonly exports: readonly ExportedFunction[];
  /** Pages of 64 KiB. No maximum when the guest named none. */
  readonly memory: { readonly minimum: number; readonly maximum: number | undefined };
  /** Elements all tables may have together. */
  readonly tableElements: number;
  readonly hasStart: boolean;
  readonly functions: number;
  /** Whether function names were kept. */
  readonly hasNames: boolean;
  /** Whether any instruction changes a table: such a program cannot be copied for fork. */
  readonly mutatesTables: boolean;
  /** Whether any instruction drops a segment: an instance of such a program is not what it was when it began. */
  readonly dropsSegments: boolean;
  /** Whether any instruction catches exceptions whatever their tag. */
  readonly catchesAll: boolean;
  /** Whether it comes to the engine now and then though it makes no call. A module without functions has no need to. */
  readonly hasSafepoints: boolean;
  /** No byte of memory at or above this address is filled at instantiation; 2^32 where that cannot be told. */
  readonly dataEnd: number;
  /** Nor below this one: 0 where that cannot be told. */
  readonly dataStart: number;
}
