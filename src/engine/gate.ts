/**
 * Layer: engine. Writes the gate: a small wasm module between guests of one image and the handlers, one function for each
 * import. Which stack is calling, the control memory says: one runs at a time, and a gate that resumes one says so. It
 * splits i64 into words, hands them and the thread to the synchronous handler, and returns an ordinary answer. About any other, and
 * where the control memory says so, it asks JavaScript, and obeys the verdict: return, suspend the stack, end it, or call
 * functions of the guest's (handlers of signals, the steps of a fork) before it returns. Those are
 * called from here and not from JavaScript, because a stack with JavaScript frames cannot suspend. A guest catches JavaScript
 * exceptions but no trap, so a killed call ends in `unreachable`; of a guest that catches its own tags alone, in an exception
 * of ours, after which the stack serves again. State is kept in locals only, so a handler may leave by an exception and
 * nothing is left behind. It must not know what a call means.
 */
import { BLOCKED, UNWIND } from "../kernel/contracts.ts";
import {
  ANSWERED_OFFSET,
  ARGUMENTS_OFFSET,
  BARRED,
  BLOCK,
  CALLS_OFFSET,
  COUNTDOWN_OFFSET,
  CURRENT_OFFSET,
  INSIDE_OFFSET,
  KILL,
  MOST_WORDS,
  NOTICE_OFFSET,
  RESTART_OFFSET,
  RESULT_OFFSET,
  SLOT_SHIFT,
  SLOTS,
  STEP_OFFSET,
  STEP_WORDS,
} from "./control.ts";
import { Encoder } from "./rewriter/encoder.ts";
import type { ImportedFunction } from "./rewriter/report.ts";
import { typeCode } from "./rewriter/value-types.ts";
import { type WasmModule, wasm } from "./webassembly.ts";

/** One import of a guest and what stands behind it. */
export interface GateEntry extends ImportedFunction {
  /** Never answered: the handler is told which import it was, then the gate traps. */
  readonly traps: boolean;
  /** Answered by the engine: no thread is handed over, and nothing but the verdict is looked at. */
  readonly own?: boolean;
}

/** The gate's own imports and exports. Handlers are "0", "1", …; exports carry the same names. */
export const GATE_MODULE = "gate";
export const HANDLERS = "handlers";
/** The name of the tag that ends a killed thread's frames, of a gate that throws. */
export const ENDED = "ended";

