/**
 * Layer: toolchain. asyncify can return into anything but a `catch`. What can reach a call that returns twice is moved out of it: the
 * `catch` hands on what it caught and is left at once, what stood in it follows as ordinary code, and a `rethrow` there throws the
 * same again. It must not know what the calls are for.
 *
 *     try            block $out
 *       BODY           block $b (result i32)
 *     catch a            block $a (result i32)
 *       FIRST              try
 *     catch b                BODY
 *       SECOND             catch a
 *     end                    br $a
 *                          catch b
 *                            br $b
 *                          end
 *                          br $out
 *                        end
 *                        FIRST
 *                        br $out
 *                      end
 *                      SECOND
 *                    end
 */
import { ToolchainError } from "../errors.ts";
import { type Reach, skipLocals } from "./call-graph.ts";
import { bodiesOf, withBodies } from "./code-section.ts";
import { functionImports } from "./imports.ts";
import * as op from "./instructions.ts";
import { encodeNumber } from "./names.ts";
import { Reader } from "./reader.ts";
import { functionTypes, signaturesOf, tagTypes } from "./signatures.ts";

const I32 = 0x7f;
/** How the one byte of a block's type begins that is no index of a signature. */
const [NO_INDEX, FIRST_BITS] = [0x40, 0xc0];

type Clause = {
  readonly tag: number;
  /** Whether it finds what it caught on the stack; under catch_all it does not. */
  readonly finds: boolean;
};

type Try = {
  readonly blockType: number;
  readonly clauses: Clause[];
  /** Whether a call that matters stands in a clause. */
  calls: boolean;
  /** Whether what it catches can be kept in a local and thrown again. */
  plain: boolean;
};

/** A function as it was. */
type Scanned = {
  /** Instructions of frames and with labels, in order. */
  readonly controls: readonly { readonly code: number; readonly at: number }[];
  /** By where they stand. */
  readonly tries: ReadonlyMap<number, Try>;
};

/** The module with those catches short in which a call of `reach` stands; the same bytes where there are none. */
export function withShortCatches(bytes: Uint8Array, reach: Reach): Uint8Array {
  const tags = tagTypes(bytes);
  if (tags.length === 0) return bytes;
  const types = functionTypes(bytes);
  const signatures = signaturesOf(bytes);
  const imports = functionImports(bytes).length;
  let changed = false;
  const bodies = bodiesOf(bytes).map(({ start, end }, index) => {
    const body = bytes.subarray(start, end);
    if (!reach.functions.has(imports + index)) return body;
    const scanned = scan(body, reach, tags);
    if (![...scanned.tries.values()].some(moves)) return body;
    changed = true;
    return rewrite(body, scanned, signatures[types[imports + index] ?? -1]?.parameters.length ?? 0);
  });
  return changed ? withBodies(bytes, bodies) : bytes;
}

function moves({ calls, plain }: Try): boolean {
  return calls && plain;
}

/** A frame while its function is read. `reached`: a call that matters stood in it. */
type Open = { readonly found: Try | undefined; reached: boolean };

function scan(body: Uint8Array, reach: Reach, tags: readonly (readonly number[])[]): Scanned {
  const reader = new Reader(body);
  skipLocals(reader);
  const controls: { code: number; at: number }[] = [];
  const tries = new Map<number, Try>();
  let mixed = false;
  const open: Open[] = [{ found: undefined, reached: false }];
  const reaches = () => {
    const last = open.at(-1);
    if (last === undefined) return;
    last.reached = true;
    if (last.found !== undefined && last.found.clauses.length > 0) last.found.calls = true;
  };
  const control = (code: number, at: number) => {
    controls.push({ code, at });
    const found = open.at(-1)?.found;
    if (code === op.TRY) {
      const blockType = new Reader(body, at + 1).byte();
      const opened = { blockType, clauses: [], calls: false, plain: (blockType & FIRST_BITS) === NO_INDEX };
      tries.set(at, opened);
      open.push({ found: opened, reached: false });
    } else if (code === op.CATCH && found !== undefined) {
      const tag = new Reader(body, at + 1).number();
      found.clauses.push({ tag, finds: true });
      found.plain &&= tags[tag]?.length === 1 && tags[tag][0] === I32;
    } else if (code === op.CATCH_ALL && found !== undefined) {
      // It can be named where there is one tag.
      found.clauses.push({ tag: 0, finds: false });
      found.plain &&= tags.length === 1 && tags[0]?.length === 1 && tags[0][0] === I32;
    } else if (code === op.BLOCK || code === op.LOOP || code === op.IF || code === op.TRY_TABLE) {
      open.push({ found: undefined, reached: false });
    } else if ((code === op.END || code === op.DELEGATE) && open.pop()?.reached === true) reaches();
    mixed ||= code === op.TRY_TABLE;
  };
  op.walkExpression(reader, {
    call: (index) => reach.functions.has(index) && reaches(),
    indirect: (type) => reach.types.has(type) && reaches(),
    reference() {},
    control,
  });
  // The compiler never mixes the two encodings.
  return { controls, tries: mixed ? new Map() : tries };
}

/** A frame while its function is written. */
type Frame = {
  /** How many labels stand around its own. */
  label: number;
  /** Of a `try` that moves: itself, the clause it is in, the local with what that caught. */
  readonly moved: Try | undefined;
  clause: number;
  local: number;
};

