/** Layer: sandbox. Programs read ahead, for many sandboxes or while a cell starts. It must not know sandboxes. */
import { MODULE_BYTES } from "../limits.ts";
import { type LoadedProgram, loadModule } from "./modules.ts";
import { findProgram } from "./programs.ts";
import { defaultServices, type Services } from "./services.ts";

/**
 * Read a program once and run it in as many sandboxes as you like. ProgramNotFound, NotRunnable or OptionError say why
 * it cannot be.
 */
export async function loadProgram(name: string, services: Services = defaultServices()): Promise<LoadedProgram> {
  const program = await findProgram(name, process.cwd());
  return loadModule(program, services.cache, services.launcher.build, MODULE_BYTES);
}
