/** Layer: toolchain. Compiles many sources of a library side by side. It must not know which library. */
import { mkdirSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { type Llvm, runJob } from "./llvm.ts";

/** One source of a tree, and the compiler with every word that makes its object but for `-c -o OBJECT SOURCE`. */
export type Unit = { readonly source: string; readonly tool: "clang" | "clang++"; readonly words: readonly string[] };

/** Where the object of a source lies, relative to the tree. */
export function objectOf(source: string): string {
  return join("obj", source.replace(/\.\w+$/, ".o"));
}

/**
 * Compiles every unit. `directories`: what they read beside the tree. `report` hears which part is done, 0 to 1. Throws
 * ToolchainError with the compiler's words.
 */
export async function compileEach(
  llvm: Llvm,
  tree: string,
  units: readonly Unit[],
  directories: readonly string[],
  report: (done: number) => void,
): Promise<string[]> {
  const left = [...units];
  let done = 0;
  const compileRest = async (): Promise<void> => {
    const session = await llvm.open([tree, ...directories]);
    try {
      for (let unit = left.pop(); unit !== undefined; unit = left.pop()) {
        const object = join(tree, objectOf(unit.source));
        mkdirSync(dirname(object), { recursive: true });
        const args = [...unit.words, "-c", "-o", object, unit.source];
        await runJob(session, { tool: unit.tool, args, cwd: tree, writes: [object] });
        done += 1;
        report(done / units.length);
      }
    } catch (error) {
      left.length = 0;
      throw error;
    } finally {
      await session.close();
    }
  };
  await Promise.all(Array.from({ length: atOnce(llvm) }, compileRest));
  return units.map(({ source }) => objectOf(source));
}

/** A locked compiler's own sandbox grows to 0.8 GB. */
function atOnce({ confined }: Llvm): number {
  const room = Math.max(1, Math.floor(totalmem() / 2 ** 31));
  return Math.min(availableParallelism(), ...(confined ? [4, room] : [8]));
}