/** A function's instructions while they are written: the frames they stand in, with labels as they are now. */
class Writer {
  readonly #parts: Uint8Array[] = [];
  readonly #frames: Frame[] = [];
  readonly #firstLocal: number;
  /** Labels around the place. */
  #depth = 0;
  /** Moved clauses around the place. */
  #clauses = 0;
  /** Locals for what is caught: as many as clauses stand around one another at most. */
  locals = 0;

  constructor(firstLocal: number) {
    this.#firstLocal = firstLocal;
    this.enter();
  }

  put(...code: readonly (number | Uint8Array)[]): void {
    for (const part of code) this.#parts.push(typeof part === "number" ? Uint8Array.of(part) : part);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  /** A frame that stays as it is. */
  enter(moved?: Try): void {
    this.#frames.push({ label: this.#depth, moved, clause: -1, local: -1 });
    this.#depth += 1;
  }

  leave(): void {
    if ((this.#frames.pop()?.local ?? -1) >= 0) this.#clauses -= 1;
    this.#depth -= 1;
  }

  /** A `try` that moves. */
  enterTry(moved: Try): void {
    this.put(op.BLOCK, moved.blockType);
    for (const _ of moved.clauses) this.put(op.BLOCK, I32);
    this.put(op.TRY, moved.blockType);
    this.#depth += moved.clauses.length + 1;
    this.enter(moved);
  }

  /** Whether the innermost frame is a `try` that moves. */
  get moving(): boolean {
    return this.#outwards(0).moved !== undefined;
  }

  /** The next clause of the `try` that moves. */
  nextClause(): void {
    const frame = this.#outwards(0);
    const clauses = frame.moved?.clauses ?? [];
    frame.clause += 1;
    if (frame.clause === 0) {
      for (const [index, { tag }] of clauses.entries()) {
        this.put(op.CATCH, encodeNumber(tag), op.BR, encodeNumber(index + 1));
      }
      this.put(op.END, op.BR, encodeNumber(clauses.length), op.END);
      frame.label -= clauses.length + 1;
      this.#depth -= 2;
      frame.local = this.#firstLocal + this.#clauses;
      this.#clauses += 1;
      this.locals = Math.max(this.locals, this.#clauses);
    } else {
      this.put(op.BR, encodeNumber(clauses.length - frame.clause), op.END);
      this.#depth -= 1;
    }
    this.put(clauses[frame.clause]?.finds ? op.LOCAL_TEE : op.LOCAL_SET, encodeNumber(frame.local));
  }

  rethrow(label: number): void {
    const { moved, clause, local } = this.#outwards(label);
    const tag = moved?.clauses[clause]?.tag;
    if (tag === undefined) this.put(op.RETHROW, this.label(label));
    else this.put(op.LOCAL_GET, encodeNumber(local), op.THROW, encodeNumber(tag));
  }

  /** A label of the function as it was, by its number now. */
  label(label: number): Uint8Array {
    return encodeNumber(this.#depth - 1 - this.#outwards(label).label);
  }

  #outwards(label: number): Frame {
    const frame = this.#frames[this.#frames.length - 1 - label];
    if (frame === undefined) throw new ToolchainError("the linker made a label without a block");
    return frame;
  }
}

function rewrite(body: Uint8Array, { controls, tries }: Scanned, parameters: number): Uint8Array {
  const locals = readLocals(body);
  const writer = new Writer(parameters + locals.count);
  let copied = locals.end;
  for (const { code, at } of controls) {
    const reader = new Reader(body, at + 1);
    const found = tries.get(at);
    const catches = code === op.CATCH || code === op.CATCH_ALL;
    if (code === op.BLOCK || code === op.LOOP || code === op.IF) writer.enter();
    else if (found !== undefined && !moves(found)) writer.enter();
    else if (code === op.END) writer.leave();
    else if (!catches || writer.moving) {
      writer.put(body.subarray(copied, at));
      if (found !== undefined) {
        reader.byte();
        writer.enterTry(found);
      } else if (catches) {
        if (code === op.CATCH) reader.number();
        writer.nextClause();
      } else if (code === op.RETHROW) writer.rethrow(reader.number());
      else writeBranch(writer, code, reader);
      copied = reader.at;
    }
  }
  writer.put(body.subarray(copied));
  const declared = [encodeNumber(locals.groups + 1), body.subarray(locals.start, locals.end)];
  return Buffer.concat([...declared, encodeNumber(writer.locals), Uint8Array.of(I32), writer.bytes()]);
}

/** br, br_if, br_table, and delegate, which closes its `try` and counts labels from outside. */
function writeBranch(writer: Writer, code: number, reader: Reader): void {
  if (code === op.DELEGATE) writer.leave();
  writer.put(code);
  const others = code === op.BR_TABLE ? reader.number() : 0;
  if (code === op.BR_TABLE) writer.put(encodeNumber(others));
  for (let left = others + 1; left > 0; left -= 1) writer.put(writer.label(reader.number()));
}

type Locals = { readonly groups: number; readonly start: number; readonly end: number; readonly count: number };

function readLocals(body: Uint8Array): Locals {
  const reader = new Reader(body);
  const groups = reader.number();
  const start = reader.at;
  let count = 0;
  for (let left = groups; left > 0; left -= 1) {
    count += reader.number();
    reader.byte();
  }
  return { groups, start, end: reader.at, count };
}
