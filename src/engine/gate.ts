/**
 * Layer: engine. Writes the gate: a small wasm module between guests of one image and the handlers, one function for each
 * import. Which stack is calling, the control memory says: one runs at a time, and a gate that resumes one says so. It
 * splits i64 into words, calls the synchronous handler, and obeys the verdict in the control memory: return, suspend the
 * stack, end it, or call functions of the guest's (handlers of signals, the steps of a fork) before it returns. Those are
 * called from here and not from JavaScript, because a stack with JavaScript frames cannot suspend. A guest catches JavaScript
 * exceptions but no trap, so a killed call ends in `unreachable`; of a guest that catches its own tags alone, in an exception
 * of ours, after which the stack serves again. State is kept in locals only, so a handler may leave by an exception and
 * nothing is left behind. It must not know what a call means.
 */
import { BLOCK, CURRENT_OFFSET, KILL, RESTART_OFFSET, RESULT_OFFSET, STEP_OFFSET, STEP_WORDS } from "./control.ts";
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
/** The name of the tag that ends a killed thread's frames, of a gate that throws. */
export const ENDED = "ended";

const I32 = 0x7f;
const I64 = 0x7e;
/** Function indexes: trap reporter, suspend, the next step, its end, then the handlers. */
const TRAPPED = 0;
const SUSPEND = 1;
const NEXT = 2;
const DONE = 3;
const FIRST_HANDLER = 4;
/** Functions before those of the imports: wait, steps. */
const OWN_FUNCTIONS = 2;
/** What `next` and a thread's `nextStage` answer: how many arguments the function takes (0 to 3), or NO_STEP. */
export const NO_STEP = -1;
/** Parameters of `done`: how many arguments, the step's words, the call's answer, its 64-bit result, whether to restart. */
const DONE_PARAMETERS = "i".repeat(1 + STEP_WORDS + 4);

const compiled = new Map<string, WasmModule>();
/** Gates kept compiled; programs built by the same toolchain share most. */
const KEPT = 64;

/** The compiled gate of an import list. `throws`: a killed thread's frames end by an exception, which the guest cannot catch. */
export function gateModule(entries: readonly GateEntry[], throws = false): WasmModule {
  const types = entries.map(({ parameters, result, traps }) => `${parameters}>${result}${traps ? "!" : ""}`).join(",");
  const key = throws ? `throws ${types}` : types;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const module = new wasm.Module(gateBytes(entries, throws));
  if (compiled.size >= KEPT) compiled.clear();
  compiled.set(key, module);
  return module;
}

