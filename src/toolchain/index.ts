/**
 * Layer: toolchain. What other rooms use: the driver, LLVM's tools under Linden's name, the library's place.
 */
export { compile, type Language } from "./driver/driver.ts";
export { ToolchainError } from "./errors.ts";
export { startTool } from "./run-tool.ts";
export { type Progress, type Sysroot, sysroot, TARGET } from "./sysroot.ts";
export { findTools, INSTALL_COMMAND, missingTools } from "./tools.ts";
export { buildImage, DEFAULT_IMAGE, type Image, images, staleImage } from "./userland.ts";
