/** Layer: sandbox. Programs read ahead, for many sandboxes or while a cell starts. It must not know sandboxes. */
import { MODULE_BYTES } from "../limits.ts";
import { openImage } from "./image.ts";
import { type LoadedProgram, loadModule } from "./modules.ts";
import { parseSandboxOptions, type SandboxOptions } from "./options.ts";
import { findProgram } from "./programs.ts";
import { defaultServices, type Services } from "./services.ts";

/**
 * Read a program once and run it in as many sandboxes as you like. ProgramNotFound, NotRunnable or OptionError say why
 * it cannot be. `image`: one it may stand in, as an option of a sandbox.
 */
export async function loadProgram(
  name: string,
  services: Services = defaultServices(),
  image?: SandboxOptions["image"],
): Promise<LoadedProgram> {
  const cwd = process.cwd();
  const found = image === undefined ? undefined : await openImage(parseSandboxOptions({ image }, cwd).images);
  const program = await findProgram(name, cwd, found);
  return loadModule(program, services.cache, services.launcher.build, MODULE_BYTES);
}
