/** Modules from WebAssembly text, and with asyncify in them as `linden cc` links it in. */
import binaryen from "binaryen";
import { POSIX_IMPORTS } from "./posix-imports.ts";

/** `body` holds everything but the imports of posix-calls and machine. */
export function textModule(body: string, asyncify = false): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(`(module ${POSIX_IMPORTS} ${body})`);
  module.setFeatures(
    binaryen.Features.MVP |
      binaryen.Features.BulkMemory |
      binaryen.Features.ExceptionHandling |
      binaryen.Features.ReferenceTypes,
  );
  if (asyncify) {
    binaryen.setOptimizeLevel(1);
    module.runPasses(["asyncify"]);
  }
  const bytes = Uint8Array.from(module.emitBinary());
  module.dispose();
  return bytes;
}
