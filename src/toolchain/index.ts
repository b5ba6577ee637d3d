/**
 * Layer: toolchain. What other rooms use: the driver, LLVM's tools under Linden's name, the library's place.
 */
export { type BinaryTool, binaryTool } from "./binary-tool.ts";
export { compile, type Language } from "./driver/driver.ts";
export { ToolchainError } from "./errors.ts";
export { findLlvm } from "./find-llvm.ts";
export type { Job, Session } from "./llvm.ts";
export { publish } from "./publish.ts";
export type { ToolResult } from "./run-tool.ts";
export { type Progress, packSysroot, type Sysroot, sysroot, TARGET } from "./sysroot.ts";
export { INSTALL_COMMAND, missingTools } from "./tools.ts";
export { buildImage, DEFAULT_IMAGE, type Image, images, staleImage } from "./userland.ts";
export type { LockUp } from "./wasm-llvm.ts";
