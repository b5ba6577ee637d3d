/** Layer: cli. `linden shell`: the default image, built if it must be, and its shell in a sandbox. */
import type { LaunchedAhead } from "../sandbox/services.ts";
import { builtImage, DEFAULT_IMAGE } from "../toolchain/index.ts";
import { built } from "./image.ts";
import { print } from "./output.ts";
import { run } from "./run.ts";
import { HELP } from "./usage.ts";

/** Linden could not do what was asked. */
const EXIT_LINDEN = 125;

/** The words are those of `linden run` before the program. */
export async function shell(argv: readonly string[], launched: LaunchedAhead | undefined): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    print(1, HELP.get("shell") ?? "");
    return 0;
  }
  if ((await builtImage(DEFAULT_IMAGE)) === undefined && (await built(DEFAULT_IMAGE)) === undefined) return EXIT_LINDEN;
  return run(["-t", "--image", DEFAULT_IMAGE, "-e", "HOME=/root", ...argv, "--", "sh", "-l"], launched);
}
