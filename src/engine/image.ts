/**
 * Layer: engine. A module ready to be run: compiled, each import matched with what stands behind it. It must not know
 * processes.
 */
import type { GuestCall, ProgramImage } from "../kernel/contracts.ts";
import type { Entry } from "./entries/entry.ts";
import { isForkable } from "./fork.ts";
import { type GateEntry, gateModule } from "./gate.ts";
import { PAGE_BYTES } from "./memory-pool.ts";
import { ModuleRefused } from "./rewriter/refusal.ts";
import {
  type ImportedFunction,
  MEMORY_MODULE,
  MEMORY_NAME,
  type ModuleReport,
  START_EXPORT,
} from "./rewriter/report.ts";
import type { RewrittenModule } from "./rewriter/rewrite.ts";
import { type WasmModule, wasm } from "./webassembly.ts";

/** What safepoints call, behind the guest's imports in the gate: the next filling of fuel. */
const SAFEPOINT: GateEntry = {
  module: MEMORY_MODULE,
  name: "safepoint",
  parameters: "",
  result: "i",
  traps: false,
  own: true,
};

/** Bytes V8 takes for one table element: 240 MB for ten million. */
const ELEMENT_BYTES = 24;

/** Codec tables by import module, made when a program first asks for one. */
export type CallTables = ReadonlyMap<string, () => readonly GuestCall[]>;

/** One import, once: what the gate does for it, and the call behind it unless it traps. */
export interface BoundImport {
  readonly gate: GateEntry;
  readonly call: GuestCall | undefined;
}

export class GuestImage implements ProgramImage {
  readonly name: string;
  readonly module: WasmModule;
  readonly report: ModuleReport;
  readonly entry: Entry;
  readonly imports: readonly BoundImport[];
  readonly gate: WasmModule;
  readonly extent: { readonly bytes: number; readonly data: number };
  /** How many i32 each export takes that answers nothing and takes three at most. */
  readonly #stages: ReadonlyMap<string, number>;
  /** Whether its programs can be taken down and put up: without it fork(2) is -ENOSYS. */
  readonly forkable: boolean;

  /** Throws ModuleRefused: V8 rejects it, an import is unknown or of another type, or it cannot be entered. */
  constructor(name: string, rewritten: RewrittenModule, entry: Entry, tables: CallTables) {
    this.name = name;
    this.report = rewritten.report;
    this.entry = entry;
    entry.check(this.report);
    this.module = compile(rewritten.bytes);
    this.imports = matchImports(this.module, this.report, entry, tables);
    const entries = this.imports.map(({ gate }) => gate);
    this.gate = gateModule(this.report.hasSafepoints ? [...entries, SAFEPOINT] : entries, !this.report.catchesAll);
    this.#stages = stagesOf(this.report);
    this.forkable = isForkable(this.report);
    this.extent = extentOf(this.report);
  }

  /** Whether an instance of it that a program has left can become a copy of another program. */
  get servesAgain(): boolean {
    return !this.report.mutatesTables && !this.report.dropsSegments;
  }

  /** What its tables take of the limit of memory, in pages. */
  get tablePages(): number {
    return Math.ceil((this.report.tableElements * ELEMENT_BYTES) / PAGE_BYTES);
  }

  /** Bytes of the limit of memory that a program of it takes before its first instruction. */
  get leastBytes(): number {
    return (this.report.memory.minimum + this.tablePages) * PAGE_BYTES;
  }

  /** Whether the gate can call this export with so many arguments at the bottom of a stack. */
  isStage(name: string, parameters: number): boolean {
    return this.#stages.get(name) === parameters;
  }
}

/** A stack lies below the data or is taken for data: nobody can tell. */
function extentOf({ memory, dataStart }: ModuleReport): { bytes: number; data: number } {
  const bytes = memory.minimum * PAGE_BYTES;
  return { bytes, data: dataStart < bytes ? bytes - dataStart : bytes };
}

function stagesOf({ exports, hasStart }: ModuleReport): ReadonlyMap<string, number> {
  const fitting = exports.filter(({ parameters, results }) => results === "" && /^i{0,3}$/.test(parameters));
  const stages = new Map(fitting.map(({ name, parameters }) => [name, parameters.length]));
  return hasStart ? stages.set(START_EXPORT, 0) : stages;
}

function compile(bytes: Uint8Array<ArrayBuffer>): WasmModule {
  try {
    return new wasm.Module(bytes);
  } catch (error) {
    if (!(error instanceof wasm.CompileError)) throw error;
    throw new ModuleRefused("validation", error.message, "only valid WebAssembly is run: build the module again");
  }
}

/** Every import as V8 itself lists it must be one of the report's, and that one of the tables'. */
function matchImports(
  module: WasmModule,
  report: ModuleReport,
  entry: Entry,
  tables: CallTables,
): readonly BoundImport[] {
  const listed = wasm.Module.imports(module);
  const bound = new Map<string, BoundImport>();
  if (listed.length !== report.imports.length + 1) throw changed(`${listed.length} imports`);
  listed.forEach((item, i) => {
    const reported = report.imports[i];
    if (reported === undefined) {
      const isMemory = item.module === MEMORY_MODULE && item.name === MEMORY_NAME && item.kind === "memory";
      if (!isMemory) throw changed(label(item));
      return;
    }
    if (item.module !== reported.module || item.name !== reported.name || item.kind !== "function") {
      throw changed(label(item));
    }
    const key = JSON.stringify([item.module, item.name]);
    const known = bound.get(key);
    if (known === undefined) bound.set(key, matchImport(reported, entry, tables));
    else if (known.gate.parameters !== reported.parameters || known.gate.result !== reported.result) {
      throw new ModuleRefused("import", `${label(item)} with two types`, "import each function once");
    }
  });
  return [...bound.values()];
}

function matchImport(item: ImportedFunction, entry: Entry, tables: CallTables): BoundImport {
  const own = entry.imports.get(item.module);
  if (own === "traps") return { gate: { ...item, traps: true }, call: undefined };
  const calls = own ?? tables.get(item.module)?.();
  if (calls === undefined) {
    const offered = [...tables.keys()].join(", ");
    throw new ModuleRefused("import", label(item), `Linden answers the modules ${offered}: link everything else in`);
  }
  // One name may be offered with more than one type: WALI leaves that of some calls open.
  const named = calls.filter(({ name }) => name === item.name);
  const fits = ({ parameters, result }: GuestCall): boolean => parameters === item.parameters && result === item.result;
  const call = named.find(fits) ?? named[0];
  if (call === undefined) {
    throw new ModuleRefused("import", label(item), `no call of "${item.module}" has this name: build for a known one`);
  }
  if (!fits(call)) {
    const has = `(${item.parameters}) -> (${item.result})`;
    const remedy = `declare it (${call.parameters}) -> (${call.result})`;
    throw new ModuleRefused("import", `${label(item)} of type ${has}`, remedy);
  }
  return { gate: { ...item, traps: false }, call };
}

function label({ module, name }: { readonly module: string; readonly name: string }): string {
  return `import ${JSON.stringify(module)} ${JSON.stringify(name)}`;
}

function changed(what: string): ModuleRefused {
  return new ModuleRefused("import", `${what} that the rewriter did not see`, "give the bytes it wrote, unchanged");
}
