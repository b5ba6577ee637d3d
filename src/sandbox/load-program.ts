/** Layer: sandbox. Programs read ahead, for many sandboxes or while a cell starts. It must not know sandboxes. */
import { MODULE_BYTES } from "../limits.ts";
import { type LoadedProgram, loadModule } from "./modules.ts";
import { findProgram } from "./programs.ts";
import { defaultServices, type Services } from "./services.ts";

/**
 * Read a program once and run it in as many sandboxes as you like. ProgramNotFound, NotRunnable or OptionError say why
 * it cannot be. `image`: the directory of an image it may stand in.
 */
export async function loadProgram(
  name: string,
  services: Services = defaultServices(),
  image?: string,
): Promise<LoadedProgram> {
  const program = await findProgram(name, process.cwd(), image);
  return loadModule(program, services.cache, services.launcher.build, MODULE_BYTES);
}
