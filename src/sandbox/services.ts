/**
 * Layer: sandbox. What every sandbox of this process shares: who launches cells, and the cache on disk. It must not know
 * policies.
 */
import type { CellLauncher } from "./launcher.ts";
import type { ModuleCache } from "./module-cache.ts";

export function defaultServices(): { readonly launcher: CellLauncher; readonly cache: ModuleCache } {
  throw new Error("pending");
}
