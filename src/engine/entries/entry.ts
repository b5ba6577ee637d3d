/**
 * Layer: engine, entries. How a kind of program is entered: which exports it must have, which imports of its own it
 * brings, and the order of its calls. It must not know stacks, gates or how a guest is stopped.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import type { GuestCall } from "../../kernel/contracts.ts";
import type { GuestMemory } from "../../mem/guest-memory.ts";
import { ModuleRefused } from "../rewriter/refusal.ts";
import type { ModuleReport } from "../rewriter/report.ts";

/** What an entry may do with its program. */
export interface EntryContext {
  readonly argv: readonly ByteString[];
  /** The guest's memory; take views again after each call. */
  readonly memory: GuestMemory;
  /**
   * Call an export that `check` has seen, on a stack of its own. Its result, 0 without one. Rejects when the guest trapped
   * or is gone: let that pass.
   */
  call(name: string, ...args: number[]): Promise<number>;
}

/** The guest answered its entry with something it cannot mean. It dies of it, as of a trap. */
export class GuestFault extends Error {}

/** "traps": every import of the module is accepted, and calling one ends the program. */
export type EntryImports = "traps" | readonly GuestCall[];

export interface Entry {
  readonly name: string;
  /** Imports beyond the kernel's calls, by module. */
  readonly imports: ReadonlyMap<string, EntryImports>;
  /** Throw ModuleRefused when an export is missing or of another type. */
  check(report: ModuleReport): void;
  /** Run the program; its exit code, 0 to 255. */
  run(context: EntryContext): Promise<number>;
}

/** A guest's export stands as it must, or the module is refused. */
export function requireExport(report: ModuleReport, name: string, parameters: string, results: string): void {
  const found = report.exports.find((entry) => entry.name === name);
  if (found === undefined) {
    throw new ModuleRefused(
      "entry",
      `a module without ${JSON.stringify(name)}`,
      "export the function it is entered by",
    );
  }
  if (found.parameters !== parameters || found.results !== results) {
    const has = `(${found.parameters}) -> (${found.results})`;
    throw new ModuleRefused(
      "entry",
      `export ${JSON.stringify(name)} of type ${has}`,
      `make it (${parameters}) -> (${results})`,
    );
  }
}