const I32 = 0x7f;
const I64 = 0x7e;
const F64 = 0x7c;
const EXTERNREF = 0x6f;
/** Function indexes: those for all calls, then the handlers. */
const [TRAPPED, SUSPEND, NEXT, DONE, REFUSE, ASK, FAULT, FIRST_HANDLER] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** Tables: the function to call next, the threads. Tags: JavaScript's, and the one that ends a thread. */
const THREADS = 1;
const [JS_TAG, ENDED_TAG] = [0, 1] as const;
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
  const types = entries
    .map(({ parameters, result, traps, own }) => `${parameters}>${result}${traps ? "!" : ""}${own === true ? "." : ""}`)
    .join(",");
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

  const imports = new Encoder().u32(FIRST_HANDLER + 4 + handlers.length + (throws ? 1 : 0));
  const own = (name: string, parameters: string, result: string): void => {
    imports.name(GATE_MODULE).name(name).byte(0).u32(types.index(parameters, result));
  };
  own("trapped", "i", "");
  own("suspend", "", "i");
  own("next", "", "i");
  own("done", DONE_PARAMETERS, "i");
  own("refuse", "i", "i");
  own("ask", "iF", "i");
  own("fault", "e", "i");
  const handlerIndex = new Map<number, number>();
  handlers.forEach(({ entry, i }, position) => {
    handlerIndex.set(i, FIRST_HANDLER + position);
    const words = entry.parameters.replaceAll("I", "ii");
    const type = entry.own === true ? types.index(words, "i") : types.index(`e${words}`, "F");
    imports.name(HANDLERS).name(`${i}`).byte(0).u32(type);
  });
  imports.name(GATE_MODULE).name("control").byte(2).byte(0).u32(1);
  imports.name(GATE_MODULE).name("table").byte(1).byte(0x70).byte(0).u32(1);
  imports.name(GATE_MODULE).name("threads").byte(1).byte(EXTERNREF).byte(0).u32(SLOTS);
  imports.name(GATE_MODULE).name("exception").byte(4).byte(0).u32(types.index("e", ""));
  if (throws) imports.name(GATE_MODULE).name(ENDED).byte(4).byte(0).u32(types.index("", ""));

  const functions = new Encoder().u32(entries.length + OWN_FUNCTIONS);
  functions.u32(types.index("ii", "i")).u32(types.index("iIii", "i"));
  const exports = new Encoder().u32(entries.length);
  const bodies = new Encoder().u32(entries.length + OWN_FUNCTIONS);
  const shapes = stepShapes(types);
  writeBody(bodies, waitBody(throws));
  writeBody(bodies, stepsBody(shapes, throws));
  entries.forEach((entry, i) => {
    functions.u32(types.index(entry.parameters, entry.result));
    exports
      .name(`${i}`)
      .byte(0)
      .u32(wait + OWN_FUNCTIONS + i);
    const handler = handlerIndex.get(i);
    writeBody(bodies, handler === undefined ? trapBody(i) : callBody(entry, i, handler, wait));
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
  runsAgain(out, slot);
  out.raw([0x0c, 1, 0x0b]); // again
  return out.raw([0x0b, 0x20, 0, 0x0b]);
}

/** A stack that was suspended runs: its slot is the current one, and it is no longer about to. */
export function runsAgain(out: Encoder, slot: number): void {
  out.raw([0x41, 0]).byte(0x20).u32(slot).raw([0x36, 2]).u32(CURRENT_OFFSET);
  out.byte(0x20).u32(slot).raw([0x41, 0, 0x36, 2]).u32(ANSWERED_OFFSET);
}

/** `throw` of the one tag, or `unreachable`. */
function endIfKilled(out: Encoder, slot: number, throws: boolean): void {
  verdict(out, slot)
    .byte(0x41)
    .s32(KILL)
    .raw([0x46, 0x04, 0x40, ...(throws ? [0x08, ENDED_TAG] : [0x00]), 0x0b]);
}

/** The types of what `callStep` calls, by how many arguments it takes: with no result, and with one that nobody looks at. */
export type StepShape = { readonly plain: number; readonly answering: number };

export function stepShapes(types: Types): StepShape[] {
  return ["", "i", "ii", "iii"].map((parameters) => ({
    plain: types.index(parameters, ""),
    answering: types.index(parameters, "i"),
  }));
}

/**
 * Call the function in the table's one place with the first `local shape` of three arguments. C programs take functions that
 * answer a number for handlers of signals as well.
 */
export function callStep(
  out: Encoder,
  shapes: readonly StepShape[],
  shape: number,
  argument: (i: number) => void,
): void {
  shapes.forEach(({ plain, answering }, count) => {
    const last = count === shapes.length - 1;
    if (!last) out.byte(0x20).u32(shape).byte(0x41).s32(count).raw([0x46, 0x04, 0x40]);
    const call = (type: number): Encoder => {
      for (let i = 0; i < count; i++) argument(i);
      return out.raw([0x41, 0, 0x11]).u32(type).u32(0);
    };
    out.raw([0x41, 0, 0x25, 0, 0xfb, 0x14]).s32(answering).raw([0x04, 0x40]); // table.get; ref.test
    call(answering).raw([0x1a, 0x05]); // drop; else
    call(plain).byte(0x0b);
    if (!last) out.byte(0x05);
  });
  for (let i = 1; i < shapes.length; i++) out.byte(0x0b);
}

/**
 * (i32 answer, i64 result, i32 restart, i32 slot) -> i32: call one function of the guest's after another until there is
 * none. Whether the call is to be made again; no when `done` says that the stack is coming down.
 */
function stepsBody(shapes: readonly StepShape[], throws: boolean): Encoder {
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

/** Where a call keeps its locals, behind its parameters. */
interface Locals {
  readonly answer: number;
  readonly slot: number;
  /** A 64-bit result. */
  readonly wide: number;
  /** What the handler answered. */
  readonly value: number;
}

function callBody(entry: GateEntry, index: number, handler: number, wait: number): Encoder {
  const answer = entry.parameters.length;
  const locals: Locals = { answer, slot: answer + 1, wide: answer + 2, value: answer + 3 };
  const { slot, wide } = locals;
  const out = new Encoder().raw([3, 2, I32, 1, I64, 1, F64]);
  out.raw([0x03, 0x40]); // loop: the call may be made again
  current(out).byte(0x21).u32(slot);
  if (entry.own === true) {
    for (const push of wordsOf(entry.parameters)) push(out);
    out.byte(0x10).u32(handler).byte(0x21).u32(answer);
  } else {
    passOrAsk(out, entry, index, handler, locals);
  }
  verdict(out, slot).raw([0x04, 0x40]); // the verdict is not PROCEED:
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

/** What pushes each word of a call's parameters, an i64 as its low and its high one. */
function wordsOf(parameters: string): ((out: Encoder) => Encoder)[] {
  return [...parameters].flatMap((type, i) => {
    const get = (out: Encoder): Encoder => out.byte(0x20).u32(i);
    if (typeCode(type) !== I64) return [get];
    return [(out) => get(out).byte(0xa7), (out) => get(out).raw([0x42, 32, 0x88, 0xa7])];
  });
}

/**
 * Call the handler, unless calls are barred, and return an ordinary answer: an integer of 32 bits that is none of the
 * kernel's own, given while the countdown goes on, the verdict is PROCEED and no notice stands. For all else JavaScript is asked what it comes to,
 * and a handler's exception is told: `answer` is set, and the verdict says the rest.
 */
function passOrAsk(out: Encoder, entry: GateEntry, index: number, handler: number, locals: Locals): void {
  const { answer, slot, value } = locals;
  const words = wordsOf(entry.parameters);
  if (words.length > MOST_WORDS) throw new RangeError(`a call of ${words.length} words`);
  out.raw([0x02, 0x40]); // block: what the call comes to is known
  word(out, slot, NOTICE_OFFSET).byte(0x41).s32(BARRED).raw([0x71, 0x04, 0x40]);
  out.byte(0x41).s32(index).byte(0x10).u32(REFUSE).byte(0x21).u32(answer).raw([0x0c, 1, 0x0b]);
  out.byte(0x20).u32(slot);
  word(out, slot, CALLS_OFFSET).raw([0x41, 1, 0x6a, 0x36, 2]).u32(CALLS_OFFSET);
  setInside(out, slot, 1);
  out.raw([0x02, EXTERNREF, 0x02, 0x40]); // block: a JavaScript exception; block: any other
  out.raw([0x1f, 0x40, 2, 0x00, JS_TAG, 1, 0x02, 0]); // try_table
  out.byte(0x20).u32(slot).byte(0x41).s32(SLOT_SHIFT).raw([0x76, 0x25, THREADS]);
  for (const push of words) push(out);
  out.byte(0x10).u32(handler).byte(0x21).u32(value).byte(0x0b);
  setInside(out, slot, 0);
  ordinary(out, locals).raw([0x04, 0x40]);
  if (entry.result !== "") out.byte(0x20).u32(answer);
  if (entry.result === "I") out.byte(0xac);
  out.raw([0x0f, 0x0b]);
  words.forEach((push, i) => {
    push(out.raw([0x41, 0]))
      .raw([0x36, 2])
      .u32(ARGUMENTS_OFFSET + i * 4);
  });
  out.byte(0x41).s32(index).byte(0x20).u32(value).byte(0x10).u32(ASK).byte(0x21).u32(answer);
  out.raw([0x0c, 2, 0x0b, 0xd0, EXTERNREF, 0x0b]);
  out.byte(0x10).u32(FAULT).byte(0x21).u32(answer).byte(0x0b);
}

function setInside(out: Encoder, slot: number, inside: 0 | 1): void {
  out.byte(0x20).u32(slot).raw([0x41, inside, 0x36, 2]).u32(INSIDE_OFFSET);
}

/** Count the call, set `answer` to `value` as an integer, and push whether it may be returned as it is. */
function ordinary(out: Encoder, { answer, slot, value }: Locals): Encoder {
  out.raw([0x41, 0, 0x41, 0, 0x28, 2]).u32(COUNTDOWN_OFFSET).raw([0x41, 1, 0x6b]).byte(0x22).u32(answer);
  out.raw([0x36, 2]).u32(COUNTDOWN_OFFSET);
  out.byte(0x20).u32(answer).raw([0x41, 0, 0x4a]); // calls are left
  out.byte(0x20).u32(slot).raw([0x29, 3, 0, 0x50, 0x71]); // i64.load: PROCEED and no notice
  out.byte(0x20).u32(value).raw([0xfc, 2]).byte(0x22).u32(answer).raw([0xb7]); // i32.trunc_sat_f64_s; f64.convert_i32_s
  out.byte(0x20).u32(value).raw([0x61, 0x71]);
  out.byte(0x20).u32(answer).byte(0x41).s32(UNWIND).byte(0x6b);
  return out
    .byte(0x41)
    .s32(BLOCKED - UNWIND)
    .raw([0x4b, 0x71]);
}

/** Push a 64-bit result: i64.load. */
function wideResult(out: Encoder, slot: number): Encoder {
  return out.byte(0x20).u32(slot).raw([0x29, 3]).u32(RESULT_OFFSET);
}
