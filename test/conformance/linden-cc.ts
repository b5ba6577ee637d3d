/** `linden cc` as a compiler of guests. The first use builds the C library, which takes a minute. */
import { fileURLToPath } from "node:url";
import { INSTALL_COMMAND, missingTools } from "../../src/toolchain/index.ts";
import type { Compiler } from "./guests.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

const missing = missingTools();

const driver = [process.execPath, "--conditions=linden-source", "--disable-warning=ExperimentalWarning", main] as const;

export const LINDEN_CC: Compiler = {
  name: "linux",
  command: [...driver, "cc"],
  cxx: [...driver, "c++"],
  missing: missing.length > 0 ? `needs ${missing.join(", ")}: ${INSTALL_COMMAND}` : undefined,
};