export class Types {
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
export function gateBytes(entries: readonly GateEntry[], throws = false): Uint8Array<ArrayBuffer> {
  const types = new Types();
  const handlers = entries.map((entry, i) => ({ entry, i })).filter(({ entry }) => !entry.traps);
  const wait = FIRST_HANDLER + handlers.length;

  const imports = new Encoder().u32(6 + handlers.length + (throws ? 1 : 0));
  imports.name(GATE_MODULE).name("trapped").byte(0).u32(types.index("i", ""));
  imports.name(GATE_MODULE).name("suspend").byte(0).u32(types.index("", "i"));
  imports.name(GATE_MODULE).name("next").byte(0).u32(types.index("", "i"));
  imports.name(GATE_MODULE).name("done").byte(0).u32(types.index(DONE_PARAMETERS, "i"));
  const handlerIndex = new Map<number, number>();
  handlers.forEach(({ entry, i }, position) => {
    handlerIndex.set(i, FIRST_HANDLER + position);
    const words = entry.parameters.replaceAll("I", "ii");
    imports.name(HANDLERS).name(`${i}`).byte(0).u32(types.index(words, "i"));
  });
  imports.name(GATE_MODULE).name("control").byte(2).byte(0).u32(1);
  imports.name(GATE_MODULE).name("table").byte(1).byte(0x70).byte(0).u32(1);
  if (throws) imports.name(GATE_MODULE).name(ENDED).byte(4).byte(0).u32(types.index("", ""));

  const functions = new Encoder().u32(entries.length + OWN_FUNCTIONS);
  functions.u32(types.index("ii", "i")).u32(types.index("iIii", "i"));
  const exports = new Encoder().u32(entries.length);
  const bodies = new Encoder().u32(entries.length + OWN_FUNCTIONS);
  const shapes = ["", "i", "ii", "iii"].map((parameters) => types.index(parameters, ""));
  writeBody(bodies, waitBody(throws));
  writeBody(bodies, stepsBody(shapes, throws));
  entries.forEach((entry, i) => {
    functions.u32(types.index(entry.parameters, entry.result));
    exports
      .name(`${i}`)
      .byte(0)
      .u32(wait + OWN_FUNCTIONS + i);
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

export function writeBody(out: Encoder, body: Encoder): void {
  out.u32(body.length).raw(body.bytes());
}

/** Push the slot of the stack that runs. */
function current(out: Encoder): Encoder {
  return out.raw([0x41, 0, 0x28, 2]).u32(CURRENT_OFFSET);
}

/** Push a word of the slot whose address stands in a local: i32.load. */
export function word(out: Encoder, slot: number, offset: number): Encoder {
  return out.byte(0x20).u32(slot).raw([0x28, 2]).u32(offset);
}

export function verdict(out: Encoder, slot: number): Encoder {
  return word(out, slot, 0);
}

/**
 * (i32 answer, i32 slot) -> i32: the verdict was not PROCEED. Suspend while it is BLOCK, or trap; what the call answers.
 * Others ran meanwhile: from here on this stack does again.
 */
function waitBody(throws: boolean): Encoder {
  const slot = 1;
  const out = new Encoder().byte(0);
  out.raw([0x03, 0x40]); // loop
  endIfKilled(out, slot, throws);
  verdict(out, slot).byte(0x41).s32(BLOCK).raw([0x46, 0x04, 0x40]); // == BLOCK:
  out.byte(0x10).u32(SUSPEND).raw([0x21, 0]); // answer = suspend()
  out.raw([0x41, 0]).byte(0x20).u32(slot).raw([0x36, 2]).u32(CURRENT_OFFSET);
  out.raw([0x0c, 1, 0x0b]); // again
  return out.raw([0x0b, 0x20, 0, 0x0b]);
}

/** `throw` of the one tag, or `unreachable`. */
function endIfKilled(out: Encoder, slot: number, throws: boolean): void {
  verdict(out, slot)
    .byte(0x41)
    .s32(KILL)
    .raw([0x46, 0x04, 0x40, ...(throws ? [0x08, 0] : [0x00]), 0x0b]);
}

/** Call the function in the table's one place with the first `local shape` of three arguments. */
export function callStep(out: Encoder, shapes: readonly number[], shape: number, argument: (i: number) => void): void {
  shapes.forEach((type, count) => {
    const last = count === shapes.length - 1;
    if (!last) out.byte(0x20).u32(shape).byte(0x41).s32(count).raw([0x46, 0x04, 0x40]);
    for (let i = 0; i < count; i++) argument(i);
    out.raw([0x41, 0, 0x11]).u32(type).u32(0);
    if (!last) out.byte(0x05);
  });
  for (let i = 1; i < shapes.length; i++) out.byte(0x0b);
}

/**
 * (i32 answer, i64 result, i32 restart, i32 slot) -> i32: call one function of the guest's after another until there is
 * none. Whether the call is to be made again; no when `done` says that the stack is coming down.
 */
function stepsBody(shapes: readonly number[], throws: boolean): Encoder {
  const slot = 3;
  const shape = 4;
  const words = 5;
  const out = new Encoder().raw([1, 1 + STEP_WORDS, I32]);
  out.raw([0x03, 0x40]); // loop
  out.byte(0x10).u32(NEXT).byte(0x21).u32(shape);
  endIfKilled(out, slot, throws);
  out.byte(0x20).u32(shape).byte(0x41).s32(NO_STEP).raw([0x46, 0x04, 0x40, 0x20, 2, 0x0f, 0x0b]); // return restart
  for (let i = 0; i < STEP_WORDS; i++) {
    word(out, slot, STEP_OFFSET + i * 4)
      .byte(0x21)
      .u32(words + i);
  }
  callStep(out, shapes, shape, (i) => out.byte(0x20).u32(words + 1 + i));
  for (let i = 0; i < 1 + STEP_WORDS; i++) out.byte(0x20).u32(shape + i);
  out.raw([0x20, 0, 0x20, 1, 0xa7, 0x20, 1, 0x42, 32, 0x88, 0xa7, 0x20, 2]).byte(0x10).u32(DONE);
  out.raw([0x04, 0x40, 0x41, 0, 0x0f, 0x0b]);
  endIfKilled(out, slot, throws);
  return out.raw([0x0c, 0, 0x0b, 0x41, 0, 0x0b]);
}

function trapBody(index: number): Encoder {
  return new Encoder().byte(0).byte(0x41).s32(index).byte(0x10).u32(TRAPPED).raw([0x00, 0x0b]);
}

function callBody(entry: GateEntry, handler: number, wait: number): Encoder {
  const answer = entry.parameters.length;
  const slot = answer + 1;
  const wide = answer + 2;
  const out = new Encoder().raw([2, 2, I32, 1, I64]);
  out.raw([0x03, 0x40]); // loop: the call may be made again
  [...entry.parameters].forEach((type, i) => {
    out.byte(0x20).u32(i);
    if (typeCode(type) !== I64) return;
    out.byte(0xa7).byte(0x20).u32(i).raw([0x42, 32, 0x88, 0xa7]); // low word; high word
  });
  out.byte(0x10).u32(handler).byte(0x21).u32(answer);
  current(out).byte(0x22).u32(slot).raw([0x28, 2, 0, 0x04, 0x40]); // the verdict is not PROCEED:
  out.byte(0x20).u32(answer).byte(0x20).u32(slot).byte(0x10).u32(wait).byte(0x21).u32(answer);
  verdict(out, slot).raw([0x04, 0x40]); // neither BLOCK nor KILL: steps to take before the return
  wideResult(out, slot).byte(0x21).u32(wide);
  out.byte(0x20).u32(answer).byte(0x20).u32(wide);
  word(out, slot, RESTART_OFFSET).byte(0x20).u32(slot);
  out
    .byte(0x10)
    .u32(wait + 1)
    .raw([0x0d, 2]); // again
  if (entry.result === "i") out.byte(0x20).u32(answer);
  if (entry.result === "I") out.byte(0x20).u32(wide);
  out.raw([0x0f, 0x0b, 0x0b, 0x0b]);
  if (entry.result === "i") out.byte(0x20).u32(answer);
  if (entry.result === "I") wideResult(out, slot);
  return out.byte(0x0b);
}

/** Push a 64-bit result: i64.load. */
function wideResult(out: Encoder, slot: number): Encoder {
  return out.byte(0x20).u32(slot).raw([0x29, 3]).u32(RESULT_OFFSET);
}
