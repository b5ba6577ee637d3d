/** The WebAssembly interface as tests use it, typed: more of it than the engine does. */
import type { WasmImportDescriptor, WasmMemory, WasmModule } from "../../src/engine/webassembly.ts";

export interface Table {
  readonly length: number;
  grow(elements: number): number;
}

interface WebAssemblyInterface {
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  readonly Module: {
    new (bytes: Uint8Array<ArrayBuffer>): WasmModule;
    imports(module: WasmModule): WasmImportDescriptor[];
    exports(module: WasmModule): { name: string; kind: string }[];
    customSections(module: WasmModule, name: string): ArrayBuffer[];
  };
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: Record<string, unknown> };
  readonly JSTag: object;
  readonly Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory;
}

export const WebAssembly: WebAssemblyInterface = (globalThis as unknown as { WebAssembly: WebAssemblyInterface })
  .WebAssembly;
