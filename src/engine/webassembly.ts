/**
 * Layer: engine. The part of the WebAssembly JavaScript interface Linden uses, typed. It must not know a guest. Read
 * once when the engine starts: what a later script does to the global changes nothing here.
 */

/** A compiled module; opaque. */
export interface WasmModule {
  readonly [module: symbol]: unknown;
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** Grow by pages of 64 KiB; a RangeError when it cannot be had. */
  grow(pages: number): number;
  /** Each hands the memory over to a buffer of the other kind, and detaches the one before. */
  toResizableBuffer(): ArrayBuffer;
  toFixedLengthBuffer(): ArrayBuffer;
}

export interface WasmTable {
  readonly length: number;
  get(index: number): unknown;
  set(index: number, value: object | null): void;
}

export interface WasmGlobal {
  value: unknown;
}

export interface WasmInstance {
  /** Null prototype, frozen. */
  readonly exports: Readonly<Record<string, unknown>>;
}

/** What an exception is known by; opaque. */
export interface WasmTag {
  readonly [tag: symbol]: unknown;
}

export type WasmFunction = (...args: number[]) => unknown;

/** Null-prototype, frozen objects only: a module must not reach anything by inheritance. */
export type WasmImports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface WasmImportDescriptor {
  readonly module: string;
  readonly name: string;
  readonly kind: string;
}

type ErrorClass = new (message?: string) => Error;

interface WebAssemblyInterface {
  readonly Module: {
    new (bytes: Uint8Array<ArrayBuffer>): WasmModule;
    imports(module: WasmModule): WasmImportDescriptor[];
  };
  readonly Instance: new (module: WasmModule, imports: WasmImports) => WasmInstance;
  readonly Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory;
  readonly Table: new (descriptor: { element: "anyfunc" | "externref"; initial: number; maximum: number }) => WasmTable;
  readonly CompileError: ErrorClass;
  readonly LinkError: ErrorClass;
  readonly RuntimeError: ErrorClass;
  readonly Tag: new (type: { parameters: readonly string[] }) => WasmTag;
  /** Of every exception that JavaScript throws. */
  readonly JSTag: WasmTag;
  readonly Exception: new (...args: never[]) => object;
  /** An import that suspends the guest's stack until the promise it answers settles. */
  readonly Suspending: new (
    answer: (argument?: number) => Promise<number>,
  ) => object;
  /** Enter an export on a stack of its own. */
  promising(entry: WasmFunction): (...args: number[]) => Promise<unknown>;
}

export const wasm: WebAssemblyInterface = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;

/** A global's value where it can be put back: undefined for a vector, or a reference that is not null. */
export function plainValue(global: WasmGlobal): number | bigint | null | undefined {
  try {
    const { value } = global;
    return value === null || typeof value === "number" || typeof value === "bigint" ? value : undefined;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
