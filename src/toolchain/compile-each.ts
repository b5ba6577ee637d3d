/** Layer: toolchain. Compiles many sources of a library side by side. It must not know which library. */
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { runTool } from "./run-tool.ts";

/** One source of a tree, and the whole command that makes its object but for `-c -o OBJECT SOURCE`. */
export type Unit = { readonly source: string; readonly command: readonly [file: string, ...words: string[]] };

/** Where the object of a source lies, relative to the tree. */
export function objectOf(source: string): string {
  return join("obj", source.replace(/\.\w+$/, ".o"));
}

/** Compiles every unit. `report` hears which part is done, 0 to 1. Throws ToolchainError with the compiler's words. */
export async function compileEach(
  tree: string,
  units: readonly Unit[],
  report: (done: number) => void,
): Promise<string[]> {
  const left = [...units];
  let done = 0;
  const compileNext = async (): Promise<void> => {
    for (let unit = left.pop(); unit !== undefined; unit = left.pop()) {
      const object = objectOf(unit.source);
      mkdirSync(dirname(join(tree, object)), { recursive: true });
      const [file, ...words] = unit.command;
      await runTool(file, [...words, "-c", "-o", object, unit.source], tree).catch((error: unknown) => {
        left.length = 0;
        throw error;
      });
      done += 1;
      report(done / units.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 8) }, compileNext));
  return units.map(({ source }) => objectOf(source));
}
