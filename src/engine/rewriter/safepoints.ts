/**
 * Layer: engine, rewriter. Puts safepoints into function bodies: places where a program that makes no call still comes to
 * the engine from time to time. It must not know what the engine does there.
 *
 * A program has a tank of fuel, a global. Entering a function takes a unit out of it (entry-charges.ts says which functions);
 * LOOP_TURNS turns of loops take one, counted in a local, because a register is cheaper than memory; an operation on a range
 * takes a unit for each BULK_BYTES. Whoever finds the tank empty calls the engine through a table of one element, which
 * answers the next filling. Large bodies pay more, so that a unit never stands for much work.
 *
 * Everything is added at the ends of its index space (types, functions, a table, a global): no index of the guest's moves.
 */
import { type BodySites, isBulk, placeOf } from "./body-sites.ts";
import { Encoder } from "./encoder.ts";
import { type Charge, entryCharges, LOOP_TURNS } from "./entry-charges.ts";

/** A range of at least so many bytes costs a unit for each so many; it is a power of two. */
const BULK_SHIFT = 16;
/** What a new instance's tank holds. */
export const FIRST_FUEL = 1024;
/** Functions, types, tables and globals that safepoints add. */
export const ADDED_FUNCTIONS = 3;
export const ADDED_TYPES = 3;

const I32 = 0x7f;
const FUNCREF = 0x70;

/** Where in the guest's index spaces the additions begin. */
export interface Additions {
  readonly type: number;
  readonly function: number;
  readonly table: number;
  readonly global: number;
  /** Functions the guest imports. */
  readonly imported: number;
}

/** The added types: () -> i32, () -> (), i32 -> (). */
export function writeAddedTypes(out: Encoder): void {
  out.raw([0x60, 0, 1, I32]).raw([0x60, 0, 0]).raw([0x60, 1, I32, 0]);
}

/** The added functions: their types. */
export function writeAddedFunctions(out: Encoder, { type }: Additions): void {
  out
    .u32(type + 1)
    .u32(type + 1)
    .u32(type + 2);
}

export function writeAddedTable(out: Encoder): void {
  out.byte(FUNCREF).byte(1).u32(1).u32(1);
}

export function writeAddedGlobal(out: Encoder): void {
  out.byte(I32).byte(1).byte(0x41).s32(FIRST_FUEL).byte(0x0b);
}

/** The code section with safepoints. `bytes` is the guest's file. */
export function writeCode(bytes: Uint8Array, bodies: readonly BodySites[], added: Additions): Encoder {
  const charges = entryCharges(bodies, added.imported);
  const last = bodies.at(-1)?.end ?? 0;
  const out = new Encoder(last - (bodies[0]?.groupsAt ?? 0) + bodies.length * 64 + 1024);
  out.u32(bodies.length + ADDED_FUNCTIONS);
  const body = new Encoder(65_536);
  bodies.forEach((sites, i) => {
    body.length = 0;
    writeBody(body, bytes, sites, charges[i] ?? { atEntry: true, units: 1 }, added);
    out.u32(body.length).raw(body.bytes());
  });
  for (const write of [writeTurned, writeRefill, writeBulk]) {
    body.length = 0;
    write(body, added);
    out.u32(body.length).raw(body.bytes());
  }
  return out;
}

function writeBody(out: Encoder, bytes: Uint8Array, body: BodySites, charge: Charge, added: Additions): void {
  const { groups, groupsAt, codeAt, locals, end, sites, hasLoops, hasBulk } = body;
  const { atEntry, units } = charge;
  const more = (hasLoops ? 1 : 0) + (hasBulk || atEntry ? 1 : 0);
  const turns = locals;
  const free = Math.floor(LOOP_TURNS / units);
  const spare = locals + (hasLoops ? 1 : 0);
  out.u32(groups + (more > 0 ? 1 : 0)).raw(bytes.subarray(groupsAt, codeAt));
  if (more > 0) out.u32(more).byte(I32);
  if (atEntry) writeCharge(out, units, spare, added);
  if (hasLoops) out.byte(0x41).s32(free).byte(0x21).u32(turns);
  let copied = codeAt;
  for (const mark of sites) {
    const at = placeOf(mark);
    out.raw(bytes.subarray(copied, at));
    copied = at;
    if (isBulk(mark)) writeRange(out, spare, added);
    else writeTurn(out, turns, free, added);
  }
  out.raw(bytes.subarray(copied, end));
}

/** fuel -= units; if (fuel <= 0) refill(). There is always some fuel: for one unit the cheaper comparison with 0 does. */
function writeCharge(out: Encoder, units: number, spare: number, { global, function: first }: Additions): void {
  out.byte(0x23).u32(global).byte(0x41).s32(units).byte(0x6b).byte(0x22).u32(spare).byte(0x24).u32(global);
  out
    .byte(0x20)
    .u32(spare)
    .raw(units === 1 ? [0x45] : [0x41, 0, 0x4c])
    .raw([0x04, 0x40]);
  out
    .byte(0x10)
    .u32(first + 1)
    .byte(0x0b);
}

/** turns -= 1; if (turns == 0) { turns = free; turned(); }: a handler may leave by an exception there. Engines do this comparison with the subtraction itself. */
function writeTurn(out: Encoder, turns: number, free: number, { function: first }: Additions): void {
  out.byte(0x20).u32(turns).raw([0x41, 1, 0x6b, 0x22]).u32(turns).raw([0x45, 0x04, 0x40]);
  out.byte(0x41).s32(free).byte(0x21).u32(turns).byte(0x10).u32(first).byte(0x0b);
}

/** A length is on the stack and stays there: if (length >>> BULK_SHIFT) ranged(length >>> BULK_SHIFT). */
function writeRange(out: Encoder, range: number, { function: first }: Additions): void {
  out.byte(0x22).u32(range).byte(0x41).s32(BULK_SHIFT).raw([0x76, 0x04, 0x40]);
  out.byte(0x20).u32(range).byte(0x41).s32(BULK_SHIFT).byte(0x76);
  out
    .byte(0x10)
    .u32(first + 2)
    .byte(0x0b)
    .byte(0x20)
    .u32(range);
}

/** () -> (): a loop has had its turns. */
function writeTurned(out: Encoder, added: Additions): void {
  out.raw([1, 1, I32]);
  writeCharge(out, 1, 0, added);
  out.byte(0x0b);
}

/** () -> (): fuel = FIRST_FUEL; fuel = engine(). A handler may leave by an exception, and who is killed leaves it to others. */
function writeRefill(out: Encoder, { type, table, global }: Additions): void {
  out.byte(0).byte(0x41).s32(FIRST_FUEL).byte(0x24).u32(global);
  out.raw([0x41, 0]).byte(0x11).u32(type).u32(table).byte(0x24).u32(global).byte(0x0b);
}

/** (units) -> (): fuel -= units; if (fuel <= 0) refill(). A range has at most 2^16 units: nothing wraps. */
function writeBulk(out: Encoder, { global, function: first }: Additions): void {
  out.byte(0).byte(0x23).u32(global).raw([0x20, 0, 0x6b]).byte(0x24).u32(global);
  out.byte(0x23).u32(global).raw([0x41, 0, 0x4c, 0x04, 0x40]);
  out
    .byte(0x10)
    .u32(first + 1)
    .raw([0x0b, 0x0b]);
}
