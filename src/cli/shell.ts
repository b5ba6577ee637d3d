/** Layer: cli. `linden shell`: the default image, built if it must be, and its shell in a sandbox. */
import type { LaunchedAhead } from "../sandbox/services.ts";
import { builtImage } from "../store/index.ts";
import { DEFAULT_IMAGE } from "../toolchain/index.ts";
import { built } from "./image.ts";
import { print, say } from "./output.ts";
import { run } from "./run.ts";
import { programAt } from "./run-arguments.ts";
import { HELP, UsageError } from "./usage.ts";

/** Linden could not do what was asked. */
const EXIT_LINDEN = 125;

/** The words are those of `linden run` before the program. */
export async function shell(argv: readonly string[], launched: LaunchedAhead | undefined): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    print(1, HELP.get("shell") ?? "");
    return 0;
  }
  const extra = argv[programAt(argv)];
  if (extra !== undefined) {
    throw new UsageError(
      "shell",
      `${extra}: expected options alone; linden run --image ${DEFAULT_IMAGE} runs a program`,
    );
  }
  if ((await builtImage(DEFAULT_IMAGE)) === undefined && (await firstBuilt()) === undefined) return EXIT_LINDEN;
  return run(["-t", "--image", DEFAULT_IMAGE, "-e", "HOME=/root", ...argv, "--", "sh", "-l"], launched);
}

function firstBuilt(): Promise<string | undefined> {
  say(`the shell and its tools are built once, from Debian's source of ${DEFAULT_IMAGE}; that takes a few minutes`);
  return built(DEFAULT_IMAGE);
}
