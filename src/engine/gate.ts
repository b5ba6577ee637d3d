/**
 * Layer: engine. Writes the gate: a small wasm module between a guest and the handlers, one function for each import of
 * the guest. It splits i64 into words, calls the synchronous handler, and obeys the verdict in the control memory:
 * return, suspend the stack, or trap. A guest catches JavaScript exceptions but no trap, so a killed call ends in
 * `unreachable`. State is kept in locals only. It must not know what a call means.
 */
import { BLOCK, KILL, RESULT_OFFSET } from "./control.ts";
import { Encoder } from "./rewriter/encoder.ts";
import type { ImportedFunction } from "./rewriter/report.ts";
import { typeCode } from "./rewriter/value-types.ts";
import { type WasmModule, wasm } from "./webassembly.ts";

/** One import of a guest and what stands behind it. */
export interface GateEntry extends ImportedFunction {
  /** Never answered: the handler is told which import it was, then the gate traps. */
  readonly traps: boolean;
}

/** The gate's own imports and exports. Handlers are "0", "1", …; exports carry the same names. */
export const GATE_MODULE = "gate";
export const HANDLERS = "handlers";

const I32 = 0x7f;
const I64 = 0x7e;
/** Function indexes: trap reporter, suspend, then the handlers. */
const TRAPPED = 0;
const SUSPEND = 1;
const FIRST_HANDLER = 2;

const compiled = new Map<string, WasmModule>();
/** Gates kept compiled; programs built by the same toolchain share most. */
const KEPT = 64;

/** The compiled gate of an import list. */
export function gateModule(entries: readonly GateEntry[]): WasmModule {
  const key = entries.map(({ parameters, result, traps }) => `${parameters}>${result}${traps ? "!" : ""}`).join(",");
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const module = new wasm.Module(gateBytes(entries));
  if (compiled.size >= KEPT) compiled.clear();
  compiled.set(key, module);
  return module;
}

class Types {
  readonly #keys: string[] = [];

  index(parameters: string, results: string): number {
    const key = `${parameters}>${results}`;
    const known = this.#keys.indexOf(key);
    return known >= 0 ? known : this.#keys.push(key) - 1;
  }

  write(): Encoder {
    const out = new Encoder().u32(this.#keys.length);
    for (const key of this.#keys) {
      out.byte(0x60);
      for (const list of key.split(">")) {
        out.u32(list.length);
        for (const type of list) out.byte(typeCode(type));
      }
    }
    return out;
  }
}

/** The gate as wasm: pure, for tests. */
export function gateBytes(entries: readonly GateEntry[]): Uint8Array<ArrayBuffer> {
  const types = new Types();
  const handlers = entries.map((entry, i) => ({ entry, i })).filter(({ entry }) => !entry.traps);
  const wait = FIRST_HANDLER + handlers.length;

  const imports = new Encoder().u32(4 + handlers.length);
  imports.name(GATE_MODULE).name("trapped").byte(0).u32(types.index("i", ""));
  imports.name(GATE_MODULE).name("suspend").byte(0).u32(types.index("", "i"));
  const handlerIndex = new Map<number, number>();
  handlers.forEach(({ entry, i }, position) => {
    handlerIndex.set(i, FIRST_HANDLER + position);
    const words = entry.parameters.replaceAll("I", "ii");
    imports.name(HANDLERS).name(`${i}`).byte(0).u32(types.index(words, "i"));
  });
  imports.name(GATE_MODULE).name("control").byte(2).byte(0).u32(1);
  imports.name(GATE_MODULE).name("slot").byte(3).byte(I32).byte(0);

  const functions = new Encoder().u32(entries.length + 1).u32(types.index("", "i"));
  const exports = new Encoder().u32(entries.length);
  const bodies = new Encoder().u32(entries.length + 1);
  writeBody(bodies, waitBody());
  entries.forEach((entry, i) => {
    functions.u32(types.index(entry.parameters, entry.result));
    exports
      .name(`${i}`)
      .byte(0)
      .u32(wait + 1 + i);
    const handler = handlerIndex.get(i);
    writeBody(bodies, handler === undefined ? trapBody(i) : callBody(entry, handler, wait));
  });
  return new Encoder()
    .raw([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    .section(1, types.write())
    .section(2, imports)
    .section(3, functions)
    .section(7, exports)
    .section(10, bodies)
    .bytes()
    .slice();
}

function writeBody(out: Encoder, body: Encoder): void {
  out.u32(body.length).raw(body.bytes());
}

/** Push the verdict: i32.load at the slot. */
function verdict(out: Encoder): Encoder {
  return out.raw([0x23, 0, 0x28, 2, 0]);
}

/** () -> i32: the verdict was not PROCEED. Suspend until it is, or trap; answers what the suspended call answers. */
function waitBody(): Encoder {
  const out = new Encoder().raw([1, 1, I32]);
  out.raw([0x03, 0x40]); // loop
  verdict(out).byte(0x41).s32(KILL).raw([0x46, 0x04, 0x40, 0x00, 0x0b]); // == KILL: unreachable
  verdict(out).byte(0x41).s32(BLOCK).raw([0x46, 0x04, 0x40]); // == BLOCK:
  out.byte(0x10).u32(SUSPEND).raw([0x21, 0, 0x0c, 1, 0x0b]); // local = suspend(); again
  return out.raw([0x0b, 0x20, 0, 0x0b]);
}

function trapBody(index: number): Encoder {
  return new Encoder().byte(0).byte(0x41).s32(index).byte(0x10).u32(TRAPPED).raw([0x00, 0x0b]);
}

function callBody(entry: GateEntry, handler: number, wait: number): Encoder {
  const out = new Encoder().raw([1, 1, I32]);
  const answer = entry.parameters.length;
  [...entry.parameters].forEach((type, i) => {
    out.byte(0x20).u32(i);
    if (typeCode(type) !== I64) return;
    out.byte(0xa7).byte(0x20).u32(i).raw([0x42, 32, 0x88, 0xa7]); // low word; high word
  });
  out.byte(0x10).u32(handler).byte(0x21).u32(answer);
  verdict(out).raw([0x04, 0x40]).byte(0x10).u32(wait).byte(0x21).u32(answer).byte(0x0b);
  if (entry.result === "i") out.byte(0x20).u32(answer);
  if (entry.result === "I") out.raw([0x23, 0, 0x29, 3, RESULT_OFFSET]);
  return out.byte(0x0b);
}
