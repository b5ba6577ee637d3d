/**
 * Layer: toolchain. Steps over one instruction after another and reports those that name functions. It must not know
 * what is done with them.
 */
import { ToolchainError } from "../errors.ts";
import type { Reader } from "./reader.ts";

export type Seen = {
  /** A direct call, by index. `catching`: it stands where an exception was caught and is not yet left behind. */
  call(index: number, catching: boolean): void;
  /** A call through a table, by type, and where the table's number stands. */
  indirect(type: number, tableAt: number): void;
  /** A function whose reference is taken. */
  reference(index: number): void;
  /** An instruction of a block's frame, or one that names a label, and where it stands. */
  control?(code: number, at: number): void;
  /** A tag that is thrown. */
  thrown?(tag: number): void;
  /** An instruction that changes what a table holds. */
  tableChanged?(): void;
};

export const BLOCK = 0x02;
export const LOOP = 0x03;
export const IF = 0x04;
export const TRY = 0x06;
export const CATCH = 0x07;
export const THROW = 0x08;
export const RETHROW = 0x09;
export const END = 0x0b;
export const BR = 0x0c;
export const BR_IF = 0x0d;
export const BR_TABLE = 0x0e;
export const DELEGATE = 0x18;
export const CATCH_ALL = 0x19;
export const DROP = 0x1a;
export const TRY_TABLE = 0x1f;
export const LOCAL_GET = 0x20;
export const LOCAL_SET = 0x21;
export const LOCAL_TEE = 0x22;

const CONTROL = new Set([
  BLOCK,
  LOOP,
  IF,
  TRY,
  CATCH,
  RETHROW,
  END,
  BR,
  BR_IF,
  BR_TABLE,
  DELEGATE,
  CATCH_ALL,
  TRY_TABLE,
]);

/** Instructions whose immediates are so many LEB128 numbers. */
const NUMBERS = new Map<number, number>();
for (const [count, codes] of [
  [0, [0x00, 0x01, 0x05, 0x0a, 0x0f, 0x19, 0x1a, 0x1b, 0xd1, 0xd3]],
  [1, [0x02, 0x03, 0x04, 0x06, 0x07, 0x09, 0x0c, 0x0d, 0x18, 0x3f, 0x40, 0x41, 0x42, 0xd0]],
  [1, [0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26]],
] as const) {
  for (const code of codes) NUMBERS.set(code, count);
}
for (let code = 0x45; code <= 0xc4; code += 1) NUMBERS.set(code, 0);

/** The same behind the prefix 0xfc: bulk memory, tables, saturating conversions. */
const BULK_NUMBERS = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];

const TABLE_SET = 0x26;
/** table.init, table.copy, table.grow, table.fill, behind the prefix 0xfc. */
const TABLE_CHANGES: ReadonlySet<number> = new Set([12, 14, 15, 17]);

/** Reads an expression up to the `end` that closes it. Throws ToolchainError for an instruction nobody here makes. */
export function walkExpression(reader: Reader, seen: Seen): void {
  // For each open block, whether it or one around it is behind its `catch`.
  const open = [false];
  while (open.length > 0) {
    const code = reader.byte();
    const numbers = NUMBERS.get(code);
    const catching = open.at(-1) === true;
    if (CONTROL.has(code)) seen.control?.(code, reader.at - 1);
    if (code === BLOCK || code === LOOP || code === IF || code === TRY) open.push(catching);
    else if (code === CATCH || code === CATCH_ALL) open[open.length - 1] = true;
    // delegate closes its try.
    else if (code === END || code === DELEGATE) open.pop();
    if (code === END) continue;
    if (code === TABLE_SET) seen.tableChanged?.();
    if (numbers !== undefined) skipNumbers(reader, numbers);
    else if (code === TRY_TABLE) {
      open.push(catching);
      tryTable(reader);
    } else special(reader, code, seen, catching);
  }
}

function skipNumbers(reader: Reader, count: number): void {
  for (let left = count; left > 0; left -= 1) reader.skipNumber();
}

function special(reader: Reader, code: number, seen: Seen, catching: boolean): void {
  if (code === 0x10 || code === 0x12) seen.call(reader.number(), catching);
  else if (code === 0x11 || code === 0x13) {
    seen.indirect(reader.number(), reader.at);
    reader.skipNumber();
  } else if (code === THROW) {
    const tag = reader.number();
    seen.thrown?.(tag);
  } else if (code === 0xd2) seen.reference(reader.number());
  else if (code === BR_TABLE) skipNumbers(reader, reader.number() + 1);
  else if (code === 0x1c) skipNumbers(reader, reader.number());
  else if (code >= 0x28 && code <= 0x3e) memoryArgument(reader);
  else if (code === 0x43) reader.skip(4);
  else if (code === 0x44) reader.skip(8);
  else if (code === 0xfc) {
    const operation = reader.number();
    if (TABLE_CHANGES.has(operation)) seen.tableChanged?.();
    skipNumbers(reader, BULK_NUMBERS[operation] ?? unknown(code));
  } else if (code === 0xfd) vector(reader, reader.number());
  else if (code === 0xfe) {
    const atomic = reader.number();
    if (atomic === 3) reader.skip(1);
    else memoryArgument(reader);
  } else unknown(code);
}

function unknown(code: number): never {
  throw new ToolchainError(`the program holds an instruction that is not known here: 0x${code.toString(16)}`);
}

function memoryArgument(reader: Reader): void {
  const alignment = reader.number();
  if ((alignment & 0x40) !== 0) reader.skipNumber();
  reader.skipNumber();
}

function vector(reader: Reader, code: number): void {
  if (code <= 11 || code === 92 || code === 93) memoryArgument(reader);
  else if (code === 12 || code === 13) reader.skip(16);
  else if (code >= 21 && code <= 34) reader.skip(1);
  else if (code >= 84 && code <= 91) {
    memoryArgument(reader);
    reader.skip(1);
  }
}

function tryTable(reader: Reader): void {
  reader.skipNumber();
  for (let count = reader.number(); count > 0; count -= 1) {
    const kind = reader.byte();
    skipNumbers(reader, kind < 2 ? 2 : 1);
  }
}
