/**
 * Layer: host. V8's flags while it runs. It must not know which of them a lock wants.
 *
 * node:v8 has a function for this too, but loading that module costs more than what a cell wants to save by it.
 */
import { fixedBytes } from "./calls.unsafe.ts";

/** v8::V8::SetFlagsFromString(const char*, size_t), include/v8-initialization.h; Node exports V8's API for addons. */
const SET_FLAGS = "_ZN2v82V818SetFlagsFromStringEPKcm";

/** Sets flags, written as on the command line. Whether one still has an effect when the engine runs is V8's matter. */
export function setEngineFlags(flags: readonly string[]): void {
  const text = Buffer.from(flags.join(" "), "latin1");
  const bytes = fixedBytes(text.length);
  bytes.set(text);
  const { functions } = process.getBuiltinModule("node:ffi").dlopen(null, {
    [SET_FLAGS]: { arguments: ["pointer", "u64"], return: "void" },
  });
  // SAFETY: a static function of V8 that reads `bytes` (live here) within the given length, copies it, and answers nothing;
  // V8 ignores flags it does not know. Called on the main thread, as v8.setFlagsFromString does. Audited 2026-11-21.
  functions[SET_FLAGS]?.(bytes, BigInt(bytes.length));
}
