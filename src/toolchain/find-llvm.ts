/** Layer: toolchain. Which LLVM compiles here: the host's, or the one that runs locked up. It must not know either's ways. */
import { cacheRoot } from "../store/index.ts";
import { ToolchainError } from "./errors.ts";
import { type Llvm, nativeLlvm } from "./llvm.ts";
import type { Progress } from "./sysroot.ts";
import { findTools, missingTools } from "./tools.ts";
import { type LockUp, wasmLlvm } from "./wasm-llvm.ts";

/**
 * The host's own where it is complete, otherwise the locked one; LINDEN_LLVM (native or wasm) decides otherwise. Throws
 * ToolchainError where there is neither.
 */
export async function findLlvm(
  lockUp: LockUp,
  progress: Progress,
  { wish = process.env.LINDEN_LLVM ?? "", path = process.env.PATH ?? "", root = cacheRoot() } = {},
): Promise<Llvm> {
  if (!["", "native", "wasm"].includes(wish)) throw new ToolchainError(`LINDEN_LLVM is ${wish}: native or wasm`);
  const native = wish === "native" || (wish === "" && missingTools(path).length === 0);
  return native ? nativeLlvm(findTools(path)) : wasmLlvm(lockUp, progress, root);
}
